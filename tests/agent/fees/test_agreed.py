"""The rest of the contract on a day, and what is wrong with new versions of a tariff."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from agent.fees.contract.tariff import (
    Basis,
    FeeBasis,
    RefundFee,
    Tier,
    TierMode,
)
from agent.fees.contract.terms import (
    BankCredit,
    ListedFee,
    NothingElseAgreed,
    OpeningHours,
    Per,
    SettlementTerms,
    SimTerms,
    Ticket,
    TicketAbout,
)
from agent.fees.contract.version_checks import trouble_words
from agent.language import choose_language
from protocol.messages import FeeType, Product, SettlementMode
from protocol.money import Money
from tests.agent.fees.contracts import (
    APRIL,
    JUNE,
    MAY,
    RAISE,
    START,
    notice,
    tariff,
    terms_of,
)

# -- the rest of the contract ------------------------------------------------------------------------------------------


def test_of_one_kind_the_last_that_began_by_the_day_holds() -> None:
    first = SettlementTerms(valid_from=START, mode=SettlementMode.T1, t0_agreed=False, source="a")
    later = SettlementTerms(valid_from=MAY, mode=SettlementMode.D0, t0_agreed=True, source="b")
    hours = OpeningHours(valid_from=START, days=("09:00-22:00",) * 7, source="a")
    corrected = OpeningHours(valid_from=START, days=("08:00-22:00",) * 7, source="b")
    terms = terms_of(later, first, hours, corrected)
    assert terms.settlement(START - timedelta(days=1)) is None
    assert terms.settlement(date(2026, 4, 30)) == first
    assert terms.settlement(MAY) == later
    assert terms.hours(START) == corrected
    assert terms.registration(START) is None
    assert terms.sim() is None


def test_sim_listed_fees_and_the_merchants_word() -> None:
    sims = [
        SimTerms(activated=START, free_days=90, period_days=365, amount_minor=m, currency=156, source="a")
        for m in (60, 36)
    ]
    listed = [
        ListedFee(type=FeeType.SERVICE, name=n, amount_minor=m, per=Per.MONTH, currency=156, valid_from=d, source="a")
        for n, m, d in (("x", 100, START), ("y", 200, START), ("x", 300, MAY))
    ]
    word = NothingElseAgreed(valid_from=APRIL, operator="zhang")
    terms = terms_of(*sims, *listed, word)
    assert terms.sim() == sims[1]
    assert [fee.amount_minor for fee in terms.listed(START)] == [100, 200]
    assert [fee.amount_minor for fee in terms.listed(MAY)] == [300, 200]
    assert terms.listed(START - timedelta(days=1)) == ()
    assert [terms.nothing_else_agreed(d) for d in (date(2026, 3, 31), APRIL)] == [False, True]


def test_tickets_in_their_last_telling_and_credits_with_their_entry() -> None:
    def ticket(number: str, about: TicketAbout, closed: date | None = None) -> Ticket:
        return Ticket(ticket=number, about=about, opened=START, closed=closed, operator="zhang")

    credit = BankCredit(on=MAY, amount=Money(9940), source="typed")
    terms = terms_of(
        ticket("1", TicketAbout.FAULT),
        ticket("2", TicketAbout.REPLACEMENT),
        credit,
        ticket("1", TicketAbout.FAULT, MAY),
    )
    assert terms.tickets(TicketAbout.FAULT) == (ticket("1", TicketAbout.FAULT, MAY),)
    assert terms.tickets(TicketAbout.STOPPED_USE) == ()
    assert terms.credits == ((2, credit),)
    assert terms.statement_pages == ()


def test_the_timeline_tells_every_spell() -> None:
    promo = tariff("promo", rate_ppm=5500, promo=True, effective_from=date(2026, 2, 1), effective_to=date(2026, 3, 1))
    dear = tariff("raise", published=date(2026, 3, 11), consent_at=date(2026, 3, 12), **RAISE)
    spells = terms_of(tariff(), promo, dear).timeline(Product.CREDIT)
    told = [(s.first, s.until, s.decision.version.version if s.decision.version else None) for s in spells]
    binds = date(2026, 4, 11)
    assert told == [
        (START, date(2026, 2, 1), "first"),
        (date(2026, 2, 1), date(2026, 3, 1), "promo"),
        (date(2026, 3, 1), APRIL, "first"),
        (APRIL, binds, "first"),  # with the raise waiting
        (binds, None, "raise"),
    ]
    assert [v.version for v in spells[3].decision.dearer] == ["raise"]
    assert terms_of().timeline(Product.CREDIT) == ()


# -- what is wrong with new versions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "field", "code"),
    [
        ({"rate_ppm": 600_000}, "rate_ppm", "rate_too_high"),
        ({"rate_ppm": 30_001}, "rate_ppm", "rate_too_high"),
        ({"rate_ppm": None, "band_low_ppm": 6000, "band_high_ppm": 60_000}, "band_high_ppm", "rate_too_high"),
        ({"rate_ppm": -1}, "rate_ppm", "negative"),
        ({"cap_minor": -1}, "cap_minor", "negative"),
        ({"t0_fixed_minor": -1}, "t0_fixed_minor", "negative"),
        ({"refund_fee": RefundFee(ppm=-1)}, "refund_fee", "negative"),
        ({"refund_fee": RefundFee(minimum_minor=2, cap_minor=1)}, "refund_fee", "minimum_above_cap"),
        ({"minimum_minor": 2001, "cap_minor": 2000}, "minimum_minor", "minimum_above_cap"),
        ({"fee_basis": FeeBasis.BATCH_NET, "cap_minor": 1}, "cap_minor", "of_one_transaction"),
        ({"fee_basis": FeeBasis.BATCH_NET, "minimum_minor": 1}, "minimum_minor", "of_one_transaction"),
        ({"fee_basis": FeeBasis.BATCH_NET, "per_item_minor": 1}, "per_item_minor", "of_one_transaction"),
        ({"promo": True}, "effective_to", "promo_without_end"),
        ({"effective_to": START}, "effective_to", "ends_before_it_begins"),
        ({"rate_ppm": None}, "rate_ppm", "rate_missing"),
        ({"band_low_ppm": 5500, "band_high_ppm": 6000, "rate_ppm": 6000}, "band_low_ppm", "rate_missing"),
        ({"rate_ppm": None, "band_low_ppm": 6000, "band_high_ppm": 5500}, "band_low_ppm", "band_reversed"),
        ({"rate_ppm": None, "band_low_ppm": 5500}, "band_high_ppm", "band_incomplete"),
        ({"tiers": (Tier(3800, 100), Tier(6000))}, "tier_mode", "tier_mode_missing"),
        ({"tiers": (Tier(3800, 100), Tier(6000, 200)), "tier_mode": TierMode.SLAB}, "tiers", "tiers_not_rising"),
        ({"tiers": (Tier(1, 100), Tier(2, 100), Tier(3)), "tier_mode": TierMode.SLAB}, "tiers", "tiers_not_rising"),
        ({"tiers": (Tier(1), Tier(3)), "tier_mode": TierMode.SLAB}, "tiers", "tiers_not_rising"),
    ],
)
def test_what_is_wrong_with_one_version(terms: dict[str, Any], field: str, code: str) -> None:
    found = terms_of().check([tariff("good", product=Product.DEBIT), tariff("bad", **terms)])
    assert [(t.index, t.field, t.code) for t in found] == [(1, field, code)]
    for language in ("en", "zh_CN"):
        choose_language(language)
        assert "{" not in trouble_words(found[0])


def test_good_versions_have_no_trouble() -> None:
    good = [
        tariff(rate_ppm=30_000, cap_minor=2000, minimum_minor=2000),
        tariff("d", product=Product.DEBIT, tiers=(Tier(3800, 100_000), Tier(6000)), tier_mode=TierMode.MARGINAL),
        tariff("promo", rate_ppm=5500, promo=True, effective_to=APRIL),
        tariff("late promo", rate_ppm=5400, promo=True, effective_from=MAY, effective_to=JUNE),  # offers need not touch
        tariff("net", product=Product.QR_WALLET, fee_basis=FeeBasis.BATCH_NET),
        tariff("keyed", region="31"),
        tariff("advert", basis=Basis.ADVERTISED),
    ]
    assert terms_of().check(good) == []


def at(found: list[Any]) -> list[tuple[int, str, str]]:
    return [(t.index, t.field, t.code) for t in found]


def test_overlap_of_binding_versions() -> None:
    long = tariff("long", effective_to=JUNE)
    lower = tariff("lower", rate_ppm=5000, effective_from=MAY)
    assert at(terms_of().check([long, lower])) == [(1, "effective_from", "overlap")]
    assert at(terms_of(long).check([lower])) == [(0, "effective_from", "overlap")]
    assert at(terms_of(lower).check([long])) == [(0, "effective_from", "overlap")]
    assert terms_of(tariff()).check([lower]) == []  # no end was agreed: the new one follows
    assert at(terms_of(tariff()).check([tariff("other", rate_ppm=5000)])) == [(0, "effective_from", "same_day")]
    promos = [
        tariff(n, rate_ppm=1, promo=True, effective_from=f, effective_to=JUNE) for n, f in (("p", APRIL), ("q", MAY))
    ]
    assert at(terms_of().check(promos)) == [(1, "effective_from", "overlap")]
    for trouble in terms_of(long).check([lower]):
        assert "2026-06-01" in trouble_words(trouble)


def test_what_does_not_bind_overlaps_nothing_and_a_notice_is_a_fact() -> None:
    long = tariff("long", effective_to=JUNE)
    assert terms_of(long).check([tariff("raise", **RAISE)]) == []
    assert terms_of(long).check([tariff("told", notice="7", rate_ppm=5000, effective_from=MAY)]) == []
    assert terms_of(long, notice()).check([tariff("next", rate_ppm=5000, effective_from=JUNE)]) == []


def test_a_gap_is_told() -> None:
    until = tariff("until", effective_to=APRIL)
    late = tariff("late", effective_from=MAY)
    assert at(terms_of().check([late, until])) == [(0, "effective_from", "gap")]
    assert at(terms_of(late).check([until])) == [(0, "effective_from", "gap")]
    assert terms_of().check([until, tariff("next", effective_from=APRIL)]) == []
    assert (
        at(terms_of(until, late).check([tariff("more", product=Product.DEBIT)])) == []
    )  # what stands is not judged again


def test_what_stands_already_is_no_trouble_to_itself() -> None:
    assert terms_of(tariff()).check([tariff()]) == []
