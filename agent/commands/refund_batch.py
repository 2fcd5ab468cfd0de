"""`counterfoil refund batch`: refunds from a file, each by itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from agent.commands.operator import Secrets, pin_fd
from agent.commands.options import as_json, home_of, passphrase_file, say_json, say_nature
from agent.commands.refund_words import SUCCEEDED, document, line_of, quote_document, refused_document
from agent.desk import Desk
from agent.errors import LinkError, RefundRefusal
from agent.figures import amount, printable_yuan_sign
from agent.language import _
from agent.opening import await_session, open_desk, passphrase_sources
from agent.refunds.batch_file import BatchLine, read_batch
from agent.refunds.words import reason_words
from agent.views import Credential, Reason, RefundQuote

WAIT_MS = 120_000


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--operator", help="Who confirms them; the PIN is asked for once.")
@click.option("--second", help="Who confirms them too, where a manager or two people are needed.")
@click.option("--yes", is_flag=True, help="Do not ask again.")
@click.option("--dry-run", is_flag=True, help="Only show what would be done, line by line.")
@pin_fd
@passphrase_file
@as_json
@click.pass_context
def batch(
    ctx: click.Context,
    *,
    file: Path,
    operator: str | None,
    second: str | None,
    yes: bool,
    dry_run: bool,
    pin_fd: int | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Refunds from a CSV or XLSX file: columns sale (a whole reference), amount, reason, reference.

    Every line is judged and sent by itself, under a reference of its own; the same file again does nothing twice. It stops
    where the terminal is not there or an outcome is not known. Exit 1 where a line was not given back.

    \b
    Example:
      counterfoil refund batch recall.csv --operator 01
    """
    if operator is None and not dry_run:
        raise click.UsageError(_("Say who gives it back with --operator, or look only: --dry-run."))
    home, secrets = home_of(ctx), Secrets(pin_fd)
    lines = read_batch(file.read_bytes(), file.name)
    with open_desk(home, work=not dry_run, patient=True, sources=passphrase_sources(passphrase_file)) as desk:
        simulated = desk.status().simulated
        if not as_json:
            say_nature(simulated)
        if dry_run or not (yes or as_json or pin_fd is not None):
            quotes = [(each, _quoted(desk, each)) for each in lines]
            if not as_json:
                _say_quotes(quotes)
        if dry_run:
            if as_json:
                told = [{"line": each.line, **_judged(each, quote)} for each, quote in quotes]
                say_json({"simulated": simulated, "lines": told})
            ctx.exit(1 if any(quote is None or quote.reasons for _each, quote in quotes) else 0)
        assert operator is not None
        if not yes and pin_fd is None and sys.stdin.isatty() and not click.confirm(_("Give it back?"), err=True):
            ctx.exit(1)
        given = tuple(secrets.of(name) for name in (operator, second) if name is not None)
        await_session(desk)
        done: list[dict[str, object]] = []
        for each, became in _give_back(desk, lines, given):
            done.append({"line": each.line, **became})
            if not as_json:
                _say_done(each, became, home.settings().time_zone, desk)
    if as_json:
        say_json({"simulated": simulated, "lines": done})
    ctx.exit(0 if all(one["state"] in SUCCEEDED for one in done) else 1)


def _give_back(
    desk: Desk, lines: tuple[BatchLine, ...], given: tuple[Credential, ...]
) -> Iterator[tuple[BatchLine, dict[str, object]]]:
    """Every line with what became of it; `not_sent` after one whose outcome is not known, or where the lane is shut."""
    shut: LinkError | None = None
    for each in lines:
        if shut is not None:
            yield each, {"reference": each.asked.reference, "state": "not_sent", "what": shut.what, "todo": shut.todo}
            continue
        try:
            yield each, document(view := desk.refund(each.asked, given, WAIT_MS))
            if view.state in {"sent", "unknown"}:
                shut = LinkError(
                    _("What became of the line before is not known yet."), _("Run the same file again once it is.")
                )
        except RefundRefusal as error:
            yield each, refused_document(each.asked, error)
        except LinkError as error:
            shut = error
            yield each, {"reference": each.asked.reference, "state": "not_sent", "what": error.what, "todo": error.todo}


def _quoted(desk: Desk, each: BatchLine) -> RefundQuote | None:
    try:
        return desk.refund_quote(each.asked)
    except RefundRefusal:
        return None


def _judged(each: BatchLine, quote: RefundQuote | None) -> dict[str, object]:
    if quote is not None:
        return quote_document(quote)
    return refused_document(each.asked, RefundRefusal("", "", (Reason.ORIGINAL_NOT_HERE.value,)))


def _say_quotes(quotes: list[tuple[BatchLine, RefundQuote | None]]) -> None:
    good = [quote for _each, quote in quotes if quote is not None and not quote.reasons]
    for each, quote in quotes:
        if quote is None or quote.reasons:
            code = Reason.ORIGINAL_NOT_HERE if quote is None else Reason(quote.reasons[0])
            what, todo = reason_words(code, quote)
            click.echo(_("Line {line}: {what} {todo}").format(line=each.line, what=what, todo=todo))
    total = amount(sum(quote.amount_minor for quote in good), good[0].currency if good else 156, printable_yuan_sign())
    click.echo(
        _("{good} of {all} lines can be given back: {total}").format(good=len(good), all=len(quotes), total=total)
    )


def _say_done(each: BatchLine, told: dict[str, object], zone: str, desk: Desk) -> None:
    match told["state"]:
        case "refused":
            reasons = told["reasons"]
            assert isinstance(reasons, list)
            what, todo = reasons[0]["what"], reasons[0]["todo"]
        case "not_sent":
            what, todo = told["what"], told["todo"]
        case _:
            view = desk.refund_view(each.asked.reference)
            click.echo(
                _("Line {line}: {what} {todo}").format(line=each.line, what=line_of(view, zone), todo="").rstrip()
            )
            return
    click.echo(_("Line {line}: {what} {todo}").format(line=each.line, what=what, todo=todo))
