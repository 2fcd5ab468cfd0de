"""`counterfoil refund report`: a day's refunds, by whom, and what is open."""

from __future__ import annotations

from collections import Counter
from typing import Any

import click

from agent.commands.options import as_json, home_of, iso, say_json, say_nature
from agent.commands.refund_owed import owed_document, owed_line
from agent.commands.refund_words import SUCCEEDED, document, line_of
from agent.figures import amount, printable_yuan_sign
from agent.language import _
from agent.opening import open_desk
from agent.refunds.words import code_words
from agent.views import RefundDay


@click.command()
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="The local date [default: today].")
@as_json
@click.pass_context
def report(ctx: click.Context, *, day: Any, as_json: bool) -> None:
    """A day's refunds and voids: each of them, by operator, what was refused and why, and what is open now."""
    home = home_of(ctx)
    with open_desk(home) as desk:
        told, simulated = desk.refund_day(None if day is None else day.date()), desk.status().simulated
    if as_json:
        say_json({"simulated": simulated, **_document(told)})
        return
    say_nature(simulated)
    _say(told, home.settings().time_zone)


def by_operator(told: RefundDay) -> dict[tuple[str, int], tuple[int, int]]:
    """(operator, currency) -> how many of his succeeded that day, and their minor units."""
    sums: dict[tuple[str, int], tuple[int, int]] = {}
    for view in told.refunds:
        if view.state in SUCCEEDED:
            count, minor = sums.get((view.operator, view.currency), (0, 0))
            sums[view.operator, view.currency] = count + 1, minor + view.amount_minor
    return sums


def _document(told: RefundDay) -> dict[str, object]:
    sums = by_operator(told).items()
    refused = [{name: getattr(one, name) for name in one.__slots__} | {"at": iso(one.at)} for one in told.refused]
    return {
        "date": told.day.isoformat(),
        "refunds": [document(view) for view in told.refunds],
        "by_operator": [
            {"operator": who, "currency": currency, "count": count, "amount_minor": minor}
            for (who, currency), (count, minor) in sums
        ],
        "refused": refused,
        "open": [document(view) for view in told.open],
        "owed": [owed_document(one) for one in told.owed],
    }


def _say(told: RefundDay, zone: str) -> None:
    sign = printable_yuan_sign()
    click.echo(_("Refunds and voids of {day}").format(day=told.day.isoformat()))
    for view in told.refunds:
        click.echo("  " + line_of(view, zone))
    for (who, currency), (count, minor) in by_operator(told).items():
        words = _("Operator {operator}: {count}, together {amount}")
        click.echo(words.format(operator=who, count=count, amount=amount(minor, currency, sign)))
    for code, times in Counter(one.reasons[0] for one in told.refused if one.reasons).most_common():
        click.echo(_("Refused, {times} times: {why}").format(times=times, why=code_words(code)))
    for title, lines in (
        (_("Open now:"), [line_of(view, zone) for view in told.open]),
        (_("Customers are owed:"), [owed_line(one, zone) for one in told.owed]),
    ):
        if lines:
            click.echo("\n  ".join((title, *lines)))
