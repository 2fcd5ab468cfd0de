"""What the acquirer settles: a batch's transactions and fees, in pages, and the credit that reaches the account later.

Voided and reversed sales are in no settlement. `fees` are all fee lines of the batch's transactions; fees of their own
(SIM) are `deductions`. Where the sum is below nothing, nothing is credited: it is adjusted up to 0, and carried to the next.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from protocol.messages import Outcome, Settlement, SettlementLine, SettlementMode, Transaction, TransactionKind
from protocol.money import Money
from simulator.clock import iso, opening
from simulator.lies import Lie, Lies, missing, short
from simulator.working_days import credited_on

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
    lie: Lie | None


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
        approved = [(t, fee) for t, fee, _ in done if t.outcome is Outcome.APPROVED]
        back = {t.original_reference for t, _ in approved if t.kind in _BACK}
        cleared = [(t, fee) for t, fee in approved if t.kind not in _BACK and t.reference not in back]
        sales = [t.amount.minor for t, _ in cleared if t.kind is not TransactionKind.REFUND]
        refunds = [t.amount.minor for t, _ in cleared if t.kind is TransactionKind.REFUND]
        fees, should_fees = sum(fee for _, fee, _ in done), sum(should for _, _, should in done)
        deducted, should_deducted = self._deducted, self._deducted_should
        carried = self._carried
        self._deducted = self._deducted_should = self._carried = 0
        gross, given_back = sum(sales), sum(refunds)
        net = gross - given_back - fees - deducted + carried
        adjusted = max(0, -net)
        self._carried = -adjusted
        honest = net + adjusted
        kept_back = missing(self.lies, batch, day)
        told = honest if kept_back else short(self.lies, batch, day, Lie.SHORT_SETTLEMENT, honest)
        credited = 0 if kept_back else short(self.lies, batch, day, Lie.SHORT_CREDIT, told)
        lie = None
        if credited != honest or kept_back:
            lie = Lie.SHORT_CREDIT if told == honest else Lie.SHORT_SETTLEMENT
            lie = Lie.MISSING_SETTLEMENT if kept_back else lie
        due = credited_on(self.mode, day)
        if honest:
            self._credits.append(_Credit(due, batch, credited, honest, lie))
        row: Row = {
            "kind": "settlement",
            "batch": batch,
            "date": day.isoformat(),
            "at": iso(at),
            "due_date": due.isoformat(),
            "told": not kept_back,
            "sales_count": len(sales),
            "refunds_count": len(refunds),
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
        lines = [self._line(t, fee) for t, fee in cleared]
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
                refunds_count=len(refunds),
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

    def _line(self, transaction: Transaction, fee: int) -> SettlementLine:
        return SettlementLine(
            kind=transaction.kind,
            amount=transaction.amount,
            fee=Money(fee, transaction.amount.currency),
            trace=transaction.trace,
            rrn=transaction.rrn,
            reference=transaction.reference,
        )

    def _money(self, minor: int) -> Money:
        return Money(minor, self.currency)
