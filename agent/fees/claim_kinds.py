"""What is recorded of audits and claims: entries all. A claim's state is a fold over its events (`agent.fees.claims`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import ClassVar

from agent.fees.findings import Confidence, Rule, SettledBy, Verdict
from agent.journal.meanings import means
from protocol.money import Money

# ruff: noqa: RUF009  means() makes a dataclass field


class ClaimEvent(StrEnum):
    """What happens to a claim."""

    OPENED = "opened"
    RAISED = "raised"
    """It was put to the provider."""
    ADMITTED = "admitted"
    PART_ADMITTED = "part_admitted"
    DENIED = "denied"
    NO_ANSWER = "no_answer"
    ESCALATED = "escalated"
    CREDITED = "credited"
    """All or part of it reached the account: a bank credit says so."""
    ADJUSTED = "adjusted"
    """The next fees were taken at the right rate: an audit says so."""
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"
    WRITTEN_OFF = "written_off"
    RATED = "rated"
    """How satisfied the merchant is with the outcome, 1 to 5; changes no state."""
    NOTED = "noted"
    """Something said or heard of it; changes no state."""
    RETRACT = "retract"
    """An earlier event of it was noted wrongly: it stays in the record, and counts no more."""


class Cause(StrEnum):
    """Why it happened, as far as it is known (docs/domain.md 4-02, 4-06)."""

    SYSTEM_ERROR = "system_error"
    UNAUTHORISED = "unauthorised"
    OPERATING_ERROR = "operating_error"
    ATTACK = "attack"
    NOT_TOLD = "not_told"


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRecorded:
    """An audit found something, or something else than before, under this name; the same again makes no second entry."""

    kind: ClassVar[str] = "fees.finding"
    finding: str = means("its name, 12 hex digits of rule and subject")
    rule: Rule = means("the detector, `D01` to `D22` (docs/domain.md §4)")
    verdict: Verdict = means("`OVER`, `UNDER`, `UNKNOWN` or `NEEDS_EVIDENCE`")
    confidence: Confidence = means("`certain`, `likely` or `suspect`")
    subject: str = means("what it is about")
    first: date = means("first local date of what it is about")
    last: date = means("last local date of it")
    version: str | None = means("the tariff version that it was held against", None)
    expected_minor: int | None = means("what is right, minor units", None)
    charged_minor: int | None = means("what was done, minor units", None)
    difference_minor: int = means("what is claimed or in question, minor units")
    currency: int = means("ISO 4217 numeric code")
    entries: tuple[int, ...] = means("the journal's entries that show it; the first thousand")
    settled_by: SettledBy = means("what would settle it")
    also_seen: tuple[str, ...] = means(
        "rules that would have found something there by themselves; they claim nothing", ()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingSuperseded:
    """Facts that came later removed a finding."""

    kind: ClassVar[str] = "fees.superseded"
    finding: str = means("its name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """An audit was done: by the agent itself, or by a person."""

    kind: ClassVar[str] = "fees.audited"
    first: date = means("first local date it looked at")
    last: date = means("last local date")
    size: int = means("how many entries of the journal it rests on")
    transactions: int = means("how many transactions")
    findings: int = means("how many findings stand, OVER or NEEDS_EVIDENCE")
    claimed_minor: int = means("what they claim together, minor units")
    currency: int = means("ISO 4217 numeric code")
    unknown: int = means("how many transactions could not be judged")
    operator: str | None = means("who asked for it; absent: the agent by itself", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimNoted:
    """One thing that happened to a claim."""

    kind: ClassVar[str] = "claim.event"
    claim: str = means("the claim's name, 12 hex digits")
    event: ClaimEvent = means("what happened")
    on: date = means("the local date on which it happened")
    operator: str = means("who noted it")
    findings: tuple[str, ...] = means("at `opened`: names of the findings that it claims", ())
    amount: Money | None = means(
        "at `opened` what is claimed, at an answer what was admitted, at `credited` what came; minor units", None
    )
    entry: int | None = means(
        "at `credited`: the entry of the bank's credit; at `adjusted`: of the audit; at `retract`: of the event", None
    )
    channel: str | None = means("how it was put or answered: `phone`, `chat`, `app`, `letter`, `visit`", None)
    ticket: str | None = means("the provider's number for it", None)
    cause: Cause | None = means("why it happened, as the provider says or as is known", None)
    outcome: str | None = means("at an admission: `refund` or `adjust`", None)
    due: date | None = means("by when the next word or money is promised", None)
    satisfaction: int | None = means("at `rated`: 1 to 5", None)
    note: str | None = means("in that person's words", None)
