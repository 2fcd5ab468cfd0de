"""views.db: what the journal says, arranged for questions. Derived, disposable, never the truth of anything.

Made with sqlite-utils, so that `sqlite-utils` and Datasette open it as it is; `agent.views_schema` says what it consists of.
It carries the (size, root) of the journal that it was built to; a projection whose root is not the journal's at that size is
made anew. However the way to an entry was divided, what stands here afterwards is the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from agent import views_schema
from agent.journal import engine
from agent.journal.entries import Entry
from agent.journal.reader import Head, Reader

_CHUNK = 1024
_COMMIT = 16 * _CHUNK
"""Entries in one transaction at most: the full-text index is written once for each, and its parts merged later."""
_CACHE_KB, _LARGE_CACHE_KB = 2_000, 65_536
"""SQLite's page cache, usually and for more than one such transaction: the indexes' pages are met again and again."""

FINDING_KINDS = frozenset(
    {
        "event.gap",
        "event.unreadable",
        "event.contradicted",
        "log.replaced",
        "log.rolled_back",
        "security.seen",
        "line.flooded",
        "head.mismatch",
        "terminal.result_unasked",
        "witness.refused",
    }
)
"""Those of which every entry is a finding."""
PAIRING_KINDS = ("terminal.paired", "terminal.unpaired")
_ALARMING_DEVICE_KINDS = frozenset({"fault", "tamper", "serial_changed", "merchant_changed"})
_BEYOND_THE_CALENDAR = "9999-12-31"

_TABLES = {name: table.names for name, table in views_schema.TABLES.items() if name not in {"built", "about"}}
PRIVATE = {
    name: tuple(column.name for column in table.columns if column.private)
    for name, table in views_schema.TABLES.items()
    if any(column.private for column in table.columns)
}
"""table → its columns that can be erased; they are called as in the journal."""

_BUILT = "SELECT size, root FROM built WHERE typeof(size) = 'integer' AND typeof(root) = 'blob'"
_SHOWN_FEE = "(SELECT min(seq) FROM transactions WHERE reference = ?)"
_LATE_FEES = """
UPDATE fees SET transaction_seq = (SELECT min(seq) FROM transactions t WHERE t.reference = fees.reference)
WHERE transaction_seq IS NULL AND reference IS NOT NULL AND reference = ?
"""
_VOIDED_BY_LATER = "UPDATE transactions SET voided = 1 WHERE reference = ?"
_VOIDED_BY_EARLIER = """
UPDATE transactions SET voided = 1 WHERE seq >= ? AND EXISTS (
    SELECT 1 FROM transactions v
    WHERE v.original_reference = transactions.reference AND v.kind = 'void' AND v.outcome = 'approved'
)
"""
_INDEX_TEXT = f"""
INSERT INTO {views_schema.SEARCH} (rowid, {", ".join(views_schema.SEARCHED)})
SELECT seq, {", ".join(views_schema.SEARCHED)} FROM transactions WHERE seq >= ?
"""  # noqa: S608


def _insert(table: str, columns: tuple[str, ...]) -> str:
    values = [_SHOWN_FEE if column == "transaction_seq" else "?" for column in columns]
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(values)})"  # noqa: S608


_INSERTS = {table: _insert(table, columns) for table, columns in _TABLES.items()}
_FEE = tuple("reference" if column == "transaction_seq" else column for column in _TABLES["fees"])
"""What a fee's row is filled from: its transaction is found by its reference."""


