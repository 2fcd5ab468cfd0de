"""Transbank POS Integrado: the Chilean acquirer's wire between a register and its terminals (docs/dialects.md)."""

from __future__ import annotations

from protocol.dialect import Dialect, LinkSettings, Role
from protocol.dialects.transbank.codec import decode, encode, too_long, understood
from protocol.dialects.transbank.exchange import REPLIES, SPEAKS, answer
from protocol.dialects.transbank.link import ANSWER_MS, TransbankLink
from protocol.dialects.transbank.register import RegisterLink
from protocol.dialects.transbank.terminal import TerminalLink


def _link(settings: LinkSettings) -> TransbankLink:
    return RegisterLink(settings) if settings.role is Role.AGENT else TerminalLink(settings, understood)


DIALECT = Dialect(
    name="transbank",
    speaks=SPEAKS,
    link=_link,
    encode=encode,
    decode=decode,
    too_long=too_long,
    replies=REPLIES,
    answer=answer,
    one_at_a_time=True,
    answer_ms=ANSWER_MS,
    line_rate=115_200,
    line_format="8N1",
)
