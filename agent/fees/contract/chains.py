"""The versions of one key in their order, and which of them holds on a day: docs/domain.md §3, "What binds".

The first version of a key holds without notice; a change that is not dearer in any component at its first day; a raise
from the latest of its first day, the end of the notice period and the merchant's consent, never backwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from agent.fees.contract.binding_rule import rule_on
from agent.fees.contract.dearer import dearer
from agent.fees.contract.tariff import TariffVersion


class Unknown(StrEnum):
    """Why no tariff can be named for a day."""

    NO_TARIFF = "no_tariff"
    """Nothing in the record is for this product and this registration."""
    ENDED = "ended"
    """What was agreed has ended, and nothing follows it."""
    TIE = "tie"
    """Two versions of one key begin on the same day, or two providers' stand beside each other."""
    NO_FEE_FIELD = "no_fee_field"
    """The version names no rate, or tiers without their mode."""
    PROMO_WITHOUT_END = "promo_without_end"
    NO_PUBLICATION = "no_publication"
    """The merchant agreed to a raise, and when it was published is not recorded."""


class Lack(StrEnum):
    """What a raise lacks to bind."""

    CONSENT = "consent"
    REFUSED = "refused"
    PUBLICATION = "publication"
    """Its date: without it the notice period has no end."""


@dataclass(frozen=True, slots=True)
class Said:
    """A version with what became of it. seq: of its entry. consent: the local date of it. proposed: a notice that came over
    the wire, which no contract holds: it needs consent even where nothing goes before it. refused: the last word was no."""

    version: TariffVersion
    seq: int
    consent: date | None = None
    refused: bool = False
    proposed: bool = False

    @property
    def announced(self) -> bool:
        """It says of itself that it changes what stood."""
        v = self.version
        return self.proposed or v.notice is not None or v.published is not None or self.consent is not None

    @property
    def order(self) -> tuple[date, bool, int]:
        return self.version.effective_from, self.announced, self.seq

    def lawful(self) -> tuple[date | None, Lack | None]:
        """From which day it binds though it is dearer, or what it lacks. With `Lack.PUBLICATION` the day is the earliest
        possible; what would only bind after its own end never does."""
        v = self.version
        rule = rule_on(v.effective_from)
        if self.refused:
            return None, Lack.REFUSED
        if self.consent is None and (self.proposed if rule is None else rule.consent_needed):
            return None, Lack.CONSENT
        days = [v.effective_from, *([self.consent] if self.consent and (rule or self.proposed) else [])]
        if rule is not None and v.published is None:
            return max(days), Lack.PUBLICATION
        first = max([*days, *([rule.noticed(v.published)] if rule is not None and v.published else [])])
        return (first, None) if v.effective_to is None or first < v.effective_to else (None, None)

    def holds_by_its_dates(self, day: date) -> bool:
        v = self.version
        return v.effective_from <= day and (v.effective_to is None or day < v.effective_to)


@dataclass(slots=True)
class Chain:
    """All of one key, one provider and one basis. plain and promos in `Said.order`."""

    plain: list[Said] = field(default_factory=list)
    promos: list[Said] = field(default_factory=list)

    def add(self, said: Said) -> None:
        those = self.promos if said.version.promo else self.plain
        those.append(said)
        those.sort(key=lambda one: one.order)

    def on(self, day: date, *, promos: bool = True) -> Standing:
        """What holds on a local date. promos: False looks at the plain versions alone."""
        standing = _plain(self.plain, day)
        if promos:
            _promo(standing, self.promos, day)
        standing.waiting = [one for one in standing.waiting if one.holds_by_its_dates(day)]
        return standing


@dataclass(slots=True)
class Standing:
    """held: what holds on the day; not sure with `unknown`. waiting: would hold by its own dates, and does not bind."""

    held: Said | None = None
    until: date | None = None
    unknown: Unknown | None = None
    waiting: list[Said] = field(default_factory=list)

    def follow(self, said: Said) -> None:
        self.held, self.until, self.unknown, self.waiting = said, said.version.effective_to, None, []

    def put_off(self, said: Said) -> None:
        """It does not bind: what held before goes on in its place, also past an end that it was to follow."""
        self.waiting.append(said)
        if self.until is not None and said.version.effective_from <= self.until:
            end = said.version.effective_to
            self.until = None if end is None else max(self.until, end)


def _plain(versions: Iterable[Said], day: date) -> Standing:
    standing = Standing()
    for said in versions:
        v, held = said.version, standing.held
        if v.effective_from > day:
            break
        begins = held is None or (standing.until is not None and standing.until < v.effective_from)
        if said.refused:
            standing.put_off(said)
        elif held is not None and v.effective_from == held.version.effective_from and not said.announced:
            standing.unknown = Unknown.TIE
        elif (begins and not said.proposed) or (not begins and held is not None and not dearer(v, held.version)):
            standing.follow(said)
        else:
            _raise(standing, said, day)
    if standing.until is not None and day >= standing.until:
        standing.held, standing.unknown = None, Unknown.ENDED
    return standing


def _raise(standing: Standing, said: Said, day: date) -> None:
    first, lack = said.lawful()
    if first is None or day < first:
        standing.put_off(said)
    elif lack is Lack.PUBLICATION:
        standing.put_off(said)
        standing.unknown = Unknown.NO_PUBLICATION
    else:
        standing.follow(said)


def _promo(standing: Standing, promos: Iterable[Said], day: date) -> None:
    """An offer goes before the plain rate while it lasts; one that is dearer than it is a raise by another name."""
    plain, waiting = None if standing.unknown else standing.held, standing.waiting
    for said in promos:
        if not said.holds_by_its_dates(day) or said.refused:
            continue
        held = standing.held
        if said.version.effective_to is None:
            standing.held, standing.unknown = None, Unknown.PROMO_WITHOUT_END
        elif held is not None and held.version.promo and held.version.effective_from == said.version.effective_from:
            standing.unknown = Unknown.TIE
        elif plain is None or not dearer(said.version, plain.version):
            standing.follow(said)
        else:
            _raise(standing, said, day)
    standing.waiting = [*waiting, *(one for one in standing.waiting if one not in waiting)]
