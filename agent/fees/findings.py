"""What an audit says: a finding names its rule, the tariff version, expected, charged, the journal's entries, and what would
settle it (docs/domain.md §4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from hashlib import sha256


class Rule(StrEnum):
    """The detectors of docs/domain.md §4."""

    D01 = "D01"
    D02 = "D02"
    D03 = "D03"
    D04 = "D04"
    D05 = "D05"
    D06 = "D06"
    D07 = "D07"
    D08 = "D08"
    D09 = "D09"
    D10 = "D10"
    D11 = "D11"
    D12 = "D12"
    D13 = "D13"
    D14 = "D14"
    D15 = "D15"
    D16 = "D16"
    D17 = "D17"
    D18 = "D18"
    D19 = "D19"
    D20 = "D20"
    D21 = "D21"
    D22 = "D22"


class Verdict(StrEnum):
    OK = "OK"
    OVER = "OVER"
    """More was taken, or less given, than is right; only these enter a claim."""
    UNDER = "UNDER"
    """Less was taken than agreed: a note."""
    UNKNOWN = "UNKNOWN"
    """What is needed to judge it is not known: never OK."""
    NEEDS_EVIDENCE = "NEEDS_EVIDENCE"
    """It looks wrong; a paper that is not here could make it right."""


class Confidence(StrEnum):
    CERTAIN = "certain"
    LIKELY = "likely"
    SUSPECT = "suspect"
    """A person should look; no money is claimed."""


class Debtor(StrEnum):
    """Who owes the money that a finding is about."""

    PROVIDER = "provider"
    CUSTOMER = "customer"
    """More went back to him than he had paid (D07): he owes it to the merchant."""
    MERCHANT = "merchant"
    """It was taken from a customer who did not owe it (D04, D20): it goes back to him."""


_DEBTORS = {Rule.D04: Debtor.MERCHANT, Rule.D07: Debtor.CUSTOMER, Rule.D20: Debtor.MERCHANT}


class SettledBy(StrEnum):
    """What would settle a finding; `agent.fees.words` has the sentences."""

    NOTHING = "nothing"
    """The record alone shows it."""
    CONTRACT = "contract"
    """The signed contract, or the tariff that was in force."""
    CONSENT_RECORD = "consent_record"
    """The provider's record of the merchant's consent."""
    SIGNED_CAP = "signed_cap"
    BANK_CREDIT = "bank_credit"
    STATEMENT = "statement"
    CUSTOMER = "customer"
    """The customer's own statement."""
    REGISTRATION = "registration"
    TICKET = "ticket"
    DEPOSIT_CONTRACT = "deposit_contract"
    OWN_STAFF = "own_staff"
    """Whoever stood at the counter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one detector says of one thing. Amounts are minor units of `currency`.

    subject: what it is about, the same whenever it is found again; with the rule it makes `name`. first, last: local dates
    of what it is about. difference_minor: what is claimed (OVER), or what it is about otherwise. entries: journal sequence
    numbers, the evidence. facts: numbers and codes for the words. also_seen: the rules that would have found something on
    the same fee line of that transaction by themselves; they claim nothing of it, for money is claimed once.
    """

    rule: Rule
    verdict: Verdict
    subject: str
    first: date
    last: date
    currency: int
    version: str | None = None
    expected_minor: int | None = None
    charged_minor: int | None = None
    difference_minor: int = 0
    entries: tuple[int, ...] = ()
    confidence: Confidence = Confidence.CERTAIN
    settled_by: SettledBy = SettledBy.NOTHING
    facts: Mapping[str, str] = field(default_factory=dict)
    also_seen: tuple[Rule, ...] = ()

    @property
    def name(self) -> str:
        """12 hex digits: the same finding has it whenever and however often it is found."""
        return sha256(f"{self.rule}/{self.subject}".encode()).hexdigest()[:12]

    @property
    def claimed_minor(self) -> int:
        """What it adds to a claim on the provider."""
        return claimed(self.rule, self.verdict, self.confidence, self.difference_minor)

    @property
    def owed_by_customer_minor(self) -> int:
        """What a customer owes the merchant by it."""
        owes = debtor(self.rule) is Debtor.CUSTOMER
        return self.difference_minor if owes and _is_owed(self.verdict, self.confidence) else 0


def debtor(rule: Rule) -> Debtor:
    """Who owes what the rule finds."""
    return _DEBTORS.get(rule, Debtor.PROVIDER)


def claimed(rule: Rule, verdict: Verdict, confidence: Confidence, difference_minor: int) -> int:
    """What a finding adds to a claim on the provider: OVER alone, no suspect, and only what the provider owes."""
    counts = debtor(rule) is Debtor.PROVIDER and _is_owed(verdict, confidence)
    return difference_minor if counts else 0


def _is_owed(verdict: Verdict, confidence: Confidence) -> bool:
    return verdict is Verdict.OVER and confidence is not Confidence.SUSPECT
