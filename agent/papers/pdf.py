"""PDF with its own fonts, the same bytes whenever it is made of the same text; signs that none has show as 〓 and are named.

Vera, of reportlab, has the Latin signs; Droid Sans Fallback has the Chinese ones, and no Latin.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from agent.custody.head_code import QUIET, code_of
from agent.papers.strip import PIECES

CHINESE = Path(__file__).parent / "fonts" / "DroidSansFallbackFull.ttf"
GETA = "〓"
"""What Chinese and Japanese printers set for a sign that they lack."""
_POINTS_A_MM = 72 / 25.4


@dataclass(frozen=True, slots=True)
class Line:
    """left, right: at either end of the line; a heading has its text in the middle. Empty: a blank one."""

    left: str = ""
    right: str = ""
    heading: bool = False
    small: bool = False


@cache
def _fonts() -> tuple[Any, ...]:
    """The first that has a sign shows it."""
    from reportlab.pdfbase import pdfmetrics  # noqa: PLC0415  not before somebody wants a paper
    from reportlab.pdfbase.ttfonts import TTFont  # noqa: PLC0415

    found = (TTFont("Vera", "Vera.ttf"), TTFont("DroidSansFallback", str(CHINESE)))
    for font in found:
        pdfmetrics.registerFont(font)
    return found


def _runs(text: str) -> Iterator[tuple[Any, str]]:
    """The text in pieces of one font each; what none has stands as 〓."""
    for font, signs in groupby(_signs(text), key=lambda pair: pair[0]):
        yield font, "".join(sign for _font, sign in signs)


def _signs(text: str) -> Iterator[tuple[Any, str]]:
    fonts = _fonts()
    for sign in text:
        font = next((one for one in fonts if ord(sign) in one.face.charToGlyph), None)
        yield (fonts[1], GETA) if font is None else (font, sign)


def _width(text: str, size: float) -> float:
    return float(sum(font.stringWidth(run, size) for font, run in _runs(text)))


def lacking(text: str) -> str:
    """The signs of it that no font has, each once."""
    return "".join(
        dict.fromkeys(sign for sign, (_font, shown) in zip(text, _signs(text), strict=True) if shown != sign)
    )


def strip(lines: Sequence[Line], title: str, *, code: str | None = None, width_mm: int = 80) -> tuple[bytes, str]:
    """One page, as wide as told and as long as it must be. code: what stands below in a QR code.

    Answers the PDF, and the signs that the font lacks. It carries no date of its own: that stands in its lines.
    """
    from reportlab.pdfgen.canvas import Canvas  # noqa: PLC0415

    width, margin = width_mm * _POINTS_A_MM, 5 * _POINTS_A_MM
    lacks = lacking("".join(line.left + line.right for line in lines) + title)
    placed = [row for line in lines for row in _rows(line, width - 2 * margin)]
    symbol = None if code is None else code_of(code)
    side = 0.0 if symbol is None else min(width - 2 * margin, symbol.side * 2.0)
    height = 2 * margin + sum(row.height for row in placed) + side
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(width, height), invariant=1, pageCompression=1)
    canvas.setTitle(title)
    canvas.setCreator("counterfoil")
    at = height - margin
    for row in placed:
        at -= row.height
        for text, x, before in ((row.left, margin, 0), (row.right, width - margin, 1), (row.middle, width / 2, 0.5)):
            start = x - _width(text, row.size) * before
            for font, run in _runs(text):
                canvas.setFont(font.fontName, row.size)
                canvas.drawString(start, at + row.size * 0.3, run)
                start += font.stringWidth(run, row.size)
    if symbol is not None:
        module, left, top = side / symbol.side, (width - side) / 2, margin + side
        for down, modules in enumerate(symbol.rows):
            for across, dark in enumerate(modules):
                if dark:
                    x, y = left + (across + QUIET) * module, top - (down + QUIET + 1) * module
                    canvas.rect(x, y, module, module, stroke=0, fill=1)
    canvas.showPage()
    canvas.save()
    return out.getvalue(), lacks


@dataclass(frozen=True, slots=True)
class _Row:
    size: float
    left: str = ""
    right: str = ""
    middle: str = ""

    @property
    def height(self) -> float:
        return self.size * 1.5


def _rows(line: Line, room: float) -> list[_Row]:
    """The line in as many rows as it needs; sizes in points, `room` too."""
    size = 11.0 if line.heading else 6.5 if line.small else 8.5
    if line.heading:
        return [_Row(size, middle=row) for row in _folded(line.left, size, room)]
    if line.right and _width(line.left + "  " + line.right, size) <= room:
        return [_Row(size, left=line.left, right=line.right)]
    rows = [_Row(size, left=row) for row in _folded(line.left, size, room)]
    return rows + [_Row(size, right=row) for row in _folded(line.right, size, room) if line.right]


def _folded(text: str, size: float, room: float) -> list[str]:
    rows = [""]
    for piece in PIECES.findall(text):
        if rows[-1] and _width((rows[-1] + piece).rstrip(), size) > room:
            rows.append("")
        rows[-1] += piece
        while _width(rows[-1].rstrip(), size) > room and len(rows[-1]) > 1:
            fits = [n for n in range(1, len(rows[-1])) if _width(rows[-1][:n], size) <= room]
            cut = fits[-1] if fits else 1
            rows[-1:] = [rows[-1][:cut], rows[-1][cut:]]
    return [row.rstrip() for row in rows]
