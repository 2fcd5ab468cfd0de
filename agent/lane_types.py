"""What a user interface is shown of money requests; `agent.views` hands these on with the rest."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LaneState(StrEnum):
    """What the one lane for money requests is at."""

    IDLE = "idle"
    RECORDING = "recording"
    """Intent or outcome is on its way to the disk."""
    ASKED = "asked"
    """The terminal is at work on it."""
    UNKNOWN = "unknown"
    """What became of it is not known: the terminal is asked as soon as it answers; nothing else goes out."""


@dataclass(frozen=True, slots=True)
class LaneView:
    """The lane for money requests. reference, action, amount_minor, currency: of the request it is busy with.

    since: when that began, or its outcome became unknown (ms UTC). stage: how far the terminal says it is. parked: how many
    were put aside without an outcome. rolled_back: nothing goes out until a person has looked into the terminal's log.
    """

    state: LaneState = LaneState.IDLE
    reference: str | None = None
    action: str | None = None
    amount_minor: int | None = None
    currency: int | None = None
    since: int = 0
    stage: str | None = None
    parked: int = 0
    rolled_back: bool = False


@dataclass(frozen=True, slots=True)
class MoneyView:
    """A money request and what became of it. state: `approved`, `declined`, `voided`; `unknown` while nobody knows.

    amount_minor, currency: what the terminal says it was, once approved, else what was asked. differs: that is not what was
    asked. learned_by: `result`, `status`, `transaction`, `error` or `manual`. contradicts: what was recorded before.
    """

    reference: str
    action: str
    state: str
    amount_minor: int | None = None
    currency: int | None = None
    differs: bool = False
    learned_by: str | None = None
    response_code: str | None = None
    trace: str | None = None
    batch: str | None = None
    rrn: str | None = None
    auth_code: str | None = None
    contradicts: str | None = None
    operator: str | None = None


@dataclass(frozen=True, slots=True)
class IntentView:
    """A money request as the journal holds it. seq, at: of its intent's entry (at: ms UTC). state: as MoneyView's, or
    `parked`. amount_minor, currency: as asked."""

    seq: int
    at: int
    reference: str
    action: str
    state: str
    amount_minor: int | None = None
    currency: int | None = None
    original_reference: str | None = None
    operator: str | None = None


@dataclass(frozen=True, slots=True)
class IntentDetail:
    """A money request whole: its row, and the journal entries that speak of it (decoded bodies, in journal order)."""

    row: IntentView
    entries: tuple[dict[str, object], ...]
