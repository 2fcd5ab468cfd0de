"""A session's keys, and the sealing of frames under them.

Keys come from fresh randomness of both ends in every session, so no (key, nonce) pair ever repeats: within a session each
direction has its own key and every new frame its own counter; a frame that is sent again is the same bytes.
"""

from __future__ import annotations

from dataclasses import replace
from struct import Struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from protocol.dialects.native.framing import TAG_SIZE, Direction, Frame

RANDOM_SIZE = 32
KEY_SIZE = 32
_INFO = {Direction.TO_TERMINAL: b"counterfoil v1 a2t", Direction.TO_AGENT: b"counterfoil v1 t2a"}
_NONCE = Struct(">BH6xI")


class SessionKeys:
    """One AES-256-CCM key a direction: HKDF-SHA256(secret, salt = agent's random ‖ terminal's random, info by direction)."""

    def __init__(self, session: int, secret: bytes, agent_random: bytes, terminal_random: bytes) -> None:
        self.session = session
        salt = agent_random + terminal_random
        self._ciphers = {
            direction: AESCCM(HKDF(SHA256(), KEY_SIZE, salt, info).derive(secret), tag_length=TAG_SIZE)
            for direction, info in _INFO.items()
        }

    def seal(self, frame: Frame) -> Frame:
        """The frame with its body encrypted and its tag made; the header is authenticated with them."""
        nonce = _NONCE.pack(frame.direction, self.session, frame.counter)
        sealed = self._ciphers[frame.direction].encrypt(nonce, frame.body, frame.header)
        return replace(frame, body=sealed[:-TAG_SIZE], tag=sealed[-TAG_SIZE:])

    def open(self, frame: Frame) -> bytes | None:
        """The frame's plain body, or None where the tag is not its peer's."""
        nonce = _NONCE.pack(frame.direction, self.session, frame.counter)
        try:
            return self._ciphers[frame.direction].decrypt(nonce, frame.body + frame.tag, frame.header)
        except InvalidTag:
            return None

    def seal_hello(self, payload: bytes, hello: bytes) -> bytes:
        """The terminal's hello payload under counter 0, which no frame ever takes; bound to the agent's HELLO."""
        nonce = _NONCE.pack(Direction.TO_AGENT, self.session, 0)
        return self._ciphers[Direction.TO_AGENT].encrypt(nonce, payload, hello)

    def open_hello(self, sealed: bytes, hello: bytes) -> bytes | None:
        """The payload, or None where the peer holds another secret."""
        nonce = _NONCE.pack(Direction.TO_AGENT, self.session, 0)
        try:
            return self._ciphers[Direction.TO_AGENT].decrypt(nonce, sealed, hello)
        except (InvalidTag, ValueError):  # ValueError: shorter than a tag
            return None
