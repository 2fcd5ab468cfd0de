"""Trade: carries out the planned days one step at a time, so that log and ledger are the same however often it is killed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from protocol.messages import Outcome, TransactionKind
from protocol.money import Money
from simulator.book import INVALID_TRANSACTION, Book
from simulator.clock import SimulatedClock, closing, opening
from simulator.errors import SimulatorError
from simulator.host import RESPONSES
from simulator.ledger import Ledger
from simulator.log import TerminalLog
from simulator.plan import Step, day_plan
from simulator.profile import Profile

UNACKNOWLEDGED_AHEAD = 64
"""At speed 0 the next step waits while so many events are unacknowledged: the line sets the pace."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days to play: `days` from `first`, each with so many transactions."""

    first: date
    days: int
    transactions: int

    def dates(self) -> list[date]:
        return [self.first + timedelta(days=i) for i in range(self.days)]


class Trade:
    """Enters each planned transaction in the book when it is due. Every `now` is monotonic ms.

    told: the wire has words for events. Where it has none, nobody acknowledges any, and at speed 0 the day does not end.
    At each start it goes on where the log ends; SimulatorError where the calendar does not fit what the log holds.
    """

    def __init__(
        self,
        *,
        profile: Profile,
        seed: int,
        calendar: Calendar,
        log: TerminalLog,
        ledger: Ledger,
        book: Book,
        clock: SimulatedClock,
        told: bool = True,
    ) -> None:
        self._profile = profile
        self._seed = seed
        self._calendar = calendar
        self._log = log
        self._ledger = ledger
        self._book = book
        self._clock = clock
        self.told = told
        self._days = self._days_to_play()
        self._steps: tuple[Step, ...] = ()
        self._next = 0
        self.gate: Callable[[int], bool] = lambda due: True
        """Asked before anything is done, with the simulated time it is due at: False while the calendar is to stand."""
        self.hurries = False
        """What is due passes at once, as at speed 0, at whatever pace the counter is."""

    @property
    def finished(self) -> bool:
        """Every day is closed."""
        return not self._days

    @property
    def played(self) -> int:
        """How many planned transactions of the open day are done."""
        return self._next

    @property
    def deadline(self) -> int | None:
        """The monotonic ms at which the next step, or the shop's closing, is due; None if only an acknowledgement can be."""
        if self.finished or self.hurries or not self.gate(self._due):
            return None
        return self._clock.due(self._due)

    @property
    def due(self) -> int | None:
        """The simulated time of what is done next; None where nothing will be."""
        return None if self.finished or not self.told else self._due

    @property
    def _due(self) -> int:
        """The simulated time of the next step, of the acquirer's next word if that is sooner, or of the closing."""
        step = self._steps[self._next].at if self._next < len(self._steps) else closing(self._days[0])
        word = self._book.word_due
        return step if word is None else min(step, word)

    def start(self, boot_id: str, now: int) -> None:
        """Boot: make the ledger anew from the log, finish a step that a crash cut in two, and log the boot."""
        self._days = self._days_to_play()
        self._book.replay()
        if not self.finished and not (self._log.days and not self._log.days[-1].closed):
            self._book.open_day(self._days[0], self._calendar.transactions)
        self._plan_day()
        self._ledger.publish()
        at = max(self._resumed_at(), self._clock.time(now))  # a boot in the same process sets no clock back
        self._clock.jump(at, now, max(at, closing(self._log.days[-1].day)))
        self._log.boot(boot_id)

    def run(self, now: int) -> None:
        """Take every step that is due: by the clock, or at speed 0 by what is not yet acknowledged."""
        while self._days:
            due, word = self._due, self._book.word_due
            if not self.gate(due):
                return
            if self._clock.speed == 0 or self.hurries:
                if not self.told or self._log.last_written - self._log.acknowledged >= UNACKNOWLEDGED_AHEAD:
                    return
                self._clock.jump(max(due, self._clock.time(now)), now, closing(self._days[0]))
            elif self._clock.time(now) < due:
                return
            if word == due:
                self._book.say_word()
            elif self._next < len(self._steps):
                self._take_step(self._steps[self._next])
                self._next += 1
            else:
                self._end_day(now)

    def _take_step(self, step: Step) -> None:
        """As planned, but for a host that cannot be reached, and for what a register has asked in between: money that went
        back already does not go again."""
        if not self._book.host.reachable:
            step = replace(step, outcome=Outcome.DECLINED, response_code=RESPONSES[91].code, auth_code=None)
        elif step.kind is not TransactionKind.SALE and step.original_reference is not None:
            original = self._book.find(step.original_reference)
            amount = Money(step.amount_minor, step.currency)
            code = INVALID_TRANSACTION if original is None else self._book.refusal(step.kind, original, amount)
            if code is not None:
                step = replace(step, outcome=Outcome.DECLINED, response_code=code, auth_code=None)
        self._book.enter(replace(step, batch=self._book.batch))

    # -- days ----------------------------------------------------------------------------------------------------------

    def _days_to_play(self) -> list[date]:
        dates, logged = self._calendar.dates(), {d.day: d for d in self._log.days}
        last = self._log.days[-1] if self._log.days else None
        for day in dates:
            known = logged.get(day)
            if known is not None and known.transactions != self._calendar.transactions:
                raise SimulatorError(
                    f"The log holds {day} with {known.transactions} transactions, not {self._calendar.transactions}.",
                    "Start with the same number, or with another --state.",
                )
            if known is None and last is not None and day < last.day:
                raise SimulatorError(
                    f"The log is already at {last.day}: {day} cannot be played after it.",
                    "Choose a later --date, or another --state.",
                )
        if last is not None and not last.closed and last.day not in dates:
            raise SimulatorError(
                f"The day {last.day} in the log is not closed.", "Play it to its end first, or use another --state."
            )
        return [day for day in dates if day not in logged or not logged[day].closed]

    def _plan_day(self) -> None:
        """The steps of the day that is open, those done already skipped."""
        self._steps, self._next = (), 0
        if not self.finished:
            self._steps = day_plan(self._profile, self._seed, self._days[0], self._calendar.transactions)
            done = sum(self._book.holds(step.reference) for step in self._steps)
            self._next = min(len(self._steps), max(done, self._log.played))

    def _end_day(self, now: int) -> None:
        del self._days[0]
        self._book.close_day()
        if self._days:
            self._book.open_day(self._days[0], self._calendar.transactions)
            self._plan_day()
            self._clock.jump(opening(self._days[0]), now, closing(self._days[0]))

    def _resumed_at(self) -> int:
        """Where simulated time goes on: at the last event of the open day, at its opening, or after the last closing."""
        logged = self._log.days[-1]
        if self.finished or logged.closed:
            return closing(logged.day)
        return min(closing(logged.day), max(opening(logged.day), self._book.last_at))
