"""What several commands share: options, and how an answer goes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from agent.home import Home
from agent.journal.checkpoint import NoteError, VerifyingKey
from agent.language import _
from agent.settings import Invocation

F = TypeVar("F", bound=Callable[..., Any])

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
passphrase_file = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file with the passphrase of the signing key on its first line.",
)


def home_of(ctx: click.Context) -> Home:
    """The home that the command line names."""
    invocation: Invocation = ctx.obj
    return Home(invocation.home)


def say_nature(simulated: bool) -> None:
    """What leaves a simulated home says so: a line on stderr beside every answer in words."""
    if simulated:
        click.echo(_("DEMO: simulated, not a record of real money"), err=True)


def say_json(document: object) -> None:
    """One JSON document on stdout: amounts are integers of minor units, times as they are named."""
    import msgspec  # noqa: PLC0415

    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def iso(at: int) -> str:
    """ISO 8601 UTC of ms since 1970, with milliseconds."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def say_entries(entries: Iterable[Mapping[str, object]]) -> None:
    """Journal entries as a desk's detail has them (`seq`, `kind`, `body`, `private`): a line each, one for each field."""
    for entry in entries:
        click.echo(_("Entry {seq}: {kind}").format(seq=entry["seq"], kind=entry["kind"]))
        held = {**_object(entry["body"]), **_object(entry["private"])}
        for name in sorted(held):
            if not name.endswith("_sha256") and name != "event":
                click.echo(f"  {name}: {held[name]}")


def _object(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, dict) else {}


def vkey_told(vkey: str | None) -> VerifyingKey | None:
    """The verifying key that an option names; None where it is left out. Raises click.BadParameter."""
    if vkey is None:
        return None
    try:
        return VerifyingKey.parse(vkey.strip())
    except NoteError:
        raise click.BadParameter(_("not a verifying key"), param_hint="--vkey") from None
