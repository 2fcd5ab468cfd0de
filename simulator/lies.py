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
from datetime import date
from enum import StrEnum
from hashlib import sha256

from protocol.messages import FeeType, Outcome, Product, TransactionKind
from simulator.errors import SimulatorError
from simulator.tariffs import Rounding, Tariff, sale_fee
from simulator.written import read_written


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
    FEE_KEPT = "fee_kept"
    """What a void or a refund gives back of the fee is not given back: D10 and D09."""
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
    SUPPORT_INSTALMENT = "support_instalment"
    """An instalment of `minor` for technical support that nobody asked for is taken at a day's opening: D21."""
    SALE_TWICE = "sale_twice"
    """A sale is taken twice, under one RRN and two traces: D04."""
    OVER_REFUND = "over_refund"
    """The refund that takes the rest of a sale gives back `minor` more: D07."""
    REFUND_AS_SALE = "refund_as_sale"
    """A refund to a card is declined, and the card is charged that amount instead: D20."""
    NIGHT_SALE = "night_sale"
    """A sale that nobody keyed stands in the log with a time before the opening: D17."""
    OTHER_MERCHANT = "other_merchant"
    """A transaction goes under another merchant's MID, category and name (跳码), and no event told of it: D16."""
    SHORT_SETTLEMENT = "short_settlement"
    """A settlement credits `minor` less than its own figures give: D12."""
    SHORT_CREDIT = "short_credit"
    """A settlement's figures are right, and `minor` less reaches the account: D12, once the bank's credit is recorded."""
    LATE_CREDIT = "late_credit"
    """A settlement reaches the account `days` working days after its due date: D11; D14 where T+0 was paid for."""
    MISSING_SETTLEMENT = "missing_settlement"
    """A batch is in no settlement and reaches no account: D11."""
    REFUND_TWICE = "refund_twice"
    """A settlement holds a refund twice, under one reference: D06, and D12 for the sum."""
    LATE_APPROVAL = "late_approval"
    """The host approves a sale after the terminal gave it up, and charges a fee for it: a finding of the line, and D10."""
    SILENT_DEPOSIT = "silent_deposit"
    """Nothing is heard of a deposit's return after the application: stalled (docs/domain.md 0-09), overdue."""
    UNREASONED_DEDUCTION = "unreasoned_deduction"
    """`minor` of a deposit are kept without a clause or a reason worth the name: D19."""
    LATE_DOCUMENTS = "late_documents"
    """At the second review papers are asked for that no checklist named: docs/domain.md 0-07."""
    REST_KEPT = "rest_kept"
    """Half of a deposit is paid, and the rest never: overdue, disputed (docs/domain.md §5)."""


