"""A shop's record for the audit's tests: contract and trade as real entries, through the very drafts that the agent makes.

Amounts in fen, times of Asia/Shanghai. The sale of a day is of that day's batch unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from agent.fees.audit.audit import Audit
from agent.fees.audit.thresholds import Thresholds
from agent.fees.contract.binding import Terms
from agent.fees.contract.tariff import FeeReturn, Rounding, TariffVersion
from agent.fees.contract.terms import NothingElseAgreed
from agent.fees.facts import facts
from agent.fees.findings import Finding, Rule, Verdict
from agent.fees.noting import noted
from agent.journal.drafting import to_draft
from agent.journal.entries import Draft, Entry
from agent.journal.fee_kinds import FeeFact
from agent.journal.kinds import TerminalSaid
from protocol.messages import (
    EntryMode,
    Fee,
    FeeType,
    Outcome,
    Product,
    Settlement,
    SettlementMode,
    Transaction,
    TransactionKind,
    UnsolicitedEvent,
)
from protocol.money import CNY, Money
from tests.agent.fees.contracts import tariff

ZONE = "Asia/Shanghai"
JANUARY = date(2026, 1, 1)
K: TypeAlias = TransactionKind
O: TypeAlias = Outcome  # noqa: E741
P: TypeAlias = Product
T: TypeAlias = FeeType
M: TypeAlias = SettlementMode
FEES = frozenset(Rule) & {Rule(f"D{n:02d}") for n in (1, 2, 3, 5, 8, 9, 10, 13, 14, 15)}
NO_OTHER = NothingElseAgreed(valid_from=JANUARY, operator="zhang")


def signed(ppm: int = 6000, product: Product = P.CREDIT, **more: Any) -> TariffVersion:
    """What was signed in January: HALF_UP and KEEP unless told otherwise."""
    terms: dict[str, Any] = {"rounding": Rounding.HALF_UP, "fee_return": FeeReturn.KEEP, **more}
    if not {"tiers", "band_low_ppm"} & terms.keys():
        terms["rate_ppm"] = ppm
    return tariff(f"{product.value}-v1", product=product, **terms)


def ms(text: str) -> int:
    """ms UTC of a local time: `2026-03-02 12:00`."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).timestamp()) * 1000


class Shop:
    """facts: the contract, before the first sale."""

    def __init__(self, *contract: FeeFact) -> None:
        self.entries: list[Entry] = []
        self.drafts: list[Draft] = []
        self.number = 0
        self.note(*contract)

    # -- what is recorded ----------------------------------------------------------------------------------------------

    def note(self, *told: FeeFact) -> None:
        for one in noted(told):
            self._append(Draft(one.kind, one.body, one.private), JANUARY.isoformat() + " 08:00")

    def trade(
        self, minor: int, *mdr: int, on: str = "2026-03-02 12:00", product: Product = P.CREDIT, kind: K = K.SALE,
        outcome: O = O.APPROVED, of: str | None = None, batch: str | None = None, mode: M = M.T1, currency: int = CNY,
        reference: str | None = None, **lines: int,
    ) -> str:  # fmt: skip
        """A transaction, its MDR lines, then lines of other types by name; answers its reference."""
        n = self._next()
        reference = reference or f"{n:032x}"
        self._say(
            Transaction(
                number=n, at=ms(on), reference=reference, kind=kind, outcome=outcome, amount=Money(minor, currency),
                product=product, trace=f"{n:06d}", batch=batch or on[5:7] + on[8:10], mid="104500058121234",
                tid="20260001", terminal_time=ms(on), entry_mode=EntryMode.CHIP, settlement_mode=mode,
                response_code="00" if outcome is O.APPROVED else "51", rrn=f"{n:012d}", original_reference=of,
            ),
            on,
        )  # fmt: skip
        for each in mdr:
            self.fee(each, reference, on=on)
        for name, each in lines.items():
            self.fee(each, reference, T(name), on=on)
        return reference

    def fee(self, minor: int, of: str | None = None, type_: T = T.MDR, *, on: str = "2026-03-02 12:00") -> int:
        """A fee line, of a transaction or of its own; answers its entry's number."""
        self._say(Fee(number=self._next(), at=ms(on), type=type_, amount=Money(minor, CNY), transaction=of), on)
        return len(self.entries) - 1

    def settle(self, batch: str, gross: int, *, fees: int = 0, refunds: int = 0, on: str) -> None:
        """The acquirer settles the batch, on one page."""
        money: dict[str, int] = {
            "gross": gross, "fees": fees, "refunds": refunds, "deductions": 0, "adjustments": 0, "carried": 0,
            "credited": gross - fees - refunds,
        }  # fmt: skip
        parts: dict[str, Any] = {name: Money(minor, CNY) for name, minor in money.items()}
        self._say(
            Settlement(
                number=self._next(), at=ms(on), batch=batch, date=on[:10].replace("-", ""), page=1, pages=1, sales_count=1,
                refunds_count=0, **parts,
            ),
            on,
        )  # fmt: skip

    def day_passes(self, on: str = "2026-03-08 09:00") -> None:
        """Something of no account on a later day: the batches before are judged."""
        self.trade(100, 0, outcome=O.DECLINED, on=on)

    def _next(self) -> int:
        self.number += 1
        return self.number

    def _say(self, message: UnsolicitedEvent, on: str) -> None:
        said = TerminalSaid(terminal="T1", log_epoch="e1", sha256=bytes(32), message=message)
        self._append(to_draft(said, lambda _token: bytes(32)), on)

    def _append(self, draft: Draft, on: str) -> None:
        self.drafts.append(draft)
        self.entries.append(Entry(len(self.entries), ms(on), draft.kind, 1, dict(draft.body), dict(draft.private)))

    # -- what is found -------------------------------------------------------------------------------------------------

    def terms(self) -> Terms:
        notices = [entry for entry in self.entries if entry.kind == "terminal.tariff_notice"]
        return Terms.of(facts(self.entries), notices, time_zone=ZONE)

    def audit(self) -> Audit:
        """That of the whole record, before its first entry."""
        return Audit(self.terms(), Thresholds(time_zone=ZONE))

    def all_findings(self, now: str = "2026-04-30 12:00") -> list[Finding]:
        audit = self.audit()
        for entry in self.entries:
            audit.take(entry)
        return audit.findings(ms(now))

    def findings(self, now: str = "2026-04-30 12:00") -> list[Finding]:
        """Of fees alone: what settlements and months come to others test."""
        return of_fees(self.all_findings(now))


def of_fees(found: Iterable[Finding]) -> list[Finding]:
    return [one for one in found if one.rule in FEES]


def said(found: Iterable[Finding]) -> list[tuple[str, str, int]]:
    """Rule, verdict and difference of each."""
    return sorted((one.rule.value, one.verdict.value, one.difference_minor) for one in found)


def claims(found: Iterable[Finding]) -> int:
    """All that they claim together."""
    return sum(one.claimed_minor for one in found)


def over(*claimed: tuple[str, int]) -> list[tuple[str, str, int]]:
    return sorted((rule, Verdict.OVER.value, minor) for rule, minor in claimed)


def only(found: Sequence[Finding]) -> Finding:
    (one,) = found
    return one
