"""One row of a table, field by field: each cell is what its column must hold, or a trouble with line and field."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from datetime import date
from typing import TypeVar

from agent.fees.statements.cells import amount_of, moment_of, plain, text_of, time_of
from agent.fees.statements.columns import Header, Mapping, word_of
from agent.fees.troubles import Code, Trouble, Troubles
from protocol.masking import mask_text

T = TypeVar("T")


class RowFields:
    """sound: no trouble so far. What cannot be read is None and a trouble."""

    def __init__(self, mapping: Mapping, header: Header, line: int, cells: Sequence[str], troubles: Troubles) -> None:
        self.mapping, self.header, self.line, self.cells, self.troubles = mapping, header, line, cells, troubles
        self.sound = True

    def cell(self, field: str) -> str:
        return self.header.cell(field, self.cells)

    def trouble(self, field: str, code: Code, detail: str = "") -> None:
        self.sound = False
        shown = mask_text(plain(detail))[:60]
        self.troubles.add(Trouble(self.line, self.header.names.get(field, field), code, shown))

    def amount(self, field: str, *, needed: bool = False) -> int | None:
        """Minor units."""
        try:
            found = amount_of(self.cell(field), fen=field in self.header.fen)
        except ValueError:
            self.trouble(field, Code.NO_AMOUNT, self.cell(field))
            return None
        if found is None and needed:
            self.trouble(field, Code.MISSING)
        return found

    def moment(self) -> tuple[date | None, str | None]:
        """Date and time of day; a time column goes before what stands in the date's."""
        on: date | None = None
        at: str | None = None
        if not plain(self.cell("date")):
            self.trouble("date", Code.MISSING)
        else:
            try:
                on, at = moment_of(self.cell("date"), self.mapping.dates)
            except ValueError:
                self.trouble("date", Code.NO_DATE, self.cell("date"))
        try:
            at = time_of(self.cell("time")) or at
        except ValueError:
            self.trouble("time", Code.NO_TIME, self.cell("time"))
        return on, at

    def text(self, field: str) -> str | None:
        """An identifier."""
        cell = self.cell(field)
        try:
            found = text_of(cell)
        except ValueError:
            self.trouble(field, Code.TEXT_TOO_LONG, cell)
            return None
        if found is not None and _is_rounded(found):
            self.trouble(field, Code.DIGITS_LOST, cell)
        return found

    def word(self, field: str, known: Dict[str, T]) -> T | None:
        """What a word of the mapping's stands for; None where the cell is empty."""
        cell = self.cell(field)
        word = word_of(plain(cell))
        if not word:
            return None
        if (found := known.get(word)) is None:
            self.trouble(field, Code.UNKNOWN_WORD, cell)
        return found


def _is_rounded(text: str) -> bool:
    """`1.23456789012346e+19`: a number that a spreadsheet could not hold."""
    number, e, power = text.lower().partition("e+")
    return bool(e) and power.isdigit() and number.replace(".", "", 1).isdigit()
