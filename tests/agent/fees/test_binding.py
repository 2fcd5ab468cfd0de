"""Which version of a tariff binds on a day: every sentence of docs/domain.md §3 on it, one test each or more."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.fees.contract.binding import KEY, Lack, Terms, Unknown
from agent.fees.contract.binding_rule import rule_on, rules
from agent.fees.contract.tariff import (
    Basis,
    Rounding,
    TariffVersion,
    Tier,
)
from agent.fees.contract.terms import (
    Registration,
)
from agent.fees.facts import facts
from agent.fees.noting import noted
from agent.journal.entries import Entry
from protocol.messages import Product
from protocol.money import Money
from tests.agent.fees.contracts import (
    APRIL,
    JUNE,
    MAY,
    PARTS,
    RAISE,
    REGISTERED,
    START,
    ZONE,
    answer,
    noon,
    notice,
    on,
    tariff,
    terms_of,
)

# -- which version applies ---------------------------------------------------------------------------------------------


@pytest.mark.requirement("4-04", "4-05")
@pytest.mark.parametrize("part", KEY)
def test_a_key_that_the_registration_matches_wins_over_none(part: str) -> None:
    terms = terms_of(REGISTERED, tariff("all"), tariff("keyed", rate_ppm=9000, **{part: PARTS[part]}))
    assert on(terms, START) == ["keyed"]
    terms = terms_of(REGISTERED, tariff("all"), tariff("keyed", rate_ppm=9000, **{part: "another"}))
    assert on(terms, START) == ["all"]


@pytest.mark.requirement("4-04", "4-05")
@pytest.mark.parametrize(("place", "weightier"), list(enumerate(KEY[:-1])))
def test_the_weightier_part_wins_over_all_lighter_ones_together(place: int, weightier: str) -> None:
    """contract_ref > model > product > channel > mcc_class > size > region, however many lighter parts the other names."""
    lighter = {part: PARTS[part] for part in KEY[place + 1 :]}
    for order in (1, -1):
        rivals = [tariff("light", **lighter), tariff("heavy", **{weightier: PARTS[weightier]})]
        assert on(terms_of(REGISTERED, *rivals[::order]), START) == ["heavy"]


def test_the_order_of_the_key() -> None:
    assert KEY == ("contract_ref", "device_model", "signup_channel", "mcc_class", "size", "region")


def test_what_the_registration_does_not_know_does_not_match() -> None:
    keyed = tariff("keyed", region="31")
    bare = Registration(valid_from=START, contract_ref="C1", source="a test")
    assert on(terms_of(keyed), START) == ["no_tariff"]
    assert on(terms_of(bare, keyed), START) == ["no_tariff"]
    assert on(terms_of(bare, keyed, tariff("all")), START) == ["all"]


def test_the_registration_of_the_day_decides() -> None:
    moved = Registration(valid_from=date(2026, 5, 1), device_model="classic", source="a test")
    keyed = (tariff("old", device_model="smart"), tariff("new", device_model="classic"))
    terms = terms_of(REGISTERED, moved, *keyed)
    assert on(terms, date(2026, 4, 30), date(2026, 5, 1)) == ["old", "new"]


def test_an_unlisted_product_is_unknown() -> None:
    terms = terms_of(tariff())
    decision = terms.tariff(Product.DEBIT, START)
    assert (decision.version, decision.unknown, decision.dearer) == (None, Unknown.NO_TARIFF, ())


def test_before_its_first_day_nothing_holds() -> None:
    assert on(terms_of(tariff()), START - timedelta(days=1), START) == ["no_tariff", "first"]


def test_a_tie_is_unknown() -> None:
    assert on(terms_of(tariff("a"), tariff("b", rate_ppm=5900)), START) == ["tie"]
    assert on(terms_of(tariff("a"), tariff("b", rate_ppm=6300)), START) == ["tie"]
    end = date(2026, 3, 1)
    promos = [tariff(n, promo=True, effective_to=end, rate_ppm=r) for n, r in (("p", 5500), ("q", 5400))]
    assert on(terms_of(tariff(), *promos), START, end) == ["tie", "first"]


def test_two_providers_beside_each_other() -> None:
    rivals = (tariff("a", provider="P"), tariff("b", provider="Q", rate_ppm=5000))
    assert on(terms_of(*rivals), START) == ["tie"]
    assert on(terms_of(REGISTERED, *rivals), START) == ["a"]
    elsewhere = Registration(valid_from=START, provider="R", source="a test")
    assert on(terms_of(elsewhere, *rivals), START) == ["tie"]


def test_the_same_version_told_twice_is_one() -> None:
    assert on(terms_of(tariff(), tariff()), START) == ["first"]


def test_intervals_are_half_open_and_after_the_end_nothing_is_known() -> None:
    terms = terms_of(tariff(effective_to=date(2026, 6, 1)))
    assert on(terms, date(2026, 5, 31), date(2026, 6, 1)) == ["first", "ended"]
    fallback = terms_of(REGISTERED, tariff("keyed", region="31", effective_to=date(2026, 6, 1)), tariff("all"))
    assert on(fallback, date(2026, 5, 31), date(2026, 6, 1)) == ["keyed", "all"]


@pytest.mark.parametrize("version", [tariff(rate_ppm=None), tariff(tiers=(Tier(6000),))])
def test_a_version_without_what_the_sum_needs_is_unknown(version: TariffVersion) -> None:
    decision = terms_of(version).tariff(Product.CREDIT, START)
    assert (decision.version, decision.unknown) == (version, Unknown.NO_FEE_FIELD)


def test_an_advertised_version_gives_way_to_any_signed_one() -> None:
    advert = tariff("advert", basis=Basis.ADVERTISED, device_model="smart", rate_ppm=5500)
    assert on(terms_of(REGISTERED, advert), START) == ["advert"]
    later = tariff("signed", effective_from=date(2026, 2, 1), rate_ppm=6000)
    assert on(terms_of(REGISTERED, advert, later), date(2026, 1, 31), date(2026, 2, 1)) == ["advert", "signed"]


# -- what binds --------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("D01")
def test_the_rule_is_data_with_its_source_and_date() -> None:
    (rule,) = rules()
    assert (rule.in_force_from, rule.notice_days, rule.consent_needed) == (date(2024, 5, 1), 30, True)
    assert "第768号" in rule.source
    assert rule.grade
    assert rule.noted
    assert rule.noticed(date(2026, 3, 1)) == date(2026, 4, 1)
    assert rule_on(date(2024, 4, 30)) is None
    assert rule_on(date(2024, 5, 1)) is rule


def test_the_first_version_binds_without_notice() -> None:
    assert on(terms_of(tariff(rate_ppm=30_000)), START) == ["first"]


@pytest.mark.requirement("D01")
def test_a_change_in_the_merchants_favour_binds_at_once() -> None:
    terms = terms_of(tariff(), tariff("lower", rate_ppm=5900, effective_from=APRIL))
    assert on(terms, APRIL - timedelta(days=1), APRIL) == ["first", "lower"]
    assert terms.tariff(Product.CREDIT, APRIL).dearer == ()


@pytest.mark.requirement("D01")
def test_a_raise_without_consent_never_binds_and_is_told_of() -> None:
    terms = terms_of(tariff(), tariff("raise", published=date(2026, 1, 1), **RAISE))
    assert on(terms, APRIL, date(2036, 1, 1)) == ["first", "first"]
    assert [v.version for v in terms.tariff(Product.CREDIT, APRIL).dearer] == ["raise"]
    assert terms.tariff(Product.CREDIT, APRIL - timedelta(days=1)).dearer == ()
    assert terms.raise_binds("raise") == (None, Lack.CONSENT)


@pytest.mark.requirement("D01")
@pytest.mark.parametrize(
    ("published", "consent", "first"),
    [
        (date(2026, 3, 1), date(2026, 3, 2), date(2026, 4, 1)),  # published 1 March -> 1 April
        (date(2026, 3, 2), date(2026, 3, 2), date(2026, 4, 2)),
        (date(2026, 2, 1), date(2026, 2, 2), date(2026, 4, 1)),  # no earlier than its own first day
        (date(2026, 2, 1), date(2026, 4, 20), date(2026, 4, 20)),  # the day of the consent, never backwards
    ],
)
def test_a_raise_binds_from_the_latest_of_three_days(published: date, consent: date, first: date) -> None:
    before = first - timedelta(days=1)
    by_itself = tariff("raise", published=published, consent_at=consent, **RAISE)
    answered = tariff("raise", published=published, **RAISE)
    for terms in (terms_of(tariff(), by_itself), terms_of(tariff(), answered, (answer("raise"), consent))):
        assert on(terms, before, first) == ["first", "raise"]
        assert terms.raise_binds("raise") == (first, None)
        waiting = [v.version for v in terms.tariff(Product.CREDIT, before).dearer]
        assert waiting == (["raise"] if before >= APRIL else [])
        assert terms.tariff(Product.CREDIT, first).dearer == ()


def test_consent_is_of_the_merchants_local_day() -> None:
    """16:30 UTC on 9 April is 10 April in Shanghai, and still the 9th in London."""
    version = tariff("raise", published=date(2026, 1, 1), **RAISE)
    at = int(datetime(2026, 4, 9, 16, 30, tzinfo=UTC).timestamp()) * 1000
    told = [Entry(i, noon(START), n.kind, 1, n.body) for i, n in enumerate(noted([tariff(), version]))]
    (yes,) = noted([answer("raise")])
    told.append(Entry(2, at, yes.kind, 1, yes.body))
    for zone, expected in ((ZONE, ["first", "raise"]), ("Europe/London", ["raise", "raise"])):
        terms = Terms.of(facts(told), time_zone=zone)
        assert on(terms, date(2026, 4, 9), date(2026, 4, 10)) == expected


def test_the_last_answer_holds() -> None:
    version = tariff("raise", published=date(2026, 2, 1), **RAISE)
    yes, no = answer("raise"), answer("raise", accepted=False)
    april = [date(2026, 4, day) for day in range(1, 30)]
    refused = terms_of(tariff(), version, (yes, april[1]), (no, april[5]))
    assert on(refused, april[2], april[20]) == ["first", "first"]
    assert refused.refused("raise")
    assert refused.raise_binds("raise") == (None, Lack.REFUSED)
    agreed = terms_of(tariff(), version, (no, april[1]), (yes, april[5]), (yes, april[9]))
    assert on(agreed, april[4], april[5]) == ["first", "raise"]  # a second yes moves nothing
    assert not agreed.refused("raise")
    assert agreed.accepted("raise")
    assert not agreed.refused("nobody said this")


def test_what_is_refused_does_not_bind_even_as_the_first() -> None:
    """A version entered by mistake is refused, and the right one may stand in its place."""
    wrong, right = tariff("wrong", rate_ppm=60_00 * 10), tariff("right")
    assert on(terms_of(wrong, answer("wrong", accepted=False)), START) == ["no_tariff"]
    terms = terms_of(wrong, answer("wrong", accepted=False), right)
    assert on(terms, START) == ["right"]
    assert terms_of(wrong, answer("wrong", accepted=False)).check([right]) == []


def test_without_its_publication_a_consented_raise_is_unknown() -> None:
    terms = terms_of(tariff(), tariff("raise", consent_at=date(2026, 4, 10), **RAISE))
    assert on(terms, date(2026, 4, 9), date(2026, 4, 10)) == ["first", "no_publication"]
    assert terms.raise_binds("raise") == (date(2026, 4, 10), Lack.PUBLICATION)


def test_before_the_rule_the_contract_alone_holds() -> None:
    old = tariff(effective_from=date(2023, 1, 1))
    for first, expected in ((date(2024, 4, 30), "raise"), (date(2024, 5, 1), "first")):
        terms = terms_of(old, tariff("raise", rate_ppm=6300, effective_from=first))
        assert on(terms, first - timedelta(days=1), first) == ["first", expected]


@pytest.mark.requirement("D01")
def test_until_a_raise_binds_the_version_before_goes_on_past_its_end() -> None:
    first = tariff(effective_to=APRIL)
    waiting = tariff("raise", published=date(2026, 3, 20), consent_at=date(2026, 3, 21), **RAISE)
    terms = terms_of(first, waiting)
    assert on(terms, APRIL, date(2026, 4, 19), date(2026, 4, 20)) == ["first", "first", "raise"]
    never = terms_of(first, tariff("raise", effective_to=MAY, **RAISE))
    assert on(never, date(2026, 4, 30), MAY) == ["first", "ended"]
    after_a_gap = terms_of(first, tariff("new", rate_ppm=6300, effective_from=MAY))
    assert on(after_a_gap, APRIL, MAY) == ["ended", "new"]  # nothing held: a contract of its own, no raise of another


def test_a_raise_agreed_to_after_its_own_end_never_binds() -> None:
    dear = tariff("raise", published=START, effective_to=MAY, **RAISE)
    terms = terms_of(tariff(), dear, (answer("raise"), JUNE))
    assert on(terms, APRIL, MAY, JUNE) == ["first", "first", "first"]
    assert terms.raise_binds("raise") == (None, None)


def test_only_what_is_dearer_is_told_of() -> None:
    terms = terms_of(tariff(), tariff("low", rate_ppm=5000, effective_from=APRIL), answer("low", accepted=False))
    assert on(terms, APRIL) == ["first"]
    assert terms.tariff(Product.CREDIT, APRIL).dearer == ()


def test_a_raise_is_held_against_what_binds_and_not_against_a_raise_that_does_not() -> None:
    """6300 never bound: 6100 after it is dearer than the 6000 that did."""
    terms = terms_of(tariff(), tariff("high", **RAISE), tariff("less", rate_ppm=6100, effective_from=MAY))
    assert on(terms, MAY) == ["first"]
    assert [v.version for v in terms.tariff(Product.CREDIT, MAY).dearer] == ["less", "high"]
    agreed = terms_of(
        tariff(), tariff("high", published=START, **RAISE), tariff("less", rate_ppm=6100, effective_from=MAY),
        (answer("high"), date(2026, 5, 10)),
    )  # fmt: skip
    assert on(agreed, MAY, date(2026, 5, 9), date(2026, 5, 10)) == ["first", "first", "less"]


def test_a_change_in_the_merchants_favour_ends_the_raises_before_it() -> None:
    terms = terms_of(tariff(), tariff("high", **RAISE), tariff("low", rate_ppm=5000, effective_from=MAY))
    assert on(terms, APRIL, MAY) == ["first", "low"]
    assert terms.tariff(Product.CREDIT, MAY).dearer == ()


@pytest.mark.requirement("D18")
def test_a_promo_goes_before_the_plain_rate_and_its_reversion_binds_without_notice() -> None:
    promo = tariff("promo", rate_ppm=5500, promo=True, effective_from=APRIL, effective_to=MAY)
    terms = terms_of(tariff(), promo)
    assert on(terms, date(2026, 3, 31), APRIL, date(2026, 4, 30), MAY) == ["first", "promo", "promo", "first"]
    assert terms.promos == (promo,)
    only = terms_of(promo, tariff("plain", effective_from=MAY))
    assert on(only, date(2026, 4, 30), MAY) == ["promo", "plain"]


@pytest.mark.requirement("D18")
def test_a_promo_without_an_end_is_unknown() -> None:
    promo = tariff("promo", rate_ppm=5500, promo=True, effective_from=APRIL)
    assert on(terms_of(tariff(), promo), date(2026, 3, 31), APRIL) == ["first", "promo_without_end"]


def test_a_promo_dearer_than_the_plain_rate_is_a_raise_by_another_name() -> None:
    promo = tariff("promo", rate_ppm=6500, promo=True, effective_from=APRIL, effective_to=MAY)
    terms = terms_of(tariff(), promo)
    assert on(terms, APRIL) == ["first"]
    assert [v.version for v in terms.tariff(Product.CREDIT, APRIL).dearer] == ["promo"]


# -- notices over the wire ---------------------------------------------------------------------------------------------


@pytest.mark.requirement("D01", "4-09")
def test_a_notice_asks_for_consent() -> None:
    """Shown as a version of the key that holds for the product; binds only from the answer's day on."""
    stands = tariff(region="31", per_item_minor=5, cap_minor=2000, rounding=Rounding.UP, t0_fixed_minor=300)
    told = (REGISTERED, stands, notice(cap=Money(2500), minimum=Money(8)))
    silent = terms_of(*told)
    (proposed,) = silent.notices
    assert proposed.version == "N1/credit"
    assert (proposed.rate_ppm, proposed.cap_minor, proposed.minimum_minor) == (6300, 2500, 8)
    assert (proposed.region, proposed.per_item_minor, proposed.rounding) == ("31", 5, Rounding.UP)
    assert (proposed.published, proposed.effective_from) == (date(2026, 3, 1), APRIL)
    assert proposed.source == "notice N1"
    assert silent.versions == (stands,)
    assert on(silent, APRIL) == ["first"]
    assert silent.tariff(Product.CREDIT, APRIL).dearer == (proposed,)
    agreed = terms_of(*told, (answer("N1/credit"), date(2026, 4, 5)))
    assert on(agreed, date(2026, 4, 4), date(2026, 4, 5)) == ["first", "N1/credit"]
    refused = terms_of(*told, (answer("N1/credit", accepted=False), date(2026, 4, 5)))
    assert on(refused, date(2026, 4, 5)) == ["first"]
    assert refused.refused("N1/credit")
    assert refused.tariff(Product.CREDIT, date(2026, 4, 5)).dearer == (proposed,)


