"""Moments and contracts made by hand, for the detectors: amounts in fen, local times of Asia/Shanghai (UTC+8, no summer time)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from agent.fees.audit.moments import (
    BatchTraded,
    FeeLine,
    Moment,
    Now,
    OwnFee,
    Seen,
    SettlementTold,
    Sold,
    Trade,
)
from agent.fees.contract.binding import Terms
from agent.fees.contract.terms import BankCredit, FeesTaken, OpeningHours, Registration, SettlementTerms
from agent.fees.findings import Finding
from agent.journal.entries import Entry
from protocol.messages import FeeType, Outcome, Product, SettlementMode, TransactionKind
from protocol.money import Money

SHANGHAI = timezone(timedelta(hours=8))
CNY = 156
MONDAY = date(2026, 3, 2)
K = TransactionKind
MINUTE = 60_000


def at(text: str) -> int:
    """ms UTC of a local time: `2026-03-02 12:00:00.500`."""
    when = datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)
    return (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


NOON = at("2026-03-02 12:00")


def terms(*facts: Any) -> Terms:
    """seq of a fact: from 1000, in their order."""
    return Terms.of(
        [(Entry(1000 + n, NOON, fact.kind, 1, {}), fact) for n, fact in enumerate(facts)], time_zone="Asia/Shanghai"
    )


_number = iter(range(1, 10**9))


def trade(minor: int = 50_000, when: int = NOON, **more: Any) -> Trade:
    """An approved sale by card, with an RRN, a trace and a reference of its own unless they are given."""
    n = next(_number)
    made: dict[str, Any] = {
        "seq": n,
        "at": when,
        "day": datetime.fromtimestamp(when // 1000, SHANGHAI).date(),
        "reference": f"{n:032x}",
        "kind": K.SALE,
        "outcome": Outcome.APPROVED,
        "product": Product.CREDIT,
        "amount_minor": minor,
        "currency": CNY,
        "mid": "104500058121234",
        "tid": "20260001",
        "trace": f"{n:06d}",
        "batch": "000061",
        "settlement_mode": SettlementMode.T1,
        "rrn": f"{n:012d}",
        "mcc": "5812",
        "card_token": f"token {n}",
    }
    return Trade(**{**made, **more})


def sold(sale: Trade, **more: Any) -> Sold:
    made: dict[str, Any] = {
        "seq": sale.seq,
        "fee_seq": sale.seq,
        "day": sale.day,
        "product": sale.product,
        "amount_minor": sale.amount_minor,
        "currency": sale.currency,
        "mdr_minor": 0,
        "t0_minor": 0,
        "right_minor": None,
    }
    return Sold(**{**made, **more})


def back(sale: Trade, minor: int | None = None, when: int = NOON + 1, kind: K = K.REFUND, **more: Any) -> Seen:
    """Money given back of a sale: a refund, a void, a reversal."""
    given = sale.amount_minor if minor is None else minor
    original = sold(sale, refunded_minor=more.pop("refunded_before", 0))
    one = trade(given, when, kind=kind, original=sale.reference, card_token=sale.card_token, **more)
    return Seen(one, original)


def seen(*trades: Trade) -> list[Moment]:
    return [Seen(one) for one in trades]


def found(detector: Any, moments: list[Moment], now: date = date(2026, 3, 31)) -> list[Finding]:
    """What stands at the end: what was answered at once, and what is answered when asked, twice the same."""
    told = [finding for moment in moments for finding in detector.judge(moment)]
    asked = list(detector.judge(Now(now, at(f"{now} 12:00"))))
    assert list(detector.judge(Now(now, at(f"{now} 12:00")))) == asked, "asking changes nothing"
    names = [one.name for one in (*told, *asked)]
    assert len(names) == len(set(names)), "a name for each"
    return [*told, *asked]


def registration(**more: Any) -> Registration:
    made: dict[str, Any] = {
        "valid_from": date(2026, 1, 1),
        "mid": "104500058121234",
        "tid": "20260001",
        "mcc": "5812",
        "source": "contract",
    }
    return Registration(**{**made, **more})


def hours(*days: str) -> OpeningHours:
    return OpeningHours(valid_from=date(2026, 1, 1), days=days if len(days) == 7 else days * 7, source="contract")


def settlement_terms(mode: SettlementMode = SettlementMode.T1, **more: Any) -> SettlementTerms:
    made: dict[str, Any] = {
        "valid_from": date(2026, 1, 1),
        "mode": mode,
        "fees": FeesTaken.NET,
        "t0_agreed": mode.endswith("0"),
        "source": "contract",
    }
    return SettlementTerms(**{**made, **more})


def credit(minor: int, on: date, batch: str | None = None) -> BankCredit:
    return BankCredit(on=on, amount=Money(minor, CNY), batch=batch, source="typed")


def traded(sales: int, fees: int = 0, *, day: date = MONDAY, batch: str = "000061", **more: Any) -> BatchTraded:
    made: dict[str, Any] = {
        "batch": batch,
        "tid": "20260001",
        "day": day,
        "currency": CNY,
        "sales_minor": sales,
        "refunds_minor": 0,
        "fees_minor": fees,
        "mode": SettlementMode.T1,
        "entries": (10, 20),
    }
    return BatchTraded(**{**made, **more})


def told(gross: int, fees: int = 0, *, day: date = MONDAY, batch: str = "000061", **more: Any) -> SettlementTold:
    """A settlement that adds up unless told otherwise: `credited_minor`."""
    given: dict[str, Any] = {
        "refunds_minor": 0, "deductions_minor": 0, "adjustments_minor": 0, "carried_minor": 0, "due": None, "lines": (),
    }  # fmt: skip
    given |= more
    right = gross - given["refunds_minor"] - fees - given["deductions_minor"]
    right += given["adjustments_minor"] + given["carried_minor"]
    made: dict[str, Any] = {
        "entries": (30,),
        "batch": batch,
        "day": day,
        "currency": CNY,
        "gross_minor": gross,
        "fees_minor": fees,
        "credited_minor": right,
    }
    return SettlementTold(**{**made, **given})


def own_fee(minor: int, day: date, type_: FeeType = FeeType.OTHER) -> OwnFee:
    n = next(_number)
    return OwnFee(FeeLine(n, n, at(f"{day} 09:00"), day, type_, minor, CNY, None))
