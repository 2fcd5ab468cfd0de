"""A day of trade as a pure function of profile, seed, date and number of transactions.

Only integer methods of `random.Random` are used (randrange, getrandbits) with a text seed: they give the same on every
Python we support. No full card number is ever made: a card is its first six digits, six stars and four random digits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from random import Random
from typing import TypeVar

from protocol.messages import EntryMode, Outcome, Product, TransactionKind
from protocol.money import CNY
from simulator.clock import SHANGHAI, closing, opening
from simulator.profile import Profile

T = TypeVar("T")

LARGEST_DAY = 100_000
"""Transactions a day: a trace has six digits and is never repeated in a batch."""

_SALES_FIRST = 5
"""A day begins with approved sales, so that there is something to refund and to see."""
_DECLINED, _REFUND, _VOID = 50, 40, 30
"""Per mille of the steps; the rest are approved sales. FIXTURE."""
_HOURS = (4, 5, 9, 12, 9, 5, 4, 5, 10, 14, 11, 6)
"""Weights of the opening hours 09–20: lunch and dinner. FIXTURE."""
_MIN_GAP_MS = 2_000
FEE_DELAY_MS = 150
"""A fee line follows its transaction; below the smallest gap between two transactions (12 h / LARGEST_DAY)."""
MORE_FEES_MS = 50
"""Between two fee lines of one transaction."""
_TOUCHED_TRIES = 8
_REGULAR_AFTER_MS = 3_600_000
"""A customer who buys the same again comes no sooner. FIXTURE."""

# Weighted tables, all FIXTURE. Amounts in fen, half open.
_PRODUCTS = ((32, Product.CREDIT), (16, Product.DEBIT), (42, Product.QR_WALLET), (10, Product.QR_CREDIT))
_AMOUNTS = (
    (3, (1, 200)),
    (55, (500, 8_000)),
    (28, (8_000, 60_000)),
    (10, (60_000, 400_000)),
    (4, (400_000, 2_000_000)),
)
CARD_MODES = ((55, EntryMode.CHIP), (40, EntryMode.CONTACTLESS), (5, EntryMode.MAGSTRIPE))
_QR_MODES = ((70, EntryMode.QR_MERCHANT_SCANS), (30, EntryMode.QR_CUSTOMER_SCANS))
_CARD_REFUSALS = ((45, "51"), (30, "55"), (15, "61"), (10, "54"))
"""ISO 8583 field 39: 51 insufficient funds, 55 wrong PIN, 61 over the limit, 54 expired card."""
_QR_REFUSALS = ((70, "51"), (30, "61"))
SCHEMES = {
    Product.CREDIT: ((1, "unionpay"),),
    Product.DEBIT: ((1, "unionpay"),),
    Product.QR_WALLET: ((58, "wechat"), (42, "alipay")),
    Product.QR_CREDIT: ((75, "alipay_huabei"), (25, "jd_baitiao")),
}
CARD_BINS = {
    Product.CREDIT: ((1, "625910"), (1, "622575"), (1, "625188"), (1, "628310")),
    Product.DEBIT: ((1, "622848"), (1, "622202"), (1, "621700"), (1, "621661")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One transaction to be done. at: ms UTC; amount_minor: minor units; fields as in `protocol.messages.Transaction`."""

    at: int
    kind: TransactionKind
    outcome: Outcome
    response_code: str
    product: Product
    amount_minor: int
    reference: str
    original_reference: str | None
    trace: str
    batch: str
    rrn: str
    auth_code: str | None
    entry_mode: EntryMode
    scheme: str
    masked_pan: str | None
    card_token: bytes | None
    operator: str
    currency: int = CNY


@dataclass(slots=True)
class _OpenSale:
    step: Step
    remaining: int


