"""Numeral: digits that can be read across a counter, drawn with coloured spaces alone.

No block or line characters: some Chinese terminals draw those two cells wide, and some encodings have none.
"""

from __future__ import annotations

from textual.content import Content

ROWS = 5
DIGITS = {
    "0": ("###", "# #", "# #", "# #", "###"),
    "1": (" # ", "## ", " # ", " # ", "###"),
    "2": ("###", "  #", "###", "#  ", "###"),
    "3": ("###", "  #", "###", "  #", "###"),
    "4": ("# #", "# #", "###", "  #", "  #"),
    "5": ("###", "#  ", "###", "  #", "###"),
    "6": ("###", "#  ", "###", "# #", "###"),
    "7": ("###", "  #", "  #", "  #", "  #"),
    "8": ("###", "# #", "###", "# #", "###"),
    "9": ("###", "# #", "###", "  #", "###"),
    " ": (" ",) * ROWS,
}


def grouped(number: str) -> str:
    """`123456` as `123 456`, to be read aloud."""
    return " ".join(number[i : i + 3] for i in range(0, len(number), 3))


def large(number: str, width: int, style: str) -> list[Content]:
    """Five lines of at most `width` cells: digits and spaces with `style` as the ink's background.

    A dot is two cells wide where there is room, which is about square, else one. No lines where even that is too wide.
    """
    rows = [" ".join(DIGITS[digit][row] for digit in number) for row in range(ROWS)]
    dot = 2 if 2 * len(rows[0]) <= width else 1
    if len(rows[0]) > width:
        return []
    indent = " " * ((width - dot * len(rows[0])) // 2)
    return [
        Content.assemble(indent, *((" " * dot, f"on {style}" if point == "#" else "") for point in row)) for row in rows
    ]
