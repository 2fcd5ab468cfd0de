"""What has happened at a simulated terminal, as steps and turns of a scenario ask it: by triggers and by labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from simulator.scenario import Entry, Scenario, When
from simulator.station import Station
from simulator.tally import REFUSED, Asked


@dataclass(frozen=True, slots=True)
class _Marks:
    """What had happened when the step before was done."""

    sessions: int
    asked: int
    ended: int
    statuses: int
    confirms: int
    boots: int
    settled: int


class Happened:
    """Reads terminal and tally, moves nothing. now (monotonic ms), told, passed (of the turns): set by whoever plays."""

    def __init__(self, station: Station, scenario: Scenario) -> None:
        self._station = station
        self._terminal = station.terminal
        self.turns = [entry for entry in scenario.entries if entry.turn]
        self._money = [entry.label for entry in self.turns if entry.is_money]
        self._entries = {entry.label: entry for entry in scenario.entries}
        self.now = self.told = self.passed = 0
        self._since = self._marks()
        self._triggers: Mapping[str, Callable[[When], bool]] = {
            "": lambda when: self.has_come(when.at),
            "ready": lambda when: True,
            "session": lambda when: self._terminal.tally.sessions > self._since.sessions,
            "no_session": lambda when: not self._terminal.in_session,
            "turn": self._turn,
            "request": self._request,
            "stage": self._stage,
            "outcome": self._outcome,
            "status": self._status,
            "confirmed": self._confirmed,
            "boot": lambda when: self._terminal.tally.boots > self._since.boots,
            "idle": lambda when: not self._terminal.counter.busy,
            "acknowledged": lambda when: self._terminal.met and self.acknowledged,
            "settled": lambda when: self._settled > self._since.settled,
            "closed": lambda when: any(
                day.closed and day.day.isoformat() == when.argument for day in self._terminal.log.days
            ),
            "played": lambda when: self._terminal.trade.finished,
        }

    def mark(self) -> None:
        """A step was done: what happens from now on is news to the next."""
        self._since = self._marks()

    def is_true(self, when: When) -> bool:
        """What it waits for has happened; its `plus_ms` are another matter."""
        return self._triggers[when.trigger](when)

    @property
    def time(self) -> int:
        """Simulated, ms UTC."""
        return self._terminal.clock.time(self._station.uptime(self.now))

    def has_come(self, at: int | None) -> bool:
        return at is None or self.time >= at

    @property
    def acknowledged(self) -> bool:
        return self._terminal.log.acknowledged == self._terminal.log.last_written

    def asked(self, label: str) -> Asked | None:
        """The request of that label: requests are told from each other by their order."""
        asked = self._terminal.tally.asked
        place = self._money.index(label) if label in self._money else len(asked)
        return asked[place] if place < len(asked) else None

    def ended(self, entry: Entry) -> bool:
        """At the terminal: there is an outcome, or it was refused."""
        tally = self._terminal.tally
        if not entry.is_money:
            before = [one for one in self.turns[: self.turns.index(entry)] if one.do == entry.do]
            return len(before) < (tally.settles if entry.do == "settle" else tally.applications)
        asked = self.asked(entry.label)
        if asked is None:
            return False
        if entry.values.get("outcome") == "unknown":
            return not self._terminal.counter.busy
        return self._has_ended(asked)

    def _has_ended(self, asked: Asked) -> bool:
        book, reference = self._terminal.book, asked.reference
        if not self._terminal.trade.told:  # a wire of tickets: no log knows them
            forgotten = asked.boots < self._terminal.tally.boots and not self._terminal.counter.busy
            return bool(asked.told) or forgotten
        if asked.told == REFUSED or book.holds(reference) or self._terminal.log.is_fenced(reference):
            return True
        return book.reversal(reference) is not None

    # -- triggers ------------------------------------------------------------------------------------------------------

    def _turn(self, when: When) -> bool:
        labels = [entry.label for entry in self.turns[: self.told]]
        return when.label in labels if when.label else self.told > self.passed

    def _request(self, when: When) -> bool:
        if when.label:
            return self.asked(when.label) is not None
        return len(self._terminal.tally.asked) > self._since.asked

    def _stage(self, when: When) -> bool:
        counter = self._terminal.counter
        asked = self.asked(when.label) if when.label else None
        whose = not when.label or (asked is not None and asked.reference == counter.reference)
        return counter.doing is not None and counter.doing[0] == when.argument and whose

    def _outcome(self, when: When) -> bool:
        return self.ended(self._entries[when.label]) if when.label else self._ends > self._since.ended

    def _status(self, when: When) -> bool:
        if when.label:
            return (asked := self.asked(when.label)) is not None and asked.statuses > 0
        return self._terminal.tally.statuses > self._since.statuses

    def _confirmed(self, when: When) -> bool:
        if when.label:
            return (asked := self.asked(when.label)) is not None and asked.reference in self._terminal.log.confirmed
        return self._terminal.tally.confirms > self._since.confirms

    # -- counted -------------------------------------------------------------------------------------------------------

    def _marks(self) -> _Marks:
        tally = self._terminal.tally
        return _Marks(
            sessions=tally.sessions,
            asked=len(tally.asked),
            ended=self._ends,
            statuses=tally.statuses,
            confirms=tally.confirms,
            boots=tally.boots,
            settled=self._settled,
        )

    @property
    def _settled(self) -> int:
        log = self._terminal.log
        return log.settled + sum(day.closed for day in log.days)

    @property
    def _ends(self) -> int:
        return sum(self._has_ended(asked) for asked in self._terminal.tally.asked)
