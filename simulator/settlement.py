"""What the acquirer settles: a batch's transactions and fees, in pages, and the credit that reaches the account later.

Voided and reversed sales are in no settlement. `fees` are all fee lines of the batch's transactions; fees of their own
(SIM) are `deductions`. Where the sum is below nothing, nothing is credited: it is adjusted up to 0, and carried to the next.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date

from protocol.messages import Outcome, Settlement, SettlementLine, SettlementMode, Transaction, TransactionKind
from protocol.money import Money
from simulator.clock import iso, opening
from simulator.lies import Armed, Lie, Lies, joined
from simulator.working_days import credited_on, working_day_after

LINES = 64
"""A page's; with MOST_LINES_BYTES the message stays below the wire's 16 KiB."""

Row = dict[str, object]
"""A line of the ledger."""

_BACK = (TransactionKind.VOID, TransactionKind.REVERSAL)


@dataclass(frozen=True, slots=True)
class Settled:
    """pages: what is told, numbers still 0; none where the batch is kept back. row: what was really done."""

    pages: tuple[Settlement, ...]
    row: Row


@dataclass(frozen=True, slots=True)
class _Credit:
    due: date
    batch: str
    credited: int
    should: int
    lie: str | None


@dataclass(slots=True)
class Clearing:
    """Collects what is to be settled. currency: ISO 4217, the terminal's one."""

    mode: SettlementMode
    currency: int
    lies: Lies
    _done: list[tuple[Transaction, int, int]] = field(default_factory=list)  # with its fees, charged and right
    _deducted: int = 0
    _deducted_should: int = 0
    _carried: int = 0
    _carried_should: int = 0
    _credits: list[_Credit] = field(default_factory=list)

    def take(self, transaction: Transaction, fees_minor: int, should_minor: int) -> None:
        """A transaction of the open batch, with the sum of its fee lines, charged and right."""
        self._done.append((transaction, fees_minor, should_minor))

    def deduct(self, amount_minor: int, should_minor: int) -> None:
        """A fee of its own is taken from the next settlement."""
        self._deducted += amount_minor
        self._deducted_should += should_minor

    @property
    def open(self) -> bool:
        """There is something to settle."""
        return bool(self._done)

    def settle(self, batch: str, day: date, at: int) -> Settled | None:
        """Close the batch; None if nothing was done in it. at: ms UTC. What was deducted waits for one with transactions."""
        if not self._done:
            return None
        done, self._done = self._done, []
        cleared = _cleared([(t, fee) for t, fee, _ in done if t.outcome is Outcome.APPROVED])
        sales = [t.amount.minor for t, _ in cleared if t.kind is not TransactionKind.REFUND]
        refunds = [t.amount.minor for t, _ in cleared if t.kind is TransactionKind.REFUND]
        kept_back = bool(cleared) and self._told(batch, day, Lie.MISSING_SETTLEMENT) is not None
        lines = [line for t, fee in cleared for line in self._lines(t, fee, None if kept_back else day)]
        fees, should_fees = sum(fee for _, fee, _ in done), sum(should for _, _, should in done)
        deducted, should_deducted, carried = self._deducted, self._deducted_should, self._carried
        counted = [line.amount.minor for line in lines if line.kind is TransactionKind.REFUND]
        gross, given_back = sum(sales), sum(counted)
        net = gross - given_back - fees - deducted + carried
        right = gross - sum(refunds) - fees - deducted + self._carried_should
        refunded_twice = given_back > sum(refunds) or carried != self._carried_should
        adjusted, honest = max(0, -net), max(0, right)
        self._deducted = self._deducted_should = 0
        self._carried, self._carried_should = -adjusted, min(0, right)
        told = net + adjusted if kept_back else self._short(batch, day, Lie.SHORT_SETTLEMENT, net + adjusted)
        credited = 0 if kept_back else self._short(batch, day, Lie.SHORT_CREDIT, told)
        due = credited_on(self.mode, day)
        late = None if kept_back or not credited else self._told(batch, day, Lie.LATE_CREDIT)
        lie = joined(
            Lie.REFUND_TWICE if refunded_twice else None,
            Lie.SHORT_SETTLEMENT if told != net + adjusted else None,
            Lie.MISSING_SETTLEMENT if kept_back else None,
        )
        if honest or credited:
            other = joined(
                lie, Lie.SHORT_CREDIT if credited != told and not kept_back else None, Lie.LATE_CREDIT if late else None
            )
            reaches = due if late is None else working_day_after(due, late.days)
            self._credits.append(_Credit(reaches, batch, credited, honest, other))
        row: Row = {
            "kind": "settlement",
            "batch": batch,
            "date": day.isoformat(),
            "at": iso(at),
            "due_date": due.isoformat(),
            "told": not kept_back,
            "sales_count": len(sales),
            "refunds_count": len(counted),
            "gross_minor": gross,
            "refunds_minor": given_back,
            "fees_minor": fees,
            "should_fees_minor": should_fees,
            "deductions_minor": deducted,
            "should_deductions_minor": should_deducted,
            "adjustments_minor": adjusted,
            "carried_minor": carried,
            "credited_minor": told if not kept_back else 0,
            "should_minor": honest,
            **({} if lie is None else {"lie": lie}),
        }
        if kept_back:
            return Settled((), row)
        chunks = [tuple(lines[i : i + LINES]) for i in range(0, len(lines), LINES)] or [()]
        pages = tuple(
            Settlement(
                number=0,
                at=at,
                batch=batch,
                date=f"{day:%Y%m%d}",
                page=page,
                pages=len(chunks),
                sales_count=len(sales),
                refunds_count=len(counted),
                gross=self._money(gross),
                refunds=self._money(given_back),
                fees=self._money(fees),
                deductions=self._money(deducted),
                adjustments=self._money(adjusted),
                carried=self._money(carried),
                credited=self._money(told),
                due_date=f"{due:%Y%m%d}",
                lines=chunk,
            )
            for page, chunk in enumerate(chunks, 1)
        )
        return Settled(pages, row)

    def credits(self, day: date) -> list[Row]:
        """What the bank has put on the account by the opening of a day; each told once."""
        due = [credit for credit in self._credits if credit.due <= day]
        self._credits = [credit for credit in self._credits if credit.due > day]
        return [
            {
                "kind": "credit",
                "batch": one.batch,
                "date": one.due.isoformat(),
                "at": iso(opening(day)),
                "credited_minor": one.credited,
                "should_minor": one.should,
                **({} if one.lie is None else {"lie": one.lie}),
            }
            for one in due
        ]

    def _told(self, occasion: str, day: date, lie: Lie) -> Armed | None:
        """The lie, if it is its turn; counted."""
        for one in self.lies.now(occasion, day, lie):
            self.lies.told(one)
            return one
        return None

    def _short(self, batch: str, day: date, lie: Lie, amount_minor: int) -> int:
        """What is left of a credit: `minor` less, never below nothing. lie: SHORT_SETTLEMENT or SHORT_CREDIT."""
        for one in self.lies.now(batch, day, lie):
            if one.minor > 0 and amount_minor > 0:
                self.lies.told(one)
                amount_minor = max(0, amount_minor - one.minor)
        return amount_minor

    def _lines(self, transaction: Transaction, fee: int, day: date | None) -> list[SettlementLine]:
        """One; of a refund that is settled twice two, the second one without a fee. day: None where nothing is told."""
        line = SettlementLine(
            kind=transaction.kind,
            amount=transaction.amount,
            fee=self._money(fee),
            trace=transaction.trace,
            rrn=transaction.rrn,
            reference=transaction.reference,
        )
        if day is None or transaction.kind is not TransactionKind.REFUND:
            return [line]
        twice = self._told(transaction.reference, day, Lie.REFUND_TWICE)
        return [line, replace(line, fee=self._money(0))] if twice else [line]

    def _money(self, minor: int) -> Money:
        return Money(minor, self.currency)


def _cleared(approved: list[tuple[Transaction, int]]) -> list[tuple[Transaction, int]]:
    """Without voids and reversals, and without what one of them took back: what came later stands."""
    back: set[str | None] = set()
    found = []
    for transaction, fee in reversed(approved):
        if transaction.kind in _BACK:
            back.add(transaction.original_reference)
        elif transaction.reference not in back:
            found.append((transaction, fee))
    return found[::-1]
