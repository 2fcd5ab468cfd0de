"""What a merchant's command has to say, into the record: checked as a whole, masked, in one commit or not at all."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

from agent.errors import JournalError
from agent.fees.claims.claim_checks import ADJUSTED_AFTER, require_claims
from agent.fees.facts import fact_of
from agent.fees.noted import Noted
from agent.journal.drafting import to_draft
from agent.journal.entries import Draft
from agent.journal.fee_kinds import FeeFact
from agent.journal.reader import Head
from agent.journal.store import Journal
from agent.language import _
from protocol.masking import mask_text

_NUMBERS = frozenset(
    {"mid", "tid", "rrn", "trace", "reference", "version", "target", "finding", "findings", "claim"}
) | {f"{what}_sha256" for what in ("file", "notice", "evidence", "consent_evidence", "proof", "receipt")}
"""Fields that hold no text: a number in them may look like a card's."""


def noted(facts: Sequence[FeeFact]) -> tuple[Noted, ...]:
    """Facts on their way to the record's owner; every text of them NFC, and without a card's number (docs/domain.md §7)."""
    return tuple(Noted(d.kind, _masked(dict(d.body)), _masked(dict(d.private))) for d in map(_draft, facts))


def note(
    journal: Journal,
    at: int,
    told: Sequence[Noted],
    *,
    time_zone: str = "Asia/Shanghai",
    adjusted_after: int = ADJUSTED_AFTER,
) -> Head:
    """Append them. at: ms UTC. time_zone: the merchant's. adjusted_after: so many right fees verify an adjustment.

    Raises JournalError for what is no fact of fees, or has no place, ClaimError or NotFound for what cannot happen to a
    claim: then nothing is appended. Whoever appends is one at a time, so no other's event comes between the two.
    """
    try:
        facts = [fact_of(one.kind, _masked(one.body), _masked(one.private)) for one in told]
    except ValueError as error:
        raise JournalError(
            _("What was to be recorded makes no sense: {reason}.").format(reason=error),
            _("Use the same version of counterfoil as the agent that owns this home."),
        ) from error
    require_claims(journal, at, facts, time_zone=time_zone, adjusted_after=adjusted_after)
    return journal.append([_draft(fact) for fact in facts], at)


def _draft(fact: FeeFact) -> Draft:
    return to_draft(fact, lambda _token: b"")  # none of them has a card's token


def _masked(value: Any) -> Any:
    """Texts wherever they stand: a full card number stops here."""
    if isinstance(value, str):
        return mask_text(unicodedata.normalize("NFC", value))
    if isinstance(value, dict):
        return {key: inner if key in _NUMBERS else _masked(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(inner) for inner in value]
    return value
