"""The terminal's end: it answers, one thing at a time, and carries no command out twice because an ACK was lost."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from protocol.dialect import LinkSettings
from protocol.dialects.transbank import wire
from protocol.dialects.transbank.framing import Sign
from protocol.dialects.transbank.link import ACK_MS, ANSWER_MS, LATER, TRIES, TransbankLink
from protocol.dialects.transbank.link_states import TERMINAL, TerminalMove, TerminalState
from protocol.events import CloseReason

# "Between two of its words a terminal is quiet for 150 ms": the Node client takes what comes within 100 ms for one word
PAUSE_MS = 150
# "What is no answer is said once, and its ACK waited for a second at most": the .NET client sends none for a status
ASIDE_MS = 1_000


class TerminalLink(TransbankLink):
    """The terminal's end of the line. understood: whether the codec has a message for a command's text."""

    def __init__(self, settings: LinkSettings, understood: Callable[[bytes], bool]) -> None:
        super().__init__(settings)
        self._understood = understood
        self._state = TERMINAL.start
        self._words: deque[bytes] = deque()
        self._quiet_until = 0
        self._due = LATER
        self._command = b""
        self._answer = b""
        self._tries = 0
        self._aside = False  # what was said last is no answer, and waits for its ACK

    @property
    def backlog(self) -> int:
        return len(self._words) + (self._state is TerminalState.REPLYING and not self._words)

    @property
    def deadline(self) -> int | None:
        due = self._due
        if self._words and not self._aside:
            due = min(due, self._quiet_until)
        return None if due == LATER else due

    @property
    def _listens(self) -> bool:
        return self._state not in {TerminalState.DOWN, TerminalState.NORMAL}

    def open(self, now: int) -> None:
        """The port is there: the terminal listens, and that is all that a session is."""
        self._advance(TerminalMove.PORT_OPENED)
        self._quiet_until = now
        self._set_open()

    def close(self, reason: CloseReason = CloseReason.PORT_CLOSED) -> None:
        """The port is gone."""
        self._set_closed(reason)
        self._advance(TerminalMove.PORT_CLOSED)
        self._rest()
        self._forget_line()

    def send(self, message: bytes, *, urgent: bool) -> None:
        """Queue a status message or an answer; the answer is told as its command wants it."""
        if message[:4] == wire.STATUS:
            if self._state is TerminalState.BUSY and self._wants_status:
                self._words.append(message)
            return
        worded = wire.fit(message, self._command)
        if self._state is not TerminalState.BUSY or wire.answers(worded, self._command):
            self._begin_answer(worded)
        else:  # too late, and about something else
            self._words.append(worded)

    def outgoing(self, now: int) -> bytes:
        """The bytes to write now."""
        if self._words and not self._aside and now >= self._quiet_until:
            word = self._words.popleft()
            self._put(word)
            self._quiet_until = now + PAUSE_MS
            self._aside = word is not self._answer
            self._due = now + (ASIDE_MS if self._aside else ACK_MS)
            self._tries += not self._aside
        elif self._state is TerminalState.BUSY and self._due == LATER:
            self._due = now + ANSWER_MS
        return self._take_wire()

    def tick(self, now: int) -> None:
        """Whatever is due by now."""
        if self._due > now:
            return
        self._due = LATER
        if self._aside:
            self._aside = False
        elif self._state is TerminalState.REPLYING and not self._words:
            self._say_again()
        elif self._state is TerminalState.BUSY:  # whoever should have answered is no more
            self._advance(TerminalMove.GIVEN_UP)

    @property
    def _wants_status(self) -> bool:
        return self._command[:4] == wire.SALE and bytes(wire.parse(self._command).status) == b"1"

    def _advance(self, move: TerminalMove) -> None:
        self._state = TERMINAL.advance(self._state, move)

    def _rest(self) -> None:
        self._words.clear()
        self._aside = False
        self._due = LATER
        self._answer = b""

    def _begin_answer(self, answer: bytes) -> None:
        if not self._listens:
            return
        self._advance(TerminalMove.ANSWERING)
        self._answer = answer
        self._tries = 0
        self._words.append(answer)

    def _say_again(self) -> None:
        if self._tries >= TRIES:
            self._advance(TerminalMove.GIVEN_UP)
            self._rest()
        else:
            self.counters.resent += 1
            self._words.append(self._answer)

    # -- bytes in ------------------------------------------------------------------------------------------------------

    def _take_sign(self, sign: Sign, now: int) -> None:
        self._quiet_until = max(self._quiet_until, now + PAUSE_MS)
        if sign is Sign.DAMAGED:
            self._put_sign(Sign.NAK)
        elif self._aside:
            self._aside = False
            self._due = LATER
        elif self._state is TerminalState.REPLYING and not self._words:
            self._due = LATER
            if sign is Sign.NAK:
                self._say_again()
            else:
                self._advance(TerminalMove.ACKNOWLEDGED)
                self._rest()
        else:
            self.counters.stale += 1

    def _take_text(self, text: bytes, now: int) -> None:
        self._quiet_until = now + PAUSE_MS
        if text == self._command and self._state in {TerminalState.BUSY, TerminalState.REPLYING}:
            self._take_again(text)
        elif self._state is TerminalState.BUSY:
            self._put_sign(Sign.NAK)
        else:
            self._take_command(text)

    def _take_again(self, text: bytes) -> None:
        """The register did not hear our ACK, or not our answer either."""
        self.counters.repeated += 1
        self._put_sign(Sign.ACK)
        if self._state is TerminalState.REPLYING and not self._words:
            self._due = LATER
            self._say_again()

    def _take_command(self, text: bytes) -> None:
        code = text[:4]
        if code == wire.POLL:
            self._put_sign(Sign.ACK)
        elif code == wire.NORMAL_MODE:
            self._put_sign(Sign.ACK)
            self._rest()
            self._advance(TerminalMove.SENT_AWAY)
            self._set_closed(CloseReason.PEER_LEFT)
        elif code in wire.REFUSALS:
            self._put_sign(Sign.ACK)
            self._rest()
            self._command = text
            self._begin_answer(wire.REFUSALS[code])
        elif self._understood(text):
            self._put_sign(Sign.ACK)
            self._rest()
            self._command = text
            self._advance(TerminalMove.COMMANDED)
            self._deliver(text)
        else:
            self.counters.discarded += 1
            self._put_sign(Sign.NAK)
