"""Where detectors draw their lines. The defaults are those of docs/domain.md §4, or ours where it names none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Spans in ms or days, amounts in minor units. A span's end belongs to it: ten minutes are within ten minutes."""

    time_zone: str = "Asia/Shanghai"
    """The merchant's: what a local day and an opening hour are."""
    run_least: int = 3
    """D01: so many lines at one rate are a run."""
    rounding_least: int = 20
    rounding_percent: int = 95
    """D15: so many lines one unit off, and so many per cent of all that are off in a month, are a way of rounding."""
    same_sale_ms: int = 600_000
    """D04: two sales of one card and amount within it are suspect."""
    same_refund_ms: int = 300_000
    """D06: two refunds of one sale and amount within it are suspect."""
    refund_as_sale_ms: int = 1_800_000
    """D20: a sale so soon after a failed refund of the same card and amount."""
    refund_again_days: int = 31
    """D06: so long a refund is remembered, to know it when another settlement counts it again. Ours."""
    promo_before_days: int = 14
    promo_after_days: int = 31
    """D18: how long before and after its end an offer is spoken of. Ours."""
    fault_days: int = 30
    """D21: a major fault or a ticket so recent gives a reason for a support instalment. Ours."""
    month_percent: int = 3
    month_minor: int = 100
    """D22: a month's fees are far above when they exceed what was expected by more than so many per cent, and by so much."""
    sim_withheld_days: int = 31
    """D11: so long after a SIM fee fell due small sales may be withheld for it. Ours."""
    credit_days: int = 10
    """D12: a credit that is not here so long after it was due is missed, if others are recorded. Ours."""
    holiday_days: int = 10
    """D11: in a year whose holidays are not known, nothing is certain until so long after the due date. Ours."""
    ask_for_credits: bool = False
    """D12: a settlement without a bank's credit is shown, as UNKNOWN. Else only what is known is judged."""


def thresholds_of(settings: Settings) -> Thresholds:
    """As a home's settings have them."""
    return Thresholds(time_zone=settings.time_zone, month_percent=settings.fees_alert_percent)
