"""Room on the disk, and the verification beside the work (docs/journal.md, "Store")."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from agent.actions import Record, Recorded, RecordFailed
from agent.custody import ballast, upkeep
from agent.custody.ballast import BALLAST, LEAST_FREE, MIB, Ballast
from agent.custody.upkeep import Upkeep
from agent.home import Home
from agent.journal.keys import Signer
from agent.journal.kinds import Fact, LogReplaced, MoneyIntent
from agent.journal.store import Journal
from agent.notice_types import NoticeCode
from agent.orders import MoneyAction
from agent.projection import Projection
from agent.storage import Storage, StorageAnswer

EVENT = LogReplaced(terminal="T1", old_log_epoch="e1", new_log_epoch="e2")
INTENT = MoneyIntent(
    terminal="T1",
    reference="ab" * 16,
    action=MoneyAction.REFUND,
    original_reference="cd" * 16,
    original_trace=None,
    operator="Li",
    amount=None,
    log_epoch="e1",
    last_event=0,
    patience_ms=1_000,
)


def until(condition: Callable[[], object], limit_s: float = 20) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)


def free(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    monkeypatch.setattr(ballast.os, "statvfs", lambda _path: SimpleNamespace(f_bavail=room, f_frsize=1))


def test_the_ballast_is_written_and_is_no_zeroes(tmp_path: Path) -> None:
    kept = Ballast(tmp_path)
    kept.make()
    raw = (tmp_path / "ballast").read_bytes()
    assert len(raw) == BALLAST == 16 * MIB
    assert os.stat(tmp_path / "ballast").st_blocks * 512 >= BALLAST
    assert len({raw[i : i + 4096] for i in range(0, BALLAST, 4096)}) == BALLAST // 4096
    assert kept.give_up() and not (tmp_path / "ballast").exists()
    assert not kept.give_up()


@pytest.mark.parametrize(("room", "made"), [(LEAST_FREE + BALLAST, True), (LEAST_FREE + BALLAST - 1, False)])
def test_it_is_made_only_where_there_is_room_for_the_trade_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int, made: bool
) -> None:
    free(monkeypatch, room)
    Ballast(tmp_path).make()
    assert (tmp_path / "ballast").exists() is made
    assert not (tmp_path / "ballast.new").exists()


@pytest.fixture
def storage(journal: Journal, signer: Signer, home: Path) -> Iterator[tuple[Storage, list[StorageAnswer]]]:
    answers: list[StorageAnswer] = []
    views = Projection(home / "views.db", "Asia/Shanghai")
    storage = Storage(journal, signer, views, answers.append, lambda _head: None)
    yield storage, answers
    storage.close()


def fill(journal: Journal, home: Path) -> None:
    """The disk's stand-in: SQLite's own limit, as long as the ballast is there."""
    connection = journal._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages}")
    (home / "ballast").write_bytes(b"x")


def record(storage: Storage, answers: list[StorageAnswer], attempt: int, *facts: Fact) -> StorageAnswer:
    before = len(answers)
    storage.put(Record(attempt, 1_700_000_000_001, facts))
    until(lambda: len(answers) > before)
    return answers[-1]


def test_a_full_disk_gives_up_the_ballast_for_what_has_happened(
    storage: tuple[Storage, list[StorageAnswer]], journal: Journal, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, answers = storage
    fill(journal, home)
    many = (EVENT,) * 60  # more than the last page has room for
    given_up = Ballast.give_up

    def make_room(self: Ballast) -> bool:
        there = given_up(self)
        if there:
            journal._connection.execute("PRAGMA max_page_count=1000000")
        return there

    monkeypatch.setattr(Ballast, "give_up", make_room)
    refused = record(taken, answers, 0, *many, INTENT)
    assert isinstance(refused, RecordFailed) and "full" in refused.what
    assert (home / "ballast").exists()  # not for a new money request
    done = record(taken, answers, 1, *many)
    assert isinstance(done, Recorded) and done.size == 1 + len(many)
    assert not (home / "ballast").exists()


def test_without_a_ballast_a_full_disk_is_said(
    storage: tuple[Storage, list[StorageAnswer]], journal: Journal, home: Path
) -> None:
    taken, answers = storage
    fill(journal, home)
    (home / "ballast").unlink()
    refused = record(taken, answers, 0, *(EVENT,) * 60)
    assert isinstance(refused, RecordFailed) and "full" in refused.what


@pytest.mark.parametrize(("room", "notice"), [(LEAST_FREE, None), (LEAST_FREE - 1, NoticeCode.DISK_LOW)])
def test_little_room_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int, notice: object) -> None:
    free(monkeypatch, room)
    told = Upkeep(Home(tmp_path)).notice(7)
    assert (None if told is None else told.code) == notice
    if told is not None:
        assert told.facts == {"free_mib": "63"} and told.at == 7


def test_the_record_is_verified_beside_the_work(home: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real command, in a process of its own; a changed entry is found and stands as a notice."""
    from agent.settings import Settings, write_settings

    monkeypatch.setenv("LC_ALL", "C.UTF-8")  # for the command's words
    write_settings(home / "settings.toml", Settings(terminal="T1", simulated=True, port="/dev/null"))
    monkeypatch.setattr(upkeep, "FIRST_S", 0.01)
    monkeypatch.setattr(Ballast, "make", lambda self: None)
    whole = Upkeep(Home(home))
    whole.start()
    until(lambda: whole._verifying is not None and whole._verifying.poll() is not None)
    whole.stop()
    assert whole._verifying is not None and whole._verifying.returncode == 0 and whole.notice(0) is None

    journal._connection.execute("DROP TRIGGER entry_stays")
    journal._connection.execute("UPDATE entry SET body = replace(body, '\"T1\"', '\"T2\"')")
    journal._connection.execute(
        "CREATE TRIGGER entry_stays BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'entries are never changed'); END"
    )
    found = Upkeep(Home(home))
    found.start()
    until(lambda: found.notice(5) is not None)
    found.stop()
    notice = found.notice(5)
    assert notice is not None and notice.code is NoticeCode.RECORD_DAMAGED
    assert notice.facts["what"] == "Entry 0 is not what was signed."


def test_a_verification_under_way_does_not_hold_up_the_end(home: Path, journal: Journal) -> None:
    going = Upkeep(Home(home))
    going.start()
    began = time.monotonic()
    going.stop()
    assert time.monotonic() - began < 5
