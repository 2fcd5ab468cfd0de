"""What goes into the pump and what comes out of it: frozen dataclasses, so that a step can be written down and replayed."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from agent.journal.heads import Verdict
from agent.journal.kinds import EventContradicted, Fact
from agent.journal.money_kinds import MoneyOutcome
from agent.orders import MoneyAction, MoneyOrder, MoneyState
from agent.views import LaneView, LinkState, Notice, PairingView
from protocol.events import FailReason
from protocol.messages import Reply, Request, TerminalHello

__all__ = ["MoneyAction", "MoneyOrder", "MoneyState"]

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
    """Durable under a signed head of `size` entries. last_event: log epoch and number of the last event, if any.

    facts: all that was asked for in that commit, in order; no money request goes out before its intent stands here.
    contradictions: what the log had told before in other words.
    """

    last_event: tuple[str, int] | None
    size: int
    note: str
    facts: tuple[Fact, ...] = ()
    contradictions: tuple[EventContradicted, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordFailed:
    """Nothing of these facts of that attempt was recorded. what, todo: for a person; empty where nothing is amiss any more,
    and the events are asked for again at once."""

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
class Order:
    """Ask the terminal for money. token: comes back in Ended, here and in the next five."""

    token: int
    order: MoneyOrder
    beside: tuple[Fact, ...] = ()
    """Recorded in one commit with the intent, or not at all."""


@dataclass(frozen=True, slots=True)
class Abandon:
    """Whoever ordered it has left the screen: it is not asked a second time. No answer."""

    token: int


@dataclass(frozen=True, slots=True)
class Park:
    """Put a request of unknown outcome aside: the lane is free, the terminal goes on being asked."""

    token: int
    reference: str
    operator: str
    reason: str


@dataclass(frozen=True, slots=True)
class Resolve:
    """A person says how a request of unknown outcome ended."""

    token: int
    reference: str
    state: MoneyState
    operator: str
    reason: str


@dataclass(frozen=True, slots=True)
class AcceptRollback:
    """A person looked into a log that was put back: money requests may go out again."""

    token: int
    operator: str
    reason: str


@dataclass(frozen=True, slots=True)
class Leave:
    """The agent stops: say goodbye on the line."""


MoneyInput = Order | Abandon | Park | Resolve | AcceptRollback
PairingOrder = Pair | ConfirmPairing | CancelPairing | Unpair
PairingInput = PairingOrder | Pinned | PinFailed
Input = (
    PortOpened
    | PortLost
    | LineBytes
    | Due
    | Recorded
    | RecordFailed
    | HeadCompared
    | Ask
    | MoneyInput
    | PairingInput
    | Leave
)

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


class LaneReason(StrEnum):
    """Why the lane did not do what it was told."""

    BUSY = "busy"
    """With another request, or with that one."""
    UNKNOWN = "unknown"
    """What became of another request is not known yet."""
    FOR_PEOPLE = "for_people"
    """What became of another request is not known, and asking the terminal will not tell: a person ends it."""
    PARKED = "parked"
    """That request was put aside before its outcome was known."""
    NOT_CONNECTED = "not_connected"
    ROLLED_BACK = "rolled_back"
    """The terminal's log was put back; a person decides first."""
    NOT_SPOKEN = "not_spoken"
    """The dialect has no words for it, or none for these values."""
    OTHER_ORDER = "other_order"
    """The reference stands for another order."""
    NOT_RECORDED = "not_recorded"
    """The journal cannot be written: nothing was sent."""
    TOO_EARLY = "too_early"
    """To park: the outcome has been unknown for less than two minutes."""
    NOT_OPEN = "not_open"
    """To park or resolve: there is no such request whose outcome is unknown."""


@dataclass(frozen=True, slots=True)
class LaneRefusal:
    """reference: of the request that stands in the way, since when (ms UTC); empty and 0 where there is none."""

    reason: LaneReason
    reference: str = ""
    since: int = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a money order, durably; or why it was refused, and then nothing of it was sent (PARKED apart).

    To Park and AcceptRollback, once they are durable, neither.
    """

    token: int
    outcome: MoneyOutcome | None = None
    refusal: LaneRefusal | None = None


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
    lane: LaneView = field(default_factory=LaneView)


Action = Write | Record | CompareHead | Answer | Done | Ended | Pin | Show
