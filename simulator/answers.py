"""What the terminal answers from its log: Results and Status replies made of what stands there."""

from __future__ import annotations

from dataclasses import replace

from protocol.messages import (
    MoneyRequest,
    Outcome,
    Refund,
    RequestState,
    Result,
    Sale,
    StatusQuery,
    StatusReply,
    Transaction,
    TransactionKind,
    Void,
)


def same_question(one: MoneyRequest, other: MoneyRequest) -> bool:
    """Alike but for who asks, and until when."""
    return _bare(one) == _bare(other)


def _bare(request: MoneyRequest) -> MoneyRequest:
    return replace(request, request_id=0, deadline=0, operator=None)


def repeats(request: MoneyRequest, known: Transaction) -> bool:
    """The same question as was begun or logged: kind, amount, and the sale that it is about."""
    kinds = {Sale: TransactionKind.SALE, Refund: TransactionKind.REFUND, Void: TransactionKind.VOID}
    original = None if isinstance(request, Sale) else request.original_reference
    same = (kinds[type(request)], original) == (known.kind, known.original_reference)
    return same and request.amount in {known.amount, None}


def result_of(done: Transaction, reference: str, request_id: int) -> Result:
    """What the book says of a transaction, as the Result of the request that calls it by this reference."""
    return Result(
        reference=reference,
        state=_state(done),
        amount=done.amount,
        response_code=done.response_code,
        product=done.product,
        trace=done.trace,
        batch=done.batch,
        rrn=done.rrn,
        auth_code=done.auth_code,
        scheme=done.scheme,
        masked_pan=done.masked_pan,
        entry_mode=done.entry_mode,
        terminal_time=done.terminal_time,
        event=done.number,
        request_id=request_id,
    )


def voided(reference: str, request_id: int, reversal: Transaction | None = None) -> Result:
    """Nothing was taken. reversal: how it was taken back; None: it was fenced before anything was done."""
    if reversal is None:
        return Result(reference=reference, state=RequestState.VOIDED, request_id=request_id)
    return Result(
        reference=reference,
        state=RequestState.VOIDED,
        response_code=reversal.response_code,
        trace=reversal.trace,
        batch=reversal.batch,
        rrn=reversal.rrn,
        terminal_time=reversal.terminal_time,
        event=reversal.number,
        request_id=request_id,
    )


def status_of(
    query: StatusQuery,
    log_epoch: str,
    *,
    known: Transaction | None,
    reversal: Transaction | None,
    doing: bool,
    fenced: bool,
) -> StatusReply:
    """What the log knows. known: the transaction; doing: it is under way.

    fenced: it will never be done from now on, which is so of what was declined or reversed without a fence, too.
    """
    told = known or reversal
    if known is not None:
        state = _state(known)
        fenced = state is not RequestState.APPROVED
    elif reversal is not None:
        state, fenced = RequestState.VOIDED, True
    elif doing:
        state, fenced = RequestState.IN_PROGRESS, False
    else:
        state = RequestState.NOT_FOUND
    return StatusReply(
        reference=query.reference,
        state=state,
        log_epoch=log_epoch,
        fenced=fenced,
        amount=known.amount if known else None,
        response_code=told.response_code if told else None,
        trace=told.trace if told else None,
        rrn=told.rrn if told else None,
        auth_code=known.auth_code if known else None,
        event=told.number if told else None,
        request_id=query.request_id,
    )


def _state(done: Transaction) -> RequestState:
    return RequestState.APPROVED if done.outcome is Outcome.APPROVED else RequestState.DECLINED
