"""One SQLite, opened as docs/journal.md says."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import JournalError
from agent.journal import engine


@pytest.mark.parametrize(
    ("version", "bug"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 4), False),
    ],
)
def test_versions_with_the_wal_reset_bug(version: tuple[int, ...], bug: bool) -> None:
    assert engine.has_wal_reset_bug(version) is bug


def test_a_writers_pragmas(tmp_path: Path) -> None:
    connection = engine.connect_writer(tmp_path / "a ?#%.db", create=True)
    answers = {p: connection.execute(f"PRAGMA {p}").fetchone()[0] for p in ("journal_mode", "synchronous", "page_size")}
    assert answers == {"journal_mode": "wal", "synchronous": 2, "page_size": 4096}
    assert connection.execute("PRAGMA application_id").fetchone()[0] == int.from_bytes(b"CFL1", "big")
    locking = connection.execute("PRAGMA locking_mode").fetchone()[0]
    assert locking == ("exclusive" if engine.has_wal_reset_bug() else "normal")
    connection.execute("CREATE TABLE t (a ANY) STRICT")
    connection.close()
    assert engine.application_id(tmp_path / "a ?#%.db") == 0x43464C31
    engine.require_journal(tmp_path / "a ?#%.db")


def test_psow_is_off(tmp_path: Path) -> None:
    """Without powersafe overwrite SQLite pads the log to a whole sector, so that no commit shares one with the next."""
    connection = engine.connect_writer(tmp_path / "a.db", create=True)
    connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY) STRICT")
    wal = tmp_path / "a.db-wal"
    before = wal.stat().st_size
    connection.execute("INSERT INTO t VALUES (1)")
    frame = 24 + 4096
    assert (wal.stat().st_size - before) // frame > 1  # one page changed
    connection.close()


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    writer = engine.connect_writer(tmp_path / "a.db", create=True)
    writer.execute("CREATE TABLE t (a INTEGER PRIMARY KEY) STRICT")
    writer.execute("INSERT INTO t VALUES (1)")
    if not engine.has_wal_reset_bug():
        reader = engine.connect_reader(tmp_path / "a.db")
        assert reader.execute("SELECT a FROM t").fetchall() == [(1,)]
        with pytest.raises(engine.OperationalError, match="readonly"):
            reader.execute("INSERT INTO t VALUES (2)")
        reader.close()
    writer.close()


def test_views_are_quick_and_disposable(tmp_path: Path) -> None:
    connection = engine.connect_views(tmp_path / "views.db")
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 0
    connection.close()
    with pytest.raises(JournalError, match="not a journal"):
        engine.require_journal(tmp_path / "views.db")


@pytest.mark.parametrize("content", [b"", b"hello", b"SQLite format 3\0" + bytes(84), b"x" * 200])
def test_foreign_files_are_refused_before_sqlite_sees_them(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(content)
    with pytest.raises(JournalError, match="not a journal"):
        engine.require_journal(path)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="no journal"):
        engine.require_journal(tmp_path / "journal.db")
