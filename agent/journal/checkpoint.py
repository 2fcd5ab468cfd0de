"""Checkpoints as C2SP signed notes (c2sp.org/signed-note, c2sp.org/tlog-checkpoint), Ed25519 alone.

text = origin \\n size \\n base64(root) \\n
note = text \\n — name base64(keyID[4] ‖ signature[64]) \\n …       the signature covers text with its last \\n
vkey = name + hex(keyID) + base64(0x01 ‖ public key[32])           keyID = SHA-256(name ‖ \\n ‖ 0x01 ‖ public key)[:4]
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ED25519 = b"\x01"
MOST_SIGNATURES = 100
LONGEST_NOTE = 64 * 1024
_DASH = "\u2014 "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_NOT_IN_A_NAME = re.compile(r"[\s+\x00-\x1f]")


class NoteError(ValueError):
    """A note, checkpoint or verifying key that is not well formed."""


class SignatureRefused(NoteError):
    """A well-formed note that this key has not signed, or not so."""


def exact_base64(text: str) -> bytes:
    """Standard base64 (RFC 4648 §4), canonical: what it decodes to must encode to the same text. Raises NoteError."""
    try:
        raw = b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise NoteError("no base64") from error
    if b64encode(raw).decode() != text:
        raise NoteError("base64 with stray bits")
    return raw


def exact_number(text: str) -> int:
    """An ASCII decimal without leading zeroes, below 2^63. Raises NoteError."""
    if not (text.isascii() and text.isdigit()) or (text[0] == "0" and text != "0") or len(text) > 19:
        raise NoteError("no decimal number")
    return int(text)


def _check_name(name: str) -> None:
    if not name or _NOT_IN_A_NAME.search(name):
        raise NoteError("a key name is not empty and holds neither spaces nor plus")


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """An Ed25519 public key (32 bytes) under a name: for a journal, the name is its origin."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.public) != 32:
            raise NoteError("an Ed25519 public key is 32 bytes")

    @property
    def key_id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{b64encode(ED25519 + self.public).decode()}"

    @classmethod
    def parse(cls, vkey: str) -> VerifyingKey:
        """Raises NoteError for anything that is not exactly a vkey of type Ed25519 whose key ID is its own."""
        parts = vkey.split("+", 2)  # twice at most: base64 may hold "+"
        if len(parts) != 3:
            raise NoteError("a verifying key has three parts")
        raw = exact_base64(parts[2])
        if len(raw) != 33 or raw[:1] != ED25519:
            raise NoteError("not an Ed25519 verifying key")
        key = cls(parts[0], raw[1:])
        if parts[1] != key.key_id.hex():
            raise NoteError("the key ID is not that of this name and key")
        return key

    def accepts(self, signature: bytes, text: bytes) -> bool:
        try:
            _public_key(self.public).verify(signature, text)
        except InvalidSignature:
            return False
        return True


@lru_cache(maxsize=8)
def _public_key(raw: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(raw)


def signature_line(name: str, key_id: bytes, signature: bytes) -> str:
    return f"{_DASH}{name} {b64encode(key_id + signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A signed note taken apart. text ends with a newline; signatures: (name, key ID, signature bytes)."""

    text: str
    signatures: tuple[tuple[str, bytes, bytes], ...]

    @classmethod
    def parse(cls, note: str) -> Note:
        """Raises NoteError unless the note is exactly as c2sp.org/signed-note says."""
        if len(note) > LONGEST_NOTE:
            raise NoteError("a note of this length is none of ours")
        if _CONTROL.search(note):
            raise NoteError("control characters in a note")
        text, blank, tail = note.rpartition("\n\n")
        if not blank or not text or not tail.endswith("\n"):
            raise NoteError("a note is a text, an empty line and signatures")
        lines = tail[:-1].split("\n")
        if len(lines) > MOST_SIGNATURES:
            raise NoteError("too many signatures")
        signatures = []
        for line in lines:
            if not line.startswith(_DASH):
                raise NoteError("no signature line")
            name, space, encoded = line[len(_DASH) :].partition(" ")
            _check_name(name)
            blob = exact_base64(encoded)
            if not space or len(blob) < 5:
                raise NoteError("no signature")
            signatures.append((name, blob[:4], blob[4:]))
        return cls(text + "\n", tuple(signatures))

    def require(self, key: VerifyingKey) -> None:
        """Raises SignatureRefused unless `key` signed this text; a bad signature under its name and ID refuses the note."""
        key_id, text, signed = key.key_id, self.text.encode(), False
        for name, signer_id, signature in self.signatures:
            if name == key.name and signer_id == key_id:
                if not key.accepts(signature, text):
                    raise SignatureRefused("the signature is not over this text")
                signed = True
        if not signed:
            raise SignatureRefused("not signed by this key")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: size in leaves, root of 32 bytes."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    @classmethod
    def parse_text(cls, text: str) -> Checkpoint:
        """Raises NoteError. Extension lines are refused: this project's checkpoints have none."""
        lines = text.split("\n")
        if len(lines) != 4 or lines[3] or not lines[0]:
            raise NoteError("a checkpoint has three lines")
        root = exact_base64(lines[2])
        if len(root) != 32:
            raise NoteError("a root is 32 bytes")
        return cls(lines[0], exact_number(lines[1]), root)

    @classmethod
    def parse(cls, note: str) -> Checkpoint:
        """The checkpoint that a note is about, its signatures unchecked. Raises NoteError."""
        return cls.parse_text(Note.parse(note).text)

    @classmethod
    def verify(cls, note: str, key: VerifyingKey, *others: VerifyingKey) -> Checkpoint:
        """The checkpoint of a note that `key` signed, and the others too; its origin is `key`'s name. Raises NoteError."""
        parsed = Note.parse(note)
        for each in (key, *others):
            parsed.require(each)
        checkpoint = cls.parse_text(parsed.text)
        if checkpoint.origin != key.name:
            raise NoteError("the checkpoint is of another log")
        return checkpoint
