"""The lies that merchants meet, each a switch with a name; what is right stands beside what was done in the ledger.

    NAME[:KEY=VALUE,…]     raised_rate:from=2026-03-09,ppm=300,share=50

Keys of every lie: `from` and `until` (local dates, half open), `share` (1 to 100 per cent of the occasions) and `count`
(so many, then no more); the others stand in DEFAULTS. Which occasions a share takes follows from the seed, the lie and the
occasion's own name (a reference, a batch, a day) alone. What is armed stands in the terminal's log, and a start anew tells
the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum
from hashlib import sha256

from protocol.messages import FeeType, Outcome, Product, TransactionKind
from simulator.errors import SimulatorError
from simulator.tariffs import Tariff, discount_fee, sale_fee


class Lie(StrEnum):
    """What the merchant sees, and the detector of docs/domain.md §4 that should find it."""

    RAISED_RATE = "raised_rate"
    """The rate of sales is `ppm` higher, and no notice came: D01."""
    SHORT_NOTICE = "short_notice"
    """A notice comes on the day `from`, and `days` later the rate is `ppm` higher, too soon to bind: D01."""
    CAP_FORGOTTEN = "cap_forgotten"
    """A sale above its cap is charged the percentage: D02."""
    WRONG_CLASS = "wrong_class"
    """A sale of another product is charged `product`'s tariff: D03."""
    FEE_TWICE = "fee_twice"
    """The fee of a sale stands twice: D05."""
    DECLINED_FEE = "declined_fee"
    """A declined sale is charged as if it were approved: D10."""
    SIM_EARLY = "sim_early"
    """The SIM fee is taken before the free period ends, and not again when it is due: D13."""
    SIM_TWICE = "sim_twice"
    """The SIM fee is taken again in a period that it was taken for: D13."""
    T0_UNASKED = "t0_unasked"
    """A T+0 line of `minor` on a sale that is settled T+1: D14."""
    REFUND_FEE = "refund_fee"
    """A refund costs `minor`: D09."""
    UNEXPLAINED_FEE = "unexplained_fee"
    """A service fee of `minor` on a sale, in no contract: D08."""
    ROUNDED_UP = "rounded_up"
    """A broken fen is always rounded up: D15."""
    SHORT_SETTLEMENT = "short_settlement"
    """A settlement credits `minor` less than its own figures give: D12."""
    SHORT_CREDIT = "short_credit"
    """A settlement's figures are right, and `minor` less reaches the account: D12, once the bank's credit is recorded."""
    MISSING_SETTLEMENT = "missing_settlement"
    """A batch is in no settlement and reaches no account: D11."""
    LATE_APPROVAL = "late_approval"
    """The host approves a sale after the terminal gave it up: a finding of the line, and D11 or D12."""
    SILENT_DEPOSIT = "silent_deposit"
    """Nothing is heard of a deposit's return after the application: stalled (docs/domain.md 0-09), overdue."""
    UNREASONED_DEDUCTION = "unreasoned_deduction"
    """`minor` of a deposit are kept without a clause or a reason worth the name: D19."""
    LATE_DOCUMENTS = "late_documents"
    """At the second review papers are asked for that no checklist named: docs/domain.md 0-07."""


DEFAULTS: Mapping[Lie, Mapping[str, int | str]] = {
    Lie.RAISED_RATE: {"ppm": 300},
    Lie.SHORT_NOTICE: {"ppm": 300, "days": 7},
    Lie.WRONG_CLASS: {"product": "credit"},
    Lie.SIM_EARLY: {"count": 1},
    Lie.SIM_TWICE: {"count": 1},
    Lie.T0_UNASKED: {"minor": 300},
    Lie.REFUND_FEE: {"minor": 100},
    Lie.UNEXPLAINED_FEE: {"minor": 100},
    Lie.SHORT_SETTLEMENT: {"minor": 1000},
    Lie.SHORT_CREDIT: {"minor": 1000},
    Lie.UNREASONED_DEDUCTION: {"minor": 2000},
}
"""The keys that a lie has of its own, with what they are where nobody says. Amounts in minor units, rates in ppm."""

_COMMON = ("from", "until", "share", "count")


@dataclass(frozen=True, slots=True)
class Armed:
    """One lie switched on. start, until: local dates, half open; share: per cent; count: occasions, None for all.

    text: as it was given, which is how the log keeps it.
    """

    lie: Lie
    text: str
    start: date | None = None
    until: date | None = None
    share: int = 100
    count: int | None = None
    ppm: int = 0
    minor: int = 0
    days: int = 0
    product: Product = Product.CREDIT


