"""Messages to texts and back. What the wire leaves out of a reply, `exchange.answer` fills in.

Amounts are Chilean pesos (ISO 4217 152), which have no minor unit; the wire takes 50 to 999 999 999 of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import construct as c

from protocol import messages as m
from protocol.dialects.transbank import wire
from protocol.dialects.transbank.words import (
    CARD_TYPE_OF,
    DECLINED_FOR,
    PRODUCTS,
    RESPONSE_OF,
    SCHEME_OF,
    SCHEMES,
    STAGES,
    STATUS_OF,
)
from protocol.errors import MessageError, NotUnderstood, OutOfBounds
from protocol.masking import mask_bytes, mask_pan, mask_text
from protocol.money import LARGEST_MINOR, Money
from protocol.tickets import NO_TICKET, reference_of, ticket_in, ticket_of

CLP = 152
SMALLEST, LARGEST = 50, 999_999_999
"""Pesos of one sale. Below the first the vendor's clients send nothing, and terminals answer 10."""
TICKET_LENGTH = 6
NO_DEADLINE = LARGEST_MINOR
"""The wire has none: ms on the terminal's clock that never come."""
_VOID = "1200|"
"""How the ticket of a made-up reference begins that stands for a void; the operation number follows."""

# -- out ---------------------------------------------------------------------------------------------------------------


def encode(message: m.Message) -> bytes:
    """The message's text. Raises OutOfBounds for a value or a kind of message that the wire cannot carry."""
    encoder = _ENCODERS.get(type(message))
    if encoder is None:
        raise OutOfBounds(f"POS Integrado has no words for {type(message).__name__}")
    text: bytes = encoder(message)
    return text


def _encode_sale(sale: m.Sale) -> bytes:
    return wire.build(
        wire.SALE,
        amount=_amount(sale.amount, SMALLEST, 9).rjust(9, b"0"),
        ticket=ticket_of(sale.reference, TICKET_LENGTH).encode(),
        status=b"1",
    )


def _encode_void(void: m.Void) -> bytes:
    return wire.build(wire.REFUND, operation=b"%d" % _operation(void.original_trace))


def _encode_progress(progress: m.Progress) -> bytes:
    if progress.stage not in STATUS_OF:
        raise OutOfBounds(f"stage: no status message says {progress.stage}")
    return wire.build(wire.STATUS, response=STATUS_OF[progress.stage])


def _encode_totals(totals: m.Totals) -> bytes:
    if not 0 <= totals.count <= 999_999:
        raise OutOfBounds(f"count: {totals.count}")
    total = _amount(totals.amount, 0, 12)
    return wire.build(b"0710", response=wire.APPROVED, count=b"%03d" % totals.count, total=total)


def _encode_closed(reply: m.SettleReply) -> bytes:
    return wire.build(b"0510", response=wire.APPROVED if reply.settled else wire.DECLINED)


def _encode_error(error: m.Error) -> bytes:
    early = error.code in {m.ErrorCode.NOT_SUPPORTED, m.ErrorCode.NOT_NOW}
    return wire.build(b"0210", response=wire.NOT_SUPPORTED if early else wire.MALFORMED)


def _encode_result(result: m.Result) -> bytes:
    if result.state not in RESPONSE_OF:
        raise OutOfBounds(f"state: no answer says {result.state}")
    response = RESPONSE_OF[result.state]
    if result.state is m.RequestState.DECLINED:
        response = DECLINED_FOR.get(result.response_code or "", response)
    held = ticket_in(result.reference) or ""
    if held.startswith(_VOID):
        return wire.build(
            b"1210",
            response=wire.NOTHING_TO_VOID if response == wire.NO_SALE else response,
            authorization=_ascii("auth_code", result.auth_code, 8),
            operation=_ascii("reference", held.removeprefix(_VOID), 6),
        )
    if result.state is m.RequestState.NOT_FOUND:
        return wire.build(b"0210", response=response)
    return wire.build(
        b"0210",
        response=response,
        ticket=b"" if result.reference == NO_TICKET else ticket_of(result.reference, TICKET_LENGTH).encode(),
        authorization=_ascii("auth_code", result.auth_code, 8),
        amount=b"" if result.amount is None else _amount(result.amount, 0, 9),
        last_digits=_ascii("masked_pan", (result.masked_pan or "")[-4:], 4),
        operation=_ascii("trace", result.trace, 6),
        card_type=b"" if result.product is None else CARD_TYPE_OF.get(result.product, b""),
        brand=SCHEME_OF.get((result.scheme or "").upper(), b""),
    )


def _amount(money: Money, smallest: int, width: int) -> bytes:
    if money.currency != CLP:
        raise OutOfBounds(f"amount: pesos only (currency {CLP}), not {money.currency}")
    if not smallest <= money.minor < 10**width:
        raise OutOfBounds(f"amount: {money.minor} pesos; the wire takes {smallest} to {10**width - 1}")
    return b"%d" % money.minor


def _operation(trace: str | None) -> int:
    if trace is None or not (trace.isascii() and trace.isdigit()) or not 0 < int(trace) < 10**6:
        raise OutOfBounds(f"original_trace: the terminal knows a sale by its operation number alone, not by {trace!r}")
    return int(trace)


def _ascii(name: str, value: str | None, width: int) -> bytes:
    raw = (value or "").encode("ascii", "replace")
    if len(raw) > width or b"|" in raw or b"?" in raw or not raw.decode().isprintable():
        raise OutOfBounds(f"{name}: at most {width} printable ASCII characters")
    return raw


