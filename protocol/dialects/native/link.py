"""The link of the native dialect: one class for both ends. Bytes and time in, whole messages out; no clock, no port.

The states and what moves between them are `link_states.TABLE`. Every timer and limit is a named constant under the sentence
of docs/protocol.md §2 that it carries out.
"""

from __future__ import annotations

from collections import deque
from hashlib import sha256

from protocol.dialect import LinkClosed, LinkCounters, LinkEvent, LinkOpened, LinkSettings, Role
from protocol.dialects.native.fragments import fragments
from protocol.dialects.native.framing import Direction, Frame, FrameDecoder, FrameType, encode
from protocol.dialects.native.link_states import TABLE, Handshake, LinkMove, LinkState, Outstanding, SessionState
from protocol.dialects.native.session import RANDOM_SIZE, SessionKeys
from protocol.events import CloseReason, LineSuspected, SecurityKind, SecurityNotice

# "T_ack = 1.25·(t_frame + t_ack) + 300 ms, ×2, 5 tries"
ACK_MARGIN_MS = 300
TRIES = 5
ACK_FRAME_BYTES = 27
BITS_PER_BYTE = 10
# "PING after 5 s idle; dead after 3 unanswered."
IDLE_MS = 5_000
UNANSWERED_PINGS = 3
# "Without a session HELLO is tried every second."
HELLO_EVERY_MS = 1_000
# "NO_SESSION (at most 1/s)"
NO_SESSION_EVERY_MS = 1_000
# "A counter near its end makes a new session."
LAST_COUNTER = 0xFFFF_F000
# "after N damaged frames and no good one, an event «line settings?»"
SUSPICIOUS_DAMAGE = 16

_LATER = 1 << 62