def armed(text: str) -> Armed:
    """A lie as it is written on a command line. Raises SimulatorError: which word, and what was expected."""
    name, _, rest = text.partition(":")
    if name not in set(Lie):
        raise SimulatorError(f"There is no lie {name!r}.", f"Choose one of: {', '.join(Lie)}.")
    lie = Lie(name)
    own = DEFAULTS.get(lie, {})
    keys = {**dict.fromkeys(_COMMON, ""), **{key: str(value) for key, value in own.items()}}
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        if not equals or key not in keys:
            raise SimulatorError(
                f"The lie {name} does not understand {part!r}.", f"Give KEY=VALUE of: {', '.join(sorted(keys))}."
            )
        keys[key] = value
    if lie is Lie.SHORT_NOTICE and not keys["from"]:
        raise SimulatorError(f"The lie {name} begins with a notice.", "Say on which day: from=YYYY-MM-DD.")
    try:
        return Armed(
            lie=lie,
            text=text,
            start=date.fromisoformat(keys["from"]) if keys["from"] else None,
            until=date.fromisoformat(keys["until"]) if keys["until"] else None,
            share=_within(int(keys["share"] or 100), 1, 100),
            count=_within(int(keys["count"]), 1, 10**9) if keys["count"] else None,
            ppm=_within(int(keys.get("ppm", 0)), 0, 30_000),
            minor=_within(int(keys.get("minor", 0)), 0, 10**9),
            days=_within(int(keys.get("days", 0)), 0, 30),
            product=Product(keys.get("product", Product.CREDIT)),
        )
    except ValueError as error:
        raise SimulatorError(
            f"The lie {text!r} cannot be told: {error}.",
            "Dates are YYYY-MM-DD, share is 1 to 100, ppm at most 30000, days at most 30, amounts are in minor units.",
        ) from error


