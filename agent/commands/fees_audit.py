"""`counterfoil fees audit`: what was charged against what was agreed, found from the record alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from agent.commands.options import as_json, home_of, say_json, say_nature
from agent.commands.progress import progress_bar
from agent.fees.audit.auditor import Auditor
from agent.fees.audit.recording import RECORDED, audited, recorded_findings, to_record
from agent.fees.audit.thresholds import thresholds_of
from agent.fees.claim_kinds import Audited, FindingRecorded
from agent.fees.claims.letter import rule_name
from agent.fees.findings import Confidence, Finding, Verdict
from agent.fees.noting import noted
from agent.fees.words import settled_by_words, verdict_name
from agent.figures import CNY, amount, printable_yuan_sign
from agent.home import Home
from agent.journal.fee_kinds import FeeFact
from agent.journal.keys import verifying_key
from agent.journal.reader import open_reader
from agent.language import _, language
from agent.opening import open_desk, passphrase_sources
from agent.report import padded

_PROGRESS_FROM = 20_000
"""Entries; fewer are read before a bar could be seen."""


@click.command()
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="First day, as YYYY-MM-DD [default: all].")
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), help="Last day.")
@click.option("--strict", is_flag=True, help="Exit 1 where a finding says too much, or needs evidence.")
@click.option("--record", is_flag=True, help="Sign the findings into the record; claims rest on these.")
@click.option("--operator", help="Who looks; needed with --record.")
@as_json
@click.pass_context
def audit(
    ctx: click.Context,
    *,
    first: datetime | None,
    last: datetime | None,
    strict: bool,
    record: bool,
    operator: str | None,
    as_json: bool,
) -> None:
    """What was charged, held against what was agreed: every finding with its reason and its entries.

    \b
    Example:
      counterfoil fees audit --from 2026-04-01 --to 2026-04-30
      counterfoil fees audit --record --operator 张
    """
    if record and not (operator and operator.strip()):
        raise click.UsageError(_("--record needs --operator: who looks stands in the record."))
    home = home_of(ctx)
    all_found, about = _audited(home)
    about = audited(all_found, about)
    since = about.first if first is None else first.date()
    until = about.last if last is None else last.date()
    found = [one for one in all_found if one.first <= until and one.last >= since]
    if record:
        looked = replace(about, operator=operator)
        _record(home, lambda standing: [*to_record(all_found, standing), looked])
    if as_json:
        say_json(_document(home, found, about, since.isoformat(), until.isoformat()))
    else:
        say_nature(home.settings().simulated)
        _tell(found, about)
    stands = any(one.verdict in RECORDED and one.confidence is not Confidence.SUSPECT for one in found)
    ctx.exit(1 if strict and stands else 0)


def record_findings(home: Home, passphrase: Path | None) -> None:
    """Have what an audit finds now signed into the record, where it does not stand there yet. Raises as `open_desk` does.

    What it finds no more stays: whoever asks to claim one thing does not take another back.
    """
    _record(home, lambda standing: to_record(_audited(home)[0], standing, taking_back=False), passphrase)


def _record(
    home: Home, facts: Callable[[Mapping[str, FindingRecorded]], Sequence[FeeFact]], passphrase: Path | None = None
) -> None:
    """facts: of what stands in the record, what is to be added."""
    with closing(open_reader(home.journal, verifying_key(home.path))) as journal:
        new = facts(recorded_findings(journal))
    if new:
        with open_desk(home, record=True, sources=passphrase_sources(passphrase)) as desk:
            desk.note(noted(new))


def _audited(home: Home) -> tuple[list[Finding], Audited]:
    """All findings of a home's whole record, and what they rest on."""
    settings = home.settings()
    auditor = Auditor(thresholds_of(settings))
    with closing(open_reader(home.journal, verifying_key(home.path))) as journal:
        if journal.size < _PROGRESS_FROM:
            auditor.catch_up(journal)
        else:
            with progress_bar(_("Auditing")) as show:
                auditor.catch_up(journal, show)
        at = journal.head.at if settings.simulated else time.time_ns() // 1_000_000
        begun = journal.entry(0).at
    zone = ZoneInfo(settings.time_zone)
    today, first = (datetime.fromtimestamp(one // 1000, zone).date() for one in (at, begun))
    found = auditor.findings(at)
    assert auditor.audit is not None
    first = min([first, *(one.first for one in found)])
    return found, Audited(
        first=first,
        last=today,
        size=auditor.size,
        transactions=auditor.audit.transactions,
        findings=0,
        claimed_minor=0,
        currency=CNY,
        unknown=auditor.audit.unjudged,
    )


def finding_document(one: Finding) -> dict[str, object]:
    """A finding as JSON shows it."""
    return {
        "finding": one.name,
        "rule": one.rule.value,
        "verdict": one.verdict.value,
        "confidence": one.confidence.value,
        "subject": one.subject,
        "first": one.first.isoformat(),
        "last": one.last.isoformat(),
        "tariff_version": one.version,
        "expected_minor": one.expected_minor,
        "charged_minor": one.charged_minor,
        "difference_minor": one.difference_minor,
        "claimed_minor": one.claimed_minor,
        "owed_by_customer_minor": one.owed_by_customer_minor,
        "currency": one.currency,
        "entries": list(one.entries),
        "settled_by": one.settled_by.value,
        "also_seen": [rule.value for rule in one.also_seen],
        "facts": dict(one.facts),
    }


def _document(home: Home, found: list[Finding], about: Audited, since: str, until: str) -> dict[str, object]:
    return {
        "simulated": home.settings().simulated,
        "from": since,
        "to": until,
        "size": about.size,
        "transactions": about.transactions,
        "unknown": about.unknown,
        "claimed_minor": sum(one.claimed_minor for one in found),
        "owed_by_customers_minor": sum(one.owed_by_customer_minor for one in found),
        "findings": [finding_document(one) for one in found],
    }


def _tell(found: list[Finding], about: Audited) -> None:
    sign = printable_yuan_sign()
    for one in found:
        click.echo(_line(one, sign))
        also = _("  Also seen: {rules}.").format(rules=", ".join(one.also_seen)) if one.also_seen else ""
        click.echo(f"    {settled_by_words(one)}{also}  {_entries(one)}")
    over = [one for one in found if one.claimed_minor]
    told = _("{transactions} transactions looked at; {count} findings claim {amount}.").format(
        transactions=about.transactions,
        count=len(over),
        amount=amount(sum(one.claimed_minor for one in over), over[0].currency if over else CNY, sign),
    )
    click.echo(told)
    if over:
        click.echo(_("To claim it: counterfoil fees claims open --all --operator NAME"))
    if owed := [one for one in found if one.owed_by_customer_minor]:
        click.echo(
            _("Customers owe {amount}: more went back to them than they had paid.").format(
                amount=amount(sum(one.owed_by_customer_minor for one in owed), owed[0].currency, sign)
            )
        )
    if about.unknown:
        click.echo(
            _(
                "{count} sales could not be judged: no tariff that binds is known. Add yours: counterfoil fees tariff add"
            ).format(count=about.unknown)
        )


def _line(one: Finding, sign: str) -> str:
    span = one.first.isoformat() if one.first == one.last else f"{one.first.isoformat()}..{one.last.strftime('%m-%d')}"
    parts = [
        padded(span, 17),
        one.rule.value,
        padded(verdict_name(one), 14),
        padded(rule_name(one.rule, language()), 36),
    ]
    if one.difference_minor and one.verdict is not Verdict.UNKNOWN:
        parts.append(amount(one.difference_minor, one.currency, sign).rjust(11))
    elif one.charged_minor is not None:
        parts.append(amount(one.charged_minor, one.currency, sign).rjust(11))
    if one.expected_minor is not None and one.charged_minor is not None:
        told = _("charged {charged}, right {expected}")
        parts.append(
            told.format(
                charged=amount(one.charged_minor, one.currency, sign),
                expected=amount(one.expected_minor, one.currency, sign),
            )
        )
    return "  ".join(parts).rstrip()


def _entries(one: Finding) -> str:
    shown = ", ".join(str(seq) for seq in one.entries[:6])
    more = f" +{len(one.entries) - 6}" if len(one.entries) > 6 else ""
    return _("[{name}; entries {entries}]").format(name=one.name, entries=shown + more) if shown else f"[{one.name}]"
