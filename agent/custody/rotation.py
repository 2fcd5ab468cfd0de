"""Another signing key for the same record (docs/journal.md, "Keys")."""

from __future__ import annotations

from pathlib import Path

from agent.journal import keys
from agent.journal.custody_kinds import KeyRotated
from agent.journal.drafting import to_draft
from agent.journal.keys import PassphraseSources
from agent.journal.reader import Head
from agent.journal.store import Journal


def rotate(home: Path, journal: Journal, at: int, *, new: PassphraseSources, operator: str, reason: str | None) -> Head:
    """Make a new key, have both sign the head over the entry that names it, and destroy the old one. at: ms UTC.

    new: the passphrase that is to lock it; without one it lies beside its wrapping secret, as `keys.create` says. A crash on
    the way leaves the one key or the other in force, and the next start settles which. Raises JournalError, KeyRefused,
    OSError; then the old key is in force.
    """
    signer = journal.signer
    following = keys.create_next(home, new, signer.name, signer.token_key)
    fact = KeyRotated(old_vkey=str(journal.key), new_vkey=following.vkey, operator=operator, reason=reason)
    try:
        return journal.hand_over(to_draft(fact, signer.token_hmac), following, at, old=signer)
    finally:
        if not journal.stopped:  # else nobody knows which key the disk asks for, before the next start
            keys.settle(home, journal.key)
