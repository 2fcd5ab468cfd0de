"""Which replies may answer which request, and whether one does.

The wire has no request ids: an answer belongs to the one command under way, and must fit it. One that does not is left to be
told as an outcome that nobody waits for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from protocol import messages as m
from protocol.dialects.transbank.codec import TICKET_LENGTH
from protocol.tickets import NO_TICKET, reference_of, ticket_of

REPLIES: Mapping[type[m.Message], tuple[type[m.Message], ...]] = {
    m.Sale: (m.Result,),
    m.Void: (m.Result,),
    m.LastTransactionQuery: (m.Result, m.Error),
    m.TotalsQuery: (m.Totals, m.Error),
    m.Settle: (m.SettleReply,),
}
"""An Error is a rejected question's; it names none, so it must never decide a sale, a void or a close."""
SPEAKS = frozenset({*REPLIES, m.Result, m.Progress, m.Totals, m.SettleReply, m.Error})


def answer(request: m.Request, reply: m.Reply) -> m.Reply | None:
    """The reply with the request's own id and reference, if it fits; else None.

    A sale: the same ticket, and the same amount where one is told. A void: no ticket, no amount, the operation number of the
    sale to be undone; what was undone is the request's amount. The last sale: whatever sale there was, or none.
    """
    if isinstance(reply, m.Result):
        filled = _outcome_of(request, reply)
        return None if filled is None else replace(filled, request_id=request.request_id)
    return replace(reply, request_id=request.request_id)


def _outcome_of(request: m.Request, result: m.Result) -> m.Result | None:
    match request:
        case m.Sale():
            same = result.reference == reference_of(ticket_of(request.reference, TICKET_LENGTH))
            fits = same and result.amount in {None, request.amount}
            return replace(result, reference=request.reference) if fits else None
        case m.Void():
            bare = result.reference == NO_TICKET and result.amount is None
            fits = bare and result.state is not m.RequestState.NOT_FOUND and _same_number(request, result)
            if not fits:
                return None
            undone = request.amount if result.state is m.RequestState.APPROVED else None
            return replace(result, reference=request.reference, amount=undone)
        case m.LastTransactionQuery():
            found = result.state is m.RequestState.APPROVED and result.amount is not None  # a void's answer names none
            return result if found or result.state is m.RequestState.NOT_FOUND else None
        case _:
            return None


def _same_number(request: m.Void, result: m.Result) -> bool:
    told, asked = result.trace or "", request.original_trace or ""
    return told.isdigit() and asked.isdigit() and int(told) == int(asked)