def day_plan(profile: Profile, seed: int, day: date, transactions: int) -> tuple[Step, ...]:
    """The steps of one day, in time order between 09:00 and 21:00 Asia/Shanghai.

    Refunds and voids are of approved sales of the same day: refunds never above what remains, voids whole.
    ValueError for more than LARGEST_DAY transactions.
    """
    if not 0 <= transactions <= LARGEST_DAY:
        raise ValueError(f"a day has 0 to {LARGEST_DAY} transactions")
    rng = _source(profile, seed, day)
    batch = batch_of(day)
    first = _first_trace(rng)
    open_sales: list[_OpenSale] = []
    steps: list[Step] = []
    for place, at in enumerate(_times(rng, day, transactions)):
        fate = rng.randrange(1000) if place >= _SALES_FIRST else 1000
        found = _pick_open(rng, open_sales, fate)
        reference = _reference(rng, at)
        trace = f"{first + place:06d}"
        rrn = rrn_of(at, trace)
        if found is None:
            step = _sale(rng, at=at, reference=reference, trace=trace, batch=batch, rrn=rrn, declined=fate < _DECLINED)
            if profile.regulars and rng.randrange(1000) < profile.regulars and steps:
                step = _as_before(step, steps[rng.randrange(len(steps))])
            if step.outcome is Outcome.APPROVED:
                open_sales.append(_OpenSale(step, step.amount_minor))
        else:
            sale = open_sales[found]
            void = fate >= _DECLINED + _REFUND
            amount = sale.remaining if void or rng.randrange(5) < 2 else rng.randrange(1, sale.remaining + 1)
            kind = TransactionKind.VOID if void else TransactionKind.REFUND
            step = _money_back(rng, sale.step, kind, amount, at=at, reference=reference, trace=trace, rrn=rrn)
            sale.remaining -= amount
            if sale.remaining == 0:
                open_sales[found] = open_sales[-1]
                open_sales.pop()
        steps.append(step)
    return tuple(steps)


def batch_of(day: date, settled: int = 0) -> str:
    """The number of the batch that is open on a day: one a day, and one more for each that a register has closed."""
    return f"{(day.toordinal() - date(2020, 1, 1).toordinal() + settled) % 1_000_000:06d}"


def planned_traces(profile: Profile, seed: int, day: date, transactions: int) -> range:
    """The traces of a day's planned transactions."""
    first = _first_trace(_source(profile, seed, day))
    return range(first, first + transactions)


def trace_after(planned: range, more: int) -> str:
    """The trace that follows the planned ones and so many more: six digits, and 000001 after 999999."""
    return f"{(planned.stop + more - 1) % 999_999 + 1:06d}"


def _source(profile: Profile, seed: int, day: date) -> Random:
    return Random(f"{profile.name}/{seed}/{day.isoformat()}")  # noqa: S311  a simulation, reproducible on purpose


def _first_trace(rng: Random) -> int:
    return rng.randrange(1, 1_000_000 - LARGEST_DAY)


def _pick_open(rng: Random, open_sales: list[_OpenSale], fate: int) -> int | None:
    """The place of the sale to refund or void, or None where a sale shall be made."""
    if not _DECLINED <= fate < _DECLINED + _REFUND + _VOID or not open_sales:
        return None
    if fate < _DECLINED + _REFUND:
        return rng.randrange(len(open_sales))
    for _ in range(_TOUCHED_TRIES):  # a void is of a whole amount: a sale that was refunded in part is no candidate
        place = rng.randrange(len(open_sales))
        if open_sales[place].remaining == open_sales[place].step.amount_minor:
            return place
    return None


