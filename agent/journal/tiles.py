"""The whole record as a static transparency log that foreign tools read: c2sp.org/tlog-tiles.

    checkpoint                  the last signed head
    journal.vkey                the key that signed it
    README.txt                  what this is, in Chinese and English
    tile/<L>/<N>[.p/<W>]        hashes of 32 bytes: at level 0 the leaves, above it the subtrees of 256 hashes a level below
    tile/entries/<N>[.p/<W>]    the entries, each after its length in 2 bytes, the larger first

A file holds 256 hashes or entries; only the last one of a level holds fewer, and is then named by its width W. Private
values stand outside the entries and are not here.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from base64 import b64encode
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent.errors import CounterfoilError, NotFound
from agent.journal.entries import LONGEST
from agent.journal.merkle import Frontier, leaf_hash
from agent.journal.reader import Head, Reader, damaged
from agent.language import _

WIDTH = 256
ENTRIES = "entries"
CHECKPOINT, VKEY, README, TILES = "checkpoint", "journal.vkey", "README.txt", "tile"
_HASH = 32
_HEIGHT = 8
"""Levels of the tree that a tile spans: 2^8 = WIDTH."""

_README = """\
存根 counterfoil：一本带签名的刷卡终端流水账的完整导出 / the whole export of a merchant's signed record of a card terminal
{nature}
账本 record: {origin}
账本头 head: 第 0 至 {last} 条 entries 0 to {last}, 签名时间 signed at {at}, 根 root {root}
checkpoint: 签过名的账本头 the signed head; journal.vkey: 验证公钥，请与早先那份核对 its key: compare it with an earlier copy
tile/entries/: 各条原文，每条前有 2 字节长度 the entries, each after its length in 2 bytes; tile/0, 1, …: 哈希 hashes
格式 formats: c2sp.org/tlog-tiles, c2sp.org/tlog-checkpoint, c2sp.org/signed-note, RFC 9162 §2.1, RFC 8032 (Ed25519)
不用我们的软件怎样核对 how to check it without our software: docs/verify.zh.md, docs/verify.md
名称、备注等私人文字不在其中，条目里只有加盐哈希 names and free texts are not here, only their salted hashes in the entries
多出来的文件没有签名担保 no signature vouches for any file that was put here besides
"""
_SIMULATED = "演练 DEMO：模拟数据，不是真实资金的记录 / simulated, not a record of real money"
_REAL = "真实终端的记录（见第 0 条 nature）/ the record of a real terminal (entry 0, nature)"


@dataclass(frozen=True, slots=True)
class Exported:
    """head: the checkpoint that was exported. files, bytes: how many were written, all told."""

    head: Head
    files: int
    bytes: int


def tile_path(level: int | str, number: int, width: int = WIDTH) -> str:
    """Where tile `number` of a level (0 … 63, or ENTRIES) stands; the number in groups of three digits."""
    rest, last = divmod(number, 1_000)
    path = f"{last:03}"
    while rest:
        rest, group = divmod(rest, 1_000)
        path = f"x{group:03}/{path}"
    return f"{TILES}/{level}/{path}" + (f".p/{width}" if width < WIDTH else "")


class Folder:
    """A folder under construction; counts what is written into it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.files = 0
        self.bytes = 0

    def write(self, name: str, content: bytes | bytearray) -> None:
        file = self._path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        self.files += 1
        self.bytes += len(content)