_ENCODERS: Mapping[type, Any] = {
    m.Sale: _encode_sale,
    m.Void: _encode_void,
    m.LastTransactionQuery: lambda _: wire.build(wire.LAST_SALE),
    m.TotalsQuery: lambda _: wire.build(wire.TOTALS),
    m.Settle: lambda _: wire.build(wire.CLOSE),
    m.Progress: _encode_progress,
    m.Result: _encode_result,
    m.Totals: _encode_totals,
    m.SettleReply: _encode_closed,
    m.Error: _encode_error,
}


# -- in ----------------------------------------------------------------------------------------------------------------


def decode(raw: bytes) -> m.Message:
    """The message of that text. Raises NotUnderstood, with the text masked."""
    try:
        message: m.Message = _DECODERS[raw[:4]](wire.parse(raw))
    except KeyError:
        raise _not_understood(raw, f"no message has the code {raw[:4]!r}") from None
    except c.ConstructError as error:
        raise _not_understood(raw, f"a field that is none: {_field_of(error)}") from None
    except MessageError as error:
        raise _not_understood(raw, error.reason) from None
    return message


def too_long(start: bytes) -> NotUnderstood:
    """What to say of a message above the limit that begins so; the scanner gives such frames up before."""
    return _not_understood(start, "longer than any message")


def understood(raw: bytes) -> bool:
    """The text is a command that a terminal of ours carries out."""
    try:
        return isinstance(decode(raw), m.Request)
    except NotUnderstood:
        return False


def _not_understood(raw: bytes, reason: str) -> NotUnderstood:
    kind = int(raw[:4]) if raw[:4].isdigit() else 0
    return NotUnderstood(reason, message_type=kind, raw=mask_bytes(raw))


def _field_of(error: c.ConstructError) -> str:
    return str(getattr(error, "path", None) or "its end").rpartition(" -> ")[2]


def _pesos(name: str, field: bytes) -> Money:
    if not field:
        raise NotUnderstood(f"{name} is missing")
    return Money(int(field), CLP)


def _text(field: bytes) -> str | None:
    return mask_text(bytes(field).decode("ascii").strip()) or None


def _sale(told: Any) -> m.Message:
    amount = _pesos("amount", told.amount)
    if not amount.minor or not told.ticket:
        raise NotUnderstood("a sale without an amount or a ticket")
    return m.Sale(reference=_reference(told.ticket), amount=amount, deadline=NO_DEADLINE)


def _void(told: Any) -> m.Message:
    operation = _operation(_text(told.operation))
    return m.Void(
        reference=reference_of(f"{_VOID}{operation}"),
        original_reference=NO_TICKET,
        original_trace=f"{operation:06}",
        deadline=NO_DEADLINE,
    )


def _reference(ticket: bytes) -> str:
    return reference_of(bytes(ticket).decode("ascii")) if ticket else NO_TICKET


def _outcome(told: Any) -> m.Result:
    approved = bytes(told.response) == wire.APPROVED
    card = bytes(told.last_digits).decode("ascii").strip()
    brand = bytes(told.brand).strip()
    return m.Result(
        reference=_reference(told.ticket),
        state=m.RequestState.APPROVED if approved else m.RequestState.DECLINED,
        amount=_pesos("amount", told.amount) if told.amount or approved else None,
        response_code=_response(told),
        product=PRODUCTS.get(bytes(told.card_type)),
        trace=_text(told.operation),
        auth_code=_text(told.authorization),
        scheme=SCHEMES.get(brand, _text(brand)),
        masked_pan=mask_pan("*" * 12 + card if len(card) <= 4 else card) if card else None,
    )


def _response(told: Any) -> str:
    """Two digits; an answer that has none decides nothing."""
    if len(told.response) != 2:
        raise NotUnderstood("the response code is missing")
    return bytes(told.response).decode("ascii")


def _last_sale(told: Any) -> m.Message:
    code = _response(told).encode()
    if code == wire.NO_SALE:
        return m.Result(reference=NO_TICKET, state=m.RequestState.NOT_FOUND, response_code=code.decode())
    return _outcome(told) if code == wire.APPROVED else _error(code)


def _voided(told: Any) -> m.Message:
    code = _response(told)
    return m.Result(
        reference=NO_TICKET,
        state=m.RequestState.APPROVED if code.encode() == wire.APPROVED else m.RequestState.DECLINED,
        response_code=code,
        trace=_text(told.operation),
        auth_code=_text(told.authorization),
    )


def _totals(told: Any) -> m.Message:
    code = _response(told).encode()
    if code != wire.APPROVED:
        return _error(code)
    count = int(_pesos("count", told.count).minor)
    return m.Totals(count=count, amount=_pesos("total", told.total) if count else Money(int(told.total or 0), CLP))


def _closed(told: Any) -> m.Message:
    code = _response(told)
    return m.SettleReply(settled=code.encode() == wire.APPROVED, response_code=code)


def _error(code: bytes) -> m.Error:
    return m.Error(code=m.ErrorCode.NOT_SUPPORTED if code == wire.NOT_SUPPORTED else m.ErrorCode.NOT_NOW)


def _status(told: Any) -> m.Message:
    code = bytes(told.response)
    if code not in STAGES:
        raise NotUnderstood(f"no stage has the status {code.decode('ascii')!r}")
    return m.Progress(reference=NO_TICKET, stage=STAGES[code])


_DECODERS: Mapping[bytes, Any] = {
    wire.SALE: _sale,
    wire.REFUND: _void,
    wire.LAST_SALE: lambda _: m.LastTransactionQuery(),
    wire.TOTALS: lambda _: m.TotalsQuery(),
    wire.CLOSE: lambda _: m.Settle(),
    wire.STATUS: _status,
    b"0210": _outcome,
    b"0260": _last_sale,
    b"1210": _voided,
    b"0710": _totals,
    b"0510": _closed,
}
