"""A witness's side of the record, without any I/O: what it is shown, what its answer means (c2sp.org/tlog-witness,
c2sp.org/tlog-cosignature).

    old 20852014 \\n  base64(hash) \\n …  \\n  checkpoint     the body of a POST to <url>/add-checkpoint
    — name base64(keyID[4] ‖ u64be T ‖ signature[64]) \\n    its answer: signs "cosignature/v1\\ntime T\\n" + checkpoint text
    vkey = name + hex(keyID) + base64(0x04 ‖ public key[32])  keyID = SHA-256(name ‖ \\n ‖ 0x04 ‖ public key)[:4]

A witness signs a head only where it goes on from the last head of this origin that it signed.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from unicodedata import is_normalized, normalize

from agent.journal.checkpoint import (
    Checkpoint,
    Note,
    NoteError,
    SignatureRefused,
    VerifyingKey,
    exact_base64,
    exact_number,
    signature_line,
)
from agent.journal.reader import Reader
from protocol.masking import mask_text

COSIGNATURE = b"\x04"
"""The signature type of an Ed25519 cosignature. A plain Ed25519 key (0x01) is a log's, which signs anything: refused."""
HEAD_NAME = "witness-"
"""How the names begin of the heads that witnesses signed, among those that the home remembers."""
MOST_PROOF_LINES = 63
LONGEST_KEPT = 1_024
"""Characters of a refusing answer that the journal keeps."""
_LATEST_S = 2**53 // 1_000 - 1
"""The journal keeps ms below 2^53; the specification allows seconds below 2^63."""


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """A witness's Ed25519 public key (32 bytes) under its name. Raises NoteError as `VerifyingKey`."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        VerifyingKey(self.name, self.public)
        if not is_normalized("NFC", self.name) or not self.name.isprintable():
            raise NoteError("a key name is printable text in normal form")

    @property
    def key_id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + COSIGNATURE + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{b64encode(COSIGNATURE + self.public).decode()}"

    @property
    def head_name(self) -> str:
        """Under this name the home remembers the last head that this witness signed (`agent.journal.heads.remember`)."""
        return HEAD_NAME + sha256(str(self).encode()).hexdigest()[:8]

    @classmethod
    def parse(cls, vkey: str) -> WitnessKey:
        """Raises NoteError for anything that is not exactly the vkey of an Ed25519 cosigner, its key ID its own."""
        parts = vkey.split("+", 2)
        if len(parts) != 3:
            raise NoteError("a verifying key has three parts")
        raw = exact_base64(parts[2])
        if len(raw) != 33 or raw[:1] != COSIGNATURE:
            raise NoteError("not the key of an Ed25519 witness")
        key = cls(parts[0], raw[1:])
        if parts[1] != key.key_id.hex():
            raise NoteError("the key ID is not that of this name and key")
        return key

    def cosigned(self, note: Note) -> Cosigned:
        """This witness's cosignature among the note's; others are passed by. Raises SignatureRefused, also for a bad one
        under its name and ID beside a good one.
        """
        key, key_id, found = VerifyingKey(self.name, self.public), self.key_id, None
        for name, signer_id, blob in note.signatures:
            if (name, signer_id) != (self.name, key_id):
                continue
            time = int.from_bytes(blob[:8], "big")
            if len(blob) != 72 or time > _LATEST_S:
                raise SignatureRefused("no cosignature of this type")
            if not key.accepts(blob[8:], f"cosignature/v1\ntime {time}\n{note.text}".encode()):
                raise SignatureRefused("the cosignature is not over this text")
            found = found or Cosigned(time, signature_line(name, key_id, blob))
        if found is None:
            raise SignatureRefused("not cosigned by this key")
        return found


@dataclass(frozen=True, slots=True)
class Cosigned:
    """time: when the witness signed, by its clock, in s since 1970. line: its signature line, with the newline."""

    time: int
    line: str


@dataclass(frozen=True, slots=True)
class Showing:
    """What a witness is shown: the head of `size` entries, as its note, and that it goes on from `old` entries."""

    old: int
    size: int
    note: str
    proof: tuple[bytes, ...] = ()

    @property
    def body(self) -> bytes:
        """The request's body."""
        lines = [f"old {self.old}\n", *(f"{b64encode(each).decode()}\n" for each in self.proof), "\n", self.note]
        return "".join(lines).encode()


def showing(journal: Reader, old: int) -> Showing:
    """The journal's last head, and the proof from the size that the witness is thought to remember; 0 for none.

    ValueError unless 0 ≤ old ≤ the journal's size.
    """
    head = journal.head
    proof = journal.consistency_proof(old, head.size) if old else []
    if len(proof) > MOST_PROOF_LINES:
        raise ValueError("no witness takes a proof of this length")
    return Showing(old, head.size, head.note, tuple(proof))


def cosigned_size(journal: Reader, key: WitnessKey, note: str | None) -> int:
    """The size of the remembered head that the witness signed, 0 if there is none, or none that this journal reaches."""
    try:
        parsed = Note.parse(note or "")
        key.cosigned(parsed)
        checkpoint = Checkpoint.parse_text(parsed.text)
    except NoteError:
        return 0
    fits = checkpoint.origin == journal.key.name and checkpoint.size <= journal.size
    return checkpoint.size if fits else 0


def take_cosignature(key: WitnessKey, shown: Showing, answer: bytes) -> tuple[int, str]:
    """From a 200: when the witness signed (s since 1970), and the note with its signature beside ours. Raises NoteError."""
    try:
        lines = answer.decode()
    except UnicodeDecodeError as error:
        raise NoteError("no UTF-8") from error
    text, ours = shown.note.rsplit("\n\n", 1)
    found = key.cosigned(Note.parse(f"{text}\n\n{lines}"))
    return found.time, f"{text}\n\n{ours}{found.line}"


def remembered_size(answer: bytes) -> int | None:
    """From a 409: the size that the witness says it remembers, None if it says none."""
    try:
        return exact_number(answer.decode("ascii").removesuffix("\n"))
    except (UnicodeDecodeError, NoteError):
        return None


def kept(answer: bytes) -> str | None:
    """A refusing answer as the journal keeps it: its first 1,024 characters, whatever a stranger sent."""
    text = answer[: 8 * LONGEST_KEPT].decode(errors="replace").strip()
    return normalize("NFC", mask_text(text)[:LONGEST_KEPT]) or None
