"""What is wrong with versions of a tariff that are to be added: each by itself, and beside the others of its key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as made
from datetime import date

from agent.fees.contract.chains import Said
from agent.fees.contract.dearer import dearer
from agent.fees.contract.tariff import FeeBasis, TariffVersion
from agent.figures import amount
from agent.language import _

HIGHEST_PPM = 30_000
"""A rate above 3% is taken for a slip of the pen unless it is confirmed (docs/domain.md §3)."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """index: which of the new versions; field: of TariffVersion; code: what is wrong; values: for the words, by name."""

    index: int
    field: str
    code: str
    values: Mapping[str, int | str] = made(default_factory=dict)


def troubles(
    new: Sequence[TariffVersion], standing: Sequence[Said], said: Callable[[TariffVersion], Said]
) -> list[Trouble]:
    """All at once, by index. standing: what the record holds; said: a new version with what was answered to it."""
    found = [Trouble(index, *rest) for index, version in enumerate(new) for rest in _alone(version)]
    names = {one.version.version for one in standing}
    fresh = [(index, said(version)) for index, version in enumerate(new) if version.version not in names]
    found += _beside(fresh, standing)
    return sorted(found, key=lambda trouble: trouble.index)


def trouble_words(trouble: Trouble) -> str:
    """What is wrong, in the reader's language, without the field's name."""
    sentences = {
        "rate_missing": _("exactly one of a rate, a range and tiers is needed"),
        "band_incomplete": _("a range needs both ends"),
        "band_reversed": _("the range's lower end is above its upper end"),
        "tier_mode_missing": _("tiers need a mode, MARGINAL or SLAB: there is no default"),
        "tiers_not_rising": _("the tiers' ends rise, and only the last tier has none"),
        "rate_too_high": _("{ppm} ppm is above 3%: is it a slip of the pen?"),
        "negative": _("it is below zero"),
        "minimum_above_cap": _("the minimum of {minimum} is above the cap of {cap}"),
        "of_one_transaction": _("it is of one transaction, and the fee is reckoned of a batch's net (BATCH_NET)"),
        "promo_without_end": _("an offer needs an end"),
        "ends_before_it_begins": _("it ends on {to}, and begins on {first}"),
        "overlap": _("it begins on {first}, while {other} holds from {other_first} to {other_to}"),
        "same_day": _("it begins on {first}, as {other} does"),
        "gap": _("nothing holds from {to} until {first}"),
    }
    return sentences[trouble.code].format(**trouble.values)


_Told = tuple[str, str, dict[str, int | str]]


def _alone(v: TariffVersion) -> Iterator[_Told]:
    yield from _of_the_rate(v)
    for name in ("cap_minor", "minimum_minor", "per_item_minor", "t0_ppm", "t0_fixed_minor"):
        if (value := getattr(v, name)) is not None and value < 0:
            yield name, "negative", {}
    if v.refund_fee is not None:
        fee = v.refund_fee
        if min(fee.ppm, fee.fixed_minor, fee.minimum_minor or 0, fee.cap_minor or 0, fee.free_days) < 0:
            yield "refund_fee", "negative", {}
        if fee.cap_minor is not None and (fee.minimum_minor or 0) > fee.cap_minor:
            yield "refund_fee", "minimum_above_cap", _amounts(v, fee.minimum_minor or 0, fee.cap_minor)
    if v.cap_minor is not None and v.minimum_minor is not None and v.minimum_minor > v.cap_minor:
        yield "minimum_minor", "minimum_above_cap", _amounts(v, v.minimum_minor, v.cap_minor)
    if v.fee_basis is FeeBasis.BATCH_NET:
        for name in ("cap_minor", "minimum_minor", "per_item_minor", "tiers"):
            if getattr(v, name) not in (None, ()):
                yield name, "of_one_transaction", {}
    if v.promo and v.effective_to is None:
        yield "effective_to", "promo_without_end", {}
    if v.effective_to is not None and v.effective_to <= v.effective_from:
        yield "effective_to", "ends_before_it_begins", {"to": str(v.effective_to), "first": str(v.effective_from)}


def _of_the_rate(v: TariffVersion) -> Iterator[_Told]:
    band = (v.band_low_ppm, v.band_high_ppm)
    stated = [name for name, is_there in (("rate_ppm", v.rate_ppm is not None), ("band_low_ppm", band != (None, None)),
                                          ("tiers", bool(v.tiers))) if is_there]  # fmt: skip
    if len(stated) != 1:
        yield stated[-1] if stated else "rate_ppm", "rate_missing", {}
    if v.band_low_ppm is not None and v.band_high_ppm is not None:
        if v.band_low_ppm > v.band_high_ppm:
            yield "band_low_ppm", "band_reversed", {}
    elif band != (None, None):
        yield "band_high_ppm" if v.band_high_ppm is None else "band_low_ppm", "band_incomplete", {}
    if v.tiers and v.tier_mode is None:
        yield "tier_mode", "tier_mode_missing", {}
    ends = [tier.up_to_minor for tier in v.tiers]
    inner = [end for end in ends[:-1] if end is not None and end > 0]
    if v.tiers and (ends[-1] is not None or len(inner) != len(ends) - 1 or inner != sorted(set(inner))):
        yield "tiers", "tiers_not_rising", {}
    rates = [("rate_ppm", v.rate_ppm), ("band_low_ppm", band[0]), ("band_high_ppm", band[1])]
    for name, ppm in [*rates, *(("tiers", tier.rate_ppm) for tier in v.tiers)]:
        if ppm is not None and ppm < 0:
            yield name, "negative", {}
        elif ppm is not None and ppm > HIGHEST_PPM:
            yield name, "rate_too_high", {"ppm": ppm}


def _amounts(v: TariffVersion, minimum: int, cap: int) -> dict[str, int | str]:
    return {"minimum": amount(minimum, v.currency), "cap": amount(cap, v.currency)}


def _beside(fresh: Sequence[tuple[int, Said]], standing: Sequence[Said]) -> Iterator[Trouble]:
    """Neighbours of one key: overlap is refused between those that bind; what announces a change may stand."""
    rows: list[tuple[int | None, Said]] = [*((None, one) for one in standing), *fresh]
    chains: dict[object, list[tuple[int | None, Said]]] = {}
    for row in rows:
        chains.setdefault(_key(row[1].version), []).append(row)
    for chain in chains.values():
        ordered = sorted((row for row in chain if not row[1].refused), key=lambda row: row[1].order)
        covered: date | None = date.min
        before: tuple[int | None, Said] | None = None
        for row in ordered:
            if before is not None:
                yield from _neighbours(before, row, covered)
            end = row[1].version.effective_to
            covered = None if covered is None or end is None else max(covered, end)
            before = row


def _neighbours(
    earlier: tuple[int | None, Said], later: tuple[int | None, Said], covered: date | None
) -> Iterator[Trouble]:
    """covered: until when anything up to `earlier` holds; None: without end."""
    index = later[0] if later[0] is not None else earlier[0]
    if index is None:
        return
    old, new = earlier[1].version, later[1].version
    first = new.effective_from
    values: dict[str, int | str] = {"first": str(first), "other": old.version, "other_first": str(old.effective_from)}
    if later[0] is None:  # the new one is the earlier: told from its side
        values = {"first": str(old.effective_from), "other": new.version, "other_first": str(first)}
    if covered is not None and covered < first and not new.promo:
        yield Trouble(index, "effective_from", "gap", {"to": str(covered), "first": str(first)})
    if later[1].announced or (dearer(new, old) and later[1].lawful()[0] is None and first != old.effective_from):
        return
    if first == old.effective_from:
        yield Trouble(index, "effective_from", "same_day", values)
    elif old.effective_to is not None and first < old.effective_to:
        end = old.effective_to if later[0] is not None else new.effective_to
        yield Trouble(index, "effective_from", "overlap", {**values, "other_to": str(end or "")})


def _key(v: TariffVersion) -> object:
    key = (v.contract_ref, v.device_model, v.signup_channel, v.mcc_class, v.size, v.region)
    return v.product, v.basis, v.promo, v.provider, key