class NativeLink:
    """One end of the native wire. See `protocol.dialect.Link` for the contract."""

    def __init__(self, settings: LinkSettings) -> None:
        self._settings = settings
        self._agent = settings.role is Role.AGENT
        self._ours = Direction.TO_TERMINAL if self._agent else Direction.TO_AGENT
        self._state = TABLE.start
        self._decoder = FrameDecoder()
        self._session: SessionState | None = None
        self._handshake: Handshake | None = None
        self._last_session = int.from_bytes(settings.random(2))
        self._hello_due = _LATER
        self._no_session_from = 0
        self._lost_hint = False
        self._damaged_in_a_row = 0
        self._urgent: deque[bytes] = deque()
        self._events: deque[bytes] = deque()
        self._wire = bytearray()
        self._told: list[LinkEvent] = []
        self.counters = LinkCounters()

    @property
    def is_open(self) -> bool:
        return self._state is LinkState.OPEN

    @property
    def backlog(self) -> int:
        """Messages handed to `send` and not yet wholly acknowledged by the peer's link."""
        session = self._session
        on_the_way = session is not None and (session.outstanding is not None or bool(session.fragments))
        return len(self._urgent) + len(self._events) + on_the_way

    @property
    def deadline(self) -> int | None:
        """When `tick` has something to do, or None."""
        due = self._hello_due
        if self._session is not None:
            due = min(due, self._keepalive_due(self._session))
            if self._session.outstanding is not None:
                due = min(due, self._session.outstanding.due)
        return None if due == _LATER else due

    def open(self, now: int) -> None:
        """The port is there."""
        self._advance(LinkMove.PORT_OPENED)
        self._decoder.feed(b"\0")
        self._seek(now)

    def close(self, reason: CloseReason = CloseReason.PORT_CLOSED) -> None:
        """The port is gone: session, queues and half a frame go with it."""
        self._end_session(reason, LinkMove.PORT_CLOSED)
        self._handshake = None
        self._hello_due = _LATER
        self._wire.clear()
        self._decoder = FrameDecoder()

    def leave(self, now: int) -> None:
        """Say BYE; the peer need not wait for our silence."""
        if self._session is not None:
            self._put_control(self._session, FrameType.BYE)
            self._end_session(CloseReason.PEER_LEFT, LinkMove.SESSION_ENDED)
        self._handshake = None  # a late reply opens nothing
        self._hello_due = _LATER

    def send(self, message: bytes, *, urgent: bool) -> None:
        """Queue a message of at most 16 KiB. Replies and requests are urgent: they go before events."""
        (self._urgent if urgent else self._events).append(message)

    def take(self) -> list[LinkEvent]:
        """What happened since the last call."""
        told, self._told = self._told, []
        return told

    # -- time ----------------------------------------------------------------------------------------------------------

    def tick(self, now: int) -> None:
        """Whatever is due by now."""
        session = self._session
        if session is not None:
            outstanding = session.outstanding
            if outstanding is not None and outstanding.due <= now:
                self._send_again(session, outstanding, now)
            if self._session is session and self._keepalive_due(session) <= now:
                if session.pings >= UNANSWERED_PINGS:
                    self._end_session(CloseReason.PEER_SILENT, LinkMove.SESSION_ENDED)
                    self._seek(now)
                else:
                    session.pings += 1
                    session.pinged_at = now
                    self._put_control(session, FrameType.PING)
                    self._follow_hint(now)
        if self._hello_due <= now:
            self._say_hello(now)

    def _keepalive_due(self, session: SessionState) -> int:
        return max(session.heard_at, session.pinged_at) + IDLE_MS

    def _send_again(self, session: SessionState, outstanding: Outstanding, now: int) -> None:
        if outstanding.tries >= TRIES:
            self._end_session(CloseReason.PEER_SILENT, LinkMove.SESSION_ENDED)
            self._seek(now)
            return
        outstanding.tries += 1
        outstanding.wait *= 2
        outstanding.due = now + outstanding.wait
        self.counters.resent += 1
        self._wire += outstanding.wire
        self._follow_hint(now)

    def _follow_hint(self, now: int) -> None:
        """Something stayed unanswered: a NO_SESSION heard before may hasten a HELLO; it never ends a session by itself."""
        if self._lost_hint and self._agent:
            self._lost_hint = False
            self._hello_due = min(self._hello_due, now)

    def _seek(self, now: int) -> None:
        self._hello_due = now if self._agent else _LATER

    def _say_hello(self, now: int) -> None:
        if self._handshake is None:
            self._last_session = self._last_session % 0xFFFF + 1
            fresh = self._settings.random(RANDOM_SIZE)
            self._handshake = Handshake(fresh + self._last_session.to_bytes(2), self._last_session)
        self._put_plain(FrameType.HELLO, 0, self._handshake.hello)
        self._hello_due = now + HELLO_EVERY_MS

    # -- bytes in ------------------------------------------------------------------------------------------------------

    def receive(self, data: bytes, now: int) -> None:
        """Bytes off the line, in any pieces. Never raises for what they hold."""
        if self._state is LinkState.DOWN:
            return
        before = self._decoder.damaged
        frames = self._decoder.feed(data)
        damaged = self._decoder.damaged - before
        self.counters.damaged += damaged
        if damaged and not frames:
            suspected_before = self._damaged_in_a_row >= SUSPICIOUS_DAMAGE
            self._damaged_in_a_row += damaged
            if self._damaged_in_a_row >= SUSPICIOUS_DAMAGE and not suspected_before:
                self._told.append(LineSuspected(self._damaged_in_a_row))
        for frame in frames:
            self._damaged_in_a_row = 0
            if frame.direction is self._ours:
                self.counters.stale += 1  # our own words, echoed by the line
            else:
                self.counters.good += 1
                self._take_frame(frame, now)

    def _take_frame(self, frame: Frame, now: int) -> None:
        match frame.type:
            case FrameType.HELLO:
                if not self._agent:
                    self._take_hello(frame)
            case FrameType.HELLO_REPLY:
                if self._agent:
                    self._take_hello_reply(frame, now)
            case FrameType.NO_SESSION:
                if self._session is not None and frame.session == self._session.keys.session:
                    self._lost_hint = True
            case FrameType.DATA | FrameType.ACK | FrameType.PING | FrameType.PONG | FrameType.BYE:
                self._take_sealed(frame, now)
            case _:
                self.counters.stale += 1  # pairing frames: nobody pairs here

    def _take_hello(self, frame: Frame) -> None:
        """Terminal: offer a session. The old one stays, and nothing is acted on, until a valid frame under the new keys."""
        if len(frame.body) != RANDOM_SIZE + 2 or not (number := int.from_bytes(frame.body[RANDOM_SIZE:])):
            self.counters.damaged += 1
            return
        offer = self._handshake
        if offer is None or offer.hello != frame.body:
            fresh = self._settings.random(RANDOM_SIZE)
            keys = SessionKeys(number, self._settings.secret, frame.body[:RANDOM_SIZE], fresh)
            payload = self._settings.hello()
            reply = fresh + keys.seal_hello(payload, frame.body)
            offer = self._handshake = Handshake(frame.body, number, keys, reply, payload)
        self._put_plain(FrameType.HELLO_REPLY, 0, offer.reply, ack=number)

    def _take_hello_reply(self, frame: Frame, now: int) -> None:
        """Agent: a reply that opens under our secret makes the session; any other is somebody else's."""
        call = self._handshake
        if call is None or frame.ack != call.session:  # late, or to the HELLO of an agent that is no more
            self.counters.stale += 1
            return
        fresh, sealed = frame.body[:RANDOM_SIZE], frame.body[RANDOM_SIZE:]
        keys = SessionKeys(call.session, self._settings.secret, call.hello[:RANDOM_SIZE], fresh)
        payload = keys.open_hello(sealed, call.hello) if len(fresh) == RANDOM_SIZE else None
        if payload is None:
            self._told.append(SecurityNotice(SecurityKind.WRONG_SECRET, sha256(frame.header + frame.body).digest()))
            return
        self._handshake = None
        self._hello_due = _LATER
        self._begin_session(keys, payload, now)

    def _take_sealed(self, frame: Frame, now: int) -> None:
        session, offer = self._session, self._handshake
        current = session is not None and frame.session == session.keys.session
        if session is not None and current and (body := session.keys.open(frame)) is not None:
            self._take_valid(session, frame, body, now)
            return
        if offer is not None and offer.keys is not None and frame.session == offer.session:
            body = offer.keys.open(frame)
            if body is not None:
                keys, payload, hello = offer.keys, offer.payload, offer
                self._begin_session(keys, payload, now)
                self._handshake = hello  # the same HELLO, late on the line, gets the same reply
                hello.keys = None
                if self._session is not None:
                    self._take_valid(self._session, frame, body, now)
                return
        if current:
            self._told.append(
                SecurityNotice(SecurityKind.BAD_TAG, sha256(frame.header + frame.body + frame.tag).digest())
            )
            return
        self.counters.stale += 1
        if now >= self._no_session_from:
            self._no_session_from = now + NO_SESSION_EVERY_MS
            self._put_plain(FrameType.NO_SESSION, frame.session, b"")

    def _take_valid(self, session: SessionState, frame: Frame, body: bytes, now: int) -> None:
        data = frame.type is FrameType.DATA
        if data and frame.counter == session.last_data:
            self.counters.repeated += 1
            session.owes_ack = True
            session.heard_at, session.pings = now, 0
            return
        if frame.counter <= (session.last_data if data else session.last_control):
            self.counters.stale += 1
            return
        session.heard_at, session.pings = now, 0
        self._lost_hint = False
        if self._agent and self._handshake is not None:  # the session lives: no need of another
            self._handshake = None
            self._hello_due = _LATER
        outstanding = session.outstanding
        if outstanding is not None and frame.ack == outstanding.counter & 0xFFFF:
            session.outstanding = None
        if data:
            session.last_data = frame.counter
            session.owes_ack = True
            if (whole := session.reassembler.take(body, frame.more)) is not None:
                self._told.append(whole)
            return
        session.last_control = frame.counter
        if frame.type is FrameType.PING:
            session.owes_pong = True
        elif frame.type is FrameType.BYE:
            self._end_session(CloseReason.PEER_LEFT, LinkMove.SESSION_ENDED)
            self._seek(now)
            if self._agent:
                self._hello_due = now + HELLO_EVERY_MS

    # -- sessions ------------------------------------------------------------------------------------------------------

    def _advance(self, move: LinkMove) -> None:
        self._state = TABLE.advance(self._state, move)

    def _begin_session(self, keys: SessionKeys, payload: bytes, now: int) -> None:
        if self._session is not None:
            self._drop_session(CloseReason.REPLACED)
        self._advance(LinkMove.KEYS_PROVED)
        self._session = SessionState(keys, heard_at=now, pinged_at=now)
        self._lost_hint = False
        self.counters.sessions += 1
        self._told.append(LinkOpened(keys.session, payload))

    def _drop_session(self, reason: CloseReason) -> None:
        if self._session is not None:
            self._told.append(LinkClosed(self._session.keys.session, reason))
        self._session = None
        self._urgent.clear()
        self._events.clear()

    def _end_session(self, reason: CloseReason, move: LinkMove) -> None:
        self._drop_session(reason)
        self._advance(move)

    # -- bytes out -----------------------------------------------------------------------------------------------------

    def outgoing(self, now: int) -> bytes:
        """The bytes to write now. Call it after every receive, tick and send: acknowledgements ride on what goes out."""
        session = self._session
        if session is not None:
            if session.owes_pong:
                session.owes_pong = False
                self._put_control(session, FrameType.PONG)
            if session.outstanding is None:
                self._put_data(session, now)
            if session.owes_ack:
                self._put_control(session, FrameType.ACK)
            if session.next_counter > LAST_COUNTER:
                self._end_session(CloseReason.COUNTER_SPENT, LinkMove.SESSION_ENDED)
                self._seek(now)
        wire = bytes(self._wire)
        self._wire.clear()
        return wire

    def _put_data(self, session: SessionState, now: int) -> None:
        if not session.fragments:
            queue = self._urgent or self._events
            if not queue:
                return
            session.fragments.extend(fragments(queue.popleft()))
        body, more = session.fragments.popleft()
        counter, wire = self._seal(session, FrameType.DATA, body, more)
        line_ms = (len(wire) + ACK_FRAME_BYTES) * BITS_PER_BYTE * 1000 // self._settings.line_rate
        wait = line_ms * 5 // 4 + ACK_MARGIN_MS
        session.outstanding = Outstanding(counter, wire, wait, now + wait)
        self._wire += wire

    def _put_control(self, session: SessionState, kind: FrameType) -> None:
        self._wire += self._seal(session, kind, b"", False)[1]

    def _seal(self, session: SessionState, kind: FrameType, body: bytes, more: bool) -> tuple[int, bytes]:
        counter = session.next_counter
        session.next_counter += 1
        session.owes_ack = False  # every frame carries the acknowledgement
        frame = Frame(kind, self._ours, session.keys.session, counter, session.last_data & 0xFFFF, more, body)
        return counter, encode(session.keys.seal(frame))

    def _put_plain(self, kind: FrameType, session: int, body: bytes, ack: int = 0) -> None:
        self._wire += encode(Frame(kind, self._ours, session, 0, ack, body=body))
