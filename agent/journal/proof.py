"""A proof that one entry is in the journal, as text that anyone can check: c2sp.org/tlog-proof@v1.

    c2sp.org/tlog-proof@v1
    index N
    base64 hashes, from the leaf's sibling up
    (empty line)
    the signed checkpoint

The entry's bytes are handed over beside it: `counterfoil journal show SEQ`.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass

from agent.journal import merkle
from agent.journal.checkpoint import Checkpoint, NoteError, VerifyingKey, exact_base64, exact_number
from agent.journal.reader import Reader

MAGIC = "c2sp.org/tlog-proof@v1"
_MOST_HASHES = 63


@dataclass(frozen=True, slots=True)
class Proof:
    """index: the entry's seq. hashes: 32 bytes each, from the leaf's sibling up. note: the signed checkpoint."""

    index: int
    hashes: tuple[bytes, ...]
    note: str

    @property
    def text(self) -> str:
        lines = [MAGIC, f"index {self.index}", *(b64encode(h).decode() for h in self.hashes), "", self.note]
        return "\n".join(lines)

    @classmethod
    def parse(cls, text: str) -> Proof:
        """Raises NoteError. A line of extra data is allowed by the format and not kept: nothing vouches for it."""
        head, blank, note = text.partition("\n\n")
        lines = head.split("\n")
        if not blank or lines.pop(0) != MAGIC:
            raise NoteError("not a tlog-proof of version 1")
        if lines and lines[0].startswith("extra "):
            exact_base64(lines.pop(0).removeprefix("extra "))
        if not lines or not lines[0].startswith("index "):
            raise NoteError("a proof names its index")
        index = exact_number(lines.pop(0).removeprefix("index "))
        hashes = tuple(exact_base64(line) for line in lines)
        if len(hashes) > _MOST_HASHES or any(len(h) != 32 for h in hashes):
            raise NoteError("a proof holds hashes of 32 bytes")
        return cls(index, hashes, note)

    def verify(self, entry: bytes, key: VerifyingKey) -> Checkpoint:
        """The checkpoint under which these very bytes stand at `index`, signed by `key`. Raises NoteError if they do not."""
        checkpoint = Checkpoint.verify(self.note, key)
        if not merkle.verify_inclusion(
            self.index, checkpoint.size, merkle.leaf_hash(entry), self.hashes, checkpoint.root
        ):
            raise NoteError("the proof does not lead from this entry to the signed root")
        return checkpoint


def prove(journal: Reader, seq: int) -> Proof:
    """The proof for entry `seq` under the journal's last head. Raises NotFound."""
    journal.raw_entry(seq)
    head = journal.head
    return Proof(seq, tuple(journal.inclusion_proof(seq, head.size)), head.note)
