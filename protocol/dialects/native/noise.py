"""The Noise Protocol Framework (revision 34, 2018-07-11) as far as KK and XX over 25519, AESGCM and SHA256 need it.

Section numbers are that specification's. The module does no I/O and draws no randomness of its own: an ephemeral's 32
private bytes come from the injected source, which must never give the same bytes twice.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from struct import Struct
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from protocol.errors import ProtocolError

KEY_SIZE = 32  # §12.1 DHLEN, §12.3 the cipher's key
HASH_SIZE = 32  # §12.5 HASHLEN
TAG_SIZE = 16  # §12.3
MESSAGE_MAX = 65535  # §3: no Noise message is longer
_NONCE = Struct(">4xQ")  # §12.3: 32 zero bits, then the counter

Token = Literal["e", "s", "ee", "es", "se", "ss"]


class HandshakeFailed(ProtocolError):
    """The peer holds other keys or another prologue, its message was changed or is out of turn, or its key is no key."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A handshake pattern of §7.5: the initiator writes messages 0, 2, …; pinned: "s" of both ends is a pre-message."""

    name: str
    pinned: bool
    messages: tuple[tuple[Token, ...], ...]


KK = Pattern("Noise_KK_25519_AESGCM_SHA256", True, (("e", "es", "ss"), ("e", "ee", "se")))
XX = Pattern("Noise_XX_25519_AESGCM_SHA256", False, (("e",), ("e", "ee", "s", "es"), ("s", "se")))


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An X25519 key pair, 32 bytes each half; the private half is in no repr."""

    private: bytes = field(repr=False)
    public: bytes

    @classmethod
    def from_private(cls, private: bytes) -> KeyPair:
        """The pair of 32 private bytes (RFC 7748 §6.1); ValueError for another length."""
        return cls(private, X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw())

    def checked(self, peer: bytes) -> bytes:
        """The peer's public key; ValueError if it has not 32 bytes, or is of low order and so nobody's."""
        X25519PrivateKey.from_private_bytes(self.private).exchange(X25519PublicKey.from_public_bytes(peer))
        return peer


class _Symmetric:
    """§5.2, with the cipher state of §5.1 in it: h, the chaining key, and the key that the next secret replaces."""

    def __init__(self, name: str) -> None:
        assert len(name) <= HASH_SIZE  # a longer name would be hashed
        self.hash = name.encode().ljust(HASH_SIZE, b"\0")
        self._chaining = self.hash
        self._cipher: AESGCM | None = None
        self._counter = 0

    @property
    def tag_size(self) -> int:
        """What encryption adds now: nothing before the first shared secret."""
        return 0 if self._cipher is None else TAG_SIZE

    def mix_hash(self, data: bytes) -> None:
        self.hash = hashlib.sha256(self.hash + data).digest()

    def mix_key(self, secret: bytes) -> None:
        self._chaining, key = _hkdf(self._chaining, secret)
        self._cipher, self._counter = AESGCM(key), 0

    def encrypt(self, plain: bytes) -> bytes:
        sealed = plain if self._cipher is None else self._cipher.encrypt(self._nonce(), plain, self.hash)
        self.mix_hash(sealed)
        return sealed

    def decrypt(self, sealed: bytes) -> bytes:
        try:
            plain = sealed if self._cipher is None else self._cipher.decrypt(self._nonce(), sealed, self.hash)
        except InvalidTag:
            raise HandshakeFailed("a part of the handshake message does not authenticate") from None
        self.mix_hash(sealed)
        return plain

    def split(self) -> tuple[bytes, bytes]:
        return _hkdf(self._chaining, b"")

    def _nonce(self) -> bytes:
        self._counter += 1
        return _NONCE.pack(self._counter - 1)


class Handshake:
    """One end of one handshake (§5.3): `write` and `read` in turn until `finished`, then `split`.

    pattern: KK or XX. prologue: bytes that both ends must hold alike. static: this end's pair. remote_static: the peer's
    32 pinned bytes, for KK only; XX learns them. random(32) gives the ephemeral's private bytes, asked for once.
    ValueError for a remote_static that is missing, superfluous or not of 32 bytes.

    Whatever `write` or `read` raises ends the handshake for good: its keys and what it learned of the peer are dropped, and
    every further call is refused. Only a call out of turn is refused without an effect.
    """

    def __init__(
        self,
        pattern: Pattern,
        *,
        initiator: bool,
        prologue: bytes,
        static: KeyPair,
        remote_static: bytes | None = None,
        random: Callable[[int], bytes],
    ) -> None:
        if (remote_static is not None) != pattern.pinned:
            raise ValueError(f"{pattern.name} {'needs' if pattern.pinned else 'takes no'} remote_static")
        if remote_static is not None and len(remote_static) != KEY_SIZE:
            raise ValueError(f"a public key has {KEY_SIZE} bytes, not {len(remote_static)}")
        self._pattern, self._initiator, self._random = pattern, initiator, random
        self._own = {"s": X25519PrivateKey.from_private_bytes(static.private)}
        self._peer = {} if remote_static is None else {"s": remote_static}
        self._static_public = static.public
        self._done = 0  # messages
        self._failed = False
        self._result: tuple[bytes, tuple[bytes, bytes]] | None = None
        self._state = _Symmetric(pattern.name)
        self._state.mix_hash(prologue)
        if remote_static is not None:  # §5.3: the initiator's key is hashed first
            for key in (static.public, remote_static) if initiator else (remote_static, static.public):
                self._state.mix_hash(key)

    @property
    def finished(self) -> bool:
        """True once every message was written or read."""
        return self._result is not None

    @property
    def hash(self) -> bytes:
        """h, 32 bytes, alike at both ends and unique to this session (§11.2); HandshakeFailed before the end."""
        return self._outcome()[0]

    @property
    def remote_static(self) -> bytes | None:
        """The peer's 32 public bytes; None until a message that authenticates brought them, and after a failure."""
        return self._peer.get("s")

    def split(self) -> tuple[bytes, bytes]:
        """The 32-byte keys (initiator to responder, responder to initiator); HandshakeFailed before the end."""
        return self._outcome()[1]

    def write(self, payload: bytes) -> bytes:
        """The next message. Encrypted but in XX's first, which anyone reads and changes at will (XX's second then fails).

        HandshakeFailed out of turn, where the peer's key gives an all-zero secret, and beyond 65535 bytes.
        """
        steps = self._turn(writing=True)
        try:
            message = b"".join(self._write(step) for step in steps) + self._state.encrypt(payload)
            if len(message) > MESSAGE_MAX:
                raise HandshakeFailed("the handshake message is longer than Noise allows")
        except BaseException:
            self._forget()
            raise
        self._advance()
        return message

    def read(self, message: bytes) -> bytes:
        """The payload of the peer's next message; HandshakeFailed for anything but what the peer wrote, and out of turn."""
        steps = self._turn(writing=False)
        try:
            if len(message) > MESSAGE_MAX:
                raise HandshakeFailed("the handshake message is longer than Noise allows")
            for step in steps:
                message = self._read(step, message)
            payload = self._state.decrypt(message)
        except BaseException:
            self._forget()
            raise
        self._advance()
        return payload

    def _write(self, step: Token) -> bytes:
        if step == "e":
            self._own["e"] = X25519PrivateKey.from_private_bytes(self._random(KEY_SIZE))
            public = self._own["e"].public_key().public_bytes_raw()
            self._state.mix_hash(public)
            return public
        if step == "s":
            return self._state.encrypt(self._static_public)
        self._mix_shared(step)
        return b""

    def _read(self, step: Token, message: bytes) -> bytes:
        """What is left of the message after the step."""
        if step not in ("e", "s"):
            self._mix_shared(step)
            return message
        size = KEY_SIZE + (self._state.tag_size if step == "s" else 0)
        if len(message) < size:
            raise HandshakeFailed("the handshake message is cut short")
        if step == "e":
            self._peer["e"] = message[:size]
            self._state.mix_hash(message[:size])
        else:
            self._peer["s"] = self._state.decrypt(message[:size])
        return message[size:]

    def _mix_shared(self, step: Token) -> None:
        """The first letter is the initiator's key, the second the responder's."""
        own, peer = (step[0], step[1]) if self._initiator else (step[1], step[0])
        try:
            secret = self._own[own].exchange(X25519PublicKey.from_public_bytes(self._peer[peer]))
        except ValueError:  # all zero: the peer's point is of low order (RFC 7748 §6.1), and the secret anybody's
            raise HandshakeFailed("the peer's public key is of low order") from None
        self._state.mix_key(secret)

    def _turn(self, *, writing: bool) -> tuple[Token, ...]:
        if self._failed or self.finished:
            raise HandshakeFailed("the handshake has failed before" if self._failed else "the handshake is over")
        if (self._done % 2 == 0) != (self._initiator == writing):
            raise HandshakeFailed("it is the other end's turn")
        return self._pattern.messages[self._done]

    def _advance(self) -> None:
        self._done += 1
        if self._done == len(self._pattern.messages):
            self._result = self._state.hash, self._state.split()
            self._drop_secrets()

    def _outcome(self) -> tuple[bytes, tuple[bytes, bytes]]:
        if self._result is None:
            raise HandshakeFailed("the handshake is not finished")
        return self._result

    def _forget(self) -> None:
        self._failed = True
        self._peer.clear()
        self._drop_secrets()

    def _drop_secrets(self) -> None:
        self._own.clear()
        del self._state


def _hkdf(chaining: bytes, material: bytes) -> tuple[bytes, bytes]:
    """§4.3 with two outputs."""
    secret = hmac.digest(chaining, material, "sha256")
    first = hmac.digest(secret, b"\x01", "sha256")
    return first, hmac.digest(secret, first + b"\x02", "sha256")
