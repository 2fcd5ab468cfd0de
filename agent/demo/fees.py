"""A scenario's fees: the contract that its shop has signed, what its bank says, and the audit's findings judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from agent.demo.checks import Check, alike, counted
from agent.demo.story import Story
from agent.fees.audit.audit import Audit
from agent.fees.audit.auditor import OF_THE_CONTRACT
from agent.fees.audit.thresholds import Thresholds
from agent.fees.contract.binding import Terms
from agent.fees.contract.tariff_file import read_contract
from agent.fees.contract.terms import BankCredit
from agent.fees.facts import facts
from agent.fees.findings import Finding
from agent.journal.entries import Entry
from agent.journal.fee_kinds import FeeFact
from agent.language import _
from protocol.money import CNY, Money

_CONTRACTS = Path(__file__).parent / "contracts"
_OPERATOR = "演练"
_ZONE = "Asia/Shanghai"
_DAY_MS = 86_400_000


def contract(told: Story) -> tuple[FeeFact, ...]:
    """What the shop of a scenario has signed: the practice contract of its device model; none on a wire without fees."""
    if told.dialect != "native":
        return ()
    return read_contract(_CONTRACTS / f"{told.document.get('profile', 'classic')}.toml", operator=_OPERATOR).facts


def credits_of(rows: Sequence[Mapping[str, Any]]) -> list[FeeFact]:
    """What the bank has put on the account, by the simulator's ledger: as the merchant would type it."""
    return [
        BankCredit(
            on=date.fromisoformat(row["date"]),
            amount=Money(row["credited_minor"], row.get("currency", CNY)),
            batch=row.get("batch"),
            source="typed",
            operator=_OPERATOR,
        )
        for row in rows
        if row["kind"] == "credit" and row["credited_minor"]
    ]


def finding_checks(told: Story, entries: Sequence[Entry]) -> Iterator[Check]:
    """Each [[expect.finding]] of a scenario, held against an audit of its record at the end of its last day."""
    wanted = told.document["expect"].get("finding", ())
    if not wanted or not entries:
        return
    ends = told.begins + int(told.document.get("days", 1)) * _DAY_MS - 1
    found = audited(entries, max(ends, *(entry.at for entry in entries)))
    for want in wanted:
        like = [one for one in found if _is_like(one, want)]
        shown = ", ".join(f"{key} {value}" for key, value in want.items() if key not in {"count", "difference_minor"})
        if "count" in want:
            yield counted(_("findings: {what}").format(what=shown), len(like), want["count"])
        if "difference_minor" in want:
            name = _("what they claim: {what}").format(what=shown)
            yield alike(name, sum(one.difference_minor for one in like), want["difference_minor"])


def audited(entries: Sequence[Entry], now: int) -> list[Finding]:
    """What an audit of a whole record finds at that time, ms UTC."""
    told = [entry for entry in entries if entry.kind.startswith(OF_THE_CONTRACT)]
    notices = [entry for entry in told if entry.kind == "terminal.tariff_notice"]
    audit = Audit(Terms.of(facts(told), notices, time_zone=_ZONE), Thresholds(time_zone=_ZONE))
    for entry in entries:
        audit.take(entry)
    return audit.findings(now)


def _is_like(one: Finding, want: Mapping[str, Any]) -> bool:
    detector, verdict = want["detector"], want.get("verdict")
    return detector in {"any", one.rule.value} and verdict in {None, one.verdict.value}
