"""The page a second time: frames by slices, their seal by `cryptography`, the handshakes by the package noiseprotocol.

Nothing of protocol/dialects/native is used here, so an end of the product that talks with a stranger talks as docs/protocol.md says.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from zlib import crc32

from cobs import cobs
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from noise.connection import Keypair, NoiseConnection

TYPES = (
    "HELLO",
    "HELLO_REPLY",
    "PAIR_1",
    "PAIR_2",
    "PAIR_3",
    "PAIR_4",
    "PAIR_5",
    "PAIR_6",
    "DATA",
    "ACK",
    "PING",
    "PONG",
    "BYE",
    "NO_SESSION",
)
"""From 1, as §1 lists them."""
PROLOGUE = b"counterfoil/1"


@dataclass(frozen=True, slots=True)
class Heard:
    """A frame off the line, its body as it was on the line."""

    type: str
    direction: int
    more: bool
    session: int
    counter: int
    ack: int
    body: bytes
    tag: bytes
    header: bytes


def heard(wire: bytes) -> list[Heard]:
    """The frames of what was written; an AssertionError for what the page does not allow."""
    found = []
    for run in wire.split(b"\0"):
        if not run:
            continue
        plain = cobs.decode(run)
        assert crc32(plain[:-4]) == int.from_bytes(plain[-4:], "big")
        assert plain[0] >> 6 == 1
        assert int.from_bytes(plain[10:12], "big") == len(plain) - 24
        found.append(
            Heard(
                TYPES[(plain[0] & 63) - 1],
                plain[1] & 1,
                bool(plain[1] & 2),
                int.from_bytes(plain[2:4], "big"),
                int.from_bytes(plain[4:8], "big"),
                int.from_bytes(plain[8:10], "big"),
                plain[12:-12],
                plain[-12:-4],
                plain[:12],
            )
        )
    return found


def _header(kind: str, direction: int, session: int, counter: int, ack: int, size: int) -> bytes:
    numbers = session.to_bytes(2, "big") + counter.to_bytes(4, "big") + ack.to_bytes(2, "big") + size.to_bytes(2, "big")
    return bytes([0x40 | TYPES.index(kind) + 1, direction]) + numbers


def _on_the_line(plain: bytes) -> bytes:
    return b"\0" + cobs.encode(plain + crc32(plain).to_bytes(4, "big")) + b"\0"


def say(
    kind: str, direction: int, body: bytes = b"", *, session: int = 0, ack: int = 0, tag: bytes = bytes(8)
) -> bytes:
    """A frame without a seal: handshake, pairing, NO_SESSION, or a forgery. direction: 0 to the terminal, 1 to the agent."""
    return _on_the_line(_header(kind, direction, session, 0, ack, len(body)) + body + tag)


@dataclass(frozen=True, slots=True)
class Keys:
    """The two keys of Split, and the frames under them."""

    session: int
    to_terminal: bytes
    to_agent: bytes

    def _cipher(self, direction: int) -> AESCCM:
        return AESCCM((self.to_terminal, self.to_agent)[direction], tag_length=8)

    def _nonce(self, direction: int, counter: int) -> bytes:
        return bytes([direction]) + self.session.to_bytes(2, "big") + bytes(6) + counter.to_bytes(4, "big")

    def say(self, kind: str, direction: int, counter: int, body: bytes = b"", *, ack: int = 0) -> bytes:
        header = _header(kind, direction, self.session, counter, ack, len(body))
        return _on_the_line(header + self._cipher(direction).encrypt(self._nonce(direction, counter), body, header))

    def open(self, frame: Heard) -> bytes:
        """The plain body; raises InvalidTag."""
        assert frame.session == self.session
        nonce = self._nonce(frame.direction, frame.counter)
        return self._cipher(frame.direction).decrypt(nonce, frame.body + frame.tag, frame.header)


class Noise:
    """noiseprotocol's end of one handshake. pattern: "KK" or "XX". ephemeral: 32 private bytes, else its own."""

    def __init__(
        self, pattern: str, *, initiator: bool, own: bytes, peer: bytes | None = None, ephemeral: bytes | None = None
    ) -> None:
        self._end: Any = NoiseConnection.from_name(f"Noise_{pattern}_25519_AESGCM_SHA256".encode())
        (self._end.set_as_initiator if initiator else self._end.set_as_responder)()
        self._end.set_prologue(PROLOGUE)
        self._end.set_keypair_from_private_bytes(Keypair.STATIC, own)
        if peer is not None:
            self._end.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, peer)
        if ephemeral is not None:
            self._end.set_keypair_from_private_bytes(Keypair.EPHEMERAL, ephemeral)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a fixed ephemeral: never in production, and always in a vector
            self._end.start_handshake()
        self._state = self._end.noise_protocol.handshake_state
        self._initiator = initiator

    def write(self, payload: bytes = b"") -> bytes:
        return bytes(self._end.write_message(payload))

    def read(self, message: bytes) -> bytes:
        """The payload; raises InvalidTag for what the peer did not write."""
        return bytes(self._end.read_message(message))

    @property
    def peer(self) -> bytes:
        return bytes(self._state.rs.public_bytes)

    @property
    def hash(self) -> bytes:
        return bytes(self._end.get_handshake_hash())

    def keys(self, session: int) -> Keys:
        made = self._end.noise_protocol
        first, second = made.cipher_state_encrypt.k, made.cipher_state_decrypt.k
        return Keys(session, *((first, second) if self._initiator else (second, first)))


def number(handshake_hash: bytes, agent_fresh: bytes, terminal_fresh: bytes) -> str:
    """be64(SHA-256(h ‖ nA ‖ nT)[:8]) mod 10⁶, six digits."""
    digest = sha256(handshake_hash + agent_fresh + terminal_fresh).digest()
    return str(int.from_bytes(digest[:8], "big") % 1_000_000).zfill(6)
