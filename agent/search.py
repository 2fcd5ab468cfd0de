"""How a text is looked for among the transactions: what a merchant types is the last four digits, a trace, an RRN or a piece
of one, an authorisation code, an amount, a piece of the shop's name, the beginning of a reference.

A piece of three characters or more is asked of the full-text index, a reference's beginning, an amount and a name of plain
ones: what comes out is what `LIKE '%text%'` over every row would find, whatever its case. A piece of one or two characters
has no trigram: it is looked for among the newest entries alone (`WINDOW`), but a name or an amount everywhere. Within one
day the day's rows themselves are looked through.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.views_schema import SEARCH, SEARCHED

COUNTED = 10_000
"""Counting what is found ends here: nobody pages through more, and a common piece is in a million rows."""
WINDOW = 50_000
"""The journal's newest entries in which a piece of one or two characters is looked for."""
LONGEST = 1_000
"""Characters; nothing longer is looked for."""

_TRIGRAM = 3
_PRECISE = 6
"""Of a UUIDv7 six hexadecimal digits are four hours and a half: a longer beginning fits few references."""
_YUAN = re.compile(r"(\d{1,13})\.(\d{2})")
_WHOLE_YUAN = re.compile(r"¥(\d{1,13})")
_HEX = re.compile(r"[0-9a-f]{1,32}")
_NEWEST = "(SELECT max(seq) FROM transactions)"
NAMES = """
WITH RECURSIVE names(name) AS (
    SELECT min(merchant_name) FROM transactions
    UNION ALL
    SELECT (SELECT min(merchant_name) FROM transactions WHERE merchant_name > names.name) FROM names WHERE name IS NOT NULL
)
SELECT name FROM names WHERE name LIKE ? ESCAPE '~'
"""
"""The distinct names that hold a part: one step of the index for each name there is, and a shop has few."""
_FEW_NAMES = 20

Values = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A SELECT of `seq` that finds a part of the answer, and its values. by_reference: it finds a reference's beginning."""

    sql: str
    values: Values
    by_reference: bool = False


def together(what: str, found: Sequence[Source], most: int, *, newest: bool) -> tuple[str, Values]:
    """SQL and values: `what` of the seqs that any of the sources finds; of each at most so many, the newest or just any."""
    order = " ORDER BY seq DESC" if newest else ""
    arms = " UNION ".join(f"SELECT seq FROM ({source.sql}{order} LIMIT ?)" for source in found)  # noqa: S608
    values = tuple(value for source in found for value in (*source.values, most))
    return f"SELECT {what} FROM ({arms})", values  # noqa: S608


def searchable(text: str) -> bool:
    """False for what no row holds: too long, a NUL, half a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return len(text) <= LONGEST and "\0" not in text


def is_short(text: str) -> bool:
    """True for a piece that is looked for among the newest entries only."""
    return len(text.strip()) < _TRIGRAM


def sources(text: str, names: Sequence[str]) -> list[Source]:
    """Everything that holds the text; together, without doubles, they are the answer. names: what `NAMES` found."""
    if len(names) <= _FEW_NAMES:
        found = [Source("SELECT seq FROM transactions WHERE merchant_name = ?", (name,)) for name in names]
    else:
        held = json.dumps(names)
        found = [
            Source("SELECT seq FROM transactions WHERE merchant_name IN (SELECT value FROM json_each(?))", (held,))
        ]
    if is_short(text):
        tests = " OR ".join([*(f"{column} LIKE ? ESCAPE '~'" for column in SEARCHED), "reference LIKE ? ESCAPE '~'"])
        window = f"SELECT seq FROM transactions WHERE seq > {_NEWEST} - ? AND ({tests})"  # noqa: S608
        found.append(Source(window, (WINDOW, *(part_of(text),) * len(SEARCHED), _beginning(text))))
    else:
        quoted = text.replace('"', '""')
        found.append(Source(f"SELECT rowid AS seq FROM {SEARCH} WHERE {SEARCH} MATCH ?", (f'"{quoted}"',)))  # noqa: S608
        if _HEX.fullmatch(text.lower()):
            found.append(_by_reference(text.lower(), "reference"))
    if (minor := amount_in(text)) is not None:
        found.append(Source("SELECT seq FROM transactions WHERE amount_minor = ?", (minor,)))
    return found


def among_the_newest(text: str) -> Source | None:
    """Of a beginning that many references may have, those among the newest entries: if they fill the page, they are it."""
    if is_short(text) or len(text) >= _PRECISE or not _HEX.fullmatch(text.lower()):
        return None
    source = _by_reference(text.lower(), "+reference")  # the + keeps SQLite from the index: newest first is by seq
    return Source(f"{source.sql} AND seq > {_NEWEST} - ?", (*source.values, WINDOW), by_reference=True)


def _by_reference(beginning: str, column: str) -> Source:
    test = f"{column} >= ? AND {column} < ?"
    return Source(f"SELECT seq FROM transactions WHERE {test}", (beginning, beginning + "g"), by_reference=True)  # noqa: S608


def in_a_day(text: str) -> tuple[str, Values]:
    """SQL on `t`, a row of transactions, and its values."""
    tests = [f"t.{column} LIKE ? ESCAPE '~'" for column in (*SEARCHED, "merchant_name", "reference")]
    values: list[object] = [*(part_of(text),) * (len(SEARCHED) + 1), _beginning(text)]
    if (minor := amount_in(text)) is not None:
        tests.append("t.amount_minor = ?")
        values.append(minor)
    return f"({' OR '.join(tests)})", tuple(values)


def amount_in(text: str) -> int | None:
    """Minor units of `388.00`, `1,388.00`, `¥388.00` or `¥388`; None for what is no amount."""
    plain = text.replace("￥", "¥").replace(",", "")
    if (whole := _WHOLE_YUAN.fullmatch(plain)) is not None:
        return int(whole[1]) * 100
    if (yuan := _YUAN.fullmatch(plain.removeprefix("¥"))) is not None:
        return int(yuan[1] + yuan[2])
    return None


def part_of(text: str) -> str:
    """A pattern for LIKE … ESCAPE '~'."""
    return f"%{_beginning(text)}"


def _beginning(text: str) -> str:
    return re.sub(r"([%_~])", r"~\1", text) + "%"
