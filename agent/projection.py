"""views.db: what the journal says, arranged for questions. Derived, disposable, never the truth of anything.

Made with sqlite-utils, so that `sqlite-utils` and Datasette open it as it is. It carries the (size, root) of the journal
that it was built to; a projection whose root is not the journal's at that size is made anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from agent.journal import engine
from agent.journal.entries import Entry
from agent.journal.reader import Reader

VERSION = 2
"""Of the schema below; another one is rebuilt."""
_CHUNK = 1024

_TRANSACTION = (
    *(
        "seq",
        "at",
        "date",
        "reference",
        "kind",
        "outcome",
        "product",
        "amount_minor",
        "currency",
        "masked_pan",
        "trace",
    ),
    *("batch", "rrn", "auth_code", "mid", "tid", "terminal_time", "entry_mode", "settlement_mode", "response_code"),
    *("scheme", "operator", "original_reference", "merchant_name", "voided"),
)
_FEE = ("seq", "at", "date", "reference", "type", "amount_minor", "currency", "rule", "description")
_DEVICE = ("seq", "at", "date", "kind", "severity", "code", "detail")
_FINDING = ("seq", "at", "kind", "facts")
_PAIRING = ("seq", "at", "kind", "public_key")
_INTEGERS = {"seq", "at", "amount_minor", "currency", "terminal_time", "voided"}

_TABLES = {
    "transactions": _TRANSACTION,
    "fees": _FEE,
    "device_events": _DEVICE,
    "findings": _FINDING,
    "pairings": _PAIRING,
}
_INDEXES = {
    "transactions": (["date", "seq"], ["reference"], ["trace"], ["amount_minor"]),
    "fees": (["date"], ["reference"]),
    "findings": (["at"],),
}
_FINDING_KINDS = frozenset(
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
    }
)
PAIRING_KINDS = ("terminal.paired", "terminal.unpaired")
_ALARMING_DEVICE_KINDS = frozenset({"fault", "tamper", "serial_changed", "merchant_changed"})


def _insert(table: str, columns: tuple[str, ...]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608


_INSERTS = {table: _insert(table, columns) for table, columns in _TABLES.items()}


class Projection:
    """The views, open for writing by the home's owner. time_zone: the merchant's, for dates."""

    def __init__(self, path: Path, time_zone: str) -> None:
        self._zone = ZoneInfo(time_zone)
        try:
            self._open(path)
        except engine.DatabaseError:  # a foreign or broken file: nothing in it is worth keeping
            for name in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
                name.unlink(missing_ok=True)
            self._open(path)

    def _open(self, path: Path) -> None:
        self._connection = engine.connect_views(path)
        self.size, self._root = 0, b""
        if self._connection.execute("PRAGMA user_version").fetchone()[0] == VERSION:
            self.size, self._root = self._connection.execute("SELECT size, root FROM built").fetchone()
        else:
            self._make()

    def close(self) -> None:
        self._connection.close()

    def catch_up(
        self,
        journal: Reader,
        progress: Callable[[int], None] | None = None,
        busy: Callable[[], bool] = lambda: False,
    ) -> None:
        """Bring the views up to the journal. progress: called with the number of entries done. Raises JournalDamaged.

        busy: asked after every thousand entries; if it says so, the rest is left for another time.
        """
        head = journal.head
        if self.size > head.size or (self.size and journal.root_at(self.size) != self._root):
            self._make()
        entries = journal.entries(self.size, head.size)
        while chunk := list(islice(entries, _CHUNK)):
            size = chunk[-1].seq + 1
            root = head.root if size == head.size else journal.root_at(size)
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._insert_all(chunk)
                self._connection.execute("UPDATE built SET size = ?, root = ?", (size, root))
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self.size, self._root = size, root
            if progress is not None:
                progress(size)
            if busy():
                return

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
        self._make()
        self.catch_up(journal, progress)
        return self.size

    def _make(self) -> None:
        from sqlite_utils import Database  # noqa: PLC0415  heavy, and needed only here

        database = Database(self._connection)
        for name in database.table_names():
            database[name].drop()
        for name, columns in _TABLES.items():
            types: dict[str, Any] = {column: int if column in _INTEGERS else str for column in columns}
            table = database[name].create(types, pk="seq")  # type: ignore[union-attr]
            for index in _INDEXES.get(name, ()):
                table.create_index(index)
        built = database["built"].create({"id": int, "size": int, "root": bytes}, pk="id")  # type: ignore[union-attr]
        built.insert({"id": 1, "size": 0, "root": b""})
        if self._connection.in_transaction:
            self._connection.execute("COMMIT")
        self._connection.execute(f"PRAGMA user_version={VERSION}")
        self.size, self._root = 0, b""

    def _insert_all(self, entries: Iterable[Entry]) -> None:
        rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _TABLES}
        voided: list[tuple[str]] = []
        for entry in entries:
            body = {**entry.body, **entry.private}
            if entry.kind == "terminal.transaction":
                rows["transactions"].append(self._row(_TRANSACTION, entry, body, at=body["terminal_time"]))
                if body["kind"] == "void" and body["outcome"] == "approved" and "original_reference" in body:
                    voided.append((body["original_reference"],))
            elif entry.kind == "terminal.fee":
                body["reference"] = body.get("transaction")
                rows["fees"].append(self._row(_FEE, entry, body, at=body["event"]["at"]))
            elif entry.kind == "terminal.device":
                rows["device_events"].append(self._row(_DEVICE, entry, body, at=body["event"]["at"]))
                if body["severity"] == "major" or body["kind"] in _ALARMING_DEVICE_KINDS:
                    rows["findings"].append(_finding(entry))
            elif entry.kind in PAIRING_KINDS:
                rows["pairings"].append((entry.seq, entry.at, entry.kind, body["public_key"]))
                if "found" in body and "replaced" in body:
                    rows["findings"].append(_finding(entry))
            elif entry.kind in _FINDING_KINDS or _is_money_finding(entry):
                rows["findings"].append(_finding(entry))
        for table, found in rows.items():
            if found:
                self._connection.executemany(_INSERTS[table], found)
        if voided:
            self._connection.executemany("UPDATE transactions SET voided = 1 WHERE reference = ?", voided)

    def _row(self, columns: tuple[str, ...], entry: Entry, body: dict[str, Any], at: int) -> tuple[Any, ...]:
        try:
            date = datetime.fromtimestamp(at // 1000, self._zone).date().isoformat()
        except (ValueError, OverflowError, OSError):
            date = "9999-12-31"  # a terminal's clock beyond the calendar: listed, on no day of trade
        body |= {"seq": entry.seq, "at": at, "date": date}
        body.setdefault("voided", 0)
        return tuple(body.get(column) for column in columns)


def _is_money_finding(entry: Entry) -> bool:
    """An outcome that is not what was asked, or not what was recorded before."""
    return entry.kind == "money.outcome" and ("contradicts" in entry.body or entry.body.get("differs") is True)


def _finding(entry: Entry) -> tuple[Any, ...]:
    return entry.seq, entry.at, entry.kind, json.dumps(entry.body, ensure_ascii=False, sort_keys=True)