@pytest.mark.requirement("D01")
def test_a_short_notice_binds_after_the_whole_period() -> None:
    """Published on 25 March for 1 April and accepted at once: 25 April."""
    short = notice(published=date(2026, 3, 25))
    terms = terms_of(tariff(), short, (answer("N1/credit"), date(2026, 3, 26)))
    assert on(terms, date(2026, 4, 24), date(2026, 4, 25)) == ["first", "N1/credit"]


def test_a_notice_in_the_merchants_favour_binds_without_an_answer() -> None:
    terms = terms_of(tariff(cap_minor=2000), notice(rate_ppm=5800, cap=Money(2000)))
    assert on(terms, date(2026, 3, 31), APRIL) == ["first", "N1/credit"]
    uncapped = terms_of(tariff(cap_minor=2000), notice(rate_ppm=5800))  # lower, but the cap is gone
    assert on(uncapped, APRIL) == ["first"]


def test_a_notice_for_a_product_without_a_tariff_binds_nothing() -> None:
    terms = terms_of(tariff(), notice(product=Product.DEBIT))
    assert on(terms, APRIL, product=Product.DEBIT) == ["no_tariff"]
    assert [v.version for v in terms.tariff(Product.DEBIT, APRIL).dearer] == ["N1/debit"]
    agreed = terms_of(tariff(), notice(product=Product.DEBIT), (answer("N1/debit"), date(2026, 4, 5)))
    assert on(agreed, date(2026, 4, 4), date(2026, 4, 5), product=Product.DEBIT) == ["no_tariff", "N1/debit"]


