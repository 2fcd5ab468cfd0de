"""`counterfoil fees tickets`: faults, support, replacements, and that the device is used no more, as an audit needs them."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from pathlib import Path

import click

from agent.commands.options import as_json, home_of, passphrase_file, say_json, say_nature
from agent.fees.contract.terms import Ticket, TicketAbout
from agent.fees.facts import facts
from agent.fees.noting import noted
from agent.journal.keys import verifying_key
from agent.journal.reader import open_reader
from agent.language import _
from agent.opening import open_desk, passphrase_sources
from protocol.masking import mask_text

_DAY = click.DateTime(["%Y-%m-%d"])


@click.group()
def tickets() -> None:
    """What was reported to the provider: while a replacement is open D16 is silent; support fees need a reason (D21)."""


@tickets.command()
@click.argument("number")
@click.option("--about", type=click.Choice([str(one) for one in TicketAbout]), required=True)
@click.option("--on", "opened", type=_DAY, required=True, help="When it was opened, as YYYY-MM-DD.")
@click.option("--closed", type=_DAY, help="When it ended; without it the ticket is open.")
@click.option("--note", help="What for.")
@click.option("--operator", required=True, help="Who notes it.")
@passphrase_file
@as_json
@click.pass_context
def add(
    ctx: click.Context, *, number: str, about: str, opened: datetime, closed: datetime | None, note: str | None,
    operator: str, passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Note a ticket, by its number; noted again, with --closed, it has ended.

    \b
    Example:
      counterfoil fees tickets add T-1024 --about fault --on 2026-03-02 --operator 张
    """
    if not operator.strip() or not number.strip():
        raise click.BadParameter(_("it is empty"), param_hint="--operator" if number.strip() else "NUMBER")
    if closed is not None and closed < opened:
        raise click.BadParameter(_("it ended before it began"), param_hint="--closed")
    ticket = Ticket(
        ticket=number.strip(),
        about=TicketAbout(about),
        opened=opened.date(),
        closed=None if closed is None else closed.date(),
        operator=operator.strip(),
        note=None if note is None else mask_text(note),
    )
    with open_desk(home_of(ctx), record=True, sources=passphrase_sources(passphrase_file)) as desk:
        head = desk.note(noted([ticket]))
        simulated = desk.status().simulated
    if as_json:
        say_json({"simulated": simulated, "entry": head.size - 1, **_document(ticket)})
        return
    say_nature(simulated)
    click.echo(_("Noted in entry {seq}.").format(seq=head.size - 1))


@tickets.command("list")
@as_json
@click.pass_context
def list_(ctx: click.Context, *, as_json: bool) -> None:
    """Every ticket as it was noted last, oldest first."""
    home = home_of(ctx)
    last: dict[str, Ticket] = {}
    with closing(open_reader(home.journal, verifying_key(home.path))) as journal:
        for _entry, fact in facts(journal.all_of((Ticket.kind,))):
            if isinstance(fact, Ticket):
                last[fact.ticket] = fact
    simulated = home.settings().simulated
    found = sorted(last.values(), key=lambda one: (one.opened, one.ticket))
    if as_json:
        say_json({"simulated": simulated, "tickets": [_document(one) for one in found]})
        return
    say_nature(simulated)
    for one in found:
        ended = _("open") if one.closed is None else one.closed.isoformat()
        click.echo(f"{one.opened.isoformat()}  {ended}  {one.about.value}  {one.ticket}  {one.note or ''}".rstrip())


def _document(one: Ticket) -> dict[str, object]:
    return {
        "ticket": one.ticket,
        "about": one.about.value,
        "opened": one.opened.isoformat(),
        "closed": None if one.closed is None else one.closed.isoformat(),
        "operator": one.operator,
        "note": one.note,
    }
