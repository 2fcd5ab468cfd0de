"""The link of the native dialect: one class for both ends. Bytes and time in, whole messages out; no clock, no port.

The states and what moves between them are `link_states.TABLE`. Every timer and limit is a named constant under the sentence
of docs/protocol.md §2 that it carries out.
"""

from __future__ import annotations

from collections import deque
from hashlib import sha256

from protocol.dialect import ClockTold, LinkClosed, LinkCounters, LinkEvent, LinkOpened, LinkSettings, Role
from protocol.dialects.native.arq import Outstanding
from protocol.dialects.native.fragments import fragments
from protocol.dialects.native.framing import Direction, Frame, FrameDecoder, FrameType, encode
from protocol.dialects.native.link_states import (
    TABLE,
    LinkMove,
    LinkState,
    Newness,
    SessionState,
)
from protocol.dialects.native.noise import HandshakeFailed, KeyPair
from protocol.dialects.native.pairing import Pairing
from protocol.dialects.native.session import Call, Offer, SessionKeys
from protocol.events import (
    CloseReason,
    KeyRefused,
    LineSuspected,
    PairingFailed,
    PairingFailure,
    SecurityKind,
    SecurityNotice,
)
from protocol.money import LARGEST_MINOR

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
_UPTIME_SIZE = 8


