"""Reading a journal: entries, heads, proofs. Nothing here writes, so it serves beside the agent that owns the home."""

from __future__ import annotations

from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import JournalDamaged, JournalError, NotFound
from agent.journal import engine, merkle
from agent.journal.checkpoint import Checkpoint, NoteError, VerifyingKey
from agent.journal.entries import Entry, EntryError, EventMark, decode, event_mark
from agent.language import _

SCHEMA_VERSION = 1
_CHUNK = 512
_STRETCH = 32_768
_TAIL = 128
"""Bytes at an entry's end that hold its kind, seq and v."""


@dataclass(frozen=True, slots=True)
class Head:
    """A signed head. root: 32 bytes; at: ms UTC; note: the C2SP signed checkpoint."""

    origin: str
    size: int
    root: bytes
    at: int
    note: str
    vkey: str

    @property
    def root_base64(self) -> str:
        return b64encode(self.root).decode()


class Reader:
    """A journal that is only read. One thread at a time."""

    def __init__(self, connection: engine.Connection, key: VerifyingKey) -> None:
        self._connection = connection
        self.key = key

    def close(self) -> None:
        self._connection.close()

    @property
    def head(self) -> Head:
        """The last signed head; its signature is checked. Raises JournalDamaged."""
        return self._read_head()

    @property
    def size(self) -> int:
        """Entries under the last head."""
        return self.head.size

    def _read_head(self) -> Head:
        row = self._one("SELECT size, at, note FROM head ORDER BY size DESC LIMIT 1")
        try:
            if row is None:
                raise NoteError("no head")
            checkpoint = Checkpoint.verify(row[2], self.key)
            if checkpoint.size != row[0]:
                raise NoteError("the head is of another size than its row")
        except (NoteError, TypeError) as error:
            raise damaged(_("The journal's last head does not carry this key's signature.")) from error
        return Head(checkpoint.origin, checkpoint.size, checkpoint.root, row[1], row[2], str(self.key))

    def entry(self, seq: int) -> Entry:
        """Raises NotFound."""
        for entry in self.entries(seq, seq + 1):
            return entry
        raise NotFound(
            _("The journal has no entry {seq}.").format(seq=seq),
            _("Entries run from 0 to {last}.").format(last=self.size - 1),
        )

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[Entry]:
        """Entries start … stop − 1 in order (stop None: to the end as it is now). No transaction stays open between them.

        Raises JournalDamaged at an entry that cannot be read.
        """
        stop = self.size if stop is None else stop
        for low in range(max(start, 0), stop, _CHUNK):
            bounds = (low, min(low + _CHUNK, stop))
            count = 0
            for entry in self._entries_where("seq >= ? AND seq < ?", bounds):
                count += 1
                yield entry
            if count < bounds[1] - low:
                return

    def _entries_where(self, test: str, parameters: tuple[int, ...]) -> Iterator[Entry]:
        """Few enough to hold. test: SQL on `seq`."""
        rows = self._all(f"SELECT seq, CAST(body AS BLOB) FROM entry WHERE {test} ORDER BY seq", parameters)  # noqa: S608
        private: dict[int, dict[str, str]] = defaultdict(dict)
        for seq, field, value in self._all(f"SELECT seq, field, value FROM private WHERE {test}", parameters):  # noqa: S608
            private[seq][field] = value
        for seq, raw in rows:
            yield _entry(seq, raw, private.get(seq, {}))

    def raw_entry(self, seq: int) -> bytes:
        """The bytes that the leaf hashes. Raises NotFound."""
        row = self._one("SELECT CAST(body AS BLOB) FROM entry WHERE seq = ?", (seq,))
        if row is None:
            self.entry(seq)
        return bytes(row[0]) if row else b""

    # The tree

    def node(self, level: int, idx: int) -> bytes:
        """The stored hash of a complete subtree; leaves are level 0. Raises JournalDamaged where it is missing."""
        if level == 0:
            row = self._one("SELECT leaf FROM entry WHERE seq = ?", (idx,))
        else:
            row = self._one("SELECT hash FROM node WHERE pos = ?", (merkle.position(level, idx),))
        if row is None or len(row[0]) != 32:
            raise damaged(
                _("A hash of the journal's tree is missing (level {level}, {idx}).").format(level=level, idx=idx)
            )
        return bytes(row[0])

    def root_at(self, size: int) -> bytes:
        """The root of the first `size` leaves, by the stored subtrees."""
        return merkle.Frontier.of(size, self.node).root()

    def inclusion_proof(self, seq: int, size: int | None = None) -> list[bytes]:
        """From the leaf's sibling up (RFC 9162 §2.1.3), in the tree of `size` leaves (None: under the last head).

        Raises ValueError unless 0 ≤ seq < size ≤ the journal's size.
        """
        present = self.size
        size = present if size is None else size
        if size > present:
            raise ValueError("the journal is not that long")
        return merkle.inclusion_proof(seq, size, self.node)

    def consistency_proof(self, first: int, second: int | None = None) -> list[bytes]:
        """That the tree of `first` leaves is a beginning of the tree of `second` (RFC 9162 §2.1.4). Raises ValueError."""
        present = self.size
        second = present if second is None else second
        if second > present:
            raise ValueError("the journal is not that long")
        return merkle.consistency_proof(first, second, self.node)

    def last_of(self, kinds: Iterable[str], start: int = 0) -> Entry | None:
        """The last entry of one of these kinds, from entry `start` on; only that one is decoded. Raises JournalDamaged."""
        marks = [f'"kind":"{kind}"' for kind in kinds]  # no text in an entry can hold one: its quotes are escaped
        tests = " OR ".join(["instr(body, ?)"] * len(marks))
        query = f"SELECT max(seq) FROM entry WHERE seq >= ? AND seq < ? AND ({tests})"  # noqa: S608
        (seq,) = self._one(query, (start, self.size, *marks))
        return None if seq is None else self.entry(seq)

    def all_of(self, beginnings: Iterable[str]) -> Iterator[Entry]:
        """Every entry whose kind begins with one of these, in order; only those are decoded. Raises JournalDamaged.

        A kind stands near the end of its entry, after the body: no more of an entry is searched.
        """
        marks = [f'"kind":"{beginning}'.encode() for beginning in beginnings]
        tests = " OR ".join(["instr(tail, ?)"] * len(marks))
        tails = f"SELECT seq, substr(CAST(body AS BLOB), -{_TAIL}) AS tail FROM entry WHERE seq >= ? AND seq < ?"  # noqa: S608
        query = f"WITH tails AS MATERIALIZED ({tails}) SELECT seq FROM tails WHERE {tests} ORDER BY seq"  # noqa: S608
        size = self.size
        for low in range(0, size, _STRETCH):
            found = [seq for (seq,) in self._all(query, (low, min(low + _STRETCH, size), *marks))]
            for first in range(0, len(found), _CHUNK):
                some = tuple(found[first : first + _CHUNK])
                yield from self._entries_where(f"seq IN ({', '.join('?' * len(some))})", some)

    # The terminal's event stream

    def last_events(self) -> dict[tuple[str, str], int]:
        """(terminal, log epoch) → number of the last event that the journal holds or signed as lost; newest epoch last."""
        last: dict[tuple[str, str], int] = {}
        for start, end, terminal, log_epoch in self._stretches():
            mark = self._mark_before(end, start)
            if mark is None:
                raise damaged(_("The journal's list of log epochs does not fit its entries."))
            last[terminal, log_epoch] = max(mark.number, last.pop((terminal, log_epoch), 0))
        return last

    def event_sha256(self, terminal: str, log_epoch: str, number: int) -> str | None:
        """SHA-256 (hex) of the message that event came as; None if the journal holds no such event (never seen, or lost)."""
        for start, end, *epoch in self._stretches():
            found = self._find_event(start, end, number) if epoch == [terminal, log_epoch] else None
            if found is not None:
                return found.sha256
        return None

    def _find_event(self, low: int, high: int, number: int) -> EventMark | None:
        """Bisection: within a stretch, event numbers grow with seq."""
        while low < high:
            middle = (low + high) // 2
            seq, mark = middle, None
            while mark is None and seq < high:  # the next entry of the event stream
                mark = self._mark(seq)
                seq += 1
            if mark is None or mark.number > number:
                high = middle
            elif mark.number < number:
                low = seq
            else:
                return mark if mark.sha256 is not None else None
        return None

    def _stretches(self) -> list[tuple[int, int, str, str]]:
        """(start, end, terminal, log epoch): the entries from start to end − 1 hold no event of another epoch."""
        size = self.size
        rows = self._all("SELECT seq, terminal, log_epoch FROM stretch WHERE seq < ? ORDER BY seq", (size,))
        ends = [row[0] for row in rows[1:]] + [size]
        return [(start, end, *epoch) for (start, *epoch), end in zip(rows, ends, strict=False)]

    def _mark(self, seq: int) -> EventMark | None:
        entry = _entry(seq, self.raw_entry(seq), {})
        return event_mark(entry.kind, entry.body)

    def _mark_before(self, end: int, start: int) -> EventMark | None:
        for seq in range(end - 1, start - 1, -1):
            if (mark := self._mark(seq)) is not None:
                return mark
        return None

    # SQLite's answers

    def _one(self, sql: str, parameters: tuple[object, ...] = ()) -> Any:
        try:
            return self._connection.execute(sql, parameters).fetchone()
        except engine.Error as error:
            raise unreadable(None, error) from error

    def _all(self, sql: str, parameters: tuple[object, ...] = ()) -> list[Any]:
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except engine.Error as error:
            raise unreadable(None, error) from error


