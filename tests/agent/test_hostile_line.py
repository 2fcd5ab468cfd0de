"""A line on which anybody says anything without end: what is recorded is bounded, what is beyond is told, nothing hides the rest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import actions as a
from agent.journal.kinds import (
    EventUnreadable,
    Fact,
    LineFlooded,
    ResultUnasked,
    SecuritySeen,
    TerminalPaired,
    TerminalSaid,
)
from agent.language import choose_language, language
from agent.notices import words
from agent.reading import Reading
from agent.security_counts import DAY_MS, MINUTE_MS, MOST_A_DAY, MOST_RESULTS_A_DAY, SecurityCounts
from agent.views import Notice, NoticeCode
from protocol.events import Received, SecurityKind, Unreadable
from protocol.messages import DeviceEvent, DeviceEventKind, RequestState, Result, Severity
from protocol.money import Money
from protocol.tickets import NO_TICKET, reference_of
from tests.agent.pump_bench import STRANGER, Bench
from tests.agent.test_storage import Shelf

TODAY = 20_000 * DAY_MS
SHA = bytes(32)
RESULT = Result(reference="ab" * 16, state=RequestState.APPROVED)


def codes(bench: Bench) -> list[NoticeCode]:
    assert bench.shown is not None
    return [notice.code for notice in bench.shown.notices]


# -- bounds ------------------------------------------------------------------------------------------------------------


def test_the_1001st_outcome_of_a_day_is_told_at_once_and_the_rest_counted_when_the_agent_leaves() -> None:
    bench = Bench()
    bench.connect()
    for _result in range(MOST_RESULTS_A_DAY):
        bench.pump.talk._events.append(Received(RESULT, SHA))
    bench.give(a.Due())
    assert len(bench.facts_of(ResultUnasked)) == 1_000 and bench.facts_of(LineFlooded) == []
    for _result in range(3):
        bench.pump.talk._events.append(Received(RESULT, SHA))
        bench.give(a.Due())
    first = LineFlooded(what="terminal.result_unasked", day=0, most=1_000, dropped=1)
    assert bench.facts_of(LineFlooded) == [first] and len(bench.facts_of(ResultUnasked)) == 1_000
    bench.give(a.Leave())
    assert bench.facts_of(LineFlooded)[1:] == [
        LineFlooded(what="terminal.result_unasked", day=0, most=1_000, dropped=3)
    ]


def test_the_101st_unreadable_message_is_told_and_leaves_room_for_security() -> None:
    bench = Bench()
    bench.connect()
    for _message in range(MOST_A_DAY + 5):
        bench.pump.talk._events.append(Unreadable(9, None, SHA, "no such word"))
    bench.give(a.Due())
    assert len(bench.facts_of(EventUnreadable)) == 100
    assert [flood.what for flood in bench.facts_of(LineFlooded)] == ["event.unreadable"]
    bench.pump._security.count(SecurityKind.BAD_TAG, SHA, 5_000_000)
    bench.give(a.Leave())
    assert len(bench.facts_of(SecuritySeen)) == 1
    assert [flood.dropped for flood in bench.facts_of(LineFlooded)] == [1, 5]


def test_a_flood_of_security_events_leaves_room_for_unreadable_messages_and_is_counted_at_the_days_end() -> None:
    counts, facts = SecurityCounts(), list[Fact]()
    for minute in range(MOST_A_DAY + 4):
        counts.count(SecurityKind.WRONG_KEY, SHA, TODAY + minute * MINUTE_MS)
        facts += counts.due(TODAY + (minute + 1) * MINUTE_MS)
    assert counts.unnumbered(TODAY + 200 * MINUTE_MS)
    facts += counts.due(TODAY + DAY_MS)
    assert len([fact for fact in facts if isinstance(fact, SecuritySeen)]) == 100
    floods = [fact for fact in facts if isinstance(fact, LineFlooded)]
    assert [(f.what, f.day, f.most, f.dropped) for f in floods] == [
        ("security.seen", TODAY, 100, 1),
        ("security.seen", TODAY, 100, 4),
    ]
    assert counts.due(TODAY + 2 * DAY_MS) == [] and counts.flush() == []


# -- what is shown -----------------------------------------------------------------------------------------------------


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path)
    try:
        made.await_views(1)
        yield made
    finally:
        made.storage.close()


def findings(shelf: Shelf, size: int) -> tuple[Notice, ...]:
    shelf.await_views(size)
    reading = Reading(shelf.home.views, shelf.storage.entry, simulated=False)
    try:
        return reading.findings(0)
    finally:
        reading.close()


def test_a_flood_of_one_kind_hides_no_other(shelf: Shelf) -> None:
    def device(number: int, kind: DeviceEventKind) -> TerminalSaid:
        said = DeviceEvent(number=number, at=1, kind=kind, severity=Severity.MAJOR, code=str(number))
        return TerminalSaid(terminal="SN1", log_epoch="e1", sha256=bytes([number]) * 32, message=said)

    key = bytes(31) + b"\x09"
    shelf.put(SecuritySeen(what="bad_tag", count=7, sha256=SHA, minute=0))  # entry 1
    shelf.put(device(1, DeviceEventKind.TAMPER))
    shelf.put(*(device(number, DeviceEventKind.FAULT) for number in range(2, 42)))  # entries 3 to 42
    shelf.put(*(ResultUnasked(terminal="SN1", sha256=SHA, result=RESULT) for _ in range(50)))  # 43 to 92
    shelf.put(TerminalPaired(terminal="SN1", public_key=key, replaced=SHA, found=True))
    shelf.put(TerminalPaired(terminal="SN1", public_key=key, replaced=SHA))  # by a person: nothing to see
    shelf.put(LineFlooded(what="security.seen", day=0, most=100, dropped=1))
    shown = findings(shelf, 96)
    assert [(notice.code, notice.seq, notice.more) for notice in shown] == [
        (NoticeCode.LINE_FLOODED, 95, 0),
        (NoticeCode.KEY_FOUND, 93, 0),
        (NoticeCode.RESULT_UNASKED, 92, 0),
        (NoticeCode.RESULT_UNASKED, 91, 0),
        (NoticeCode.RESULT_UNASKED, 90, 47),
        (NoticeCode.DEVICE_FAULT, 42, 0),
        (NoticeCode.DEVICE_FAULT, 41, 0),
        (NoticeCode.DEVICE_FAULT, 40, 37),
        (NoticeCode.DEVICE_FAULT, 2, 0),
        (NoticeCode.SECURITY, 1, 0),
    ]
    assert "47 more" in words(shown[4])[0] and "more" not in words(shown[3])[0]


@pytest.fixture
def spoken() -> Iterator[None]:
    before = language()
    yield
    choose_language(before)


@pytest.mark.parametrize(
    ("result", "english", "chinese"),
    [
        (
            Result(
                reference="0192e5a0c1d27abc8def0123456789ab",
                state=RequestState.APPROVED,
                amount=Money(123_456),
                masked_pan="622848******1234",
                trace="000042",
            ),
            "approved, ¥1,234.56, card 1234, trace 000042, reference 0192e5a0c1d27abc8def0123456789ab.",
            "成功、¥1,234.56、卡号末四位 1234、凭证号 000042、参考 0192e5a0c1d27abc8def0123456789ab。",
        ),
        (
            Result(reference=reference_of("42"), state=RequestState.DECLINED, amount=Money(999, 978)),
            "declined, 999/978, ticket 42.",
            "拒绝、999/978、单号 42。",
        ),
        (Result(reference=NO_TICKET, state=RequestState.VOIDED), "taken back.", "已取消。"),
    ],
    ids=["reference", "ticket", "bare"],
)
def test_an_outcome_that_nobody_waited_for_is_told_as_it_stands_on_a_slip(
    shelf: Shelf, spoken: None, result: Result, english: str, chinese: str
) -> None:
    shelf.put(ResultUnasked(terminal="SN1", sha256=SHA, result=result))
    (notice,) = findings(shelf, 2)
    choose_language("en")
    assert words(notice)[0] == "The terminal told an outcome that nobody waited for: " + english
    choose_language("zh_CN")
    assert words(notice)[0] == "终端报来一个没有人等待的结果：" + chinese


# -- a refusal is no silence -------------------------------------------------------------------------------------------


def test_a_terminal_that_says_that_it_does_not_know_us_is_not_called_silent() -> None:
    bench = Bench()
    bench.give(a.PortOpened())
    bench.wait(6_000)
    assert codes(bench) == [NoticeCode.TERMINAL_SILENT]
    bench.boot(agent=STRANGER.public)  # it pinned another home
    bench.terminal.open(bench.now)
    bench.wait(3_000)
    assert codes(bench) == [NoticeCode.KEY_REFUSED]
    bench.wait(20_000)
    assert codes(bench) == [NoticeCode.KEY_REFUSED]
