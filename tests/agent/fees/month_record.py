"""A record of trade, made by the agent's own way from a terminal's message to an entry's bytes; and a contract for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from agent.fees.contract.binding import Terms
from agent.fees.contract.tariff import FeeReturn, Rounding, TariffVersion
from agent.fees.reports.month_expected import Key
from agent.fees.reports.month_sums import MonthSums, Sums
from agent.journal.drafting import to_draft
from agent.journal.entries import Draft, Entry, encode
from agent.journal.fee_kinds import FeeFact
from agent.journal.kinds import TerminalSaid
from protocol.messages import EntryMode, Fee, FeeType, Outcome, Product, SettlementMode, Transaction, TransactionKind
from protocol.money import CNY, Money

ZONE = "Asia/Shanghai"
TERMINAL = "T0000001"


def shanghai(text: str) -> int:
    """ms UTC of a local time like `2026-03-31 23:59`."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).timestamp()) * 1000


@dataclass
class Record:
    """Messages as drafts, numbered as they come."""

    drafts: list[Draft] = field(default_factory=list)
    number: int = 0

    def trade(
        self,
        amount: int,
        *fees: int,
        on: str = "2026-03-02 12:00",
        kind: str = "sale",
        product: str = "credit",
        outcome: str = "approved",
        of: str | None = None,
        mode: str = "T1",
        currency: int = CNY,
        **lines: int,
    ) -> str:
        """A transaction and its MDR lines, then lines of other types by name; answers its reference."""
        reference = self.only(
            amount, on=on, kind=kind, product=product, outcome=outcome, of=of, mode=mode, currency=currency
        )
        for minor in fees:
            self.fee(minor, reference, on=on, currency=currency)
        for name, minor in lines.items():
            self.fee(minor, reference, type_=name, on=on, currency=currency)
        return reference

    def only(
        self,
        amount: int,
        *,
        on: str = "2026-03-02 12:00",
        kind: str = "sale",
        product: str = "credit",
        outcome: str = "approved",
        of: str | None = None,
        mode: str = "T1",
        currency: int = CNY,
        reference: str | None = None,
    ) -> str:
        """A transaction that the terminal tells no fee of."""
        self.number += 1
        reference = reference or f"0192e5a0-0000-7000-8000-{self.number:012d}"
        said = Transaction(
            number=self.number,
            at=shanghai(on),
            reference=reference,
            kind=TransactionKind(kind),
            outcome=Outcome(outcome),
            amount=Money(amount, currency),
            product=Product(product),
            trace=f"{self.number % 10**6:06d}",
            batch="000001",
            mid="123456789012345",
            tid="12345678",
            terminal_time=shanghai(on),
            entry_mode=EntryMode.CHIP,
            settlement_mode=SettlementMode(mode),
            response_code="00" if outcome == "approved" else "51",
            merchant_name="演练小馆",
            original_reference=of,
        )
        self._say(said)
        return reference

    def fee(
        self,
        minor: int,
        transaction: str | None = None,
        *,
        type_: str = "mdr",
        on: str = "2026-03-02 12:00",
        currency: int = CNY,
    ) -> None:
        self.number += 1
        self._say(
            Fee(
                number=self.number,
                at=shanghai(on),
                type=FeeType(type_),
                amount=Money(minor, currency),
                transaction=transaction,
            )
        )

    def _say(self, message: Transaction | Fee) -> None:
        said = TerminalSaid(terminal=TERMINAL, log_epoch="e1", sha256=bytes(32), message=message)
        self.drafts.append(to_draft(said, lambda token: bytes(32)))

    def raw(self) -> list[bytes]:
        """The entries' bytes; private values are left out, as in `Reader.raw_entries`."""
        return [encode(seq, 0, one.kind, one.body) for seq, one in enumerate(self.drafts, 1)]


def tariff(product: str = "credit", ppm: int | None = 6000, **more: Any) -> TariffVersion:
    terms: dict[str, Any] = {"fee_return": FeeReturn.KEEP, "rounding": Rounding.HALF_UP, **more}
    return TariffVersion(
        version=f"{product}-{len(repr(terms))}-{ppm}",
        product=Product(product),
        effective_from=date(2025, 1, 1),
        rate_ppm=ppm,
        currency=CNY,
        source="FIXTURE",
        **terms,
    )


def terms_of(facts: Iterable[FeeFact]) -> Terms:
    told = [(Entry(seq, shanghai("2025-01-01 00:00"), fact.kind, 1, {}), fact) for seq, fact in enumerate(facts)]
    return Terms.of(told, time_zone=ZONE)


def sums_of(record: Record, *facts: FeeFact) -> dict[Key, Sums]:
    return MonthSums(terms_of(facts), ZONE).of(record.raw())


def only_month(sums: dict[Key, Sums]) -> Sums:
    """All products of the one month together."""
    assert len({key[0] for key in sums}) == 1
    total = Sums()
    for one in sums.values():
        total.add(one)
    return total
