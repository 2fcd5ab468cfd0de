"""What goes into the pump and what comes out of it: frozen dataclasses, so that a step can be written down and replayed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from agent.journal.heads import Verdict
from agent.journal.kinds import Fact
from agent.views import LinkState, Notice, PairingView
from protocol.events import FailReason
from protocol.messages import Reply, Request, TerminalHello

# Inputs


@dataclass(frozen=True, slots=True)
class PortOpened:
    pass


@dataclass(frozen=True, slots=True)
class PortLost:
    reason: str


@dataclass(frozen=True, slots=True)
class LineBytes:
    data: bytes


@dataclass(frozen=True, slots=True)
class Due:
    """The pump's deadline has come."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """Durable under a signed head of `size` entries. last_event: log epoch and number of the last event, if any."""

    last_event: tuple[str, int] | None
    size: int
    note: str


@dataclass(frozen=True, slots=True)
class RecordFailed:
    """Nothing of these facts of that attempt was recorded. what, todo: for a person."""

    attempt: int
    facts: tuple[Fact, ...]
    what: str
    todo: str


@dataclass(frozen=True, slots=True)
class HeadCompared:
    """recorded: this mismatch stands in the journal already."""

    note: str
    verdict: Verdict
    recorded: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """A question of the desk. token: comes back in the Answer."""

    token: int
    message: Request


@dataclass(frozen=True, slots=True)
class Pair:
    """Begin a pairing. token: comes back in Done, here and in the next three."""

    token: int = 0


@dataclass(frozen=True, slots=True)
class ConfirmPairing:
    """A person saw that number at both ends. replace: also where another key is pinned."""

    number: str
    replace: bool = False
    token: int = 0


@dataclass(frozen=True, slots=True)
class CancelPairing:
    token: int = 0


@dataclass(frozen=True, slots=True)
class Unpair:
    """Forget the pinned key."""

    token: int = 0


@dataclass(frozen=True, slots=True)
class Pinned:
    """What Pin asked for is durable."""

    peer: bytes | None


@dataclass(frozen=True, slots=True)
class PinFailed:
    """The disk still holds what it held before."""

    reason: str


@dataclass(frozen=True, slots=True)
class Leave:
    """The agent stops: say goodbye on the line."""


PairingOrder = Pair | ConfirmPairing | CancelPairing | Unpair
PairingInput = PairingOrder | Pinned | PinFailed
Input = PortOpened | PortLost | LineBytes | Due | Recorded | RecordFailed | HeadCompared | Ask | PairingInput | Leave

# Actions


@dataclass(frozen=True, slots=True)
class Write:
    data: bytes


@dataclass(frozen=True, slots=True)
class Record:
    """Make these facts durable, in order, at this time (ms UTC). A store that failed takes none of an older attempt."""

    attempt: int
    at: int
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class CompareHead:
    """Hold the journal against the head that the terminal remembers."""

    note: str


@dataclass(frozen=True, slots=True)
class Answer:
    """reply: None where the terminal gave none; failed says why."""

    token: int
    reply: Reply | None
    failed: FailReason | None = None


class Refusal(StrEnum):
    """Why a pairing order was not carried out."""

    NOT_SPOKEN = "not_spoken"
    """The dialect has no pairing."""
    NO_LINE = "no_line"
    NOTHING_TO_CONFIRM = "nothing_to_confirm"
    OTHER_NUMBER = "other_number"
    OTHER_KEY_PINNED = "other_key_pinned"
    """And nobody said that it is to be replaced."""
    FAILED = "failed"
    """The pairing came to nothing after all."""
    NOT_KEPT = "not_kept"
    """The disk did not take the key."""


@dataclass(frozen=True, slots=True)
class Done:
    """A pairing order is carried out, durably, or refused."""

    token: int
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Pin:
    """Keep this key as the terminal's, None for none, durably; then give Pinned or PinFailed before any other input.

    Nothing is written to the line in between.
    """

    peer: bytes | None


@dataclass(frozen=True, slots=True)
class Show:
    """The line's state for the screens. hello: of the terminal that answers. pinned: the terminal's public key."""

    state: LinkState
    notices: tuple[Notice, ...]
    hello: TerminalHello | None
    pinned: bytes | None = None
    pairing: PairingView | None = None


Action = Write | Record | CompareHead | Answer | Done | Pin | Show
