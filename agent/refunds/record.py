"""What the journal says of money given back: read on as it grows, asked of before and after every refund."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from agent.fees.audit.auditor import OF_THE_CONTRACT
from agent.fees.contract.binding import Terms
from agent.fees.contract.tariff import TariffVersion
from agent.fees.facts import facts
from agent.following import Following
from agent.journal.entries import Entry
from agent.journal.money_entries import KINDS as MONEY_KINDS
from agent.journal.money_entries import money_fact
from agent.journal.money_kinds import MoneyIntent, MoneyOutcome, MoneyParked
from agent.orders import MoneyAction, MoneyState
from agent.refunds.case import HAPPENED, RefundCase
from agent.refunds.gate import GivenBack, SaleFacts
from agent.refunds.refund_kinds import KINDS, RefundConfirmed, RefundFact, RefundNoted, RefundOwed, RefundRefused
from agent.views import TransactionDetail
from protocol.errors import IllegalEvent
from protocol.messages import Product
from protocol.money import Money

SETTLEMENT = "terminal.settlement"
FOLLOWED = ("refund.", "money.", SETTLEMENT, *OF_THE_CONTRACT)
_GIVES_BACK = (MoneyAction.REFUND, MoneyAction.VOID)


class RefundRecord:
    """following: of `FOLLOWED`. time_zone: the merchant's. Not for two threads at once."""

    def __init__(self, following: Following, time_zone: str) -> None:
        self._following, self._time_zone = following, time_zone
        self._zone = ZoneInfo(time_zone)
        self.cases: dict[str, RefundCase] = {}
        self.owed: dict[str, tuple[RefundOwed, int]] = {}  # sale -> the case, and when it was noted (ms UTC)
        self.refused: list[tuple[RefundRefused, int]] = []
        self._of_sale: dict[str, list[str]] = {}
        self._bare: dict[
            str, MoneyIntent
        ] = {}  # refunds and voids that no person confirmed here: given to the lane as they are
        self._bare_ends: dict[str, MoneyOutcome] = {}
        self._settled: set[str] = set()
        self._contract: list[Entry] = []
        self._terms: Terms | None = None

    def catch_up(self) -> None:
        """Raises JournalDamaged, ValueError for an entry that cannot be read."""
        for entry in self._following.news():
            if entry.kind in KINDS:
                self._refund(entry)
            elif entry.kind in MONEY_KINDS:
                self._money(entry)
            elif entry.kind == SETTLEMENT:
                self._settlement(entry.body)
            if entry.kind.startswith(OF_THE_CONTRACT):
                self._contract.append(entry)
                self._terms = None

    def _refund(self, entry: Entry) -> None:
        match refund_fact(entry):
            case RefundConfirmed() as told if told.reference not in self.cases:
                self.cases[told.reference] = RefundCase(told, entry.at)
                self._of_sale.setdefault(told.sale, []).append(told.reference)
            case RefundRefused() as told:
                self.refused.append((told, entry.at))
            case RefundOwed() as told:
                self.owed.setdefault(told.sale, (told, entry.at))
            case RefundNoted() as told if told.reference in self.cases:
                self.cases[told.reference] = self.cases[told.reference].after(told, entry.at)

    def _money(self, entry: Entry) -> None:
        fact = money_fact(entry)
        if not isinstance(fact, MoneyIntent | MoneyOutcome | MoneyParked):
            return
        case = self.cases.get(fact.reference)
        if case is None:
            if isinstance(fact, MoneyIntent) and fact.action in _GIVES_BACK and fact.original_reference is not None:
                self._bare[fact.reference] = fact
                self._of_sale.setdefault(fact.original_reference, []).append(fact.reference)
            elif isinstance(fact, MoneyOutcome):
                self._bare_ends[fact.reference] = fact
            return
        try:
            self.cases[fact.reference] = case.after(fact, entry.at)
        except IllegalEvent:  # an intent recorded twice, as after a commit that was said to have failed
            if not isinstance(fact, MoneyIntent):
                raise

    def _settlement(self, body: dict[str, Any]) -> None:
        batch = str(body["batch"])
        self._settled.add(batch)
        self.cases = {reference: case.settled(batch) for reference, case in self.cases.items()}

    def is_settled(self, batch: str) -> bool:
        return batch in self._settled

    def knows(self, reference: str) -> bool:
        """A refund or void under this reference was ordered."""
        return reference in self.cases or reference in self._bare

    def tariff(self, product: str, day: date) -> TariffVersion | None:
        """What binds for a sale of that local date; None where that is not known."""
        if self._terms is None:
            notices = [entry for entry in self._contract if entry.kind == "terminal.tariff_notice"]
            self._terms = Terms.of(facts(self._contract), notices, time_zone=self._time_zone)
        return self._terms.tariff(Product(product), day).version

    def given_back(self, detail: TransactionDetail) -> GivenBack:
        """Of this sale: by us, confirmed or not, and at the terminal itself, each once."""
        spent: dict[str, tuple[int, bool]] = {}
        for entry in detail.entries:
            body: Any = entry["body"]
            if entry["kind"] == "terminal.transaction" and body.get("original_reference") == detail.row.reference:
                approved = body["kind"] in {"refund", "void"} and body["outcome"] == "approved"
                spent[body["reference"]] = (body["amount_minor"] if approved else 0, approved)
        for reference in self._of_sale.get(detail.row.reference, ()):
            if reference not in spent or spent[reference][0] == 0:
                spent[reference] = self._spent(reference, detail.row.amount_minor)
        return GivenBack(
            spent_minor=sum(minor for minor, _succeeded in spent.values()),
            refunded_minor=sum(minor for minor, succeeded in spent.values() if succeeded),
            times=sum(minor > 0 for minor, _succeeded in spent.values()),
        )

    def _spent(self, reference: str, whole_minor: int) -> tuple[int, bool]:
        case = self.cases.get(reference)
        if case is not None:
            return case.spent_minor, case.state in HAPPENED
        intent, end = self._bare[reference], self._bare_ends.get(reference)
        asked = whole_minor if intent.amount is None else intent.amount.minor
        if end is None:
            return asked, False
        if end.state is not MoneyState.APPROVED:
            return 0, False
        return asked if end.amount is None else end.amount.minor, True

    def spent_today(self, operator: str, today: date, currency: int) -> tuple[int, int]:
        """Minor units confirmed on a local date by that operator, and by all: what came to nothing left out."""
        by_him = by_all = 0
        for case in self.cases.values():
            if self.local_date(case.at) == today and case.confirmed.amount.currency == currency:
                by_all += case.spent_minor
                by_him += case.spent_minor if case.confirmed.operator == operator else 0
        return by_him, by_all

    def local_date(self, at: int) -> date:
        return datetime.fromtimestamp(at // 1000, self._zone).date()

    def sale_of(self, detail: TransactionDetail) -> SaleFacts:
        """As its entry in the journal has it."""
        row = detail.row
        body: Any = next(entry["body"] for entry in detail.entries if entry["seq"] == row.seq)
        fees: list[Any] = [entry["body"] for entry in detail.entries if entry["kind"] == "terminal.fee"]
        mdr = [fee["amount_minor"] for fee in fees if fee["type"] == "mdr" and fee["amount_minor"] > 0]
        return SaleFacts(
            reference=row.reference,
            kind=row.kind,
            outcome=row.outcome,
            product=row.product,
            amount_minor=row.amount_minor,
            currency=row.currency,
            day=self.local_date(row.at),
            batch=row.batch,
            settlement_mode=str(body.get("settlement_mode", "")),
            voided=row.voided,
            mdr_minor=sum(mdr) if mdr else None,
        )


def refund_fact(entry: Entry) -> RefundFact:
    """Private values that were erased are None. Raises ValueError for an entry that is none of these."""
    held: dict[str, Any] = {name: value for name, value in entry.body.items() if not name.endswith("_sha256")}
    if "amount_minor" in held:
        held["amount"] = Money(held["amount_minor"], held["currency"])
    try:
        return msgspec.convert({**held, **entry.private}, KINDS[entry.kind])
    except (msgspec.ValidationError, KeyError) as error:
        raise ValueError(f"{entry.kind}: {error}") from error
