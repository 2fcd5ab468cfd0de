"""D11, D12 and D14's late half: whether the money came (docs/domain.md §4). 2026-03-02 is a Monday."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from agent.fees.audit.detectors.doubles import DoubleRefund
from agent.fees.audit.detectors.settlements import LateInstant, MissingSettlement, SettlementDifference
from agent.fees.audit.moments import FeeLine, Moment, Settling
from agent.fees.audit.thresholds import Thresholds
from agent.fees.contract.tariff import Rounding, TariffVersion
from agent.fees.contract.terms import FeesTaken, SimTerms
from agent.fees.findings import Confidence, Finding, Verdict
from protocol.messages import FeeType, Product, SettlementMode
from tests.agent.fees.moment_parts import (
    CNY,
    MONDAY,
    NOON,
    credit,
    found,
    own_fee,
    settlement_terms,
    terms,
    told,
    trade,
    traded,
)

TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (MONDAY + timedelta(days=n) for n in (1, 2, 3, 4))
NEVER = date(2026, 6, 30)


def missing(moments: list[Moment], *facts: object, now: date = THURSDAY, **settings: int) -> list[Finding]:
    return found(MissingSettlement(terms(*facts), Thresholds(**settings)), moments, now)  # type: ignore[arg-type]


def different(moments: list[Moment], *facts: object, now: date = THURSDAY, **settings: object) -> list[Finding]:
    return found(SettlementDifference(terms(*facts), Thresholds(**settings)), moments, now)  # type: ignore[arg-type]


TUESDAYS: list[Moment] = [
    traded(20_000, 120, day=TUESDAY, batch="000062"),
    told(20_000, 120, day=TUESDAY, batch="000062", due=WEDNESDAY),
]
"""A batch that is settled as it should be: 200.00 less 1.20."""


# -- D11 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("D11")
def test_a_day_that_is_in_no_settlement() -> None:
    """Scenario settlement_missing: Monday's 500.00 less 3.00 never come, Tuesday's do: 49700."""
    (finding,) = missing([traded(50_000, 300), *TUESDAYS], settlement_terms())
    assert (finding.verdict, finding.confidence) == (Verdict.OVER, Confidence.CERTAIN)
    assert (finding.difference_minor, finding.expected_minor, finding.charged_minor) == (49_700, 49_700, 0)
    assert finding.facts["due"] == "2026-03-03"
    assert finding.facts["calendar"] == "verified"


@pytest.mark.requirement("D11")
@pytest.mark.parametrize(
    ("mode", "cut_off", "day", "due"),
    [
        ("T1", None, MONDAY, TUESDAY),
        ("T1", "22:00", MONDAY, WEDNESDAY),  # all of it may have been sold after the cut-off
        ("T0", None, MONDAY, MONDAY),
        ("D0", None, date(2026, 3, 7), date(2026, 3, 7)),
        ("D1", None, date(2026, 3, 7), date(2026, 3, 8)),
        ("T0", None, date(2026, 3, 7), date(2026, 3, 9)),
        ("T1", None, FRIDAY, date(2026, 3, 9)),
        ("T1", None, date(2026, 4, 30), date(2026, 5, 6)),  # 1 to 5 May are holidays
        ("T1", None, date(2026, 5, 8), date(2026, 5, 11)),  # Saturday the 9th is worked; Monday at the latest
    ],
)
def test_it_is_missed_after_the_day_it_was_due_and_not_on_it(
    mode: str, cut_off: str | None, day: date, due: date
) -> None:
    facts = settlement_terms(SettlementMode(mode), cut_off=cut_off)
    later = told(1, day=day + timedelta(days=1), batch="000099")
    moments = [traded(50_000, 300, day=day), later]
    assert missing(moments, facts, now=due) == []
    assert [one.difference_minor for one in missing(moments, facts, now=due + timedelta(days=1))] == [49_700]


@pytest.mark.requirement("D11")
def test_without_a_contract_the_mode_that_the_terminal_logged() -> None:
    moments = [traded(50_000, 300, mode=SettlementMode.T0), *TUESDAYS]
    assert [one.facts["due"] for one in missing(moments)] == ["2026-03-02"]


@pytest.mark.requirement("D11")
def test_it_is_found_when_it_comes_after_all() -> None:
    late = told(50_000, 300, due=TUESDAY)
    assert missing([traded(50_000, 300), *TUESDAYS, late], settlement_terms()) == []


@pytest.mark.requirement("D11")
def test_the_book_tells_a_batch_at_each_closing() -> None:
    moments = [traded(40_000, 240), traded(50_000, 300), *TUESDAYS]
    assert [one.difference_minor for one in missing(moments, settlement_terms())] == [49_700]


@pytest.mark.requirement("D11")
def test_the_same_number_two_months_later_is_another_batch() -> None:
    again = traded(30_000, 180, day=MONDAY + timedelta(days=70))
    moments = [traded(50_000, 300), told(50_000, 300, due=TUESDAY), again]
    (finding,) = missing(moments, settlement_terms(), now=NEVER)
    assert (finding.difference_minor, finding.first) == (29_820, MONDAY + timedelta(days=70))


@pytest.mark.requirement("D11")
@pytest.mark.parametrize(
    "sums", [{"sales": 0}, {"sales": 10_000, "refunds_minor": 10_000}, {"sales": 100, "fees": 200}]
)
def test_a_batch_that_comes_to_nothing_is_not_missed(sums: dict[str, int]) -> None:
    assert missing([traded(**sums), *TUESDAYS], settlement_terms()) == []  # type: ignore[arg-type]


@pytest.mark.requirement("D11")
def test_fees_that_are_invoiced_are_not_taken_off() -> None:
    facts = settlement_terms(fees=FeesTaken.INVOICED)
    assert [one.difference_minor for one in missing([traded(50_000, 300), *TUESDAYS], facts)] == [50_000]


@pytest.mark.requirement("D11")
def test_a_fee_of_its_own_that_no_settlement_has_deducted_is_taken_off_first() -> None:
    fee = own_fee(3_600, MONDAY, FeeType.SIM)
    (finding,) = missing([fee, traded(50_000, 300), *TUESDAYS], settlement_terms())
    assert (finding.difference_minor, finding.facts["withheld_minor"]) == (46_100, "3600")
    deducted = told(20_000, 120, day=TUESDAY, batch="000062", deductions_minor=3_600)
    assert [f.difference_minor for f in missing([fee, traded(50_000, 300), deducted], settlement_terms())] == [49_700]
    tomorrow = own_fee(3_600, TUESDAY, FeeType.SIM)
    assert [f.difference_minor for f in missing([tomorrow, traded(50_000, 300), *TUESDAYS], settlement_terms())] == [
        49_700
    ], "a fee of the day after is no reason"


@pytest.mark.requirement("D11")
def test_small_sales_are_withheld_until_a_sim_fee_that_fell_due_is_covered() -> None:
    """36.00 fell due on 3 March (free to the 3rd); sales of 20.00 and 30.00 are kept back: 14.00 of the second are missing."""
    sim = SimTerms(
        activated=date(2025, 12, 3), free_days=90, period_days=365, amount_minor=3_600, currency=CNY, source="contract"
    )
    before = [traded(1_000, day=MONDAY, batch="000060"), told(1_000, day=MONDAY, batch="000060")]
    kept = [traded(2_000, day=TUESDAY, batch="000061"), traded(3_000, day=WEDNESDAY, batch="000062")]
    findings = missing([*before, *kept], settlement_terms(), sim, now=FRIDAY)
    assert [(one.facts["batch"], one.difference_minor) for one in findings] == [("000062", 1_400)]
    paid = own_fee(3_600, MONDAY, FeeType.SIM)
    deducted = told(9_000, day=MONDAY, batch="000059", deductions_minor=3_600)
    findings = missing([paid, deducted, *before, *kept], settlement_terms(), sim, now=FRIDAY)
    assert [one.difference_minor for one in findings] == [2_000, 3_000], "it was taken already"


@pytest.mark.requirement("D11")
def test_a_debt_that_was_adjusted_and_not_brought_over_yet_is_taken_off_first() -> None:
    """Sunday's refunds exceed its sales by 50.00: nothing is credited, and the next settlement brings them over."""
    sunday = date(2026, 3, 1)
    negative = [
        traded(0, day=sunday, batch="000060", refunds_minor=5_000),
        told(0, day=sunday, batch="000060", refunds_minor=5_000, adjustments_minor=5_000),
    ]
    findings = missing([*negative, traded(50_000, 300), *TUESDAYS], settlement_terms())
    assert [one.difference_minor for one in findings] == [44_700]


