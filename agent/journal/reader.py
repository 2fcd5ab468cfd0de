"""Reading a journal: entries, heads, proofs. Nothing here writes, so it serves beside the agent that owns the home."""

from __future__ import annotations

from base64 import b64encode
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import JournalDamaged, JournalError, NotFound
from agent.journal import engine, merkle
from agent.journal.checkpoint import NoteError, VerifyingKey
from agent.journal.entries import Entry, EntryError, EventMark, decode, event_mark
from agent.journal.key_chain import HAND_OVER_KINDS, HandOver, KeyChain, signed_by
from agent.language import _

SCHEMA_VERSION = 2
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
        row = self._one("SELECT seq, note, CAST(body AS BLOB) FROM entry ORDER BY seq DESC LIMIT 1")
        try:
            if row is None or not isinstance(row[1], str):
                raise NoteError("no head")
            chain = KeyChain((), self.key) if signed_by(row[1], self.key, alone=True) else self.key_chain()
            checkpoint = chain.verify(row[1], row[0] + 1)
        except NoteError as error:
            raise not_this_key() from error
        at = _entry(row[0], row[2], {}).at
        return Head(
            checkpoint.origin, checkpoint.size, checkpoint.root, at, row[1], str(chain.over(checkpoint.size)[0])
        )

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

    def raw_entries(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes of entries start … stop − 1, in order; private values apart. Raises JournalDamaged."""
        for low in range(start, stop, _CHUNK * 8):
            bounds = (low, min(low + _CHUNK * 8, stop))
            for (raw,) in self._all(
                "SELECT CAST(body AS BLOB) FROM entry WHERE seq >= ? AND seq < ? ORDER BY seq", bounds
            ):
                yield raw

    def salts(self, seq: int) -> dict[str, str]:
        """field → the salt (hex) under which its value was sealed, for every private value that was not erased."""
        return {name: salt.hex() for name, salt in self._all("SELECT field, salt FROM private WHERE seq = ?", (seq,))}

    def raw_entry(self, seq: int) -> bytes:
        """The bytes that the leaf hashes. Raises NotFound."""
        row = self._one("SELECT CAST(body AS BLOB) FROM entry WHERE seq = ?", (seq,))
        if row is None:
            self.entry(seq)
        return bytes(row[0]) if row else b""

    # The tree

    def node(self, level: int, idx: int) -> bytes:
        """The stored hash of a complete subtree; leaves are level 0. Raises JournalDamaged where it is missing."""
        row = self._one("SELECT hashes FROM entry WHERE seq = ?", (merkle.completed_by(level, idx),))
        found = row[0][32 * level : 32 * level + 32] if row is not None and isinstance(row[0], bytes) else b""
        if len(found) != 32:
            raise damaged(
                _("A hash of the journal's tree is missing (level {level}, {idx}).").format(level=level, idx=idx)
            )
        return found

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

    def copy_to(self, path: Path, progress: Callable[[int, int], None] | None = None) -> None:
        """The whole database into the empty file `path`, the write-ahead log included, as it is at one moment. progress:
        (pages done, pages in all). Raises `engine.Error`."""
        engine.copy(self._connection, path, progress)

    def key_chain(self) -> KeyChain:
        """The keys of this record. Where its first head carries the newest key's signature there is one only, and nothing
        is searched. Raises JournalDamaged, also where one took over that the one before did not vouch for."""
        chain = key_chain(self._connection, self.key)
        for h in chain.to_vouch:
            row = self._one("SELECT note FROM entry WHERE seq = ?", (h.seq,))
            if row is None or not isinstance(row[0], str) or not signed_by(row[0], h.old):
                raise damaged(not_vouched(h.seq))
        return chain

    def last_of(self, kinds: Iterable[str], start: int = 0) -> Entry | None:
        """The last entry of one of these kinds, from entry `start` on; only that one is decoded. Raises JournalDamaged."""
        marks = [f'"kind":"{kind}"' for kind in kinds]  # no text in an entry can hold one: its quotes are escaped
        tests = " OR ".join(["instr(body, ?)"] * len(marks))
        query = f"SELECT max(seq) FROM entry WHERE seq >= ? AND seq < ? AND ({tests})"  # noqa: S608
        (seq,) = self._one(query, (start, self.size, *marks))
        return None if seq is None else self.entry(seq)

    def all_of(self, beginnings: Iterable[str], start: int = 0) -> Iterator[Entry]:
        """Every entry from `start` on whose kind begins with one of these, in order; only those are decoded. Raises
        JournalDamaged.

        A kind stands near the end of its entry, after the body: no more of an entry is searched.
        """
        for some in _ends_with_kind(self._connection, beginnings, self.size, start):
            yield from self._entries_where(f"seq IN ({', '.join('?' * len(some))})", some)

    # The terminal's event stream

    def last_events(self) -> dict[tuple[str, str], int]:
        """(terminal, log epoch) → number of the last event that the journal holds or signed as lost; newest epoch last."""
        last: dict[tuple[str, str], int] = {}
        for start, end, terminal, log_epoch in self._stretches():
            mark = self._mark_before(end, start)
            if mark is None or (mark.terminal, mark.log_epoch) != (terminal, log_epoch):
                raise epochs_do_not_fit()
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
        try:
            return event_mark(entry.kind, entry.body)
        except EntryError as error:
            raise not_as_written(seq) from error

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


def last_note(path: Path) -> str:
    """The note of a journal's last head, unverified; "" where there is none. Raises JournalError."""
    engine.require_journal(path)
    try:
        with closing(engine.connect_reader(path)) as connection:
            row = connection.execute("SELECT note FROM entry ORDER BY seq DESC LIMIT 1").fetchone()
    except engine.Error as error:
        raise unreadable(path, error) from error
    return row[0] if row is not None and isinstance(row[0], str) else ""


def _ends_with_kind(
    connection: engine.Connection, beginnings: Iterable[str], size: int, start: int = 0
) -> Iterator[tuple[int, ...]]:
    """The seqs of entries from `start` on whose kind begins so, in order, few at a time."""
    marks = [f'"kind":"{beginning}'.encode() for beginning in beginnings]
    tests = " OR ".join(["instr(tail, ?)"] * len(marks))
    tails = f"SELECT seq, substr(CAST(body AS BLOB), -{_TAIL}) AS tail FROM entry WHERE seq >= ? AND seq < ?"  # noqa: S608
    query = f"WITH tails AS MATERIALIZED ({tails}) SELECT seq FROM tails WHERE {tests} ORDER BY seq"  # noqa: S608
    try:
        for low in range(start, size, _STRETCH):
            found = connection.execute(query, (low, min(low + _STRETCH, size), *marks)).fetchall()
            for first in range(0, len(found), _CHUNK):
                yield tuple(seq for (seq,) in found[first : first + _CHUNK])
    except engine.Error as error:
        raise unreadable(None, error) from error


def key_chain(connection: engine.Connection, known: VerifyingKey) -> KeyChain:
    """The keys of the record that `connection` reads, by what its entries say. Raises JournalDamaged."""
    try:
        size = connection.execute("SELECT max(seq) + 1 FROM entry").fetchone()[0] or 0
        ends = connection.execute(
            "SELECT note FROM entry WHERE seq IN (?1, (SELECT min(seq) FROM entry WHERE note IS NOT NULL))", (size - 1,)
        ).fetchall()
        if all(isinstance(note, str) and signed_by(note, known, alone=True) for (note,) in ends):
            return KeyChain((), known)
        found = []
        for some in _ends_with_kind(connection, HAND_OVER_KINDS, size):
            for seq in some:
                (raw,) = connection.execute("SELECT CAST(body AS BLOB) FROM entry WHERE seq = ?", (seq,)).fetchone()
                entry = _entry(seq, raw, {})
                if entry.kind in HAND_OVER_KINDS:
                    found.append(HandOver.of(seq, entry.kind, entry.body))
    except engine.Error as error:
        raise unreadable(None, error) from error
    except (NoteError, KeyError, TypeError, AttributeError) as error:
        raise damaged(_("An entry that names the record's next key does not name it.")) from error
    return KeyChain(found, known)


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
        raise not_as_written(seq) from error
    return Entry(entry.seq, entry.at, entry.kind, entry.v, entry.body, private) if private else entry


def well_typed(body: object, hashes: object) -> bool:
    """A flipped bit in a row's header can make any type of a column."""
    return isinstance(body, bytes) and isinstance(hashes, bytes) and len(hashes) >= 32


def damaged(what: str) -> JournalDamaged:
    return JournalDamaged(what, _("Find out where with: counterfoil journal verify"))


def begun(marks: Iterable[tuple[int, EventMark]], epoch: tuple[str, str] | None) -> list[tuple[int, str, str]]:
    """(seq, terminal, log epoch) wherever the events at those seqs go over to another epoch than the one before."""
    found = []
    for seq, mark in marks:
        if (mark.terminal, mark.log_epoch) != epoch:
            epoch = (mark.terminal, mark.log_epoch)
            found.append((seq, *epoch))
    return found


def not_as_written(seq: int) -> JournalDamaged:
    return damaged(_("Entry {seq} of the journal is not what was written.").format(seq=seq))


def epochs_do_not_fit() -> JournalDamaged:
    return damaged(_("The journal's list of log epochs does not fit its entries."))


def not_this_key() -> JournalDamaged:
    return damaged(_("The journal's last head does not carry this key's signature."))


def not_vouched(seq: int) -> str:
    return _("From entry {seq} on another key signs, and the one before it did not vouch for it.").format(seq=seq)


def wrong_version(path: Path, version: int) -> JournalError:
    what = _("The journal {path} has format {found}; this program knows {known}.")
    return JournalError(what.format(path=path, found=version, known=SCHEMA_VERSION), other_version(version)[1])


def other_version(version: int) -> tuple[str, str]:
    """What is said of a format that this program does not know, and what to do."""
    return (
        _("The journal has format {found}; this program knows {known}.").format(found=version, known=SCHEMA_VERSION),
        _("Use the version of counterfoil that wrote it, or a newer one."),
    )


def unreadable(path: Path | None, error: engine.Error) -> JournalError:
    if engine.is_damage(error):
        return damaged(_("SQLite cannot read the journal: {reason}.").format(reason=error))
    return JournalError(
        _("The journal cannot be read: {reason}.").format(reason=error),
        _("Check the disk, then try again.") if path is None else _("Check {path} and its folder.").format(path=path),
    )
