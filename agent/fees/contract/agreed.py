"""What the record says of the contract beside its tariffs: of one kind the last that began by a day holds on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Protocol, TypeVar
from zoneinfo import ZoneInfo

from agent.fees.contract.terms import (
    BankCredit,
    ListedFee,
    NothingElseAgreed,
    OpeningHours,
    Registration,
    SettlementTerms,
    SimTerms,
    StatementPage,
    Ticket,
    TicketAbout,
)
from agent.journal.entries import Entry
from agent.journal.fee_kinds import FeeFact


class _Begins(Protocol):
    @property
    def valid_from(self) -> date: ...


_Beginning = TypeVar("_Beginning", bound=_Begins)


class Agreed:
    """Facts by kind, at one point of the record; never changed. What is asked of a day is looked up once."""

    def __init__(self, facts: Iterable[tuple[Entry, FeeFact]], time_zone: str) -> None:
        self._zone = ZoneInfo(time_zone)
        self._told: dict[type, list[tuple[int, int, Any]]] = defaultdict(list)
        """By type: seq, at and the fact, in the record's order."""
        for entry, fact in facts:
            self._told[type(fact)].append((entry.seq, entry.at, fact))
        self._on: dict[tuple[type, date], Any] = {}
        self._listed: dict[date, tuple[ListedFee, ...]] = {}
        self.credits: tuple[tuple[int, BankCredit], ...] = self._all(BankCredit)
        """Each with its entry's sequence number."""
        self.statement_pages: tuple[tuple[int, StatementPage], ...] = self._all(StatementPage)

    def registration(self, day: date) -> Registration | None:
        return self._began(Registration, day)

    def settlement(self, day: date) -> SettlementTerms | None:
        return self._began(SettlementTerms, day)

    def hours(self, day: date) -> OpeningHours | None:
        return self._began(OpeningHours, day)

    def sim(self) -> SimTerms | None:
        """As told last."""
        told = self._told[SimTerms]
        return told[-1][2] if told else None

    def listed(self, day: date) -> tuple[ListedFee, ...]:
        """Of each type and name the last that began by the day."""
        if day not in self._listed:
            kinds: dict[tuple[str, str], list[tuple[int, ListedFee]]] = defaultdict(list)
            for seq, _at, fee in self._told[ListedFee]:
                kinds[fee.type, fee.name].append((seq, fee))
            last = (_last(those, day) for those in kinds.values())
            self._listed[day] = tuple(fee for fee in last if fee is not None)
        return self._listed[day]

    def nothing_else_agreed(self, day: date) -> bool:
        """The merchant attests it, for this day."""
        return self._began(NothingElseAgreed, day) is not None

    def tickets(self, about: TicketAbout) -> tuple[Ticket, ...]:
        """The last telling of each, in the order of the first."""
        last = {ticket.ticket: ticket for _seq, _at, ticket in self._told[Ticket]}
        return tuple(ticket for ticket in last.values() if ticket.about is about)

    def _day(self, at: int) -> date:
        """The merchant's local date of ms UTC."""
        return datetime.fromtimestamp(at // 1000, self._zone).date()

    def _all(self, kind: type) -> tuple[tuple[int, Any], ...]:
        return tuple((seq, fact) for seq, _at, fact in self._told[kind])

    def _began(self, kind: type[_Beginning], day: date) -> _Beginning | None:
        key = (kind, day)
        if key not in self._on:
            self._on[key] = _last(self._all(kind), day)
        found: _Beginning | None = self._on[key]
        return found


def _last(told: Iterable[tuple[int, _Beginning]], day: date) -> _Beginning | None:
    """Of those that began by the day the one that began last; of one day's the one told last."""
    begun = [(one.valid_from, seq, one) for seq, one in told if one.valid_from <= day]
    return max(begun, key=lambda each: each[:2])[2] if begun else None
