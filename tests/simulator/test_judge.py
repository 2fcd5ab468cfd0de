"""The judge, with ledgers and tallies made by hand: what is right holds, and each check can be broken."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from protocol.dialect import LinkCounters
from protocol.messages import Error, ErrorCode, EventAck, RequestState, Result, Sale, StatusQuery, StatusReply
from protocol.money import Money
from simulator.expectations import LEDGER, WIRE, lies
from simulator.judge import Evidence, always, judge, meets
from simulator.scenario_files import read
from simulator.tally import Asked, Tally

AT = "2026-03-02T01:00:00.000Z"


def sale(reference: str, amount: int, fee: int = 30, **other: Any) -> dict[str, Any]:
    """A line of the ledger as docs/simulator.md has it."""
    row = {"kind": "sale", "reference": reference, "original_reference": None, "product": "credit", "at": AT}
    row |= {"amount_minor": amount, "fee_minor": fee, "should_minor": fee, "outcome": "approved"}
    return row | {"response_code": "00", "trace": "000007", "batch": "002252", "rrn": "6"} | other


def host(action: str, reference: str, amount: int, of: str = "sale", **other: Any) -> dict[str, Any]:
    return {
        "kind": "host",
        "action": action,
        "of": of,
        "reference": reference,
        "amount_minor": amount,
        "at": AT,
    } | other


def settlement(credited: int, should: int, **other: Any) -> dict[str, Any]:
    row = {"kind": "settlement", "batch": "002252", "at": AT, "told": True, "deductions_minor": 0}
    return row | {"credited_minor": credited, "should_minor": should} | other


COUNTS = dict.fromkeys(WIRE, 0) | {"sessions": 1, "events": 3}
ROWS = [host("authorised", "aa", 5000), sale("aa", 5000), settlement(4970, 4970)]
ASKED = [Asked("aa", "sale", 5000, 0, told="approved", told_minor=5000)]
GOOD = Evidence(rows=ROWS, counts=COUNTS, acknowledged=3, asked=ASKED, screens=["欢迎光临", "消费成功", "欢迎光临"])


def broken(evidence: Evidence) -> list[str]:
    return [check.name for check in always(evidence) if not check.ok]


def test_what_is_right_holds() -> None:
    assert broken(GOOD) == [] and len(always(GOOD)) == 5


TWICE = "no reference is charged twice"
TOLD = "the host holds what the register was told"
FENCED = "what was fenced was not done"
ORDER = "events are acknowledged in order"
NAMED = "what is charged wrongly is a lie with a name"


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        ({"rows": [*ROWS, host("authorised", "aa", 5000)]}, [TWICE, TOLD]),
        ({"rows": [*ROWS, host("reversed", "aa", 5000)]}, [TOLD]),
        ({"asked": [replace(ASKED[0], told="declined", told_minor=5000)]}, [TOLD]),
        ({"asked": [replace(ASKED[0], told="voided", told_minor=None)]}, [TOLD]),
        ({"asked": [replace(ASKED[0], told="refused", told_minor=None)]}, [TOLD]),
        ({"asked": [replace(ASKED[0], told_minor=5001)]}, [TOLD]),
        ({"asked": [replace(ASKED[0], told="voided", told_minor=None, fenced=True)]}, [TOLD, FENCED]),
        ({"asked": [replace(ASKED[0], told="", told_minor=None, fenced=True)]}, [FENCED]),
        ({"counts": COUNTS | {"disorders": 1}}, [ORDER]),
        ({"rows": [host("authorised", "aa", 5000), sale("aa", 5000, should_minor=29)]}, [NAMED]),
        ({"rows": [*ROWS, settlement(4969, 4970)]}, [NAMED]),
        ({"rows": [*ROWS, {"kind": "fee", "fee_minor": 3600, "should_minor": 0, "at": AT}]}, [NAMED]),
        (
            {"rows": [*ROWS, {"kind": "credit", "batch": "1", "credited_minor": 1, "should_minor": 2, "at": AT}]},
            [NAMED],
        ),
    ],
)
def test_what_is_always_judged_can_be_broken(wrong: dict[str, Any], names: list[str]) -> None:
    assert broken(replace(GOOD, **wrong)) == names


@pytest.mark.parametrize(
    "excused",
    [
        {"asked": [replace(ASKED[0], told_minor=5001)], "falsified": frozenset({"aa"})},
        {"rows": [host("authorised", "aa", 5000, lie="late_approval")], "asked": [replace(ASKED[0], told="voided")]},
        {"asked": [replace(ASKED[0], told="", told_minor=None)]},
        {"rows": [host("authorised", "aa", 5000), sale("aa", 5000, should_minor=29, lie="rounded_up")]},
        {"rows": [*ROWS, {"kind": "deposit", "ticket": "D", "amount_minor": 1, "should_minor": 2, "at": AT}]},
    ],
)
def test_what_a_lie_or_a_crash_did_on_purpose_is_excused(excused: dict[str, Any]) -> None:
    assert broken(replace(GOOD, **excused)) == []


def test_what_was_asked_of_a_calendars_sale_is_held_to_the_log() -> None:
    """The host has no line of a planned sale."""
    known = Asked("bb", "status", None, 0, told="approved", told_minor=700)
    assert broken(replace(GOOD, rows=[*ROWS, sale("bb", 700)], asked=[known])) == []
    assert broken(replace(GOOD, rows=[*ROWS, sale("bb", 701)], asked=[known])) == [TOLD]


def test_a_ticket_is_found_by_its_trace() -> None:
    rows = [host("authorised", "0000000a1", 900), sale("0000000a1", 900, trace="000009", batch="1")]
    asked = Asked("1", "sale", 900, 0, told="approved", told_minor=900, trace="000009", batch="1")
    assert broken(replace(GOOD, rows=rows, asked=[asked])) == []
    assert broken(replace(GOOD, rows=rows, asked=[replace(asked, trace="000008")])) == [TOLD]


# -- expectations ------------------------------------------------------------------------------------------------------

FILE = """
title = { zh = "试", en = "A try" }
tests = ["rule: a try"]
[[agent]]
do = "sale"
label = "a"
amount_minor = 5000
%s
[expect.ledger]
%s
[expect.wire]
%s
[expect.screen]
%s
[expect.journal]
verify = true
"""


def verdict(
    evidence: Evidence, ledger: str = "days_closed = 0", wire: str = "", screen: str = 'never = ["x"]', agent: str = ""
) -> dict[str, bool]:
    scenario = read("try", FILE % (agent, ledger, wire, screen))
    return {check.name: check.ok for check in judge(scenario, evidence)[5:]}


@pytest.mark.parametrize(
    ("state", "rows", "asked"),
    [
        ("approved", ROWS, ASKED),
        ("declined", [sale("aa", 5000, 0, outcome="declined")], ASKED),
        ("voided", [{**sale("bb", 5000, 0), "kind": "reversal", "original_reference": "aa"}], ASKED),
        ("voided", [], [replace(ASKED[0], fenced=True, told="voided")]),
        ("refused", [], [replace(ASKED[0], told="refused")]),
        ("refused", [], []),
    ],
)
def test_the_outcome_of_an_entry(state: str, rows: list[dict[str, Any]], asked: list[Asked]) -> None:
    evidence = replace(GOOD, rows=rows, asked=asked)
    for expected in ("approved", "declined", "voided", "refused"):
        told = verdict(evidence, agent=f'outcome = "{expected}"')
        assert told["a ends"] is (expected == state), expected
    assert "a ends" not in verdict(evidence, agent='outcome = "unknown"'), "that is the register's to judge"


LINES: list[dict[str, Any]] = [
    host("authorised", "aa", 5000),
    sale("aa", 5000, 30),
    sale("bb", 900, 5),
    sale("cc", 400, 2, outcome="declined"),
    {**sale("dd", 900, -5), "kind": "void", "original_reference": "bb"},
    {**sale("ee", 200, 0), "kind": "refund", "original_reference": "aa"},
    host("authorised", "ee", 200, of="refund"),
    {**sale("ff", 70, 0), "kind": "reversal", "original_reference": "gg"},
    {"kind": "fee", "type": "sim", "fee_minor": 3600, "should_minor": 3600, "at": AT},
    {"kind": "notice", "notice": "1", "at": AT},
    settlement(4000, 5000, lie="short_settlement", deductions_minor=3600),
    settlement(0, 100, told=False, lie="missing_settlement", batch="002253"),
    {
        "kind": "credit",
        "batch": "002252",
        "credited_minor": 4000,
        "should_minor": 5000,
        "at": AT,
        "lie": "short_settlement",
    },
    {"kind": "day.closed", "date": "2026-03-02", "at": AT},
]
FIGURES = {
    "sales_count": 1,  # the second was voided, the third declined
    "sales_minor": 5000,
    "declined_count": 1,
    "refunds_count": 1,
    "refunds_minor": 200,
    "voids_count": 1,
    "voids_minor": 900,
    "reversals_count": 1,
    "fees_minor": 3632,  # 30 + 5 + 2 - 5 + 0 + 0 + 3600
    "should_fees_minor": 3632,
    "sim_fees_minor": 3600,
    "charged_minor": 5000,
    "returned_minor": 200,
    "notices_count": 1,
    "settlements_count": 1,
    "missing_settlements_count": 1,
    "settled_minor": 4000,
    "should_settled_minor": 5100,
    "deductions_minor": 3600,
    "credited_minor": 4000,
    "should_credited_minor": 5000,
    "days_closed": 1,
    "wrong_count": 3,  # two settlements and a credit
}


@pytest.mark.parametrize("name", LEDGER)
def test_each_figure_of_a_ledger(name: str) -> None:
    assert LEDGER[name].of(LINES) == FIGURES[name]
    evidence = replace(GOOD, rows=LINES)
    assert all(verdict(evidence, ledger=f"{name} = {FIGURES[name]}").values())
    assert verdict(evidence, ledger=f"{name} = {FIGURES[name] + 1}")[f"ledger: {name}"] is False


def test_what_each_lie_took_and_how_often() -> None:
    twice = {"fees": [{"type": "mdr", "fee_minor": 30, "should_minor": 30}, {"type": "mdr", "fee_minor": 30, "should_minor": 0, "lie": "fee_twice"}]}  # fmt: skip
    rows = [
        *LINES,
        sale("hh", 5000, 60, should_minor=30, lie="fee_twice", **twice),
        sale("ii", 5000, 60, should_minor=30, lie="fee_twice", **twice),
        host("authorised", "jj", 800, lie="late_approval"),
        sale("kk", 5000, 30, should_minor=0, should_amount_minor=0, lie="sale_twice", fees=[{"type": "mdr", "fee_minor": 30, "should_minor": 0, "lie": "sale_twice"}]),
        sale("ll", 5000, 30, lie="other_merchant", fees=[{"type": "mdr", "fee_minor": 30, "should_minor": 30}]),
        host("authorised", "mm", 7000, asked_minor=5000, lie="over_refund", of="refund"),
        {**sale("mm", 7000, 0), "kind": "refund", "should_amount_minor": 5000, "lie": "over_refund", "fees": [{"type": "mdr", "fee_minor": 0, "should_minor": 0}]},
        {"kind": "deposit", "ticket": "D1", "state": "submitted", "amount_minor": 17900, "should_minor": 19900, "lie": "unreasoned_deduction"},
        {"kind": "deposit", "ticket": "D1", "state": "paid", "amount_minor": 17900, "should_minor": 19900, "lie": "unreasoned_deduction"},
    ]  # fmt: skip
    assert lies(rows) == {
        "short_settlement": (1, 1000),  # settlement and credit of one batch are one occasion
        "missing_settlement": (1, 100),
        "fee_twice": (2, 60),
        "late_approval": (1, 800),
        "sale_twice": (1, 5000),  # of the customer's money; the fee on it is the merchant's
        "other_merchant": (1, 0),
        "over_refund": (1, 2000),  # host and log tell of one refund
        "unreasoned_deduction": (1, 2000),
    }
    evidence = replace(GOOD, rows=rows)
    good = verdict(evidence, ledger='lies = { fee_twice = 2 }\nlies_minor = { fee_twice = 60 }\ndeposit_state = "paid"')
    assert all(good.values()) and len(good) == 4
    bad = verdict(
        evidence, ledger='lies = { fee_twice = 1 }\nlies_minor = { sim_early = 1 }\ndeposit_states = ["paid"]'
    )
    assert not any(ok for name, ok in bad.items() if name.startswith("ledger")) and len(bad) == 4


@pytest.mark.parametrize(
    ("ledger", "ok"),
    [
        ("charged = { a = 5000 }", True),
        ("charged = { a = 4999 }", False),
        ("host = { authorised = 2, reversed = 0 }", True),
        ("host = { authorised = 1 }", False),
        ('[[expect.ledger.line]]\nkind = "sale"\nreference = "@a"\nfee_minor = 30\ncount = 1', True),
        ('[[expect.ledger.line]]\nkind = "sale"\nreference = "@a"\nfee_minor = 31\ncount = 1', False),
        ('[[expect.ledger.line]]\nkind = "sale"\noutcome = "declined"\ncount = { min = 1 }', True),
        ('[[expect.ledger.line]]\nkind = "sale"\ncount = { max = 2 }', False),
    ],
)
def test_what_else_is_expected_of_a_ledger(ledger: str, ok: bool) -> None:
    told = verdict(replace(GOOD, rows=LINES), ledger=ledger)
    assert all(told.values()) is ok


@pytest.mark.parametrize("name", WIRE)
def test_each_counter_of_the_wire(name: str) -> None:
    evidence = replace(GOOD, counts=COUNTS | {name: 4})
    assert all(verdict(evidence, wire=f"{name} = 4").values())
    assert not all(verdict(evidence, wire=f"{name} = {{ min = 5 }}").values())


def test_everything_is_acknowledged_or_not() -> None:
    assert all(verdict(GOOD, wire='acknowledged = "all"').values())
    assert not all(verdict(replace(GOOD, acknowledged=2), wire='acknowledged = "all"').values())
    assert all(verdict(replace(GOOD, acknowledged=2), wire="acknowledged = 2").values())


@pytest.mark.parametrize(
    ("screen", "ok"),
    [
        ('contains = ["欢迎光临"]', True),
        ('contains = ["消费成功"]', False),
        ('shown = ["欢迎", "消费", "欢迎"]', True),
        ('shown = ["消费", "消费成功"]', True),
        ('shown = ["交易失败"]', False),
        ('never = ["交易失败"]', True),
        ('never = ["消费成功"]', False),
    ],
)
def test_what_the_display_shows(screen: str, ok: bool) -> None:
    assert all(verdict(GOOD, screen=screen).values()) is ok


def test_what_was_shown_is_in_that_order() -> None:
    assert not all(verdict(replace(GOOD, screens=["消费成功", "欢迎光临"]), screen='shown = ["欢迎", "消费"]').values())
    assert not all(verdict(replace(GOOD, screens=[]), screen='contains = ["欢迎"]').values())


def test_counts() -> None:
    assert meets(3, 3) and not meets(3, 4)
    assert meets(3, {"min": 3}) and not meets(3, {"min": 4}) and meets(3, {"max": 3}) and not meets(3, {"max": 2})
    assert meets(3, {"min": 1, "max": 5}) and not meets(6, {"min": 1, "max": 5})


# -- the tally ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def tally() -> Tally:
    made = Tally()
    made.booted(LinkCounters(), 0)
    made.opened()
    return made


def ask(tally: Tally, reference: str = "aa", request: int = 1, *, ticket: bool = False) -> None:
    tally.heard(Sale(reference=reference, amount=Money(500), deadline=9, request_id=request), ticket=ticket)


@pytest.mark.parametrize(
    ("acks", "disorders"),
    [((1, 2, 3), 0), ((3,), 0), ((3, 3), 0), ((4,), 1), ((3, 2), 1), ((2, 9, 3), 2)],
)
def test_acknowledgements_out_of_order_are_counted(tally: Tally, acks: tuple[int, ...], disorders: int) -> None:
    for number in (1, 2, 3):
        tally.sent(number)
    for up_to in acks:
        tally.heard(EventAck(up_to=up_to), ticket=False)
    assert (tally.disorders, tally.acknowledgements) == (disorders, len(acks))


def test_another_session_may_begin_with_less(tally: Tally) -> None:
    tally.sent(3)
    tally.heard(EventAck(up_to=3), ticket=False)
    tally.opened()
    tally.heard(EventAck(up_to=1), ticket=False)
    assert tally.disorders == 0 and tally.sessions == 2


def test_what_an_earlier_process_sent_may_be_acknowledged() -> None:
    tally = Tally()
    tally.booted(LinkCounters(), 40)
    tally.heard(EventAck(up_to=40), ticket=False)
    assert tally.disorders == 0


def test_a_request_that_comes_again_is_one_and_a_ticket_that_comes_again_is_two(tally: Tally) -> None:
    ask(tally)
    ask(tally, request=2)
    assert (tally.requests, tally.repeats, len(tally.asked)) == (2, 1, 1)
    ask(tally, "t", 3, ticket=True)
    ask(tally, "t", 4, ticket=True)
    assert (tally.requests, tally.repeats, len(tally.asked)) == (4, 1, 3)


def test_what_the_register_was_told(tally: Tally) -> None:
    ask(tally)
    tally.said(Result(reference="aa", state=RequestState.APPROVED, amount=Money(500), event=7, request_id=1))
    assert (tally.asked[0].told, tally.asked[0].told_minor) == ("approved", 500)
    ask(tally, "bb", 2)
    tally.said(Error(code=ErrorCode.NOT_NOW, request_id=2))
    tally.said(Error(code=ErrorCode.NOT_NOW, request_id=99))
    assert tally.asked[1].told == "refused" and tally.refused == 1
    tally.heard(StatusQuery(reference="cc", fence=True, request_id=3), ticket=False)
    tally.said(StatusReply(reference="cc", state=RequestState.NOT_FOUND, log_epoch="e", fenced=True, request_id=3))
    assert (tally.asked[2].kind, tally.asked[2].told, tally.asked[2].fenced) == ("status", "voided", True)
    tally.said(StatusReply(reference="aa", state=RequestState.NOT_FOUND, log_epoch="e", fenced=False, request_id=4))
    assert tally.asked[0].told == "approved", "not found and not fenced is no last word"
    counts = tally.counts()
    assert (counts["asked"], counts["fences"], counts["statuses"]) == (2, 1, 1)
    assert counts.keys() | {"events"} == WIRE.keys()


def test_the_lines_counters_outlive_a_boot() -> None:
    tally = Tally()
    tally.booted(LinkCounters(damaged=3), 0)
    tally.booted(LinkCounters(damaged=4), 0)
    assert (tally.counts()["damaged"], tally.counts()["boots"]) == (7, 1)
