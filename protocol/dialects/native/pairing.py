"""Pairing, once: the two ends come to know each other's static key, and a person compares a number.

    PAIR_1  agent -> terminal   Noise_XX message 1
    PAIR_2  terminal -> agent   Noise_XX message 2: the terminal's static key
    PAIR_3  agent -> terminal   Noise_XX message 3: the agent's static key
    PAIR_4  terminal -> agent   SHA-256(h ‖ nT), a commitment
    PAIR_5  agent -> terminal   nA, 32 fresh bytes
    PAIR_6  terminal -> agent   nT, 32 fresh bytes

h is the handshake's hash. Whoever stands between has two handshakes with two of them, and, committed before it sees the
other's bytes, one chance in a million that the numbers are alike: be64(SHA-256(h ‖ nA ‖ nT)[:8]) mod 10^6.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from hashlib import sha256

from protocol.dialect import Role
from protocol.dialects.native.framing import FrameType
from protocol.dialects.native.noise import KEY_SIZE, XX, Handshake, HandshakeFailed, KeyPair
from protocol.dialects.native.session import PROLOGUE
from protocol.events import Paired, PairingFailed, PairingFailure, PairingShown
from protocol.transitions import Table

FRESH_SIZE = 32
# "The agent says its word again every second until the answer comes; a pairing that gets no further for 10 s has failed."
AGAIN_MS = 1_000
SILENT_MS = 10_000
# "A person has two minutes to compare; a terminal takes part for two minutes after it was told to."
COMPARE_MS = 120_000
# "and in at most three attempts: else whoever stands between could begin anew until the numbers are alike."
ATTEMPTS = 3


class PairingState(StrEnum):
    IDLE = "idle"
    LISTENING = "listening"
    """Terminal: a person allowed one pairing."""
    KNOCKED = "knocked"
    """Agent: PAIR_1 is out. Terminal: PAIR_2 is."""
    KNOWN = "known"
    """Agent: PAIR_3 is out. Terminal: PAIR_4, its commitment, is."""
    REVEALED = "revealed"
    """Agent: PAIR_5 is out."""
    COMPARING = "comparing"
    """Both show the number; a person confirms at each end."""


class PairingMove(StrEnum):
    ALLOWED = "allowed"
    PAIR_1 = "pair_1"
    PAIR_2 = "pair_2"
    PAIR_3 = "pair_3"
    PAIR_4 = "pair_4"
    PAIR_5 = "pair_5"
    PAIR_6 = "pair_6"
    CONFIRMED = "confirmed"
    ENDED = "ended"
    """No answer, a broken promise, or a person's no."""


_S, _M = PairingState, PairingMove
_ENDS = {(state, _M.ENDED): _S.IDLE for state in _S}

AGENT: Table[PairingState, PairingMove] = Table(
    "native pairing, agent",
    _S.IDLE,
    {
        (_S.IDLE, _M.ALLOWED): _S.KNOCKED,
        (_S.KNOCKED, _M.PAIR_2): _S.KNOWN,
        (_S.KNOWN, _M.PAIR_4): _S.REVEALED,
        (_S.REVEALED, _M.PAIR_6): _S.COMPARING,
        (_S.COMPARING, _M.CONFIRMED): _S.IDLE,
        **{pair: _S.IDLE for pair in _ENDS if pair[0] is not _S.LISTENING},
    },
)
TERMINAL: Table[PairingState, PairingMove] = Table(
    "native pairing, terminal",
    _S.IDLE,
    {
        (_S.IDLE, _M.ALLOWED): _S.LISTENING,
        **{(state, _M.PAIR_1): _S.KNOCKED for state in (_S.LISTENING, _S.KNOCKED, _S.KNOWN)},
        (_S.KNOCKED, _M.PAIR_3): _S.KNOWN,
        (_S.KNOWN, _M.PAIR_5): _S.COMPARING,
        (_S.COMPARING, _M.CONFIRMED): _S.IDLE,
        **{pair: _S.IDLE for pair in _ENDS if pair[0] is not _S.REVEALED},
    },
)

_FRAMES = {kind: PairingMove(kind.name.lower()) for kind in FrameType if kind.name.startswith("PAIR_")}


Spoken = tuple[FrameType, bytes]