@pytest.mark.requirement("D11")
def test_a_terminal_that_tells_no_settlements_at_all_gives_one_unknown() -> None:
    many: list[Moment] = [traded(50_000, 300, day=MONDAY + timedelta(days=n), batch=f"{n:06d}") for n in range(20)]
    (finding,) = missing(many, settlement_terms(), now=NEVER)
    assert (finding.verdict, finding.claimed_minor) == (Verdict.UNKNOWN, 0)


@pytest.mark.requirement("D11")
def test_money_that_came_without_a_settlement_is_not_missed() -> None:
    booked = credit(49_000, TUESDAY, "000061")
    findings = missing([traded(50_000, 300), *TUESDAYS], settlement_terms(), booked)
    assert [one.difference_minor for one in findings] == [700]


@pytest.mark.requirement("D11")
def test_in_a_year_without_its_table_nothing_is_certain_at_once() -> None:
    """2027's holidays are not known: ten days later no holiday explains it any more."""
    day = date(2027, 2, 5)
    moments = [traded(50_000, 300, day=day), told(1, day=day + timedelta(days=1), batch="000099")]
    (soon,) = missing(moments, settlement_terms(), now=date(2027, 2, 18))
    assert (soon.verdict, soon.facts["calendar"]) == (Verdict.NEEDS_EVIDENCE, "unverified")
    (later,) = missing(moments, settlement_terms(), now=date(2027, 2, 19))
    assert (later.verdict, later.confidence) == (Verdict.OVER, Confidence.LIKELY)


