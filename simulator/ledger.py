"""What the simulator really did, for others to judge a journal by: JSON lines, one a transaction, one at each day's end.

    {"kind":"sale","reference":…,"product":…,"amount_minor":…,"fee_minor":…,"at":"2026-03-02T01:02:51.263Z","outcome":…, …}
    {"kind":"day.closed","date":"2026-03-02","transactions":300,"events":600, …}

Amounts in minor units; "currency" (ISO 4217) stands in a line where it is not 156, the renminbi. Of a closed day: what
was done on it before its closing; sales are approved and not voided the same day; approved and declined count
transactions of every kind; events are the transactions and their fee lines (a reboot is no trade); fees are the sum of
all fee lines, negative ones included; net = sales − refunds − fees; by_product holds sales and the fees on them alone.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from protocol.messages import Fee, Outcome, Transaction, TransactionKind
from protocol.money import CNY
from simulator.clock import iso, local_date
from simulator.errors import SimulatorError


@dataclass(slots=True)
class _DaySoFar:
    transactions: list[tuple[Transaction, int]] = field(default_factory=list)
    voided: set[str] = field(default_factory=set)


class Ledger:
    """Writes the ledger to a file (None keeps no file). It is made anew from the terminal's log at each start, then grows.

    `record` and `close_day` before `publish` prepare the new file, which takes the old one's place whole; after it each
    line is written at once. Raises SimulatorError where the file cannot be written.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file = -1
        self._prepared: list[bytes] = []
        self._day = _DaySoFar()

    def publish(self) -> None:
        """Put what was recorded so far in place of an older ledger, and go on from there."""
        if self._path is None:
            self._prepared.clear()
            return
        new = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        try:
            new.write_bytes(b"".join(self._prepared))
            new.replace(self._path)
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        except OSError as error:
            new.unlink(missing_ok=True)
            raise self._unwritable(error) from error
        self._prepared.clear()

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def record(self, transaction: Transaction, fee: Fee) -> None:
        """A transaction and its fee line."""
        self._day.transactions.append((transaction, fee.amount.minor))
        if transaction.kind is TransactionKind.VOID and transaction.outcome is Outcome.APPROVED:
            self._day.voided.add(transaction.original_reference or "")
        currency = {} if transaction.amount.currency == CNY else {"currency": transaction.amount.currency}
        self._write(
            {
                "kind": transaction.kind,
                "reference": transaction.reference,
                "original_reference": transaction.original_reference,
                "product": transaction.product,
                "amount_minor": transaction.amount.minor,
                "fee_minor": fee.amount.minor,
                "at": iso(transaction.at),
                "outcome": transaction.outcome,
                "response_code": transaction.response_code,
                "trace": transaction.trace,
                "batch": transaction.batch,
                "rrn": transaction.rrn,
                **currency,
            }
        )

    def close_day(self, day: date) -> None:
        """The day's totals; the next day begins."""
        done = [(t, fee) for t, fee in self._day.transactions if local_date(t.at) == day]
        approved = [(t, fee) for t, fee in done if t.outcome is Outcome.APPROVED]
        kept = [
            (t, fee) for t, fee in approved if t.kind is TransactionKind.SALE and t.reference not in self._day.voided
        ]
        refunds = [t.amount.minor for t, _ in approved if t.kind is TransactionKind.REFUND]
        voids = [t.amount.minor for t, _ in approved if t.kind is TransactionKind.VOID]
        by_product: dict[str, dict[str, int]] = {}
        for product in sorted({t.product for t, _ in kept}):
            lines = [(t.amount.minor, fee) for t, fee in kept if t.product is product]
            by_product[product] = {
                "count": len(lines),
                "sales_minor": sum(amount for amount, _ in lines),
                "fees_minor": sum(fee for _, fee in lines),
            }
        sales = sum(t.amount.minor for t, _ in kept)
        fees = sum(fee for _, fee in done)
        self._write(
            {
                "kind": "day.closed",
                "date": day.isoformat(),
                "transactions": len(done),
                "events": 2 * len(done),
                "approved": len(approved),
                "declined": len(done) - len(approved),
                "sales_count": len(kept),
                "sales_minor": sales,
                "refunds_count": len(refunds),
                "refunds_minor": sum(refunds),
                "voids_count": len(voids),
                "voids_minor": sum(voids),
                "fees_minor": fees,
                "net_minor": sales - sum(refunds) - fees,
                "by_product": by_product,
            }
        )
        self._day = _DaySoFar()

    def _write(self, record: dict[str, object]) -> None:
        line = (json.dumps(record, separators=(",", ":"), ensure_ascii=False) + "\n").encode()
        if self._file < 0:
            self._prepared.append(line)
            return
        try:
            if os.write(self._file, line) != len(line):
                raise OSError("the disk is full")
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> SimulatorError:
        return SimulatorError(
            f"The ledger {self._path} cannot be written: {error.strerror or error}.",
            "Give a --ledger in a folder that can be written, on a disk with room.",
        )
