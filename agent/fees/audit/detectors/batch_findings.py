"""What the detectors of settlements have in common: the batches side by side, when money is due, how a finding is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from agent import calendar
from agent.fees.audit.detectors.batches import Batch, Batches, Credited
from agent.fees.audit.moments import SettlementTold
from agent.fees.audit.thresholds import Thresholds
from agent.fees.contract.binding import Terms
from agent.fees.contract.terms import FeesTaken
from agent.fees.findings import Confidence, Finding, Rule, SettledBy, Verdict
from protocol.messages import SettlementMode


class Listening:
    """What the three have in common: the batches, side by side, and what the contract says of them."""

    def __init__(self, terms: Terms, settings: Thresholds) -> None:
        self._terms, self._settings = terms, settings
        self._batches = Batches()

    def _told_first(self, moment: SettlementTold) -> bool:
        """Take a settlement; False where one of that batch was told before: what it takes off was taken off then."""
        first = self._batches.of(moment.batch, moment.day, moment.currency).told is None
        self._batches.told(moment)
        return first

    def _credited(self) -> dict[str, Credited]:
        return self._batches.credited(self._terms.credits)

    def _in_order(self) -> list[Batch]:
        return sorted(self._batches, key=lambda one: (one.day, one.number))


class Owed:
    """Sums that a settlement may take off, by the local date since which it may, in the order in which they came."""

    def __init__(self, sums: Iterable[tuple[date, int]] = ()) -> None:
        self.sums = list(sums)

    def add(self, day: date, minor: int) -> None:
        """A negative one takes back what came before."""
        if minor > 0:
            self.sums.append((day, minor))
        else:
            self.take(-minor)

    def take(self, minor: int, until: date = date.max) -> int:
        """Take off up to so much of what is owed since a date or longer; how much that was."""
        left, kept = max(0, minor), []
        for day, owed in self.sums:
            part = min(left, owed) if day <= until else 0
            left -= part
            if owed > part:
                kept.append((day, owed - part))
        self.sums = kept
        return max(0, minor) - left


def with_fees_of(terms: Terms, day: date) -> bool:
    """Fees are taken out of a settlement; also where nobody said so."""
    said = terms.settlement(day)
    return said is None or said.fees is FeesTaken.NET


def due_of(terms: Terms, batch: Batch) -> tuple[SettlementMode, date]:
    """By the contract, else by the mode that the terminal logged."""
    said, traded = terms.settlement(batch.day), batch.traded
    mode = said.mode if said is not None else traded.mode if traded is not None else SettlementMode.T1
    return mode, calendar.latest_due(mode, None if said is None else said.cut_off, batch.day)


def late_credit(terms: Terms, batch: Batch, came: Credited | None) -> dict[str, object] | None:
    """What a finding says of a credit after the due day, the contract's or the one that the settlement promised."""
    if came is None or batch.told is None:
        return None
    mode, due = due_of(terms, batch)
    promised = batch.told.due
    known = calendar.verified(mode, batch.day, due) or promised is not None
    if promised is not None:
        due = min(due, promised)
    if came.on <= due:
        return None
    return {
        "last": came.on,
        "entries": batch.told.entries + came.entries,
        "facts": dated(mode, due, known) | {"credited": came.on.isoformat(), "days": str((came.on - due).days)},
        "verdict": Verdict.OVER if known else Verdict.NEEDS_EVIDENCE,
        "confidence": Confidence.CERTAIN if known else Confidence.LIKELY,
    }


def dated(mode: SettlementMode, due: date, known: bool) -> dict[str, str]:
    return {"mode": mode.value, "due": due.isoformat(), "calendar": "verified" if known else "unverified"}


def difference(
    batch: Batch,
    subject: str,
    expected: int,
    charged: int,
    *,
    entries: tuple[int, ...],
    sure: bool = True,
    facts: Mapping[str, str] | None = None,
) -> Finding:
    """expected: what should have been credited, charged: what was. Of more than is right a note."""
    less = expected > charged
    verdict = Verdict.UNDER if not less else Verdict.OVER if sure else Verdict.NEEDS_EVIDENCE
    return finding(
        Rule.D12, batch, subject, abs(expected - charged), expected_minor=expected, charged_minor=charged,
        entries=entries, verdict=verdict, confidence=Confidence.CERTAIN if sure else Confidence.LIKELY,
        settled_by=SettledBy.NOTHING if sure else SettledBy.STATEMENT, facts=facts or {},
    )  # fmt: skip


def finding(rule: Rule, batch: Batch, subject: str, minor: int, **more: object) -> Finding:
    facts = {"batch": batch.number, **more.pop("facts", {})}  # type: ignore[dict-item]
    made: dict[str, object] = {
        "rule": rule,
        "verdict": Verdict.OVER,
        "subject": subject,
        "first": batch.day,
        "last": batch.day,
        "currency": batch.currency,
        "difference_minor": minor,
        "facts": facts,
    }
    return Finding(**{**made, **more})  # type: ignore[arg-type]
