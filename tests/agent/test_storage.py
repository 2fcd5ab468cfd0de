"""The storage thread on real files: whatever goes wrong with journal, views or heads, it answers, and nothing is lost unsaid."""

from __future__ import annotations

import queue
import shutil
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent import actions as a
from agent import storage
from agent.errors import JournalError
from agent.home import Home
from agent.journal import keys
from agent.journal.drafting import to_draft
from agent.journal.engine import OperationalError
from agent.journal.entries import Draft, Entry
from agent.journal.heads import Verdict
from agent.journal.kinds import EventGap, Fact, HeadMismatch, JournalOpened, LogRolledBack, SecuritySeen, TerminalSaid
from agent.journal.money_entries import money_entries
from agent.journal.money_kinds import MoneyRollbackAccepted
from agent.journal.reader import Head, Reader
from agent.journal.store import Journal
from agent.projection import Projection
from agent.storage import Storage, StorageAnswer
from protocol.messages import (
    EntryMode,
    Outcome,
    Product,
    Settlement,
    SettlementLine,
    SettlementMode,
    Transaction,
    TransactionKind,
)
from protocol.money import Money
from tests.agent.pump_bench import event
from tests.conftest import entries_of, until

ANSWER_S = 30


class Shelf:
    """A journal, new or opened again, and its views in a folder, behind the storage thread; what that thread says is queued here."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        if self.home.journal.exists():
            signer = keys.unlock(folder)
            self.journal = Journal.open(self.home.journal, signer)
        else:
            signer = keys.create(folder)
            opened = JournalOpened(software="c", version="0", terminal="SN1", nature="real", generation=1)
            self.journal = Journal.create(self.home.journal, signer, to_draft(opened, signer.token_hmac), 1)
        self.projection = Projection(self.home.views, "Asia/Shanghai")
        self.answers: queue.SimpleQueue[StorageAnswer] = queue.SimpleQueue()
        self.moves: queue.SimpleQueue[Head] = queue.SimpleQueue()
        self.storage = Storage(self.journal, signer, self.projection, self.answers.put, self.moves.put)

    def put(self, *facts: Fact) -> None:
        self.storage.put(a.Record(0, 1_000, facts))

    def answer(self) -> StorageAnswer:
        try:
            return self.answers.get(timeout=ANSWER_S)
        except queue.Empty:
            pytest.fail(f"no answer; storage thread alive: {self.storage._thread.is_alive()}")

    def await_views(self, size: int) -> None:
        """Until the storage has turned to its views with a journal of that size, whatever came of it."""
        try:
            while self.moves.get(timeout=ANSWER_S).size < size:
                pass
        except queue.Empty:
            pytest.fail(f"the views were left alone; storage thread alive: {self.storage._thread.is_alive()}")

    def close(self) -> list[str]:
        """Close the storage; answers the kinds of all entries."""
        self.storage.close()
        return [entry.kind for entry in entries_of(self.home)]


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path)
    try:
        made.await_views(1)
        yield made
    finally:
        made.storage.close()


def said(number: int) -> TerminalSaid:
    return TerminalSaid(terminal="SN1", log_epoch="e1", sha256=bytes([number]) * 32, message=event(number))


def sale(number: int, terminal_time: int) -> TerminalSaid:
    message = Transaction(
        number=number,
        at=1_000,
        reference="0" * 31 + "1",
        kind=TransactionKind.SALE,
        outcome=Outcome.APPROVED,
        amount=Money(100, 156),
        product=Product.DEBIT,
        trace="1",
        batch="1",
        mid="1",
        tid="1",
        terminal_time=terminal_time,
        entry_mode=EntryMode.CHIP,
        settlement_mode=SettlementMode.T1,
        response_code="00",
    )
    return TerminalSaid(terminal="SN1", log_epoch="e1", sha256=bytes(32), message=message)


def test_a_gap_told_twice_is_one_entry_and_does_not_end_the_storage(shelf: Shelf) -> None:
    gap = EventGap(terminal="SN1", log_epoch="e1", first=1, last=4, reason="x")
    for _telling in range(2):
        shelf.put(gap)
        assert isinstance(shelf.answer(), a.Recorded)
    assert shelf.close() == ["journal.opened", "event.gap"]


def test_a_terminal_clock_beyond_the_calendar_does_not_end_the_storage(shelf: Shelf) -> None:
    shelf.put(sale(1, 2**53 - 1))
    shelf.answer()
    shelf.await_views(2)
    assert shelf.projection.size == 2, "listed, on no day of trade"
    shelf.put(said(2))
    answer = shelf.answer()
    assert isinstance(answer, a.Recorded) and answer.last_event == ("e1", 2)


def test_a_heads_folder_that_cannot_be_written_does_not_end_the_storage(shelf: Shelf) -> None:
    folder = shelf.home.path / "heads"
    until((folder / "local.note").exists)
    shutil.rmtree(folder)
    folder.write_text("a file")
    shelf.put(HeadMismatch(source="terminal", remembered="x", verdict="cut"))
    assert isinstance(shelf.answer(), a.Recorded)


def test_a_note_that_cannot_be_read_does_not_end_the_storage(shelf: Shelf) -> None:
    folder = shelf.home.path / "heads"
    until((folder / "local.note").exists)
    (folder / "x.note").mkdir()  # for root too, what a note of another owner is for others
    shelf.storage.put(a.CompareHead("no note"))
    assert shelf.answer() == a.HeadCompared("no note", Verdict.BAD_SIGNATURE)


def test_what_is_no_event_outlives_a_failed_commit(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two records are queued, the first fails: no SYNC asks again for the security event of the second."""
    append = shelf.journal.append
    failing, go_on = threading.Event(), threading.Event()

    def fail_once(drafts: Sequence[Draft], at: int) -> Head:
        monkeypatch.setattr(shelf.journal, "append", append)
        failing.set()
        go_on.wait(ANSWER_S)
        raise JournalError("full", "")

    monkeypatch.setattr(shelf.journal, "append", fail_once)
    seen = SecuritySeen(what="bad_tag", count=3, sha256=bytes(32), minute=0)
    shelf.put(said(1))
    assert failing.wait(ANSWER_S)
    shelf.put(seen)  # of the same attempt, for the pump has not heard of the failure yet
    go_on.set()
    kinds = shelf.close()
    handed_back: list[Fact] = []
    while not shelf.answers.empty():
        answer = shelf.answers.get()
        handed_back += answer.facts if isinstance(answer, a.RecordFailed) else ()
    assert seen in handed_back or "security.seen" in kinds


