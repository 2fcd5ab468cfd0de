"""Every tariff version and notice of a record, from when to when it binds, or why it does not."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from agent.fees.contract.binding import KEY, Lack, Terms
from agent.fees.contract.tariff import TariffVersion
from protocol.messages import Product


class State(StrEnum):
    """Where a version stands on a day."""

    BINDS = "binds"
    LATER = "later"
    """It is to bind."""
    WAITING = "waiting"
    """It is dearer than what binds, and the merchant has not agreed."""
    UNPUBLISHED = "unpublished"
    """The merchant agreed, and when it was published is not known: nobody can say from when it binds."""
    REFUSED = "refused"
    OVER = "over"
    """It has bound, or could have; not any more."""
    GIVES_WAY = "gives_way"
    """Another version goes before it: one that is signed, or of a weightier key."""
    NOT_OURS = "not_ours"
    """Its key is not this registration's."""


@dataclass(frozen=True, slots=True)
class Tariff:
    """binds_from, binds_to: the local dates binds_from <= day < binds_to; None: never, or to no known end."""

    version: TariffVersion
    notice: bool
    state: State
    binds_from: date | None
    binds_to: date | None


def tariffs(terms: Terms, day: date) -> list[Tariff]:
    """All of them, by product and first day. day: today's local date."""
    rows = [_row(terms, version, day, notice=False) for version in terms.versions]
    rows += [_row(terms, version, day, notice=True) for version in terms.notices]
    order = list(Product)
    return sorted(rows, key=lambda row: (order.index(row.version.product), row.version.effective_from))


def judged_days(terms: Terms, names: Collection[str], first: date, last: date) -> int:
    """On how many local dates, first and last among them, a sale of some product is judged by one of these versions."""
    products = {v.product for v in terms.versions if v.version in names}
    return sum(any(_judges(terms, product, day, names) for product in products) for day in _days(first, last))


def _judges(terms: Terms, product: Product, day: date, names: Collection[str]) -> bool:
    decision = terms.tariff(product, day)
    return decision.unknown is None and decision.version is not None and decision.version.version in names


def _days(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def _row(terms: Terms, version: TariffVersion, day: date, *, notice: bool) -> Tariff:
    name = version.version
    spells = terms.timeline(version.product)
    held = [s for s in spells if s.decision.unknown is None and s.decision.version == version]
    ahead = [s for s in spells if s.until is None or s.until > day]
    if terms.refused(name):
        state = State.REFUSED
    elif any(s.first <= day and (s.until is None or day < s.until) for s in held):
        state = State.BINDS
    elif held:
        state = State.LATER if held[-1].first > day else State.OVER
    elif any(version in s.decision.dearer for s in ahead):
        lack = terms.raise_binds(name)[1]
        state = State.UNPUBLISHED if lack is Lack.PUBLICATION else State.WAITING
    elif version.effective_to is not None and version.effective_to <= day:
        state = State.OVER
    else:
        state = State.GIVES_WAY if _ours(terms, version, day) else State.NOT_OURS
    return Tariff(version, notice, state, held[0].first if held else None, held[-1].until if held else None)


def _ours(terms: Terms, version: TariffVersion, day: date) -> bool:
    registered = terms.registration(max(day, version.effective_from))
    parts = ((name, getattr(version, name)) for name in KEY)
    return all(part is None or getattr(registered, name, None) == part for name, part in parts)
