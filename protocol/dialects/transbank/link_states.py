"""The states of the two ends of a POS Integrado line, and what moves between them; docs/dialects.md draws the tables."""

from __future__ import annotations

from enum import StrEnum

from protocol.transitions import Table


class RegisterState(StrEnum):
    DOWN = "down"
    """The port is not open."""
    SEEKING = "seeking"
    """A poll every second; nobody has answered yet, or not any more."""
    IDLE = "idle"
    POLLING = "polling"
    """A keepalive poll waits for its ACK."""
    SENT = "sent"
    """A command waits for its ACK."""
    AWAITING = "awaiting"
    """The terminal is at work: status messages, then the answer."""


class RegisterMove(StrEnum):
    PORT_OPENED = "port_opened"
    PORT_CLOSED = "port_closed"
    HEARD = "heard"
    """Any whole word of the terminal's."""
    POLL_DUE = "poll_due"
    POLL_ANSWERED = "poll_answered"
    SILENT = "silent"
    """Polls stayed unanswered."""
    COMMAND_SENT = "command_sent"
    TAKEN = "taken"
    """ACK, or what only comes after one."""
    GIVEN_UP = "given_up"
    """Refused, or no ACK, or no answer, or none that came whole."""
    ANSWERED = "answered"


_R, _M = RegisterState, RegisterMove
REGISTER: Table[RegisterState, RegisterMove] = Table(
    "register's end of a POS Integrado line",
    _R.DOWN,
    {
        (_R.DOWN, _M.PORT_OPENED): _R.SEEKING,
        (_R.SEEKING, _M.HEARD): _R.IDLE,
        (_R.IDLE, _M.POLL_DUE): _R.POLLING,
        (_R.POLLING, _M.POLL_ANSWERED): _R.IDLE,
        (_R.POLLING, _M.SILENT): _R.SEEKING,
        (_R.IDLE, _M.COMMAND_SENT): _R.SENT,
        (_R.AWAITING, _M.COMMAND_SENT): _R.SENT,  # whoever asked has given up the answer
        (_R.SENT, _M.TAKEN): _R.AWAITING,
        (_R.SENT, _M.ANSWERED): _R.IDLE,  # its ACK was lost
        (_R.SENT, _M.GIVEN_UP): _R.IDLE,
        (_R.AWAITING, _M.ANSWERED): _R.IDLE,
        (_R.AWAITING, _M.GIVEN_UP): _R.IDLE,
        **{(state, _M.PORT_CLOSED): _R.DOWN for state in _R},
    },
)


class TerminalState(StrEnum):
    DOWN = "down"
    LISTENING = "listening"
    BUSY = "busy"
    """A command is being carried out."""
    REPLYING = "replying"
    """The answer waits for its ACK."""
    NORMAL = "normal"
    """Sent to its own menu by 0300: deaf until a person connects it to the register again."""


class TerminalMove(StrEnum):
    PORT_OPENED = "port_opened"
    PORT_CLOSED = "port_closed"
    COMMANDED = "commanded"
    ANSWERING = "answering"
    ACKNOWLEDGED = "acknowledged"
    GIVEN_UP = "given_up"
    """No ACK after the last try; or nobody answered the command."""
    SENT_AWAY = "sent_away"


_T, _N = TerminalState, TerminalMove
TERMINAL: Table[TerminalState, TerminalMove] = Table(
    "terminal's end of a POS Integrado line",
    _T.DOWN,
    {
        (_T.DOWN, _N.PORT_OPENED): _T.LISTENING,
        (_T.LISTENING, _N.COMMANDED): _T.BUSY,
        (_T.REPLYING, _N.COMMANDED): _T.BUSY,  # the register has moved on
        (_T.LISTENING, _N.ANSWERING): _T.REPLYING,  # an outcome too late for its command, or a refusal
        (_T.REPLYING, _N.ANSWERING): _T.REPLYING,
        (_T.BUSY, _N.ANSWERING): _T.REPLYING,
        (_T.BUSY, _N.GIVEN_UP): _T.LISTENING,
        (_T.REPLYING, _N.ACKNOWLEDGED): _T.LISTENING,
        (_T.REPLYING, _N.GIVEN_UP): _T.LISTENING,
        (_T.LISTENING, _N.SENT_AWAY): _T.NORMAL,
        (_T.REPLYING, _N.SENT_AWAY): _T.NORMAL,
        **{(state, _N.PORT_CLOSED): _T.DOWN for state in _T},
    },
)
