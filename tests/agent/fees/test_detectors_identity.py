"""D16 and D17: another merchant on the slip, a sale while the shop was shut; and what the common path costs."""

from __future__ import annotations

from datetime import date

import pytest

from agent.fees.audit.detectors.doubles import DoubleSale
from agent.fees.audit.detectors.identity import AnotherMerchant, OutsideHours
from agent.fees.audit.detectors.refunds import RefundAsSale
from agent.fees.audit.moments import DeviceTold, Moment, Seen
from agent.fees.audit.thresholds import Thresholds
from agent.fees.contract.terms import Ticket, TicketAbout
from agent.fees.findings import Confidence, Finding, Verdict
from protocol.messages import Outcome
from tests.agent.fees.moment_parts import MONDAY, NOON, K, at, back, found, hours, registration, seen, terms, trade

OTHER = {"mid": "104500058129999", "mcc": "5411"}
HOUR = 3_600_000


def judged(moments: list[Moment], *facts: object) -> list[Finding]:
    return found(AnotherMerchant(terms(*facts), Thresholds()), moments)


@pytest.mark.requirement("D16")
def test_another_merchants_number_on_a_slip() -> None:
    """Scenario other_merchant: MID and category of a supermarket, and nobody told of a change: one finding."""
    jumped, mine = trade(50_000, **OTHER), trade(20_000, NOON + HOUR)
    (finding,) = judged(seen(jumped, mine), registration())
    assert (finding.verdict, finding.confidence) == (Verdict.NEEDS_EVIDENCE, Confidence.CERTAIN)
    assert finding.entries == (jumped.seq,)
    assert finding.claimed_minor == 0
    assert (finding.facts["mid"], finding.facts["right_mid"]) == (OTHER["mid"], "104500058121234")
    assert (finding.facts["mcc"], finding.facts["right_mcc"]) == ("5411", "5812")
    assert "tid" not in finding.facts


@pytest.mark.requirement("D16")
def test_one_finding_for_each_other_name_and_not_for_each_sale() -> None:
    many = [trade(100, NOON + n * 1000, **OTHER) for n in range(20)]
    third = trade(100, NOON + HOUR, mcc="5921")
    first, second = judged(seen(*many, third), registration())
    assert (first.facts["count"], first.facts["amount_minor"]) == ("20", "2000")
    assert second.entries == (third.seq,)


@pytest.mark.requirement("D16")
def test_without_a_registration_what_was_seen_first_is_right() -> None:
    mine, jumped = trade(20_000), trade(50_000, NOON + HOUR, **OTHER)
    (finding,) = judged(seen(mine, jumped, trade(20_000, NOON + 2 * HOUR)))
    assert (finding.entries, finding.confidence) == ((jumped.seq,), Confidence.LIKELY)
    assert judged(seen(mine, trade(1, NOON + 1), trade(1, NOON + 86_400_000))) == []


@pytest.mark.requirement("D16")
def test_a_registration_that_names_a_category_alone() -> None:
    """agent/demo/contracts/*.toml name no MID: for that the first one counts."""
    facts = registration(mid=None, tid=None)
    assert judged(seen(trade(1), trade(1, NOON + 1)), facts) == []
    assert len(judged(seen(trade(1), trade(1, NOON + 1, mcc="5411")), facts)) == 1
    assert len(judged(seen(trade(1), trade(1, NOON + 1, mid=OTHER["mid"])), facts)) == 1


@pytest.mark.requirement("D16")
def test_a_slip_without_a_category_says_nothing_of_it() -> None:
    assert judged(seen(trade(1, mcc=None)), registration()) == []


@pytest.mark.requirement("D16")
def test_what_the_terminal_tells_of_itself_stands_with_the_sale_that_shows_it() -> None:
    """Scenario merchant_changed: the terminal tells at noon, and the afternoon's sale shows another category: one."""
    before, after = trade(50_000, NOON - HOUR), trade(20_000, NOON + 2 * HOUR, mcc="5921")
    change = DeviceTold(77, MONDAY, "merchant_changed", "major")
    (finding,) = judged([Seen(before), change, Seen(after)], registration())
    assert finding.entries == (77, after.seq)
    (alone,) = judged([Seen(before), change], registration())
    assert (alone.entries, alone.verdict) == ((77,), Verdict.NEEDS_EVIDENCE)


@pytest.mark.requirement("D16")
@pytest.mark.parametrize(
    ("kind", "count"), [("serial_changed", 1), ("merchant_changed", 1), ("fault", 0), ("reboot", 0)]
)
def test_device_events(kind: str, count: int) -> None:
    assert len(judged([DeviceTold(77, MONDAY, kind, "major")])) == count


@pytest.mark.requirement("D16")
@pytest.mark.parametrize(("begins", "count"), [(date(2026, 3, 2), 0), (date(2026, 3, 1), 1), (date(2026, 3, 3), 0)])
def test_a_registration_from_that_day_on_explains_a_change(begins: date, count: int) -> None:
    new = registration(valid_from=begins, mcc="5921")
    assert len(judged([DeviceTold(77, MONDAY, "merchant_changed", "info")], registration(), new)) == count


