"""Bits flipped anywhere in journal.db and in the log of a killed writer; the log cut, lost, or another's."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.journal import engine, keys
from agent.journal.store import Journal
from tests.agent.journal.conftest import opened_by, sales
from tests.agent.journal.tampers import Case, Found, content, overwrite, started, verdict

PLACES = int(os.environ.get("COUNTERFOIL_FLIPS", "520"))
"""Bits flipped in all."""
PARTS = 8
"""Tests that share them."""
FRAME = 24 + engine.PAGE_SIZE
WAL_HEADER = 32

KILLED = """
    import os, signal, sys
    from pathlib import Path
    from agent.journal import keys
    from agent.journal.entries import Draft
    from agent.journal.store import Journal
    from tests.agent.journal.conftest import sales
    home = Path(sys.argv[1])
    signer = keys.unlock(home)
    sale = sales(signer)
    journal = Journal.open(home / "journal.db", signer)
    for n in range(16, 24):
        journal.append([sale(n)], n)
    gap = {"terminal": "T1", "log_epoch": "e1", "first": 24, "last": 30, "reason": "lost"}
    journal.append([Draft("event.gap", gap), *[sale(n) for n in range(31, 40)]], 40)
    journal.append([sale(n, "e2", merchant=None) for n in range(1, 5)], 41)
    head = journal.append([Draft("security.seen", {"what": "bad_tag", "count": 1})], 42)
    sys.stdout.write(head.note)
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """16 entries in the file, 23 more in the log of a writer that was killed; `older` was closed before that one began."""
    folder = tmp_path_factory.mktemp("killed")
    home = folder / "home"
    signer = keys.create(home)
    sale = sales(signer)
    journal = Journal.create(home / "journal.db", signer, opened_by(signer), 1)
    for n in range(1, 16):
        journal.append([sale(n)], n)
    journal.close()
    shutil.copytree(home, folder / "older")
    program = [sys.executable, "-c", textwrap.dedent(KILLED), str(home)]
    note = subprocess.run(program, capture_output=True, text=True, check=False, timeout=60).stdout
    shutil.copytree(home, folder / "read", ignore=shutil.ignore_patterns("*-shm"))
    assert (home / "journal.db-wal").stat().st_size > 20 * FRAME
    return Case(home, folder / "older", note, content(folder / "read" / "journal.db"))


def test_the_killed_writers_record_is_whole(killed: Case, tmp_path: Path) -> None:
    case = killed.copy(tmp_path / "home")
    assert len(case.content[0]) == 39
    assert verdict(case.home, keys.verifying_key(case.home), case.note, case.content)[0] is Found.HARMLESS
    assert started(case.home, case.note, case.content) == "right"


