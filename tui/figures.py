"""Integers into what a person reads: amounts, rates, dates, clocks. Integer arithmetic alone."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta, timezone

from agent import figures
from agent.figures import CNY, rate
from tui.console import drawable

MERCHANT_ZONE = timezone(timedelta(hours=8))
"""Asia/Shanghai: UTC+8 without daylight saving since 1991, so no time zone database is needed."""

__all__ = ["CNY", "amount", "card_tail", "clock", "date", "moment", "plain", "rate"]


def amount(minor: int, currency: int = CNY) -> str:
    """`agent.figures.amount`, with the yuan sign that this terminal can draw."""
    return figures.amount(minor, currency, drawable("¥", "￥"))


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
