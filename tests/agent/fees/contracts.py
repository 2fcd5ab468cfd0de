"""Contracts for tests: small ones, and what the journal makes of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any

from agent.fees.contract.binding import Decision, Terms
from agent.fees.contract.tariff import (
    TariffAnswer,
    TariffVersion,
)
from agent.fees.contract.terms import (
    Registration,
)
from agent.fees.facts import facts
from agent.fees.noting import noted
from agent.journal.drafting import to_draft
from agent.journal.entries import Entry
from agent.journal.fee_kinds import FeeFact
from agent.journal.kinds import TerminalSaid
from protocol.messages import Product, TariffNotice

ZONE = "Asia/Shanghai"
START = date(2026, 1, 1)


def noon(day: date) -> int:
    """ms UTC of 12:00 in Shanghai, which is UTC+8 all year."""
    return int(datetime(day.year, day.month, day.day, 4, tzinfo=UTC).timestamp()) * 1000


def midnight(day: date) -> int:
    return noon(day) - 12 * 3_600_000


def tariff(name: str = "first", **terms: Any) -> TariffVersion:
    fixed = {"version": name, "product": Product.CREDIT, "effective_from": START, "source": "a test"}
    rate = {} if {"rate_ppm", "tiers", "band_low_ppm"} & terms.keys() else {"rate_ppm": 6000}
    return TariffVersion(**{**fixed, "currency": 156, **rate, **terms})


def answer(target: str, accepted: bool = True) -> TariffAnswer:
    return TariffAnswer(target=target, accepted=accepted, operator="zhang")


def notice(
    number: str = "N1",
    rate_ppm: int = 6300,
    published: date = date(2026, 3, 1),
    from_: date = date(2026, 4, 1),
    **more: Any,
) -> TariffNotice:
    text = f"{number}: {rate_ppm}"
    return TariffNotice(
        number=7, at=noon(published), notice=number, product=more.pop("product", Product.CREDIT), rate_ppm=rate_ppm,
        effective_from=midnight(from_), published=noon(published), text=text, text_sha256=sha256(text.encode()).digest(), **more,
    )  # fmt: skip


def terms_of(*told: FeeFact | TariffNotice | tuple[FeeFact, date], zone: str = ZONE) -> Terms:
    """Through the very form that the journal holds them in, one entry after the other; a fact's day is its entry's."""
    entries: list[Entry] = []
    for seq, one in enumerate(told):
        fact, day = one if isinstance(one, tuple) else (one, START)
        if isinstance(fact, TariffNotice):
            told_by = TerminalSaid(terminal="t", log_epoch="e", sha256=b"7", message=fact)
            draft = to_draft(told_by, lambda _token: b"")
            entries.append(Entry(seq, fact.at, draft.kind, 1, dict(draft.body), dict(draft.private)))
        else:
            (said,) = noted([fact])
            entries.append(Entry(seq, noon(day), said.kind, 1, dict(said.body), dict(said.private)))
    notices = [entry for entry in entries if entry.kind == "terminal.tariff_notice"]
    return Terms.of(facts(entries), notices, time_zone=zone)


def names(decisions: Iterable[Decision]) -> list[str | None]:
    return [str(d.unknown) if d.version is None else d.version.version for d in decisions]


def on(terms: Terms, *days: date, product: Product = Product.CREDIT) -> list[str | None]:
    """The version's name on each day, or why there is none."""
    return names(terms.tariff(product, day) for day in days)


APRIL, MAY, JUNE = date(2026, 4, 1), date(2026, 5, 1), date(2026, 6, 1)
RAISE = {"rate_ppm": 6300, "effective_from": APRIL}
REGISTERED = Registration(
    valid_from=START, provider="P", contract_ref="C1", device_model="smart", signup_channel="online", mcc_class="food",
    size="small", region="31", source="a test",
)  # fmt: skip
PARTS = {
    "contract_ref": "C1", "device_model": "smart", "signup_channel": "online", "mcc_class": "food", "size": "small",
    "region": "31",
}  # fmt: skip
