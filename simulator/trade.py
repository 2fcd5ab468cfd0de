"""Trade: carries out the planned days one step at a time, so that log and ledger are the same however often it is killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from protocol.messages import (
    DeviceEvent,
    DeviceEventKind,
    Fee,
    FeeType,
    Message,
    Severity,
    Transaction,
)
from protocol.money import Money
from simulator.acquirer import Acquirer, Charge
from simulator.clock import SHANGHAI, SimulatedClock, closing, opening
from simulator.errors import SimulatorError
from simulator.identity import Identity
from simulator.ledger import Ledger
from simulator.log import LoggedDay, TerminalLog
from simulator.plan import FEE_DELAY_MS, Step, day_plan
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
    """Writes each transaction and its fee line to the log, then to the ledger. Every `now` is monotonic ms.

    encode, decode: the dialect's codec. At each start it goes on where the log ends; SimulatorError where the calendar
    does not fit what the log holds.
    """

    def __init__(
        self,
        *,
        profile: Profile,
        seed: int,
        identity: Identity,
        calendar: Calendar,
        log: TerminalLog,
        ledger: Ledger,
        clock: SimulatedClock,
        encode: Callable[[Message], bytes],
        decode: Callable[[bytes], Message],
    ) -> None:
        self._profile = profile
        self._seed = seed
        self._identity = identity
        self._calendar = calendar
        self._log = log
        self._ledger = ledger
        self._clock = clock
        self._encode = encode
        self._decode = decode
        self._acquirer = Acquirer(profile)
        self._days = self._days_to_play()
        self._steps: tuple[Step, ...] = ()
        self._next = 0

    @property
    def finished(self) -> bool:
        """Every day is closed."""
        return not self._days

    @property
    def deadline(self) -> int | None:
        """The monotonic ms at which the next step, or the shop's closing, is due; None if only an acknowledgement can be."""
        if self.finished:
            return None
        return self._clock.due(self._steps[self._next].at if self._next < len(self._steps) else closing(self._days[0]))

    def start(self, boot_id: str, now: int) -> None:
        """Boot: make the ledger anew from the log, finish a step that a crash cut in two, and log a reboot if it was one."""
        torn = self._replay()
        if not self.finished and not (self._log.days and not self._log.days[-1].closed):
            self._log.open_day(self._days[0], self._calendar.transactions)
        self._plan_day()
        if torn is not None:
            self._next -= 1
            self._take_step(torn)
        self._ledger.publish()
        self._clock.jump(self._resumed_at(), now, closing(self._log.days[-1].day))
        self._log.boot(boot_id)
        if self._log.boots > 1:
            at = self._clock.time(now)
            kind, severity, detail = DeviceEventKind.REBOOT, Severity.INFO, f"boot {self._log.boots}"
            number = self._log.last_written + 1
            reboot = DeviceEvent(number=number, at=at, kind=kind, severity=severity, code="REBOOT", detail=detail)
            self._log.add(self._encode(reboot))

    def run(self, now: int) -> None:
        """Take every step that is due: by the clock, or at speed 0 by what is not yet acknowledged."""
        while self._days:
            due = self._steps[self._next].at if self._next < len(self._steps) else closing(self._days[0])
            if self._clock.speed == 0:
                if self._log.last_written - self._log.acknowledged >= UNACKNOWLEDGED_AHEAD:
                    return
                self._clock.jump(due, now, closing(self._days[0]))
            elif self._clock.time(now) < due:
                return
            if self._next < len(self._steps):
                self._take_step()
            else:
                self._end_day(now)

    # -- one step ------------------------------------------------------------------------------------------------------

    def _take_step(self, logged: Transaction | None = None) -> None:
        """Log the next step and enter it in the ledger. logged: its transaction, where only the fee line is missing."""
        step = self._steps[self._next]
        charge = self._charge(step)
        transaction = logged or self._transaction(step, self._log.last_written + 1)
        fee = Fee(
            number=transaction.number + 1,
            at=step.at + FEE_DELAY_MS,
            type=FeeType.MDR,
            amount=Money(charge.amount_minor),
            transaction=step.reference,
            rule=charge.rule,
        )
        unlogged: list[Message] = [fee] if logged else [transaction, fee]
        self._log.add(*map(self._encode, unlogged))
        self._ledger.record(transaction, fee)
        self._next += 1

    def _charge(self, step: Step) -> Charge:
        return self._acquirer.charge(
            reference=step.reference,
            kind=step.kind,
            outcome=step.outcome,
            product=step.product,
            amount_minor=step.amount_minor,
            day=datetime.fromtimestamp(step.at // 1000, SHANGHAI).date(),
            original_reference=step.original_reference,
        )

    def _transaction(self, step: Step, number: int) -> Transaction:
        return Transaction(
            number=number,
            at=step.at,
            reference=step.reference,
            kind=step.kind,
            outcome=step.outcome,
            amount=Money(step.amount_minor),
            product=step.product,
            trace=step.trace,
            batch=step.batch,
            mid=self._identity.mid,
            tid=self._identity.tid,
            terminal_time=step.at,
            entry_mode=step.entry_mode,
            settlement_mode=self._profile.settlement_mode,
            response_code=step.response_code,
            scheme=step.scheme,
            masked_pan=step.masked_pan,
            card_token=step.card_token,
            rrn=step.rrn,
            auth_code=step.auth_code,
            mcc=self._profile.mcc,
            merchant_name=self._profile.merchant_name,
            operator=step.operator,
            original_reference=step.original_reference,
        )

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
        """The steps of the day that is open, those done already skipped (and the acquirer told of them)."""
        self._steps, self._next = (), 0
        if self.finished:
            return
        self._steps = day_plan(self._profile, self._seed, self._days[0], self._calendar.transactions)
        self._next = sum(isinstance(message, Transaction) for message in self._messages(self._log.days[-1]))
        for step in self._steps[: self._next]:
            self._charge(step)

    def _end_day(self, now: int) -> None:
        ended = self._days.pop(0)
        self._log.close_day()
        self._ledger.close_day(ended)
        if self._days:
            self._log.open_day(self._days[0], self._calendar.transactions)
            self._plan_day()
            self._clock.jump(opening(self._days[0]), now, closing(self._days[0]))

    def _messages(self, logged: LoggedDay) -> Iterator[Message]:
        later = [d.before for d in self._log.days if d.day > logged.day]
        for number in range(logged.before + 1, min(later, default=self._log.last_written) + 1):
            yield self._decode(self._log.event(number))

    def _replay(self) -> Transaction | None:
        """Tell the ledger what the log holds; returns the last transaction if its fee line is missing."""
        waiting: Transaction | None = None
        for logged in self._log.days:
            for message in self._messages(logged):
                if isinstance(message, Transaction):
                    waiting = message
                elif isinstance(message, Fee) and waiting is not None:
                    self._ledger.record(waiting, message)
                    waiting = None
            if logged.closed:
                self._ledger.close_day(logged.day)
        return waiting

    def _resumed_at(self) -> int:
        """Where simulated time goes on: at the last event of the open day, at its opening, or after the last closing."""
        logged = self._log.days[-1]
        if self.finished or logged.closed:
            return closing(logged.day)
        stamps = [m.at for m in self._messages(logged) if isinstance(m, Transaction | Fee | DeviceEvent)]
        return max(stamps, default=opening(logged.day))
