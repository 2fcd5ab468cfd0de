"""D04 and D06: what is certain, what is suspect, and what honest trade looks like (docs/domain.md §4)."""

from __future__ import annotations

import pytest

from agent.fees.audit.detectors.doubles import DoubleRefund, DoubleSale
from agent.fees.audit.detectors.windows import Days
from agent.fees.audit.moments import Seen
from agent.fees.audit.thresholds import Thresholds
from agent.fees.findings import Confidence, Verdict
from protocol.messages import Outcome
from tests.agent.fees.moment_parts import MINUTE, NOON, K, at, back, found, seen, terms, told, trade


def sales() -> DoubleSale:
    return DoubleSale(terms(), Thresholds())


def refunds() -> DoubleRefund:
    return DoubleRefund(terms(), Thresholds())


# -- D04 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("D04", "4-06")
def test_one_rrn_under_two_traces_is_one_sale_taken_twice() -> None:
    """Scenario sale_taken_twice: 888.00, the same reference number, a new trace."""
    first = trade(88_800)
    again = trade(88_800, NOON + 250, rrn=first.rrn, card_token=first.card_token)
    (finding,) = found(sales(), seen(first, again))
    assert (finding.verdict, finding.confidence) == (Verdict.OVER, Confidence.CERTAIN)
    assert (finding.difference_minor, finding.entries) == (88_800, (first.seq, again.seq))
    assert finding.subject == again.reference
    assert finding.facts["of"] == "customer"


@pytest.mark.requirement("D04", "4-06")
@pytest.mark.parametrize(
    "other",
    [
        {"trace": "same"},
        {"tid": "20260002"},
        {"mid": "104500058129999"},
        {"amount_minor": 88_801},
        {"rrn": None},
        {"outcome": Outcome.DECLINED},
        {"at": NOON + 86_400_000, "day": at("2026-03-03 12:00")},
    ],
    ids=lambda other: next(iter(other)),
)
def test_certain_needs_all_of_it(other: dict[str, object]) -> None:
    """A replayed record has its trace; another terminal, merchant, amount or date is another sale; no RRN says nothing."""
    first = trade(88_800, card_token=None)
    values: dict[str, object] = {"rrn": first.rrn, "card_token": None} | other
    if values.get("trace"):
        values["trace"] = first.trace
    if "day" in values:
        values["day"] = trade(1, NOON + 86_400_000).day
    again = trade(values.pop("amount_minor", 88_800), values.pop("at", NOON + 250), **values)  # type: ignore[arg-type]
    assert found(sales(), seen(first, again)) == []


@pytest.mark.requirement("D04", "4-06")
@pytest.mark.parametrize(("after", "suspect"), [(10 * MINUTE, 1), (10 * MINUTE + 1, 0), (0, 1)])
def test_one_card_and_amount_within_ten_minutes_is_suspect(after: int, suspect: int) -> None:
    first = trade(10_000)
    again = trade(10_000, NOON + after, card_token=first.card_token)
    findings = found(sales(), seen(first, again))
    assert len(findings) == suspect
    for finding in findings:
        assert (finding.verdict, finding.confidence) == (Verdict.NEEDS_EVIDENCE, Confidence.SUSPECT)
        assert finding.claimed_minor == 0


@pytest.mark.requirement("D04", "4-06")
@pytest.mark.parametrize("other", [{"tid": "20260002"}, {"mid": "104500058129999"}])
def test_at_another_terminal_a_card_is_not_suspect(other: dict[str, str]) -> None:
    first = trade(10_000)
    assert found(sales(), seen(first, trade(10_000, NOON + 1, card_token=first.card_token, **other))) == []


@pytest.mark.requirement("D04", "4-06")
def test_codes_without_a_token_are_never_compared() -> None:
    assert found(sales(), seen(*(trade(10_000, NOON + n, card_token=None, rrn=None) for n in range(50)))) == []


