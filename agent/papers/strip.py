"""Text for printers of a fixed number of columns; a Chinese sign takes two of them."""

from __future__ import annotations

import re
from unicodedata import east_asian_width

PIECES = re.compile(r"[!-~]+ *|[^!-~ ][，。：；]? *")
"""Words of ASCII with their spaces, and other characters one by one with the punctuation that never begins a line."""


def cells(text: str) -> int:
    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


def wrapped(text: str, columns: int) -> list[str]:
    """Lines of at most so many columns: between words, or between Chinese characters; a longer word (a root) is cut."""
    lines = [""]
    for piece in PIECES.findall(text):
        if cells(lines[-1]) + cells(piece.rstrip()) > columns and lines[-1]:
            lines.append("")
        lines[-1] += piece
        while cells(lines[-1].rstrip()) > columns:  # a word alone, narrow characters all of it
            lines[-1:] = [lines[-1][:columns], lines[-1][columns:]]
    return [line.rstrip() for line in lines]


def centred(text: str, columns: int) -> str:
    return " " * ((columns - cells(text)) // 2) + text


def apart(left: str, right: str, columns: int) -> list[str]:
    """A label and its value at both ends of one line, or below each other where they do not fit."""
    room = columns - cells(left) - cells(right)
    if room > 0:
        return [left + " " * room + right]
    below = wrapped(right, columns)
    return [*wrapped(left, columns), *(" " * (columns - cells(line)) + line for line in below)]
