"""The link of the Telium dialect: one class for both ends. Bytes and time in, whole messages out; no clock, no port.

    register                     terminal
    ENQ  ---------------------->
         <----------------------  ACK
    STX ask ETX LRC ----------->
         <----------------------  ACK
    EOT  ---------------------->
                                  ... the customer pays ...
         <----------------------  ENQ
    ACK  ---------------------->
         <----------- STX answer ETX LRC
    ACK  ---------------------->
         <----------------------  EOT

The states and what moves between them are `link_states.TABLE`, every timer and limit is a constant of `timing`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from hashlib import sha256

from protocol.dialect import Delivered, LinkClosed, LinkCounters, LinkEvent, LinkOpened, LinkSettings, Role, Undelivered
from protocol.dialects.telium import codec, wire
from protocol.dialects.telium.framing import Body, Control, Damage, Scanner, encode
from protocol.dialects.telium.link_states import TABLE, LinkMove, LinkState
from protocol.dialects.telium.timing import (
    ANSWER_CALLS,
    ANSWER_MS,
    BITS_PER_BYTE,
    BUSY_MS,
    EOT_MS,
    GAP_MS,
    POLL_EVERY_MS,
    REPLY_MS,
    SEEK_EVERY_MS,
    SUSPICIOUS_DAMAGE,
    TRIES,
)
from protocol.events import CloseReason, LineSuspected

_QUIET = frozenset({LinkState.IDLE, LinkState.OWED, LinkState.TAKEN})
"""States in which nobody has to answer us: what a booting device chatters is no sign of wrong settings."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a register asked: as it stood on the line, and with a ticket in its private field."""

    raw: bytes
    named: bytes


