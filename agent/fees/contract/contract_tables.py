"""The tables of a contract's TOML, into facts; every trouble is kept with its line and field, and reading goes on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from hashlib import sha256
from typing import Any

from agent.fees.contract import contract_fields as fields
from agent.fees.contract.contract_fields import Fields
from agent.fees.contract.tariff import RefundFee, TariffVersion, Tier
from agent.fees.contract.terms import (
    ListedFee,
    NothingElseAgreed,
    OpeningHours,
    Registration,
    SettlementTerms,
    SimTerms,
)
from agent.fees.contract.written import NotWritten
from agent.journal.drafting import to_draft
from agent.journal.entries import canonical
from agent.journal.fee_kinds import FeeFact
from agent.language import _
from protocol.messages import Product
from protocol.money import CNY
from protocol.toml_lines import Path, line_of

_APART = ("version", "source", "file_sha256", "operator")
"""Of a version: no terms, so its name does not depend on them."""
_ONE = ("registration", "sim", "settlement", "hours")
_MANY = ("listed_fee", "tariff")


@dataclass(frozen=True, slots=True)
class Trouble:
    """line: from 1. field: dotted, as in the file; empty: the file as a whole."""

    line: int
    field: str
    what: str


def named(version: TariffVersion) -> TariffVersion:
    """With its name: the first 12 hex digits of the SHA-256 of the canonical JSON of its terms.

    Where they stand and who brought them in are no terms.
    """
    body = to_draft(version, lambda _token: b"").body
    terms = {name: value for name, value in body.items() if name not in _APART}
    return replace(version, version=sha256(canonical(terms)).hexdigest()[:12])


class Tables:
    """One file's. lines: of `protocol.toml_lines`; file: its name; operator: who brings it in.

    After `facts`: `troubles`, and for each tariff version in its order `places`, the path of its table.
    """

    def __init__(self, lines: Mapping[Path, int], file: str, file_sha256: bytes, operator: str | None) -> None:
        self.troubles: list[Trouble] = []
        self.places: list[tuple[str, int]] = []
        self._lines = lines
        self._file, self._file_sha256, self._operator = file, file_sha256, operator
        self._currency = CNY
        self._agreed: dict[str, Any] = {}  # what [contract] says
        self._meant: set[str] = set()  # what it tries to say

    def facts(self, raw: Mapping[str, Any]) -> Iterator[FeeFact]:
        """Those that could be read; none of them is worth anything where there are troubles."""
        for key in raw:
            if key not in ("contract", *_ONE, *_MANY):
                self._unknown((key,), ("contract", *_ONE, *_MANY))
        self._contract(raw.get("contract", {}))
        for name in _ONE:
            if name in raw or (name == "registration" and self._agreed.keys() & {*fields.KEYS}):
                yield from self._one(name, raw.get(name, {}))
        for name in _MANY:
            of = raw.get(name, [])
            if not isinstance(of, list):
                self.trouble((name,), _("write its heading with two brackets: [[{name}]]").format(name=name))
                continue
            for at, table in enumerate(of):
                yield from (self._listed_fee if name == "listed_fee" else self._tariff)((name, at), table)
        if self._agreed.get("nothing_else_agreed"):
            yield from self._nothing_else()
        if not raw and not self.troubles:
            self.trouble((), _("it says nothing"))

    def trouble(self, path: Path, what: str) -> None:
        """Note one, at the line of that path or of the nearest above it."""
        field = ".".join(fields.printable(str(part)) for part in path if isinstance(part, str))
        self.troubles.append(Trouble(line_of(self._lines, path), field, what))

    def _contract(self, raw: object) -> None:
        self._meant = set(raw) if isinstance(raw, dict) else set()
        self._agreed = self._read(("contract",), raw, fields.CONTRACT, whole=False) or {}
        self._currency = self._agreed.pop("currency", CNY)

    def _one(self, name: str, raw: object) -> Iterator[FeeFact]:
        path: Path = (name,)
        match name:
            case "registration":
                if values := self._dated(path, raw, fields.REGISTRATION, "valid_from"):
                    whose: dict[str, Any] = {key: self._agreed.get(key) for key in ("provider", *fields.KEYS)}
                    yield Registration(**whose, **values)
            case "sim":
                needed = ("activated", "free_days", "period_days", "amount_minor")
                if (values := self._read(path, raw, fields.SIM, needed)) is not None:
                    yield SimTerms(**(values | {"source": self._source(values)}), currency=self._currency)
            case "settlement":
                if values := self._dated(path, raw, fields.SETTLEMENT, "valid_from", "mode", "t0_agreed"):
                    yield SettlementTerms(**values)
            case "hours":
                if values := self._dated(path, raw, fields.HOURS, "valid_from", *fields.WEEK):
                    yield OpeningHours(days=tuple(values.pop(day) for day in fields.WEEK), **values)

    def _listed_fee(self, path: tuple[str, int], raw: object) -> Iterator[FeeFact]:
        values = self._dated(path, raw, fields.LISTED_FEE, "valid_from", "type", "name", "per")
        if values is None:
            return
        if ("amount_minor" in values) == ("rate_ppm" in values):
            self.trouble(path, _("name either its amount or its rate"))
        yield ListedFee(**values, currency=self._currency)

    def _nothing_else(self) -> Iterator[FeeFact]:
        path: Path = ("contract", "nothing_else_agreed")
        if self._operator is None:
            self.trouble(path, _("this is a person's own word: say whose with --operator NAME"))
        elif (since := self._agreed.get("valid_from")) is not None:
            yield NothingElseAgreed(valid_from=since, operator=self._operator)
        elif "valid_from" not in self._meant:
            self.trouble(path, _("valid_from is missing in [contract]: since when nothing else was agreed"))

    # Tariffs

    def _tariff(self, path: tuple[str, int], raw: object) -> Iterator[FeeFact]:
        apart = ("products", "tiers", "refund_fee")
        values = self._dated(path, raw, fields.TARIFF, "effective_from", apart=apart)
        if values is None or not isinstance(raw, dict):
            return
        before = len(self.troubles)
        products = self._products(path, raw, values)
        if "tiers" in raw:
            values["tiers"] = self._tiers((*path, "tiers"), raw["tiers"])
        if "refund_fee" in raw:
            values["refund_fee"] = self._refund_fee((*path, "refund_fee"), raw["refund_fee"])
        self._high(path, raw, values, confirmed=values.pop("confirmed_high_rate", False))
        if len(self.troubles) > before:
            return
        for name in ("provider", *fields.KEYS, *fields.AGREED):
            if name in self._agreed:
                values.setdefault(name, self._agreed[name])
        if "basis" not in values and "basis" not in self._meant:
            self.trouble(path, _("basis is missing: SIGNED where the merchant agreed to it, ADVERTISED where not"))
            return
        for product in products:
            version = TariffVersion(
                version="",
                product=product,
                **values,
                currency=self._currency,
                file_sha256=self._file_sha256,
                operator=self._operator,
            )
            self.places.append(path)
            yield named(version)

    def _products(self, path: Path, raw: Mapping[str, Any], values: dict[str, Any]) -> list[Product]:
        one = values.pop("product", None)
        if ("product" in raw) == ("products" in raw):
            self.trouble(path, _('name its product, like product = "debit", or its products in a list'))
            return []
        if "products" not in raw:
            return [] if one is None else [one]
        several, found = raw["products"], []
        if not isinstance(several, list) or not several:
            self.trouble((*path, "products"), _('expected a list, like ["qr_wallet", "qr_credit"]'))
            return []
        for each in several:
            try:
                found.append(fields.TARIFF["product"].read(each))
            except NotWritten as why:
                self.trouble((*path, "products"), str(why))
        if len(set(found)) < len(found):
            self.trouble((*path, "products"), _("a product stands in it twice"))
        return found

    def _tiers(self, path: Path, raw: object) -> tuple[Tier, ...]:
        if not isinstance(raw, list) or not raw:
            self.trouble(path, _("expected a list of tables: [[tariff.tiers]]"))
            return ()
        read = [self._read((*path, at), each, fields.TIER, ("rate_ppm",)) for at, each in enumerate(raw)]
        tiers = [Tier(**each) for each in read if each is not None]
        if len(tiers) < len(raw):
            return tuple(tiers)
        reached = 0
        for at, tier in enumerate(tiers):
            last = at == len(tiers) - 1
            if last and tier.up_to_minor is not None:
                self.trouble((*path, at), _("the last tier has no end: leave up_to out of it"))
            if not last and tier.up_to_minor is None:
                self.trouble((*path, at), _("up_to is missing: only the last tier has no end"))
            if tier.up_to_minor is not None:
                if tier.up_to_minor <= reached:
                    self.trouble((*path, at), _("the tiers do not rise: each ends above the one before"))
                reached = max(reached, tier.up_to_minor)
        return tuple(tiers)

    def _refund_fee(self, path: Path, raw: object) -> RefundFee | None:
        values = self._read(path, raw, fields.REFUND_FEE)
        if values is None:
            return None
        if not values.keys() & {"ppm", "fixed_minor"}:
            self.trouble(path, _("name its rate, or its fixed amount; 0 where a refund costs nothing"))
        least, most = values.get("minimum_minor"), values.get("cap_minor")
        if least is not None and most is not None and least > most:
            self.trouble(path, _("the minimum is above the cap"))
        return RefundFee(**values)

    def _high(self, path: Path, raw: Mapping[str, Any], values: Mapping[str, Any], *, confirmed: bool) -> None:
        """0.6 typed for 0.6% is 60%."""
        if confirmed:
            return
        for name, word in (("rate_ppm", "rate"), ("band_high_ppm", "band_high"), ("t0_ppm", "t0")):
            if (said := fields.too_high(values.get(name, 0))) is not None:
                self.trouble((*path, word if word in raw else f"{word}_ppm"), said)
        for at, tier in enumerate(values.get("tiers", ())):
            if (said := fields.too_high(tier.rate_ppm)) is not None:
                self.trouble((*path, "tiers", at, "rate"), said)
        fee = values.get("refund_fee")
        if fee is not None and (said := fields.too_high(fee.ppm)) is not None:
            self.trouble((*path, "refund_fee", "rate"), said)

    # Any table

    def _dated(
        self, path: Path, raw: object, known: Fields, since: str, *needed: str, apart: tuple[str, ...] = ()
    ) -> dict[str, Any] | None:
        """As `_read`; its first date and its source are [contract]'s where it names none."""
        given = "valid_from" in self._meant
        values = self._read(path, raw, known, needed if given else (since, *needed), apart)
        if values is None:
            return None
        if since not in values:
            if "valid_from" not in self._agreed:
                return None  # told of [contract]
            values[since] = self._agreed["valid_from"]
        return values | {"source": self._source(values)}

    def _source(self, values: dict[str, Any]) -> str:
        return values.pop("source", None) or self._agreed.get("source") or self._file

    def _read(
        self,
        path: Path,
        raw: object,
        known: Fields,
        needed: tuple[str, ...] = (),
        apart: tuple[str, ...] = (),
        *,
        whole: bool = True,
    ) -> dict[str, Any] | None:
        """The record's fields that a table gives; None where there was a trouble, or, without `whole`, those without one.

        apart: keys that the caller reads.
        """
        if not isinstance(raw, dict):
            self.trouble(path, _("expected a table"))
            return None
        before, values, tried = len(self.troubles), {}, set()
        for key, value in raw.items():
            if key in apart:
                continue
            if (field := known.get(key)) is None:
                self._unknown((*path, key), (*known, *apart))
                continue
            if field.to in tried:
                self.trouble((*path, key), _("it stands here twice: once in words, once as an integer"))
                continue
            tried.add(field.to)
            if field.read is fields.yuan and self._currency != CNY:
                self.trouble((*path, key), _("amounts in words are yuan: give {key}_minor").format(key=key))
                continue
            try:
                values[field.to] = field.read(value)
            except NotWritten as why:
                self.trouble((*path, key), str(why))
        for name in needed:
            if name not in tried:
                word = name.removesuffix("_minor").removesuffix("_ppm")
                self.trouble((*path, word), _("it is missing"))
        return values if not whole or len(self.troubles) == before else None

    def _unknown(self, path: Path, known: tuple[str, ...]) -> None:
        close = get_close_matches(str(path[-1]), known, 1)
        said = _("there is no such field here")
        if close:
            said += _(": did you mean {field}?").format(field=close[0])
        self.trouble(path, said)