def _within(value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise ValueError(f"{value} is not between {least} and {most}")
    return value


@dataclass(slots=True)
class Lies:
    """What is switched on, and how often each was told. seed: which occasions a share takes."""

    seed: str
    on: tuple[Armed, ...] = ()
    _told: dict[str, int] = field(default_factory=dict)

    @property
    def texts(self) -> tuple[str, ...]:
        """What is switched on, as it was given."""
        return tuple(one.text for one in self.on)

    def arm(self, texts: Iterable[str]) -> None:
        """These from now on, and no others; one that goes on keeps its count. Raises SimulatorError."""
        self.on = tuple(armed(text) for text in texts)

    def now(self, occasion: str, day: date, *lies: Lie) -> list[Armed]:
        """Those of these lies whose turn an occasion is. `told` counts it, once it came to be told."""
        return [
            one
            for one in self.on
            if one.lie in lies
            and (one.start is None or one.start <= day)
            and (one.until is None or day < one.until)
            and (one.count is None or self._told.get(one.text, 0) < one.count)
            and (one.share == 100 or self._ball(one, occasion) < one.share)
        ]

    def told(self, one: Armed) -> None:
        self._told[one.text] = self._told.get(one.text, 0) + 1

    def _ball(self, one: Armed, occasion: str) -> int:
        return int.from_bytes(sha256(f"{self.seed}/{one.text}/{occasion}".encode()).digest()[:8]) % 100


# -- fees --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Charge:
    """One fee line. amount_minor: charged (negative: given back); should_minor: what is right.

    rule: what the acquirer names. lie: its name where the two differ.
    """

    type: FeeType
    amount_minor: int
    should_minor: int
    rule: str
    lie: Lie | None = None


@dataclass(frozen=True, slots=True)
class Occasion:
    """A transaction when its fees are reckoned. tariff: of its own product; tariff_of: of any on that day."""

    kind: TransactionKind
    outcome: Outcome
    product: Product
    day: date
    amount_minor: int
    tariff: Tariff
    tariff_of: Callable[[Product], Tariff]
    settled_at_once: bool

    @property
    def sold(self) -> bool:
        return self.kind is TransactionKind.SALE and self.outcome is Outcome.APPROVED


Charges = tuple[Charge, ...]


def _discount(charges: Charges, lie: Lie, amount_minor: int) -> Charges:
    """The MDR line charged otherwise."""
    return tuple(
        replace(c, amount_minor=amount_minor, lie=lie)
        if c.type is FeeType.MDR and c.amount_minor != amount_minor
        else c
        for c in charges
    )


def raised_rate(charges: Charges, on: Occasion, how: Armed) -> Charges:
    raised = replace(on.tariff, rate_ppm=on.tariff.rate_ppm + how.ppm)
    due = how.lie is Lie.RAISED_RATE or (how.start is not None and how.start + timedelta(days=how.days) <= on.day)
    return _discount(charges, how.lie, sale_fee(raised, on.amount_minor)) if on.sold and due else charges


def cap_forgotten(charges: Charges, on: Occasion, how: Armed) -> Charges:
    uncapped = replace(on.tariff, cap_minor=None)
    return _discount(charges, how.lie, sale_fee(uncapped, on.amount_minor)) if on.sold else charges


def wrong_class(charges: Charges, on: Occasion, how: Armed) -> Charges:
    if not on.sold or on.product is how.product:
        return charges
    return _discount(charges, how.lie, sale_fee(on.tariff_of(how.product), on.amount_minor))


def fee_twice(charges: Charges, on: Occasion, how: Armed) -> Charges:
    again = tuple(replace(c, should_minor=0, lie=how.lie) for c in charges if c.type is FeeType.MDR and c.amount_minor)
    return charges + again if on.sold else charges


def declined_fee(charges: Charges, on: Occasion, how: Armed) -> Charges:
    if on.kind is not TransactionKind.SALE or on.outcome is Outcome.APPROVED:
        return charges
    return _discount(charges, how.lie, sale_fee(on.tariff, on.amount_minor))


def t0_unasked(charges: Charges, on: Occasion, how: Armed) -> Charges:
    if not on.sold or on.settled_at_once:
        return charges
    return (*charges, Charge(FeeType.T0, how.minor, 0, f"T+0 {how.minor}", how.lie))


def refund_fee(charges: Charges, on: Occasion, how: Armed) -> Charges:
    if on.kind is not TransactionKind.REFUND or on.outcome is not Outcome.APPROVED:
        return charges
    return (*charges, Charge(FeeType.REFUND_FEE, how.minor, 0, f"refund {how.minor}", how.lie))


def unexplained_fee(charges: Charges, on: Occasion, how: Armed) -> Charges:
    return (*charges, Charge(FeeType.SERVICE, how.minor, 0, "service", how.lie)) if on.sold else charges


def rounded_up(charges: Charges, on: Occasion, how: Armed) -> Charges:
    """The percentage rounded up, where neither cap nor minimum decides."""
    exact_up = -(-on.amount_minor * on.tariff.rate_ppm // 1_000_000)
    fee = discount_fee(on.amount_minor, on.tariff.rate_ppm, None)
    right = sale_fee(on.tariff, on.amount_minor)
    if not on.sold or right != fee + on.tariff.per_item_minor or right != _mdr(charges):
        return charges
    return _discount(charges, how.lie, exact_up + on.tariff.per_item_minor)


def _mdr(charges: Charges) -> int:
    return sum(c.amount_minor for c in charges if c.type is FeeType.MDR)


FEES: Mapping[Lie, Callable[[Charges, Occasion, Armed], Charges]] = {
    Lie.RAISED_RATE: raised_rate,
    Lie.SHORT_NOTICE: raised_rate,
    Lie.CAP_FORGOTTEN: cap_forgotten,
    Lie.WRONG_CLASS: wrong_class,
    Lie.ROUNDED_UP: rounded_up,
    Lie.DECLINED_FEE: declined_fee,
    Lie.T0_UNASKED: t0_unasked,
    Lie.REFUND_FEE: refund_fee,
    Lie.UNEXPLAINED_FEE: unexplained_fee,
    Lie.FEE_TWICE: fee_twice,
}
"""In the order in which they are told: what changes the line first, what doubles it last."""


def lying(lies: Lies, reference: str, day: date, honest: Charges, on: Occasion) -> Charges:
    """The fee lines of a transaction as they are charged. Where a lie changes nothing it was not told."""
    charges = honest
    for lie, tell in FEES.items():
        for one in lies.now(reference, day, lie):
            if (changed := tell(charges, on, one)) != charges:
                lies.told(one)
                charges = changed
    return charges


# -- settlements -------------------------------------------------------------------------------------------------------


def short(lies: Lies, batch: str, day: date, lie: Lie, amount_minor: int) -> int:
    """What is left of a credit: `minor` less, never below nothing. lie: SHORT_SETTLEMENT or SHORT_CREDIT."""
    for one in lies.now(batch, day, lie):
        if one.minor > 0 and amount_minor > 0:
            lies.told(one)
            amount_minor = max(0, amount_minor - one.minor)
    return amount_minor


def missing(lies: Lies, batch: str, day: date) -> bool:
    """The batch is in no settlement."""
    turn = lies.now(batch, day, Lie.MISSING_SETTLEMENT)
    for one in turn:
        lies.told(one)
    return bool(turn)
