"""What a contract's TOML may say, table by table, and how a value of it is read (docs/fees.md, "A contract as a file").

A figure stands either as an integer (`cap_minor = 2000`, `rate_ppm = 6000`) or as a text in people's words (`cap = "20.00"`,
`rate = "0.6%"`). A TOML number with a decimal point is refused: 0.6 is no number of a computer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from agent.fees.contract.tariff import Basis, Bearer, CapScope, FeeBasis, FeeReturn, RefundBase, Rounding, TierMode
from agent.fees.contract.terms import FeesTaken, Per
from agent.fees.contract.written import HIGHEST_PPM, NotWritten, meant, minor_of, ppm_of
from agent.fees.quote_words import percent
from agent.language import _
from protocol.masking import mask_text
from protocol.messages import FeeType, Product, SettlementMode
from protocol.money import LARGEST_MINOR

LONGEST_TEXT = 1_000
"""Characters."""
MOST_PPM = 1_000_000
LONGEST_DAYS = 36_600
"""Days: a hundred years."""
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_HOURS = re.compile(rf"{_CLOCK}-{_CLOCK}|closed")

Read = Callable[[object], Any]


@dataclass(frozen=True, slots=True)
class Broken:
    """A TOML number with a decimal point, as it is written: never made a float."""

    written: str


@dataclass(frozen=True, slots=True)
class Field:
    """to: the record's field. read: of the TOML value; raises NotWritten."""

    to: str
    read: Read


Fields = Mapping[str, Field]


def text(value: object) -> str:
    """A text of a person, NFC, on one line, without a card's number. Raises NotWritten."""
    return mask_text(_number(value))


def _number(value: object) -> str:
    if not isinstance(value, str):
        raise NotWritten(_('expected a text: write it in quotes, "like this"') + _instead(value))
    plain = unicodedata.normalize("NFC", value).strip()
    if not plain or len(plain) > LONGEST_TEXT:
        raise NotWritten(_("expected a text of 1 to {most} characters").format(most=LONGEST_TEXT))
    if any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in plain):
        raise NotWritten(_("expected a text on one line, without control characters"))
    return plain


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise NotWritten(_("expected true or false") + _instead(value))
    return value


def _day(value: object) -> date:
    if type(value) is not date:
        raise NotWritten(_("expected a date without quotes, like 2026-03-02") + _instead(value))
    return value


def _days(least: int) -> Read:
    def read(value: object) -> int:
        if type(value) is not int or not least <= value <= LONGEST_DAYS:
            raise NotWritten(
                _("expected a whole number of days, {least} to {most}").format(least=least, most=LONGEST_DAYS)
                + _instead(value)
            )
        return value

    return read


def _currency(value: object) -> int:
    if type(value) is not int or not 1 <= value <= 999:
        raise NotWritten(_("expected the number of a currency (ISO 4217), 156 for yuan") + _instead(value))
    return value


def _minor(value: object) -> int:
    if isinstance(value, Broken):
        raise NotWritten(
            _(
                '{written} has a decimal point: write whole fen, or the yuan in quotes without "_minor" in the name'
            ).format(written=value.written)
        )
    if type(value) is not int or value > LARGEST_MINOR:
        raise NotWritten(_("expected a whole number of fen") + _instead(value))
    if value < 0:
        raise NotWritten(_("an amount is not negative"))
    return value


def yuan(value: object) -> int:
    """Fen of an amount in people's words. Raises NotWritten."""
    if isinstance(value, Broken):
        raise NotWritten(
            _('{written} has a decimal point: write it in quotes, "{written}"').format(written=value.written)
        )
    if not isinstance(value, str):
        raise NotWritten(_('expected yuan in quotes, like "20.00"') + _instead(value))
    return minor_of(value)


def _ppm(value: object) -> int:
    if isinstance(value, Broken):
        raise NotWritten(
            _('{written} has a decimal point: write whole ppm (6000 is 0.6%), or rate = "0.6%"').format(
                written=value.written
            )
        )
    if type(value) is not int or not 0 <= value <= MOST_PPM:
        raise NotWritten(_("expected a whole number of ppm, 0 to 1000000 (6000 is 0.6%)") + _instead(value))
    return value


def _rate(value: object) -> int:
    if isinstance(value, Broken):
        raise NotWritten(
            _('{written} has a decimal point: write it in quotes with its sign, did you mean "{written}%"?').format(
                written=value.written
            )
        )
    if not isinstance(value, str):
        raise NotWritten(_('expected a rate in quotes, like "0.6%"') + _instead(value))
    ppm = ppm_of(value)
    if ppm > MOST_PPM:
        raise NotWritten(_("a rate is at most 100%"))
    return ppm


def _digest(value: object) -> bytes:
    if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{64}", value):
        raise NotWritten(_("expected a SHA-256: 64 digits 0-9 a-f in quotes") + _instead(value))
    return bytes.fromhex(value)


def _matching(pattern: re.Pattern[str], expected: Callable[[], str]) -> Read:
    def read(value: object) -> str:
        plain = unicodedata.normalize("NFKC", value).replace(" ", "") if isinstance(value, str) else ""
        if not pattern.fullmatch(plain):
            raise NotWritten(expected() + _instead(value))
        return plain

    return read


