"""The one place that touches SQLite: which library, how a connection is opened, and what its errors mean.

`pysqlite3` where its wheel exists (a newer SQLite than most systems have), else the standard library's. The two libraries'
exceptions are not each other's, so everything that catches one takes it from here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from agent.errors import JournalError
from agent.language import _

if TYPE_CHECKING:
    import sqlite3 as _library
else:
    try:
        import pysqlite3.dbapi2 as _library
    except ImportError:
        import sqlite3 as _library

Connection = _library.Connection
Cursor = _library.Cursor
Row = _library.Row
Error = _library.Error
DatabaseError = _library.DatabaseError
OperationalError = _library.OperationalError
IntegrityError = _library.IntegrityError

VERSION: tuple[int, ...] = tuple(int(part) for part in _library.sqlite_version.split("."))
"""The SQLite that runs, e.g. (3, 53, 4)."""

APPLICATION_ID = 0x43464C31
"""`CFL1`, in bytes 68–71 of every journal (the SQLite file format, §1.3)."""

PAGE_SIZE = 4096

COPIED_AT_ONCE = 4096
"""Pages (16 MiB) between two words of progress."""

_BUSY, _LOCKED, _IO_ERROR, _CORRUPT, _FULL, _NOT_A_DATABASE = 5, 6, 10, 11, 13, 26  # sqlite.org/rescode.html
_MAGIC = b"SQLite format 3\x00"
_LOG_MAGIC = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
_HEADER = 100
"""Bytes of a database's header (sqlite.org/fileformat.html, §1.3)."""


def has_wal_reset_bug(version: tuple[int, ...] = VERSION) -> bool:
    """True for the versions in which a checkpoint by a second connection can lose committed rows (sqlite.org/wal.html).

    3.7.0 to 3.51.2, mended in 3.51.3 and, for older lines, in 3.50.7 and 3.44.6.
    """
    if version[:2] == (3, 50):
        return version < (3, 50, 7)
    if version[:2] == (3, 44):
        return version < (3, 44, 6)
    return (3, 7) <= version < (3, 51, 3)


def application_id(path: Path) -> int | None:
    """What the file says it is, read before SQLite touches it. None: no SQLite file (or an empty one).

    A power cut while its first page was written over may leave anything there; the write-ahead log has that page still.
    """
    with path.open("rb") as file:
        header = file.read(_HEADER)
    if not header.startswith(_MAGIC):
        header = _first_page_in_log(path.with_name(f"{path.name}-wal")) if len(header) == _HEADER else b""
    if len(header) < _HEADER or not header.startswith(_MAGIC):
        return None
    return int(struct.unpack_from(">I", header, 68)[0])


def _first_page_in_log(path: Path) -> bytes:
    """The beginning of the database's first page in a write-ahead log (sqlite.org/fileformat.html, §4); b"" if none."""
    try:
        with path.open("rb") as log:
            header = log.read(32)
            if len(header) < 32 or header[:4] not in _LOG_MAGIC:
                return b""
            (page_size,) = struct.unpack_from(">I", header, 8)
            while len(frame := log.read(24 + _HEADER)) == 24 + _HEADER:
                if frame[:4] == b"\0\0\0\1":
                    return frame[24:]
                log.seek(page_size - _HEADER, 1)
    except OSError:
        pass
    return b""


def require_journal(path: Path) -> None:
    """Raise JournalError unless the file at `path` is a journal of ours."""
    try:
        found = application_id(path)
    except FileNotFoundError:
        raise JournalError(
            _("There is no journal at {path}.").format(path=path), _("Make one with: counterfoil init")
        ) from None
    except OSError as error:
        raise JournalError(
            _("The journal {path} cannot be read: {reason}.").format(path=path, reason=error.strerror),
            _("Give this user the right to read it."),
        ) from error
    if found != APPLICATION_ID:
        raise JournalError(
            _("{path} is not a journal of counterfoil.").format(path=path),
            _("Name the file journal.db of a counterfoil home."),
        )


def _connect(path: Path, options: str) -> Connection:
    uri = f"file:{quote(str(path.absolute()))}?{options}"
    return _library.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=5)


def _answer(connection: Connection, pragma: str) -> object:
    row = connection.execute(pragma).fetchone()
    return row[0] if row else None


def connect_writer(path: Path, *, create: bool = False) -> Connection:
    """The journal's one writing connection: WAL, every commit synced before it returns, no faith in powersafe overwrite.

    Autocommit: transactions are begun by hand. Raises `Error` of this module; JournalError if the file system has no WAL.
    """
    connection = _connect(path, f"psow=0&mode={'rwc' if create else 'rw'}")
    try:
        if create:
            connection.execute(f"PRAGMA page_size={PAGE_SIZE}")
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        if has_wal_reset_bug():
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")  # the bug needs a second connection
        if _answer(connection, "PRAGMA journal_mode=WAL") != "wal":
            raise JournalError(
                _("The file system under {path} cannot hold a journal (no write-ahead log).").format(path=path),
                _("Put the home on a local disk."),
            )
        connection.execute("PRAGMA synchronous=FULL")
        if _answer(connection, "PRAGMA synchronous") != 2:
            raise JournalError(
                _("SQLite does not sync every commit here."),
                _("Report this: the journal would lose entries at a power cut."),
            )
        connection.execute("PRAGMA secure_delete=ON")  # an erased private value must not linger in a freed cell
        # SQLite opens a file that it may not write for reading alone, and says so at the first write: one, taken back.
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute("ROLLBACK")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_reader(path: Path) -> Connection:
    """Read-only, beside a writer if there is one. Never `immutable=1`, which would hide the write-ahead log."""
    return _connect(path, "mode=ro")


def connect_views(path: Path) -> Connection:
    """The derived database: a plain WAL without syncs, because it can be rebuilt from the journal at any time."""
    connection = _connect(path, "mode=rwc")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=OFF")
    return connection


def connect_memory() -> Connection:
    """An empty database in memory, to compare a schema with."""
    return _library.connect(":memory:", isolation_level=None)


def copy(source: Connection, path: Path, progress: Callable[[int, int], None] | None = None) -> None:
    """All of `source` into the file `path`, by SQLite's backup, as one file that needs no log beside it."""
    target = _connect(path, "mode=rw")
    try:
        told = None if progress is None else lambda _status, left, pages: progress(pages - left, pages)
        source.execute("BEGIN")  # else every commit of a busy writer begins the copy anew
        source.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        try:
            source.backup(target, pages=COPIED_AT_ONCE, progress=told)
        finally:
            source.execute("ROLLBACK")
        target.execute("PRAGMA journal_mode=DELETE")  # a write-ahead log could not be opened on a read-only disk
    finally:
        target.close()


def _primary_code(error: BaseException) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def is_full(error: BaseException) -> bool:
    """The disk is full: SQLite has rolled the transaction back already."""
    return _primary_code(error) == _FULL


def is_io_error(error: BaseException) -> bool:
    """A read, write or sync failed: what is on the disk is unknown until the file was opened anew."""
    return _primary_code(error) == _IO_ERROR


def is_missing(error: BaseException) -> bool:
    """A table or column is not there: views of another making."""
    return isinstance(error, OperationalError) and str(error).startswith("no such ")


def is_damage(error: BaseException) -> bool:
    """SQLite itself finds the file malformed."""
    return _primary_code(error) in {_CORRUPT, _NOT_A_DATABASE}


def is_held(error: BaseException) -> bool:
    """Another program holds the file."""
    return _primary_code(error) in {_BUSY, _LOCKED}
