"""A head as a QR code (ISO/IEC 18004): for a screen, a slip, a picture. Whoever photographs it remembers the head.

The code says the signed note, exactly as `journal head` prints it, where there is room for it (about 243 bytes: version 10,
57 modules), else the checkpoint's three lines, which nobody signed (about 99 bytes: version 5, 37 modules). Error correction
is L, or better where that costs no larger symbol: the code is read off a clean screen, and room is what is short.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

QUIET = 4
"""Light modules around a code (ISO/IEC 18004 §6.3.8)."""
LEAST_QUIET = 1
"""Where there is no room for four, the three lines are shown with less; readers of today take it."""
PRACTICE = "#ffd479"
"""The ground of a picture from a simulated home: the colour of the screens' DEMO banner. A picture has no words."""
_SLIP_BYTES = 53
"""What version 3-L holds in byte mode: with its 29 modules it is the largest symbol that, with one light module around it,
stands in 32 columns of half blocks."""
_HALVES = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}


@dataclass(frozen=True, slots=True)
class Code:
    """text: what the code says. rows: as many rows as columns, 1 for a dark module. quiet: light modules around it."""

    text: str
    rows: tuple[bytes, ...]
    quiet: int

    @property
    def side(self) -> int:
        """Modules across, and down, with the quiet zone."""
        return len(self.rows) + 2 * self.quiet

    @property
    def drawn(self) -> list[bytes]:
        """The rows with the quiet zone."""
        blank = bytes(self.side)
        aside = bytes(self.quiet)
        return [blank] * self.quiet + [aside + row + aside for row in self.rows] + [blank] * self.quiet


def code_of(text: str, quiet: int = QUIET) -> Code:
    """The smallest code that says `text`, at error correction L or better."""
    import segno  # noqa: PLC0415  not before somebody wants a code

    return Code(text, tuple(bytes(row) for row in segno.make_qr(text.encode(), error="l").matrix), quiet)


def three_lines(note: str) -> str:
    """What a signed note is about, without its signatures: origin, size and root, each with its newline."""
    return note.partition("\n\n")[0] + "\n"


def is_signed(text: str) -> bool:
    """Whether what a code says is more than the three lines."""
    return "\n\n" in text


def fitting(note: str, across: int, down: int) -> Code | None:
    """The best code for so many modules: the whole note with its whole quiet zone, else the three lines with as much of it
    as there is room for; None if not even these fit."""
    best, room = code_of(note), min(across, down)
    if best.side <= room:
        return best
    short = code_of(three_lines(note), 0)
    quiet = min((room - short.side) // 2, QUIET)
    return replace(short, quiet=quiet) if quiet >= LEAST_QUIET else None


def least_side(note: str) -> int:
    """Modules across, and down, of the smallest code that is shown."""
    return code_of(three_lines(note), LEAST_QUIET).side


def half_blocks(rows: Sequence[bytes]) -> list[str]:
    """One character for two modules, one above the other: dark on a light ground."""
    below = [*rows[1::2], *([bytes(len(rows[0]))] if len(rows) % 2 else [])]
    return ["".join(_HALVES[pair] for pair in zip(*both, strict=True)) for both in zip(rows[::2], below, strict=True)]


def hashes(rows: Sequence[bytes]) -> list[str]:
    """Two ASCII characters for a module."""
    return ["".join("##" if dark else "  " for dark in row) for row in rows]


def coloured(rows: Sequence[bytes], *, ascii_only: bool) -> list[str]:
    """For a terminal of any theme: black on white by its own colours (ECMA-48, 8.3.117), so that dark modules are dark.

    ascii_only: coloured spaces, two for a module, for one that has no half blocks or draws them two cells wide.
    """
    if not ascii_only:
        return [f"\x1b[30;47m{line}\x1b[0m" for line in half_blocks(rows)]
    return ["".join("\x1b[40m  " if dark else "\x1b[47m  " for dark in row) + "\x1b[0m" for row in rows]


def draws_blocks(encoding: str | None) -> bool:
    """Whether a terminal, or a file, of this encoding has half blocks: UTF-8 has, GBK lacks one of them."""
    try:
        "▀▄█".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def slip_codes(note: str) -> list[Code]:
    """Codes small enough for a slip of 32 characters: the three lines in parts, which one after the other are the whole.

    Half blocks of the whole would be 39 wide. A part never cuts a line that a code can hold.
    """
    parts = [""]
    for line in three_lines(note).splitlines(keepends=True):
        for start in range(0, len(line), _SLIP_BYTES):
            piece = line[start : start + _SLIP_BYTES]
            if len(parts[-1]) + len(piece) > _SLIP_BYTES:
                parts.append("")
            parts[-1] += piece
    return [code_of(part, LEAST_QUIET) for part in parts]


def draw(note: str, file: BinaryIO, kind: str, *, simulated: bool) -> None:
    """The whole note as a picture, `svg` or `png` (8 px a module), black on white; on yellow in a home of practice."""
    import segno  # noqa: PLC0415

    ground = PRACTICE if simulated else "#ffffff"
    segno.make_qr(note.encode(), error="l").save(file, kind=kind, scale=8, border=QUIET, dark="#000000", light=ground)
