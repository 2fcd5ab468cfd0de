"""`counterfoil refund` and `void`: money back, with its rules shown first."""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import click

from agent.commands.intent import park, resolve
from agent.commands.operator import Secrets, pin_fd
from agent.commands.options import as_json, home_of, passphrase_file, say_json, say_nature
from agent.commands.refund_batch import batch
from agent.commands.refund_owed import owe, owed
from agent.commands.refund_report import report
from agent.commands.refund_slip import slip
from agent.commands.refund_words import (
    SUCCEEDED,
    document,
    line_of,
    money_of,
    quote_document,
    refused_document,
    say_quote,
    say_view,
)
from agent.desk import Desk
from agent.errors import RefundRefusal
from agent.language import _
from agent.opening import await_session, open_desk, passphrase_sources
from agent.orders import new_reference
from agent.refunds.refund_kinds import Delay, NoteOf
from agent.refunds.words import refusal
from agent.views import Money, MoneyAction, NoteRefund, Reason, RefundAsked, RefundQuote

WAIT_MS = 120_000
OPEN = ("sent", "unknown", "parked", "conflict")


def _confirming(command: Any) -> Any:
    for option in (
        as_json,
        passphrase_file,
        pin_fd,
        click.option("--dry-run", is_flag=True, help="Only show what would be done, by which rules, at what cost."),
        click.option("--yes", is_flag=True, help="Do not ask again."),
        click.option("--reason", default="", help="Why; it can be erased, its fingerprint stays."),
        click.option("--second", help="Who confirms it too, where a manager or two people are needed."),
        click.option("--operator", help="Who confirms it; the PIN is asked for."),
        click.option(
            "--reference", help="32 hex digits of this request; the same again does nothing twice [default: new]."
        ),
    ):
        command = option(command)
    return command


@click.group()
def refund() -> None:
    """Money back: create, batch, list, show, report, slip, note, park, resolve,
    owe, owed.

    Every rule is checked before anything is sent, and shown with what the refund costs. The request is in the signed record
    before its first byte leaves; whatever breaks then, it is never done twice and never forgotten.
    """


@refund.command()
@click.argument("sale")
@click.option("--amount", "told", help="In yuan, as 368.00 [default: all that is left].")
@click.option("--goods-returned", type=click.DateTime(["%Y-%m-%d"]), help="The day on which the goods came back.")
@_confirming
@click.pass_context
def create(ctx: click.Context, /, *, sale: str, told: str | None, goods_returned: Any, **given: Any) -> None:
    """Give a sale back, or part of it: SALE is its reference, or a unique beginning.

    The whole sale of today's open batch is voided instead, which costs nothing and leaves no trace on the customer's
    statement. Exit 1 where the rules refuse it or it was declined.

    \b
    Example:
      counterfoil refund create 0192e5a0 --amount 388.00 --operator 01
    """
    back = None if goods_returned is None else goods_returned.date()
    _give_back(ctx, sale, None if told is None else money_of(told), None, goods_returned=back, **given)


@click.command()
@click.argument("sale")
@_confirming
@click.pass_context
def void(ctx: click.Context, /, *, sale: str, **given: Any) -> None:
    """Take a whole sale of today back, before its batch is closed; later: counterfoil refund create.

    \b
    Example:
      counterfoil void 0192e5a0 --operator 01
    """
    _give_back(ctx, sale, None, MoneyAction.VOID, goods_returned=None, **given)


