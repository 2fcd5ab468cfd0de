"""Facts that claims are made of, as an audit, a bank and a shopkeeper would record them."""

from __future__ import annotations

from datetime import date
from typing import Any

from agent.fees.claim_kinds import Audited, ClaimEvent, ClaimNoted, FindingRecorded
from agent.fees.claims.claims import Claims
from agent.fees.contract.tariff import TariffVersion
from agent.fees.contract.terms import BankCredit
from agent.fees.findings import Confidence, Finding, Rule, SettledBy, Verdict
from agent.journal.fee_kinds import FeeFact
from protocol.messages import Product
from protocol.money import Money

CLAIM = "00000000c1a1"
VERSION = "5a5a5a5a5a5a"


def day(text: str) -> date:
    """`03-09` → 2026-03-09."""
    return date.fromisoformat(f"2026-{text}")


def finding(subject: str = "s1", minor: int = 600, rule: Rule = Rule.D01, **told: Any) -> FindingRecorded:
    """Of the contract rate raised in March: what `minor` says, on 20000.00 of sales at 6000 ppm."""
    values: dict[str, Any] = {
        "verdict": Verdict.OVER,
        "confidence": Confidence.CERTAIN,
        "first": day("03-01"),
        "last": day("03-05"),
        "expected_minor": 12_000,
        "currency": 156,
        "entries": (3, 4, 5, 9),
        "settled_by": SettledBy.NOTHING,
        "version": VERSION,
        **told,
    }
    values.setdefault("charged_minor", values["expected_minor"] + minor)
    return FindingRecorded(finding=name(subject, rule), rule=rule, subject=subject, difference_minor=minor, **values)


def name(subject: str = "s1", rule: Rule = Rule.D01) -> str:
    """A finding's name, by the audit's own rule."""
    whole = Finding(
        rule=rule, verdict=Verdict.OVER, subject=subject, first=day("03-01"), last=day("03-01"), currency=156
    )
    return whole.name


def opened(*findings: str, minor: int, claim: str = CLAIM, on: str = "03-06", currency: int = 156) -> ClaimNoted:
    amount = Money(minor, currency)
    return event(ClaimEvent.OPENED, on, claim=claim, findings=findings, amount=amount)


def event(what: ClaimEvent, on: str = "03-06", minor: int | None = None, **told: Any) -> ClaimNoted:
    if minor is not None:
        told["amount"] = Money(minor)
    told = {"claim": CLAIM, "operator": "Zhang", **told}
    return ClaimNoted(event=what, on=day(on), **told)


def credit(minor: int, on: str = "03-12", currency: int = 156) -> BankCredit:
    return BankCredit(on=day(on), amount=Money(minor, currency), source="typed", operator="Zhang")


def audited(first: str, last: str, size: int, unknown: int = 0) -> Audited:
    return Audited(
        first=day(first),
        last=day(last),
        size=size,
        transactions=40,
        findings=0,
        claimed_minor=0,
        currency=156,
        unknown=unknown,
    )


def version(product: Product = Product.CREDIT, name: str = VERSION) -> TariffVersion:
    return TariffVersion(
        version=name,
        product=product,
        effective_from=day("01-01"),
        rate_ppm=6000,
        currency=156,
        source="contract.toml",
    )


class Record:
    """Claims, told one fact after the other as the entries 0, 1, 2, …"""

    def __init__(self, *facts: FeeFact) -> None:
        self.claims = Claims()
        self.size = 0
        for fact in facts:
            self(fact)

    def __call__(self, fact: FeeFact) -> int:
        """The entry that holds it."""
        self.claims.take(self.size, 1_773_000_000_000 + self.size, fact)
        self.size += 1
        return self.size - 1
