"""No full card number leaves the place where a message is made.

PCI DSS allows at most the first six and last four digits of a card number after authorisation; 银发〔2016〕170号 forbids
keeping track data, CVV, expiry and PIN. Every text that comes off a wire passes `mask_text`, every card number `mask_pan`.
"""

from __future__ import annotations

import re
import unicodedata

_GROUPED_DIGITS = re.compile(r"\d(?:[\s\-./_·\u200b-\u200d\u2060\ufeff]{0,3}\d){12,}")
_PAN_DIGITS = range(13, 20)


def luhn(digits: str) -> bool:
    """True if the ASCII digits end in the right Luhn check digit (ISO/IEC 7812-1 annex B)."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit)
        if position % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0


_SHORT_CARDS = ((15, ("34", "37")), (14, ("30", "36", "38")), (13, ("4",)))
"""Lengths and beginnings of card numbers shorter than 16 digits: American Express, Diners Club, old Visa."""


def is_short_card(text: str) -> bool:
    """True for a whole card number of 13 to 15 ASCII digits: what an identifier must not be."""
    return any(
        len(text) == n and text.startswith(starts) and text.isdigit() and luhn(text) for n, starts in _SHORT_CARDS
    )


def mask_pan(pan: str) -> str:
    """A card number with at most its first six and last four digits to be seen: `622848******1234`.

    What is already masked comes back unchanged. Anything that is no digit and no mask sign is dropped.
    """
    shown = "".join(c if c == "*" else str(unicodedata.digit(c)) for c in pan if c == "*" or c.isdigit())
    if len(shown) < 11:
        return shown if "*" in shown or len(shown) <= 4 else "*" * (len(shown) - 4) + shown[-4:]
    return shown[:6] + "*" * (len(shown) - 10) + shown[-4:]


def mask_text(text: str) -> str:
    """Free text in which no 13–19 digits in a row that pass Luhn show more than their first six and last four.

    Up to three spaces, dashes, dots, strokes or zero-width signs between digits do not hide a number, nor do full-width
    digits, nor other digits before or after: every stretch of such a run is tried. Masking twice changes nothing.
    """
    return _GROUPED_DIGITS.sub(_mask_run, text) if len(text) >= _PAN_DIGITS.start else text


def _mask_run(found: re.Match[str]) -> str:
    run = found.group()
    places = [i for i, c in enumerate(run) if c.isdigit()]
    digits = [unicodedata.digit(run[i]) for i in places]
    # Luhn of every stretch from running sums: doubled[p] has the digits at places of parity p doubled.
    doubled: tuple[list[int], list[int]] = ([0], [0])
    for i, digit in enumerate(digits):
        twice = digit * 2 - 9 if digit > 4 else digit * 2
        for parity in (0, 1):
            doubled[parity].append(doubled[parity][-1] + (twice if i % 2 == parity else digit))
    hidden: set[int] = set()
    for end in range(_PAN_DIGITS.start, len(digits) + 1):
        sums = doubled[end % 2]  # the digit before the last one is doubled
        for start in range(max(0, end - _PAN_DIGITS[-1]), end - _PAN_DIGITS.start + 1):
            if (sums[end] - sums[start]) % 10 == 0:
                hidden.update(places[start + 6 : end - 4])
    return "".join("*" if i in hidden else c for i, c in enumerate(run))