class TeliumLink:
    """One end of a Telium line. See `protocol.dialect.Link` for the contract.

    An ask is delivered when its exchange has ended, an answer when its frame was acknowledged.
    """

    def __init__(self, settings: LinkSettings) -> None:
        self._agent = settings.role is Role.AGENT
        self._random = settings.random
        self._line_rate = settings.line_rate
        self._state = TABLE.start
        self._session = 0
        self._damaged_in_a_row = 0
        self._wire = bytearray()
        self._told: list[LinkEvent] = []
        self.counters = LinkCounters()
        self._forget()

    def _forget(self) -> None:
        self._scanner = Scanner()
        self._gap_due: int | None = None
        self._due: int | None = None
        self._queue: deque[bytes] = deque()  # agent: asks; terminal: the answer
        self._saying: bytes | None = None  # what the call under way is for; None: to hear that somebody is there
        self._tries = self._naks = 0
        self._busy = self._all_naked = False
        self._last_taken: bytes | None = None
        self._odd, self._odd_times = b"", 0
        self._owed_until: int | None = None
        self._asked: _Asked | None = None

    @property
    def is_open(self) -> bool:
        return self._state not in (LinkState.DOWN, LinkState.SEEKING)

    @property
    def backlog(self) -> int:
        """Messages handed to `send` and not yet acknowledged by the other end."""
        return len(self._queue) + (self._saying is not None)

    @property
    def deadline(self) -> int | None:
        """When `tick` has something to do, or None."""
        return min((due for due in (self._due, self._gap_due) if due is not None), default=None)

    def open(self, now: int) -> None:
        """The port is there: a terminal is open at once, an agent when a terminal answers."""
        self._wire.clear()
        if self._agent:
            self._move(LinkMove.PORT_OPENED, now)
        else:
            self._move(LinkMove.TERMINAL_PORT_OPENED, None)
            self._opened()

    def close(self, reason: CloseReason = CloseReason.PORT_CLOSED) -> None:
        """The port is gone: queues and half an exchange go with it."""
        self._down(reason)
        self._wire.clear()

    def leave(self, now: int) -> None:
        """The protocol has no goodbye: an exchange under way is ended, nothing more is said."""
        if self._state in (LinkState.CALLING, LinkState.SENDING):
            self._say(Control.EOT)
        self._down(CloseReason.PEER_LEFT)

    def _down(self, reason: CloseReason) -> None:
        if self.is_open:
            self._told.append(LinkClosed(self._session, reason))
        self._forget()
        self._move(LinkMove.PORT_CLOSED, None)

    def send(self, message: bytes, *, urgent: bool) -> None:
        """Agent: an ask. Terminal: the answer to the ask under way; there is nobody to hear anything else."""
        if self._agent:
            self._queue.append(message)
            return
        asked = self._asked
        body = None
        if asked is not None and self._state is LinkState.OWED and not self._queue:
            body = codec.fitted(asked.raw, asked.named, message)
        if body is None:
            self.counters.discarded += 1
        else:
            self._queue.append(body)

    def take(self) -> list[LinkEvent]:
        """What happened since the last call."""
        told, self._told = self._told, []
        return told

    def outgoing(self, now: int) -> bytes:
        """The bytes to write now."""
        ready = (LinkState.IDLE, LinkState.OWED) if self._agent else (LinkState.OWED,)
        if self._queue and self._state in ready:
            self._owed_until = None  # an agent's owner has given the former ask up, or it would not ask again
            self._call(self._queue.popleft(), now)
        wire_bytes, self._wire = bytes(self._wire), bytearray()
        return wire_bytes

    # -- time ----------------------------------------------------------------------------------------------------------

    def tick(self, now: int) -> None:
        """Whatever is due by now."""
        self._end_gap(now)
        if self._due is None or self._due > now:
            return
        match self._state:
            case LinkState.SEEKING:
                self._say(Control.ENQ)
                self._due = now + SEEK_EVERY_MS
            case LinkState.IDLE:
                self._call(None, now)
            case LinkState.CALLING:
                self._call_again(now)
            case LinkState.SENDING:
                self._send_again(now, naked=False)
            case LinkState.OWED:
                self._owed_until = self._asked = None
                self._rest(now)
            case _:
                self._end_of_theirs(now)

    def _end_gap(self, now: int) -> None:
        if self._gap_due is not None and self._gap_due <= now:
            self._gap_due = None
            if self._scanner.reset():
                self._damaged(Damage.FRAME, now)

    def _call(self, saying: bytes | None, now: int) -> None:
        self._saying, self._tries, self._busy = saying, 1, False
        self._say(Control.ENQ)
        self._move(LinkMove.CALLED, now + REPLY_MS)

    def _call_again(self, now: int) -> None:
        calls = TRIES if self._agent else ANSWER_CALLS
        if self._tries < calls:
            self._tries += 1
            self._say(*([Control.EOT] if self._agent else []), Control.ENQ)
            self._due = now + REPLY_MS
            return
        self._say(Control.EOT)
        self._give_up(refused=self._agent)
        if self._agent and not self._busy:
            self._give_back()
            self._told.append(LinkClosed(self._session, CloseReason.PEER_SILENT))
            self._move(LinkMove.PEER_SILENT, now + SEEK_EVERY_MS)
        else:
            self._rest(now)

    def _send_again(self, now: int, *, naked: bool) -> None:
        self._all_naked = self._all_naked and naked
        if self._tries < TRIES:
            self._tries += 1
            self.counters.resent += 1
            self._send_frame(now)
            return
        self._say(Control.EOT)
        self._give_up(refused=self._agent and self._all_naked)
        self._rest(now)

    def _give_up(self, *, refused: bool) -> None:
        if self._saying is not None:
            self._told.append(Undelivered(refused))
        self._saying = self._asked = None

    def _give_back(self) -> None:
        """What waits to be said is not said: certainly nothing of it was done."""
        if self._queue:
            self._queue.clear()
            self._told.append(Undelivered(refused=True))

    def _send_frame(self, now: int) -> None:
        frame = encode(self._saying or b"")
        self._scanner.begin_run()
        self._wire += frame
        self._due = now + self._reply_to(len(frame))

    def _reply_to(self, size: int) -> int:
        return REPLY_MS + size * BITS_PER_BYTE * 1_000 // self._line_rate

    # -- bytes in ------------------------------------------------------------------------------------------------------

    def receive(self, data: bytes, now: int) -> None:
        """Bytes off the line, in any pieces. Never raises for what they hold."""
        if self._state is LinkState.DOWN:
            return
        self._end_gap(now)
        for token in self._scanner.feed(data):
            match token:
                case Control.ENQ:
                    self._take_call(now)
                case Control.ACK:
                    self._take_ack(now)
                case Control.NAK:
                    self._take_nak(now)
                case Control.EOT:
                    if self._state in (LinkState.LISTENING, LinkState.TAKEN):
                        self._end_of_theirs(now)
                case Body(text):
                    self.counters.good += 1
                    self._damaged_in_a_row = 0
                    self._take_body(text, now)
                case _:
                    self._damaged(token, now)
        self._gap_due = now + GAP_MS if self._scanner.inside else None

    def _take_call(self, now: int) -> None:
        if not self._agent:
            if self._state is LinkState.TAKEN:
                self._end_of_theirs(now)  # the ask was acknowledged: it counts, EOT or not
            if self._state is LinkState.OWED:
                self._say(Control.NAK)  # busy with a customer
                return
        if self._state is LinkState.SENDING or (self._state is LinkState.CALLING and not self._agent):
            return  # both called: the terminal goes first, it may have an outcome to tell
        if self._saying is not None:
            self._queue.appendleft(self._saying)
            self._saying = None
        if self._state is LinkState.SEEKING:
            self._opened()
        self._naks, self._last_taken = 0, None
        self._say(Control.ACK)
        self._move(LinkMove.PEER_CALLED, now + self._reply_to(wire.LONG_SIZE))

    def _take_ack(self, now: int) -> None:
        match self._state:
            case LinkState.SEEKING | LinkState.CALLING if self._saying is None:
                if self._state is LinkState.SEEKING:
                    self._opened()
                self._say(Control.EOT)
                self._move(LinkMove.PEER_FOUND, now + POLL_EVERY_MS)
            case LinkState.CALLING:
                self._tries, self._all_naked = 1, True
                self._move(LinkMove.PEER_READY, None)
                self._send_frame(now)
            case LinkState.SENDING:
                self._damaged_in_a_row = 0
                self._say(Control.EOT)
                self._saying = self._asked = None
                if self._agent:
                    self._owed_until = now + ANSWER_MS
                self._rest(now)
            case _:
                pass  # late, or noise

    def _take_nak(self, now: int) -> None:
        if self._state is LinkState.CALLING:
            self._busy = True
            self._due = now + BUSY_MS
        elif self._state is LinkState.SENDING:
            self._send_again(now, naked=True)

    def _take_body(self, body: bytes, now: int) -> None:
        if self._state is LinkState.LISTENING:
            if self._agent:
                self._take_answer(body, now)
            else:
                self._take_ask(body, now)
        elif body == self._last_taken and (
            self._state in (LinkState.TAKEN, LinkState.OWED) or (self._agent and self._state is LinkState.IDLE)
        ):
            self.counters.repeated += 1  # our ACK was lost
            self._say(Control.ACK)
        else:
            self.counters.stale += 1

    def _take_answer(self, body: bytes, now: int) -> None:
        if len(body) not in wire.ANSWER_SIZES:
            self._refuse(body, now)
            return
        self._acknowledge(body, now)
        self._give_back()  # this answers something else: what has not gone out must not be taken for answered
        self._owed_until = None
        self._told.append(Delivered(body, sha256(body).digest()))

    def _take_ask(self, body: bytes, now: int) -> None:
        if codec.is_ask(body):
            self._acknowledge(body, now)
        else:
            self._refuse(body, now)  # the register learns at once that nothing is done

    def _refuse(self, body: bytes, now: int) -> None:
        """No message of this protocol. Damage may have made it, with one chance in 128; what comes twice is told."""
        self._say(Control.NAK)
        self._due = now + self._reply_to(wire.LONG_SIZE)
        self._odd_times = self._odd_times + 1 if body == self._odd else 1
        self._odd = body
        if self._odd_times == 2:
            self._told.append(Delivered(body, sha256(body).digest()))

    def _acknowledge(self, body: bytes, now: int) -> None:
        self._last_taken = body
        self._say(Control.ACK)
        self._move(LinkMove.FRAME_TAKEN, now + EOT_MS)

    def _end_of_theirs(self, now: int) -> None:
        """Their exchange has ended, by EOT or by silence."""
        if not self._agent and self._state is LinkState.TAKEN and (raw := self._last_taken) is not None:
            self._asked = _Asked(raw, codec.named(raw, self._random(wire.TICKET)))
            self._told.append(Delivered(self._asked.named, sha256(raw).digest()))
            self._owed_until = now + ANSWER_MS
            if (at_once := codec.answered_at_once(raw)) is not None:
                self._queue.append(at_once)
        self._rest(now)

    def _damaged(self, damage: Damage, now: int) -> None:
        self.counters.damaged += 1
        self._all_naked = False  # a NAK on such a line need not be one
        if damage is Damage.FRAME or self._state not in _QUIET:  # what comes in place of an answer
            self._damaged_in_a_row += 1
            if self._damaged_in_a_row == SUSPICIOUS_DAMAGE:
                self._told.append(LineSuspected(self._damaged_in_a_row))
        if damage is Damage.FRAME and self._state is LinkState.LISTENING and self._naks < TRIES:
            self._naks += 1
            self._say(Control.NAK)
            self._due = now + self._reply_to(wire.LONG_SIZE)

    # -- what all of it ends in ----------------------------------------------------------------------------------------

    def _rest(self, now: int) -> None:
        """An exchange, or the wait for one, is over."""
        if self._owed_until is not None:
            self._move(LinkMove.ASK_OVER, self._owed_until)
        else:
            self._move(LinkMove.OVER, now + POLL_EVERY_MS if self._agent else None)

    def _opened(self) -> None:
        self._session += 1
        self.counters.sessions += 1
        self._told.append(LinkOpened(self._session, b""))

    def _say(self, *controls: Control) -> None:
        self._scanner.begin_run()
        self._wire += bytes(controls)

    def _move(self, move: LinkMove, due: int | None) -> None:
        self._state = TABLE.advance(self._state, move)
        self._due = due