class Projection:
    """The views, open for writing by the home's owner. time_zone: the merchant's, for dates."""

    def __init__(self, path: Path, time_zone: str) -> None:
        self._zone = ZoneInfo(time_zone)
        self._path = path
        self.size, self._root = 0, b""
        try:
            self._open()
        except engine.DatabaseError:  # a foreign or broken file: nothing in it is worth keeping
            self._open_new()

    def _open(self) -> None:
        self._connection = engine.connect_views(self._path)
        try:
            self._connection.execute("PRAGMA secure_delete=ON")  # what was erased in the journal is not to linger here
            built = None
            if self._connection.execute("PRAGMA user_version").fetchone()[0] == views_schema.VERSION:
                built = self._connection.execute(_BUILT).fetchone()
            if built is None:
                self._make()
            else:
                self.size, self._root = built
        except BaseException:
            self._connection.close()
            raise

    def _open_new(self) -> None:
        for end in ("", "-wal", "-shm"):
            self._path.with_name(f"{self._path.name}{end}").unlink(missing_ok=True)
        self._open()

    def close(self) -> None:
        self._connection.close()

    def catch_up(
        self,
        journal: Reader,
        progress: Callable[[int], None] | None = None,
        busy: Callable[[], bool] = lambda: False,
        until: int | None = None,
    ) -> None:
        """Bring the views up to the journal. progress: called with the number of entries done. Raises JournalDamaged.

        busy: asked after every thousand entries; if it says so, the rest is left for another time. until: a size of the
        journal beyond which nothing is read; None: its end.
        """
        head = journal.head
        end = head.size if until is None else min(until, head.size)
        if self.size > head.size or (self.size and journal.root_at(self.size) != self._root):
            self._make()
        many = end - self.size > _COMMIT
        if many:
            self._connection.execute(f"PRAGMA cache_size=-{_LARGE_CACHE_KB}")
        try:
            entries = journal.entries(self.size, end)
            while self.size < end:
                left = self._commit_some(entries, journal, head, busy)
                if progress is not None:
                    progress(self.size)
                if left:
                    return
        finally:
            if many:
                self._connection.execute(f"PRAGMA cache_size=-{_CACHE_KB}")
                self._connection.execute("PRAGMA shrink_memory")

    def _commit_some(self, entries: Iterable[Entry], journal: Reader, head: Head, busy: Callable[[], bool]) -> bool:
        """One transaction. True if the rest is to be left."""
        first, size, left, forgotten = self.size, self.size, False, False
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            while size - first < _COMMIT and not left and (chunk := list(islice(entries, _CHUNK))):
                forgotten |= self._insert_all(chunk)
                size = chunk[-1].seq + 1
                left = busy()
            left |= size == first  # the journal ended sooner than it said
            self._connection.execute(_INDEX_TEXT, (first,))
            root = head.root if size == head.size else journal.root_at(size)
            self._connection.execute("UPDATE built SET size = ?, root = ?", (size, root))
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self.size, self._root = size, root
        if forgotten:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # nor in the log's old pages
        return left

    def last_pairing(self, journal: Reader) -> Entry | None:
        """The journal's last word on which key is pinned: the entry itself, wherever the views stand. Raises JournalDamaged.

        What the views were built from is asked of them, so that no start reads a long journal from end to end.
        """
        try:
            built = self.size if self.size <= journal.size and journal.root_at(self.size) == self._root else 0
            row = self._connection.execute("SELECT max(seq) FROM pairings WHERE seq < ?", (built,)).fetchone()
        except engine.Error:  # made anew by the next `catch_up`
            built, row = 0, (None,)
        newer = journal.last_of(PAIRING_KINDS, built)
        return newer if newer is not None or row[0] is None else journal.entry(row[0])

    def rebuild(self, journal: Reader, progress: Callable[[int], None] | None = None) -> int:
        """Throw the views away and make them from the journal; answers the number of entries read."""
        try:
            self._make()
        except engine.DatabaseError as error:
            if not engine.is_damage(error):
                raise
            self._connection.close()  # so broken that its tables cannot even be dropped
            self._open_new()
        self.catch_up(journal, progress)
        return self.size

    def _make(self) -> None:
        views_schema.make(self._connection)
        self.size, self._root = 0, b""

    def _insert_all(self, entries: Iterable[Entry]) -> bool:
        """True if values were forgotten."""
        rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _TABLES}
        voided: list[tuple[str]] = []
        erasures: list[Entry] = []
        for entry in entries:
            for table, row in self._rows_of(entry):
                rows[table].append(row)
            if entry.kind == "private.erased":
                erasures.append(entry)
            elif entry.kind == "terminal.transaction" and (original := _voids(entry.body)) is not None:
                voided.append((original,))
        execute, executemany = self._connection.execute, self._connection.executemany
        for table, found in rows.items():  # transactions first: the fees look for them
            executemany(_INSERTS[table], found)
        executemany(_VOIDED_BY_LATER, voided)
        if new := rows["transactions"]:
            execute(_VOIDED_BY_EARLIER, (new[0][0],))
            if execute("SELECT 1 FROM fees WHERE transaction_seq IS NULL AND reference IS NOT NULL LIMIT 1").fetchone():
                executemany(_LATE_FEES, [(row[_REFERENCE],) for row in new])
        for entry in erasures:
            self._forget(entry)
        return bool(erasures)

    def _rows_of(self, entry: Entry) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """(table, row), of no table twice."""
        kind, body = entry.kind, entry.body
        if kind == "terminal.transaction":
            yield "transactions", self._row("transactions", entry, body["terminal_time"])
        elif kind == "terminal.fee":
            yield "fees", self._row("fees", entry, body["event"]["at"])
        elif kind == "terminal.device":
            yield "device_events", self._row("device_events", entry, body["event"]["at"])
        elif kind in PAIRING_KINDS:
            yield "pairings", (entry.seq, entry.at, self._date(entry.at), kind, body["public_key"])
        if _is_finding(entry):
            facts = json.dumps(body, ensure_ascii=False, sort_keys=True)
            yield "findings", (entry.seq, entry.at, self._date(entry.at), kind, facts)

    def _row(self, table: str, entry: Entry, at: int) -> tuple[Any, ...]:
        values = {**entry.body, **entry.private, "seq": entry.seq, "at": at, "date": self._date(at)}
        if table == "transactions":
            values["voided"] = 0
        elif table == "fees":
            values["reference"] = values.get("transaction")
            return tuple(map(values.get, _FEE))
        return tuple(map(values.get, _TABLES[table]))

    def _date(self, at: int) -> str:
        try:
            return datetime.fromtimestamp(at // 1000, self._zone).date().isoformat()
        except (ValueError, OverflowError, OSError):
            return _BEYOND_THE_CALENDAR  # a terminal's clock beyond the calendar: listed, on no day of trade

    def _forget(self, erased: Entry) -> None:
        """What stands outside the leaves was erased there; it can only have stood before."""
        first, last = erased.body["first"], min(erased.body["last"], erased.seq - 1)
        for table, columns in PRIVATE.items():
            for column in columns:
                if erased.body.get("field") in {None, column}:
                    test = f"seq BETWEEN ? AND ? AND {column} IS NOT NULL"
                    self._connection.execute(f"UPDATE {table} SET {column} = NULL WHERE {test}", (first, last))  # noqa: S608


_REFERENCE = _TABLES["transactions"].index("reference")


def _voids(transaction: dict[str, Any]) -> str | None:
    """The reference of the transaction that this one takes back."""
    is_void = transaction["kind"] == "void" and transaction["outcome"] == "approved"
    return transaction.get("original_reference") if is_void else None


def _is_finding(entry: Entry) -> bool:
    """What a person should see: these kinds, a fault of the device, another key than before found pinned at a start, an
    outcome that is not what was asked or not what was recorded before, events that were kept unsigned for a while."""
    kind, body = entry.kind, entry.body
    if kind == "terminal.device":
        return body["severity"] == "major" or body["kind"] in _ALARMING_DEVICE_KINDS
    if kind in PAIRING_KINDS:
        return "found" in body and "replaced" in body
    if kind == "money.outcome":
        return "contradicts" in body or body.get("differs") is True
    if kind == "recording.unsigned":
        return bool(body["events"])  # every power cut has one, of a shop whose key has a passphrase
    return kind in FINDING_KINDS
