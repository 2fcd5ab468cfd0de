"""What a cell of somebody's table says: amounts into integers of minor units, dates, times, texts. Nothing is guessed.

Full-width signs count as their plain ones (Unicode NFKC). Exports put a tab, a backtick, an apostrophe or `="..."` around
numbers so that spreadsheets leave them alone: all of these are taken off.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime
from functools import lru_cache

from protocol.masking import mask_text
from protocol.money import LARGEST_MINOR

LONGEST_TEXT = 64
"""Bytes of UTF-8 of a text in a statement's line."""
LONGEST_NOTE = 200
_YEARS = range(2000, 2100)
_AMOUNT = re.compile(
    r"(?P<sign>[+-]?)(?:¥|RMB|CNY)?(?P<inner>[+-]?)"
    r"(?P<whole>[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.(?P<part>[0-9]+))?元?"
)
_NONE = ("", "-", "--", "/")
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])(?:\.[0-9]+)?)?")
_PACKED_TIME = re.compile(r"([01][0-9]|2[0-3])([0-5][0-9])([0-5][0-9])")
_QUOTED = re.compile(r'="(.*)"', re.DOTALL)


def plain(cell: str) -> str:
    """A cell as one line without what stands around it; full-width letters and digits as plain ones."""
    text = _stripped(unicodedata.normalize("NFKC", cell))
    if (quoted := _QUOTED.fullmatch(text)) is not None:
        text = quoted[1]
    return _stripped(text.lstrip("`'"))


def _stripped(text: str) -> str:
    """Control and unseen signs are blanks; blanks stand single, and none at the ends."""
    if not (text.isascii() and text.isprintable()):
        text = "".join(" " if unicodedata.category(c) in _UNSEEN else c for c in text)
    return " ".join(text.split())


_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def text_of(cell: str, longest: int = LONGEST_TEXT) -> str | None:
    """A cell's text without a card's number in it (docs/domain.md §7); None where it says nothing.

    Raises ValueError for more than `longest` bytes.
    """
    text = mask_text(plain(cell))
    if text in _NONE:
        return None
    if len(text.encode()) > longest:
        raise ValueError("too long")
    return text


def note_of(cell: str) -> str | None:
    """A bank's text as it stands, one line, masked, cut after 200 signs."""
    text = mask_text(_stripped(unicodedata.normalize("NFC", cell)).lstrip("`'"))
    return None if text in _NONE else text[:LONGEST_NOTE]


def amount_of(cell: str, *, fen: bool = False) -> int | None:
    """Minor units of an amount as a person or a machine writes it: `1,234.50`, `￥12.00`, `-0.5`, `(12.00)`; full-width too.

    None where none is written (empty, `-`). Yuan have at most two decimals that are not zero; fen have none. Raises
    ValueError for anything else: three decimals, wrong groups, words, 2^53 and above.
    """
    text = plain(cell).replace(" ", "").replace("−", "-").replace("\N{FULLWIDTH YEN SIGN}", "¥")
    if text in _NONE:
        return None
    below = text.startswith("(") and text.endswith(")")
    found = _AMOUNT.fullmatch(text[1:-1] if below else text)
    if found is None or (found["sign"] and found["inner"]) or (below and (found["sign"] or found["inner"])):
        raise ValueError("no amount")
    places = 0 if fen else 2
    part = (found["part"] or "").rstrip("0")
    if len(part) > places:
        raise ValueError("too many decimals")
    minor = int(found["whole"].replace(",", "") + part.ljust(places, "0"))
    if minor > LARGEST_MINOR:
        raise ValueError("too large")
    return -minor if below or "-" in (found["sign"], found["inner"]) else minor


@lru_cache(maxsize=4096)
def moment_of(cell: str, formats: tuple[str, ...]) -> tuple[date, str | None]:
    """Date, and the time of day where the cell has one (`HH:MM:SS`), by the first of some `strptime` formats that fits.

    ISO 8601, as a spreadsheet's own dates are handed over, always fits. Raises ValueError, also for a year outside
    2000-2099 and for run-together digits that are not all there.
    """
    text = plain(cell)
    for form in (*formats, "%Y-%m-%d", "%Y-%m-%d %H:%M:%S"):
        try:
            found = datetime.strptime(text, form)
        except ValueError:
            continue
        if found.year in _YEARS and not (text.isdigit() and len(text) != len(found.strftime(form))):
            return found.date(), found.strftime("%H:%M:%S") if "%H" in form else None
    raise ValueError("no date")


def time_of(cell: str) -> str | None:
    """`HH:MM:SS` of `9:05`, `09:05:00`, `090500`; None where the cell is empty. Raises ValueError."""
    text = plain(cell)
    if text in _NONE:
        return None
    found = _TIME.fullmatch(text) or _PACKED_TIME.fullmatch(text) or _TIME.fullmatch(text.rpartition(" ")[2])
    if found is None:
        raise ValueError("no time")
    return f"{int(found[1]):02d}:{found[2]}:{found[3] or '00'}"