class Pairing:
    """One end of a pairing. Sans-I/O, as the link that carries it; `now` in ms. What comes out of turn is ignored.

    saying: pairing frames to write, as (type, body); told: what happened. The link empties both.
    """

    def __init__(self, role: Role, static: KeyPair, random: Callable[[int], bytes]) -> None:
        self._table = AGENT if role is Role.AGENT else TERMINAL
        self._static, self._random = static, random
        self.state = PairingState.IDLE
        self._forget()
        self._attempts = 0
        self._until = 0
        self.saying: list[Spoken] = []
        self.told: list[PairingShown | Paired | PairingFailed] = []

    def _forget(self) -> None:
        self._noise: Handshake | None = None
        self._heard: dict[FrameType, bytes] = {}
        self._said: Spoken | None = None
        self._commitment = self._agent_fresh = self._terminal_fresh = b""
        self._again: int | None = None

    @property
    def due(self) -> int | None:
        """When `tick` has something to do, or None."""
        if self.state is PairingState.IDLE:
            return None
        return self._until if self._again is None else min(self._until, self._again)

    def allow(self, now: int) -> None:
        """Begin: the agent knocks, the terminal listens. What was under way is cancelled."""
        self.end(PairingFailure.CANCELLED)
        self._move(PairingMove.ALLOWED)
        self._attempts = 0
        if self._table is TERMINAL:
            self._until = now + COMPARE_MS
        else:
            self._noise = self._handshake(initiator=True)
            self._say(FrameType.PAIR_1, self._noise.write(b""), now)

    def end(self, reason: PairingFailure) -> None:
        """Give up, if anything is under way."""
        if self.state is not PairingState.IDLE:
            self._move(PairingMove.ENDED)
            self._forget()
            self.saying.clear()
            self.told.append(PairingFailed(reason))

    def confirm(self) -> bytes | None:
        """A person compared: the peer's static key, or None if there is none to confirm."""
        if self.state is not PairingState.COMPARING or self._noise is None or self._noise.remote_static is None:
            return None
        peer = self._noise.remote_static
        self._move(PairingMove.CONFIRMED)
        self._forget()
        self.told.append(Paired(peer))
        return peer

    def tick(self, now: int) -> None:
        """Whatever is due by now."""
        if self._until <= now:  # `end` does nothing where nothing is under way
            self.end(PairingFailure.NO_ANSWER)
        if self._again is not None and self._again <= now and self._said is not None:
            self._again = now + AGAIN_MS
            self.saying.append(self._said)

    def take(self, kind: FrameType, body: bytes, now: int) -> None:
        """A pairing frame of the peer's."""
        if self._heard.get(kind) == body:  # told again: our answer was lost, or is late
            if self._said is not None and self._table is TERMINAL and next(reversed(self._heard)) is kind:
                self.saying.append(self._said)
            return
        if (
            self._table is TERMINAL
            and self.state is PairingState.COMPARING
            and kind is FrameType.PAIR_1
            and len(body) == KEY_SIZE
        ):
            # The agent, or somebody in its name, begins anew. The number must not change under a person's finger.
            self.end(PairingFailure.CANCELLED)
        if (self.state, _FRAMES[kind]) not in self._table.rows:
            return
        if kind is FrameType.PAIR_1:
            if len(body) != KEY_SIZE:
                return
            self._attempts += 1
            if self._attempts > ATTEMPTS:
                self.end(PairingFailure.BROKEN)
                return
            self._forget()
        try:
            answer = self._answer(kind, body)
        except HandshakeFailed:
            self.end(PairingFailure.BROKEN)
            return
        self._heard[kind] = body
        self._move(_FRAMES[kind])
        if answer is not None:
            self._say(*answer, now)
        if self.state is PairingState.COMPARING:
            self._compare(now)

    def _answer(self, kind: FrameType, body: bytes) -> Spoken | None:
        """What to say to it; None to the last. Raises HandshakeFailed for a broken promise."""
        if kind is FrameType.PAIR_1:
            self._noise = self._handshake(initiator=False)
            self._noise.read(body)
            return FrameType.PAIR_2, self._noise.write(b"")
        noise = self._noise
        assert noise is not None  # no other row leads here
        if kind in {FrameType.PAIR_2, FrameType.PAIR_3}:
            noise.read(body)
            if kind is FrameType.PAIR_2:
                return FrameType.PAIR_3, noise.write(b"")
            self._terminal_fresh = self._random(FRESH_SIZE)
            return FrameType.PAIR_4, sha256(noise.hash + self._terminal_fresh).digest()
        if len(body) != FRESH_SIZE:
            raise HandshakeFailed("32 bytes were promised")
        if kind is FrameType.PAIR_4:
            self._commitment, self._agent_fresh = body, self._random(FRESH_SIZE)
            return FrameType.PAIR_5, self._agent_fresh
        if kind is FrameType.PAIR_5:
            self._agent_fresh = body
            return FrameType.PAIR_6, self._terminal_fresh
        if sha256(noise.hash + body).digest() != self._commitment:
            raise HandshakeFailed("what is revealed is not what was promised")
        self._terminal_fresh = body
        return None

    def _compare(self, now: int) -> None:
        assert self._noise is not None
        assert self._noise.remote_static is not None  # XX told it
        digest = sha256(self._noise.hash + self._agent_fresh + self._terminal_fresh).digest()
        number = f"{int.from_bytes(digest[:8]) % 10**6:06d}"
        self._again, self._until = None, now + COMPARE_MS
        self.told.append(PairingShown(number, self._noise.remote_static))

    def _say(self, kind: FrameType, body: bytes, now: int) -> None:
        self._said = kind, body
        self.saying.append(self._said)
        self._until = now + SILENT_MS
        self._again = now + AGAIN_MS if self._table is AGENT else None

    def _handshake(self, *, initiator: bool) -> Handshake:
        return Handshake(XX, initiator=initiator, prologue=PROLOGUE, static=self._static, random=self._random)

    def _move(self, move: PairingMove) -> None:
        self.state = self._table.advance(self.state, move)
