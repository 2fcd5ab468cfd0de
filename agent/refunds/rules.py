"""The shop's own rules of money back: the table `[refunds]` of a home's settings."""

from __future__ import annotations

from typing import Annotated

import msgspec

_Minor = Annotated[int, msgspec.Meta(ge=0, le=10_000_000_000)]


class RefundSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Amounts in minor units, 0: no such limit; windows in days, the day of sale not counted.

    The windows' defaults are those of docs/domain.md §6; the amounts are ours.
    """

    card_days: Annotated[int, msgspec.Meta(ge=15, le=180)] = 30
    qr_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 365
    times: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 20
    """So many refunds of one sale at most."""
    cashier_minor: _Minor = 50_000
    """Above it a manager confirms too."""
    manager_minor: _Minor = 500_000
    """Above it two managers confirm, or, where there is one, he again with a reason."""
    operator_day_minor: _Minor = 0
    """By one operator on one day."""
    day_minor: _Minor = 0
    """By all on one day."""
