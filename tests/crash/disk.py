"""The disk under a run, and what a crash at any moment may leave of it.

What is promised by fsync, and no more (POSIX; the harshest reading that a journalling file system, or a disk, may take):

- A file's bytes are durable once an fsync or fdatasync of that file, begun after they were written, has returned 0. Of what was
  written since, any part may be there, in any order: any subset of the writes and truncations, bytes of an appended write
  lost while the file's new length is kept (zeros stand there), one write torn: any subset of its 512-byte sectors, or, in the
  database's files, cut at any byte. Besides, a write in flight may harm the whole 512- or 4,096-byte sector it begins in, durable
  bytes of it included (a disk without power-safe overwrite: sqlite.org/psow.html).
- After an fsync that failed, what was pending is what Linux makes of it: marked clean, so that a later fsync that returns 0 does
  not vouch for it (fsync(2), EIO); it may be there or not.
- A name (create, mkdir, rename, unlink) is durable once an fsync of its folder has returned 0, and by nothing else; of the
  later ones in each folder any subset may be there. That is harsher than ext4, XFS or btrfs, which write names through
  one ordered log and force it with the file's own fsync: what they leave is always among these states, so whatever holds here
  holds there. Rename itself is atomic. (A folder's fsync that fails is SQLite's to notice, and it does not: os_unix.c, unixSync. With
  `ordered` the file's own fsync makes its name durable, so that such a run can be judged by what those file systems do.)

A file other than the database's is written once, from its start, and is here shorter than a sector (heads/local.note): its one
sector is there or not, so it is whole, empty or, with its length kept, zeros.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product

from tests.crash.recording import Kind, Record

SECTOR = 512
SECTORS = (512, 4096)
"""Of disks: what a write in flight may harm."""

Image = dict[str, bytes]
"""Path → content: what stands on the disk."""


@dataclass(slots=True)
class Change:
    """A write (data) or a truncation (None) that no sync vouches for. fixed: durable, above changes that may not be."""

    place: int
    data: bytes | None
    stuck: bool = False
    fixed: bool = False

    def apply(self, content: bytearray) -> None:
        if self.data is None:
            if len(content) > self.place:
                del content[self.place :]
            else:
                content.extend(bytes(self.place - len(content)))
            return
        if len(content) < self.place:
            content.extend(bytes(self.place - len(content)))
        content[self.place : self.place + len(self.data)] = self.data


@dataclass(slots=True)
class File:
    """database: one of SQLite's. durable: content by the last sync. changes: since then, in order."""

    database: bool
    durable: bytes = b""
    changes: list[Change] = field(default_factory=list)

    def synced(self) -> None:
        for change in self.changes:
            change.fixed = change.fixed or not change.stuck
        while self.changes and self.changes[0].fixed:
            content = bytearray(self.durable)
            self.changes.pop(0).apply(content)
            self.durable = bytes(content)

    def sync_failed(self) -> None:
        for change in self.changes:
            change.stuck = not change.fixed

    def content(self, kept: Iterable[Change], *, grown: bool = False) -> bytes:
        """grown: as long as if every change were there."""
        content = bytearray(self.durable)
        for change in kept:
            change.apply(content)
        if grown:
            whole = bytearray(self.durable)
            for change in self.changes:
                change.apply(whole)
            if len(content) < len(whole):
                content.extend(bytes(len(whole) - len(content)))
        return bytes(content)


@dataclass(frozen=True, slots=True, eq=False)
class Name:
    """A change of names in `folder` that no sync vouches for. gone: names that it takes away; there: (name, file), None a folder."""

    folder: str
    gone: tuple[str, ...] = ()
    there: tuple[str, File | None] | None = None

    def apply(self, names: dict[str, File | None]) -> None:
        for path in self.gone:
            names.pop(path, None)
        if self.there is not None:
            names[self.there[0]] = self.there[1]


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """What one crash leaves. changes, names: those that are there; torn: what there is of one change."""

    changes: frozenset[int]
    names: frozenset[int]
    grown: bool = False
    torn: tuple[int, tuple[Change, ...]] | None = None


