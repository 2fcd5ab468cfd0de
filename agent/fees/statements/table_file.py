"""Tables as acquirers and banks export them: CSV in UTF-8, UTF-16 or GB18030, and XLSX, as rows of texts with their lines.

A file may begin with a title and notes: the header is the first row in which the columns that are needed stand. XLSX keeps
numbers as binary fractions; they are taken as the decimal text of 15 digits that a spreadsheet shows, never reckoned with.
"""

from __future__ import annotations

import csv
import io
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import TypeVar

from agent.fees.troubles import Code, Trouble, Unread

LARGEST_FILE = 32 * 1024 * 1024
LARGEST_UNPACKED = 256 * 1024 * 1024
"""Bytes of what is packed in an XLSX file."""
HEADER_WITHIN = 60
"""Rows."""
ENCODINGS = ("utf-8", "gb18030")
_DELIMITERS = (",", "\t", ";", "|")
_OLD_EXCEL = bytes.fromhex("d0cf11e0a1b11ae1")
_ZIP = b"PK\x03\x04"

Row = tuple[int, Sequence[str]]
H = TypeVar("H")
HeaderOf = Callable[[int, Sequence[str]], H | "Missing"]


@dataclass(frozen=True, slots=True)
class Missing:
    """How much of a header a row is, and the columns that it lacks, each as all the names that would do."""

    found: int
    columns: tuple[str, ...]


def read_table(raw: bytes, encoding: str, header_of: HeaderOf[H]) -> tuple[H, int, Iterator[Row]]:
    """The header, as `header_of` knows it, its line, and the rows after it.

    encoding: `utf-8`, `gb18030`, or `auto` for the first of them in which the header is found. header_of: of a row's line
    and cells; `Missing` where it is none. Raises Unread, also from among the rows where the file breaks off.
    """
    if not raw.strip():
        raise Unread(Trouble(1, "", Code.EMPTY))
    if len(raw) > LARGEST_FILE:
        raise Unread(Trouble(1, "", Code.TOO_LONG))
    if raw.startswith(_OLD_EXCEL):
        raise Unread(Trouble(1, "", Code.OLD_EXCEL))
    if raw.lstrip().startswith(b"<"):
        raise Unread(Trouble(1, "", Code.WEB_PAGE))
    if raw.startswith(_ZIP):
        return _first_table(_sheets(raw), header_of)
    return _read_text(raw, encoding, header_of)


def _read_text(raw: bytes, encoding: str, header_of: HeaderOf[H]) -> tuple[H, int, Iterator[Row]]:
    told = ENCODINGS if encoding == "auto" else (encoding,)
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        told = ("utf-16",)
    refused: list[Unread] = []
    for name in dict.fromkeys((*told, *ENCODINGS)):
        try:
            table = _read_as(raw, name, header_of)
        except Unread as error:
            refused.append(error)
            continue
        if name not in told:
            raise Unread(Trouble(1, "", Code.WRONG_ENCODING, f"{name} ≠ {encoding}"))
        return table
    of_columns = [error for error in refused if error.troubles[0].code is not Code.WRONG_ENCODING]
    raise (of_columns or refused)[0]


def _read_as(raw: bytes, encoding: str, header_of: HeaderOf[H]) -> tuple[H, int, Iterator[Row]]:
    try:
        text = raw.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Unread(Trouble(line, "", Code.WRONG_ENCODING, encoding)) from None
    return _first_table((_records(text, delimiter) for delimiter in _DELIMITERS), header_of)


def _first_table(tables: Iterable[Iterator[Row]], header_of: HeaderOf[H]) -> tuple[H, int, Iterator[Row]]:
    """The first that has a header. Raises Unread, with what the one lacks that comes nearest."""
    nearest: tuple[int, Missing] | None = None
    broken: Unread | None = None
    for rows in tables:
        try:
            for line, cells in islice(rows, HEADER_WITHIN):
                header = header_of(line, cells)
                if not isinstance(header, Missing):
                    return header, line, rows
                if nearest is None or header.found > nearest[1].found:
                    nearest = line, header
        except Unread as error:
            if any(trouble.code is Code.COLUMN_TWICE for trouble in error.troubles):
                raise
            broken = broken or error
    if broken is not None and (nearest is None or not nearest[1].found):
        raise broken
    if nearest is None:
        raise Unread(Trouble(1, "", Code.EMPTY))
    raise Unread(*(Trouble(nearest[0], column, Code.NO_COLUMN) for column in nearest[1].columns))


def _records(text: str, delimiter: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Unread(Trouble(line, "", Code.BROKEN, str(error))) from None
        if any(cells):
            yield line, cells


def _sheets(raw: bytes) -> Iterator[Iterator[Row]]:
    """The sheets that are shown, one after the other."""
    import openpyxl  # noqa: PLC0415  most days nobody reads a spreadsheet

    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as packed:
            unpacked = sum(part.file_size for part in packed.infolist())
        if unpacked > LARGEST_UNPACKED:
            raise Unread(Trouble(1, "", Code.TOO_LONG))
        with warnings.catch_warnings():  # of styles that it leaves out
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=True, keep_links=False)
        sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    except Unread:
        raise
    except Exception as error:  # whatever a file that is none makes it raise
        raise Unread(Trouble(1, "", Code.BROKEN, type(error).__name__)) from None
    for sheet in sheets:
        sheet.reset_dimensions()  # exporters write wrong ones
        yield _cells(sheet.iter_rows(values_only=True))


def _cells(rows: Iterator[Sequence[object]]) -> Iterator[Row]:
    line = 0
    while True:
        line += 1
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                row = next(rows, None)
                cells = [cell_text(value) for value in row or ()]
        except Exception as error:  # as above: rows are unpacked one by one
            raise Unread(Trouble(line, "", Code.BROKEN, type(error).__name__)) from None
        if row is None:
            return
        if any(cells):
            yield line, cells


def cell_text(value: object) -> str:
    """A spreadsheet's value as text: numbers as the 15 digits that it shows, dates ISO 8601, nothing as empty."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool | int):
        return str(value)
    if isinstance(value, datetime):
        value = (value + timedelta(milliseconds=500)).replace(microsecond=0)  # its fraction of a day is not exact
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return (datetime.combine(date.min, value) + timedelta(milliseconds=500)).time().isoformat("seconds")
    return format(value, ".15g") if hasattr(value, "is_integer") else str(value)
