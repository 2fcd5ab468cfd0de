"""What the record says of the contract, and which tariff binds on a day: docs/domain.md §3, "Which version applies".

Signed versions go before advertised ones; of the keys that the registration of the day matches the most specific one, in the
order of `KEY`; of one key what `agent.fees.contract.chains` finds. What cannot be told is `Unknown`, never a guess.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from agent.fees.contract.agreed import Agreed
from agent.fees.contract.chains import Chain, Lack, Said, Standing, Unknown
from agent.fees.contract.dearer import dearer
from agent.fees.contract.tariff import Basis, TariffAnswer, TariffVersion
from agent.fees.contract.terms import Registration
from agent.fees.contract.version_checks import Trouble, troubles
from agent.figures import CNY
from agent.journal.entries import Entry
from agent.journal.fee_kinds import FeeFact
from protocol.messages import Product

KEY = ("contract_ref", "device_model", "signup_channel", "mcc_class", "size", "region")
"""A key's parts, the weightiest first; beside them the product, which is always there."""

__all__ = ["KEY", "Decision", "Lack", "Spell", "Terms", "Trouble", "Unknown"]


@dataclass(frozen=True, slots=True)
class Decision:
    """version: what binds; None where `unknown` says why not (with NO_FEE_FIELD it is there, and names no rate).

    dearer: versions and notices that would hold by their own dates and do not bind (yet), newest first.
    """

    version: TariffVersion | None
    unknown: Unknown | None = None
    dearer: tuple[TariffVersion, ...] = ()


@dataclass(frozen=True, slots=True)
class Spell:
    """A decision and the local dates it holds for: first <= day < until; until None: to no known end."""

    first: date
    until: date | None
    decision: Decision


_Key = tuple[str | None, ...]
_Place = tuple[Basis, _Key, str | None]


