"""Fees that belong to no transaction: D13 SIM_FEE, and those that D08 finds in no contract and on no list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from agent.fees.audit.moments import FeeLine, Moment, OwnFee
from agent.fees.contract.binding import Terms
from agent.fees.contract.terms import ListedFee, Per
from agent.fees.findings import Finding, Rule, SettledBy, Verdict
from protocol.messages import FeeType


def _found(rule: Rule, line: FeeLine, expected: int | None, **more: object) -> Finding:
    made: dict[str, object] = {
        "rule": rule,
        "verdict": Verdict.OVER,
        "subject": f"entry {line.seq}",
        "first": line.day,
        "last": line.day,
        "currency": line.currency,
        "expected_minor": expected,
        "charged_minor": line.amount_minor,
        "difference_minor": 0 if expected is None else line.amount_minor - expected,
        "entries": (line.seq,),
    }
    return Finding(**{**made, **more})  # type: ignore[arg-type]


_PERIOD = {Per.YEAR: 4, Per.MONTH: 7, Per.ONCE: 0}
"""How much of a date's text names the period that a listed fee is for."""
_STANDING_MOST = 4_096


class _OfOneKind:
    """Lines of their own, netted by type (docs/domain.md §4): a negative one takes back the last of its amount that stands.

    What was found of that one is then told again as OK, with what it claimed as a negative difference.
    """

    rule: Rule
    kinds: frozenset[FeeType]

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._standing: list[tuple[FeeLine, Finding | None, object]] = []
        """With what was found of each, and what it took of what is allowed."""

    def judge(self, moment: Moment) -> Iterable[Finding]:
        if not isinstance(moment, OwnFee) or moment.line.type not in self.kinds:
            return ()
        line = moment.line
        if line.amount_minor > 0:
            found, took = self._judge(line)
            self._standing.append((line, found, took))
            del self._standing[:-_STANDING_MOST]
            return () if found is None else (found,)
        for place in reversed(range(len(self._standing))):
            before, found, took = self._standing[place]
            if (before.type, before.amount_minor, before.currency) == (line.type, -line.amount_minor, line.currency):
                del self._standing[place]
                self._give_back(took)
                return (
                    ()
                    if found is None
                    else (replace(found, verdict=Verdict.OK, difference_minor=-found.difference_minor),)
                )
        return ()

    def _judge(self, line: FeeLine) -> tuple[Finding | None, object]:
        """What is wrong with a positive line, and what it takes of what is allowed."""
        raise NotImplementedError

    def _give_back(self, took: object) -> None:
        raise NotImplementedError


class SimFee(_OfOneKind):
    """D13: before the free period ends, more than one a period, or more than agreed."""

    rule = Rule.D13
    kinds = frozenset({FeeType.SIM})

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms)
        self._taken: dict[int, int] = {}
        """period -> the entry of its fee; the first period begins when the free one ends."""

    def _judge(self, line: FeeLine) -> tuple[Finding | None, object]:
        sim = self._terms.sim()
        if sim is None:
            unknown = {"verdict": Verdict.UNKNOWN, "settled_by": SettledBy.CONTRACT, "facts": {"missing": "sim"}}
            return _found(self.rule, line, None, **unknown), None
        begins = sim.activated + timedelta(days=sim.free_days)
        if line.day < begins:
            return _found(self.rule, line, 0, facts={"why": "free", "until": begins.isoformat()}), None
        period = (line.day - begins).days // max(1, sim.period_days)
        if (first := self._taken.setdefault(period, line.seq)) != line.seq:
            return _found(self.rule, line, 0, entries=(first, line.seq), facts={"why": "twice"}), None
        if line.amount_minor > sim.amount_minor:
            return _found(self.rule, line, sim.amount_minor, facts={"why": "amount"}), period
        return None, period

    def _give_back(self, took: object) -> None:
        if isinstance(took, int):
            self._taken.pop(took, None)


class OwnNotListed(_OfOneKind):
    """D08, of fees of their own: what neither contract nor published list names, or oftener or more than it says.

    A fee of type `other` that is an instalment for support is D21's, and one for the SIM card D13's.
    """

    rule = Rule.D08
    kinds = frozenset({FeeType.SERVICE, FeeType.MDR, FeeType.T0, FeeType.REFUND_FEE})

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms)
        self._taken: set[object] = set()

    def _judge(self, line: FeeLine) -> tuple[Finding | None, object]:
        """Against the listed fee that is not taken yet and suits it best: the least that allows it, else the highest."""
        facts = {"type": line.type.value}
        listed = [one for one in self._terms.listed(line.day) if one.type is line.type and one.per in _PERIOD]
        free = [one for one in listed if self._period(one, line) not in self._taken]
        if any(one.amount_minor is None for one in free):  # a rate, and nobody knows of what
            unclear = {"verdict": Verdict.NEEDS_EVIDENCE, "settled_by": SettledBy.CONTRACT, "facts": facts}
            return _found(self.rule, line, 0, **unclear), None
        best = min(free, key=lambda one: _unsuited(one, line.amount_minor), default=None)
        allowed, took = 0, None
        if best is not None:
            allowed, took = best.amount_minor or 0, self._period(best, line)
            self._taken.add(took)
        return (_found(self.rule, line, allowed, facts=facts) if line.amount_minor > allowed else None), took

    def _period(self, listed: ListedFee, line: FeeLine) -> tuple[str, str]:
        return f"{listed.type} {listed.name}", line.day.isoformat()[: _PERIOD[listed.per]]

    def _give_back(self, took: object) -> None:
        self._taken.discard(took)


def _unsuited(listed: ListedFee, charged_minor: int) -> tuple[bool, int]:
    allowed = listed.amount_minor or 0
    return allowed < charged_minor, abs(allowed - charged_minor)
