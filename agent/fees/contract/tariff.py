"""What a contract, a notice or an advertisement says a transaction costs: docs/domain.md §3.

Rates are ppm of the amount (0.6% = 6000), amounts integers of minor units, dates the merchant's calendar,
intervals half-open. A field that nobody stated is None, and what needs it is UNKNOWN: there is no default that guesses.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import ClassVar

from agent.journal.meanings import means
from protocol.messages import Product

# ruff: noqa: RUF009  means() makes a dataclass field


class FeeReturn(StrEnum):
    """What becomes of a sale's MDR when the sale is refunded: a contract field with no default."""

    KEEP = "KEEP"
    """Nothing comes back."""
    PRO_RATA = "PRO_RATA"
    """In proportion to all that was refunded so far, rounded half up once, less what came back already."""
    RECOMPUTE = "RECOMPUTE"
    """The fee of what remains is charged; the rest comes back."""


class Rounding(StrEnum):
    """What becomes of a broken minor unit of the percentage. UNKNOWN: reckoned half up, and one unit proves nothing."""

    HALF_UP = "HALF_UP"
    UP = "UP"
    DOWN = "DOWN"
    UNKNOWN = "UNKNOWN"


class TierMode(StrEnum):
    """What a tier's rate holds for: a contract field with no default."""

    MARGINAL = "MARGINAL"
    """The part of the amount that lies in it."""
    SLAB = "SLAB"
    """The whole amount, if it lies in it."""


class CapScope(StrEnum):
    """What the cap is of."""

    PERCENT_ONLY = "PERCENT_ONLY"
    TOTAL = "TOTAL"
    """The percentage, the fee per item and the T+0 line together."""


class FeeBasis(StrEnum):
    """What one fee is reckoned of."""

    PER_TXN = "PER_TXN"
    BATCH_NET = "BATCH_NET"
    """A batch is one settlement date and one tariff key: (sales - refunds) x rate."""


class RefundBase(StrEnum):
    """What the percentage of a refund's fee is of."""

    REFUND = "REFUND"
    SALE = "SALE"


class Bearer(StrEnum):
    """Who pays the fee of a refund."""

    MERCHANT = "M"
    CUSTOMER = "K"


class Basis(StrEnum):
    """What a version rests on."""

    SIGNED = "SIGNED"
    """The merchant's contract, or a change that was agreed."""
    ADVERTISED = "ADVERTISED"
    """What the provider or an article states: nobody signed it, so what exceeds it needs evidence."""


@dataclass(frozen=True, slots=True)
class Tier:
    """up_to_minor: the largest amount in it, inclusive, of one transaction; None: all above the one before."""

    rate_ppm: int
    up_to_minor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundFee:
    """What a refund costs. free_days: so many days after the sale (its day not counted) it costs nothing."""

    ppm: int = 0
    base: RefundBase = RefundBase.REFUND
    fixed_minor: int = 0
    minimum_minor: int | None = None
    cap_minor: int | None = None
    free_days: int = 0
    bearer: Bearer = Bearer.MERCHANT


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffVersion:
    """One version of one product's tariff: never changed, only followed by another. Exactly one of rate, band and tiers.

    A key's part that is None holds for all; the most specific key wins (`agent.fees.contract.binding`).
    """

    kind: ClassVar[str] = "tariff.version"
    version: str = means("its name: the first 12 hex digits of the SHA-256 of what it says")
    product: Product = means("the class of transaction it is for")
    effective_from: date = means("first local date of it")
    effective_to: date | None = means("first local date that it no longer holds; absent: no end was agreed", None)
    provider: str | None = means("the acquirer's name", None)
    contract_ref: str | None = means("key: of which contract", None)
    device_model: str | None = means("key: for which device model", None)
    signup_channel: str | None = means("key: signed up `online` or at a `store`", None)
    mcc_class: str | None = means("key: merchant category or class", None)
    size: str | None = means("key: the merchant's size", None)
    region: str | None = means("key: where", None)
    rate_ppm: int | None = means("rate, ppm of the amount", None)
    band_low_ppm: int | None = means("lower end of a rate that is only stated as a range, ppm", None)
    band_high_ppm: int | None = means("its upper end, ppm", None)
    tiers: tuple[Tier, ...] = means("rates by the transaction's amount: `up_to_minor` (inclusive), `rate_ppm`", ())
    tier_mode: TierMode | None = means("`MARGINAL` or `SLAB`; no default", None)
    cap_minor: int | None = means("most of one transaction, minor units", None)
    cap_unclear: bool | None = means(
        "true where a cap is advertised and nothing signed says whether it covers this product", None
    )
    cap_scope: CapScope = means("`PERCENT_ONLY` or `TOTAL`", CapScope.PERCENT_ONLY)
    minimum_minor: int | None = means("least of one transaction, minor units", None)
    per_item_minor: int | None = means("added to every transaction, minor units", None)
    t0_ppm: int | None = means("of a T+0 settlement, a line of its own, ppm", None)
    t0_fixed_minor: int | None = means("of a T+0 settlement, fixed, minor units", None)
    rounding: Rounding = means("`HALF_UP`, `UP`, `DOWN` or `UNKNOWN`", Rounding.UNKNOWN)
    refund_fee: RefundFee | None = means("what a refund costs; absent: the contract names no such fee", None)
    fee_return: FeeReturn | None = means("`KEEP`, `PRO_RATA` or `RECOMPUTE`; no default", None)
    fee_basis: FeeBasis = means("`PER_TXN` or `BATCH_NET`", FeeBasis.PER_TXN)
    net_credited: bool | None = means("of `BATCH_NET`: the contract credits the fee of a negative batch", None)
    promo: bool = means("a dated offer that goes before the plain rate while it lasts", False)
    published: date | None = means("the local date on which it was announced", None)
    notice: str | None = means("number of the notice that announced it", None)
    notice_means: str | None = means("how: `terminal`, `app`, `letter`, `web`", None)
    notice_sha256: bytes | None = means("SHA-256 of the notice's text", None)
    consent_at: date | None = means("the local date on which the merchant agreed", None)
    consent_by: str | None = means("who agreed", None)
    consent_evidence_sha256: bytes | None = means("SHA-256 of what proves it", None)
    basis: Basis = means("`SIGNED` or `ADVERTISED`", Basis.SIGNED)
    currency: int = means("ISO 4217 numeric code of its amounts")
    source: str = means("where it stands: a file's name, a notice, a page")
    file_sha256: bytes | None = means("SHA-256 of the file that it was read from", None)
    operator: str | None = means("who brought it in", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffAnswer:
    """What the merchant said to a notice or to a version that is not agreed yet; the last answer holds."""

    kind: ClassVar[str] = "tariff.answered"
    target: str = means("a version's name, or `NOTICE/PRODUCT` of a notice that came over the wire")
    accepted: bool = means("true: agreed, from the entry's time on; false: refused")
    operator: str = means("who answered")
    evidence_sha256: bytes | None = means("SHA-256 of a paper or screen that proves it", None)
    note: str | None = means("in that person's words", None)
