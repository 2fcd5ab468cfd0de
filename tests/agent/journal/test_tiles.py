"""Tiles as c2sp.org/tlog-tiles describes them. What foreign programs make of them: tests/strangers."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from agent.errors import CounterfoilError, JournalDamaged
from agent.journal import tiles
from agent.journal.entries import Draft
from agent.journal.store import Journal
from agent.journal.tiles import ENTRIES, Folder, export, tile_path, write_tiles


def lay(folder: Path, size: int) -> None:
    write_tiles(Folder(folder), (b"entry %d" % number for number in range(size)))


def names(folder: Path, level: str) -> list[str]:
    return sorted(str(each.relative_to(folder / level)) for each in (folder / level).rglob("*") if each.is_file())


def test_paths_are_those_of_the_specification() -> None:
    """Its own example for the number, and the parts of a partial tile."""
    assert tile_path(0, 1_234_067) == "tile/0/x001/x234/067"
    assert tile_path(ENTRIES, 0, 3) == "tile/entries/000.p/3"
    assert tile_path(2, 999) == "tile/2/999"
    assert tile_path(1, 1_000, 255) == "tile/1/x001/000.p/255"


def test_a_tree_of_70_000_is_laid_out_as_the_specification_says(tmp_path: Path) -> None:
    """273 full and one partial of 112 at level 0, one full and one partial of 17 at level 1, one of width 1 at level 2."""
    lay(tmp_path, 70_000)
    full = [f"{number:03}" for number in range(273)]
    assert names(tmp_path / "tile", "0") == [*full, "273.p/112"]
    assert names(tmp_path / "tile", "entries") == [*full, "273.p/112"]
    assert names(tmp_path / "tile", "1") == ["000", "001.p/17"]
    assert names(tmp_path / "tile", "2") == ["000.p/1"]
    assert names(tmp_path, "tile")[-1].startswith("entries/")  # and no level 3
    assert (tmp_path / "tile/0/272").stat().st_size == 8_192
    assert (tmp_path / "tile/1/001.p/17").stat().st_size == 17 * 32


@pytest.mark.parametrize(
    ("size", "above"), [(255, None), (256, "000.p/1"), (257, "000.p/1"), (511, "000.p/1"), (512, "000.p/2")]
)
def test_a_full_tile_is_one_hash_of_the_level_above(tmp_path: Path, size: int, above: str | None) -> None:
    """In a tree of 256 there is a full tile and a partial one of width 1 above it (the specification's example)."""
    lay(tmp_path, size)
    assert names(tmp_path / "tile", "1") == ([] if above is None else [above])
    assert names(tmp_path / "tile", "0") == [
        *(f"{number:03}" for number in range(size // 256)),
        *([f"{size // 256:03}.p/{size % 256}"] if size % 256 else []),
    ]


def test_hashes_and_entries_stand_where_they_should(tmp_path: Path) -> None:
    """By hand, from RFC 6962 §2.1: MTH of 256 leaves as the one hash of level 1."""
    lay(tmp_path, 256)
    hashes = [sha256(b"\0entry %d" % number).digest() for number in range(256)]
    assert (tmp_path / "tile/0/000").read_bytes() == b"".join(hashes)
    while len(hashes) > 1:
        hashes = [sha256(b"\1" + hashes[i] + hashes[i + 1]).digest() for i in range(0, len(hashes), 2)]
    assert (tmp_path / "tile/1/000.p/1").read_bytes() == hashes[0]
    assert (tmp_path / "tile/entries/000").read_bytes().startswith(b"\0\x07entry 0\0\x07entry 1")
    assert (tmp_path / "tile/entries/000").read_bytes().endswith(b"\0\x09entry 255")


def test_the_longest_entry_has_its_length_in_two_bytes(tmp_path: Path) -> None:
    write_tiles(Folder(tmp_path), [bytes(65_535)])
    assert (tmp_path / "tile/entries/000.p/1").read_bytes() == b"\xff\xff" + bytes(65_535)


def test_memory_does_not_grow_with_the_record(tmp_path: Path) -> None:
    def peak(size: int) -> int:
        def entries() -> Iterator[bytes]:
            for number in range(size):
                yield b"%600d" % number

        tracemalloc.start()
        try:
            write_tiles(Folder(tmp_path / str(size)), entries())
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    small = peak(1_024)
    assert small < 1_000_000
    assert peak(12_288) < small + 100_000


# ——— the whole export ———


def fill(journal: Journal, sale: Callable[..., Draft], count: int = 10) -> Journal:
    for number in range(1, count):
        journal.append([sale(number)], number)
    return journal


def all_under(folder: Path) -> set[str]:
    return {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()}


WHOLE = {"checkpoint", "journal.vkey", "README.txt", "tile/0/000.p/10", "tile/entries/000.p/10"}


@pytest.mark.parametrize("there", [False, True])
def test_export_into_a_new_or_an_empty_folder(
    home: Path, journal: Journal, sale: Callable[..., Draft], tmp_path: Path, there: bool
) -> None:
    fill(journal, sale)
    folder = tmp_path / "out" / "record"
    folder.parent.mkdir()
    if there:
        folder.mkdir()
        inode = folder.stat().st_ino
    told: list[tuple[int, int]] = []
    done = export(journal, folder, simulated=True, progress=lambda *each: told.append(each))
    assert all_under(folder) == WHOLE
    assert [each.name for each in folder.parent.iterdir()] == ["record"]
    assert {each.name for each in folder.iterdir()} == {"checkpoint", "journal.vkey", "README.txt", "tile"}
    if there:
        assert folder.stat().st_ino == inode  # a shell that stands in it, or a mounted stick, still does
    assert (folder / "checkpoint").read_text(encoding="utf-8") == journal.head.note
    assert (folder / "journal.vkey").read_bytes() == (home / "keys" / "journal.vkey").read_bytes()
    assert done.head == journal.head
    assert (done.files, done.bytes) == (5, sum((folder / each).stat().st_size for each in WHOLE))
    assert told[-1] == (10, 10)


@pytest.mark.parametrize("simulated", [True, False])
def test_the_readme_says_what_it_is_in_two_languages(journal: Journal, tmp_path: Path, simulated: bool) -> None:
    export(journal, tmp_path / "record", simulated=simulated)
    text = (tmp_path / "record" / "README.txt").read_text(encoding="utf-8")
    assert len(text.splitlines()) == 10
    assert ("DEMO" in text) is ("演练" in text) is simulated
    for word in (journal.head.origin, journal.head.root_base64, "第 0 至 0 条", "entries 0 to 0", "tlog-tiles"):
        assert word in text


def test_a_folder_that_holds_something_is_left_alone(journal: Journal, tmp_path: Path) -> None:
    (tmp_path / "record").mkdir()
    (tmp_path / "record" / "mine").write_text("mine")
    with pytest.raises(CounterfoilError, match="is not empty") as refused:
        export(journal, tmp_path / "record", simulated=True)
    assert refused.value.exit_code == 3
    assert all_under(tmp_path / "record") == {"mine"}


def test_a_file_is_no_folder(journal: Journal, tmp_path: Path) -> None:
    (tmp_path / "record").write_text("mine")
    with pytest.raises(CounterfoilError, match="is not a folder"):
        export(journal, tmp_path / "record", simulated=True)
    with pytest.raises(CounterfoilError, match="cannot be written"):
        export(journal, tmp_path / "record" / "below", simulated=True)


class Stop(Exception):
    pass


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), Stop()])
def test_nothing_half_written_is_left(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, there: bool
) -> None:
    """The write of the last file fails: a full disk, Ctrl+C, anything."""
    write = Folder.write

    def fail(folder: Folder, name: str, content: bytes) -> None:
        if name == tiles.CHECKPOINT:
            raise error
        write(folder, name, content)

    monkeypatch.setattr(Folder, "write", fail)
    folder = tmp_path / "out" / "record"
    (folder if there else folder.parent).mkdir(parents=True)
    with pytest.raises(CounterfoilError if isinstance(error, OSError) else type(error)):
        export(journal, folder, simulated=True)
    assert list((folder if there else folder.parent).iterdir()) == []


@pytest.mark.parametrize(
    "forge", [lambda raw: raw.replace(b"12345", b"12346"), lambda _raw: b"", lambda raw: raw + bytes(65_536)]
)
def test_entries_that_are_not_the_signed_ones_are_not_exported(
    journal: Journal,
    sale: Callable[..., Draft],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    forge: Callable[[bytes], bytes],
) -> None:
    fill(journal, sale)
    read = Journal.raw_entry
    monkeypatch.setattr(Journal, "raw_entry", lambda self, seq: forge(read(self, seq)) if seq == 5 else read(self, seq))
    with closing(journal), pytest.raises(JournalDamaged):
        export(journal, tmp_path / "out", simulated=True)
    assert not (tmp_path / "out").exists()
