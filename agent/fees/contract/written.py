"""What people write of money, exactly into integers: `20.00` yuan are 2000 fen, `0.6%` are 6000 ppm."""

from __future__ import annotations

import re
import unicodedata

from agent.fees.quote_words import percent
from agent.language import _
from protocol.money import LARGEST_MINOR

HIGHEST_PPM = 30_000
"""No merchant pays more than 3% of a sale unless somebody confirms it: 0.6 typed for 0.6% reads as 60%."""
_AMOUNT = re.compile(r"¥?\s*([0-9]{1,3}(?:,[0-9]{3}){1,5}|[0-9]{1,15})(?:\.([0-9]+))?\s*元?")
_PERCENT = re.compile(r"([0-9]{1,3})(?:\.([0-9]+))?\s*(%?)")


class NotWritten(ValueError):
    """It is no such figure; the text says why, in the reader's language."""


def minor_of(text: str) -> int:
    """Minor units of an amount in yuan: `4001.00`, `4,001`, `¥20`, `20元`, also in full-width signs. Raises NotWritten."""
    plain = _plain(text)
    if plain.startswith("-"):
        raise NotWritten(_("an amount is not negative"))
    found = _AMOUNT.fullmatch(plain)
    if found is None:
        raise NotWritten(_("no amount in yuan: write it as 4001.00"))
    whole, broken = found[1].replace(",", ""), found[2] or ""
    if len(broken) > 2:
        raise NotWritten(_("an amount has at most two decimals: less than a fen cannot be paid"))
    minor = int(whole) * 100 + int(broken.ljust(2, "0"))
    if minor > LARGEST_MINOR:
        raise NotWritten(_("more money than there is"))
    return minor


def ppm_of(text: str) -> int:
    """Parts per million of a rate in percent: `0.6%`, `0.0325 %`, also in full-width signs. Raises NotWritten."""
    plain = _plain(text)
    if plain.startswith("-"):
        raise NotWritten(_("a rate is not negative"))
    found = _PERCENT.fullmatch(plain)
    if found is None:
        raise NotWritten(_('no rate: write it as "0.6%"'))
    whole, broken, sign = found[1], found[2] or "", found[3]
    if not sign:
        raise NotWritten(_('a rate needs its sign: did you mean "{rate}%"?').format(rate=plain))
    if len(broken) > 4:
        raise NotWritten(_("a rate has at most four decimals of a percent"))
    return int(whole) * 10_000 + int(broken.ljust(4, "0"))


def meant(ppm: int) -> str | None:
    """What a rate above the highest was most likely meant to be: 600000 ppm (60%) is `0.6%`; None where nothing fits."""
    return percent(ppm // 100) if ppm % 100 == 0 and 0 < ppm // 100 <= HIGHEST_PPM else None


def _plain(text: str) -> str:
    """Full-width digits and signs as ASCII, every minus sign as `-`, without spaces around."""
    return unicodedata.normalize("NFKC", text).strip().replace("−", "-").replace("–", "-").replace("。", ".")
