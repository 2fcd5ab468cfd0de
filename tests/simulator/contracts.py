"""A tariff of one rate, for tests of the sums."""

from __future__ import annotations

from datetime import date
from typing import Any

from protocol.messages import Product
from simulator.tariffs import Tariff


def tariff(rate: int, cap: int | None = None, **more: Any) -> Tariff:
    """rate: ppm; cap: minor units, None for none; more: fields of Tariff."""
    return Tariff((Product.CREDIT,), rate, cap, date(2012, 1, 1), None, promo=False, fixture=True, source="", **more)