def _give_back(
    ctx: click.Context,
    sale: str,
    money: Money | None,
    action: MoneyAction | None,
    *,
    goods_returned: date | None,
    reference: str | None,
    operator: str | None,
    second: str | None,
    reason: str,
    yes: bool,
    dry_run: bool,
    pin_fd: int | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    if operator is None and not dry_run:
        raise click.UsageError(_("Say who gives it back with --operator, or look only: --dry-run."))
    home, secrets = home_of(ctx), Secrets(pin_fd)
    with open_desk(home, work=not dry_run, patient=True, sources=passphrase_sources(passphrase_file)) as desk:
        status = desk.status()
        asked = RefundAsked(
            (reference or new_reference(status.now)).lower(), sale, money, action, goods_returned, reason
        )
        quote = None
        with suppress(RefundRefusal):  # told by `refund` itself, which records it
            quote = desk.refund_quote(asked)
        if not as_json:
            say_nature(status.simulated)
            if quote is not None and not _is_known(desk, asked.reference):
                say_quote(quote)
        if dry_run:
            _end_dry(ctx, desk, asked, quote, as_json=as_json)
            return
        assert operator is not None
        ask = quote is not None and not quote.reasons and not yes and pin_fd is None and sys.stdin.isatty()
        if ask and not click.confirm(_("Give it back?"), err=True):
            ctx.exit(1)
        given = tuple(secrets.of(name) for name in (operator, second) if name is not None)
        await_session(desk)
        try:
            view = desk.refund(asked, given, WAIT_MS)
        except RefundRefusal as error:
            if as_json:
                say_json({"simulated": status.simulated, **refused_document(asked, error)})
                ctx.exit(1)
            codes = [Reason(code) for code in error.reasons]
            raise refusal(codes, quote) from None  # in the reader's language, not in the agent's
    if as_json:
        say_json({"simulated": status.simulated, **document(view)})
    else:
        say_view(view, home.settings().time_zone)
    ctx.exit(0 if view.state in SUCCEEDED else 1)


def _end_dry(ctx: click.Context, desk: Desk, asked: RefundAsked, quote: RefundQuote | None, *, as_json: bool) -> None:
    quote = quote or desk.refund_quote(asked)
    if as_json:
        say_json({"simulated": desk.status().simulated, **quote_document(quote)})
    ctx.exit(1 if quote.reasons else 0)


def _is_known(desk: Desk, reference: str) -> bool:
    return any(one.reference == reference for one in desk.refunds())


@refund.command("list")
@click.option(
    "--open", "only_open", is_flag=True, help="Only those that nobody knows the outcome of, or that are late."
)
@as_json
@click.pass_context
def list_(ctx: click.Context, *, only_open: bool, as_json: bool) -> None:
    """Every refund and void that was confirmed here, oldest first."""
    with open_desk(home_of(ctx)) as desk:
        rows, simulated = desk.refunds(), desk.status().simulated
    rows = tuple(row for row in rows if not only_open or row.late or row.state in OPEN)
    if as_json:
        say_json({"simulated": simulated, "refunds": [document(row) for row in rows]})
        return
    say_nature(simulated)
    zone = home_of(ctx).settings().time_zone
    for row in rows:
        click.echo(line_of(row, zone))
    click.echo(_("{count} refunds and voids").format(count=len(rows)), err=True)


@refund.command()
@click.argument("reference")
@as_json
@click.pass_context
def show(ctx: click.Context, *, reference: str, as_json: bool) -> None:
    """One whole: by its reference, or a unique beginning of it."""
    with open_desk(home_of(ctx)) as desk:
        view, simulated = desk.refund_view(reference), desk.status().simulated
    if as_json:
        say_json({"simulated": simulated, **document(view)})
        return
    say_nature(simulated)
    say_view(view, home_of(ctx).settings().time_zone)


@refund.command()
@click.argument("reference")
@click.argument("what", type=click.Choice([str(one) for one in NoteOf]))
@click.option("--operator", required=True, help="Who notes it; the PIN is asked for.")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), help="The day of it [default: today].")
@click.option("--delay", type=click.Choice([str(one) for one in Delay]), help="Of delayed: why.")
@click.option("--note", default="", help="In your words; it can be erased, its fingerprint stays.")
@pin_fd
@passphrase_file
@as_json
@click.pass_context
def note(
    ctx: click.Context,
    *,
    reference: str,
    what: str,
    operator: str,
    on: Any,
    delay: str | None,
    note: str,
    pin_fd: int | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Record what became of a refund: arrived, returned, delayed, goods_returned, said.

    \b
    Examples:
      counterfoil refund note 0192e5a0 arrived --operator 01
      counterfoil refund note 0192e5a0 delayed --delay bank_processing --operator 01
    """
    if (what == NoteOf.DELAYED) != (delay is not None):
        raise click.UsageError(_("delayed, and nothing else, needs --delay."))
    day = None if on is None else on.date()
    given = Secrets(pin_fd).of(operator)
    with open_desk(home_of(ctx), record=True, sources=passphrase_sources(passphrase_file)) as desk:
        asked = NoteRefund(reference, NoteOf(what), day, None if delay is None else Delay(delay), note)
        view, simulated = desk.note_refund(asked, given), desk.status().simulated
    if as_json:
        say_json({"simulated": simulated, **document(view)})
        return
    say_nature(simulated)
    say_view(view, home_of(ctx).settings().time_zone)


refund.add_command(park)
refund.add_command(resolve)
refund.add_command(batch)
refund.add_command(slip)
refund.add_command(report)
refund.add_command(owe)
refund.add_command(owed)
