"""Which key signed which heads: a record changes its key by an entry that names the next one.

    key.rotated        the head over this entry is signed by both keys: the old one vouches for the new
    journal.restored   signed by the new key, under a new origin; by the old one too where it was still at hand

Such an entry is the last of its commit. Whoever trusts the newest key trusts by it every entry below, those that name the
older keys among them; whoever holds an older one follows the record only over entries that the old key signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.journal.checkpoint import Checkpoint, Note, NoteError, VerifyingKey

KEY_ROTATED, JOURNAL_RESTORED = "key.rotated", "journal.restored"
HAND_OVER_KINDS = (KEY_ROTATED, JOURNAL_RESTORED)


@dataclass(frozen=True, slots=True)
class HandOver:
    """seq: of the entry. rotated: the old key signs the head over it too; a restore's may, and need not."""

    seq: int
    old: VerifyingKey
    new: VerifyingKey
    rotated: bool

    @classmethod
    def of(cls, seq: int, kind: str, body: Mapping[str, Any]) -> HandOver:
        """Raises NoteError or KeyError for an entry that names no keys."""
        return cls(seq, VerifyingKey.parse(body["old_vkey"]), VerifyingKey.parse(body["new_vkey"]), kind == KEY_ROTATED)

    @property
    def last_of_old(self) -> int:
        """The largest size that the old key signed alone or first: after a restore, what it signed beyond was lost."""
        return self.seq + 1 if self.rotated else self.seq


class KeyChain:
    """The keys of a record in their order. known: the one that whoever asks trusts."""

    def __init__(self, hand_overs: Iterable[HandOver], known: VerifyingKey) -> None:
        self._hand_overs = _linked(list(hand_overs), known)
        self._known = known
        self._place = next((n for n, h in enumerate(self._hand_overs) if h.old == known), len(self._hand_overs))

    @property
    def origins(self) -> frozenset[str]:
        return frozenset({self._known.name, *(key.name for h in self._hand_overs for key in (h.old, h.new))})

    def over(self, size: int) -> tuple[VerifyingKey, ...]:
        """The keys that the head of `size` entries must be signed by, its origin's own first."""
        for h in self._hand_overs:
            if size <= h.seq:
                return (h.old,)
            if size == h.seq + 1:
                return (h.new, h.old) if h.rotated else (h.new,)
        return (self._hand_overs[-1].new,) if self._hand_overs else (self._known,)

    def verify(self, note: str, size: int) -> Checkpoint:
        """The checkpoint of a stored head of `size` entries. Raises NoteError unless it is signed by these keys, in this
        order, and by no other; a restore's by the old key too, or not."""
        keys = self.over(size)
        vouching = next((h for h in self._hand_overs if h.seq + 1 == size and not h.rotated), None)
        signers = [(name, key_id) for name, key_id, _signature in Note.parse(note).signatures]
        if vouching is not None and len(signers) > 1:
            keys = (*keys, vouching.old)
        checkpoint = Checkpoint.verify(note, *keys)
        if checkpoint.size != size or signers != [(key.name, key.key_id) for key in keys]:
            raise NoteError("another size, or signed by others too")
        return checkpoint

    @property
    def to_vouch(self) -> list[HandOver]:
        """Where the old key must have signed the head over the entry: at every rotation, and at a restore if the known key
        is an older one, for trust ends there otherwise."""
        return [h for n, h in enumerate(self._hand_overs) if h.rotated or n >= self._place]

    def signer_of(self, note: str) -> tuple[VerifyingKey, HandOver | None] | None:
        """The key of this record, of the head's own origin, that signed `note` by its own word, and what ended that key's
        time; None for no such.

        The signature is not checked here. Raises NoteError for what is no note.
        """
        parsed = Note.parse(note)
        lines = {
            (name, key_id) for name, key_id, _signature in parsed.signatures if parsed.text.startswith(f"{name}\n")
        }
        newest = self._hand_overs[-1].new if self._hand_overs else self._known
        for key, ended in [(newest, None), *((h.old, h) for h in reversed(self._hand_overs))]:
            if (key.name, key.key_id) in lines:
                return key, ended
        return None

    def end_of(self, origin: str) -> HandOver | None:
        """What ended that origin: the restore that gave the record another one."""
        return next((h for h in self._hand_overs if h.old.name == origin != h.new.name), None)


def _linked(found: list[HandOver], known: VerifyingKey) -> list[HandOver]:
    """Those that lead to the known key, and on from it: an entry that does not name the key in force as the one before
    hands nothing over, whoever signed it."""
    after = next((n + 1 for n, h in enumerate(found) if h.new == known), 0)
    path: list[HandOver] = []
    key = known
    for h in reversed(found[:after]):
        if h.new == key:
            path.insert(0, h)
            key = h.old
    key = known
    for h in found[after:]:
        if h.old == key:
            path.append(h)
            key = h.new
    return path


def signed_by(note: str, key: VerifyingKey, *, alone: bool = False) -> bool:
    """Whether `key` signed the note, whatever it is about. alone: and nobody else did."""
    try:
        parsed = Note.parse(note)
        parsed.require(key)
    except NoteError:
        return False
    return not alone or len(parsed.signatures) == 1