def test_a_notice_told_again_is_one_and_another_under_its_number_needs_an_answer_of_its_own() -> None:
    yes = (answer("N1/credit"), date(2026, 3, 2))
    again = terms_of(tariff(), notice(), yes, notice())
    assert len(again.notices) == 1
    assert on(again, APRIL) == ["N1/credit"]
    other = terms_of(tariff(), notice(), yes, notice(rate_ppm=6600))
    assert [v.rate_ppm for v in other.notices] == [6300, 6600]
    decision = other.tariff(Product.CREDIT, APRIL)
    assert decision.version is not None
    assert decision.version.rate_ppm == 6300
    assert [v.rate_ppm for v in decision.dearer] == [6600]
    assert not other.accepted("N1/credit")


def test_a_notice_during_a_promo_is_of_the_plain_rate() -> None:
    promo = tariff("promo", rate_ppm=5500, promo=True, effective_from=APRIL, effective_to=MAY)
    terms = terms_of(tariff(per_item_minor=5), promo, notice(rate_ppm=5800))
    assert on(terms, APRIL, MAY) == ["promo", "N1/credit"]
    assert terms.notices[0].per_item_minor == 5
    alone = terms_of(promo, notice(rate_ppm=5800))
    assert on(alone, APRIL, MAY) == ["promo", "no_tariff"]  # no contract says what follows it


