"""The terminal's book: enters every transaction, the calendar's and the counter's, with its fee line, and finds it again.

What is entered stands in the log first and in the ledger then. The log's messages are in the native wire's words, whatever
wire the terminal is on: they are what it remembers itself by.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from protocol.errors import NotUnderstood
from protocol.messages import (
    DepositReturn,
    DepositStatus,
    DeviceEvent,
    Message,
    Outcome,
    Transaction,
    TransactionKind,
)
from protocol.money import CNY, Money
from simulator.acquirer import Acquirer
from simulator.clock import closing, local_date, opening
from simulator.deposits import plan_named
from simulator.host import APPROVED, Host
from simulator.identity import Identity, plate
from simulator.ledger import Ledger
from simulator.lies import Lie
from simulator.log import LoggedDay, TerminalLog
from simulator.outcomes import answered, taken_back
from simulator.plan import Step, batch_of, planned_traces, trace_after
from simulator.profile import Profile
from simulator.replay import Replay
from simulator.sayings import Sayings
from simulator.slip import transaction_of
from simulator.tariffs import Notice

# ISO 8583 field 39
INVALID_TRANSACTION = "12"
INVALID_AMOUNT = "13"


class Book:
    """encode, decode: the native codec. Amounts in minor units."""

    def __init__(
        self,
        *,
        profile: Profile,
        seed: int,
        identity: Identity,
        log: TerminalLog,
        ledger: Ledger,
        encode: Callable[[Message], bytes],
        decode: Callable[[bytes], Message],
        host: Host,
        currency: int = CNY,
        lies: tuple[str, ...] = (),
        deposit_plan: str | None = None,
    ) -> None:
        Acquirer(profile).check(lies)  # refused before anything is written
        self._deposit_plan = plan_named(deposit_plan or profile.deposit.plan)
        self._currency = currency
        self._lies = lies
        self._profile = profile
        self._seed = seed
        self._identity = identity
        self._log = log
        self._ledger = ledger
        self._encode = encode
        self._decode = decode
        self.host = host
        self._forget()

    def _forget(self) -> None:
        self._acquirer = Acquirer(
            self._profile, terminal=self._identity.terminal, seed=self._seed, currency=self._currency
        )
        self._acquirer.deposits.plan = self._deposit_plan
        self._sayings = Sayings(acquirer=self._acquirer, log=self._log, ledger=self._ledger, encode=self._encode)
        self._numbers: dict[str, int] = {}  # reference -> event number
        self._given_back: dict[str, int] = {}  # of a sale's reference, in refunds
        self._voided: set[str] = set()
        self._reversed: dict[str, int] = {}  # reference that was taken back -> event number of its reversal
        self._pending: Transaction | None = None  # begun, without an outcome yet
        self._sales: dict[str, str] = {}  # of the open batch, approved and not voided: trace -> reference
        self._sum = 0  # of these
        self._planned = range(0)  # the traces of the open day's planned transactions
        self._asked_today = 0  # transactions beyond them
        self.last_sale: str | None = None
        """The reference of the last approved sale."""
        self.last_at = 0
        """The latest time in the log (ms UTC)."""

    # -- what stands in it ---------------------------------------------------------------------------------------------

    def find(self, reference: str) -> Transaction | None:
        """The transaction of that reference."""
        number = self._numbers.get(reference)
        return None if number is None else self._read(self._log.event(number))

    def begun(self, reference: str) -> Transaction | None:
        """What was sent to the host under that reference, with or without an outcome: its amount is what was asked for."""
        message = self._log.begun(reference)
        return None if message is None else self._read(message)

    def reversal(self, reference: str) -> Transaction | None:
        """The reversal by which that reference was taken back."""
        number = self._reversed.get(reference)
        return None if number is None else self._read(self._log.event(number))

    def _read(self, message: bytes) -> Transaction:
        found = self._decode(message)
        assert isinstance(found, Transaction)  # nothing else is counted in
        return found

    def holds(self, reference: str) -> bool:
        return reference in self._numbers

    def sale_by_trace(self, trace: str) -> Transaction | None:
        """An approved sale of the open batch that was not voided."""
        reference = self._sales.get(trace)
        return None if reference is None else self.find(reference)

    def is_voided(self, reference: str) -> bool:
        return reference in self._voided

    @property
    def batch(self) -> str:
        """The number of the open batch."""
        return self._batch_on(self._log.days[-1])

    def _batch_on(self, logged: LoggedDay) -> str:
        """After its closing a day's batch is settled, and the next day's is open."""
        day = logged.day + timedelta(days=1) if logged.closed else logged.day
        return batch_of(day, self._log.settled)

    @property
    def totals(self) -> tuple[int, int]:
        """Count and sum of the approved sales in the open batch; voided ones are none."""
        return len(self._sales), self._sum

    @property
    def next_number(self) -> int:
        """The event number of the next transaction."""
        return self._log.last_written + 1

    @property
    def next_trace(self) -> str:
        """The trace of the counter's next transaction: the day's planned ones have theirs already."""
        return trace_after(self._planned, self._asked_today)

    def refusal(self, kind: TransactionKind, original: Transaction, amount: Money) -> str | None:
        """Why money cannot go back on that original: an ISO 8583 response code, or None.

        Only on an approved sale that was not voided. Void: whole, nothing refunded yet, and in the open batch. Refund: at
        most what remains.
        """
        reference = original.reference
        if (
            original.kind is not TransactionKind.SALE
            or original.outcome is not Outcome.APPROVED
            or reference in self._voided
        ):
            return INVALID_TRANSACTION
        remaining = self.remaining(original) - self._reserved(reference)
        if amount.currency != original.amount.currency or not 0 < amount.minor <= remaining:
            return INVALID_AMOUNT
        if kind is TransactionKind.VOID:
            if original.batch != self.batch:
                return INVALID_TRANSACTION
            if amount != original.amount:
                return INVALID_AMOUNT
        return None

    def remaining(self, sale: Transaction) -> int:
        """What can go back on it, in minor units; what the host is being asked for still counted."""
        return sale.amount.minor - self._given_back.get(sale.reference, 0)

    def _reserved(self, sale: str) -> int:
        """Of what can go back on a sale: what the host is being asked for."""
        pending = self._pending
        return pending.amount.minor if pending is not None and pending.original_reference == sale else 0

    # -- what is entered -----------------------------------------------------------------------------------------------

    def begin(self, step: Step) -> Transaction | None:
        """BEGIN, before the host is asked: the transaction as far as it is known; None for a reference that was fenced."""
        draft = self._transaction(step, self.next_number)
        if not self._log.begin(step.reference, self._encode(draft)):
            return None
        self._pending = draft
        return draft

    def finish(
        self, draft: Transaction, *, code: str, amount_minor: int, auth_code: str | None, at: int
    ) -> Transaction:
        """The host's answer to what was begun: the transaction that is logged, and its fee line."""
        done = answered(
            draft, number=self.next_number, code=code, amount_minor=amount_minor, auth_code=auth_code, at=at
        )
        self._pending = None
        self._complete(done)
        return done

    def reverse(self, draft: Transaction, *, code: str, at: int, now: int) -> Transaction:
        """Take back what was begun and has no outcome: the host is told, and the reversal is logged."""
        self.host.reverse(draft, now)
        done = taken_back(draft, number=self.next_number, code=code, at=at)
        self._pending = None
        self._complete(done)
        return done

    def reverse_unfinished(self, *, at: int, now: int) -> None:
        """At boot: every BEGIN without an outcome; the host is told what it could not hear."""
        for reference in self._log.begins:
            if reference not in self._numbers and reference not in self._reversed:
                draft = self.begun(reference)
                assert draft is not None  # it stands there
                self.reverse(draft, code=APPROVED, at=max(at, self.last_at), now=now)
        self.tell_host(now)

    def tell_host(self, now: int) -> None:
        """Of what was taken back while it could not be reached."""
        for reference in self._reversed:
            if self.host.awaits_reversal(reference) and (draft := self.begun(reference)) is not None:
                self.host.reverse(draft, now)

    def charged_late(self, draft: Transaction) -> Lie | None:
        """The lie by which a sale is approved after it was given up, if it is its turn."""
        told = sum(deed.late and deed.lie is not None for deed in self.host.deeds())
        turn = self._acquirer.lies.now(draft.reference, local_date(draft.at), Lie.LATE_APPROVAL)
        return Lie.LATE_APPROVAL if any(one.count is None or told < one.count for one in turn) else None

    def enter(self, step: Step) -> Transaction:
        """Do it: a transaction and its fee line."""
        transaction = self._transaction(step, self.next_number)
        if step.kind is TransactionKind.REFUND and step.outcome is Outcome.APPROVED:
            sale = self.find(step.original_reference or "")
            assert sale is not None  # it was refused else
            transaction = self._acquirer.falsified.refund(transaction, self.remaining(sale))
        self._complete(transaction)
        return transaction

    def note(self, event: Callable[[int], DeviceEvent], tail: bytes = b"") -> None:
        """Log what happened to the device. event: made from its number. tail: more bytes, which nobody may understand."""
        self._log.add(self._encode(event(self._log.last_written + 1)) + tail)

    def open_day(self, day: date, transactions: int) -> None:
        """What was sold since the last closing is settled; then the day begins with what the acquirer has to say."""
        if self._acquirer.clearing.open and self._log.days:
            self.settle(opening(day))
        self._log.open_day(day, transactions)
        self._plan_traces()
        self._open_batch()
        self._sayings.morning(day)
        self._say()

    def close_day(self) -> None:
        """Settle the open batch, then close the day."""
        day = self._log.days[-1].day
        self._sayings.settle(self.batch, day, closing(day))
        self._say()
        self._log.close_day()
        self._open_batch()
        self._ledger.close_day(day)

    def settle(self, at: int) -> str:
        """Close the open batch; its number. at: ms UTC."""
        batch = self.batch
        at = max(at, self.last_at)
        self._log.settle(batch, at)
        self._open_batch()
        self._sayings.settle(batch, local_date(at), at)
        self._say()
        return batch

    def _say(self) -> None:
        before = self._log.last_written
        self._sayings.say()
        if self._log.last_written > before:
            last = self._decode(self._log.event(self._log.last_written))
            self.last_at = max(self.last_at, getattr(last, "at", 0))

    # -- the acquirer's own --------------------------------------------------------------------------------------------

    @property
    def acquirer(self) -> Acquirer:
        """Another one after each `replay`."""
        return self._acquirer

    def arm(self, lies: tuple[str, ...]) -> None:
        """The acquirer tells these lies from now on, and no others. Raises SimulatorError."""
        self._sayings.arm(lies)
        self._lies = lies

    def apply(self, asked: DepositReturn, at: int) -> DepositStatus | None:
        """An application for the deposit's return, once however often it comes; None: not now. ValueError: not this one."""
        return self._sayings.apply(asked, max(at, self.last_at))

    def plan_deposit(self, name: str) -> None:
        """How the next return of the deposit goes, until the simulator ends. Raises SimulatorError."""
        self._deposit_plan = self._acquirer.deposits.plan = plan_named(name)

    def announce(self, notice: Notice, at: int) -> None:
        """The acquirer announces a rate now: a TARIFF_NOTICE for each product. What is charged is another matter."""
        self._sayings.announce(notice, max(at, self.last_at))
        self._say()

    @property
    def word_due(self) -> int | None:
        """When the acquirer has something to say between two steps of the open day (ms UTC), or None."""
        return self._sayings.due(self._log.days[-1].day) if self._log.days else None

    def say_word(self) -> None:
        """What `word_due` said."""
        self._sayings.word(max(self.last_at, opening(self._log.days[-1].day)))
        self._say()

    # -- at the start --------------------------------------------------------------------------------------------------

    def replay(self) -> None:
        """At the start: read the log, tell the ledger, and complete what a crash cut off."""
        self._forget()
        self._ledger.restart()
        if self._log.days:
            self._plan_traces()
        replay = Replay(
            log=self._log, ledger=self._ledger, acquirer=self._acquirer, sayings=self._sayings, deeds=self.host.deeds()
        )
        for number in range(1, self._log.last_written + 1):
            try:
                message: Message | None = self._decode(self._log.event(number))
            except NotUnderstood:  # it was told on purpose (Device.say_unreadable)
                message = None
            self.last_at = max(self.last_at, getattr(message, "at", 0))
            replay.take(number, message)
            if isinstance(message, Transaction):
                self._sayings.expect_fees(message, self._take)
        self._sayings.expect_unasked(self._trace_after, self._take)
        replay.pass_marks()
        self._say()
        replay.end()
        if self._lies and self._lies != self._acquirer.lies.texts:
            self.arm(self._lies)

    def _complete(self, transaction: Transaction) -> None:
        self._sayings.expect(transaction)
        self._sayings.expect_fees(transaction, self._take)
        self._sayings.expect_unasked(self._trace_after, self._take)
        self._sayings.say()

    def _trace_after(self, last: Transaction) -> str:
        """The next trace, that transaction's counted, which may not be taken yet."""
        waiting = int(last.trace) not in self._planned and not self.holds(last.reference)
        return trace_after(self._planned, self._asked_today + waiting)

    def _take(self, transaction: Transaction, at: int) -> None:
        """What is in the log and in the ledger is found again. at: of its last fee line."""
        reference, amount = transaction.reference, transaction.amount.minor
        self.last_at = max(self.last_at, at)
        if transaction.kind is TransactionKind.REVERSAL:
            self._reversed[transaction.original_reference or ""] = transaction.number
        else:
            self._numbers[reference] = transaction.number
        if transaction.number > self._log.days[-1].before and int(transaction.trace) not in self._planned:
            self._asked_today += 1
        if transaction.outcome is not Outcome.APPROVED or transaction.kind is TransactionKind.REVERSAL:
            return
        original = transaction.original_reference or ""
        if transaction.kind is TransactionKind.REFUND:
            self._given_back[original] = self._given_back.get(original, 0) + amount
        elif transaction.kind is TransactionKind.VOID:
            self._voided.add(original)
            sale = self.find(original)
            if sale is not None and self._sales.get(sale.trace) == original:
                del self._sales[sale.trace]
                self._sum -= amount
        else:
            self.last_sale = reference
            if transaction.batch == self.batch:
                self._sales[transaction.trace] = reference
                self._sum += amount

    def _plan_traces(self) -> None:
        day = self._log.days[-1]
        self._planned = planned_traces(self._profile, self._seed, day.day, day.transactions)
        self._asked_today = 0

    def _open_batch(self) -> None:
        self._sales.clear()
        self._sum = 0

    def _transaction(self, step: Step, number: int) -> Transaction:
        now = plate(self._identity, self._profile, self._log.changed)
        done = transaction_of(step, number, now, self._profile.settlement_mode)
        return self._acquirer.falsified.under_whom(done)