class Disk:
    """Follows the records; `crashes` answers what may be found after the last one.

    ordered: names go through one log, as on ext4, XFS and btrfs, and any file's sync makes the earlier ones durable, too.
    lying, lying_folders: controls; its syncs, or those of its folders, do nothing.
    """

    def __init__(self, *, ordered: bool = False, lying: bool = False, lying_folders: bool = False) -> None:
        self._files: dict[int, File] = {}
        self._now: dict[str, File | None] = {}
        self._durable: dict[str, File | None] = {}
        self._names: list[Name] = []
        self._ordered, self._lying, self._lying_folders = ordered, lying, lying_folders
        self._last: Change | Name | None = None

    def follow(self, record: Record) -> None:
        self._last = None
        match record.kind:
            case Kind.WRITE:
                self._change(record.inode, Change(record.place, record.data))
            case Kind.TRUNCATE:
                self._change(record.inode, Change(record.place, None))
            case Kind.SYNC:
                if not self._lying:
                    self._files[record.inode].synced()
                if self._ordered:
                    self._names_synced(self._names)
            case Kind.SYNC_FAILED:
                if record.inode in self._files:
                    self._files[record.inode].sync_failed()
            case Kind.SYNC_FOLDER:
                if not self._lying and not self._lying_folders:
                    self._names_synced([name for name in self._names if name.folder == record.path])
            case Kind.CREATE:
                self._files[record.inode] = File("journal.db" in record.path)
                self._name(Name(_folder(record.path), there=(record.path, self._files[record.inode])))
            case Kind.FOLDER:
                self._name(Name(_folder(record.path), there=(record.path, None)))
            case Kind.RENAME:
                self._name(Name(_folder(record.path), (record.path,), (record.to, self._now[record.path])))
            case Kind.UNLINK:
                self._name(Name(_folder(record.path), (record.path,)))
            case Kind.MARK:
                pass

    def _change(self, inode: int, change: Change) -> None:
        self._files[inode].changes.append(change)
        self._last = change

    def _name(self, name: Name) -> None:
        name.apply(self._now)
        self._names.append(name)
        self._last = name

    def _names_synced(self, names: Iterable[Name]) -> None:
        for name in list(names):
            name.apply(self._durable)
            self._names.remove(name)

    def now(self) -> Image:
        """What every program sees, without a crash."""
        return {path: file.content(file.changes) for path, file in self._now.items() if file is not None}

    def crashes(self, chance: random.Random, samples: int) -> Iterator[Image]:
        """What a crash at this moment may leave; the same more than once, too. samples: seeded choices out of very many."""
        pending = [change for file in self._reachable() for change in file.changes if not change.fixed]
        number = {id(change): place for place, change in enumerate(pending)}
        for choice in self._choices(pending, chance, samples):
            yield self._image(choice, number)

    def _reachable(self) -> list[File]:
        files = [file for file in self._durable.values() if file is not None]
        files += [name.there[1] for name in self._names if name.there is not None and name.there[1] is not None]
        return list({id(file): file for file in files}.values())

    def _databases(self) -> list[File]:
        return [file for file in self._reachable() if file.database]

    def _choices(self, pending: Sequence[Change], chance: random.Random, samples: int) -> Iterator[Choice]:
        changes, names, none = range(len(pending)), range(len(self._names)), frozenset[int]()
        every_change, every_name = frozenset(changes), frozenset(names)
        yield from (Choice(kept, there) for kept in (every_change, none) for there in (every_name, none))
        if self._last is None:  # a sync or a mark: fewer crashes than before it
            return
        if len(pending) + len(names) <= 6:
            yield from (Choice(kept, there) for kept in _subsets(changes) for there in _subsets(names))
        else:
            yield from (Choice(kept, every_name) for kept in _single(changes))
            if isinstance(self._last, Name):
                yield from (Choice(kept, there) for there in _single(names) for kept in (every_change, none))
            for _ in range(samples):
                yield Choice(_some(changes, chance), chance.choice((every_name, _some(names, chance))))
        for kept in (none, *(every_change - {k} for k in changes), _some(changes, chance)):
            yield Choice(kept, every_name, grown=True)
        place = next((k for k, change in enumerate(pending) if change is self._last), None)
        if place is not None and any(self._last is change for file in self._databases() for change in file.changes):
            for torn in _torn(pending[place], chance, samples):
                yield Choice(every_change, every_name, torn=(place, torn))
                yield Choice(_some(changes, chance) | {place}, every_name, torn=(place, torn))

    def _image(self, choice: Choice, number: dict[int, int]) -> Image:
        names = dict(self._durable)
        for place, name in enumerate(self._names):
            if place in choice.names:
                name.apply(names)
        image = {}
        for path, file in names.items():
            if file is not None and _stands(path, names):
                kept = []
                for change in file.changes:
                    place = number.get(id(change), -1)
                    if choice.torn is not None and place == choice.torn[0]:
                        kept.extend(choice.torn[1])
                    elif change.fixed or place in choice.changes:
                        kept.append(change)
                image[path] = file.content(kept, grown=choice.grown)
        return image


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _stands(path: str, names: dict[str, File | None]) -> bool:
    """True if every folder above it is there."""
    folder = _folder(path)
    return not folder or (folder in names and _stands(folder, names))


def _subsets(places: Sequence[int]) -> Iterator[frozenset[int]]:
    for bits in product((False, True), repeat=len(places)):
        yield frozenset(k for k, kept in zip(places, bits, strict=True) if kept)


def _single(places: Sequence[int]) -> Iterator[frozenset[int]]:
    """Each alone, and each alone missing."""
    for place in places:
        yield frozenset({place})
        yield frozenset(places) - {place}


def _some(places: Sequence[int], chance: random.Random) -> frozenset[int]:
    return frozenset(place for place in places if chance.random() < 0.5)


def _torn(change: Change, chance: random.Random, samples: int) -> Iterator[tuple[Change, ...]]:
    """What there may be of one write of a database file that was in flight."""
    start, data = change.place, change.data or b""
    if not data:
        return
    end = start + len(data)
    edges = [start, *range((start // SECTOR + 1) * SECTOR, end, SECTOR), end]
    pieces = [Change(low, data[low - start : high - start]) for low, high in pairwise(edges)]
    for cut in range(1, len(pieces)):
        yield tuple(pieces[:cut])
        yield tuple(pieces[cut:])
    for _ in range(samples if len(pieces) > 2 else 0):
        yield tuple(piece for piece in pieces if chance.random() < 0.5)
    for _ in range(2):
        yield (Change(start, data[: chance.randrange(1, len(data) + 1)]),)
    for sector in SECTORS:
        low = start // sector * sector
        high = min(low + sector, end)
        for harmed in (bytes(high - low), chance.randbytes(high - low)):
            yield (Change(low, harmed), Change(high, data[high - start :]))