@pytest.mark.requirement("D16")
@pytest.mark.parametrize(
    ("opened", "closed", "count"),
    [
        (date(2026, 3, 2), None, 0),
        (date(2026, 3, 2), date(2026, 3, 2), 0),
        (date(2026, 2, 1), date(2026, 3, 1), 2),
        (date(2026, 3, 3), None, 2),
    ],
)
def test_paused_while_a_replacement_ticket_is_open(opened: date, closed: date | None, count: int) -> None:
    ticket = Ticket(ticket="R1", about=TicketAbout.REPLACEMENT, opened=opened, closed=closed, operator="zhang")
    moments: list[Moment] = [Seen(trade(1, tid="20269999")), DeviceTold(77, MONDAY, "serial_changed", "info")]
    assert len(judged(moments, registration(), ticket)) == count


@pytest.mark.requirement("D16")
def test_only_a_replacement_pauses() -> None:
    ticket = Ticket(ticket="F1", about=TicketAbout.FAULT, opened=MONDAY, operator="zhang")
    assert len(judged(seen(trade(1, **OTHER)), registration(), ticket)) == 1


# -- D17 ---------------------------------------------------------------------------------------------------------------


def outside(text: str, *days: str, **more: object) -> list[Finding]:
    moments = seen(trade(50_000, at(text), **more))
    return found(OutsideHours(terms(*([hours(*days)] if days else [])), Thresholds()), moments)


@pytest.mark.requirement("D17")
def test_a_sale_of_the_night() -> None:
    """Scenario night_sale: 03:12, and the shop closes at nine."""
    (finding,) = outside("2026-03-02 03:12", "09:00-21:00")
    assert (finding.verdict, finding.confidence) == (Verdict.NEEDS_EVIDENCE, Confidence.SUSPECT)
    assert (finding.difference_minor, finding.claimed_minor) == (50_000, 0)
    assert finding.facts["at"] == "03:12"


@pytest.mark.requirement("D17")
@pytest.mark.parametrize(
    ("clock", "count"),
    [
        ("08:59:59.999", 1),
        ("09:00:00", 0),
        ("21:00:00", 0),
        ("21:00:59.999", 0),
        ("21:01:00", 1),
    ],
)
def test_the_minutes_of_opening_and_closing_belong_to_the_hours(clock: str, count: int) -> None:
    assert len(outside(f"2026-03-02 {clock}", "09:00-21:00")) == count


@pytest.mark.requirement("D17")
@pytest.mark.parametrize(
    ("when", "count"),
    [
        ("2026-03-06 23:30", 0),  # Friday
        ("2026-03-07 01:59", 0),  # Friday's hours, after midnight
        ("2026-03-07 02:01", 1),
        ("2026-03-08 01:00", 1),  # Saturday was closed: nothing goes on after midnight
        ("2026-03-07 12:00", 1),
        ("2026-03-08 12:00", 0),
    ],
)
def test_hours_by_weekday_that_pass_midnight(when: str, count: int) -> None:
    week = ("18:00-02:00",) * 5 + ("closed", "10:00-16:00")
    assert len(outside(when, *week)) == count


@pytest.mark.requirement("D17")
@pytest.mark.parametrize("always", ["00:00-00:00", "00:00-23:59"])
@pytest.mark.parametrize("clock", ["00:00", "03:12", "23:59:59"])
def test_a_shop_that_never_closes(always: str, clock: str) -> None:
    assert outside(f"2026-03-02 {clock}", always) == []


@pytest.mark.requirement("D17")
@pytest.mark.parametrize("more", [{"outcome": Outcome.DECLINED}, {"kind": K.REFUND}, {"kind": K.PRE_AUTH}])
def test_only_an_approved_sale(more: dict[str, object]) -> None:
    assert outside("2026-03-02 03:12", "09:00-21:00", **more) == []


@pytest.mark.requirement("D17")
def test_no_hours_known_nothing_said() -> None:
    assert outside("2026-03-02 03:12") == []
    begins_later = hours("09:00-21:00")
    early = seen(trade(1, at("2025-12-31 03:12")))
    assert found(OutsideHours(terms(begins_later), Thresholds()), early) == []


# -- all of them together ----------------------------------------------------------------------------------------------


def test_an_honest_month_is_silent() -> None:
    """Regulars an hour apart, refunds in parts, voids, codes without a token: nothing stands at the end."""
    known = terms(registration(), hours("09:00-21:00"))
    every = [one(known, Thresholds()) for one in (DoubleSale, AnotherMerchant, OutsideHours, RefundAsSale)]
    moments: list[Moment] = []
    for day in range(1, 29):
        start = at(f"2026-03-{day:02d} 09:30")
        meal = trade(10_000, start)
        again = trade(10_000, start + HOUR, card_token=meal.card_token)
        wrong = trade(5_000, start + 2 * HOUR)
        moments += [
            *seen(meal, again, *(trade(1_000, start + n, card_token=None, rrn=None) for n in range(20))),
            back(meal, 4_000, start + HOUR),
            back(meal, 6_000, start + 2 * HOUR),
            Seen(wrong),
            back(wrong, when=start + 2 * HOUR + 1, kind=K.VOID),
            Seen(trade(5_000, start + 2 * HOUR + 2, card_token=wrong.card_token)),
        ]
    for detector in every:
        assert found(detector, moments) == []
