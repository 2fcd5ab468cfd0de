"""The states of the native link, what moves between them, and what it remembers in each; docs/protocol.md draws `TABLE`."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from protocol.dialects.native.arq import Outstanding
from protocol.dialects.native.fragments import Reassembler
from protocol.dialects.native.framing import Direction, Frame, FrameType, encode
from protocol.dialects.native.session import SessionKeys
from protocol.transitions import Table


class LinkState(StrEnum):
    DOWN = "down"
    """The port is not open."""
    SEEKING = "seeking"
    """The agent says HELLO every second; the terminal listens for one."""
    OPEN = "open"


class LinkMove(StrEnum):
    PORT_OPENED = "port_opened"
    PORT_CLOSED = "port_closed"
    KEYS_PROVED = "keys_proved"
    """Agent: the HELLO_REPLY is the pinned terminal's. Terminal: the first valid frame under the new keys."""
    SESSION_ENDED = "session_ended"
    """BYE, silence, or a counter near its end."""


TABLE: Table[LinkState, LinkMove] = Table(
    "native link",
    LinkState.DOWN,
    {
        (LinkState.DOWN, LinkMove.PORT_OPENED): LinkState.SEEKING,
        (LinkState.DOWN, LinkMove.PORT_CLOSED): LinkState.DOWN,
        (LinkState.SEEKING, LinkMove.KEYS_PROVED): LinkState.OPEN,
        (LinkState.SEEKING, LinkMove.PORT_CLOSED): LinkState.DOWN,
        (LinkState.OPEN, LinkMove.KEYS_PROVED): LinkState.OPEN,
        (LinkState.OPEN, LinkMove.SESSION_ENDED): LinkState.SEEKING,
        (LinkState.OPEN, LinkMove.PORT_CLOSED): LinkState.DOWN,
    },
)


class Newness(StrEnum):
    """What a valid frame is to one end: the last data counter and the last control counter are kept apart."""

    NEW = "new"
    REPEATED = "repeated"
    """The last data frame again: acknowledged again, not delivered."""
    STALE = "stale"


@dataclass(slots=True)
class SessionState:
    """What lives and dies with one pair of keys."""

    keys: SessionKeys
    next_counter: int = 1
    last_sent: int = 0
    """Counter of our own last data frame; last_data, last_control: of the peer's."""
    last_data: int = 0
    last_control: int = 0
    owes_ack: bool = False
    owes_pong: bool = False
    pings: int = 0
    heard_at: int = 0
    pinged_at: int = 0
    outstanding: Outstanding | None = None
    fragments: deque[tuple[bytes, bool]] = field(default_factory=deque)
    reassembler: Reassembler = field(default_factory=Reassembler)

    def judge(self, frame: Frame) -> Newness:
        """What a frame with a valid tag is; a new one is the last one from here on."""
        if frame.type is FrameType.DATA:
            if frame.counter <= self.last_data:
                return Newness.REPEATED if frame.counter == self.last_data else Newness.STALE
            self.last_data = frame.counter
        elif frame.counter <= self.last_control:
            return Newness.STALE
        else:
            self.last_control = frame.counter
        return Newness.NEW

    def seal(self, kind: FrameType, direction: Direction, body: bytes, more: bool = False) -> tuple[int, bytes]:
        """The next counter, and the frame that takes it as it goes on the line; every frame carries the acknowledgement."""
        counter = self.next_counter
        if kind is FrameType.DATA:
            # The other end acknowledges with 16 bits: never those of "none yet", or of the data frame before.
            while counter & 0xFFFF in {0, self.last_sent & 0xFFFF}:
                counter += 1
            self.last_sent = counter
        self.next_counter = counter + 1
        self.owes_ack = False
        frame = Frame(kind, direction, self.keys.session, counter, self.last_data & 0xFFFF, more, body)
        return counter, encode(self.keys.seal(frame))
