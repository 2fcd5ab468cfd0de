"""The disk fails, fills or turns read-only at each call of a run in turn; or the writer is killed there.

Each life tries again after every failure, as the agent does. Nothing but JournalError comes out of the journal; nothing that
failed is acknowledged; once the disk is well the same process goes on; and the home, opened once more, keeps every promise.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from agent.errors import JournalError
from agent.journal import keys
from agent.journal.store import Journal
from agent.journal.verify import verify_path
from tests.crash.disk import Disk
from tests.crash.explorer import explore
from tests.crash.faulty import EVERY, FOR_EVER, NAMES, OPENS, SYNCS, TRUNCATES, WRITES
from tests.crash.recording import HOUSE, Kind, record
from tests.crash.trials import Left, record_life, trials
from tests.crash.workload import AT, Life

NO_FOLDER = pytest.mark.skipif(os.getuid() == 0, reason="root may write into any folder")


def whole(run: str, kinds: int, count: int, error: int) -> list[Left]:
    """Every life of that run judged."""
    with trials(run, kinds, count, error) as (lives, judge):
        for left in lives:
            found = left.judged(judge)
            assert [said for said in left.told if "went_on" in said] == ([{"went_on": True}] if error else []), (
                left.told
            )
            assert found.entries or not error
    assert [left.call for left in lives] == list(range(1, len(lives) + 1))
    return lives


@pytest.mark.parametrize("run", ["day", "creation"])
@pytest.mark.parametrize("count", [1, 2, FOR_EVER])
def test_a_sync_that_fails(run: str, count: int) -> None:
    lives = whole(run, SYNCS, count, errno.EIO)
    stopped = [said["stopped"] for left in lives for said in left.failures]
    assert len(stopped) >= len(lives) / 3
    if count == 1:  # the journal begins anew from the disk and goes on
        assert not any(stopped)
    if count == FOR_EVER and run == "day":
        assert any(stopped)


@pytest.mark.parametrize("run", ["day", "creation"])
@pytest.mark.parametrize("count", [1, FOR_EVER])
def test_a_full_disk(run: str, count: int) -> None:
    """The call that meets it writes half of what it was given, as a file system does. A full disk never stops the journal."""
    lives = whole(run, WRITES, count, errno.ENOSPC)
    assert len(lives) > 50
    failures = [said for left in lives for said in left.failures]
    assert not any(said["stopped"] for said in failures if said["failed"].startswith("The disk is full"))
    assert any(said["failed"].startswith("The disk is full") for said in failures) or count == 1


@pytest.mark.parametrize("run", ["day", "creation"])
def test_a_call_that_fails_once(run: str) -> None:
    """EIO, of every kind of call but a sync: opening for writing, writing, truncating, renaming, removing."""
    assert len(whole(run, WRITES | OPENS | TRUNCATES | NAMES, 1, errno.EIO)) > 50


@pytest.mark.parametrize("run", ["day", "creation"])
def test_a_disk_that_turns_read_only(run: str) -> None:
    """Under the running agent: what it has open can be written no more."""
    lives = whole(run, WRITES | TRUNCATES | SYNCS | NAMES, FOR_EVER, errno.EROFS)
    assert sum(bool(left.failures) for left in lives) > len(lives) * 0.8  # the rest met it at a close


@pytest.mark.parametrize("run", ["day", "creation"])
def test_killed_at_every_call(run: str) -> None:
    lives = whole(run, EVERY, 1, 0)
    assert len(lives) > 100
    assert not any(left.failures for left in lives)


@pytest.mark.parametrize("call", [44, 50])
def test_a_crash_after_a_sync_that_failed(call: int, place: Path) -> None:
    """Linux drops what it could not write and calls it clean: no later fsync vouches for it (fsync(2))."""
    records = record_life(place, SYNCS, call, 1, errno.EIO)
    failed = [n for n, record in enumerate(records) if record.kind is Kind.SYNC_FAILED]
    assert len(failed) == 1
    explored = explore(records, place, start=failed[0], samples=0, disk=Disk(ordered=True))
    assert explored.broken == []
    assert explored.states > 200


# -- a file system that was read-only from the first ---------------------------------------------------------------------


@pytest.fixture
def closed(place: Path) -> Life:
    life = Life(place / "home", lambda _said: None)
    life.create()
    life.append(*life.fees(3))
    life.journal.close()
    return life


def _contents(home: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}


def _refused(life: Life) -> None:
    before = _contents(life.home)
    with pytest.raises(JournalError, match="cannot be opened for writing"):
        Journal.open(life.path, life.signer)
    after = {path: content for path, content in _contents(life.home).items() if path.suffix != ".db-shm"}
    assert after == before


@NO_FOLDER
def test_a_file_that_may_not_be_written(closed: Life) -> None:
    closed.path.chmod(0o400)
    _refused(closed)
    assert verify_path(closed.path, own=True, key=closed.signer.key).ok


def test_a_read_only_file_system(closed: Life, place: Path) -> None:
    """A real one: the home bound read-only in a mount namespace of its own."""
    script = "mount --bind {0} {0} && mount -o remount,ro,bind {0} && exec {1} -c '{2}' {0}"
    opening = (
        "import sys; from pathlib import Path; from agent.errors import JournalError; from agent.journal import keys;"
        " from agent.journal.store import Journal; home = Path(sys.argv[1]); signer = keys.unlock(home)\n"
        'try: Journal.open(home / "journal.db", signer)\n'
        "except JournalError as error: print(error.what)"
    )
    before = _contents(closed.home)
    shell = ["unshare", "--map-root-user", "--mount", "sh", "-c", script.format(closed.home, sys.executable, opening)]
    try:
        ran = subprocess.run(shell, capture_output=True, text=True, cwd=HOUSE, check=False, timeout=60)
    except FileNotFoundError:
        pytest.skip("unshare is not installed")
    if "unshare:" in ran.stderr or "mount:" in ran.stderr:
        pytest.skip(f"no mount namespace here: {ran.stderr.strip()}")
    assert "cannot be opened for writing" in ran.stdout, ran
    assert _contents(closed.home) == before


# -- the clock ---------------------------------------------------------------------------------------------------------


def test_a_clock_set_back_a_day_is_recorded_as_it_was_told(place: Path) -> None:
    """The order of entries is their seq, never their time; the crashes of this run are test_disks.py's scenario `clock`."""
    record(place, "clock")
    home = place / "root" / "home"
    with closing(Journal.open(home / "journal.db", keys.unlock(home))) as journal:
        assert [entry.at for entry in journal.entries()] == [AT, AT, *[AT - 86_400_000] * 2, AT - 86_399_000]
        assert journal.head.at == AT - 86_399_000
    assert verify_path(home / "journal.db", own=True, strict=True).ok