class NativeLink:
    """One end of the native wire, as `protocol.dialect.PairingLink` wants it. ValueError without keys, or with a bad one."""

    def __init__(self, settings: LinkSettings) -> None:
        if settings.keys is None:
            raise ValueError("the native link needs its static keys")
        self._settings = settings
        self._static = KeyPair.from_private(settings.keys.own)
        self._peer = None if settings.keys.peer is None else self._static.checked(settings.keys.peer)
        self._agent = settings.role is Role.AGENT
        self._ours = Direction.TO_TERMINAL if self._agent else Direction.TO_AGENT
        self._state = TABLE.start
        self._decoder = FrameDecoder()
        self._session: SessionState | None = None
        self._call: Call | None = None
        self._offer: Offer | None = None
        self._pairing = Pairing(settings.role, self._static, settings.random)
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
        session = self._session
        on_the_way = session is not None and (session.outstanding is not None or bool(session.fragments))
        return len(self._urgent) + len(self._events) + on_the_way

    @property
    def deadline(self) -> int | None:
        """When `tick` has something to do, or None."""
        due = min(self._hello_due, self._pairing.due or _LATER)
        if self._session is not None:
            due = min(due, self._keepalive_due(self._session))
            if self._session.outstanding is not None:
                due = min(due, self._session.outstanding.due)
        return None if due == _LATER else due

    def open(self, now: int) -> None:
        """The port is there."""
        self._state = TABLE.advance(self._state, LinkMove.PORT_OPENED)
        self._decoder.feed(b"\0")
        self._seek(now)

    def close(self, reason: CloseReason = CloseReason.PORT_CLOSED) -> None:
        """The port is gone: session, pairing, queues and half a frame go with it."""
        self._end_session(reason, LinkMove.PORT_CLOSED)
        self._pairing.end(PairingFailure.NO_ANSWER)
        self._call = self._offer = None
        self._hello_due = _LATER
        self._wire.clear()
        self._decoder = FrameDecoder()

    def leave(self, now: int) -> None:
        """Say BYE; the peer need not wait for our silence."""
        if self._session is not None:
            self._put_control(self._session, FrameType.BYE)
            self._end_session(CloseReason.PEER_LEFT, LinkMove.SESSION_ENDED)
        self._call = self._offer = None  # a late reply opens nothing
        self._hello_due = _LATER

    def send(self, message: bytes, *, urgent: bool) -> None:
        """Queue a message of at most 16 KiB. Replies and requests are urgent: they go before events."""
        (self._urgent if urgent else self._events).append(message)

    def take(self) -> list[LinkEvent]:
        """What happened since the last call."""
        told, self._told = [*self._told, *self._pairing.told], []
        self._pairing.told.clear()
        return told

    # -- time ----------------------------------------------------------------------------------------------------------

    def tick(self, now: int) -> None:
        """Whatever is due by now."""
        session = self._session
        if session is not None:
            outstanding = session.outstanding
            if outstanding is not None and outstanding.due <= now:
                self._send_again(outstanding, now)
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
        self._pairing.tick(now)

    def _keepalive_due(self, session: SessionState) -> int:
        return max(session.heard_at, session.pinged_at) + IDLE_MS

    def _send_again(self, outstanding: Outstanding, now: int) -> None:
        if not outstanding.again(now):
            self._end_session(CloseReason.PEER_SILENT, LinkMove.SESSION_ENDED)
            self._seek(now)
            return
        self.counters.resent += 1
        self._wire += outstanding.wire
        self._follow_hint(now)

    def _follow_hint(self, now: int) -> None:
        """Something stayed unanswered: a NO_SESSION heard before may hasten a HELLO; it never ends a session by itself."""
        if self._lost_hint and self._agent:
            self._lost_hint = False
            self._hello_due = min(self._hello_due, now)

    def _seek(self, now: int) -> None:
        self._hello_due = now if self._agent and self._peer is not None else _LATER

    def _say_hello(self, now: int) -> None:
        assert self._peer is not None  # nobody seeks a terminal that he does not know
        if self._call is None:
            self._last_session = self._last_session % 0xFFFF + 1
            self._call = Call(self._last_session, self._static, self._peer, self._settings.random)
        self._call.unrefused = True
        self._put_plain(FrameType.HELLO, 0, self._call.hello)
        self._hello_due = now + HELLO_EVERY_MS

    # -- bytes in ------------------------------------------------------------------------------------------------------

    def receive(self, data: bytes, now: int) -> None:
        """Bytes off the line, in any pieces. Never raises for what they hold."""
        if self._state is LinkState.DOWN:
            return
        damaged = -self._decoder.damaged
        frames = self._decoder.feed(data)
        damaged += self._decoder.damaged
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
                    self._take_hello(frame, now)
            case FrameType.HELLO_REPLY:
                if self._agent:
                    self._take_hello_reply(frame, now)
            case FrameType.NO_SESSION:
                if self._session is not None and frame.session == self._session.keys.session:
                    self._lost_hint = True
                elif frame.session == 0 and self._call is not None and self._call.unrefused:
                    self._call.unrefused = False
                    self._told.append(KeyRefused())
            case FrameType.DATA | FrameType.ACK | FrameType.PING | FrameType.PONG | FrameType.BYE:
                self._take_sealed(frame, now)
            case _:
                self._pairing.take(frame.type, frame.body, now)

    def _take_hello(self, frame: Frame, now: int) -> None:
        """Terminal: offer a session. The old one stays, and nothing is acted on, until a valid frame under the new keys."""
        offer = self._offer
        if offer is None or offer.hello != frame.body:
            try:
                if self._peer is None:
                    raise HandshakeFailed("not paired")
                offer = Offer(frame.body, self._static, self._peer, self._settings.random, self._settings.hello)
            except HandshakeFailed:
                if self._peer is not None:
                    self._tell_security(SecurityKind.WRONG_KEY, frame)
                self._say_no_session(0, now)
                return
            self._offer = offer
        self._put_plain(FrameType.HELLO_REPLY, 0, offer.reply, ack=offer.session)

    def _take_hello_reply(self, frame: Frame, now: int) -> None:
        """Agent: a reply that the pinned terminal made opens the session; any other is somebody else's."""
        call = self._call
        if call is None or frame.ack != call.session:  # late, or to the HELLO of an agent that is no more
            self.counters.stale += 1
            return
        self._call = None
        try:
            keys, payload = call.open_reply(frame.body)
        except HandshakeFailed:
            self._tell_security(SecurityKind.WRONG_KEY, frame)
            return  # the next HELLO is a new one
        self._hello_due = _LATER
        self._begin_session(keys, payload, now)

    def _take_sealed(self, frame: Frame, now: int) -> None:
        session, offer = self._session, self._offer
        current = session is not None and frame.session == session.keys.session
        if session is not None and current and (body := session.keys.open(frame)) is not None:
            self._take_valid(session, frame, body, now)
            return
        if offer is not None and offer.keys is not None and frame.session == offer.session:
            body = offer.keys.open(frame)
            if body is not None:
                keys, offer.keys = offer.keys, None  # the same HELLO, late on the line, still gets the same reply
                self._take_valid(self._begin_session(keys, offer.payload, now), frame, body, now)
                return
        if current:
            self._tell_security(SecurityKind.BAD_TAG, frame)
            return
        self.counters.stale += 1
        self._say_no_session(frame.session, now)

    def _say_no_session(self, session: int, now: int) -> None:
        if now >= self._no_session_from:
            self._no_session_from = now + NO_SESSION_EVERY_MS
            self._put_plain(FrameType.NO_SESSION, session, b"")

    def _tell_security(self, kind: SecurityKind, frame: Frame) -> None:
        self._told.append(SecurityNotice(kind, sha256(frame.header + frame.body + frame.tag).digest()))

    def _take_valid(self, session: SessionState, frame: Frame, body: bytes, now: int) -> None:
        newness = session.judge(frame)
        if newness is Newness.STALE:
            self.counters.stale += 1
            return
        if newness is Newness.REPEATED:  # no sign of life: anybody can say it again
            self.counters.repeated += 1
            session.owes_ack = True
            return
        session.heard_at, session.pings = now, 0
        self._lost_hint = False
        if self._agent and self._call is not None:  # the session lives: no need of another
            self._call = None
            self._hello_due = _LATER
        outstanding = session.outstanding
        if outstanding is not None and frame.ack == outstanding.counter & 0xFFFF:
            session.outstanding = None
        if frame.type is FrameType.DATA:
            session.owes_ack = True
            if (whole := session.reassembler.take(body, frame.more)) is not None:
                self._told.append(whole)
            return
        if frame.type is FrameType.PING:
            session.owes_pong = True
        elif frame.type is FrameType.PONG:
            if self._agent and len(body) == _UPTIME_SIZE and (uptime := int.from_bytes(body)) <= LARGEST_MINOR:
                self._told.append(ClockTold(uptime))
        elif frame.type is FrameType.BYE:
            self._end_session(CloseReason.PEER_LEFT, LinkMove.SESSION_ENDED)
            self._seek(now)
            if self._agent:
                self._hello_due = now + HELLO_EVERY_MS

    # -- sessions ------------------------------------------------------------------------------------------------------

    def _begin_session(self, keys: SessionKeys, payload: bytes, now: int) -> SessionState:
        self._drop_session(CloseReason.REPLACED)
        self._state = TABLE.advance(self._state, LinkMove.KEYS_PROVED)
        session = self._session = SessionState(keys, heard_at=now, pinged_at=now)
        self._lost_hint = False
        self.counters.sessions += 1
        self._told.append(LinkOpened(keys.session, payload))
        return session

    def _drop_session(self, reason: CloseReason) -> None:
        if self._session is not None:
            self._told.append(LinkClosed(self._session.keys.session, reason))
        self._session = None
        self._urgent.clear()
        self._events.clear()

    def _end_session(self, reason: CloseReason, move: LinkMove) -> None:
        self._drop_session(reason)
        self._state = TABLE.advance(self._state, move)

    # -- pairing -------------------------------------------------------------------------------------------------------

    def pair(self, now: int) -> None:
        """Agent: knock. Terminal: listen for a knock."""
        if self._state is LinkState.DOWN:
            self._told.append(PairingFailed(PairingFailure.NO_ANSWER))
        else:
            self._pairing.allow(now)

    def confirm_pairing(self, now: int) -> None:
        """The key shown is the peer's from now on; a session under another ends."""
        if (peer := self._pairing.confirm()) is None:
            return
        if peer != self._peer:
            self.leave(now)
        self._peer = peer
        if self._session is None:
            self._seek(now)

    def cancel_pairing(self) -> None:
        self._pairing.end(PairingFailure.CANCELLED)

    # -- bytes out -----------------------------------------------------------------------------------------------------

    def outgoing(self, now: int) -> bytes:
        """The bytes to write now. Call it after every receive, tick and send: acknowledgements ride on what goes out."""
        session = self._session
        if session is not None:
            if session.owes_pong:
                session.owes_pong = False
                self._put_control(session, FrameType.PONG, b"" if self._agent else now.to_bytes(_UPTIME_SIZE))
            if session.outstanding is None:
                self._put_data(session, now)
            if session.owes_ack:
                self._put_control(session, FrameType.ACK)
            if session.next_counter > LAST_COUNTER:
                self._end_session(CloseReason.COUNTER_SPENT, LinkMove.SESSION_ENDED)
                self._seek(now)
        for kind, body in self._pairing.saying:
            self._put_plain(kind, 0, body)
        self._pairing.saying.clear()
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
        counter, wire = session.seal(FrameType.DATA, self._ours, body, more)
        session.outstanding = Outstanding.sent(counter, wire, self._settings.line_rate, now)
        self._wire += wire

    def _put_control(self, session: SessionState, kind: FrameType, body: bytes = b"") -> None:
        self._wire += session.seal(kind, self._ours, body)[1]

    def _put_plain(self, kind: FrameType, session: int, body: bytes, ack: int = 0) -> None:
        self._wire += encode(Frame(kind, self._ours, session, 0, ack, body=body))
