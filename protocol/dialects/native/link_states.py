"""The states of the native link and what moves between them; docs/protocol.md draws its diagram from here."""

from __future__ import annotations

from enum import StrEnum

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
