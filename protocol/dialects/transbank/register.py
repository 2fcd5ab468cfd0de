"""The register's end: it asks one thing at a time, and never twice for money unless the terminal said it took nothing."""

from __future__ import annotations

from collections import deque

from protocol.dialect import LinkSettings, Undelivered
from protocol.dialects.transbank import wire
from protocol.dialects.transbank.framing import Sign
from protocol.dialects.transbank.link import ACK_MS, ANSWER_MS, LATER, TRIES, TransbankLink
from protocol.dialects.transbank.link_states import REGISTER, RegisterMove, RegisterState
from protocol.events import CloseReason

# "Without an answer the agent polls every second."
SEEK_EVERY_MS = 1_000
# "Between commands it polls after 10 s of quiet; three unanswered polls end the session."
POLL_AFTER_MS = 10_000
UNANSWERED_POLLS = 3
# "A sale, a void or a close without an ACK is not said again: for 10 s whatever the terminal says of it stands for the ACK"
MONEY_ACK_MS = 10_000
# "after a NAK 250 ms of quiet"
NAK_PAUSE_MS = 250


class RegisterLink(TransbankLink):
    """The agent's end of the line."""

    def __init__(self, settings: LinkSettings) -> None:
        super().__init__(settings)
        self._state = REGISTER.start
        self._due = LATER
        self._waiting: deque[bytes] = deque()
        self._command = b""
        self._tries = 0
        self._refused = False  # the command's last copy got a NAK: it is said again when `_due` has come
        self._polls = 0
        self._unread = 0  # answers that came damaged
        self._last_answer = b""

    @property
    def backlog(self) -> int:
        return len(self._waiting) + (self._state is RegisterState.SENT)

    @property
    def deadline(self) -> int | None:
        return None if self._due == LATER else self._due

    @property
    def _listens(self) -> bool:
        return self._state is not RegisterState.DOWN

    def open(self, now: int) -> None:
        """The port is there: poll."""
        self._advance(RegisterMove.PORT_OPENED)
        self._due = now

    def close(self, reason: CloseReason = CloseReason.PORT_CLOSED) -> None:
        """The port is gone, and with it whatever waited."""
        self._set_closed(reason)
        self._advance(RegisterMove.PORT_CLOSED)
        self._waiting.clear()
        self._due = LATER
        self._forget_line()

    def send(self, message: bytes, *, urgent: bool) -> None:
        """Queue a command. One that is still waited for has been given up by whoever asked."""
        self._waiting.append(message)

    def outgoing(self, now: int) -> bytes:
        """The bytes to write now."""
        if self._waiting and self._state in {RegisterState.IDLE, RegisterState.AWAITING}:
            self._command = self._waiting.popleft()
            self._tries, self._unread, self._last_answer = 0, 0, b""
            self._advance(RegisterMove.COMMAND_SENT)
            self._say_command(now)
        return self._take_wire()

    def tick(self, now: int) -> None:
        """Whatever is due by now."""
        if self._due > now:
            return
        match self._state:
            case RegisterState.SEEKING:
                self._put(wire.POLL)
                self._due = now + SEEK_EVERY_MS
            case RegisterState.IDLE:
                self._advance(RegisterMove.POLL_DUE)
                self._polls = 0
                self._poll(now)
            case RegisterState.POLLING if self._polls < UNANSWERED_POLLS:
                self._poll(now)
            case RegisterState.POLLING:
                self._advance(RegisterMove.SILENT)
                self._waiting.clear()
                self._set_closed(CloseReason.PEER_SILENT)
                self._due = now
            case RegisterState.SENT if self._refused and self._tries >= TRIES:
                self._give_up(now, refused=True)
            case RegisterState.SENT if self._refused or (self._tries < TRIES and self._code not in wire.MONEY):
                self.counters.resent += 1
                self._say_command(now)
            case _:  # no ACK, or no answer
                self._give_up(now, refused=False)

    @property
    def _code(self) -> bytes:
        return self._command[:4]

    def _advance(self, move: RegisterMove) -> None:
        self._state = REGISTER.advance(self._state, move)

    def _poll(self, now: int) -> None:
        self._polls += 1
        self._put(wire.POLL)
        self._due = now + ACK_MS

    def _say_command(self, now: int) -> None:
        self._tries += 1
        self._refused = False
        self._put(self._command)
        self._due = now + (MONEY_ACK_MS if self._code in wire.MONEY else ACK_MS)

    def _give_up(self, now: int, *, refused: bool) -> None:
        self._advance(RegisterMove.GIVEN_UP)
        self._told.append(Undelivered(refused))
        self._due = now  # is anybody there?

    # -- bytes in ------------------------------------------------------------------------------------------------------

    def _take_sign(self, sign: Sign, now: int) -> None:
        if sign is Sign.DAMAGED:
            self._take_damaged(now)
            return
        match self._state:
            case RegisterState.SEEKING:
                self._hear(now)
            case RegisterState.POLLING:  # a NAK is a word too
                self._advance(RegisterMove.POLL_ANSWERED)
                self._due = now + POLL_AFTER_MS
            case RegisterState.SENT if sign is Sign.ACK:
                self._advance(RegisterMove.TAKEN)
                self._due = now + ANSWER_MS
            case RegisterState.SENT if self._noise and self._code in wire.MONEY:
                self.counters.stale += 1  # noise may look like a NAK, and the command have been taken
            case RegisterState.SENT if not self._refused:  # an ACK that is still on its way comes within the pause
                self._refused = True
                self._due = now + NAK_PAUSE_MS
            case _:
                self.counters.stale += 1

    def _take_damaged(self, now: int) -> None:
        """Ask for the answer again; the terminal says it three times in all, and a damaged one is never taken."""
        if self._state not in {RegisterState.SENT, RegisterState.AWAITING}:
            return
        self._put_sign(Sign.NAK)
        self._unread += 1
        if self._unread >= TRIES:
            self._give_up(now, refused=False)

    def _hear(self, now: int) -> None:
        self._advance(RegisterMove.HEARD)
        self._set_open()
        self._due = now + POLL_AFTER_MS

    def _take_text(self, text: bytes, now: int) -> None:
        code = text[:4]
        if code in wire.ANSWER_TO or code in {wire.POLL, wire.NORMAL_MODE}:
            self.counters.stale += 1  # our own words, echoed by the line
            return
        self._put_sign(Sign.ACK)
        if self._state is RegisterState.SEEKING:
            self._hear(now)
        elif self._state is RegisterState.POLLING:
            self._advance(RegisterMove.POLL_ANSWERED)
            self._due = now + POLL_AFTER_MS
        if text == self._last_answer:  # our ACK was lost
            self.counters.repeated += 1
            return
        self._unread = 0
        waits = self._state in {RegisterState.SENT, RegisterState.AWAITING}
        if waits and wire.answers(text, self._command):
            self._advance(RegisterMove.ANSWERED)
            self._last_answer = text
            self._due = now + POLL_AFTER_MS
        elif waits and code == wire.STATUS:
            if self._state is RegisterState.SENT:
                self._advance(RegisterMove.TAKEN)
            self._due = now + ANSWER_MS
        self._deliver(text)
