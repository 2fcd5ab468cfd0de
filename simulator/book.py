"""The terminal's book: enters every transaction, the calendar's and the counter's, with its fee line, and finds it again.

What is entered stands in the log first and in the ledger then. The log's messages are in the native wire's words, whatever
wire the terminal is on: they are what it remembers itself by.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from protocol.messages import DeviceEvent, Fee, FeeType, Message, Outcome, Transaction, TransactionKind
from protocol.money import Money
from simulator.acquirer import Acquirer
from simulator.clock import local_date
from simulator.identity import Identity
from simulator.ledger import Ledger
from simulator.log import TerminalLog
from simulator.plan import FEE_DELAY_MS, Step, batch_of, planned_traces, trace_after
from simulator.profile import Profile

# ISO 8583 field 39
APPROVED = "00"
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
    ) -> None:
        self._profile = profile
        self._seed = seed
        self._identity = identity
        self._log = log
        self._ledger = ledger
        self._encode = encode
        self._decode = decode
        self._acquirer = Acquirer(profile)
        self._numbers: dict[str, int] = {}  # reference -> event number
        self._given_back: dict[str, int] = {}  # of a sale's reference, in refunds
        self._voided: set[str] = set()
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
        if number is None:
            return None
        found = self._decode(self._log.event(number))
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
        return batch_of(self._log.days[-1].day, self._log.settled)

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
        remaining = original.amount.minor - self._given_back.get(reference, 0)
        if amount.currency != original.amount.currency or not 0 < amount.minor <= remaining:
            return INVALID_AMOUNT
        if kind is TransactionKind.VOID:
            if original.batch != self.batch:
                return INVALID_TRANSACTION
            if amount != original.amount:
                return INVALID_AMOUNT
        return None

    # -- what is entered -----------------------------------------------------------------------------------------------

    def enter(self, step: Step) -> Transaction:
        """Do it: a transaction and its fee line."""
        transaction = self._transaction(step, self.next_number)
        self._complete(transaction, logged=False)
        return transaction

    def note(self, event: Callable[[int], DeviceEvent]) -> None:
        """Log what happened to the device. event: made from its number."""
        self._log.add(self._encode(event(self._log.last_written + 1)))

    def open_day(self, day: date, transactions: int) -> None:
        self._log.open_day(day, transactions)
        self._plan_traces()
        self._open_batch()

    def close_day(self) -> None:
        self._log.close_day()
        self._ledger.close_day(self._log.days[-1].day)

    def settle(self) -> str:
        """Close the open batch; its number."""
        batch = self.batch
        self._log.settle(batch)
        self._open_batch()
        return batch

    def replay(self) -> None:
        """At the start: read the log, tell the ledger, and complete a transaction whose fee line a crash cut off."""
        if self._log.days:
            self._plan_traces()
        waiting: Transaction | None = None
        closings = [day for day in self._log.days if day.closed]
        for number in range(1, self._log.last_written + 1):
            while closings and closings[0].last is not None and closings[0].last < number:
                self._ledger.close_day(closings.pop(0).day)
            message = self._decode(self._log.event(number))
            if isinstance(message, Transaction | Fee | DeviceEvent):
                self.last_at = max(self.last_at, message.at)
            if isinstance(message, Transaction):
                waiting = message
            elif isinstance(message, Fee) and waiting is not None:
                self._take(waiting, message)
                waiting = None
        if waiting is not None:
            self._complete(waiting, logged=True)
        for day in closings:
            self._ledger.close_day(day.day)

    def _complete(self, transaction: Transaction, *, logged: bool) -> None:
        charge = self._acquirer.charge(
            reference=transaction.reference,
            kind=transaction.kind,
            outcome=transaction.outcome,
            product=transaction.product,
            amount_minor=transaction.amount.minor,
            day=local_date(transaction.at),
            original_reference=transaction.original_reference,
        )
        fee = Fee(
            number=transaction.number + 1,
            at=transaction.at + FEE_DELAY_MS,
            type=FeeType.MDR,
            amount=Money(charge.amount_minor, transaction.amount.currency),
            transaction=transaction.reference,
            rule=charge.rule,
        )
        unlogged: list[Message] = [fee] if logged else [transaction, fee]
        self._log.add(*map(self._encode, unlogged))
        self._take(transaction, fee)

    def _take(self, transaction: Transaction, fee: Fee) -> None:
        """What is in the log: into the ledger, and where it is found again."""
        self._ledger.record(transaction, fee)
        reference, amount = transaction.reference, transaction.amount.minor
        self.last_at = max(self.last_at, fee.at)
        self._numbers[reference] = transaction.number
        if transaction.number > self._log.days[-1].before and int(transaction.trace) not in self._planned:
            self._asked_today += 1
        if transaction.outcome is not Outcome.APPROVED:
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
            self._acquirer.remember(reference, fee.amount.minor)
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
        return Transaction(
            number=number,
            at=step.at,
            reference=step.reference,
            kind=step.kind,
            outcome=step.outcome,
            amount=Money(step.amount_minor, step.currency),
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
