"""Telium protocol E+ (the French "Caisse Concert" over a serial line) as its public clients speak it (docs/dialects.md).

It carries a sale and its outcome, one at a time: no events, no fees, no totals, no question what became of a request.
A refund on this wire names no sale and no card, and the sources differ about what its number means: `speaks` leaves it out.
"""

from __future__ import annotations

from protocol import messages as m
from protocol.dialect import Dialect
from protocol.dialects.telium.codec import decode, encode, too_long
from protocol.dialects.telium.exchange import REPLIES, answer
from protocol.dialects.telium.link import TeliumLink
from protocol.dialects.telium.timing import ANSWER_MS

DIALECT = Dialect(
    name="telium",
    speaks=frozenset({m.Sale, m.Result, m.Error}),
    link=TeliumLink,
    encode=encode,
    decode=decode,
    too_long=too_long,
    replies=REPLIES,
    answer=answer,
    one_at_a_time=True,
    answer_ms=ANSWER_MS,
    line_rate=9_600,
)
