"""The heads that a home remembers, as a screen shows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.journal.heads import Compared  # with the journal's cryptography behind it


@dataclass(frozen=True, slots=True)
class RememberedHead:
    """source: the name it is kept by (`agent.notices.source_words`). size: in entries, None where it is no head.

    verdict: what the journal is against it (`agent.journal.heads.Verdict`). fits: the journal holds all that it promised.
    """

    source: str
    size: int | None
    verdict: str
    fits: bool


def remembered_heads(found: Iterable[Compared]) -> tuple[RememberedHead, ...]:
    """What `agent.journal.heads.compare_all` found."""
    return tuple(RememberedHead(each.source, each.size, each.verdict.value, each.verdict.fits) for each in found)
