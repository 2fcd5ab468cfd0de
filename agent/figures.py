"""Integers into what a person reads: amounts, rates, times. Integer arithmetic alone."""

from __future__ import annotations

import sys
from datetime import datetime
from zoneinfo import ZoneInfo

CNY = 156
"""ISO 4217 numeric code of the renminbi."""


def amount(minor: int, currency: int = CNY, yuan_sign: str = "¥") -> str:
    """Minor units as a person writes them: 123456 分 is `¥1,234.56`, below zero `-¥0.05`.

    A currency whose minor digits are not known here is shown in plain minor units with its ISO 4217 number: `1234/392`.
    """
    sign, size = ("-" if minor < 0 else ""), abs(minor)
    if currency != CNY:
        return f"{sign}{size}/{currency}"
    return f"{sign}{yuan_sign}{size // 100:,}.{size % 100:02d}"


def rate(fees_minor: int, sales_minor: int) -> str:
    """Fees over sales in percent to three decimals, half up by size: 600 on 100000 is `0.600%`; `-` without sales."""
    if sales_minor <= 0:
        return "-"
    thousandths = (abs(fees_minor) * 100_000 * 2 + sales_minor) // (2 * sales_minor)
    return f"{'-' if fees_minor < 0 and thousandths else ''}{thousandths // 1000}.{thousandths % 1000:03d}%"


def local_time(at: int, zone: str) -> str:
    """`2026-03-02 20:54:26` in the merchant's time zone; at: ms UTC."""
    return datetime.fromtimestamp(at // 1000, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")


def printable_yuan_sign() -> str:
    """`¥` (U+00A5) where standard output can say it, else `￥`, which GBK has, else nothing.

    Under the screens standard output is theirs and has no encoding: they draw what they are given.
    """
    encoding = getattr(sys.stdout, "encoding", "utf-8") or "ascii"
    for sign in ("¥", "￥"):
        try:
            sign.encode(encoding)
        except (UnicodeEncodeError, LookupError):
            continue
        return sign
    return ""