def open_reader(path: Path, key: VerifyingKey) -> Reader:
    """`mode=ro`, beside a writer if there is one. Raises JournalError."""
    engine.require_journal(path)
    try:
        connection = engine.connect_reader(path)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    except engine.Error as error:
        raise unreadable(path, error) from error
    if version != SCHEMA_VERSION:
        connection.close()
        raise wrong_version(path, version)
    return Reader(connection, key)


def _entry(seq: int, raw: object, private: dict[str, str]) -> Entry:
    try:
        entry = decode(raw if isinstance(raw, bytes) else b"")
        if entry.seq != seq:
            raise EntryError("another seq")
    except EntryError as error:
        raise damaged(_("Entry {seq} of the journal is not what was written.").format(seq=seq)) from error
    return Entry(entry.seq, entry.at, entry.kind, entry.v, entry.body, private) if private else entry


def damaged(what: str) -> JournalDamaged:
    return JournalDamaged(what, _("Find out where with: counterfoil journal verify"))


def wrong_version(path: Path, version: int) -> JournalError:
    return JournalError(
        _("The journal {path} has format {found}; this program knows {known}.").format(
            path=path, found=version, known=SCHEMA_VERSION
        ),
        _("Use the version of counterfoil that wrote it, or a newer one."),
    )


def unreadable(path: Path | None, error: engine.Error) -> JournalError:
    if engine.is_damage(error):
        return damaged(_("SQLite cannot read the journal: {reason}.").format(reason=error))
    return JournalError(
        _("The journal cannot be read: {reason}.").format(reason=error),
        _("Check the disk, then try again.") if path is None else _("Check {path} and its folder.").format(path=path),
    )
