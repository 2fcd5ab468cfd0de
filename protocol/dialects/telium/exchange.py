"""Which answer fits which ask, at either end.

The wire carries no request ids. A register puts what it likes into the private field; a terminal may give it back, or its
own number, or nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from protocol import messages as m
from protocol.dialects.telium import wire
from protocol.tickets import NO_TICKET, reference_of, ticket_of

REPLIES: Mapping[type[m.Message], tuple[type[m.Message], ...]] = {m.Sale: (m.Result,)}


def answer(request: m.Request, reply: m.Reply) -> m.Reply | None:
    """The Result of that Sale, with the Sale's reference, or None.

    Where the terminal gave our ticket back, it is ours, whatever its amount: what was really taken is the terminal's word.
    Where it named nothing, or by a number of its own (digits alone), amount and currency must be those asked.
    """
    if not isinstance(request, m.Sale) or not isinstance(reply, m.Result):
        return None
    if reply.scheme == wire.SCHEMES[wire.CHEQUE]:
        return None
    named = bytes.fromhex(reply.reference).lstrip(b"\0")
    ours = reply.reference == reference_of(ticket_of(request.reference, wire.TICKET))
    nameless = reply.reference == NO_TICKET or named.isdigit()
    if not ours and not (nameless and reply.amount == request.amount):
        return None
    return replace(reply, reference=request.reference, request_id=request.request_id)
