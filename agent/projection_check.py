"""`journal verify --views`: whether the views say what the journal says, row by row, against views made beside them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from agent import views_schema
from agent.journal import engine
from agent.journal.entries import Entry
from agent.journal.reader import Reader
from agent.language import _
from agent.projection import PRIVATE, Projection

Row = tuple[Any, ...]
_TERMS = "temp.searched_terms"


@dataclass(frozen=True, slots=True)
class ViewsReport:
    """size: entries of the journal that the views were built from. what: where they first differ, None where they do not.

    table and row name that place, as far as there is one.
    """

    size: int
    what: str | None = None
    table: str | None = None
    row: object = None

    @property
    def ok(self) -> bool:
        return self.what is None

    @property
    def todo(self) -> str:
        return _("Make them anew, nothing is lost by it: counterfoil journal rebuild")


def check_views(
    views: Path, journal: Reader, time_zone: str, progress: Callable[[int, int], None] | None = None
) -> ViewsReport:
    """Make the views anew in a temporary folder, as far as `views` goes, and compare. Nothing is written elsewhere.

    progress: (entries done, of how many). Raises JournalDamaged.
    """
    if not views.exists():
        return ViewsReport(0, _("There are no views."))
    try:
        with closing(engine.connect_reader(views)) as found:
            found.execute("BEGIN")  # an agent at work goes on; what is read here stands still
            return _compared(found, journal, time_zone, progress)
    except engine.Error as error:
        return ViewsReport(0, _("The views cannot be read: {reason}.").format(reason=error))


def _compared(
    found: engine.Connection, journal: Reader, time_zone: str, progress: Callable[[int, int], None] | None
) -> ViewsReport:
    version = found.execute("PRAGMA user_version").fetchone()[0]
    if version != views_schema.VERSION:
        return ViewsReport(0, _("The views are of another version of this program."))
    size, root = found.execute("SELECT size, root FROM built").fetchone()
    if size > journal.size or (size and journal.root_at(size) != root):
        return ViewsReport(size, _("The views were made from another journal."), "built", 1)
    erased = [entry for entry in journal.entries(size) if entry.kind == "private.erased"]
    with tempfile.TemporaryDirectory(prefix="counterfoil-views-") as folder:
        with closing(Projection(Path(folder) / "views.db", time_zone)) as projection:
            projection.catch_up(journal, None if progress is None else lambda done: progress(done, size), until=size)
        with closing(engine.connect_reader(Path(folder) / "views.db")) as true:
            place = first_difference(content(found, erased), content(true, erased))
    if place is None:
        return ViewsReport(size)
    what = _("The views differ from the journal: table {table}, row {row}.").format(table=place[0], row=place[1])
    return ViewsReport(size, what, *place)


def content(
    connection: engine.Connection, erased: Sequence[Entry] = (), *, terms: str = "col"
) -> Iterator[tuple[str, Iterator[Row]]]:
    """(table, its rows in order): the schema, every table, what the full-text index holds. A row begins with its key.

    erased: entries after those that the views were built from; what they erased is left out, which may be there or not.
    terms: a kind of fts5vocab table; `col` counts each trigram's rows, `instance` names every one.
    """
    yield "sqlite_schema", iter(connection.execute("SELECT name, type, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2"))
    for name, table in views_schema.TABLES.items():
        rows = connection.execute(f"SELECT {', '.join(table.names)} FROM {name} ORDER BY 1")  # noqa: S608
        hidden = [table.names.index(column) for column in PRIVATE.get(name, ())]
        yield name, map(_without(hidden, erased), rows) if hidden and erased else iter(rows)
    connection.execute(f"DROP TABLE IF EXISTS {_TERMS}")
    connection.execute(f"CREATE VIRTUAL TABLE {_TERMS} USING fts5vocab(main, {views_schema.SEARCH}, {terms})")
    yield views_schema.SEARCH, iter(connection.execute(f"SELECT * FROM {_TERMS} ORDER BY 1, 2, 3"))  # noqa: S608


def _without(hidden: Sequence[int], erased: Sequence[Entry]) -> Callable[[Row], Row]:
    """Private columns emptied in the rows that were erased; of whichever field: one too many compares no worse."""

    def emptied(row: Row) -> Row:
        if not any(entry.body["first"] <= row[0] <= entry.body["last"] for entry in erased):
            return row
        return tuple(None if place in hidden else value for place, value in enumerate(row))

    return emptied


def first_difference(
    one: Iterator[tuple[str, Iterator[Row]]], other: Iterator[tuple[str, Iterator[Row]]]
) -> tuple[str, object] | None:
    """(table, key) of the first row that differs, or that only one of two contents has."""
    for (table, here), (_table, there) in zip(one, other, strict=True):
        for pair in zip_longest(here, there):
            if pair[0] != pair[1]:
                return table, min(row[0] for row in pair if row is not None)
    return None
