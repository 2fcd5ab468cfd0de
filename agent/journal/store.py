"""The journal's one writer: entries, subtrees and the signed head in one transaction, durable when `append` returns."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from agent.errors import JournalDamaged, JournalError
from agent.journal import engine, merkle
from agent.journal.checkpoint import Checkpoint
from agent.journal.entries import Draft, EventMark, encode, event_mark, sealed
from agent.journal.heads import LocalNote, compare
from agent.journal.keys import Signer
from agent.journal.reader import SCHEMA_VERSION, Head, Reader, damaged, wrong_version
from agent.language import _

CHECKED_AT_START = 1000
"""Entries at the end that are hashed again at every start (docs/journal.md)."""
_REMEMBERED_EVENTS = 1024

_INSERT_ENTRY = "INSERT INTO entry (seq, body, leaf) VALUES (?, ?, ?)"
_INSERT_NODE = "INSERT INTO node (pos, level, idx, hash) VALUES (?, ?, ?, ?)"
_INSERT_HEAD = "INSERT INTO head (size, at, note) VALUES (?, ?, ?)"
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
        self._name = str(path)
        self._file: tuple[int, int] | None = None  # device and inode, once the journal stands under its name
        self._local = LocalNote(path.parent)
        self._head: Head
        self._frontier: merkle.Frontier
        self._nodes: int
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
            finally:
                journal.close()
            new.rename(path)
            _sync_folder(path.parent)
        except (OSError, engine.Error) as error:
            raise cannot_write(error) from error
        return cls.open(path, signer)

    @classmethod
    def open(cls, path: Path, signer: Signer) -> Journal:
        """Open for writing after the check of every start: schema, the head's signature, the last 1,000 entries and their
        subtrees, and the root that follows from them and the stored edge.

        Raises JournalError (not there, foreign, newer, not writable) or JournalDamaged.
        """
        engine.require_journal(path)
        try:
            connection = engine.connect_writer(path)
        except engine.Error as error:
            raise cannot_open(path, error) from error
        journal = cls(path, signer, connection)
        try:
            journal._begin()
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
            raise _stopped_error()
        if not drafts:
            return self._head
        frontier = self._frontier.copy()
        entry_rows, node_rows, private_rows, stretch_rows, marks = [], [], [], [], []
        nodes, current = self._nodes, self._current
        last: dict[_Epoch, int] = {}
        for seq, draft in enumerate(drafts, frontier.size):
            body, private = sealed(draft) if draft.private else (draft.body, [])
            raw = encode(seq, at, draft.kind, body)
            leaf = merkle.leaf_hash(raw)
            entry_rows.append((seq, raw.decode(), leaf))
            for level, idx, subtree in frontier.append(leaf):
                node_rows.append((nodes, level, idx, subtree))
                nodes += 1
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
        self._commit(entry_rows, node_rows, private_rows, stretch_rows, (frontier.size, at, note))
        self._frontier, self._nodes, self._current = frontier, nodes, current
        self._head = Head(checkpoint.origin, checkpoint.size, checkpoint.root, at, note, self._signer.vkey)
        for epoch, number in last.items():
            self._last.pop(epoch, None)
            self._last[epoch] = number
        self._keep_recent(marks)
        self._local.write(note)
        return self._head

    def last_events(self) -> dict[_Epoch, int]:
        return dict(self._last)

    def event_sha256(self, terminal: str, log_epoch: str, number: int) -> str | None:
        key = (terminal, log_epoch, number)
        if key in self._recent:
            return self._recent[key]
        if number > self._last.get((terminal, log_epoch), 0):
            return None
        return super().event_sha256(terminal, log_epoch, number)

    def _commit(
        self, entries: list[Any], nodes: list[Any], private: list[Any], stretches: list[Any], head: Any
    ) -> None:
        cursor = self._connection.cursor()
        try:
            cursor.execute("BEGIN IMMEDIATE")
            cursor.executemany(_INSERT_ENTRY, entries)
            if nodes:
                cursor.executemany(_INSERT_NODE, nodes)
            if private:
                cursor.executemany(_INSERT_PRIVATE, private)
            if stretches:
                cursor.executemany(_INSERT_STRETCH, stretches)
            cursor.execute(_INSERT_HEAD, head)
            cursor.execute("COMMIT")
            if self._file_there() != self._file:  # committed to a file that nobody will find again
                self._stopped = True
                raise _taken_away(self.path)
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
        acknowledged = self._head.note
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
        self._nodes = 0
        self._last, self._current, self._recent = {}, None, {}
        root = self._frontier.root()
        self._head = Head(self._signer.name, 0, root, 0, "", self._signer.vkey)

    def _begin(self) -> None:
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version != SCHEMA_VERSION:
            raise wrong_version(self.path, version)
        if schema_rows(self._connection) != expected_schema():
            raise damaged(_("The journal's tables or triggers were changed."))
        head = self._read_head()
        self._head = head
        size, count = head.size, self._connection.execute("SELECT max(seq) + 1 FROM entry").fetchone()[0]
        if count != size:
            raise damaged(_("The journal holds {count} entries under a head of {size}.").format(count=count, size=size))
        start = max(0, size - CHECKED_AT_START)
        frontier = merkle.Frontier.of(start, self.node)
        nodes = start - start.bit_count()
        stored = iter(self._all("SELECT pos, level, idx, hash FROM node WHERE pos >= ? ORDER BY pos", (nodes,)))
        self._recent = {}
        rows = self._all("SELECT seq, CAST(body AS BLOB), leaf FROM entry WHERE seq >= ? ORDER BY seq", (start,))
        for seq, (found, raw, leaf) in enumerate(rows, start):
            if found != seq or merkle.leaf_hash(raw) != leaf:
                raise damaged(_("Entry {seq} of the journal is not what was written.").format(seq=seq))
            for level, idx, subtree in frontier.append(leaf):
                if next(stored, None) != (nodes, level, idx, subtree):
                    raise damaged(_("A stored hash over entry {seq} is not what was written.").format(seq=seq))
                nodes += 1
        if next(stored, None) is not None or frontier.size != size or frontier.root() != head.root:
            raise damaged(_("The journal's entries are not those that its last head signed."))
        self._frontier, self._nodes = frontier, nodes
        marks = (event_mark(entry.kind, entry.body) for entry in self.entries(start, size))
        self._keep_recent([mark for mark in marks if mark is not None])
        self._last = super().last_events()
        stretches = self._stretches()
        self._current = stretches[-1][2:] if stretches else None

    def _keep_recent(self, marks: list[EventMark]) -> None:
        recent = self._recent
        for terminal, log_epoch, number, sha256 in marks:
            recent[terminal, log_epoch, number] = sha256
        if len(recent) > 2 * _REMEMBERED_EVENTS:
            self._recent = dict(list(recent.items())[-_REMEMBERED_EVENTS:])


def cannot_write(error: BaseException) -> JournalError:
    if engine.is_full(error):
        return JournalError(
            _("The disk is full: the journal cannot be written, and nothing was acknowledged."),
            _("Free some space; the terminal keeps its events until then."),
        )
    if engine.is_damage(error):
        return damaged(_("SQLite cannot read the journal: {reason}.").format(reason=error))
    return JournalError(
        _("The journal could not be written ({reason}), and nothing was acknowledged.").format(reason=error),
        _("Check the disk and its cable, then start the agent again; the terminal keeps its events until then."),
    )


def cannot_open(path: Path, error: BaseException) -> JournalError:
    if engine.is_damage(error):
        return JournalDamaged(
            _("SQLite cannot read the journal: {reason}.").format(reason=error),
            _("Find out where with: counterfoil journal verify"),
        )
    return JournalError(
        _("The journal {path} cannot be opened for writing: {reason}.").format(path=path, reason=error),
        _("See that no other program holds it and that this user may write there."),
    )


def _taken_away(path: Path) -> JournalError:
    return JournalError(
        _("The journal {path} was moved, replaced or removed under the running agent.").format(path=path),
        _("Put the file back, with its -wal, and start the agent again; the terminal keeps its events until then."),
    )


def _stopped_error() -> JournalError:
    return JournalError(
        _("The journal has stopped after a disk error, and records nothing."),
        _("Check the disk and its cable, then start the agent again; the terminal keeps its events until then."),
    )


def _companions(path: Path) -> tuple[Path, ...]:
    return tuple(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm", "-journal"))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
