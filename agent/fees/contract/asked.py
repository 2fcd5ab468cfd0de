"""What waits for the merchant's answer: proposed prices that are dearer and not agreed to, as notices for a person."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from agent.fees.contract.binding import Terms
from agent.fees.contract.binding_rule import rule_on
from agent.fees.contract.tariff import TariffVersion
from agent.fees.contract.tariff_spells import State, tariffs
from agent.notice_types import Notice, NoticeCode

PARTS = ("low_ppm", "high_ppm", "cap_minor", "minimum_minor", "per_item_minor")
"""What a notice says of a price, where it has it; `old_` before it is of the price that holds."""


def asked(terms: Terms, day: date, at: int) -> tuple[Notice, ...]:
    """One for each version or notice that waits. day: today's local date. at: ms UTC.

    facts: target (by which it is answered), product, currency, from (the date from which it binds if accepted that day; ""
    where its publication is not known), and `PARTS` of both prices.
    """
    waiting = [row.version for row in tariffs(terms, day) if row.state is State.WAITING]
    return tuple(Notice(NoticeCode.TARIFF_ASKS, at, _facts(terms, version, day)) for version in waiting)


def binds_if_accepted(version: TariffVersion, day: date) -> date | None:
    """From when what waits binds if it is accepted on `day` (docs/domain.md §3, "What binds"); None where nobody knows."""
    rule = rule_on(version.effective_from)
    if rule is None:
        return max(version.effective_from, day)
    return None if version.published is None else max(version.effective_from, day, rule.noticed(version.published))


def _facts(terms: Terms, new: TariffVersion, day: date) -> dict[str, str]:
    begins = binds_if_accepted(new, day)
    old = terms.tariff(new.product, begins or max(new.effective_from, day)).version
    return {
        "target": new.version,
        "product": new.product.value,
        "currency": str(new.currency),
        "from": "" if begins is None else begins.isoformat(),
        **dict(_price(new, "")),
        **({} if old is None else dict(_price(old, "old_"))),
    }


def _price(v: TariffVersion, prefix: str) -> Iterator[tuple[str, str]]:
    """Of tiers the lowest rate and the highest."""
    rates = [ppm for ppm in (v.rate_ppm, v.band_low_ppm, v.band_high_ppm) if ppm is not None]
    rates += [tier.rate_ppm for tier in v.tiers]
    said = (*((min(rates), max(rates)) if rates else (None, None)), v.cap_minor, v.minimum_minor, v.per_item_minor)
    for name, value in zip(PARTS, said, strict=True):
        if value is not None:
            yield f"{prefix}{name}", str(value)
