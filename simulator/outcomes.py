"""What becomes of a transaction that was begun: the host's answer, or its reversal."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from protocol.messages import Outcome, Transaction, TransactionKind
from protocol.money import Money


def answered(
    draft: Transaction, *, number: int, code: str, amount_minor: int, auth_code: str | None, at: int
) -> Transaction:
    """As the host decided. amount_minor: what it approved, 0 for nothing; a code has no authorisation number."""
    approved = amount_minor > 0
    return replace(
        draft,
        number=number,
        at=at,
        terminal_time=at,
        outcome=Outcome.APPROVED if approved else Outcome.DECLINED,
        amount=Money(amount_minor, draft.amount.currency) if approved else draft.amount,
        response_code=code,
        auth_code=auth_code if draft.masked_pan else None,
    )


def taken_back(draft: Transaction, *, number: int, code: str, at: int) -> Transaction:
    """冲正: with the original's trace and RRN, as a reversal has them, and a reference that follows from the original's."""
    return replace(
        draft,
        number=number,
        at=at,
        terminal_time=at,
        reference=sha256(f"{draft.reference}/reversal".encode()).hexdigest()[:32],
        kind=TransactionKind.REVERSAL,
        outcome=Outcome.APPROVED,
        response_code=code,
        original_reference=draft.reference,
    )