@pytest.mark.requirement("D11")
@pytest.mark.parametrize(("on", "days"), [(TUESDAY, None), (WEDNESDAY, "1"), (date(2026, 3, 31), "28")])
def test_a_credit_after_its_day_is_late_and_costs_nothing(on: date, days: str | None) -> None:
    moments = [traded(50_000, 300), told(50_000, 300, due=TUESDAY)]
    findings = missing(moments, settlement_terms(), credit(49_700, on, "000061"), now=NEVER)
    assert [one.facts["days"] for one in findings] == ([] if days is None else [days])
    assert sum(one.claimed_minor for one in findings) == 0


@pytest.mark.requirement("D11")
def test_the_settlements_own_promise_counts_where_it_is_sooner() -> None:
    moments = [traded(50_000, 300), told(50_000, 300, due=MONDAY)]
    late = missing(moments, settlement_terms(cut_off="22:00"), credit(49_700, TUESDAY, "000061"))
    assert [one.facts["due"] for one in late] == ["2026-03-02"]


# -- D12 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("D12")
def test_a_settlement_that_disagrees_with_itself() -> None:
    """Scenario settlement_short: 500.00 less 3.00, and 487.00 to be credited: 1000."""
    (finding,) = different([traded(50_000, 300), told(50_000, 300, credited_minor=48_700)], settlement_terms())
    assert (finding.verdict, finding.confidence, finding.difference_minor) == (
        Verdict.OVER,
        Confidence.CERTAIN,
        1_000,
    )
    assert (finding.expected_minor, finding.charged_minor) == (49_700, 48_700)