class Terms(Agreed):
    """All that is known of the contract at one point of the record; never changed. Later facts make another one."""

    def __init__(self, facts: Iterable[tuple[Entry, FeeFact]], notices: Iterable[Entry], time_zone: str) -> None:
        super().__init__(facts, time_zone)
        self._said: dict[str, Said] = {}
        self._chains: dict[Product, dict[_Place, Chain]] = defaultdict(dict)
        self._decided: dict[tuple[Product, date], Decision] = {}
        self._answers: dict[str, list[tuple[int, date, bool]]] = defaultdict(list)
        for seq, at, answer in self._told[TariffAnswer]:
            self._answers[answer.target].append((seq, self._day(at), answer.accepted))
        for seq, version in self._all(TariffVersion):
            if version.version not in self._said:
                self._take(self._with_answers(Said(version, seq)))
        self.versions: tuple[TariffVersion, ...] = tuple(said.version for said in self._said.values())
        self.promos: tuple[TariffVersion, ...] = tuple(v for v in self.versions if v.promo)
        self.notices: tuple[TariffVersion, ...] = tuple(self._propose(list(notices)))
        """What came over the wire, as versions of the key that held for the product then; named `NOTICE/PRODUCT`."""

    @classmethod
    def of(cls, facts: Iterable[tuple[Entry, FeeFact]], notices: Iterable[Entry] = (), *, time_zone: str) -> Terms:
        """facts: as `agent.fees.facts` reads them; notices: `terminal.tariff_notice` entries; both in the journal's order.

        time_zone: the merchant's, an IANA name. Raises KeyError or ValueError for a notice that is none.
        """
        return cls(facts, notices, time_zone)

    # -- tariffs -------------------------------------------------------------------------------------------------------

    def tariff(self, product: Product, day: date) -> Decision:
        """What binds for a product on a local date."""
        key = (product, day)
        if (decided := self._decided.get(key)) is None:
            decided = self._decided[key] = self._decide(product, day)
        return decided

    def timeline(self, product: Product) -> tuple[Spell, ...]:
        """Every spell of one decision, oldest first; from the first date that anything is said of."""
        days = {registered.valid_from for _seq, registered in self._all(Registration)}
        for chain in self._chains[product].values():
            for said in (*chain.plain, *chain.promos):
                ends = (said.version.effective_to, said.lawful()[0])
                days |= {said.version.effective_from, *(day for day in ends if day is not None)}
        spells: list[Spell] = []
        for day in sorted(days):
            decision = self.tariff(product, day)
            if spells and spells[-1].decision == decision:
                continue
            if spells:
                spells[-1] = replace(spells[-1], until=day)
            spells.append(Spell(day, None, decision))
        return tuple(spells)

    def raise_binds(self, target: str) -> tuple[date | None, Lack | None]:
        """From which day a version or notice binds where it is dearer than what stood, or what it lacks.

        With `Lack.PUBLICATION` the day is the earliest possible; neither: it would bind only after its own end. Raises
        KeyError for what is not known.
        """
        return self._said[target].lawful()

    def refused(self, target: str) -> bool:
        """Whether the merchant's last word to a version or a notice (`NOTICE/PRODUCT`) is no."""
        return any(not accepted for _seq, _day, accepted in self._answers.get(target, ())[-1:])

    def accepted(self, target: str) -> bool:
        """Whether it is agreed: by the version itself, or by the merchant's last word."""
        said = self._said.get(target)
        return said is not None and said.consent is not None

    def check(self, new: Sequence[TariffVersion]) -> list[Trouble]:
        """What is wrong with versions that are to be added: each by itself, beside each other, beside what stands."""
        return troubles(new, [said for said in self._said.values() if not said.proposed], self._new_said)

    def _new_said(self, version: TariffVersion) -> Said:
        return self._with_answers(Said(version, 2**53))

    def _decide(self, product: Product, day: date) -> Decision:
        standing = self._standing(product, day)
        held, unknown = standing.held, standing.unknown
        version = None if held is None or unknown is not None else held.version
        if version is not None and not _names_a_rate(version):
            unknown = Unknown.NO_FEE_FIELD
        if version is None and unknown is None:
            unknown = Unknown.NO_TARIFF
        waiting = sorted(standing.waiting, key=lambda said: said.order, reverse=True)
        raises = (said.version for said in waiting if version is None or dearer(said.version, version))
        return Decision(version, unknown, tuple(raises))

    def _standing(self, product: Product, day: date, *, promos: bool = True) -> Standing:
        """Of the weightiest key that says anything for the day; where two providers' do, of the registered one's."""
        registered = self.registration(day)
        waiting: list[Said] = []
        found: list[tuple[str | None, Standing]] = []
        best: tuple[Basis, _Key] | None = None
        ended = False
        for basis, key, provider in self._chains[product]:
            if best not in (None, (basis, key)):
                break
            if not _matches(key, registered):
                continue
            standing = self._chains[product][basis, key, provider].on(day, promos=promos)
            waiting += standing.waiting
            ended |= standing.unknown is Unknown.ENDED
            if standing.held is not None or standing.unknown not in (None, Unknown.ENDED):
                best = (basis, key)
                found.append((provider, standing))
        if len(found) > 1 and registered is not None:
            found = [one for one in found if one[0] == registered.provider] or found
        if len(found) == 1:
            return replace(found[0][1], waiting=waiting)
        unknown = Unknown.TIE if found else Unknown.ENDED if ended else None
        return Standing(unknown=unknown, waiting=waiting)

    def _take(self, said: Said) -> None:
        """Into its chain; the chains of a product stand in the order in which they are asked."""
        v = said.version
        self._said.setdefault(v.version, said)
        chains = self._chains[v.product]
        place = (v.basis, tuple(getattr(v, part) for part in KEY), v.provider)
        if place not in chains:
            chains[place] = Chain()
            self._chains[v.product] = {one: chains[one] for one in sorted(chains, key=_rank)}
        self._chains[v.product][place].add(said)

    # -- answers and notices -------------------------------------------------------------------------------------------

    def _with_answers(self, said: Said, before: int = 2**53) -> Said:
        """consent: the day of the first yes since the last no; answers given before it was said are none of its."""
        consent, refused = said.version.consent_at, False
        if consent is None:
            for seq, day, accepted in self._answers.get(said.version.version, ()):
                if (said.proposed and seq < said.seq) or seq >= before:
                    continue
                consent, refused = ((consent or day) if accepted else None), not accepted
        return replace(said, consent=consent, refused=refused)

    def _propose(self, entries: Sequence[Entry]) -> Iterator[TariffVersion]:
        """A notice told again in the same words is one; under the same number with others it needs an answer of its own."""
        told: dict[str, list[tuple[int, Mapping[str, Any]]]] = defaultdict(list)
        for entry in entries:
            name = f"{entry.body['notice']}/{entry.body['product']}"
            if all(_terms_of(body) != _terms_of(entry.body) for _seq, body in told[name]):
                told[name].append((entry.seq, entry.body))
        for seq, name, body in sorted(
            ((seq, name, body) for name, all_ in told.items() for seq, body in all_), key=lambda one: one[0]
        ):
            later = min((other for other, _body in told[name] if other > seq), default=2**53)
            said = self._with_answers(Said(self._proposal(name, body), seq, proposed=True), later)
            if said.consent is not None:
                said = replace(said, version=replace(said.version, basis=Basis.SIGNED))
            self._said.pop(name, None)  # an answer is to the newest of that name
            self._take(said)
            yield said.version

    def _proposal(self, name: str, body: Mapping[str, Any]) -> TariffVersion:
        """As a version of the key that holds on its first day, or held on the day before; without one of no key."""
        product, day = Product(body["product"]), self._day(body["effective_from"])
        own: dict[str, Any] = {
            "version": name, "effective_from": day, "effective_to": None, "promo": False, "rate_ppm": body["rate_ppm"],
            "band_low_ppm": None, "band_high_ppm": None, "tiers": (), "tier_mode": None,
            "cap_minor": body.get("cap_minor"), "cap_unclear": None, "minimum_minor": body.get("minimum_minor"),
            "published": self._day(body["published"]), "notice": body["notice"], "notice_means": "terminal",
            "notice_sha256": bytes.fromhex(body["text_sha256"]), "source": f"notice {body['notice']}",
            "consent_at": None, "consent_by": None, "consent_evidence_sha256": None, "file_sha256": None, "operator": None,
        }  # fmt: skip
        for first in (day, day - timedelta(days=1)):
            if (held := self._standing(product, first, promos=False).held) is not None:
                return replace(held.version, **own, currency=body.get("currency", held.version.currency))
        return TariffVersion(**own, product=product, currency=body.get("currency", CNY))


def _matches(key: _Key, registered: Registration | None) -> bool:
    """What the registration does not know does not match."""
    return all(
        part is None or (registered is not None and getattr(registered, name) == part)
        for name, part in zip(KEY, key, strict=True)
    )


def _rank(place: _Place) -> tuple[bool, tuple[bool, ...], tuple[str, ...], str]:
    basis, key, provider = place
    return basis is not Basis.SIGNED, tuple(part is None for part in key), tuple(p or "" for p in key), provider or ""


def _names_a_rate(v: TariffVersion) -> bool:
    if v.tiers:
        return v.tier_mode is not None
    return v.rate_ppm is not None or None not in (v.band_low_ppm, v.band_high_ppm)


def _terms_of(body: Mapping[str, Any]) -> tuple[Any, ...]:
    names = ("rate_ppm", "cap_minor", "minimum_minor", "currency", "effective_from", "published", "text_sha256")
    return tuple(body.get(name) for name in names)
