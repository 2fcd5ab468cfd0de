"""Money as an integer of minor units. No float comes near it."""

from __future__ import annotations

from dataclasses import dataclass

CNY = 156
"""ISO 4217 numeric code of the renminbi; one minor unit is 1 分."""

LARGEST_MINOR = 2**53 - 1
"""Integers on the wire and in the journal stay below 2^53 (RFC 8785: what every JSON reader keeps exact)."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units of one currency.

    minor: signed count of minor units (分 for CNY), |minor| < 2^53.
    currency: ISO 4217 numeric code, 1..999.

    Raises TypeError for anything but int (a float, a bool), ValueError out of bounds.
    """

    minor: int
    currency: int = CNY

    def __post_init__(self) -> None:
        if type(self.minor) is not int or type(self.currency) is not int:
            raise TypeError("money is an integer of minor units")
        if abs(self.minor) > LARGEST_MINOR or not 1 <= self.currency <= 999:
            raise ValueError(f"amount out of bounds: {self.minor} of currency {self.currency}")
