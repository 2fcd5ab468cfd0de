"""What a user interface is shown of witnesses; `agent.views` hands these on with the rest."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class WitnessOutcome(StrEnum):
    """What asking a witness to sign the record's head came to."""

    COSIGNED = "cosigned"
    REFUSED = "refused"
    """It remembers another head than this record's: a finding, which the journal holds."""
    NOT_VERIFIED = "not_verified"
    """It sent something that is not its signature over this head; nothing of it was kept."""
    UNKNOWN_RECORD = "unknown_record"
    """It does not watch this record's origin (404), or not under this key (403)."""
    UNREACHABLE = "unreachable"
    """No answer: reason says why."""
    NOT_UNDERSTOOD = "not_understood"
    """An answer that no witness gives: status says which."""


@dataclass(frozen=True, slots=True)
class WitnessAnswer:
    """One witness's answer. name, vkey, url: the witness's. size: entries under the head that it was shown.

    at: when it signed, by its own clock (ms UTC), at COSIGNED only. status: its HTTP status, None without an answer.
    old_size: the size it was said to remember; remembered_size: the one it says itself, at REFUSED only. reason: of this
    computer's system or of the protocol, untranslated.
    """

    name: str
    vkey: str
    url: str
    outcome: WitnessOutcome
    size: int
    at: int | None = None
    status: int | None = None
    old_size: int = 0
    remembered_size: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key that follows another. size: entries under the first head that it signed; note: that head, whole."""

    old_vkey: str
    new_vkey: str
    size: int
    note: str
