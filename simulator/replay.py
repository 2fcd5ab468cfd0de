"""A log read at a start: the acquirer and the ledger are told again what happened, in the order in which it did."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import date

from protocol.messages import DepositUpdate, Fee, Message, Settlement, TariffNotice, Transaction
from simulator.acquirer import Acquirer
from simulator.clock import closing, local_date
from simulator.host import Deed
from simulator.ledger import Ledger
from simulator.log import Mark, TerminalLog
from simulator.plan import batch_of
from simulator.sayings import Sayings
from simulator.tariffs import notice_of


class Replay:
    """deeds: the host's, in order. What the log should hold next and does not is left with `sayings`, to be said."""

    def __init__(
        self, *, log: TerminalLog, ledger: Ledger, acquirer: Acquirer, sayings: Sayings, deeds: Iterable[Deed]
    ) -> None:
        self._log = log
        self._ledger = ledger
        self._acquirer = acquirer
        self._sayings = sayings
        self._deeds = deque(deeds)
        self._marks = deque(log.marks)
        self._closed = 0
        self._settled = 0

    def take(self, number: int, message: Message | None) -> None:
        """The next event; None: one that cannot be understood. A transaction's fees are the caller's to expect, after it."""
        self.pass_marks(number)
        self._tell_host(number - 1)
        match message:
            case Settlement(page=1) if self._acquirer.clearing.open:  # no mark closed it: the day's end did
                day = next(day.day for day in reversed(self._log.days) if day.before < number)
                self._sayings.settle(message.batch, day, closing(day))
                self._sayings.found(message)
            case DepositUpdate():
                self._sayings.word(message.at)
                self._sayings.found(message)
            case Transaction() | Fee() | TariffNotice() | Settlement():
                self._sayings.found(message)

    def pass_marks(self, number: int | None = None) -> None:
        """The lines before an event; without one, all that are left."""
        while self._marks and (number is None or self._marks[0].after < number):
            self._pass(self._marks.popleft())

    def end(self) -> None:
        """The log is read and completed."""
        self._tell_host(None)

    def _pass(self, mark: Mark) -> None:
        match mark.record:
            case {"day": str(text)}:
                self._sayings.morning(date.fromisoformat(text))
            case {"settled": str(batch), "at": int(at)}:
                self._sayings.settle(batch, local_date(at), at)
            case {"lies": list(lies)}:
                self._acquirer.arm(lies)
            case {"notice": dict(record), "at": int(at)}:
                self._sayings.announced(notice_of(record), at)
            case {"deposit": dict(record)}:
                self._ledger.note(self._acquirer.deposits.take(record))
            case {"closed": str(text)}:
                day = date.fromisoformat(text)
                self._sayings.settle_unsaid(batch_of(day, self._settled), day, closing(day))
                self._tell_host(mark.after)
                self._ledger.close_day(day)
                self._closed += 1
        self._settled += "settled" in mark.record

    def _tell_host(self, event: int | None) -> None:
        """Into the ledger, what the host did while the log held so many events and closed days; None: all the rest."""
        deeds = self._deeds
        while deeds and (event is None or (deeds[0].closings, deeds[0].event) <= (self._closed, event)):
            deed = deeds.popleft()
            if not deed.late:
                self._ledger.host(deed)
