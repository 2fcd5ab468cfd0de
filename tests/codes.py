"""Reading QR codes back: characters into modules by what Unicode says they look like, modules into texts by zxing-cpp."""

from __future__ import annotations

from collections.abc import Sequence

import zxingcpp

UPPER_LOWER = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}
"""U+2580 UPPER HALF BLOCK, U+2584 LOWER HALF BLOCK, U+2588 FULL BLOCK; any other character is taken for ink all over."""
_PIXELS = 3


def modules(lines: Sequence[str]) -> list[list[int]]:
    """Two modules a character, one above the other; lines shorter than the longest are paper to their end."""
    width = max(map(len, lines))
    rows = []
    for line in lines:
        pairs = [UPPER_LOWER.get(character, (1, 1)) for character in line.ljust(width)]
        rows += [[upper for upper, _lower in pairs], [lower for _upper, lower in pairs]]
    return rows


def texts_in(rows: Sequence[Sequence[int]], around: int = 6) -> list[str]:
    """What a reader finds in the modules (1 is dark), upper ones first. They stand in a dark room: `around` dark modules."""
    width = len(rows[0]) + 2 * around
    dark = [[1] * width] * around
    framed = [*dark, *([1] * around + list(row) + [1] * around for row in rows), *dark]
    pixels = b"".join(b"".join((b"\0" if module else b"\xff") * _PIXELS for module in row) * _PIXELS for row in framed)
    image = memoryview(pixels).cast("B", (len(framed) * _PIXELS, width * _PIXELS))
    found = zxingcpp.read_barcodes(image, formats=zxingcpp.BarcodeFormat.QRCode)
    return [each.bytes.decode() for each in sorted(found, key=lambda each: each.position.top_left.y)]
