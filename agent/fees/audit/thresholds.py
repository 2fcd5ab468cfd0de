"""Where detectors draw their lines: the table `[fees]` of a home's settings. The defaults are those of docs/domain.md §4, or
ours where it names none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, get_type_hints

import msgspec

if TYPE_CHECKING:
    from agent.settings import Settings


@dataclass(frozen=True, slots=True)
class Within:
    """What a whole number may be, both ends allowed."""

    least: int
    most: int


_Days = Annotated[int, Within(0, 366)]
_Ms = Annotated[int, Within(0, 86_400_000)]


class FeeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Spans in ms or days, amounts in minor units. A span's end belongs to it: ten minutes are within ten minutes.

    Raises ValueError for a number out of its range.
    """

    run_least: Annotated[int, Within(3, 1_000)] = 3
    """D01: so many lines at one rate are a run."""
    rounding_least: Annotated[int, Within(1, 100_000)] = 20
    rounding_percent: Annotated[int, Within(51, 100)] = 95
    """D15: so many lines one unit off, and so many per cent of all that are off in a month, are a way of rounding."""
    same_sale_ms: _Ms = 600_000
    """D04: two sales of one card and amount within it are suspect."""
    same_refund_ms: _Ms = 300_000
    """D06: two refunds of one sale and amount within it are suspect."""
    refund_as_sale_ms: _Ms = 1_800_000
    """D20: a sale so soon after a failed refund of the same card and amount."""
    refund_again_days: _Days = 31
    """D06: so long a refund is remembered, to know it when another settlement counts it again. Ours."""
    promo_before_days: _Days = 14
    promo_after_days: _Days = 31
    """D18: how long before and after its end an offer is spoken of. Ours."""
    fault_days: _Days = 30
    """D21: a major fault or a ticket so recent gives a reason for a support instalment. Ours."""
    month_percent: Annotated[int, Within(0, 1_000)] = 3
    month_minor: Annotated[int, Within(1, 1_000_000_000)] = 100
    """D22: a month's fees are far above when they exceed what was expected by more than so many per cent, and by so much."""
    sim_withheld_days: _Days = 31
    """D11: so long after a SIM fee fell due small sales may be withheld for it. Ours."""
    credit_days: _Days = 10
    """D12: a credit that is not here so long after it was due is missed, if others are recorded. Ours."""
    holiday_days: _Days = 10
    """D11: in a year whose holidays are not known, nothing is certain until so long after the due date. Ours."""
    ask_for_credits: bool = False
    """D12: a settlement without a bank's credit is shown, as UNKNOWN. Else only what is known is judged."""
    adjusted_after: Annotated[int, Within(1, 1_000)] = 10
    """Claims: so many right fees after the admission verify an adjustment."""
    remind_days: Annotated[int, Within(1, 366)] = 7
    """Reminder: so long nobody has looked at what the audit finds."""

    def __post_init__(self) -> None:
        for name, within in RANGES.items():
            value = getattr(self, name)
            if not within.least <= value <= within.most:
                raise ValueError(f"{name} is {value}; it may be {within.least} to {within.most}")


class Thresholds(FeeSettings, frozen=True, kw_only=True):
    """What an audit is done by."""

    time_zone: str = "Asia/Shanghai"
    """The merchant's: what a local day and an opening hour are."""


def _ranges() -> dict[str, Within]:
    hints = get_type_hints(FeeSettings, include_extras=True)
    told = {name: getattr(hint, "__metadata__", ()) for name, hint in hints.items()}
    return {name: one for name, notes in told.items() for one in notes if isinstance(one, Within)}


RANGES: Mapping[str, Within] = _ranges()
"""Of every whole number of the table."""


def thresholds_of(settings: Settings) -> Thresholds:
    """As a home's settings have them."""
    return Thresholds(time_zone=settings.time_zone, **msgspec.structs.asdict(settings.fees))
