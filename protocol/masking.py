"""No full card number leaves the place where a message is made.

PCI DSS allows at most the first six and last four digits of a card number after authorisation; 银发〔2016〕170号 forbids
keeping track data, CVV, expiry and PIN. Every text that comes off a wire passes `mask_text`, every card number `mask_pan`.
"""

from __future__ import annotations

import re
import unicodedata

_GROUPED_DIGITS = re.compile(r"\d(?:[\s\-.]?\d){12,}")
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


def mask_pan(pan: str) -> str:
    """A card number with at most its first six and last four digits to be seen: `622848******1234`.

    What is already masked comes back unchanged. Anything that is no digit and no mask sign is dropped.
    """
    shown = "".join(c if c == "*" else str(unicodedata.digit(c)) for c in pan if c == "*" or c.isdigit())
    if len(shown) < 11:
        return shown if "*" in shown or len(shown) <= 4 else "*" * (len(shown) - 4) + shown[-4:]
    return shown[:6] + "*" * (len(shown) - 10) + shown[-4:]


def mask_text(text: str) -> str:
    """Free text with every run of 13–19 digits that passes Luhn masked (spaces, dashes and full-width digits included)."""

    def masked(found: re.Match[str]) -> str:
        run = found.group()
        places = [i for i, c in enumerate(run) if c.isdigit()]
        digits = "".join(str(unicodedata.digit(run[i])) for i in places)
        hidden: set[int] = set()
        start = 0
        while start <= len(digits) - _PAN_DIGITS.start:
            for length in reversed(_PAN_DIGITS):
                if start + length <= len(digits) and luhn(digits[start : start + length]):
                    hidden.update(places[start + 6 : start + length - 4])
                    start += length
                    break
            else:
                start += 1
        return "".join("*" if i in hidden else c for i, c in enumerate(run))

    return _GROUPED_DIGITS.sub(masked, text) if len(text) >= _PAN_DIGITS.start else text
