"""Logs made by hand for the witness's own tests, from RFC 6962 and C2SP's signed-note, tlog-checkpoint and tlog-witness.

It shares nothing with the house's own trees and notes, nor with the witness's.
"""

from __future__ import annotations

import base64
import http.client
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ADD = "/add-checkpoint"


def root(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1: MTH."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0]).digest()
    cut = 1 << ((len(leaves) - 1).bit_length() - 1)
    return sha256(b"\1" + root(leaves[:cut]) + root(leaves[cut:])).digest()


def proof(old: int, leaves: list[bytes], *, known: bool = True) -> list[bytes]:
    """RFC 6962 section 2.1.2: SUBPROOF(old, leaves, known); PROOF for 0 < old < len(leaves), empty for the ends."""
    if old in (0, len(leaves)):
        return [] if known else [root(leaves)]
    cut = 1 << ((len(leaves) - 1).bit_length() - 1)
    if old <= cut:
        return [*proof(old, leaves[:cut], known=known), root(leaves[cut:])]
    return [*proof(old - cut, leaves[cut:], known=False), root(leaves[:cut])]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def key_id(name: str, material: bytes) -> bytes:
    """Of a key of `material` = type ‖ public key."""
    return sha256(name.encode() + b"\n" + material).digest()[:4]


@dataclass
class Log:
    """A log that signs whatever it is told to."""

    origin: str = "log.example/shop"
    salt: str = "a"
    key: Ed25519PrivateKey = field(init=False)

    def __post_init__(self) -> None:
        self.key = Ed25519PrivateKey.from_private_bytes(sha256(f"{self.origin} {self.salt}".encode()).digest())

    @property
    def material(self) -> bytes:
        return b"\1" + self.key.public_key().public_bytes_raw()

    @property
    def vkey(self) -> str:
        return f"{self.origin}+{key_id(self.origin, self.material).hex()}+{b64(self.material)}"

    def leaves(self, size: int, fork: int | None = None) -> list[bytes]:
        """`size` entries, those from `fork` on other ones."""
        return [b"entry %d%s" % (i, b"" if fork is None or i < fork else b" forked") for i in range(size)]

    def text(self, size: int, fork: int | None = None) -> str:
        return f"{self.origin}\n{size}\n{b64(root(self.leaves(size, fork)))}\n"

    def line(self, text: str) -> str:
        return f"— {self.origin} {b64(key_id(self.origin, self.material) + self.key.sign(text.encode()))}\n"

    def note(self, size: int, fork: int | None = None) -> str:
        text = self.text(size, fork)
        return f"{text}\n{self.line(text)}"

    def request(self, old: int, size: int, fork: int | None = None) -> str:
        return body(old, proof(old, self.leaves(size, fork)), self.note(size, fork))


def body(old: int | str, hashes: list[bytes], note: str) -> str:
    return "".join([f"old {old}\n", *(b64(hash_) + "\n" for hash_ in hashes), "\n", note])


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    type: str
    body: str


def send(url: str, content: str | bytes, *, method: str = "POST", path: str = ADD) -> Answer:
    host, slash, prefix = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=30)
    try:
        connection.request(method, slash + prefix + path, content.encode() if isinstance(content, str) else content)
        response = connection.getresponse()
        return Answer(response.status, response.headers["Content-Type"], response.read().decode())
    finally:
        connection.close()


def cosigned_at(vkey: str, text: str, lines: str) -> int:
    """The time in seconds of the one cosignature/v1 line of `vkey` over a checkpoint's `text`.

    Raises:
        ValueError: not one such line, or a key ID that its key does not have.
        InvalidSignature: the signature is of something else.
    """
    name, hash_, encoded = vkey.split("+", 2)
    material = base64.b64decode(encoded, validate=True)
    start = f"— {name} "
    (found,) = (
        signature
        for line in lines.splitlines()
        if line.startswith(start)
        and (signature := base64.b64decode(line.removeprefix(start), validate=True)).startswith(bytes.fromhex(hash_))
    )
    if material[0] != 4 or key_id(name, material).hex() != hash_ or len(found) != 4 + 8 + 64:
        raise ValueError(vkey)
    time = int.from_bytes(found[4:12], "big")
    message = f"cosignature/v1\ntime {time}\n{text}"
    Ed25519PublicKey.from_public_bytes(material[1:]).verify(found[12:], message.encode())
    return time
