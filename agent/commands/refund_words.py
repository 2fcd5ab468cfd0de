"""Refunds as commands tell them: JSON for programs, lines for people."""

from __future__ import annotations

import click

from agent.commands.options import iso
from agent.errors import RefundRefusal
from agent.fees.contract.written import NotWritten, minor_of
from agent.figures import amount, local_time, printable_yuan_sign
from agent.language import _
from agent.refunds.words import reason_words, state_words, why_words
from agent.report import padded
from agent.views import Money, Reason, RefundAsked, RefundQuote, RefundView
from agent.wording import kind_name

CNY = 156
SUCCEEDED = ("succeeded", "settled", "arrived")


def money_of(text: str) -> Money:
    """Of `--amount`, in yuan. Raises BadParameter."""
    try:
        return Money(minor_of(text), CNY)
    except NotWritten as why:
        raise click.BadParameter(str(why), param_hint="--amount") from None


def document(view: RefundView) -> dict[str, object]:
    """A refund as `--json` has it."""
    names = (
        "reference", "sale", "action", "state", "amount_minor", "currency", "operator", "second", "fee_back_minor",
        "refund_fee_minor", "reason", "response_code", "rrn", "trace", "late", "delay", "differs",
    )  # fmt: skip
    days = {
        name: None if (day := getattr(view, name)) is None else day.isoformat() for name in ("goods_returned", "due")
    }
    return {name: getattr(view, name) for name in names} | {"at": iso(view.at)} | days


def quote_document(quote: RefundQuote) -> dict[str, object]:
    told = {name: getattr(quote, name) for name in quote.__slots__ if name not in {"reasons", "arrives_days"}}
    return told | {"arrives_days": list(quote.arrives_days), "reasons": reasons_document(quote.reasons, quote)}


def refused_document(asked: RefundAsked, error: RefundRefusal) -> dict[str, object]:
    return {"reference": asked.reference, "state": "refused", "reasons": reasons_document(error.reasons, None)}


def reasons_document(codes: tuple[str, ...], quote: RefundQuote | None) -> list[dict[str, str]]:
    words = [reason_words(Reason(code), quote) for code in codes]
    return [{"code": code, "what": what, "todo": todo} for code, (what, todo) in zip(codes, words, strict=True)]


def say_quote(quote: RefundQuote) -> None:
    sign = printable_yuan_sign()

    def yuan(minor: int | None) -> str:
        return _("not known") if minor is None else amount(minor, quote.currency, sign)

    click.echo(
        _("{amount} of {sale}: {why}").format(
            amount=yuan(quote.amount_minor), sale=yuan(quote.sale_minor), why=why_words(quote.why)
        )
    )
    for code in quote.reasons:
        what, todo = reason_words(Reason(code), quote)
        click.echo(_("Not possible: {what} {todo}").format(what=what, todo=todo))
    if quote.reasons:
        return
    click.echo(_("Of the sale's fee comes back: {back}").format(back=yuan(quote.fee_back_minor)))
    if quote.refund_fee_minor is not None:
        click.echo(_("It costs: {fee}").format(fee=yuan(quote.refund_fee_minor)))
    low, high = quote.arrives_days
    click.echo(_("The customer usually has it after {low} to {high} working days.").format(low=low, high=high))
    if quote.same_day_funds:
        click.echo(_("The sale was settled at once: the money comes from today's takings."))


def say_view(view: RefundView, zone: str) -> None:
    click.echo(line_of(view, zone))
    if view.due is not None and view.state != "arrived":
        click.echo(_("The customer usually has it by {day}.").format(day=view.due.isoformat()))
    if view.late:
        click.echo(
            _("That day is over, and nobody noted that it arrived: ask the provider with RRN {rrn}.").format(
                rrn=view.rrn or "-"
            )
        )
    if view.goods_returned is not None:
        click.echo(_("Goods came back on {day}.").format(day=view.goods_returned.isoformat()))
    if view.state in {"sent", "unknown"}:
        click.echo(_("Leave the terminal connected: it is asked by itself, and nothing is done twice."), err=True)


def line_of(view: RefundView, zone: str) -> str:
    told = amount(view.amount_minor, view.currency, printable_yuan_sign()).rjust(12)
    who = view.operator if view.second is None else f"{view.operator}+{view.second}"
    words = (
        local_time(view.at, zone),
        view.reference,
        padded(kind_name(view.action), 8),
        told,
        state_words(view.state),
        who,
    )
    return "  ".join(words)