@pytest.mark.requirement("D12")
def test_every_class_of_the_sum() -> None:
    """50000 - 4000 - 300 - 3600 + 70 - 90 = 42080."""
    honest = told(
        50_000, 300, refunds_minor=4_000, deductions_minor=3_600, adjustments_minor=70, carried_minor=-90,
        credited_minor=42_080,
    )  # fmt: skip
    before = told(0, batch="000060", refunds_minor=90, adjustments_minor=90)
    assert different([own_fee(3_600, MONDAY, FeeType.SIM), before, honest], settlement_terms()) == []


@pytest.mark.requirement("D12")
def test_more_than_is_right_is_a_note() -> None:
    (finding,) = different([told(50_000, 300, credited_minor=49_800)], settlement_terms())
    assert (finding.verdict, finding.difference_minor, finding.claimed_minor) == (Verdict.UNDER, 100, 0)


@pytest.mark.requirement("D12")
def test_what_the_bank_booked_is_what_came() -> None:
    """Scenario credit_short: 497.00 told, 487.00 booked: 1000; and 2000 where the settlement was 10.00 short before."""
    moments = [traded(50_000, 300), told(50_000, 300, due=TUESDAY)]
    (finding,) = different(moments, settlement_terms(), credit(48_700, TUESDAY, "000061"))
    assert (finding.verdict, finding.difference_minor, finding.charged_minor) == (Verdict.OVER, 1_000, 48_700)
    assert finding.entries == (30, 1001)
    both = [traded(50_000, 300), told(50_000, 300, due=TUESDAY, credited_minor=48_700)]
    assert [f.difference_minor for f in different(both, settlement_terms(), credit(47_700, TUESDAY, "000061"))] == [
        2_000
    ]
    assert different(moments, settlement_terms(), credit(49_700, TUESDAY, "000061")) == []


@pytest.mark.requirement("D12")
def test_a_credit_in_parts_is_summed() -> None:
    moments = [told(50_000, 300, due=TUESDAY)]
    parts = credit(40_000, TUESDAY, "000061"), credit(9_700, WEDNESDAY, "000061")
    assert different(moments, settlement_terms(), *parts) == []


@pytest.mark.requirement("D12")
def test_a_short_credit_that_names_no_batch_needs_evidence() -> None:
    """Alone on the day on which a settlement alone is due: it is likely to be that one's."""
    (finding,) = different([told(50_000, 300, due=TUESDAY)], settlement_terms(), credit(48_700, TUESDAY))
    assert (finding.verdict, finding.confidence, finding.difference_minor) == (
        Verdict.NEEDS_EVIDENCE,
        Confidence.LIKELY,
        1_000,
    )


@pytest.mark.requirement("D12")
def test_without_a_booking_nothing_is_said_unless_somebody_asks() -> None:
    moments = [told(50_000, 300, due=TUESDAY)]
    assert different(moments, settlement_terms()) == []
    (asked,) = different(moments, settlement_terms(), ask_for_credits=True)
    assert (asked.verdict, asked.difference_minor, asked.expected_minor) == (Verdict.UNKNOWN, 0, 49_700)
    assert different(moments, settlement_terms(), ask_for_credits=True, now=TUESDAY) == []


@pytest.mark.requirement("D12")
@pytest.mark.parametrize(("on", "count"), [(date(2026, 3, 13), 0), (date(2026, 3, 14), 1)])
def test_one_that_is_not_among_the_bookings_is_missed_ten_days_later(on: date, count: int) -> None:
    moments = [told(50_000, 300, due=TUESDAY), told(700, day=on, batch="000070", due=on)]
    findings = different(moments, settlement_terms(), credit(700, on, "000070"), now=NEVER)
    assert [(one.verdict, one.difference_minor) for one in findings] == [(Verdict.NEEDS_EVIDENCE, 49_700)] * count


@pytest.mark.requirement("D12")
def test_a_sale_of_ours_that_the_settlement_leaves_out() -> None:
    (finding,) = different([traded(50_000, 300), told(40_000, 300)], settlement_terms())
    assert (finding.verdict, finding.difference_minor) == (Verdict.OVER, 10_000)


