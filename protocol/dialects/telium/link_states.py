"""The states of a Telium link and what moves between them; docs/dialects.md draws `TABLE`. Both ends live by it."""

from __future__ import annotations

from enum import StrEnum

from protocol.transitions import Table


class LinkState(StrEnum):
    DOWN = "down"
    """The port is not open."""
    SEEKING = "seeking"
    """Agent: ENQ every second, and nobody has answered yet."""
    IDLE = "idle"
    """The line is free."""
    CALLING = "calling"
    """ENQ said, to send something or to hear that the other end is there."""
    SENDING = "sending"
    """Our frame is out, and not acknowledged yet."""
    LISTENING = "listening"
    """Their ENQ is acknowledged; a frame is to come."""
    TAKEN = "taken"
    """Their frame is acknowledged; EOT is to come."""
    OWED = "owed"
    """An ask has gone over and its answer is to come: from the terminal (agent), from the application (terminal)."""


class LinkMove(StrEnum):
    PORT_OPENED = "port_opened"
    TERMINAL_PORT_OPENED = "terminal_port_opened"
    PORT_CLOSED = "port_closed"
    """Closed, or left for good."""
    CALLED = "called"
    """We said ENQ."""
    PEER_FOUND = "peer_found"
    """An ENQ of ours was acknowledged, and we had nothing to say."""
    PEER_READY = "peer_ready"
    """An ENQ of ours was acknowledged, and our frame follows."""
    PEER_CALLED = "peer_called"
    """ENQ came, and was acknowledged."""
    FRAME_TAKEN = "frame_taken"
    """A frame with a right LRC came, and was acknowledged."""
    ASK_OVER = "ask_over"
    """The exchange that carried an ask has ended, its answer is owed."""
    OVER = "over"
    """The exchange has ended, and nothing is owed."""
    PEER_SILENT = "peer_silent"
    """Nobody answers any more."""


_S, _M = LinkState, LinkMove
TABLE: Table[LinkState, LinkMove] = Table(
    "telium link",
    _S.DOWN,
    {
        (_S.DOWN, _M.PORT_OPENED): _S.SEEKING,
        (_S.DOWN, _M.TERMINAL_PORT_OPENED): _S.IDLE,
        (_S.DOWN, _M.PORT_CLOSED): _S.DOWN,
        (_S.SEEKING, _M.PEER_FOUND): _S.IDLE,
        (_S.SEEKING, _M.PEER_CALLED): _S.LISTENING,
        (_S.SEEKING, _M.PORT_CLOSED): _S.DOWN,
        (_S.IDLE, _M.CALLED): _S.CALLING,
        (_S.IDLE, _M.PEER_CALLED): _S.LISTENING,
        (_S.IDLE, _M.PORT_CLOSED): _S.DOWN,
        (_S.CALLING, _M.PEER_FOUND): _S.IDLE,
        (_S.CALLING, _M.PEER_READY): _S.SENDING,
        (_S.CALLING, _M.PEER_CALLED): _S.LISTENING,
        (_S.CALLING, _M.OVER): _S.IDLE,
        (_S.CALLING, _M.PEER_SILENT): _S.SEEKING,
        (_S.CALLING, _M.PORT_CLOSED): _S.DOWN,
        (_S.SENDING, _M.ASK_OVER): _S.OWED,
        (_S.SENDING, _M.OVER): _S.IDLE,
        (_S.SENDING, _M.PORT_CLOSED): _S.DOWN,
        (_S.LISTENING, _M.PEER_CALLED): _S.LISTENING,
        (_S.LISTENING, _M.FRAME_TAKEN): _S.TAKEN,
        (_S.LISTENING, _M.ASK_OVER): _S.OWED,
        (_S.LISTENING, _M.OVER): _S.IDLE,
        (_S.LISTENING, _M.PORT_CLOSED): _S.DOWN,
        (_S.TAKEN, _M.PEER_CALLED): _S.LISTENING,
        (_S.TAKEN, _M.ASK_OVER): _S.OWED,
        (_S.TAKEN, _M.OVER): _S.IDLE,
        (_S.TAKEN, _M.PORT_CLOSED): _S.DOWN,
        (_S.OWED, _M.CALLED): _S.CALLING,
        (_S.OWED, _M.PEER_CALLED): _S.LISTENING,
        (_S.OWED, _M.OVER): _S.IDLE,
        (_S.OWED, _M.PORT_CLOSED): _S.DOWN,
    },
)
