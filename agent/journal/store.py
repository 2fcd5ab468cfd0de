"""The journal's one writer: entries, subtrees and the signed head in one transaction, durable when `append` returns."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from agent.durable import sync
from agent.errors import JournalError
from agent.journal import engine, merkle
from agent.journal.checkpoint import Checkpoint, VerifyingKey
from agent.journal.entries import Draft, EventMark, encode, event_mark, sealed
from agent.journal.heads import LocalNote, compare
from agent.journal.keys import Signer
from agent.journal.reader import (
    SCHEMA_VERSION,
    Head,
    Reader,
    begun,
    damaged,
    epochs_do_not_fit,
    not_as_written,
    not_this_key,
    well_typed,
    wrong_version,
)
from agent.journal.troubles import cannot_open, cannot_write, stopped_error, taken_away
from agent.language import _

CHECKED_AT_START = 1000
"""Entries at the end that are hashed again at every start (docs/journal.md)."""
_REMEMBERED_EVENTS = 1024

_INSERT_ENTRY = "INSERT INTO entry (seq, hashes, note, body) VALUES (?, ?, ?, ?)"
_INSERT_PRIVATE = "INSERT INTO private (seq, field, salt, value) VALUES (?, ?, ?, ?)"
_INSERT_STRETCH = "INSERT INTO stretch (seq, terminal, log_epoch) VALUES (?, ?, ?)"

_Epoch = tuple[str, str]


def schema_sql() -> str:
    return resources.files("agent.journal.schema").joinpath("journal.sql").read_text(encoding="utf-8")


def schema_rows(connection: engine.Connection) -> list[Any]:
    """What a database says of its own tables and triggers, in a fixed order."""
    return connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name").fetchall()


def expected_schema() -> list[Any]:
    connection = engine.connect_memory()
    try:
        connection.executescript(schema_sql())
        return schema_rows(connection)
    finally:
        connection.close()


class Journal(Reader):
    """A journal open for writing, by its one owner. One thread at a time; other threads and processes open a `Reader`."""

    def __init__(self, path: Path, signer: Signer, connection: engine.Connection) -> None:
        super().__init__(connection, signer.key)
        self.path = path
        self._signer = signer
        self._stopped = False
        self._cosigner: Signer | None = None
        self._erasing: tuple[str, tuple[object, ...]] | None = None
        self._name = str(path)
        self._file: tuple[int, int] | None = None  # device and inode, once the journal stands under its name
        self._local = LocalNote(path.parent)
        self._head: Head
        self._frontier: merkle.Frontier
        self._last: dict[_Epoch, int]
        self._current: _Epoch | None
        self._recent: dict[tuple[str, str, int], str | None]

    @classmethod
    def create(cls, path: Path, signer: Signer, opened: Draft, at: int) -> Journal:
        """A new journal at `path` whose entry 0 is `opened` (kind journal.opened). Raises JournalError.

        It is made under another name and renamed when it is whole, so that a crash leaves none or a good one.
        """
        if opened.kind != "journal.opened":
            raise ValueError("entry 0 opens the journal")
        if path.exists():
            raise JournalError(
                _("There is a journal already: {path}.").format(path=path), _("Open it, or choose another home.")
            )
        new = path.with_name(f"{path.name}.new")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in (new, *_companions(new)):
                name.unlink(missing_ok=True)
            connection = engine.connect_writer(new, create=True)
            new.chmod(0o600)  # the log and its index take the same mode
            journal = cls(path, signer, connection)
            try:
                connection.executescript(schema_sql())
                connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
                journal._begin_empty()
                journal.append([opened], at)
                # `close` only tries, and the log would not take the new name.
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                journal.close()
            new.rename(path)
            sync(path.parent)
        except (OSError, engine.Error) as error:
            raise cannot_write(error) from error
        return cls.open(path, signer)

    @classmethod
    def open(cls, path: Path, signer: Signer, signed_by: VerifyingKey | None = None) -> Journal:
        """Open for writing after the check of every start: schema, the head's signature, the last 1,000 entries and their
        subtrees, and the root that follows from them and the stored edge.

        signed_by: the key of its last head, where that is another than the signer's: then `hand_over` comes first.
        Raises JournalError (not there, foreign, newer, not writable) or JournalDamaged.
        """
        engine.require_journal(path)
        try:
            connection = engine.connect_writer(path)
        except engine.Error as error:
            raise cannot_open(path, error) from error
        journal = cls(path, signer, connection)
        journal.key = signed_by or signer.key
        try:
            journal._begin()
            if journal._head.vkey != str(journal.key):
                raise not_this_key()
            journal._file = journal._file_there()
        except engine.Error as error:
            connection.close()
            raise cannot_open(path, error) from error
        except BaseException:
            connection.close()
            raise
        return journal

    def close(self) -> None:
        """Everything into the one file journal.db, no write-ahead log left behind."""
        if not self._stopped:
            with contextlib.suppress(
                engine.Error
            ):  # every commit is durable in the log already; the next start moves it
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()
        self._local.close()

    @property
    def head(self) -> Head:
        """The last head acknowledged."""
        return self._head

    @property
    def size(self) -> int:
        return self._head.size

    @property
    def signer(self) -> Signer:
        """The key that signs now."""
        return self._signer

    @property
    def stopped(self) -> bool:
        """True after an I/O error that could not be healed: nothing more is written until the agent starts anew."""
        return self._stopped

    def append(self, drafts: Sequence[Draft], at: int) -> Head:
        """Record the drafts, in order, under one new signed head; durable when it returns. at: ms UTC.

        Raises EntryError (ValueError) for a draft that no entry can hold, or an event whose number does not follow those of
        its log epoch; JournalError where the disk is full or fails: then nothing of the drafts was acknowledged, and
        `stopped` says whether the next try makes sense. After any JournalError ask `last_events` before trying again.
        """
        if self._stopped:
            raise stopped_error()
        if not drafts:
            return self._head
        frontier = self._frontier.copy()
        rows: list[tuple[int, bytes, str | None, str]] = []
        private_rows, stretch_rows, marks = [], [], []
        current = self._current
        last: dict[_Epoch, int] = {}
        for seq, draft in enumerate(drafts, frontier.size):
            body, private = sealed(draft) if draft.private else (draft.body, [])
            raw = encode(seq, at, draft.kind, body)
            rows.append((seq, frontier.append(merkle.leaf_hash(raw)), None, raw.decode()))
            for name, salt, value in private:
                private_rows.append((seq, name, salt, value))
            mark = event_mark(draft.kind, body)
            if mark is not None:
                epoch = (mark.terminal, mark.log_epoch)
                if mark.number <= last.get(epoch, self._last.get(epoch, 0)):
                    raise ValueError(f"event {mark.number} does not follow the last of its log epoch")
                last[epoch] = mark.number
                marks.append(mark)
                if epoch != current:
                    stretch_rows.append((seq, *epoch))
                    current = epoch
        checkpoint = Checkpoint(self._signer.name, frontier.size, frontier.root())
        note = self._signer.signed(checkpoint.text)
        if self._cosigner is not None:
            note += self._cosigner.signature(checkpoint.text)
        rows[-1] = (*rows[-1][:2], note, rows[-1][3])
        self._commit(rows, private_rows, stretch_rows)
        self._frontier, self._current = frontier, current
        self._head = Head(checkpoint.origin, checkpoint.size, checkpoint.root, at, note, self._signer.vkey)
        for epoch, number in last.items():
            self._last.pop(epoch, None)
            self._last[epoch] = number
        self._keep_recent(marks)
        self._local.write(note)
        return self._head

    def hand_over(self, draft: Draft, new: Signer, at: int, *, old: Signer | None = None) -> Head:
        """Go on under another key: the draft (key.rotated or journal.restored, which name it) in a commit of its own, under
        a head that `new` signs, and `old` too. Raises as `append`; then `signer` is the key that the last head asks for."""
        before = self._signer, self.key
        self._signer, self.key, self._cosigner = new, new.key, old
        try:
            return self.append([draft], at)
        except BaseException:
            # A commit that failed at the last may stand on the disk all the same.
            self._signer, self.key = before if self._head.vkey != new.vkey else (new, new.key)
            raise
        finally:
            self._cosigner = None

    def erase(self, first: int, last: int, field: str | None, draft: Callable[[int], Draft], at: int) -> Head:
        """Erase the private values of the entries first … last (field None: every field), and record it in the same commit.

        draft: from the number of values. Raises as `append`; then nothing was erased. LookupError where there is none.
        """
        test, values = "seq BETWEEN ? AND ? AND ? IN (field, '')", (first, last, field or "")
        (count,) = self._one(f"SELECT count(*) FROM private WHERE {test}", values)  # noqa: S608
        if not count:
            raise LookupError("no private value stands there")
        self._erasing = (f"DELETE FROM private WHERE {test}", values)  # noqa: S608
        try:
            head = self.append([draft(count)], at)
        finally:
            self._erasing = None
        with contextlib.suppress(engine.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # else the old page stays in the log
        return head

    def last_events(self) -> dict[_Epoch, int]:
        return dict(self._last)

    def event_sha256(self, terminal: str, log_epoch: str, number: int) -> str | None:
        key = (terminal, log_epoch, number)
        if key in self._recent:
            return self._recent[key]
        if number > self._last.get((terminal, log_epoch), 0):
            return None
        return super().event_sha256(terminal, log_epoch, number)

    def _commit(self, entries: list[Any], private: list[Any], stretches: list[Any]) -> None:
        cursor = self._connection.cursor()
        try:
            cursor.execute("BEGIN IMMEDIATE")
            cursor.executemany(_INSERT_ENTRY, entries)
            if private:
                cursor.executemany(_INSERT_PRIVATE, private)
            if stretches:
                cursor.executemany(_INSERT_STRETCH, stretches)
            if self._erasing:
                cursor.execute(*self._erasing)
            cursor.execute("COMMIT")
            if self._file_there() != self._file:  # committed to a file that nobody will find again
                self._stopped = True
                raise taken_away(self.path)
        except engine.Error as error:
            cursor.close()  # an open statement would keep the file, and its locks, past the connection's close
            self._after_failure(error)
            raise cannot_write(error) from error

    def _file_there(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._name)  # noqa: PTH116  on every commit's way
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _after_failure(self, error: engine.Error) -> None:
        if not engine.is_io_error(error) and not engine.is_damage(error):
            if self._connection.in_transaction:  # a full disk has rolled back already
                self._connection.execute("ROLLBACK")
            return
        # The kernel may have dropped the pages that it could not write, and calls them clean: nothing that this connection
        # believes is worth anything. Begin anew from the disk, and go on only if it holds every head that was acknowledged.
        self._stopped = True
        acknowledged, self.key = self._head.note, VerifyingKey.parse(self._head.vkey)
        try:
            self._connection.close()
            self._connection = engine.connect_writer(self.path)
            busy, _log, _moved = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._begin()
            self._file = self._file_there()
            self._stopped = bool(busy) or not compare(self, acknowledged).fits
        except (engine.Error, JournalError):
            self._stopped = True

    # The start

    def _begin_empty(self) -> None:
        self._frontier = merkle.Frontier()
        self._last, self._current, self._recent = {}, None, {}
        root = self._frontier.root()
        self._head = Head(self._signer.name, 0, root, 0, "", self._signer.vkey)

    def _begin(self) -> None:
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version != SCHEMA_VERSION:
            raise wrong_version(self.path, version)
        if schema_rows(self._connection) != expected_schema():
            raise damaged(_("The journal's tables or triggers were changed."))
        self._head = head = self._read_head()
        size = head.size
        start = max(0, size - CHECKED_AT_START)
        frontier = merkle.Frontier.of(start, self.node)
        self._recent = {}
        rows = self._all("SELECT seq, CAST(body AS BLOB), hashes FROM entry WHERE seq >= ? ORDER BY seq", (start,))
        for seq, (found, raw, hashes) in enumerate(rows, start):
            if found != seq or not well_typed(raw, hashes) or merkle.leaf_hash(raw) != hashes[:32]:
                raise not_as_written(seq)
            if frontier.append(hashes[:32]) != hashes:
                raise damaged(_("A stored hash over entry {seq} is not what was written.").format(seq=seq))
        if frontier.size != size or frontier.root() != head.root:
            raise damaged(_("The journal's entries are not those that its last head signed."))
        self._frontier = frontier
        marks = [(seq, mark) for seq in range(start, size) if (mark := self._mark(seq)) is not None]
        self._keep_recent([mark for _seq, mark in marks])
        self._last = super().last_events()
        stretches = self._all("SELECT seq, terminal, log_epoch FROM stretch ORDER BY seq")
        self._current = stretches[-1][1:] if stretches else None
        epoch = next((row[1:] for row in reversed(stretches) if row[0] < start), None) if start else None
        if begun(marks, epoch) != [row for row in stretches if row[0] >= start or not start]:
            raise epochs_do_not_fit()

    def _keep_recent(self, marks: list[EventMark]) -> None:
        recent = self._recent
        for terminal, log_epoch, number, sha256 in marks:
            recent[terminal, log_epoch, number] = sha256
        if len(recent) > 2 * _REMEMBERED_EVENTS:
            self._recent = dict(list(recent.items())[-_REMEMBERED_EVENTS:])


def _companions(path: Path) -> tuple[Path, ...]:
    return tuple(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm", "-journal"))