@pytest.mark.requirement("D12")
@pytest.mark.parametrize("more", [{"refunds_minor": 500}, {"fees": 800}])
def test_a_refund_or_a_fee_that_only_the_acquirer_knows_needs_evidence(more: dict[str, int]) -> None:
    """500 more taken off than our record holds: the record may have a gap."""
    settlement = told(50_000, more.get("fees", 300), refunds_minor=more.get("refunds_minor", 0))
    (finding,) = different([traded(50_000, 300), settlement], settlement_terms())
    assert (finding.verdict, finding.difference_minor, finding.claimed_minor) == (Verdict.NEEDS_EVIDENCE, 500, 0)


@pytest.mark.requirement("D12", "D06")
def test_a_refund_settled_twice_is_claimed_once() -> None:
    """Scenario refund_settled_twice: D06 has the 300.00, and D12 nothing."""
    twice = ("refund", "r", "000900", None, 30_000, 0)
    moments = [
        traded(100_000, 600, refunds_minor=30_000),
        told(100_000, 600, refunds_minor=60_000, lines=(twice, twice)),
    ]
    assert different(moments, settlement_terms()) == []
    claimed = found(DoubleRefund(terms(), Thresholds()), moments)
    assert [one.difference_minor for one in claimed] == [30_000]
    short = told(100_000, 600, refunds_minor=60_000, lines=(twice, twice), credited_minor=39_000)
    assert [one.difference_minor for one in different([moments[0], short], settlement_terms())] == [400]


@pytest.mark.requirement("D12")
def test_a_negative_batch_and_what_it_carries_are_honest() -> None:
    """-388.00 + 368.00 - 2.21: adjusted to nothing, and carried to the next (scenario over_refund)."""
    first = told(36_800, 221, refunds_minor=38_800, adjustments_minor=2_221)
    second = told(50_000, 300, day=TUESDAY, batch="000062", carried_minor=-2_221)
    assert first.credited_minor == 0
    moments = [traded(36_800, 221, refunds_minor=38_800), first, second, first, second]  # told again: the same
    assert different(moments, settlement_terms()) == []


@pytest.mark.requirement("D12")
@pytest.mark.parametrize(
    ("more", "of", "minor"),
    [
        ({"carried_minor": -700}, "carried", 700),
        ({"adjustments_minor": -800}, "adjusted", 800),
        ({"deductions_minor": 900}, "deducted", 900),
    ],
)
def test_what_is_taken_off_without_a_reason_in_the_record_needs_evidence(
    more: dict[str, int], of: str, minor: int
) -> None:
    (finding,) = different([told(50_000, 300, **more)], settlement_terms())
    assert (finding.verdict, finding.facts["of"], finding.difference_minor) == (Verdict.NEEDS_EVIDENCE, of, minor)


@pytest.mark.requirement("D12")
def test_invoiced_fees_are_no_part_of_it() -> None:
    gross = told(50_000, 300, credited_minor=50_000)
    assert different([gross], settlement_terms(fees=FeesTaken.INVOICED)) == []
    assert different([gross]) == [], "nobody said how fees are paid"
    assert [f.verdict for f in different([gross], settlement_terms())] == [Verdict.UNDER]
    net = told(50_000, 300)
    assert [f.difference_minor for f in different([net], settlement_terms(fees=FeesTaken.INVOICED))] == [300]


