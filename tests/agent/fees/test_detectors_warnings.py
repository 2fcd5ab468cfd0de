"""D18, D19, D21 and D22: what a merchant should hear of in time (docs/domain.md §4)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from agent.fees.audit.detectors.warnings import DepositDeduction, MonthTotal, PromoEnd, SupportInstalment
from agent.fees.audit.moments import DepositTold, DeviceTold, Moment, Now
from agent.fees.audit.thresholds import Thresholds
from agent.fees.contract.tariff import TariffVersion
from agent.fees.contract.terms import ListedFee, Per, Ticket, TicketAbout
from agent.fees.findings import Finding, Verdict
from protocol.messages import FeeType, Product
from tests.agent.fees.moment_parts import CNY, MONDAY, found, own_fee, terms

# -- D18 ---------------------------------------------------------------------------------------------------------------


def promo(name: str = "promo0000001", **more: object) -> TariffVersion:
    values: dict[str, object] = {
        "version": name, "product": Product.CREDIT, "effective_from": date(2026, 1, 1),
        "effective_to": date(2026, 4, 1), "rate_ppm": 5_500, "promo": True, "currency": CNY, "source": "contract",
    }  # fmt: skip
    return TariffVersion(**values | more)  # type: ignore[arg-type]


def warned(now: date, *facts: object) -> list[Finding]:
    return found(PromoEnd(terms(*facts), Thresholds()), [], now)


@pytest.mark.requirement("D18")
@pytest.mark.parametrize(
    ("now", "count"),
    [
        (date(2026, 3, 17), 0),
        (date(2026, 3, 18), 1),  # 14 days before 1 April
        (date(2026, 4, 1), 1),
        (date(2026, 5, 2), 1),  # 31 days after
        (date(2026, 5, 3), 0),
    ],
)
def test_an_offer_that_ends_is_a_warning(now: date, count: int) -> None:
    """Scenario promotion_ends: 0.55% up to the end of March, as agreed."""
    findings = warned(now, promo())
    assert [(one.verdict, one.difference_minor, one.facts["ends"]) for one in findings] == [
        (Verdict.OK, 0, "2026-04-01")
    ] * count


@pytest.mark.requirement("D18")
def test_an_offer_that_goes_on_ends_later() -> None:
    now = date(2026, 3, 25)
    on = promo("promo0000002", effective_from=date(2026, 4, 1), effective_to=date(2026, 7, 1))
    assert warned(now, promo(), on) == []
    gap = promo("promo0000002", effective_from=date(2026, 4, 2), effective_to=date(2026, 7, 1))
    assert [one.version for one in warned(now, promo(), gap)] == ["promo0000001"]
    debit = promo("promo0000002", product=Product.DEBIT, effective_to=date(2026, 7, 1))
    assert [one.version for one in warned(now, promo(), debit)] == ["promo0000001"]


@pytest.mark.requirement("D18")
def test_no_offer_no_warning() -> None:
    assert warned(date(2026, 4, 1), promo(promo=False), promo("promo0000003", effective_to=None)) == []


# -- D19 ---------------------------------------------------------------------------------------------------------------


def deposit(*items: tuple[str, int, str | None, bool], ticket: str = "D-1", seq: int = 7) -> DepositTold:
    return DepositTold(seq, MONDAY, ticket, CNY, items)


def cut(*moments: Moment) -> list[Finding]:
    return found(DepositDeduction(terms(), Thresholds()), list(moments))


@pytest.mark.requirement("D19")
def test_twenty_yuan_for_nothing_worth_the_name() -> None:
    """Scenario deposit_deducted: 20.00 kept "as the rules say", told with every state of the return: one finding."""
    (finding,) = cut(deposit(), *(deposit(("other", 2_000, None, True), seq=n) for n in (8, 9, 10)))
    assert (finding.verdict, finding.difference_minor) == (Verdict.OVER, 2_000)
    assert (finding.expected_minor, finding.charged_minor, finding.entries) == (0, 2_000, (8, 9, 10))


@pytest.mark.requirement("D19")
@pytest.mark.parametrize(
    ("item", "minor"),
    [
        (("damage", 3_980, "7.2", True), 0),
        (("outstanding_fee", 3_980, "7.4", True), 0),
        (("damage", 3_980, None, True), 3_980),
        (("damage", 3_980, "", True), 3_980),
        (("damage", 3_980, "7.2", False), 3_980),
        (("other", 3_980, "9.9", True), 3_980),
    ],
)
def test_a_clause_a_reason_and_a_cause_are_needed(item: tuple[str, int, str | None, bool], minor: int) -> None:
    findings = cut(deposit(item, ("damage", 100, "7.2", True)))
    assert [(one.difference_minor, one.expected_minor) for one in findings] == ([(minor, 100)] if minor else [])


@pytest.mark.requirement("D19")
def test_the_last_word_holds_and_tickets_are_apart() -> None:
    item = ("other", 2_000, None, True)
    assert cut(deposit(item), deposit()) == []
    assert [one.subject for one in cut(deposit(item), deposit(item, ticket="D-2"))] == ["D-1", "D-2"]
    assert [one.entries for one in cut(deposit(item), deposit(("other", 3_000, None, True), seq=8))] == [(8,)]


# -- D21 ---------------------------------------------------------------------------------------------------------------


def ticket(about: TicketAbout, opened: date, closed: date | None = None) -> Ticket:
    return Ticket(ticket=f"{about}", about=about, opened=opened, closed=closed, operator="zhang")


def instalment(*facts: object, before: tuple[Moment, ...] = (), after: tuple[Moment, ...] = ()) -> list[Finding]:
    return found(SupportInstalment(terms(*facts), Thresholds()), [*before, own_fee(5_000, MONDAY), *after])


@pytest.mark.requirement("D21")
def test_an_instalment_that_nobody_asked_for() -> None:
    """Scenario support_instalment: 50.00 at a day's opening, no fault, no ticket."""
    (finding,) = instalment()
    assert (finding.verdict, finding.difference_minor, finding.claimed_minor) == (Verdict.OVER, 5_000, 5_000)


