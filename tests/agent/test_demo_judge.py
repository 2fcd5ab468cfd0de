"""The judge of a register's record: hand-made records and ledgers, and each check seen to fail on its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from agent.demo.judge import Evidence, judge
from agent.demo.story import Story
from agent.demo.truth import held_by_host
from agent.journal.entries import Entry
from agent.views import MoneyView

FILE: dict[str, Any] = {
    "name": "one_sale",
    "title": {"zh": "一笔", "en": "One sale"},
    "tests": ["rule: one"],
    "agent": [{"do": "sale", "label": "tea", "turn": True, "amount_minor": 5000, "outcome": "approved"}],
    "expect": {"journal": {"outcomes": {"tea": "approved"}, "entries": {"money.intent": 1}, "gaps": 0}},
}
TEA = Story("one_sale", FILE).reference("tea")


def story(**changes: Any) -> Story:
    return Story("one_sale", deepcopy(FILE) | changes)


def entries() -> list[Entry]:
    """A sale of ¥50.00 by credit at 0.6%: its intent, the terminal's two events, its outcome."""
    event = {"terminal": "T", "log_epoch": "ab", "sha256": "00"}
    transaction = {
        "event": event | {"number": 1},
        "reference": TEA,
        "kind": "sale",
        "outcome": "approved",
        "amount_minor": 5000,
        "currency": 156,
        "response_code": "00",
        "product": "credit",
        "trace": "000123",
        "batch": "000007",
    }
    fee = {"event": event | {"number": 2}, "type": "mdr", "amount_minor": 30, "currency": 156, "transaction": TEA}
    outcome = {"reference": TEA, "state": "approved", "learned_by": "result", "amount_minor": 5000, "currency": 156}
    bodies = [
        ("journal.opened", {}),
        ("money.intent", {"reference": TEA, "action": "sale", "amount_minor": 5000, "currency": 156}),
        ("terminal.transaction", transaction),
        ("terminal.fee", fee),
        ("money.outcome", outcome),
    ]
    return [Entry(seq, 0, kind, 1, body) for seq, (kind, body) in enumerate(bodies)]


def ledger() -> list[dict[str, Any]]:
    sale = {
        "kind": "sale",
        "reference": TEA,
        "original_reference": None,
        "product": "credit",
        "amount_minor": 5000,
        "fee_minor": 30,
        "should_minor": 30,
        "outcome": "approved",
        "response_code": "00",
        "trace": "000123",
        "batch": "000007",
        "rrn": None,
    }
    return [{"kind": "host", "action": "authorised", "of": "sale", "reference": TEA, "amount_minor": 5000}, sale]


def evidence() -> Evidence:
    return Evidence(entries(), ledger(), told={"tea": [MoneyView(TEA, "sale", "approved")]})


def broken(found: Evidence, told: Story | None = None) -> list[str]:
    return [check.name for check in judge(told or story(), found) if not check.ok]


def test_an_honest_record_holds() -> None:
    checks = judge(story(), evidence())
    assert [check for check in checks if not check.ok] == []
    assert len(checks) == 14


def entry_lost(found: list[Entry], rows: list[dict[str, Any]]) -> None:
    del found[3]  # the fee line


def entry_twice(found: list[Entry], rows: list[dict[str, Any]]) -> None:
    found.append(replace(found[2], seq=5))


def other_amount(found: list[Entry], rows: list[dict[str, Any]]) -> None:
    found[2].body["amount_minor"] += 1


def other_fee(found: list[Entry], rows: list[dict[str, Any]]) -> None:
    found[3].body["amount_minor"] -= 30


def unknown_to_the_ledger(found: list[Entry], rows: list[dict[str, Any]]) -> None:
    body = deepcopy(found[3].body) | {"transaction": None}
    del body["transaction"]
    body["event"]["number"] = 3
    found.append(Entry(5, 0, "terminal.fee", 1, body))


def declined_but_held(found: list[Entry], rows: list[dict[str, Any]]) -> None:
    found[4].body["state"] = "declined"


def held_less(found: list[Entry], rows: list[dict[str, Any]]) -> None:
    rows.append(dict(rows[0]) | {"action": "reversed"})


def without_outcome(found: list[Entry], rows: list[dict[str, Any]]) -> None:
    del found[4]


def intent_too_late(found: list[Entry], rows: list[dict[str, Any]]) -> None:
    found[1], found[2] = replace(found[2], seq=1), replace(found[1], seq=2)


def two_orders(found: list[Entry], rows: list[dict[str, Any]]) -> None:
    found.append(Entry(5, 0, "money.intent", 1, dict(found[1].body) | {"amount_minor": 6000}))


def taken_back(found: list[Entry], rows: list[dict[str, Any]]) -> None:
    """First told as declined, as if silence were a no; the terminal's log said otherwise afterwards."""
    first = dict(found[4].body) | {"state": "declined"}
    found[4].body["contradicts"] = "declined"
    found.insert(4, Entry(4, 0, "money.outcome", 1, first))


