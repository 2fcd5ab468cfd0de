"""Who works here, folded from the journal's entries; what a PIN opens, and when it opens nothing. No I/O.

Five wrong tries lock an operator out for 5 minutes, five more for 50, and every five after these for 500: never for ever
(docs/people.md). The tries are counted in the journal, so that neither a restart nor another process forgets them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import msgspec

from agent.journal.entries import Entry
from agent.people.people_kinds import (
    KINDS,
    OperatorAdded,
    OperatorRemoved,
    PeopleFact,
    PinRight,
    PinSet,
    PinWrong,
    RecoverySet,
    Role,
)

BEGINNINGS = ("people.",)
TRIES = 5
LOCKED_MINUTES = (5, 50, 500)
_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Operator:
    """wrong: tries since the last right one; last_wrong: ms UTC of the newest. name: None once erased."""

    operator: str
    role: Role
    name: str | None = None
    verifier: str | None = None
    works: bool = True
    wrong: int = 0
    last_wrong: int = 0

    def locked_until(self, now: int) -> int:
        """ms UTC; 0 where he is not locked out. A clock that was set back locks nobody for longer than the row says."""
        if not self.wrong or self.wrong % TRIES:
            return 0
        lasts = LOCKED_MINUTES[min(self.wrong // TRIES, len(LOCKED_MINUTES)) - 1] * _MINUTE_MS
        until = self.last_wrong + lasts
        return until if self.last_wrong <= now < until else 0


@dataclass(frozen=True, slots=True)
class People:
    """operators: by their short names, those who left among them. recovery: what checks the recovery code."""

    operators: dict[str, Operator] = field(default_factory=dict)
    recovery: str | None = None

    def at_work(self, role: Role | None = None) -> list[Operator]:
        return [one for one in self.operators.values() if one.works and role in {None, one.role}]

    def working(self, operator: str) -> Operator | None:
        found = self.operators.get(operator)
        return found if found is not None and found.works else None

    def after(self, entries: Iterable[Entry]) -> People:
        """With what these entries say; those of other kinds are passed over. Raises ValueError for one that is none."""
        operators, recovery = dict(self.operators), self.recovery
        for entry in entries:
            if entry.kind not in KINDS:
                continue
            match fact_of(entry):
                case OperatorAdded() as told:
                    operators[told.operator] = Operator(told.operator, told.role, told.name, told.verifier)
                case RecoverySet(verifier=verifier):
                    recovery = verifier
                case PinSet() | OperatorRemoved() | PinWrong() | PinRight() as told if told.operator in operators:
                    operators[told.operator] = _after(operators[told.operator], told, entry.at)
        return People(operators, recovery)


def _after(one: Operator, told: PeopleFact, at: int) -> Operator:
    match told:
        case PinSet(verifier=verifier):
            return replace(one, verifier=verifier, wrong=0)
        case OperatorRemoved():
            return replace(one, works=False)
        case PinWrong():
            return replace(one, wrong=one.wrong + 1, last_wrong=at)
    return replace(one, wrong=0)


def fact_of(entry: Entry) -> PeopleFact:
    """Private values that were erased are None. Raises ValueError."""
    held = {name: value for name, value in entry.body.items() if not name.endswith("_sha256")}
    try:
        return msgspec.convert({**held, **entry.private}, KINDS[entry.kind])
    except (msgspec.ValidationError, KeyError) as error:
        raise ValueError(f"{entry.kind}: {error}") from error
