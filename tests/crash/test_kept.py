"""What the explorer found first, kept as inputs of their own."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from agent.errors import JournalError
from agent.journal import heads
from agent.journal.store import Journal
from agent.journal.verify import verify_path
from tests.crash.workload import Life


@pytest.fixture
def life(place: Path) -> Life:
    life = Life(place / "home", lambda _said: None)
    life.create()
    return life


def test_a_note_of_zeros_remembers_nothing(life: Life) -> None:
    """Its length reached the disk and its block did not: the start is not stopped by it."""
    life.journal.close()
    note = life.home / "heads" / "local.note"
    assert heads.remembered(life.home).keys() == {"local"}
    note.write_bytes(bytes(note.stat().st_size))
    assert heads.remembered(life.home) == {}
    note.write_bytes(b"\0not a head")
    assert heads.remembered(life.home) == {"local": "\0not a head"}


@pytest.mark.parametrize("harmed", [bytes(512), bytes(4096), b"\xa5" * 512])
def test_a_first_page_harmed_while_it_was_written_over(harmed: bytes, life: Life, place: Path) -> None:
    """A checkpoint was writing it when the power went; the log still has it, and SQLite finds it there."""
    life.append(*life.fees(40))  # the file grows: its first page is in the log
    image = place / "image"
    image.mkdir()
    for name in ("journal.db", "journal.db-wal"):
        shutil.copy(life.home / name, image / name)
    life.journal.close()
    path = image / "journal.db"
    path.write_bytes(harmed + path.read_bytes()[len(harmed) :])
    log = path.with_name("journal.db-wal").read_bytes()
    with closing(Journal.open(path, life.signer)) as journal:
        assert journal.size == 41
    assert verify_path(path, own=True, key=life.signer.key, strict=True).ok

    path.write_bytes(harmed + path.read_bytes()[len(harmed) :])  # without its log it is nothing
    for alone in (None, log[:20], b"\0" * len(log)):
        wal = path.with_name("journal.db-wal")
        wal.unlink(missing_ok=True) if alone is None else wal.write_bytes(alone)
        with pytest.raises(JournalError, match="is not a journal"):
            Journal.open(path, life.signer)
