"""What the commands on claims share: how a home's claims are read, noted, and told."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from agent.fees.claim_kinds import ClaimNoted
from agent.fees.claims.claim import Claim, Happened
from agent.fees.claims.claim_figures import age, days_to_answer, days_to_money, is_overdue
from agent.fees.claims.claim_words import cause_words, channel_words, event_words, outcome_words, state_words
from agent.fees.claims.claims import Claims, claims_of
from agent.fees.claims.letter import rule_name, spans
from agent.fees.noting import noted
from agent.figures import CNY, amount, printable_yuan_sign
from agent.home import Home
from agent.journal.keys import verifying_key
from agent.journal.reader import Head, open_reader
from agent.language import _, language
from agent.opening import open_desk, passphrase_sources
from agent.report import padded

_YUAN = re.compile(r"(\d{1,13})(?:\.(\d{1,2}))?", re.ASCII)
_WHOLE = re.compile(r"\d{1,15}", re.ASCII)


class _Day(click.ParamType[date]):
    name = "date"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            if re.fullmatch(r"\d{4}-\d{2}-\d{2}", str(value), re.ASCII):
                return date.fromisoformat(str(value))
        except ValueError:
            pass
        self.fail(_("not a date as YYYY-MM-DD: {value}").format(value=value), param, ctx)


day = _Day()
operator = click.option("--operator", required=True, help="Who notes it.")


@dataclass(frozen=True, slots=True)
class Looked:
    """A home's claims at one moment. now: ms UTC by the home's clock."""

    claims: Claims
    head: Head
    simulated: bool
    now: int
    zone: str


def look(home: Home) -> Looked:
    """Read the claims of a home, beside whoever owns it. Raises HomeError, JournalError."""
    with open_desk(home) as desk:
        now = desk.status().now
    return _look(home, now)


def note_event(home: Home, facts: Sequence[ClaimNoted], passphrase: Path | None) -> Looked:
    """Have events recorded, all or none, and read the claims again. Raises ClaimError, and what `open_desk` raises."""
    with open_desk(home, record=True, sources=passphrase_sources(passphrase)) as desk:
        desk.note(noted(facts))
        now = desk.status().now
    return _look(home, now)


def _look(home: Home, now: int) -> Looked:
    settings = home.settings()
    with closing(open_reader(home.journal, verifying_key(home.path))) as journal:
        head = journal.head
        return Looked(claims_of(journal), head, settings.simulated, now, settings.time_zone)


def today_of(looked: Looked) -> date:
    return datetime.fromtimestamp(looked.now // 1000, ZoneInfo(looked.zone)).date()


def money_told(text: str, currency: int) -> int:
    """Minor units of what a person typed: yuan with at most two decimals; of another currency whole minor units.

    Raises click.BadParameter, also for zero and below.
    """
    found = (_YUAN if currency == CNY else _WHOLE).fullmatch(text.strip())
    minor = 0
    if found is not None:
        minor = int(found[1]) * 100 + int((found[2] or "").ljust(2, "0")) if currency == CNY else int(found[0])
    if minor <= 0:
        raise click.BadParameter(
            _("not an amount above zero as 12.00: {text}").format(text=text), param_hint="--amount"
        )
    return minor


def claim_document(looked: Looked, claim: Claim) -> dict[str, object]:
    """A claim as JSON shows it: amounts in minor units, dates ISO."""
    today = today_of(looked)
    return {
        "claim": claim.name,
        "state": claim.state,
        "open": claim.is_open,
        "currency": claim.currency,
        "claimed_minor": claim.claimed_minor,
        "admitted_minor": claim.admitted_minor,
        "credited_minor": claim.credited_minor,
        "written_off_minor": claim.written_off_minor,
        "outstanding_minor": claim.outstanding_minor,
        "outcome": claim.outcome,
        "cause": claim.cause,
        "ticket": claim.ticket,
        "due": claim.due,
        "overdue": is_overdue(claim, today),
        "age_days": age(claim, today) if claim.is_open else None,
        "answer_days": days_to_answer(claim),
        "money_days": days_to_money(claim),
        "satisfaction": claim.satisfaction,
        "findings": [
            {
                "finding": part.found.finding,
                "rule": part.found.rule,
                "claimed_minor": part.minor,
                "expected_minor": part.found.expected_minor,
                "charged_minor": part.found.charged_minor,
                "difference_minor": part.found.difference_minor,
                "first": part.found.first,
                "last": part.found.last,
                "version": part.found.version,
                "entries": part.found.entries,
                "now_minor": (now := looked.claims.findings[part.found.finding]).claims_minor,
                "superseded": now.superseded is not None,
                "seq": part.seq,
            }
            for part in claim.parts
        ],
        "events": [_event_document(each, by) for each, by in claim.history],
        "credits": [{"entry": paid.credit, "on": paid.on, "amount_minor": paid.minor} for paid in claim.paid],
        "next": claim.next_events,
    }


def _event_document(happened: Happened, retracted_by: int | None) -> dict[str, object]:
    fact = happened.fact
    told = {
        "amount_minor": None if fact.amount is None else fact.amount.minor,
        "entry": fact.entry,
        "channel": fact.channel,
        "ticket": fact.ticket,
        "cause": fact.cause,
        "outcome": fact.outcome,
        "due": fact.due,
        "satisfaction": fact.satisfaction,
        "note": fact.note,
        "retracted_by": retracted_by,
    }
    begins: dict[str, object] = {"seq": happened.seq, "event": fact.event, "on": fact.on, "operator": fact.operator}
    return begins | {name: value for name, value in told.items() if value is not None}


def summary_line(looked: Looked, claim: Claim) -> str:
    """A claim in one line: name, state, claimed, outstanding, rules, and what is overdue."""
    sign = printable_yuan_sign()
    rules = ",".join(sorted({part.found.rule for part in claim.parts}))
    late = "  " + _("overdue since {due}").format(due=claim.due) if is_overdue(claim, today_of(looked)) else ""
    return "  ".join(
        (
            claim.name,
            str(claim.events[0].fact.on),
            padded(state_words(claim.state), 18),
            amount(claim.claimed_minor, claim.currency, sign).rjust(12),
            _("outstanding {money}").format(money=amount(claim.outstanding_minor, claim.currency, sign)),
            rules + late,
        )
    )


def say_claim(looked: Looked, claim: Claim) -> None:
    """A claim whole, in words."""
    sign = printable_yuan_sign()
    click.echo(summary_line(looked, claim))
    for part in claim.parts:
        found = part.found
        claimed = amount(part.minor, claim.currency, sign)
        click.echo(f"  {found.finding}  {found.rule} {rule_name(found.rule, language())}  {claimed}")
        told = _("    {first} to {last}, entries {entries}")
        click.echo(told.format(first=found.first, last=found.last, entries=spans(found.entries)))
        now = looked.claims.findings[found.finding]
        if now.superseded is not None:
            click.echo("    " + _("removed by facts that came later (entry {seq})").format(seq=now.superseded))
        elif now.claims_minor != found.difference_minor:
            changed = amount(now.claims_minor, claim.currency, sign)
            click.echo("    " + _("by now the audit says: {money}").format(money=changed))
    for happened, by in claim.history:
        line = _event_line(happened, claim.currency)
        if by is not None:
            line = click.style(line, strikethrough=True) + "  " + _("taken back by entry {seq}").format(seq=by)
        click.echo(f"  [{happened.seq}] {line}")
    if claim.is_open:
        if fitting := looked.claims.may_pay(claim):
            told = _("Credits that may be its money: entries {entries}")
            click.echo(told.format(entries=", ".join(map(str, fitting))), err=True)
        click.echo(_("What may follow: {events}.").format(events=", ".join(claim.next_events)), err=True)
    say_unfit(looked)


def _event_line(happened: Happened, currency: int) -> str:
    fact = happened.fact
    told = [f"{fact.on}  {event_words(fact.event)} ({fact.operator})"]
    if fact.amount is not None:
        told.append(amount(fact.amount.minor, currency, printable_yuan_sign()))
    if fact.channel:
        told.append(channel_words(fact.channel))
    if fact.ticket:
        told.append(_("ticket {ticket}").format(ticket=fact.ticket))
    if fact.cause:
        told.append(cause_words(fact.cause))
    if fact.outcome:
        told.append(outcome_words(fact.outcome))
    if fact.due:
        told.append(_("due {due}").format(due=fact.due))
    if fact.entry is not None:
        told.append(_("entry {seq}").format(seq=fact.entry))
    if fact.satisfaction is not None:
        told.append(f"{fact.satisfaction}/5")
    if fact.note:
        told.append(fact.note)
    return ", ".join(told)


def say_unfit(looked: Looked) -> None:
    """Entries of claims that follow nothing: they are shown, and change nothing."""
    if looked.claims.unfit:
        told = _("Entries that fit no claim: {entries}")
        click.echo(told.format(entries=spans(looked.claims.unfit)), err=True)