@pytest.mark.requirement("D21")
@pytest.mark.parametrize("about", [TicketAbout.FAULT, TicketAbout.SUPPORT])
@pytest.mark.parametrize(
    ("opened", "closed", "count"),
    [
        (MONDAY, None, 0),
        (date(2025, 6, 1), None, 0),
        (MONDAY + timedelta(days=1), None, 1),
        (date(2025, 6, 1), MONDAY - timedelta(days=30), 0),
        (date(2025, 6, 1), MONDAY - timedelta(days=31), 1),
    ],
)
def test_a_ticket_is_a_reason(about: TicketAbout, opened: date, closed: date | None, count: int) -> None:
    assert len(instalment(ticket(about, opened, closed))) == count


@pytest.mark.requirement("D21")
@pytest.mark.parametrize(
    ("days", "kind", "severity", "count"),
    [(30, "fault", "major", 0), (31, "fault", "major", 1), (0, "fault", "minor", 1), (0, "reboot", "major", 1)],
)
def test_a_major_fault_of_the_thirty_days_before_is_a_reason(days: int, kind: str, severity: str, count: int) -> None:
    fault = DeviceTold(5, MONDAY - timedelta(days=days), kind, severity)
    assert len(instalment(before=(fault,))) == count


@pytest.mark.requirement("D21")
def test_after_the_device_was_put_out_of_use_no_ticket_is_a_reason() -> None:
    open_ = ticket(TicketAbout.SUPPORT, date(2026, 1, 1))
    (finding,) = instalment(open_, ticket(TicketAbout.STOPPED_USE, MONDAY))
    assert finding.facts["why"] == "stopped_use"
    assert instalment(open_, ticket(TicketAbout.STOPPED_USE, MONDAY + timedelta(days=1))) == []


@pytest.mark.requirement("D21")
def test_a_line_that_takes_it_back_settles_it() -> None:
    assert instalment(after=(own_fee(-5_000, MONDAY),)) == []
    assert len(instalment(after=(own_fee(-4_999, MONDAY),))) == 1
    assert len(instalment(after=(own_fee(-5_000, MONDAY, FeeType.SIM),))) == 1


