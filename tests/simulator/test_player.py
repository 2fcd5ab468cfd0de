"""A scenario's own half: when its steps are done, where the calendar stands, and that every expectation can be broken."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from simulator.clock import SHANGHAI
from simulator.expectations import LINES
from simulator.scenario_files import load, read
from simulator.verdict import read_ledger
from tests.simulator.register import Played, Process

HEAD = """
title = { zh = "试", en = "A try" }
tests = ["rule: a try"]
seed = 7
customer = "unionpay_credit"
"""
EXPECT = """
[expect.ledger]
days_closed = { min = 0 }
[expect.screen]
never = ["没有这句话"]
[expect.journal]
verify = true
"""
SALE = """
[[agent]]
do = "sale"
label = "a"
amount_minor = 5000
"""


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., Played]:
    def run(body: str, *, head: str = "", expect: str = EXPECT, register: bool = True) -> Played:
        return Played(tmp_path, read("try", HEAD + head + body + expect), register=register)

    return run


def shanghai(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).timestamp() * 1000)


def rows(played: Played, *kinds: str) -> list[dict[str, Any]]:
    assert played.options.ledger is not None
    found = [json.loads(line) for line in played.options.ledger.read_text("utf-8").splitlines()]
    return [row for row in found if row["kind"] in kinds]


PLAIN = (
    "sale_and_refund",
    "cable_cut_mid_response",
    "crash_approved_unlogged",
    "fee_twice",
    "rate_raised",
    "deposit_paid_back",
)
"""Scenarios whose register needs neither a disk nor a person; all of them are played with our agent in tests/scenarios/."""


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_register_plays_what_comes_with_the_simulator(name: str, tmp_path: Path) -> None:
    played = Played(tmp_path, load(name))
    assert played.broken == []
    assert played.options.ledger is not None
    for row in read_ledger(played.options.ledger):
        assert row.keys() <= LINES[row["kind"]], "a scenario may expect any line, by any key"


def test_the_calendar_stands_until_the_register_did_its_own(play) -> None:
    played = play(
        SALE
        + """
