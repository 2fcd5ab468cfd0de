"""What a merchant's command has to say, into the record: checked as a whole, masked, in one commit or not at all."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from agent.errors import JournalError
from agent.fees.claim_kinds import ClaimNoted
from agent.fees.claims.claim_checks import ADJUSTED_AFTER, require_claims
from agent.fees.claims.claims import Claims, claims_of
from agent.fees.facts import fact_of
from agent.fees.noted import Noted
from agent.home import Home
from agent.journal import engine
from agent.journal.drafting import to_draft
from agent.journal.entries import Draft
from agent.journal.fee_kinds import FeeFact
from agent.journal.keys import verifying_key
from agent.journal.reader import Head, open_reader
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
    known: Claims | None = None,
) -> Head:
    """Append them. at: ms UTC. time_zone: the merchant's. adjusted_after: so many right fees verify an adjustment. known:
    what `claims_before` found, so that only what came since is searched here.

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
    require_claims(journal, at, facts, time_zone=time_zone, adjusted_after=adjusted_after, known=known)
    return journal.append([_draft(fact) for fact in facts], at)


def claims_before(home: Home, told: Sequence[Noted]) -> Claims | None:
    """The claims so far, read beside the record's owner, so that whoever records need not search all of a long journal;
    None where no claim is told of, or the owner alone may read. Raises JournalError."""
    if not any(one.kind == ClaimNoted.kind for one in told) or engine.has_wal_reset_bug():
        return None
    with closing(open_reader(home.journal, verifying_key(home.path))) as journal:
        return claims_of(journal)


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
