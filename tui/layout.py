"""Text by terminal cells: wrapping and tables for narrow and wide characters alike. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells, set_cell_size
from textual.content import Content

NOT_AT_LINE_START = "，。；：！？、）》」』”’,.;:!?)%"
"""Chinese typesetting (GB/T 15834): these close something and never begin a line."""

Cell = tuple[str, str]
"""A cell's text and its style (empty: the widget's own)."""


def fit(text: str, width: int) -> str:
    """Text cut to at most `width` cells; a wide character is never halved."""
    return text if cell_len(text) <= width else set_cell_size(text, max(0, width)).rstrip()


def spread(left: str, right: str, width: int) -> str:
    """Left and right at the two ends of a line; the left one gives way."""
    right = fit(right, width)
    room = width - cell_len(right)
    return set_cell_size(fit(left, room - 1), room) + right if room > 0 else right


def _pieces(text: str) -> list[str]:
    """What may stand alone on a line: words with their spaces, and single wide characters with what must follow them."""
    pieces: list[str] = []
    for character in text:
        previous = pieces[-1] if pieces else ""
        narrow = cell_len(character) < 2
        joins = character == " " or (narrow and not previous.endswith(" ") and cell_len(previous[-1:]) < 2)
        if previous and (joins or character in NOT_AT_LINE_START):
            pieces[-1] += character
        else:
            pieces.append(character)
    return pieces


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells: between words, or between wide characters; a longer word is cut."""
    if width <= 1:
        return []
    lines = [""]
    for piece in _pieces(text):
        if cell_len(lines[-1]) + cell_len(piece.rstrip()) <= width:
            lines[-1] += piece
            continue
        whole = chop_cells(piece, width) if cell_len(piece.rstrip()) > width else [piece]
        lines[-1:] = [lines[-1], *whole] if lines[-1] else whole
    return [line.rstrip() for line in lines]


@dataclass(frozen=True, slots=True)
class Column:
    """right: aligned to the right. drop: 0 stays at any width; of the others the highest leaves first if room is short."""

    title: str
    right: bool = False
    drop: int = 0


def table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int, widest_gap: int = 4) -> list[Content]:
    """A head line and one line a row, each of at most `width` cells. The gaps grow with the room, up to `widest_gap`."""
    sizes = [max([cell_len(column.title), *(cell_len(row[i][0]) for row in rows)]) for i, column in enumerate(columns)]
    shown = list(range(len(columns)))

    def needed(gap: int) -> int:
        return sum(sizes[i] for i in shown) + gap * (len(shown) - 1)

    while needed(1) > width and any(columns[i].drop for i in shown):
        shown.remove(max(shown, key=lambda i: columns[i].drop))
    gap = 1
    while gap < widest_gap and needed(gap + 1) <= width:
        gap += 1

    def line(cells: Sequence[Cell]) -> Content:
        parts: list[Cell] = []
        for place, i in enumerate(shown):
            text, style = cells[i]
            room = " " * (sizes[i] - cell_len(text))
            between = " " * gap if place < len(shown) - 1 else ""
            if columns[i].right:
                parts += [(room, ""), (text, style), (between, "")]
            else:
                parts += [(text, style), (room + between, "")]
        return Content.assemble(*((text, style) for text, style in parts if text)).truncate(width)

    return [line([(column.title, "$quiet") for column in columns]), *(line(row) for row in rows)]
