"""What `counterfoil statement show` says: both sides, in words and as JSON."""

from __future__ import annotations

import click

from agent.fees.contract.terms import StatementLine
from agent.fees.statements.statement_file import DECLINED
from agent.fees.statements.statement_match import Matched, Stated
from agent.fees.statements.statement_record import Row, Sides
from agent.figures import amount, printable_yuan_sign
from agent.language import _
from agent.report import padded
from agent.wording import kind_name, outcome_name

SHOWN = 20
"""Lines of one sort, in words; JSON has all."""


def line_document(line: StatementLine) -> dict[str, object]:
    """A line as JSON shows it."""
    return {
        "line": line.line,
        "kind": line.kind,
        "on": line.on.isoformat(),
        "time": line.time,
        "amount_minor": line.amount_minor,
        "fee_minor": line.fee_minor,
        "net_minor": line.net_minor,
        "rrn": line.rrn,
        "trace": line.trace,
        "batch": line.batch,
        "product": line.product,
        "reference": line.reference,
    }


def side_document(side: Matched[Row], found: Sides, *, only_rest: bool) -> dict[str, object]:
    """Files or settlements against the record; only_rest: without the pairs that fit."""
    document: dict[str, object] = {
        "matched": len(side.pairs),
        "differing": [
            {
                "reference": pair.trade.reference,
                "day": pair.trade.day.isoformat(),
                "amount_minor": pair.trade.amount_minor,
                "fee_minor": fees.all_minor if (fees := found.fees.get(pair.trade.seq)) is not None else None,
                "entry": pair.trade.seq,
                "currency": pair.trade.currency,
                "amount_differs": pair.amount_differs,
                "fee_differs": pair.fee_differs,
                "stated": {**line_document(pair.stated.line), "entry": pair.stated.seq},
            }
            for pair in side.pairs
            if pair.differs
        ],
        "lines_without_transaction": [
            {**line_document(one.line), "entry": one.seq, "currency": one.currency} for one in side.lines
        ],
        "transactions_without_line": [_row_document(row) for row in side.trades],
        "replaced": len(side.replaced),
    }
    if not only_rest:
        document["pairs"] = [
            {
                "reference": pair.trade.reference,
                "entry": pair.trade.seq,
                "line": pair.stated.line.line,
                "line_entry": pair.stated.seq,
            }
            for pair in side.pairs
        ]
    return document


def _row_document(row: Row) -> dict[str, object]:
    return {
        "reference": row.reference,
        "day": row.day.isoformat(),
        "kind": row.kind,
        "amount_minor": row.amount_minor,
        "currency": row.currency,
        "trace": row.trace,
        "batch": row.batch,
        "rrn": row.rrn,
        "entry": row.seq,
    }


def say_side(heading: str, side: Matched[Row], found: Sides, *, only_rest: bool) -> None:
    """In words, at most twenty of a sort."""
    sign = printable_yuan_sign()
    click.echo(heading)
    differing = [pair for pair in side.pairs if pair.differs]
    if not only_rest:
        click.echo("  " + _("{count} lines fit").format(count=len(side.pairs) - len(differing)))
        if side.replaced:
            click.echo("  " + _("{count} lines stand otherwise in a later file").format(count=len(side.replaced)))
        _heading(_("Differ"), len(differing))
        for pair in differing[:SHOWN]:
            fees = found.fees.get(pair.trade.seq)
            currency = pair.trade.currency
            click.echo(
                "    "
                + _("{day} {reference}: record {amount}, fee {fee}; provider {stated}, fee {stated_fee}").format(
                    day=pair.trade.day,
                    reference=pair.trade.reference[:13],
                    amount=amount(pair.trade.amount_minor, currency, sign),
                    fee=fee_words(None if fees is None else fees.all_minor, currency, sign),
                    stated=amount(pair.stated.line.amount_minor, currency, sign),
                    stated_fee=fee_words(pair.stated.line.fee_minor, currency, sign),
                )
            )

    def row(on: object, kind: str, minor: int, currency: int, *numbers: str | None) -> None:
        what = outcome_name(kind) if kind == DECLINED else kind_name(kind)
        named = "  ".join(number for number in numbers if number)
        click.echo(f"    {on}  {padded(what, 10)}{amount(minor, currency, sign).rjust(14)}  {named}".rstrip())

    _heading(_("Lines without a transaction"), len(side.lines))
    for one in side.lines[:SHOWN]:
        line = one.line
        row(line.on, line.kind, line.amount_minor, one.currency, line.rrn, line.trace, _place(one))
    _heading(_("Transactions without a line"), len(side.trades))
    for trade in side.trades[:SHOWN]:
        row(trade.day, trade.kind, trade.amount_minor, trade.currency, trade.rrn, trade.trace, trade.reference[:13])


def _heading(words: str, count: int) -> None:
    click.echo(f"  {words}: {count}")
    if count > SHOWN:
        click.echo("    " + _("the first {count}; --json has all").format(count=SHOWN))


def _place(one: Stated) -> str:
    return _("line {line}, entry {seq}").format(line=one.line.line, seq=one.seq)


def fee_words(minor: int | None, currency: int, sign: str) -> str:
    """An amount, or that none was told."""
    return _("not told") if minor is None else amount(minor, currency, sign)
