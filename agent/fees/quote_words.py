"""The steps of a quote in words."""

from __future__ import annotations

from agent.fees.calculation import Code, Step
from agent.figures import CNY, amount
from agent.language import _


def percent(ppm: int) -> str:
    """A rate as people write it, exactly: 6000 ppm is `0.6%`, 325 is `0.0325%`."""
    whole, rest = divmod(ppm, 10_000)
    return f"{whole}.{rest:04d}".rstrip("0").rstrip(".") + "%"


def explain(step: Step, currency: int = CNY) -> str:
    """One line in the reader's language. currency: ISO 4217 numeric code of the quote's amounts."""
    numbers = {name: value for name, value in step.values.items() if isinstance(value, int)}
    said = {name: amount(value, currency) for name, value in numbers.items() if name.endswith("minor")}
    said |= {name: percent(value) for name, value in numbers.items() if name.endswith("ppm")}
    if "millionths" in numbers:
        said["exact"] = _exact(numbers["millionths"], currency)
    return _sentence(step).format(**said)


def _sentence(step: Step) -> str:
    if step.code is Code.ROUNDED:
        return {
            "UP": _("{exact} rounded up is {minor}"),
            "DOWN": _("{exact} rounded down is {minor}"),
            "HALF_UP": _("{exact} rounded half up is {minor}"),
            "UNKNOWN": _("{exact} rounded half up, as no rounding was agreed, is {minor}"),
        }[str(step.values["rounding"])]
    return {
        Code.PERCENTAGE: _("{ppm} of {amount_minor} is {exact}"),
        Code.BAND: _("between {low_ppm} and {high_ppm} of {amount_minor}: no rate is signed, only a range is stated"),
        Code.TIER: _("tier: {ppm} of {amount_minor} is {exact}"),
        Code.CAP: _("at most {minor}: the cap"),
        Code.CAP_UNCLEAR: _("a cap of {minor} is advertised, and nothing signed says whether it covers this product"),
        Code.MINIMUM: _("at least {minor}: the minimum"),
        Code.PER_ITEM: _("{minor} more for every transaction"),
        Code.CAP_OF_ALL: _("at most {minor}: the cap is of everything together"),
        Code.T0: _("T+0, a line of its own: {fixed_minor} and {ppm} of {amount_minor} make {minor}"),
        Code.T0_UNDER_CAP: _("of it the cap of {cap_minor} leaves {minor}"),
        Code.SUM: _("together {minor}"),
        Code.RANGE: _("together between {low_minor} and {high_minor}"),
        Code.UNKNOWN: _("the tariff does not say enough: the fee is unknown"),
    }[step.code]


def _exact(millionths: int, currency: int) -> str:
    """Millionths of a minor unit, in full: 74070000 is `¥0.7407`."""
    minor, rest = divmod(millionths, 1_000_000)
    digits = f"{rest:06d}".rstrip("0")
    if currency != CNY:
        return f"{minor}{'.' * bool(digits)}{digits}/{currency}"
    return amount(minor) + digits