def test_views_that_failed_once_are_caught_up_without_waiting_for_trade(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "VIEWS_RETRY_S", 0.2)
    catch_up = shelf.projection.catch_up
    failed = []

    def fail_once(*given: Any, **named: Any) -> None:
        if not failed:
            failed.append("database is locked")
            raise OperationalError(*failed)
        catch_up(*given, **named)

    monkeypatch.setattr(shelf.projection, "catch_up", fail_once)
    shelf.put(said(1))
    shelf.answer()
    until(lambda: shelf.projection.size == 2, ANSWER_S)
    assert failed


def test_a_journal_that_was_taken_away_acknowledges_nothing(shelf: Shelf) -> None:
    shelf.home.journal.unlink()
    shelf.put(said(1))
    assert isinstance(shelf.answer(), a.RecordFailed)


def rolled_back(last_written: int, journal_has: int) -> LogRolledBack:
    return LogRolledBack(terminal="SN1", log_epoch="e1", last_written=last_written, journal_has=journal_has)


def test_a_rollback_is_signed_once_while_the_log_is_still_shorter(tmp_path: Path) -> None:
    """Every start of the agent finds it anew; a log that was cut further, or again after it had grown, is another matter."""
    shelf = Shelf(tmp_path)
    shelf.put(rolled_back(3, 9))
    shelf.answer()
    shelf.close()
    again = Shelf(tmp_path)
    for found in (rolled_back(3, 9), rolled_back(5, 9), rolled_back(2, 9), rolled_back(2, 9), rolled_back(3, 12)):
        again.put(found)
        again.answer()
    again.close()
    signed = [
        (e.body["last_written"], e.body["journal_has"])
        for e in entries_of(Home(tmp_path))
        if e.kind == "log.rolled_back"
    ]
    assert signed == [(3, 9), (2, 9), (3, 12)]


def test_a_settlement_longer_than_an_entry_is_recorded_as_unreadable_and_blocks_nothing(tmp_path: Path) -> None:
    line = SettlementLine(kind=TransactionKind.SALE, amount=Money(1), fee=Money(0), trace="\x01" * 20)
    zero = Money(0)
    settlement = Settlement(
        number=1,
        at=1,
        batch="1",
        date="20260302",
        page=1,
        pages=1,
        sales_count=500,
        refunds_count=0,
        gross=zero,
        refunds=zero,
        fees=zero,
        deductions=zero,
        adjustments=zero,
        carried=zero,
        credited=zero,
        lines=(line,) * 500,
    )
    said = TerminalSaid(terminal="SN1", log_epoch="e1", sha256=bytes(32), message=settlement)
    short = replace(said, message=replace(settlement, number=2, lines=(line,)))
    shelf = Shelf(tmp_path)
    shelf.put(said)
    assert isinstance(shelf.answer(), a.Recorded)
    shelf.put(short)
    assert isinstance(shelf.answer(), a.Recorded)
    shelf.put(replace(said, sha256=bytes(31) + b"1"))  # told again in other words, as long
    assert isinstance(shelf.answer(), a.Recorded)
    shelf.close()
    entries = entries_of(Home(tmp_path))[1:]
    assert [entry.kind for entry in entries] == ["event.unreadable", "terminal.settlement", "event.contradicted"]
    assert entries[0].body["event"]["number"] == 1 and "told_kind" not in entries[2].body


def test_what_is_to_be_recorded_does_not_wait_for_a_long_reading_of_money_requests(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 100,000 it takes seconds."""
    decisions = [MoneyRollbackAccepted(terminal="SN1", operator="Wang", reason=str(n)) for n in range(5)]
    shelf.put(*decisions)
    assert isinstance(shelf.answer(), a.Recorded)
    recorded = []

    def reading(journal: Reader) -> Iterator[tuple[Entry, Fact]]:
        for number, found in enumerate(money_entries(journal)):
            if number == 1:
                shelf.put(replace(decisions[0], reason="meanwhile"))
            if number == 3:
                recorded.append(shelf.answer())
            yield found

    monkeypatch.setattr(storage, "READ_AT_ONCE", 1)
    monkeypatch.setattr(storage, "money_entries", reading)
    found = [fact for _, fact in shelf.storage.money_entries()]
    assert found[:5] == decisions
    assert [type(answer) for answer in recorded] == [a.Recorded]
