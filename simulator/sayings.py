"""What the acquirer has to say next, in order: logged at once in trade, and at a start first looked for in the log.

So a crash between two lines of one saying loses nothing and doubles nothing: what the log lacks at its end is added.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

from protocol.messages import (
    DepositReturn,
    DepositStatus,
    DepositUpdate,
    Fee,
    Message,
    Settlement,
    TariffNotice,
    Transaction,
)
from protocol.money import Money
from simulator.acquirer import Acquirer
from simulator.clock import opening
from simulator.ledger import Ledger
from simulator.log import TerminalLog
from simulator.plan import FEE_DELAY_MS, MORE_FEES_MS
from simulator.tariffs import Notice

Said = Transaction | Fee | TariffNotice | Settlement | DepositUpdate


@dataclass(frozen=True, slots=True)
class _Saying:
    message: Said  # its number still to come
    then: Callable[[Said], None] | None  # once it stands in the log


class Sayings:
    """encode: the native codec."""

    def __init__(
        self, *, acquirer: Acquirer, log: TerminalLog, ledger: Ledger, encode: Callable[[Message], bytes]
    ) -> None:
        self._acquirer = acquirer
        self._log = log
        self._ledger = ledger
        self._encode = encode
        self._waiting: deque[_Saying] = deque()
        self._unasked: tuple[Transaction, Transaction] | None = None

    def expect(self, message: Said, then: Callable[[Said], None] | None = None) -> None:
        """This comes next. then: called with it, numbered, once it is in the log."""
        self._waiting.append(_Saying(message, then))

    def say(self) -> None:
        """Log what is expected, in one write."""
        said, self._waiting = list(self._waiting), deque()
        if not said:
            return
        first = self._log.last_written + 1
        messages = [replace(one.message, number=first + place) for place, one in enumerate(said)]
        self._log.add(*map(self._encode, messages))
        for one, message in zip(said, messages, strict=True):
            if one.then is not None:
                one.then(message)

    def found(self, message: Said) -> None:
        """The log holds this next. What else was expected an older simulator never said: it is passed over."""
        while self._waiting and type(self._waiting[0].message) is not type(message):
            passed = self._waiting.popleft()
            if passed.then is not None and isinstance(passed.message, Fee):
                passed.then(replace(passed.message, number=message.number))
        if self._waiting and (then := self._waiting.popleft().then) is not None:
            then(message)

    # -- of a transaction ----------------------------------------------------------------------------------------------

    def expect_fees(self, transaction: Transaction, then: Callable[[Transaction, int], None]) -> None:
        """Its fee lines come next. then: with it and the time of the last one (ms UTC), once that and the ledger have it."""
        charges, truth = self._acquirer.charge(transaction), self._acquirer.truth

        def take(last: Said) -> None:
            self._ledger.record(transaction, charges, truth)
            then(transaction, last.at)

        for place, charge in enumerate(charges):
            fee = Fee(
                number=0,
                at=transaction.at + FEE_DELAY_MS + place * MORE_FEES_MS,
                type=charge.type,
                amount=Money(charge.amount_minor, transaction.amount.currency),
                transaction=transaction.reference,
                rule=charge.rule,
            )
            self.expect(fee, take if place == len(charges) - 1 else None)
        made = self._acquirer.falsified.follows(transaction)
        self._unasked = None if made is None else (transaction, made)

    def expect_unasked(self, trace: Callable[[Transaction], str], then: Callable[[Transaction, int], None]) -> None:
        """What the acquirer makes up after the last transaction comes next, with its fees; `found` there, it comes no more.

        trace: of what comes after that one. then: as above.
        """
        unasked, self._unasked = self._unasked, None
        if unasked is not None:
            after, made = unasked
            made = self._acquirer.falsified.traced(made, number=self._next_number, trace=trace(after))
            self.expect(made)
            self.expect_fees(made, then)

    @property
    def _next_number(self) -> int:
        return self._log.last_written + len(self._waiting) + 1

    # -- of its own accord ---------------------------------------------------------------------------------------------

    def arm(self, lies: tuple[str, ...]) -> None:
        """Tell these lies from now on, and no others. Raises SimulatorError."""
        self._acquirer.arm(lies)
        self._log.mark({"lies": list(lies)})

    def announce(self, notice: Notice, at: int) -> None:
        """A notice between two mornings, at ms UTC."""
        self._log.mark({"notice": notice.record(), "at": at})
        self.announced(notice, at)

    def announced(self, notice: Notice, at: int) -> None:
        """Its mark is in the log: it comes next."""
        for message, row in self._acquirer.announced(notice, at):
            self.expect(message, lambda said, row=row: self._ledger.note(row, said))  # type: ignore[misc]

    def apply(self, asked: DepositReturn, at: int) -> DepositStatus | None:
        """An application for the deposit's return, once however often it comes; None: not now. ValueError: not this one."""
        deposits, request = self._acquirer.deposits, asked.request_id
        known = deposits.known(asked.reference, asked.amount, asked.application, request)
        if known is not None:
            return known
        record = deposits.application(asked.reference, asked.amount, asked.application, at)
        if record is None:
            return None
        self._log.mark({"deposit": record})
        self._ledger.note(deposits.take(record))
        return deposits.status(record["ticket"], request)

    def morning(self, day: date) -> None:
        """A day was opened: what the bank credited stands in the ledger, what is announced or taken comes next."""
        for row in self._acquirer.clearing.credits(day):
            self._ledger.note(row)
        for message, row in self._acquirer.morning(day):
            self.expect(message, lambda said, row=row: self._ledger.note(row, said))  # type: ignore[misc]

    def settle(self, batch: str, day: date, at: int) -> None:
        """A batch was closed: its settlement comes next, or is kept back. at: ms UTC."""
        settled = self._acquirer.settle(batch, day, at)
        if settled is None:
            return
        if not settled.pages:
            self._ledger.note(settled.row)
        for page in settled.pages:
            self.expect(page, (lambda _: self._ledger.note(settled.row)) if page.page == 1 else None)

    def settle_unsaid(self, batch: str, day: date, at: int) -> None:
        """As settle, of a batch whose settlement is not in the log and cannot come any more."""
        settled = self._acquirer.settle(batch, day, at)
        if settled is not None and not settled.pages:
            self._ledger.note(settled.row)

    def word(self, not_before: int) -> None:
        """The provider's next word on a deposit comes next."""
        update, rows = self._acquirer.deposits.word(not_before)

        def tell(_: Said) -> None:
            for row in rows:
                self._ledger.note(row)

        self.expect(update, tell)

    def due(self, day: date) -> int | None:
        """When the provider's next word comes (ms UTC), not before that day's opening."""
        at = self._acquirer.deposits.next_at
        return None if at is None else max(at, opening(day))
