"""What the simulator really did, for others to judge a journal by: JSON lines, one a transaction, one at each day's end.

    {"kind":"sale","reference":…,"product":…,"amount_minor":…,"fee_minor":…,"at":"2026-03-02T01:02:51.263Z","outcome":…, …}
    {"kind":"host","action":"authorised","of":"sale","reference":…,"amount_minor":…,"asked_minor":…,"at":…, …}
    {"kind":"settlement","batch":…,"credited_minor":…,"should_minor":…, …}      {"kind":"credit",…}      {"kind":"fee",…}
    {"kind":"notice",…}      {"kind":"deposit","ticket":…,"state":…,"amount_minor":…,"should_minor":…, …}
    {"kind":"day.closed","date":"2026-03-02","transactions":300,"events":600, …}

Of all that is charged, credited or paid back, "should_minor" is what would have been right, and "lie" says why it was not.
Amounts in minor units; "currency" (ISO 4217) stands in a line where it is not 156, the renminbi. Of a closed day: what
was done on it before its closing; sales are approved and not voided the same day; approved and declined count
transactions of every kind; events are the transactions and their fee lines (a reboot is no trade); fees are the sum of
all fee lines, negative ones included; net = sales − refunds − fees; by_product holds sales and the fees on them alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from protocol.messages import Fee, Outcome, Transaction, TransactionKind
from protocol.money import CNY
from simulator.clock import iso, local_date
from simulator.errors import SimulatorError

if TYPE_CHECKING:
    from simulator.host import Deed
    from simulator.lies import Charge


def _lines(charges: Sequence[Charge], truth: Mapping[str, object]) -> dict[str, object]:
    """Each fee line, where there is more to say of them than their sum; and the lies told, of the whole too."""
    names = [*(c.lie for c in charges), truth.get("lie")]
    told = sorted({one for name in names if name for one in str(name).split("+")})
    if len(charges) == 1 and not told:
        return {}
    lines = [
        {"type": c.type, "fee_minor": c.amount_minor, "should_minor": c.should_minor}
        | ({} if c.lie is None else {"lie": c.lie})
        for c in charges
    ]
    return {"fees": lines, **truth, **({"lie": "+".join(told)} if told else {})}


@dataclass(slots=True)
class _DaySoFar:
    transactions: list[tuple[Transaction, int, int]] = field(default_factory=list)  # with sum and number of fee lines
    fees: list[Fee] = field(default_factory=list)  # of no transaction
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

    def record(
        self, transaction: Transaction, charges: Sequence[Charge], truth: Mapping[str, object] = MappingProxyType({})
    ) -> None:
        """A transaction and its fee lines, with what would have been right. truth: of the transaction as such."""
        fee, should = sum(c.amount_minor for c in charges), sum(c.should_minor for c in charges)
        self._day.transactions.append((transaction, fee, len(charges)))
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
                "fee_minor": fee,
                "should_minor": should,
                "at": iso(transaction.at),
                "outcome": transaction.outcome,
                "response_code": transaction.response_code,
                "trace": transaction.trace,
                "batch": transaction.batch,
                "rrn": transaction.rrn,
                **currency,
                **_lines(charges, truth),
            }
        )

    def note(self, row: dict[str, object], said: object = None) -> None:
        """A line of the acquirer's own: a fee without a transaction, a notice, a settlement, a credit, a deposit's step."""
        if isinstance(said, Fee):
            self._day.fees.append(said)
        self._write(row)

    def host(self, deed: Deed) -> None:
        """What the host did for a request of the counter (simulator/host.py)."""
        currency = {} if deed.currency == CNY else {"currency": deed.currency}
        self._write(
            {
                "kind": "host",
                "action": deed.action,
                "of": deed.of,
                "reference": deed.reference,
                "amount_minor": deed.amount_minor,
                "asked_minor": deed.asked_minor,
                "response_code": deed.response_code,
                "at": iso(deed.at),
                **({} if deed.lie is None else {"lie": deed.lie}),
                **currency,
            }
        )

    def restart(self) -> None:
        """Forget it all: the terminal boots anew in the same process, and tells it again up to `publish`."""
        self.close()
        self._prepared.clear()
        self._day = _DaySoFar()

    def close_day(self, day: date) -> None:
        """The day's totals; the next day begins."""
        done = [(t, fee) for t, fee, _ in self._day.transactions if local_date(t.at) == day]
        fee_lines = sum(lines for t, _, lines in self._day.transactions if local_date(t.at) == day)
        own = [fee.amount.minor for fee in self._day.fees if local_date(fee.at) == day]
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
        fees = sum(fee for _, fee in done) + sum(own)
        self._write(
            {
                "kind": "day.closed",
                "date": day.isoformat(),
                "transactions": len(done),
                "events": len(done) + fee_lines + len(own),
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
        if self._path is None:
            return
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