def write_tiles(
    folder: Folder, entries: Iterable[bytes], progress: Callable[[int], None] = lambda _done: None
) -> Frontier:
    """Hash tiles and entry bundles of the entries, in one pass; at most one tile of each level is held in memory.

    entries: each of at most 65,535 bytes. progress: called with how many are done. Answers the tree's right edge.
    """
    frontier = Frontier()
    bundle = bytearray()
    tiles: defaultdict[int, bytearray] = defaultdict(bytearray)
    for raw in entries:
        bundle += len(raw).to_bytes(2, "big") + raw
        completed = frontier.append(leaf_hash(raw))
        for level, start in enumerate(range(0, len(completed), _HEIGHT * _HASH)):
            tiles[level] += completed[start : start + _HASH]
        if frontier.size % WIDTH:
            continue
        folder.write(tile_path(ENTRIES, frontier.size // WIDTH - 1), bundle)
        bundle.clear()
        level = 0
        while len(tiles[level]) == WIDTH * _HASH:  # a tile is full only together with all those below it
            folder.write(tile_path(level, (frontier.size >> _HEIGHT * (level + 1)) - 1), tiles[level])
            tiles[level].clear()
            level += 1
        progress(frontier.size)
    if bundle:
        folder.write(tile_path(ENTRIES, frontier.size // WIDTH, frontier.size % WIDTH), bundle)
    for level, tile in tiles.items():
        if tile:
            folder.write(tile_path(level, frontier.size >> _HEIGHT * (level + 1), len(tile) // _HASH), tile)
    progress(frontier.size)
    return frontier


def export(
    journal: Reader, folder: Path, *, simulated: bool, progress: Callable[[int, int], None] = lambda _done, _total: None
) -> Exported:
    """The record up to its last head into `folder`, which is new or empty; whole or not at all.

    The entries are hashed again on the way. progress: called with (done, total) entries. Raises JournalDamaged where they
    are not what the head signed, CounterfoilError where the folder holds something or cannot be written.
    """
    head = journal.head
    target = folder.resolve()
    half: Path | None = None
    try:
        new = _is_new(target, folder)
        half = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent if new else target))
        written = Folder(half)
        frontier = write_tiles(written, _entries(journal, head.size), lambda done: progress(done, head.size))
        if frontier.root() != head.root:
            raise damaged(_("The journal's entries are not those that its last head signed."))
        written.write(VKEY, f"{head.vkey}\n".encode())
        written.write(README, _readme(head, simulated=simulated).encode())
        written.write(CHECKPOINT, head.note.encode())
        os.sync()  # once for thousands of files: after a power cut the folder is whole, or not there
        if new:
            half.rename(target)
        else:  # a mounted stick or a shell's own folder cannot be replaced, only filled
            for name in (TILES, VKEY, README, CHECKPOINT):  # the last makes it a log
                (half / name).rename(target / name)
    except OSError as error:
        raise CounterfoilError(
            _("The tiles cannot be written to {folder}: {reason}.").format(folder=folder, reason=error.strerror),
            _("Name a new folder, on a disk with room, where this user may write."),
        ) from error
    finally:
        if half is not None:
            shutil.rmtree(half, ignore_errors=True)
    return Exported(head, written.files, written.bytes)


def _is_new(target: Path, named: Path) -> bool:
    """False for an empty folder. Raises CounterfoilError for one that holds something, or for what is none; OSError."""
    if not target.exists():
        return True
    if not target.is_dir():
        what = _("{folder} is not a folder.")
    elif any(target.iterdir()):
        what = _("The folder {folder} is not empty.")
    else:
        return False
    raise CounterfoilError(what.format(folder=named), _("Name a new or an empty folder."))


def _entries(journal: Reader, size: int) -> Iterator[bytes]:
    for seq in range(size):
        try:
            raw = journal.raw_entry(seq)
        except NotFound:
            raw = b""
        if not 0 < len(raw) <= LONGEST:
            raise damaged(_("Entry {seq} of the journal is not what was written.").format(seq=seq))
        yield raw


def _readme(head: Head, *, simulated: bool) -> str:
    return _README.format(
        nature=_SIMULATED if simulated else _REAL,
        origin=head.origin,
        last=head.size - 1,
        at=datetime.fromtimestamp(head.at / 1_000, UTC).isoformat(timespec="seconds"),
        root=b64encode(head.root).decode(),
    )
