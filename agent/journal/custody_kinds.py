"""The kinds of entry about the record itself: its keys, its copies, its witnesses, and what was erased beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from agent.journal.meanings import means


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotated:
    """The record goes on under a new key: both keys sign the head over this entry, and the old one is then destroyed."""

    kind: ClassVar[str] = "key.rotated"
    old_vkey: str = means("the verifying key until now")
    new_vkey: str = means("the verifying key from here on")
    operator: str | None = means("who did it", None)
    reason: str | None = means("why, in that person's words", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRestored:
    """The record goes on from a copy, or after its key was lost: under a new origin, signed by a new key."""

    kind: ClassVar[str] = "journal.restored"
    generation: int = means("the new origin's, one more than the old one's")
    old_vkey: str = means("the verifying key of the copy's last head")
    new_vkey: str = means("the verifying key from here on; its name is the new origin")
    old_head: str = means("the copy's last signed head, whole: every entry before this one stands under it")
    highest_head: str | None = means(
        "the longest head that was remembered beyond the copy, whole: up to there entries were lost"
    )
    because: str = means("`backup` (a copy was put back) or `key_lost`")
    operator: str | None = means("who did it", None)
    reason: str | None = means("why, in that person's words", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedUnsigned:
    """For a while nothing could be signed: what the terminal said then was kept unsigned, and not acknowledged."""

    kind: ClassVar[str] = "recording.unsigned"
    since: int = means("when it began, ms UTC")
    until: int = means("when the key was there again, ms UTC")
    because: str = means("`locked` (nobody had given the passphrase yet) or `key_lost`")
    events: int = means("how many events were kept unsigned in that time")
    file: str | None = means("name of the file that holds them, in the home's folder `unsigned`; absent without events")
    sha256: bytes | None = means("SHA-256 of that file")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadCosigned:
    """A witness saw a head of this record and found it to go on from what it had seen before."""

    kind: ClassVar[str] = "head.cosigned"
    witness: str = means("the witness's verifying key")
    size: int = means("entries under the head that it signed")
    time: int = means("when it signed, by its own clock, ms UTC")
    note: str = means("the checkpoint with this record's signature and the witness's, whole")


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessRefused:
    """A witness did not sign: it remembers another head than this record's. Kept as evidence."""

    kind: ClassVar[str] = "witness.refused"
    witness: str = means("the witness's verifying key")
    status: int = means("its answer's HTTP status: 409 (it remembers another size) or 422 (the proof leads elsewhere)")
    old_size: int = means("the size that was said to be the witness's last")
    note: str = means("the checkpoint that it was shown, whole")
    remembered_size: int | None = means("the size that it says it remembers", None)
    answer: str | None = means("the answer's text, its first 1,024 characters", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateErased:
    """Values that stand outside the leaves were erased; the entries keep their salted hashes."""

    kind: ClassVar[str] = "private.erased"
    first: int = means("first entry concerned")
    last: int = means("last entry concerned")
    field: str | None = means("name of the field; absent where every private field was erased")
    count: int = means("how many values were erased")
    operator: str | None = means("who did it", None)
    reason: str | None = means("why, in that person's words", None)


CustodyFact = KeyRotated | JournalRestored | RecordedUnsigned | HeadCosigned | WitnessRefused | PrivateErased