def places(chance: random.Random, size: int, count: int) -> Iterator[tuple[int, int]]:
    """(byte, bit): half anywhere, half where the pages say how they are to be read."""
    for n in range(count):
        page = chance.randrange(size // engine.PAGE_SIZE) * engine.PAGE_SIZE
        at = chance.randrange(size) if n % 2 else page + chance.randrange(100 if page == 0 else 24)
        yield at, chance.randrange(8)


@pytest.mark.parametrize("part", range(PARTS))
def test_a_bit_flipped_in_the_file(killed: Case, tmp_path: Path, part: int) -> None:
    """Either verify alone finds it, or everything reads back identical; and no start makes a wrong journal of it."""
    closed = killed.copy(tmp_path / "closed")
    Journal.open(closed.path, closed.signer).close()  # all of it in the one file
    good, key = closed.path.read_bytes(), closed.signer.key
    found = dict.fromkeys(Found, 0)
    for at, bit in places(random.Random(part), len(good), PLACES // PARTS // 2):
        raw = bytearray(good)
        raw[at] ^= 1 << bit
        closed.path.write_bytes(raw)
        what, _report = verdict(closed.home, key, closed.note, closed.content)
        assert what in {Found.ALONE, Found.HARMLESS}, (at, bit)
        found[what] += 1
        assert started(closed.home, closed.note, closed.content) in {"refused", "right"}, (at, bit)
        for name in ("journal.db-wal", "journal.db-shm"):
            (closed.home / name).unlink(missing_ok=True)
    assert found[Found.ALONE] > 9 and found[Found.HARMLESS] > 0


@pytest.mark.parametrize("part", range(PARTS))
def test_a_bit_flipped_in_the_log_of_a_killed_writer(killed: Case, tmp_path: Path, part: int) -> None:
    """SQLite silently drops the log from there on: verify sees a good shorter journal, and only a remembered head knows."""
    case = killed.copy(tmp_path / "home")
    database, log, key = case.path.read_bytes(), case.wal.read_bytes(), case.signer.key
    chance, counts = random.Random(100 + part), WAL_HEADER + FRAME * len(frames(log))
    for n in range(PLACES // PARTS // 2):
        at, bit = chance.randrange(counts), chance.randrange(8)
        if n % 4 == 0:  # where the log says how it is to be read
            at = chance.randrange(WAL_HEADER) if n % 8 else at - (at - WAL_HEADER) % FRAME + chance.randrange(24)
        raw = bytearray(log)
        raw[at] ^= 1 << bit
        put(case, database, bytes(raw))
        assert verdict(case.home, key, case.note, case.content)[0] is Found.REMEMBERED, (at, bit)
        assert started(case.home, case.note, case.content) == "refused", (at, bit)


def frames(log: bytes) -> list[bytes]:
    """A log's frames, less those that repeat the last commit's last one: SQLite fills the disk's sector with them."""
    found = [log[at : at + FRAME] for at in range(WAL_HEADER, len(log), FRAME)]
    while found[-1][:8] == found[-2][:8] and found[-1][24:] == found[-2][24:]:
        found.pop()
    return found


def put(case: Case, database: bytes, log: bytes | None) -> None:
    for name in ("journal.db-wal", "journal.db-shm"):
        (case.home / name).unlink(missing_ok=True)
    case.path.write_bytes(database)
    if log is not None:
        case.wal.write_bytes(log)


def test_the_file_under_a_log_with_a_bit_flipped(killed: Case, tmp_path: Path) -> None:
    """What the log holds anew covers the file's own page: a flip there is harmless; elsewhere verify alone finds it."""
    case = killed.copy(tmp_path / "home")
    database, log, key = case.path.read_bytes(), case.wal.read_bytes(), case.signer.key
    chance = random.Random(5)
    found = set()
    for at, bit in places(chance, len(database), 40):
        raw = bytearray(database)
        raw[at] ^= 1 << bit
        put(case, bytes(raw), log)
        found.add(what := verdict(case.home, key, case.note, case.content)[0])
        assert what in {Found.ALONE, Found.HARMLESS}, (at, bit)
        assert started(case.home, case.note, case.content) in {"refused", "right"}, (at, bit)
    assert found == {Found.ALONE, Found.HARMLESS}


def test_the_log_cut_at_every_frame_and_within(killed: Case, tmp_path: Path) -> None:
    case = killed.copy(tmp_path / "home")
    database, log, key = case.path.read_bytes(), case.wal.read_bytes(), case.signer.key
    cuts = (0, 11, 24, 2_000, FRAME - 1)
    sizes = [0, 7, 31] + [WAL_HEADER + n * FRAME + cut for n in range(len(frames(log))) for cut in cuts]
    for size in random.Random(6).sample(sizes, 60):
        put(case, database, log[:size])
        assert verdict(case.home, key, case.note, case.content)[0] is Found.REMEMBERED, size
        assert started(case.home, case.note, case.content) == "refused", size
    put(
        case, database, log + bytes(FRAME) + log[WAL_HEADER : WAL_HEADER + FRAME]
    )  # what follows the last commit is nothing
    assert verdict(case.home, key, case.note, case.content)[0] is Found.HARMLESS
    assert started(case.home, case.note, case.content) == "right"


def test_the_log_lost(killed: Case, tmp_path: Path) -> None:
    case = killed.copy(tmp_path / "home")
    case.wal.unlink()
    found, report = verdict(case.home, case.signer.key, case.note, case.content)
    assert report is not None and report.size == 16
    assert found is Found.REMEMBERED
    assert started(case.home, case.note, case.content) == "refused"


def test_the_file_of_before_with_the_log_of_now(killed: Case, tmp_path: Path) -> None:
    """The log was made over that very file: together they are the record."""
    case = killed.copy(tmp_path / "home")
    log = case.wal.read_bytes()
    overwrite(case, case.older)
    case.wal.write_bytes(log)
    assert verdict(case.home, case.signer.key, case.note, case.content)[0] is Found.HARMLESS


def test_the_log_of_before_beside_the_file_of_now(killed: Case, tmp_path: Path) -> None:
    """The killed writer's log put back after the agent went on: its pages cover newer ones, and the tree does not fit."""
    case = killed.copy(tmp_path / "home")
    log, signer = case.wal.read_bytes(), case.signer
    sale = sales(signer)
    journal = Journal.open(case.path, signer)
    for n in range(5, 60):
        journal.append([sale(n, "e2")], 50 + n)
    journal.close()
    now = Case(case.home, case.older, journal.head.note, content(case.path))
    case.wal.write_bytes(log)
    assert verdict(now.home, signer.key, now.note, now.content)[0] is Found.REMEMBERED
    assert started(now.home, now.note, now.content) == "refused"


def test_the_index_of_the_log_made_of_rubbish(killed: Case, tmp_path: Path) -> None:
    case = killed.copy(tmp_path / "home")
    (case.home / "journal.db-shm").write_bytes(random.Random(7).randbytes(32_768))
    assert verdict(case.home, case.signer.key, case.note, case.content)[0] is Found.HARMLESS
    assert started(case.home, case.note, case.content) == "right"


def test_a_header_of_every_type(killed: Case, tmp_path: Path) -> None:
    """A flipped bit in a row's header can give a column any type: private rows by hand, past what STRICT would take."""
    case = killed.copy(tmp_path / "home")
    Journal.open(case.path, case.signer).close()
    good = case.path.read_bytes()
    with closing(engine.connect_reader(case.path)) as connection:
        (salt,) = connection.execute("SELECT salt FROM private WHERE seq = 3").fetchone()
    at = good.index(
        bytes(salt)
    )  # the row's content: seq, field, salt, value; before it the header: 5 bytes and its length
    header = good.rindex(b"\x05", 0, at - len(b"merchant_name"))
    found = set()
    for place in range(header - 1, header + 6):
        for bit in range(8):
            raw = bytearray(good)
            raw[place] ^= 1 << bit
            put(case, bytes(raw), None)
            found.add(verdict(case.home, case.signer.key, case.note, case.content)[0])
    assert found <= {Found.ALONE, Found.HARMLESS}
    assert Found.ALONE in found


def test_what_only_sqlite_itself_can_find(killed: Case, tmp_path: Path) -> None:
    """The header counts a free page that is not there (bytes 36–39, sqlite.org/fileformat2.html): everything reads back."""
    case = killed.copy(tmp_path / "home")
    Journal.open(case.path, case.signer).close()
    raw = bytearray(case.path.read_bytes())
    assert raw[36:40] == bytes(4)
    raw[39] = 1
    put(case, bytes(raw), None)
    found, report = verdict(case.home, case.signer.key, case.note, case.content)
    assert found is Found.ALONE and report is not None
    assert [(f.place, f.seq) for f in report.findings] == [("file", None)]