def test_an_accepted_notice_to_an_advertised_rate_is_signed() -> None:
    advert = tariff("advert", basis=Basis.ADVERTISED, rate_ppm=None, band_low_ppm=5500, band_high_ppm=6000)
    terms = terms_of(advert, notice(), (answer("N1/credit"), date(2026, 4, 5)))
    assert on(terms, date(2026, 4, 4), date(2026, 4, 5)) == ["advert", "N1/credit"]
    version = terms.tariff(Product.CREDIT, date(2026, 4, 5)).version
    assert version is not None
    assert version.basis is Basis.SIGNED
    assert version.band_high_ppm is None


def test_a_notice_follows_a_version_that_ends_on_its_first_day() -> None:
    terms = terms_of(tariff(effective_to=APRIL, per_item_minor=5), notice())
    assert terms.notices[0].per_item_minor == 5
    assert on(terms, APRIL) == ["first"]


# -- whatever happens


CHANGES = st.lists(
    st.tuples(
        st.integers(1, 90), st.integers(5990, 6010), st.none() | st.integers(0, 90), st.none() | st.integers(0, 90)
    ),
    max_size=5,
    unique_by=lambda one: one[0],
)


@pytest.mark.requirement("D01")
@given(CHANGES)
def test_no_rate_is_held_against_the_merchant_before_it_may_be(
    changes: list[tuple[int, int, int | None, int | None]],
) -> None:
    """Whatever is changed when: what binds is no higher than the first rate, or than one that was noticed and agreed by then."""

    def day(offset: int) -> date:
        return START + timedelta(days=offset)

    versions = [
        tariff(
            f"v{first}",
            rate_ppm=ppm,
            effective_from=day(first),
            published=None if told is None else day(told),
            consent_at=None if agreed is None else day(agreed),
        )
        for first, ppm, told, agreed in changes
    ]
    terms = terms_of(tariff(), *versions)
    for today in range(130):
        agreed_rates = [
            ppm
            for first, ppm, told, agreed in changes
            if told is not None and agreed is not None and today >= max(first, told + 31, agreed)
        ]
        decision = terms.tariff(Product.CREDIT, day(today))
        if decision.version is None:  # agreed to, and nobody knows when it was published
            assert decision.unknown is Unknown.NO_PUBLICATION
            assert any(
                told is None and agreed is not None and today >= max(first, agreed)
                for first, _, told, agreed in changes
            )
        else:
            assert decision.version.rate_ppm is not None
            assert decision.version.rate_ppm <= max([6000, *agreed_rates])
            assert all((waiting.rate_ppm or 0) > decision.version.rate_ppm for waiting in decision.dearer)
