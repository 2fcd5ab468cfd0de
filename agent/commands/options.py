"""What several commands share: options, and how an answer goes out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from agent.home import Home
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
