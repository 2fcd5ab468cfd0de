"""A session: its handshake by Noise KK, its keys, and the sealing of frames under them.

    HELLO        agent -> terminal   Noise_KK message 1, payload = session id u16
    HELLO_REPLY  terminal -> agent   Noise_KK message 2, payload = the terminal's hello

Both static keys were pinned at pairing. Keys come from fresh ephemerals of both ends in every session, so no (key, nonce)
pair ever repeats: within a session each direction has its own key and every new frame its own counter; a frame that is
sent again is the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from protocol.dialects.native.framing import TAG_SIZE, Direction, Frame
from protocol.dialects.native.noise import KK, Handshake, HandshakeFailed, KeyPair

PROLOGUE = b"counterfoil/1"
_NONCE = Struct(">BH6xI")


class SessionKeys:
    """One AES-256-CCM key a direction: the two keys of Noise's Split."""

    def __init__(self, session: int, to_terminal: bytes, to_agent: bytes) -> None:
        self.session = session
        self._ciphers = {
            Direction.TO_TERMINAL: AESCCM(to_terminal, tag_length=TAG_SIZE),
            Direction.TO_AGENT: AESCCM(to_agent, tag_length=TAG_SIZE),
        }

    def seal(self, frame: Frame) -> Frame:
        """The frame with its body encrypted and its tag made; the header is authenticated with them."""
        nonce = _NONCE.pack(frame.direction, self.session, frame.counter)
        sealed = self._ciphers[frame.direction].encrypt(nonce, frame.body, frame.header)
        body, tag = sealed[:-TAG_SIZE], sealed[-TAG_SIZE:]
        # dataclasses.replace would cost as much as the cipher
        return Frame(frame.type, frame.direction, frame.session, frame.counter, frame.ack, frame.more, body, tag)

    def open(self, frame: Frame) -> bytes | None:
        """The frame's plain body, or None where the tag is not its peer's."""
        nonce = _NONCE.pack(frame.direction, self.session, frame.counter)
        try:
            return self._ciphers[frame.direction].decrypt(nonce, frame.body + frame.tag, frame.header)
        except InvalidTag:
            return None


class Call:
    """The agent's side of a handshake. hello: the body to send, again and again, until a reply comes. session: 1..65535.

    unrefused: no terminal said since the last HELLO that it does not know us.
    """

    def __init__(self, session: int, static: KeyPair, peer: bytes, random: Callable[[int], bytes]) -> None:
        self.session = session
        self._noise = Handshake(KK, initiator=True, prologue=PROLOGUE, static=static, remote_static=peer, random=random)
        self.hello = self._noise.write(session.to_bytes(2))
        self.unrefused = True

    def open_reply(self, body: bytes) -> tuple[SessionKeys, bytes]:
        """The session's keys and the terminal's hello. Raises HandshakeFailed where it is not the pinned terminal's."""
        payload = self._noise.read(body)
        return SessionKeys(self.session, *self._noise.split()), payload


class Offer:
    """The terminal's side: what it says to one HELLO, the same to the same. Raises HandshakeFailed if that is not the pinned

    agent's. keys: to be taken into use once, by the first valid frame under them. payload: the hello given in the reply.
    """

    def __init__(
        self, hello: bytes, static: KeyPair, peer: bytes, random: Callable[[int], bytes], payload: Callable[[], bytes]
    ) -> None:
        noise = Handshake(KK, initiator=False, prologue=PROLOGUE, static=static, remote_static=peer, random=random)
        told = noise.read(hello)
        self.hello = hello
        self.session = int.from_bytes(told)
        if len(told) != 2 or not self.session:
            raise HandshakeFailed("a session id is 2 bytes and never 0")
        self.payload = payload()
        self.reply = noise.write(self.payload)
        self.keys: SessionKeys | None = SessionKeys(self.session, *noise.split())
