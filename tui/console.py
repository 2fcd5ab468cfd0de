"""What this terminal can draw: Textual writes to stderr, and its encoding decides; a bare Linux console has no Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

_encoding = "utf-8"


def choose_console(encoding: str, environ: Mapping[str, str], wanted: str) -> str:
    """Remembers the encoding and answers the language to speak: `wanted`, or English where Chinese cannot be drawn."""
    global _encoding  # noqa: PLW0603  one process draws on one terminal
    _encoding = encoding
    return "en" if environ.get("TERM") == "linux" or not _encodes("演练", encoding) else wanted


def drawable(*signs: str) -> str:
    """The first of some signs that the terminal's encoding has, or nothing: GBK has `￥` and no `¥`."""
    return next((sign for sign in signs if _encodes(sign, _encoding)), "")


@cache
def _encodes(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