@pytest.mark.requirement("D04", "4-06")
@pytest.mark.parametrize("kind", [K.VOID, K.REVERSAL])
@pytest.mark.parametrize("when", ["between", "first after", "second after"])
def test_what_was_taken_back_is_no_double(kind: K, when: str) -> None:
    """A slip of the finger: voided and sold again, or sold again and one of the two voided."""
    first = trade(10_000)
    again = trade(10_000, NOON + 2 * MINUTE, card_token=first.card_token)
    void = back(first if when != "second after" else again, when=NOON + MINUTE, kind=kind)
    moments = [Seen(first), void, Seen(again)] if when == "between" else [Seen(first), Seen(again), void]
    assert found(sales(), moments) == []


@pytest.mark.requirement("D04", "4-06")
def test_a_declined_void_takes_nothing_back() -> None:
    first = trade(10_000)
    again = trade(10_000, NOON + MINUTE, card_token=first.card_token)
    assert len(found(sales(), [Seen(first), Seen(again), back(first, kind=K.VOID, outcome=Outcome.DECLINED)])) == 1


@pytest.mark.requirement("D04", "4-06")
@pytest.mark.parametrize(("minor", "left"), [(10_000, 0), (9_999, 1)])
def test_the_whole_amount_given_back_settles_a_suspicion(minor: int, left: int) -> None:
    first = trade(10_000)
    again = trade(10_000, NOON + MINUTE, card_token=first.card_token)
    assert len(found(sales(), [Seen(first), Seen(again), back(again, minor, NOON + 5 * MINUTE)])) == left


@pytest.mark.requirement("D04", "4-06")
def test_of_what_is_certain_only_the_second_one_can_be_taken_back() -> None:
    """The first one voided: the customer wanted nothing, and has paid once."""
    first = trade(88_800)
    again = trade(88_800, NOON + 250, rrn=first.rrn)
    assert len(found(sales(), [Seen(first), Seen(again), back(first, kind=K.VOID)])) == 1
    assert found(sales(), [Seen(first), Seen(again), back(again, kind=K.VOID)]) == []


@pytest.mark.requirement("D04", "4-06")
def test_across_midnight_and_with_a_sale_of_the_night_in_between() -> None:
    """The journal's order is time's but for a day: a sale told at 19:00 may say 03:12."""
    late = trade(10_000, at("2026-03-02 23:58"))
    night = trade(5_000, at("2026-03-02 03:12"))
    early = trade(10_000, at("2026-03-03 00:03"), card_token=late.card_token)
    assert [one.entries for one in found(sales(), seen(late, night, early))] == [(late.seq, early.seq)]


@pytest.mark.requirement("D04", "4-06")
def test_memory_is_that_of_three_days() -> None:
    detector = sales()
    for day in range(1, 31):
        for minute in range(100):
            list(detector.judge(Seen(trade(10_000 + minute, at(f"2026-03-{day:02d} 10:00") + minute * MINUTE))))
    assert len(detector._by_card) == len(detector._by_rrn) == 3 * 100


def test_a_clock_that_was_wrong_once_costs_one_day_and_no_more() -> None:
    days: Days[str, int] = Days()
    for text in ("2099-01-01", "2026-03-02", "2026-03-03"):
        days.of(trade(1, at(f"{text} 12:00")).day)["a"] = 1
    days.of(trade(1, NOON + 2 * 86_400_000).day)["a"] = 1
    assert [day.isoformat() for day in days.tables] == ["2026-03-02", "2026-03-03", "2026-03-04"]


# -- D06 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("D06", "4-07")
def test_two_records_under_one_reference() -> None:
    sale = trade(100_000)
    once = back(sale, 30_000)
    again = back(sale, 30_000, NOON + 86_400_000, reference=once.trade.reference)
    (finding,) = found(refunds(), [once, again])
    assert (finding.verdict, finding.confidence, finding.difference_minor) == (
        Verdict.OVER,
        Confidence.CERTAIN,
        30_000,
    )
    assert finding.entries == (once.trade.seq, again.trade.seq)


@pytest.mark.requirement("D06", "4-07")
def test_a_record_that_is_told_again_is_one() -> None:
    sale = trade(100_000)
    once = back(sale, 30_000)
    again = back(sale, 30_000, reference=once.trade.reference, trace=once.trade.trace)
    assert found(refunds(), [once, again]) == []