DEFAULTS: Mapping[Lie, Mapping[str, int | str]] = {
    Lie.RAISED_RATE: {"ppm": 300},
    Lie.SHORT_NOTICE: {"ppm": 300, "days": 7},
    Lie.WRONG_CLASS: {"product": "credit"},
    Lie.SIM_EARLY: {"count": 1},
    Lie.SIM_TWICE: {"count": 1},
    Lie.T0_UNASKED: {"minor": 300},
    Lie.REFUND_FEE: {"minor": 100},
    Lie.UNEXPLAINED_FEE: {"minor": 100},
    Lie.SUPPORT_INSTALMENT: {"minor": 5000, "count": 1},
    Lie.OVER_REFUND: {"minor": 2000},
    Lie.NIGHT_SALE: {"count": 1},
    Lie.SHORT_SETTLEMENT: {"minor": 1000},
    Lie.SHORT_CREDIT: {"minor": 1000},
    Lie.LATE_CREDIT: {"days": 2},
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
    name, given = read_written(text, "lie")
    if name not in set(Lie):
        raise SimulatorError(f"There is no lie {name!r}.", f"Choose one of: {', '.join(Lie)}.")
    lie = Lie(name)
    own = DEFAULTS.get(lie, {})
    keys = {**dict.fromkeys(_COMMON, ""), **{key: str(value) for key, value in own.items()}}
    for key, value in given.items():
        if key not in keys:
            raise SimulatorError(
                f"The lie {name} does not understand {f'{key}={value}'!r}.",
                f"Give KEY=VALUE of: {', '.join(sorted(keys))}.",
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
            f"The lie {text!r} cannot be told.",
            "Dates are YYYY-MM-DD, share is 1 to 100, ppm at most 30000, days at most 30, amounts are in minor units, "
            f"product is one of: {', '.join(Product)}.",
        ) from error


def _within(value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise ValueError
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
            for one in self.holding(day, *lies)
            if (one.count is None or self._told.get(one.text, 0) < one.count)
            and (one.share == 100 or self._ball(one, occasion) < one.share)
        ]

    def holding(self, day: date, *lies: Lie) -> list[Armed]:
        """Those of these lies that are told on a day, to some or to all."""
        return [
            one
            for one in self.on
            if one.lie in lies and (one.start is None or one.start <= day) and (one.until is None or day < one.until)
        ]

    def told(self, one: Armed) -> None:
        self._told[one.text] = self._told.get(one.text, 0) + 1

    def _ball(self, one: Armed, occasion: str) -> int:
        return int.from_bytes(sha256(f"{self.seed}/{one.text}/{occasion}".encode()).digest()[:8]) % 100


# -- fees --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Charge:
    """One fee line. amount_minor: charged (negative: given back); should_minor: what is right.

    rule: what the acquirer names. lie: its name where the two differ; of several, joined by `joined`.
    """

    type: FeeType
    amount_minor: int
    should_minor: int
    rule: str
    lie: str | None = None


@dataclass(frozen=True, slots=True)
class Occasion:
    """A transaction when its fees are reckoned. tariff: of its own product; tariff_of: of any on that day.

    announced: from when a lie of SHORT_NOTICE holds, by its text.
    """

    kind: TransactionKind
    outcome: Outcome
    product: Product
    day: date
    amount_minor: int
    tariff: Tariff
    tariff_of: Callable[[Product], Tariff]
    settled_at_once: bool
    announced: Mapping[str, date]

    @property
    def sold(self) -> bool:
        return self.kind is TransactionKind.SALE and self.outcome is Outcome.APPROVED


Charges = tuple[Charge, ...]


def joined(*names: str | None) -> str | None:
    """The lies told of one thing, each once: `cap_forgotten+raised_rate`."""
    return "+".join(sorted({one for name in names if name for one in name.split("+")})) or None


def _changed(charge: Charge, lie: Lie, amount_minor: int) -> Charge:
    same = charge.amount_minor == amount_minor
    return charge if same else replace(charge, amount_minor=amount_minor, lie=joined(charge.lie, lie))


def wrong_class(tariff: Tariff, on: Occasion, how: Armed) -> Tariff:
    return tariff if on.product is how.product else on.tariff_of(how.product)


def cap_forgotten(tariff: Tariff, on: Occasion, how: Armed) -> Tariff:
    return replace(tariff, cap_minor=None)


def raised_rate(tariff: Tariff, on: Occasion, how: Armed) -> Tariff:
    tiers = tuple(replace(tier, rate_ppm=tier.rate_ppm + how.ppm) for tier in tariff.tiers)
    return replace(tariff, rate_ppm=tariff.rate_ppm + how.ppm, tiers=tiers)


def short_notice(tariff: Tariff, on: Occasion, how: Armed) -> Tariff:
    since = on.announced.get(how.text)
    return tariff if since is None or on.day < since else raised_rate(tariff, on, how)


def rounded_up(tariff: Tariff, on: Occasion, how: Armed) -> Tariff:
    return replace(tariff, rounding=Rounding.UP)


RATES: Mapping[Lie, Callable[[Tariff, Occasion, Armed], Tariff]] = {
    Lie.WRONG_CLASS: wrong_class,
    Lie.CAP_FORGOTTEN: cap_forgotten,
    Lie.RAISED_RATE: raised_rate,
    Lie.SHORT_NOTICE: short_notice,
    Lie.ROUNDED_UP: rounded_up,
}
"""What makes an approved sale's MDR line another one, in the order in which they are told: each goes on from the last."""


def _rated(lies: Lies, reference: str, honest: Charge, on: Occasion) -> Charge:
    tariff, fee, names = on.tariff, honest.amount_minor, honest.lie
    for lie, change in RATES.items():
        for one in lies.now(reference, on.day, lie):
            other = change(tariff, on, one)
            if (amount := sale_fee(other, on.amount_minor)) != fee:
                lies.told(one)
                tariff, fee, names = other, amount, joined(names, lie)
    return honest if fee == honest.amount_minor else replace(honest, amount_minor=fee, lie=names)


def declined_fee(charges: Charges, on: Occasion, how: Armed) -> Charges:
    if on.kind is not TransactionKind.SALE or on.outcome is Outcome.APPROVED:
        return charges
    return tuple(_changed(c, how.lie, sale_fee(on.tariff, on.amount_minor)) for c in charges)


def fee_kept(charges: Charges, on: Occasion, how: Armed) -> Charges:
    if on.kind not in {TransactionKind.VOID, TransactionKind.REFUND}:
        return charges
    return tuple(_changed(c, how.lie, 0) if c.amount_minor < 0 else c for c in charges)


def fee_twice(charges: Charges, on: Occasion, how: Armed) -> Charges:
    again = tuple(replace(c, should_minor=0, lie=how.lie) for c in charges if c.type is FeeType.MDR and c.amount_minor)
    return charges + again if on.sold else charges


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


FEES: Mapping[Lie, Callable[[Charges, Occasion, Armed], Charges]] = {
    Lie.DECLINED_FEE: declined_fee,
    Lie.FEE_KEPT: fee_kept,
    Lie.T0_UNASKED: t0_unasked,
    Lie.REFUND_FEE: refund_fee,
    Lie.UNEXPLAINED_FEE: unexplained_fee,
    Lie.FEE_TWICE: fee_twice,
}
"""What changes or adds fee lines, in the order in which they are told: what doubles a line comes last."""


def lying(lies: Lies, reference: str, honest: Charges, on: Occasion) -> Charges:
    """The fee lines of a transaction as they are charged. Where a lie changes nothing it was not told."""
    charges = (_rated(lies, reference, honest[0], on), *honest[1:]) if on.sold else honest
    for lie, tell in FEES.items():
        for one in lies.now(reference, on.day, lie):
            if (changed := tell(charges, on, one)) != charges:
                lies.told(one)
                charges = changed
    return charges
