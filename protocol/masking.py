"""No full card number leaves the place where a message is made.

PCI DSS allows at most the first six and last four digits of a card number after authorisation; 银发〔2016〕170号 forbids
keeping track data, CVV, expiry and PIN. Every text that comes off a wire passes `mask_text`, every card number `mask_pan`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

_DASHES = (
    r"\-\u058a\u05be\u1400\u1806\u2010-\u2015\u2212\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u2e5d\u301c\u3030\u30a0"
    r"\ufe31\ufe32\ufe58\ufe63\uff0d\U00010d6e\U00010ead"
)
"""Unicode's dash punctuation, and the minus sign."""
_UNSEEN = (
    r"\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Format characters and the default-ignorable ones: nobody sees them between two digits."""
_GROUPED_DIGITS = re.compile(rf"\d(?:[\s./_·{_DASHES}{_UNSEEN}]{{0,3}}\d){{11,}}")
_TRACK = re.compile(r"(?<!\d)(?P<number>\d{12,}+)(?P<rest>[=D]\d{4,}|\^[^^]{2,26}\^\d{4,})")
"""ISO/IEC 7813: on track 2 expiry, service code and more follow a number and `=` (`D` where packed), on track 1 `^name^`."""
_PACKED = re.compile(r"(?P<digits>[0-9]{12,})(?P<rest>d[0-9]{4,})?")
_PAN_DIGITS = range(13, 20)
_MASKED_PAN = re.compile(r"[0-9]{6}\*+[0-9]{4}")
_CARDS = ("2", "3", "4", "5", "6", "81", "9")
"""How card numbers begin (ISO/IEC 7812-1): 2-6 the schemes', 81 some of UnionPay's, 9 national ones, as of Chinese banks."""
_SHOWN_BYTES = 512
_BEYOND = 160
"""Bytes beyond those shown that are looked at, so that a number on the edge is seen whole."""


def luhn(digits: str) -> bool:
    """True if the ASCII digits end in the right Luhn check digit (ISO/IEC 7812-1 annex B)."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit)
        if position % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0


_SHORT_CARDS = {15: ("34", "37"), 14: ("30", "36", "38"), 13: ("4",)}
"""Lengths and beginnings of card numbers shorter than 16 digits: American Express, Diners Club, old Visa."""


def is_card(text: str) -> bool:
    """True for a whole card number of 13 to 19 ASCII digits: what an identifier must not be."""
    starts = _SHORT_CARDS.get(len(text), _CARDS)
    return len(text) in _PAN_DIGITS and text.startswith(starts) and text.isdigit() and luhn(text)


def mask_pan(pan: str) -> str:
    """A card number with at most its first six and last four digits to be seen: `622848******1234`.

    What is already masked comes back unchanged. Anything that is no digit and no mask sign is dropped.
    """
    if _MASKED_PAN.fullmatch(pan):
        return pan
    shown = "".join(c if c == "*" else str(unicodedata.digit(c)) for c in pan if c == "*" or c.isdigit())
    if len(shown) < 11:
        return shown if "*" in shown or len(shown) <= 4 else "*" * (len(shown) - 4) + shown[-4:]
    return shown[:6] + "*" * (len(shown) - 10) + shown[-4:]


def mask_text(text: str) -> str:
    """Free text in which no 13–19 digits in a row that pass Luhn show more than their first six and last four.

    Up to three spaces, dashes, dots, strokes or unseen signs between digits do not hide a number, nor do full-width
    digits, nor other digits before or after: every stretch of such a run is tried. What follows a card number as on a
    magnetic stripe (expiry, service code, a name) is hidden whole. Masking twice changes nothing.
    """
    hidden = _hidden(text) if len(text) >= _PAN_DIGITS.start else set()
    return "".join("*" if i in hidden else c for i, c in enumerate(text)) if hidden else text


def mask_bytes(raw: bytes) -> str:
    """Bytes that nobody understood, in hexadecimal, for a technician; of more than 512 bytes the first 512.

    What could be a card number is masked as in `mask_text`, whether its digits are text (UTF-8, with zeros between or not)
    or packed two to a byte (BCD), and so is what follows it on a magnetic stripe: each hidden half byte is a `*`. Packed
    ones count from the beginnings that banks' and schemes' cards have, else lengths and tags would be card numbers; and
    bytes that are ASCII digits are not read as packed ones too: every other digit of the number would have to be a 3.
    """
    raw = raw[: _SHOWN_BYTES + _BEYOND]
    shown = list(raw.hex())
    for i in _hidden_text(raw):
        shown[2 * i] = shown[2 * i + 1] = "*"
    for i in _hidden_packed(raw):
        shown[i] = "*"
    return "".join(shown[: 2 * _SHOWN_BYTES])


def _hidden_text(raw: bytes) -> set[int]:
    """The bytes of hidden characters, read as UTF-8 (what is none stands for itself), and once more without zeros."""
    found: set[int] = set()
    for places in (range(len(raw)), [i for i, byte in enumerate(raw) if byte]):
        text = bytes(raw[i] for i in places).decode(errors="surrogateescape")
        hidden, at = _hidden(text), 0
        for i, c in enumerate(text):
            size = len(c.encode(errors="surrogateescape"))
            if i in hidden:
                found.update(places[at : at + size])
            at += size
    return found


def _hidden_packed(raw: bytes) -> set[int]:
    """The half bytes of hidden packed digits."""
    found: set[int] = set()
    for run in _PACKED.finditer(raw.hex()):
        first, digits = run.start(), run["digits"]
        for start, end in _stretches([int(digit) for digit in digits]):
            bytes_of_it = raw[(first + start) // 2 : (first + end + 1) // 2]
            if digits.startswith(_CARDS, start) and not _is_text(bytes_of_it):
                found.update(range(first + start + 6, first + end - 4))
        last = first + len(digits)
        if run["rest"] and not _is_text(raw[(last - 12) // 2 : last // 2 + 1]):
            found.update(range(max(first, last - _PAN_DIGITS[-1]) + 6, last - 4), range(last + 1, run.end()))
    return found


def _is_text(raw: bytes) -> bool:
    return all(byte in b"0123456789 -=" for byte in raw)


def _hidden(text: str) -> set[int]:
    """The places of a text that must not be seen."""
    hidden: set[int] = set()
    runs = list(_GROUPED_DIGITS.finditer(text))
    for run in runs:
        places = [i for i in range(*run.span()) if text[i].isdigit()]
        for start, end in _stretches([unicodedata.digit(text[i]) for i in places]):
            hidden.update(places[start + 6 : end - 4])
    for track in _TRACK.finditer(text) if runs else ():
        start, end = track.span("number")
        hidden.update(range(max(start, end - _PAN_DIGITS[-1]) + 6, end - 4), range(end + 1, track.end()))
    return hidden


def _stretches(digits: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Where 13 to 19 of the digits in a row pass Luhn: start and end."""
    # Luhn of every stretch from running sums: doubled[p] has the digits at places of parity p doubled.
    doubled: tuple[list[int], list[int]] = ([0], [0])
    for i, digit in enumerate(digits):
        twice = digit * 2 - 9 if digit > 4 else digit * 2
        for parity in (0, 1):
            doubled[parity].append(doubled[parity][-1] + (twice if i % 2 == parity else digit))
    for end in range(_PAN_DIGITS.start, len(digits) + 1):
        sums = doubled[end % 2]  # the digit before the last one is doubled
        for start in range(max(0, end - _PAN_DIGITS[-1]), end - _PAN_DIGITS.start + 1):
            if (sums[end] - sums[start]) % 10 == 0:
                yield start, end