@pytest.mark.requirement("D06", "4-07")
@pytest.mark.parametrize(
    ("after", "minor", "suspect"), [(5 * MINUTE, 30_000, 1), (5 * MINUTE + 1, 30_000, 0), (1, 29_999, 0)]
)
def test_one_sale_and_amount_within_five_minutes_is_suspect(after: int, minor: int, suspect: int) -> None:
    """Parts of a planned refund differ in amount, or come later: honest_*.toml gives 333.33 three times, days apart."""
    sale = trade(100_000)
    findings = found(refunds(), [back(sale, 30_000, NOON), back(sale, minor, NOON + after)])
    assert [(one.verdict, one.confidence) for one in findings] == [
        (Verdict.NEEDS_EVIDENCE, Confidence.SUSPECT)
    ] * suspect


@pytest.mark.requirement("D06", "4-07")
def test_a_refund_that_was_taken_back_is_no_double() -> None:
    sale = trade(100_000)
    once, again = back(sale, 30_000, NOON), back(sale, 30_000, NOON + MINUTE)
    void = back(once.trade, when=NOON + 2 * MINUTE, kind=K.REVERSAL)
    assert found(refunds(), [once, again, void]) == []
    assert found(refunds(), [once, void, again]) == []


@pytest.mark.requirement("D06", "4-07")
def test_refunds_of_two_sales_are_two() -> None:
    assert found(refunds(), [back(trade(30_000), 30_000), back(trade(30_000), 30_000)]) == []


def line(minor: int, reference: str | None, *, kind: str = "refund", trace: str = "000900", rrn: str | None = "1"):
    return (kind, reference, trace, rrn, minor, 0)


@pytest.mark.requirement("D06", "4-07")
def test_a_refund_on_two_lines_of_a_settlement() -> None:
    """Scenario refund_settled_twice: 1000.00 sold, 300.00 given back once, and settled twice."""
    lines = (line(100_000, "s", kind="sale"), line(30_000, "r"), line(30_000, "r"))
    settlement = told(100_000, 600, refunds_minor=60_000, lines=lines)
    (finding,) = found(refunds(), [settlement])
    assert (finding.verdict, finding.difference_minor, finding.entries) == (Verdict.OVER, 30_000, (30,))
    assert (finding.expected_minor, finding.charged_minor) == (30_000, 60_000)


@pytest.mark.requirement("D06", "4-07")
def test_lines_without_a_reference_are_the_same_by_rrn_and_trace_alone() -> None:
    assert found(refunds(), [told(0, lines=(line(1, None, rrn=None), line(1, None, rrn=None)))]) == []
    assert len(found(refunds(), [told(0, lines=(line(1, None), line(1, None)))])) == 1
    assert found(refunds(), [told(0, lines=(line(1, None), line(1, None, trace="000901")))]) == []


@pytest.mark.requirement("D06", "4-07")
def test_two_lines_of_two_amounts_are_two_parts() -> None:
    assert found(refunds(), [told(0, lines=(line(100, "r"), line(200, "r")))]) == []


@pytest.mark.requirement("D06", "4-07")
def test_a_refund_in_two_settlements_and_a_settlement_told_twice() -> None:
    one, again = told(0, batch="000061", lines=(line(100, "r"),)), told(0, batch="000062", lines=(line(100, "r"),))
    assert [finding.facts["batch"] for finding in found(refunds(), [one, again])] == ["000062"]
    assert found(refunds(), [one, one]) == []


@pytest.mark.requirement("D06", "4-07")
def test_what_the_terminal_told_twice_is_claimed_once() -> None:
    sale = trade(100_000)
    once = back(sale, 30_000)
    again = back(sale, 30_000, reference=once.trade.reference)
    name = once.trade.reference
    settlement = told(100_000, refunds_minor=60_000, lines=(line(30_000, name), line(30_000, name, trace="000901")))
    assert [one.difference_minor for one in found(refunds(), [once, again, settlement])] == [30_000]
