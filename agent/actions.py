"""What goes into the pump and what comes out of it: frozen dataclasses, so that a step can be written down and replayed."""

from __future__ import annotations

from dataclasses import dataclass

from agent.journal.heads import Verdict
from agent.journal.kinds import Fact
from agent.views import LinkState, Notice
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
class Leave:
    """The agent stops: say goodbye on the line."""


Input = PortOpened | PortLost | LineBytes | Due | Recorded | RecordFailed | HeadCompared | Ask | Leave

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
    """reply: None where the terminal gave none (no session, no answer in time)."""

    token: int
    reply: Reply | None


@dataclass(frozen=True, slots=True)
class Show:
    """The line's state for the screens. hello: of the terminal that answers."""

    state: LinkState
    notices: tuple[Notice, ...]
    hello: TerminalHello | None


Action = Write | Record | CompareHead | Answer | Show
