"""Every crash of every scenario of the journal's life; and the explorer itself tested.

The disks are promised to be what fsync leaves and no better (tests/crash/disk.py). On each the journal must open, hold every
acknowledged entry as it was, verify, and be behind none of the heads remembered beside it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.crash.disk import Disk
from tests.crash.explorer import explore, once_created
from tests.crash.recording import Kind, Record
from tests.crash.workload import SCENARIOS

AT_LEAST = {
    **{"creation": 2_200, "singles": 2_150, "groups": 1_700, "private": 2_150, "large": 2_350, "reopening": 1_350},
    **{"checkpoints": 2_500, "readers": 2_600, "notes": 1_600, "clock": 550, "rotation": 1_150, "erasing": 2_000},
}
"""Distinct disks of each; docs/journal.md says how many in all."""

Recorded = Callable[..., Sequence[Record]]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_crash_leaves_what_was_acknowledged(scenario: str, recorded: Recorded, place: Path) -> None:
    records = recorded(scenario)
    start = 0 if scenario == "creation" else once_created(records)
    explored = explore(records, place, start=start)
    assert explored.broken == []
    assert explored.states >= AT_LEAST[scenario]


def test_they_are_twenty_thousand() -> None:
    assert AT_LEAST.keys() == SCENARIOS.keys()
    assert sum(AT_LEAST.values()) >= 20_000


# -- the recorder ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", ["notes", "checkpoints", "large"])
def test_the_records_are_all_that_happened(scenario: str, recorded: Recorded, place: Path) -> None:
    """Played back, they give the folder as the run left it, byte for byte."""
    disk = Disk()
    records = recorded(scenario)
    for record in records:
        disk.follow(record)
    root = place / "root"
    assert disk.now() == {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    assert {Kind.WRITE, Kind.SYNC, Kind.SYNC_FOLDER, Kind.RENAME, Kind.TRUNCATE} <= {record.kind for record in records}


# -- the controls: what is broken on purpose is found ------------------------------------------------------------------

BEHIND, AHEAD = "were acknowledged", "is cut to"


@pytest.mark.parametrize(
    ("control", "scenario", "said"),
    [
        ("normal", "singles", BEHIND),
        ("normal", "reopening", BEHIND),
        ("normal", "checkpoints", BEHIND),
        ("trusting", "singles", BEHIND),
        ("trusting", "groups", BEHIND),
        ("early", "singles", BEHIND),
        ("ahead", "singles", AHEAD),
    ],
)
def test_a_broken_promise_is_found(control: str, scenario: str, said: str, recorded: Recorded, place: Path) -> None:
    """synchronous=NORMAL; psow=1; acknowledged before COMMIT; a head that is durable before its entries."""
    explored = explore(recorded(scenario, control), place, until=said)
    assert any(said in what for _, what in explored.broken), explored


@pytest.mark.parametrize("disk", [Disk(lying=True), Disk(lying_folders=True)], ids=["files", "folders"])
def test_a_disk_that_lies_is_found(disk: Disk, recorded: Recorded, place: Path) -> None:
    assert explore(recorded("creation"), place, until="", disk=disk).broken


# -- the model of the disk ---------------------------------------------------------------------------------------------


def _left(*records: Record, disk: Disk | None = None) -> set[tuple[tuple[str, bytes], ...]]:
    disk = disk or Disk()
    for record in records:
        disk.follow(record)
    return {tuple(sorted(image.items())) for image in disk.crashes(random.Random(0), 4)}


_A = Record(Kind.CREATE, 1, path="journal.db")
_SYNCED = (_A, Record(Kind.WRITE, 1, 0, b"old"), Record(Kind.SYNC, 1), Record(Kind.SYNC_FOLDER, path=""))


def test_what_was_synced_is_there() -> None:
    assert _left(*_SYNCED) == {(("journal.db", b"old"),)}


def test_a_name_is_not_its_file() -> None:
    named = _left(*_SYNCED[:3])
    assert named == {(), (("journal.db", b"old"),)}
    assert _left(*_SYNCED[:3], disk=Disk(ordered=True)) == {(("journal.db", b"old"),)}


def test_unsynced_writes_come_in_any_order() -> None:
    left = _left(*_SYNCED, Record(Kind.WRITE, 1, 0, b"N"), Record(Kind.WRITE, 1, 3, b"xy"))
    contents = {dict(image)["journal.db"] for image in left}
    assert {b"old", b"Nld", b"oldxy", b"Nldxy", b"old\0\0"} <= contents


def test_a_write_is_torn_by_sectors_and_harms_its_own_sector() -> None:
    left = _left(*_SYNCED, Record(Kind.WRITE, 1, 512, b"1" * 1024))
    contents = {dict(image)["journal.db"] for image in left}
    assert b"old" + bytes(509) + b"1" * 512 in contents
    assert b"old" + bytes(509 + 512) + b"1" * 512 in contents
    appended = _left(*_SYNCED, Record(Kind.WRITE, 1, 3, b"xy"))
    assert any(dict(image)["journal.db"][:3] == bytes(3) for image in appended)


def test_a_rename_is_there_or_not() -> None:
    new = (Record(Kind.CREATE, 2, path="b"), Record(Kind.WRITE, 2, 0, b"new"), Record(Kind.SYNC, 2))
    left = _left(*_SYNCED, *new, Record(Kind.SYNC_FOLDER, path=""), Record(Kind.RENAME, path="b", to="journal.db"))
    assert left == {(("b", b"new"), ("journal.db", b"old")), (("journal.db", b"new"),)}


def test_a_sync_that_failed_vouches_for_nothing_even_after_one_that_did_not() -> None:
    write = Record(Kind.WRITE, 1, 0, b"new")
    again = Record(Kind.SYNC, 1)
    assert _left(*_SYNCED, write, Record(Kind.SYNC_FAILED, 1), again) == {
        (("journal.db", b"old"),),
        (("journal.db", b"new"),),
    }
    assert _left(*_SYNCED, write, Record(Kind.SYNC_FAILED, 1), write, again) == {(("journal.db", b"new"),)}
