"""What is recorded without the pump, and what is asked of the journal beside it: a commit and an answer each, in their turn."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import actions as a
from agent.errors import JournalError, NotFound
from agent.journal.engine import OperationalError
from agent.journal.kinds import EventId, EventUnreadable, HeadCosigned, PrivateErased
from tests.agent.test_storage import Shelf

FACT = PrivateErased(first=0, last=0, field=None, count=1, operator="Li", reason="asked")


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path)
    yield made
    made.storage.close()


def test_a_fact_is_durable_when_it_returns_and_the_pump_learns_the_head(shelf: Shelf) -> None:
    head = shelf.storage.record([FACT, FACT], 5_000)
    assert (head.size, head.at) == (3, 5_000)
    assert [shelf.storage.entry(seq).kind for seq in (1, 2)] == ["private.erased"] * 2
    assert shelf.answer() == a.Recorded(None, 3, head.note)


def test_what_the_journal_refuses_is_told_to_the_asker_alone(shelf: Shelf) -> None:
    odd = HeadCosigned(witness="e\u0301", size=1, time=1, note="")
    with pytest.raises(JournalError) as refused:
        shelf.storage.record([odd], 5_000)
    assert refused.value.what and refused.value.todo
    assert shelf.storage.record([FACT], 5_001).size == 2
    answer = shelf.answer()
    assert isinstance(answer, a.Recorded) and answer.size == 2 and shelf.answers.empty()


def test_a_failing_disk_is_told_and_the_events_before_it_stand(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    append = shelf.journal.append

    def full(*_given: object) -> None:
        raise OperationalError("database or disk is full")

    monkeypatch.setattr(shelf.journal, "append", full)
    with pytest.raises(JournalError):
        shelf.storage.record([FACT], 5_000)
    monkeypatch.setattr(shelf.journal, "append", append)
    assert shelf.storage.record([FACT], 5_000).size == 2


def test_a_question_is_answered_in_its_turn(shelf: Shelf) -> None:
    shelf.storage.record([FACT], 5_000)
    assert shelf.storage.read(lambda journal: journal.size) == 2
    assert shelf.storage.read(lambda journal: journal.consistency_proof(1)) == shelf.journal.consistency_proof(1)
    with pytest.raises(NotFound):
        shelf.storage.read(lambda journal: journal.entry(9))
    with pytest.raises(ZeroDivisionError):
        shelf.storage.read(lambda _journal: 1 // 0)


def test_many_at_once(shelf: Shelf) -> None:
    sizes: list[int] = []

    def work() -> None:
        sizes.extend(shelf.storage.record([FACT], 5_000).size for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(5)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(sizes) == list(range(2, 52))


def test_what_came_before_is_committed_before(shelf: Shelf) -> None:
    told = EventId(terminal="SN1", log_epoch="e", number=1, at=None, sha256=bytes(32))
    shelf.put(EventUnreadable(event=told, message_type=7, reason="x", raw="01"))
    assert shelf.storage.record([FACT], 5_000).size == 3
    assert [shelf.storage.entry(seq).kind for seq in (1, 2)] == ["event.unreadable", "private.erased"]
    first, second = shelf.answer(), shelf.answer()
    assert isinstance(first, a.Recorded) and first.last_event == ("e", 1) and first.size == 2
    assert isinstance(second, a.Recorded) and second.last_event is None and second.size == 3