def _choice(of: type[StrEnum]) -> Read:
    names = {member.value.casefold(): member for member in of}

    def read(value: object) -> StrEnum:
        found = names.get(value.casefold()) if isinstance(value, str) else None
        if found is None:
            listed = ", ".join(f'"{member}"' for member in of)
            raise NotWritten(_("expected one of {listed}").format(listed=listed) + _instead(value))
        return found

    return read


def _instead(value: object) -> str:
    """What stands there, for the end of a sentence; long texts, lists and tables are not repeated."""
    if isinstance(value, str) and len(value) <= 40:
        return _(", not {found}").format(found=f'"{mask_text(printable(value))}"')
    if isinstance(value, Broken):
        return _(", not {found}").format(found=value.written[:40])
    if type(value) in (bool, int, date):
        return _(", not {found}").format(found=mask_text(str(value).lower()[:40]))
    return ""


def printable(text: str) -> str:
    """Without signs that would steer a terminal."""
    return "".join(sign if sign.isprintable() else "�" for sign in text)


def too_high(ppm: int) -> str | None:
    """What to say of a rate that no merchant pays; None where it may be one."""
    if ppm <= HIGHEST_PPM:
        return None
    said = _("{rate} is more than {highest}").format(rate=percent(ppm), highest=percent(HIGHEST_PPM))
    if (likely := meant(ppm)) is not None:
        said += _(": did you mean {rate}?").format(rate=likely)
    return said + " " + _("If it is right, add confirmed_high_rate = true")


def _each(read: Read, *names: str) -> dict[str, Field]:
    return {name: Field(name, read) for name in names}


def _amounts(*names: str) -> dict[str, Field]:
    """`cap_minor` in fen, and `cap` in yuan."""
    both = {}
    for name in names:
        both[name] = Field(name, _minor)
        both[name.removesuffix("_minor")] = Field(name, yuan)
    return both


def _rates(**words: str) -> dict[str, Field]:
    """`rate_ppm` in ppm, and `rate` in percent; by the words' key."""
    both = {}
    for word, name in words.items():
        both[f"{word}_ppm"] = Field(name, _ppm)
        both[word] = Field(name, _rate)
    return both


KEYS = ("contract_ref", "device_model", "signup_channel", "mcc_class", "size", "region")
"""By what a tariff may be keyed."""
AGREED: Fields = {
    "basis": Field("basis", _choice(Basis)),
    "fee_return": Field("fee_return", _choice(FeeReturn)),
    "rounding": Field("rounding", _choice(Rounding)),
    "fee_basis": Field("fee_basis", _choice(FeeBasis)),
}
"""What [contract] may say for all tariffs of the file; a [[tariff]]'s own word goes before it."""
CONTRACT: Fields = {
    **_each(text, "provider", *KEYS, "source"),
    **_each(_day, "valid_from"),
    **_each(_flag, "nothing_else_agreed"),
    "currency": Field("currency", _currency),
    **AGREED,
}
REGISTRATION: Fields = {
    **_each(_number, "mid", "tid"),  # digits that may look like a card's
    **_each(text, "serial_number", "mcc", "merchant_name", "source"),
    **_each(_day, "valid_from"),
}
SIM: Fields = {
    **_each(_day, "activated"),
    "free_days": Field("free_days", _days(0)),
    "period_days": Field("period_days", _days(1)),
    **_amounts("amount_minor"),
    **_each(text, "source"),
}
SETTLEMENT: Fields = {
    **_each(_day, "valid_from"),
    "mode": Field("mode", _choice(SettlementMode)),
    "cut_off": Field("cut_off", _matching(re.compile(_CLOCK), lambda: _('expected a time of day, like "22:30"'))),
    "fees": Field("fees", _choice(FeesTaken)),
    **_each(_flag, "t0_agreed"),
    **_each(text, "source"),
}
WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
HOURS: Fields = {
    **{day: Field(day, _matching(_HOURS, lambda: _('expected "09:00-22:00" or "closed"'))) for day in WEEK},
    **_each(_day, "valid_from"),
    **_each(text, "source"),
}
LISTED_FEE: Fields = {
    "type": Field("type", _choice(FeeType)),
    **_each(text, "name", "source"),
    **_amounts("amount_minor"),
    **_rates(rate="rate_ppm"),
    "per": Field("per", _choice(Per)),
    **_each(_day, "valid_from"),
}
TIER: Fields = {**_amounts("up_to_minor"), **_rates(rate="rate_ppm")}
REFUND_FEE: Fields = {
    **_rates(rate="ppm"),
    "base": Field("base", _choice(RefundBase)),
    **_amounts("fixed_minor", "minimum_minor", "cap_minor"),
    "free_days": Field("free_days", _days(0)),
    "bearer": Field("bearer", _choice(Bearer)),
}
TARIFF: Fields = {
    "product": Field("product", _choice(Product)),
    **_each(text, "provider", *KEYS, "notice", "notice_means", "consent_by", "source"),
    **_each(_day, "effective_from", "effective_to", "published", "consent_at"),
    **_each(_flag, "cap_unclear", "net_credited", "promo", "confirmed_high_rate"),
    **_rates(rate="rate_ppm", band_low="band_low_ppm", band_high="band_high_ppm", t0="t0_ppm"),
    **_amounts("cap_minor", "minimum_minor", "per_item_minor", "t0_fixed_minor"),
    "tier_mode": Field("tier_mode", _choice(TierMode)),
    "cap_scope": Field("cap_scope", _choice(CapScope)),
    **{name: Field(name, _digest) for name in ("notice_sha256", "consent_evidence_sha256")},
    **AGREED,
}
