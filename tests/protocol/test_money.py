"""Money: integers of minor units, below 2^53, of an ISO 4217 numeric currency."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from protocol.money import CNY, LARGEST_MINOR, Money


def test_bounds() -> None:
    assert CNY == 156  # ISO 4217: renminbi
    assert LARGEST_MINOR == 9_007_199_254_740_991
    assert Money(-LARGEST_MINOR).minor == -9_007_199_254_740_991
    assert Money(1, 999) == Money(1, 999) != Money(1, 156)


@pytest.mark.parametrize("wrong", [1.0, 0.1, True, "1", Decimal(1), None])
def test_only_integers(wrong: Any) -> None:
    with pytest.raises(TypeError):
        Money(wrong)
    with pytest.raises(TypeError):
        Money(1, wrong)


@pytest.mark.parametrize(("minor", "currency"), [(2**53, 156), (-(2**53), 156), (1, 0), (1, -1), (1, 1000)])
def test_out_of_bounds(minor: int, currency: int) -> None:
    with pytest.raises(ValueError, match="out of bounds"):
        Money(minor, currency)