def _sale(rng: Random, *, at: int, reference: str, trace: str, batch: str, rrn: str, declined: bool) -> Step:
    product = weighted(rng, _PRODUCTS)
    card = product in CARD_BINS
    low, high = weighted(rng, _AMOUNTS)
    amount = rng.randrange(low, high)
    if low >= 500 and rng.randrange(3):
        amount -= amount % 50
    refusal = weighted(rng, _CARD_REFUSALS if card else _QR_REFUSALS)
    auth_code = f"{rng.randrange(1_000_000):06d}"
    pan = f"{weighted(rng, CARD_BINS[product])}******{rng.randrange(10_000):04d}" if card else None
    return Step(
        at=at,
        kind=TransactionKind.SALE,
        outcome=Outcome.DECLINED if declined else Outcome.APPROVED,
        response_code=refusal if declined else "00",
        product=product,
        amount_minor=amount,
        reference=reference,
        original_reference=None,
        trace=trace,
        batch=batch,
        rrn=rrn,
        auth_code=auth_code if card and not declined else None,
        entry_mode=weighted(rng, CARD_MODES if card else _QR_MODES),
        scheme=weighted(rng, SCHEMES[product]),
        masked_pan=pan,
        card_token=rng.getrandbits(128).to_bytes(16, "big") if card else None,
        operator=operator_at(at),
    )


def _as_before(step: Step, other: Step) -> Step:
    """A sale of the same card and amount as an approved sale by card long enough before; else as it is."""
    sold = other.kind is TransactionKind.SALE and other.outcome is Outcome.APPROVED and other.card_token is not None
    if not sold or step.at - other.at < _REGULAR_AFTER_MS or step.outcome is not Outcome.APPROVED:
        return step
    return replace(
        step,
        product=other.product,
        amount_minor=other.amount_minor,
        entry_mode=other.entry_mode,
        scheme=other.scheme,
        masked_pan=other.masked_pan,
        card_token=other.card_token,
        auth_code=step.auth_code or other.auth_code,
    )


def _money_back(
    rng: Random, sale: Step, kind: TransactionKind, amount: int, *, at: int, reference: str, trace: str, rrn: str
) -> Step:
    return Step(
        at=at,
        kind=kind,
        outcome=Outcome.APPROVED,
        response_code="00",
        product=sale.product,
        amount_minor=amount,
        reference=reference,
        original_reference=sale.reference,
        trace=trace,
        batch=sale.batch,
        rrn=rrn,
        auth_code=f"{rng.randrange(1_000_000):06d}" if sale.masked_pan else None,
        entry_mode=sale.entry_mode,
        scheme=sale.scheme,
        masked_pan=sale.masked_pan,
        card_token=sale.card_token,
        operator=operator_at(at),
    )


def _times(rng: Random, day: date, count: int) -> list[int]:
    """count times in ms UTC inside the opening hours, a gap apart: no fee line overtakes the next transaction."""
    start, end = opening(day), closing(day)
    hours = tuple((weight, hour) for hour, weight in enumerate(_HOURS))
    times = sorted(start + weighted(rng, hours) * 3_600_000 + rng.randrange(3_600_000) for _ in range(count))
    gap = min(_MIN_GAP_MS, (end - start) // (count + 1))
    for i in range(1, count):
        times[i] = max(times[i], times[i - 1] + gap)
    for i in reversed(range(count)):
        times[i] = min(times[i], end - (count - i) * gap)
    return times


def weighted(rng: Random, table: tuple[tuple[int, T], ...]) -> T:
    ball = rng.randrange(sum(weight for weight, _ in table))
    for weight, value in table:
        if ball < weight:
            return value
        ball -= weight
    raise AssertionError("weights are positive")


def _reference(rng: Random, at: int) -> str:
    """32 hex digits laid out as a UUIDv7 (RFC 9562 §5.7), its random bits from the plan's own source."""
    return f"{at << 80 | 7 << 76 | rng.getrandbits(12) << 64 | 2 << 62 | rng.getrandbits(62):032x}"


def rrn_of(at: int, trace: str) -> str:
    """YDDDHH and the trace: the retrieval reference number as networks build it."""
    moment = _local(at)
    return f"{moment.year % 10}{moment.timetuple().tm_yday:03d}{moment.hour:02d}{trace}"


def operator_at(at: int) -> str:
    return "01" if _local(at).hour < 15 else "02"


def _local(at: int) -> datetime:
    return datetime.fromtimestamp(at // 1000, SHANGHAI)
