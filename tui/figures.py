"""Integers into what a person reads: amounts, rates, dates, clocks. Integer arithmetic alone."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta, timezone

from tui.console import drawable

CNY = 156
MERCHANT_ZONE = timezone(timedelta(hours=8))
"""Asia/Shanghai: UTC+8 without daylight saving since 1991, so no time zone database is needed."""


def amount(minor: int, currency: int = CNY) -> str:
    """Minor units as a person writes them: 123456 分 is `¥1,234.56`, below zero `-¥0.05`.

    A currency whose minor digits are not known here is shown in plain minor units with its ISO 4217 number: `1234/392`.
    """
    sign, size = ("-" if minor < 0 else ""), abs(minor)
    if currency != CNY:
        return f"{sign}{size}/{currency}"
    return f"{sign}{drawable('¥', '￥')}{size // 100:,}.{size % 100:02d}"


def rate(fees_minor: int, sales_minor: int) -> str:
    """Fees over sales in percent to three decimals, half up by size: 600 on 100000 is `0.600%`; `-` without sales."""
    if sales_minor <= 0:
        return "-"
    thousandths = (abs(fees_minor) * 100_000 * 2 + sales_minor) // (2 * sales_minor)
    return f"{'-' if fees_minor < 0 and thousandths else ''}{thousandths // 1000}.{thousandths % 1000:03d}%"


def moment(at: int) -> datetime:
    """ms UTC as the merchant's local time."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)).astimezone(MERCHANT_ZONE)


def date(at: int) -> str:
    """The merchant's ISO date of ms UTC."""
    return moment(at).date().isoformat()


def clock(at: int, seconds: bool = False) -> str:
    """`14:05`, or `14:05:09`, in the merchant's time zone."""
    return f"{moment(at):%H:%M:%S}" if seconds else f"{moment(at):%H:%M}"


def card_tail(masked_pan: str | None) -> str:
    """The last four digits behind one star, or nothing."""
    return f"*{masked_pan[-4:]}" if masked_pan else ""


def plain(text: str) -> str:
    """Text from outside without control and direction characters: it must not move the cursor or turn the line."""
    return "".join(c for c in text if unicodedata.category(c)[0] != "C")
