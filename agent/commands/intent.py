"""`counterfoil intent`: money requests as the journal holds them, and a person's word on those of unknown outcome."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from agent.commands.operator import Secrets, pin_fd
from agent.commands.options import as_json, home_of, iso, passphrase_file, say_entries, say_json, say_nature
from agent.desk import Desk
from agent.figures import amount, local_time, printable_yuan_sign
from agent.language import _
from agent.notices import result_words
from agent.opening import open_desk, passphrase_sources
from agent.report import padded
from agent.views import Credential, IntentView, MoneyState
from agent.wording import kind_name

F = TypeVar("F", bound=Callable[..., Any])
OPEN = ("unknown", "parked")


def _decided(command: F) -> F:
    """Who decides, and why."""
    for option in (
        as_json,
        passphrase_file,
        pin_fd,
        click.option("--reason", required=True, help="Why; it can be erased, its fingerprint stays."),
        click.option("--operator", required=True, help="The manager who decides; the PIN is asked for."),
    ):
        command = option(command)
    return command


def _who(desk: Desk, operator: str, pin_fd: int | None) -> Credential:
    """With the PIN, where anybody is registered."""
    return Secrets(pin_fd).of(operator) if any(one.works for one in desk.people()) else Credential(operator, "")


@click.group()
def intent() -> None:
    """Money requests of unknown outcome: list, show, park, resolve."""


@intent.command("list")
@click.option("--open", "only_open", is_flag=True, help="Only those whose outcome is not known.")
@as_json
@click.pass_context
def list_(ctx: click.Context, *, only_open: bool, as_json: bool) -> None:
    """Every money request that the journal holds, oldest first.

    \b
    Example:
      counterfoil intent list --open
    """
    with open_desk(home_of(ctx)) as desk:
        rows = [row for row in desk.intents() if not only_open or row.state in OPEN]
        simulated = desk.status().simulated
    if as_json:
        say_json({"simulated": simulated, "intents": [_document(row) for row in rows]})
        return
    say_nature(simulated)
    zone = home_of(ctx).settings().time_zone
    for row in rows:
        click.echo(_line(row, zone))
    still_open = sum(row.state in OPEN for row in rows)
    click.echo(
        _("{count} money requests, {open} of unknown outcome").format(count=len(rows), open=still_open), err=True
    )
    if still_open:
        click.echo(_("Say how one ended with: counterfoil intent resolve"), err=True)


@intent.command()
@click.argument("reference")
@as_json
@click.pass_context
def show(ctx: click.Context, *, reference: str, as_json: bool) -> None:
    """One money request whole: by its reference, or a unique beginning of it."""
    with open_desk(home_of(ctx)) as desk:
        detail = desk.intent(reference)
        simulated = desk.status().simulated
    if as_json:
        say_json({"simulated": simulated, **_document(detail.row), "entries": detail.entries})
        return
    say_nature(simulated)
    click.echo(_line(detail.row, home_of(ctx).settings().time_zone))
    say_entries(detail.entries)


@intent.command()
@click.argument("reference")
@_decided
@click.pass_context
def park(
    ctx: click.Context,
    *,
    reference: str,
    operator: str,
    reason: str,
    pin_fd: int | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Put a request aside whose outcome has been unknown for two minutes: the next can go out.

    Its amount stays reserved, and the terminal goes on being asked about it.
    """
    with open_desk(home_of(ctx), work=True, patient=True, sources=passphrase_sources(passphrase_file)) as desk:
        row = desk.intent(reference).row
        desk.park(row.reference, _who(desk, operator, pin_fd), reason)
        simulated = desk.status().simulated
    if as_json:
        say_json({"simulated": simulated, "reference": row.reference, "state": "parked"})
    else:
        say_nature(simulated)
        click.echo(_("Put aside: {reference}").format(reference=row.reference))


@intent.command()
@click.argument("reference")
@click.option(
    "--as", "state", type=click.Choice([str(state) for state in MoneyState]), required=True, help="How it ended."
)
@_decided
@click.pass_context
def resolve(
    ctx: click.Context,
    *,
    reference: str,
    state: str,
    operator: str,
    reason: str,
    pin_fd: int | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Say how a request of unknown outcome ended, as the terminal's slips or the provider show it.

    \b
    Example:
      counterfoil intent resolve 0192e5a0 --as approved --operator Wang --reason "slip 000123"
    """
    with open_desk(home_of(ctx), work=True, patient=True, sources=passphrase_sources(passphrase_file)) as desk:
        row = desk.intent(reference).row
        view = desk.resolve(row.reference, MoneyState(state), _who(desk, operator, pin_fd), reason)
        simulated = desk.status().simulated
    if as_json:
        say_json({"simulated": simulated, "reference": view.reference, "state": view.state})
    else:
        say_nature(simulated)
        click.echo(_("{reference}: {state}").format(reference=view.reference, state=result_words(view.state)))


@intent.command("accept-log")
@_decided
@click.pass_context
def accept_log(
    ctx: click.Context,
    *,
    operator: str,
    reason: str,
    pin_fd: int | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Let money requests go out again after the terminal's log was put back or contradicted itself."""
    with open_desk(home_of(ctx), work=True, patient=True, sources=passphrase_sources(passphrase_file)) as desk:
        desk.accept_rollback(_who(desk, operator, pin_fd), reason)
        simulated = desk.status().simulated
    if as_json:
        say_json({"simulated": simulated, "accepted": True})
    else:
        say_nature(simulated)
        click.echo(_("Money requests may go out again."))


def _document(row: IntentView) -> dict[str, object]:
    return {
        "reference": row.reference,
        "at": iso(row.at),
        "action": row.action,
        "state": row.state,
        "amount_minor": row.amount_minor,
        "currency": row.currency,
        "original_reference": row.original_reference,
        "operator": row.operator,
        "seq": row.seq,
    }


def _line(row: IntentView, zone: str) -> str:
    asked = "-"
    if row.amount_minor is not None and row.currency is not None:
        asked = amount(row.amount_minor, row.currency, printable_yuan_sign())
    return "  ".join(
        (local_time(row.at, zone), row.reference, padded(kind_name(row.action), 8), asked.rjust(12), _state(row.state))
    )


def _state(state: str) -> str:
    return {"unknown": _("not known"), "parked": _("put aside")}.get(state, result_words(state))