@pytest.mark.requirement("D11", "D12")
def test_a_year_of_honest_batches_is_silent() -> None:
    """Every working day and weekend of 2026, T+1, each booked when it is due; every tenth batch negative."""
    facts: list[object] = [settlement_terms()]
    moments: list[Moment] = []
    carried, day = 0, date(2026, 1, 1)
    for n in range(365):
        sales, refunds, fees = 10_000 + n, 12_000 if n % 10 == 9 else 500, 60
        net = sales - refunds - fees + carried
        due = day + timedelta(days={4: 3, 5: 2}.get(day.weekday(), 1))
        batch = f"{n:06d}"
        moments += [
            traded(sales, fees, day=day, batch=batch, refunds_minor=refunds),
            told(
                sales, fees, day=day, batch=batch, refunds_minor=refunds, carried_minor=carried,
                adjustments_minor=max(0, -net), due=due,
            ),
        ]  # fmt: skip
        if net > 0:
            facts.append(credit(net, due, batch if n % 3 else None))
        carried, day = min(0, net), day + timedelta(days=1)
    for detector in (MissingSettlement, SettlementDifference, LateInstant):
        assert found(detector(terms(*facts), Thresholds()), moments, date(2027, 2, 1)) == []


# -- D14 ---------------------------------------------------------------------------------------------------------------

INSTANT = TariffVersion(
    version="instant00001", product=Product.CREDIT, effective_from=date(2012, 1, 1), rate_ppm=6_000,
    t0_fixed_minor=300, rounding=Rounding.HALF_UP, currency=CNY, source="contract",
)  # fmt: skip


def paid_for_t0(minor: int = 300, **more: object) -> Settling:
    one = trade(50_000, settlement_mode=SettlementMode.T0)
    line = FeeLine(900, 900, NOON, one.day, FeeType.T0, minor, CNY, one.reference)
    values: dict[str, object] = {"version": INSTANT, "unknown": None, "expected_minor": 300} | more
    return Settling(one, [line], {FeeType.MDR: 300, FeeType.T0: minor}, **values)  # type: ignore[arg-type]


def instant(moments: list[Moment], *facts: object) -> list[Finding]:
    return found(LateInstant(terms(*facts), Thresholds()), moments, NEVER)


T0_BATCH: list[Moment] = [traded(50_000, 600, mode=SettlementMode.T0, t0_paid=True), told(50_000, 600, due=MONDAY)]


@pytest.mark.requirement("D14")
@pytest.mark.parametrize(("on", "claimed"), [(MONDAY, 0), (TUESDAY, 300), (WEDNESDAY, 300)])
def test_paid_for_money_on_the_same_day(on: date, claimed: int) -> None:
    """Scenario credit_late: 3.00 for T+0, and Monday's money comes on Wednesday."""
    facts = settlement_terms(SettlementMode.T0), credit(49_400, on, "000061")
    findings = instant([paid_for_t0(), *T0_BATCH], *facts)
    assert sum(one.claimed_minor for one in findings) == claimed
    assert all(900 in one.entries and one.verdict is Verdict.OVER for one in findings)


@pytest.mark.requirement("D14")
def test_what_is_claimed_line_by_line_is_not_claimed_again() -> None:
    """Above the agreed 3.00, not agreed at all, taken back, or judged a second time: not here."""
    late = credit(49_400, WEDNESDAY, "000061")
    agreed = settlement_terms(SettlementMode.T0)
    assert [f.difference_minor for f in instant([paid_for_t0(500), *T0_BATCH], agreed, late)] == [300]
    assert instant([paid_for_t0(), *T0_BATCH], settlement_terms(SettlementMode.T0, t0_agreed=False), late) == []
    assert instant([paid_for_t0(), *T0_BATCH], settlement_terms(SettlementMode.T1, t0_agreed=True), late) == []
    assert instant([paid_for_t0(), *T0_BATCH], late) == []
    assert instant([paid_for_t0(undone=True), *T0_BATCH], agreed, late) == []
    assert instant([paid_for_t0(before=paid_for_t0()), *T0_BATCH], agreed, late) == []
    assert [f.difference_minor for f in instant([paid_for_t0(), paid_for_t0(), *T0_BATCH], agreed, late)] == [600]


@pytest.mark.requirement("D14")
def test_without_a_booking_nobody_knows_that_it_was_late() -> None:
    assert instant([paid_for_t0(), *T0_BATCH], settlement_terms(SettlementMode.T0)) == []