def listed(name: str, amount: int) -> ListedFee:
    return ListedFee(
        type=FeeType.OTHER, name=name, amount_minor=amount, per=Per.MONTH, currency=CNY,
        valid_from=date(2026, 1, 1), source="contract",
    )  # fmt: skip


@pytest.mark.requirement("D21", "1-03")
def test_what_the_contract_lists_under_another_name_is_no_instalment() -> None:
    assert instalment(listed("打印纸", 5_000)) == []
    assert len(instalment(listed("打印纸", 4_999))) == 1
    assert len(instalment(listed("技术支持押金", 5_000))) == 1, "listed, and still to be triggered"


@pytest.mark.requirement("D21")
def test_other_fees_of_their_own_are_not_its_business() -> None:
    moments: list[Moment] = [own_fee(3_600, MONDAY, FeeType.SIM), own_fee(100, MONDAY, FeeType.SERVICE)]
    assert found(SupportInstalment(terms(), Thresholds()), moments) == []


# -- D22 ---------------------------------------------------------------------------------------------------------------


def months(*sums: tuple[date, int | None, int], **settings: int) -> list[Finding]:
    detector = MonthTotal(terms(), Thresholds(**settings))  # type: ignore[arg-type]
    for day, expected, charged in sums:
        detector.add(day, CNY, expected, charged)
    return found(detector, [], date(2026, 5, 1))


@pytest.mark.requirement("D22", "4-12")
def test_half_as_much_again() -> None:
    """Scenario month_far_above: five banquets at 9.00 instead of 6.00, on Thursdays of April."""
    days = [date(2026, 4, 2) + timedelta(days=7 * n) for n in range(5)]
    (finding,) = months(*((day, 600, 900) for day in days))
    assert (finding.expected_minor, finding.charged_minor, finding.difference_minor) == (3_000, 4_500, 1_500)
    assert (finding.first, finding.last, finding.claimed_minor) == (days[0], days[-1], 0)
    assert finding.facts["month"] == "2026-04"


@pytest.mark.requirement("D22", "4-12", "赵先生")
def test_a_month_at_one_per_cent_instead_of_six_per_mille() -> None:
    """story_zhao: 16 x 50.00 instead of 16 x 30.00 in March; April is as agreed."""
    march = [(date(2026, 3, 9) + timedelta(days=n), 3_000, 5_000) for n in range(16)]
    april = [(date(2026, 4, 1) + timedelta(days=n), 3_000, 3_000) for n in range(16)]
    assert [one.difference_minor for one in months(*march, *april)] == [32_000]


@pytest.mark.requirement("D22", "4-12")
@pytest.mark.parametrize(
    ("expected", "charged", "count"),
    [
        (100_000, 110_000, 0),  # ten per cent, and not above
        (100_000, 110_001, 1),
        (1_000, 1_999, 0),  # 9.99 is not worth a look
        (1_000, 2_000, 1),
        (0, 1_000, 1),
        (100_000, 90_000, 0),
    ],
)
def test_the_edges_of_far_above(expected: int, charged: int, count: int) -> None:
    assert len(months((MONDAY, expected, charged), month_percent=10, month_minor=1_000)) == count


@pytest.mark.requirement("D22", "4-12", "张先生")
def test_how_much_is_too_much_is_a_setting() -> None:
    """story_zhang: 40 x 3.15 instead of 40 x 3.00: five per cent, 6.00."""
    sums = (date(2026, 4, 1), 12_000, 12_600)
    assert [one.difference_minor for one in months(sums)] == [600]
    assert months(sums, month_percent=5) == []
    assert months(sums, month_minor=601) == []


@pytest.mark.requirement("D22", "4-12")
def test_what_nobody_can_judge_is_left_out() -> None:
    assert months((MONDAY, None, 50_000)) == []


@pytest.mark.requirement("D22", "4-12")
def test_currencies_are_never_added() -> None:
    detector = MonthTotal(terms(), Thresholds(month_minor=1_000))
    detector.add(MONDAY, CNY, 10_000, 10_800)
    detector.add(MONDAY, 840, 10_000, 10_800)
    assert list(detector.judge(Now(MONDAY, 0))) == []