def gap(found: list[Entry], rows: list[dict[str, Any]]) -> None:
    lost = {"terminal": "T", "log_epoch": "ab", "first": 3, "last": 4, "reason": "dropped"}
    found.append(Entry(5, 0, "event.gap", 1, lost))


ONCE = "everything in the ledger is recorded once, in the same figures"
ORDER = "every event of the terminal is recorded once, in order"
MORE = "nothing is recorded that the ledger does not hold"
TRUE = "tea: its outcome is what the host holds"
TOLD = "tea: what the operator was told is recorded"


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        (entry_lost, {ONCE}),
        (entry_twice, {ONCE, ORDER}),
        (other_amount, {ONCE}),
        (other_fee, {ONCE}),
        (unknown_to_the_ledger, {MORE}),
        (declined_but_held, {TRUE, TOLD, "tea ends", "the record says of tea"}),
        (held_less, {TRUE}),
        (without_outcome, {TOLD, "tea ends", "the record says of tea", "requests without an outcome"}),
        (intent_too_late, {"every request was recorded before the terminal told of it"}),
        (two_orders, {"no reference stands for two requests", "entries of money.intent"}),
        (taken_back, {"no outcome was recorded that turned out otherwise"}),
        (gap, {"gaps in the terminal's events"}),
    ],
)
def test_a_planted_flaw_is_found(plant: Callable[[list[Entry], list[dict[str, Any]]], None], found: set[str]) -> None:
    rows, record = ledger(), entries()
    plant(record, rows)
    assert set(broken(replace(evidence(), entries=record, rows=rows))) == found


def test_a_broken_record_is_found_and_expected_where_the_scenario_breaks_it() -> None:
    flawed = replace(evidence(), flaws=["Entry 2 of the journal is not what was written."])
    assert broken(flawed) == ["journal verify finds nothing wrong"]
    edits = story(agent=[*FILE["agent"], {"do": "edit_row", "label": "edit", "turn": False}])
    assert broken(flawed, edits) == []
    assert broken(evidence(), edits) == ["journal verify finds what was done to it"]


def test_notices_and_counts_that_are_expected() -> None:
    expect = {"journal": {"notices": ["money_unknown"], "contradictions": {"min": 1}, "head_mismatch": True}}
    assert broken(evidence(), story(expect=expect)) == [
        "a notice stands: money_unknown",
        "events told twice in other words",
        "the record was found to be put back",
    ]
    like = [{"kind": "terminal.transaction", "reference": "@tea", "amount_minor": 5000, "count": 1}]
    assert broken(evidence(), story(expect={"journal": {"entry": like}})) == []
    like[0]["amount_minor"] = 5001
    assert broken(evidence(), story(expect={"journal": {"entry": like}})) == [
        "entries with kind=terminal.transaction, reference=@tea, amount_minor=5001"
    ]


def test_a_request_that_stays_unknown_or_is_refused() -> None:
    unknown = story(agent=[FILE["agent"][0] | {"outcome": "unknown"}], expect={"journal": {"open": 1}})
    record = entries()[:4]
    silent = replace(evidence(), entries=record, told={"tea": [MoneyView(TEA, "sale", "unknown")]})
    assert broken(silent, unknown) == []
    refused = story(agent=[FILE["agent"][0] | {"outcome": "refused"}], expect={"journal": {"open": 0}})
    nothing = Evidence(entries()[:1], [])
    assert broken(nothing, refused) == []
    assert "tea ends" in broken(evidence(), refused)
    record = entries()
    record[4].body["learned_by"] = "error"
    assert "tea ends" not in broken(replace(evidence(), entries=record), refused)


def test_a_terminal_whose_log_was_put_back_leaves_a_record_with_more_and_no_less() -> None:
    record = entries()
    record.append(Entry(5, 0, "log.replaced", 1, {"terminal": "T", "old_log_epoch": "ab", "new_log_epoch": "cd"}))
    assert broken(replace(evidence(), entries=record, rows=ledger()[:1])) == []
    rows = ledger()
    rows[1]["amount_minor"] = 4999
    assert broken(replace(evidence(), entries=record, rows=rows)) == [ONCE]


def test_what_the_host_holds_of_a_ticket_is_found_by_its_trace_and_no_trace_is_taken_for_another() -> None:
    rows = ledger()
    other = "00000000" + TEA[8:]
    for row in rows:
        row["reference"] = other
    assert held_by_host(rows, TEA, "000123") == 5000
    assert held_by_host(rows, TEA, "000124") == 0
    mine = {"kind": "host", "action": "authorised", "of": "sale", "reference": TEA, "amount_minor": 700}
    assert held_by_host([*rows, mine], TEA, "000123") == 700


def test_references_are_uuids_of_version_7_one_for_each_label() -> None:
    import uuid

    made = uuid.UUID(TEA)
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == 1_772_380_800_000  # 2026-03-02 00:00 in Shanghai
    assert story().reference("cake") != TEA == story().reference("tea")
    assert json.loads(json.dumps(TEA)) == TEA