[[agent]]
do = "sale"
label = "b"
amount_minor = 700
at = 2026-03-03T12:00:00
""",
        head="days = 2\ntransactions = 20\n",
    )
    assert played.broken == []
    assert played.turns == [(shanghai("2026-03-02T09:00"), "a"), (shanghai("2026-03-03T12:00"), "b")]
    sales = rows(played, "sale", "refund", "void")
    at = {row["amount_minor"]: place for place, row in enumerate(sales)}
    assert at[5000] == 0, "before the day's first"
    before = [row for row in sales[: at[700]] if row["at"][:10] == "2026-03-03"]
    after = sales[at[700] + 1 :]
    assert before and max(row["at"] for row in before) <= "2026-03-03T04:00:00.000Z"
    assert after and min(row["at"] for row in after) > "2026-03-03T04:00:00.000Z"
    assert len(rows(played, "day.closed")) == 2 and len(sales) == 42


def test_a_day_is_the_same_whether_a_scenario_plays_it_or_not(play, tmp_path: Path) -> None:
    played = play(SALE.replace("5000", "4900"), head="transactions = 30\n")
    assert played.broken == []
    planned = [r for r in rows(played, "sale", "refund", "void") if not r["reference"].startswith("019c5")]
    plain = Played(tmp_path / "plain", read("try", HEAD + "transactions = 30\n" + EXPECT))
    same = ("reference", "amount_minor", "fee_minor", "at", "outcome", "trace")
    assert [[r[k] for k in same] for r in planned if r["amount_minor"] != 4900] == [
        [r[k] for k in same] for r in rows(plain, "sale", "refund", "void") if r["amount_minor"] != 4900
    ]


def test_the_calendar_stands_until_what_was_keyed_by_hand_is_done(play) -> None:
    """Each sale on its own day, though the next thing to do is days later."""
    sells = "".join(
        f'[[step]]\nat = 2026-03-{day}T19:00:00\ndo = "sell"\namount_minor = 5000\n' for day in ("02", "04", "07")
    )
    played = play(sells, head="days = 6\n", register=True)
    assert played.broken == []
    assert [row["at"][:13] for row in rows(played, "sale")] == ["2026-03-02T11", "2026-03-04T11", "2026-03-07T11"]
    assert [row["date"] for row in rows(played, "settlement")] == ["2026-03-02", "2026-03-04", "2026-03-07"]


STAGES = ("请刷卡/插卡/挥卡", "请输入密码", "正在联网", "消费成功")


@pytest.mark.parametrize("speed", [0, 200])
def test_every_stage_is_seen_at_any_speed(play, speed: int) -> None:
    steps = "".join(
        f'[[step]]\nafter = "stage:{stage}:a"\nscreen = ["{text}"]\n'
        for stage, text in zip(("present_card", "pin", "host"), STAGES, strict=False)
    )
    played = play(steps + '[[step]]\nafter = "outcome:a"\nscreen = ["消费成功"]\n' + SALE, head=f"speed = {speed}\n")
    assert played.broken == []
    shown = [text for screen in played.player.screens for text in STAGES if text in screen]
    assert shown == list(STAGES)


def test_at_the_host_stage_nothing_is_logged_and_no_host_was_asked(play) -> None:
    step = '[[step]]\nafter = "stage:host:a"\ndo = "reboot"\n'
    played = play(step + SALE + 'outcome = "voided"\n')
    assert played.broken == []
    assert rows(played, "host", "sale", "reversal") == []
    assert set(played.register.told.values()) == {"voided"}, "it was fenced"


def test_at_the_outcome_it_is_logged_and_the_answer_is_lost_with_the_cable(play) -> None:
    step = '[[step]]\nafter = "outcome:a"\ndo = "pull_cable"\nfor = 2000\n'
    played = play(step + SALE + 'outcome = "approved"\n')
    assert played.broken == []
    counts = played.verdict.counts
    assert counts["sessions"] == 2 and counts["statuses"] == 1 and counts["asked"] == counts["requests"] == 1


TRIGGERS = {
    "ready": "",
    "session": "",
    "turn": SALE,
    "turn:a": SALE,
    "request": SALE,
    "request:a": SALE,
    "stage:pin": SALE,
    "stage:host:a": SALE,
    "outcome": SALE,
    "outcome:a": SALE,
    "confirmed": SALE,
    "confirmed:a": SALE,
    "idle": "",
    "acknowledged": "",
    "closed:2026-03-02": "",
    "settled": SALE,
    "played": "",
}
"""Each once: with what has to be there that it happens."""


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_each_trigger_comes(play, trigger: str) -> None:
    played = play(f'[[step]]\nafter = "{trigger}"\ndo = "tamper"\n' + TRIGGERS[trigger])
    assert played.broken == []
    assert [check.name for check in played.player.checks] == ["step 1 (line 6): tamper"]


@pytest.mark.parametrize("trigger", ["status", "status:a", "boot", "no_session"])
def test_what_follows_a_crash_comes_too(play, trigger: str) -> None:
    played = play(f'[[step]]\nafter = "{trigger}"\ndo = "tamper"\n' + SALE, head='crash = "logged_untold"\n')
    assert played.broken == [] and len(played.player.checks) == 1


def test_what_has_not_happened_is_waited_for_and_said(play) -> None:
    played = play('[[step]]\nafter = "boot"\ndo = "tamper"\n' + SALE, head="ends_after_ms = 3000\ntransactions = 5\n")
    assert [check.name for check in played.broken] == ["it came to its end"]
    assert "step 1 (line 8) waits for boot" in played.broken[0].found
    assert rows(played, "day.closed") == [], "the calendar stands meanwhile"


def test_without_a_register_it_is_given_up(play) -> None:
    played = play(SALE, head="ends_after_ms = 2000\n", register=False)
    assert [check.name for check in played.broken] == ["it came to its end"]
    assert "the register's sale (a, line 8) has not ended" in played.broken[0].found


def test_steps_are_done_in_their_order_and_a_trigger_is_news_once(play) -> None:
    """The second waits for another session: the cable is back by then, and cannot be plugged in."""
    steps = (
        '[[step]]\nafter = "session"\ndo = "pull_cable"\nfor = 500\n[[step]]\nafter = "session"\ndo = "plug_cable"\n'
    )
    played = play(steps)
    assert [check.name for check in played.broken] == ["step 2 (line 10): plug_cable"]
    assert played.verdict.counts["sessions"] == 2


@pytest.mark.parametrize("crash", ["other_amount", "other_currency", "other_reference"])
def test_an_answer_that_was_falsified_on_purpose_is_no_broken_promise(play, crash: str) -> None:
    played = play(SALE + 'outcome = "approved"\n', head=f'crash = "{crash}"\nends_after_ms = 4000\n')
    assert played.broken == []
    assert played.terminal.crashes.falsified == {played.terminal.tally.asked[0].reference}


def test_a_step_waits_for_its_ms_of_the_wire(play) -> None:
    plain = play('[[step]]\nafter = "session"\ndo = "tamper"\n')
    later = play('[[step]]\nafter = "session"\nplus_ms = 1500\ndo = "tamper"\n')
    assert 1400 <= later.now - plain.now <= 1700


def test_a_time_is_reached_before_anything_that_comes_after_it(play) -> None:
    step = '[[step]]\nat = 2026-03-02T12:00:00\ndo = "lie"\nname = "raised_rate"\n'
    played = play(step, head="transactions = 40\n")
    assert played.broken == []
    lied = [row for row in rows(played, "sale") if "lie" in row]
    noon = "2026-03-02T04:00:00.000Z"
    assert lied and min(row["at"] for row in lied) > noon
    assert not [r for r in rows(played, "sale") if r["at"] > noon and r["outcome"] == "approved" and r["fee_minor"] == r["should_minor"] and r["fee_minor"] > 100 and r["fee_minor"] < 1900]  # fmt: skip


def test_a_display_that_shows_something_else_is_broken(play) -> None:
    played = play('[[step]]\nafter = "session"\nscreen = ["欢迎光临", "没有这句话"]\n')
    (broken,) = played.broken
    assert broken.name == "step 1 (line 6): look: the display" and "欢迎光临" in broken.found


def test_a_command_that_is_refused_is_broken_and_the_play_goes_on(play) -> None:
    steps = '[[step]]\nafter = "session"\ndo = "repair"\n[[step]]\ndo = "tamper"\n'
    played = play(steps)
    (broken,) = played.broken
    assert broken.name == "step 1 (line 6): repair" and broken.found
    assert [check.ok for check in played.player.checks] == [False, True]


def test_a_label_is_the_registers_reference(play) -> None:
    step = '[[step]]\nafter = "confirmed:a"\ndo = "refund"\noriginal = "@a"\namount_minor = 2000\n'
    played = play(step + SALE)
    assert played.broken == []
    (refund,) = rows(played, "refund")
    (sale,) = rows(played, "sale")
    assert refund["original_reference"] == sale["reference"] and refund["amount_minor"] == 2000


def test_a_register_that_breaks_a_promise_is_found(play, monkeypatch: pytest.MonkeyPatch) -> None:
    """It acknowledges what it was never sent."""
    from protocol.messages import EventAck
    from tests.simulator import register

    monkeypatch.setattr(register, "EventAck", lambda up_to: EventAck(up_to=up_to + 100))
    played = play(SALE, head="ends_after_ms = 3000\n")
    assert "events are acknowledged in order" in {check.name for check in played.broken}


@pytest.mark.parametrize("spoken", ["telium", "transbank"])
def test_a_vendors_wire_plays_too(play, spoken: str) -> None:
    body = (
        SALE + 'outcome = "approved"\n[[agent]]\ndo = "sale"\nlabel = "b"\namount_minor = 1051\noutcome = "declined"\n'
    )
    expect = EXPECT.replace("days_closed = { min = 0 }", "charged = { a = 5000, b = 0 }\nsales_count = 1")
    played = play(body, head=f'dialect = "{spoken}"\n', expect=expect)
    assert played.broken == []


def test_the_process_waits_without_polling(tmp_path: Path) -> None:
    """One second of a scenario at which nothing happens costs no second of a processor."""
    import os

    file = tmp_path / "idle.toml"
    file.write_text(HEAD + "speed = 60\nends_after_ms = 2500\ntransactions = 200\n" + SALE + EXPECT, encoding="utf-8")
    before = os.times()
    process = Process(tmp_path / "p", "--scenario", str(file), "--json", register=False)
    assert process.play() == 1
    after = os.times()
    assert after.children_user + after.children_system - before.children_user - before.children_system < 1.8
