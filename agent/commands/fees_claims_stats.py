"""`counterfoil fees claims stats`: what claims come to, and how the provider answers."""

from __future__ import annotations

from datetime import date

import click

from agent.commands.fees_claims_io import day, look, today_of
from agent.commands.options import as_json, home_of, say_json, say_nature
from agent.errors import NotFound
from agent.fees.claims.claim_figures import Figures, Spans, figures
from agent.fees.claims.claim_words import cause_words, state_words
from agent.figures import amount, printable_yuan_sign
from agent.language import _


@click.command()
@click.option("--on", type=day, help="The day up to which ages are counted, as YYYY-MM-DD [default: today].")
@as_json
@click.pass_context
def stats(ctx: click.Context, *, on: date | None, as_json: bool) -> None:
    """How much was claimed and came back, how fast the provider answers and pays, how satisfied you are.

    Days are calendar days, ages those since the claim was put to the provider.
    """
    looked = look(home_of(ctx))
    told = figures(looked.claims.claims.values(), on or today_of(looked))
    if not told.sums and not as_json:
        raise NotFound(_("There are no claims."), _("Open one with: counterfoil fees claims open --all"))
    if as_json:
        say_json({"simulated": looked.simulated, "on": on or today_of(looked), **_figures_document(told)})
        return
    say_nature(looked.simulated)
    sign = printable_yuan_sign()
    for sums in told.sums:
        for label, minor in (
            (_("Claimed"), sums.claimed_minor),
            (_("Admitted"), sums.admitted_minor),
            (_("Credited"), sums.credited_minor),
            (_("Written off"), sums.written_off_minor),
            (_("Outstanding"), sums.outstanding_minor),
        ):
            click.echo(f"{label}: {amount(minor, sums.currency, sign)}")
    click.echo(", ".join(f"{state_words(state)} {count}" for state, count in told.states.items()))
    for cause, count in told.causes.items():
        click.echo(f"{cause_words(cause)}: {count}")
    click.echo(_("To the first answer: {spans}").format(spans=_spans_words(told.first_answer)))
    click.echo(_("To the money: {spans}").format(spans=_spans_words(told.money)))
    click.echo(_("Open claims have waited: {spans}").format(spans=_spans_words(told.waiting)))
    click.echo(_("Without an answer: {spans}").format(spans=_spans_words(told.unanswered)))
    if told.overdue:
        click.echo(_("Promised and overdue: {claims}").format(claims=", ".join(told.overdue)))
    if told.satisfaction_tenths is not None:
        rated = _("Satisfaction, 1 to 5: {average} on average of {count}")
        click.echo(rated.format(average=_tenths(told.satisfaction_tenths), count=sum(told.satisfaction.values())))


def _figures_document(told: Figures) -> dict[str, object]:
    import msgspec  # noqa: PLC0415

    document: dict[str, object] = msgspec.to_builtins(told, str_keys=True)
    return document


def _spans_words(spans: Spans) -> str:
    if spans.average_tenths is None:
        return "-"
    return _("{average} days on average, {longest} at most ({count} claims)").format(
        average=_tenths(spans.average_tenths), longest=spans.longest, count=spans.count
    )


def _tenths(value: int) -> str:
    return f"{value // 10}.{value % 10}"
