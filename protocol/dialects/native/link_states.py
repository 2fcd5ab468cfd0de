"""The states of the native link, what moves between them, and what it remembers in each; docs/protocol.md draws `TABLE`."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from protocol.dialects.native.fragments import Reassembler
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
    """Agent: the HELLO_REPLY opens under the secret. Terminal: the first valid frame under the new keys."""
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


@dataclass(slots=True)
class Handshake:
    """A session being made. Agent: keys is None until the reply. Terminal: the reply to give again to the same HELLO."""

    hello: bytes
    session: int
    keys: SessionKeys | None = None
    reply: bytes = b""
    payload: bytes = b""


@dataclass(slots=True)
class Outstanding:
    """The one data frame that waits for its acknowledgement."""

    counter: int
    wire: bytes
    wait: int
    due: int
    tries: int = 1


@dataclass(slots=True)
class SessionState:
    """What lives and dies with one pair of keys."""

    keys: SessionKeys
    next_counter: int = 1
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
