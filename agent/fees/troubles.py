"""What is wrong with a file that somebody exported: every trouble with line, field and words, all at once up to twenty."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from agent.errors import StatementRefused
from agent.language import _

MOST = 20


class Code(StrEnum):
    """Kinds of trouble; `words` has their sentences."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    OLD_EXCEL = "old_excel"
    WEB_PAGE = "web_page"
    BROKEN = "broken"
    WRONG_ENCODING = "wrong_encoding"
    NO_COLUMN = "no_column"
    COLUMN_TWICE = "column_twice"
    NO_LINES = "no_lines"
    MISSING = "missing"
    NO_AMOUNT = "no_amount"
    NEGATIVE = "negative"
    POSITIVE = "positive"
    NO_DATE = "no_date"
    NO_TIME = "no_time"
    UNKNOWN_WORD = "unknown_word"
    TEXT_TOO_LONG = "text_too_long"
    DIGITS_LOST = "digits_lost"
    NOT_ADDING_UP = "not_adding_up"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Trouble:
    """line: of the file, from 1. field: the column's name as the file or the mapping has it, empty for a whole line or file.

    detail: what stands there, masked.
    """

    line: int
    field: str
    code: Code
    detail: str = ""

    @property
    def words(self) -> str:
        return words(self.code).format(detail=self.detail)


class Unread(Exception):
    """No table is to be had from the file, or nothing beyond this line. troubles: why, at least one."""

    def __init__(self, *troubles: Trouble) -> None:
        super().__init__(*troubles)
        self.troubles = troubles


class Troubles:
    """The first twenty of a file, in its order."""

    def __init__(self) -> None:
        self._found: list[Trouble] = []

    def add(self, trouble: Trouble) -> None:
        if not self.full:
            self._found.append(trouble)

    @property
    def full(self) -> bool:
        return len(self._found) >= MOST

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Trouble]:
        return iter(sorted(self._found, key=lambda trouble: trouble.line))

    def refusal(self, file: str) -> StatementRefused:
        """The error that names them all."""
        rows = [
            _("{file}, line {line}: {what}").format(file=file, line=t.line, what=t.words)
            if not t.field
            else _("{file}, line {line}, {field}: {what}").format(file=file, line=t.line, field=t.field, what=t.words)
            for t in self
        ]
        head = _("{file} is not taken, and nothing of it.").format(file=file)
        if self.full:
            head += " " + _("The first {count} troubles:").format(count=MOST)
        return StatementRefused(
            "\n".join((head, *rows)),
            _("Correct the file or the mapping, and import it once more."),
            tuple((t.line, t.field, t.code.value, t.words) for t in self),
        )


def words(code: Code) -> str:
    """A sentence's part with room for the detail, in the language in force."""
    return {
        Code.EMPTY: _("the file is empty"),
        Code.TOO_LONG: _("too large: import it in parts of at most 50,000 lines"),
        Code.OLD_EXCEL: _("an Excel file of the old kind (.xls): save it as .xlsx or CSV"),
        Code.WEB_PAGE: _("a web page, no table: save it as .xlsx or CSV"),
        Code.BROKEN: _("cannot be read: {detail}"),
        Code.WRONG_ENCODING: _("not the encoding that was told: {detail}"),
        Code.NO_COLUMN: _("this column is missing"),
        Code.COLUMN_TWICE: _("this column stands twice"),
        Code.NO_LINES: _("there is no line under the header"),
        Code.MISSING: _("nothing stands there"),
        Code.NO_AMOUNT: _("no amount: {detail}"),
        Code.NEGATIVE: _("an amount below zero where none may be: {detail}"),
        Code.POSITIVE: _("an amount above zero where it must be below: {detail}"),
        Code.NO_DATE: _("no date: {detail}"),
        Code.NO_TIME: _("no time of day: {detail}"),
        Code.UNKNOWN_WORD: _("a word that the mapping does not know: {detail}"),
        Code.TEXT_TOO_LONG: _("a longer text than fits: {detail}"),
        Code.DIGITS_LOST: _("the spreadsheet kept it as a number and lost its last digits: {detail}"),
        Code.NOT_ADDING_UP: _("amount and fee do not make the net: {detail}"),
        Code.DUPLICATE: _("the same as line {detail}"),
    }[code]
