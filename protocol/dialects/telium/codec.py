"""Messages to bodies and back. A body is what stands between STX and ETX; `wire` declares it.

Card numbers are masked here, and whatever else a report holds is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import construct as c

from protocol import messages as m
from protocol.dialects.telium import wire
from protocol.errors import NotUnderstood, OutOfBounds
from protocol.masking import luhn, mask_bytes, mask_pan
from protocol.messages import Message, RequestState
from protocol.money import LARGEST_MINOR, Money
from protocol.tickets import ALPHABET, NO_TICKET, reference_of, ticket_of

NO_DEADLINE = LARGEST_MINOR
"""The wire has none."""
NO_AMOUNT = b"00000000"
"""In an answer that was encoded without an amount; `fitted` puts the asked one there."""

_REFERENCE = re.compile(r"[0-9a-f]{32}")
_CARD = re.compile(r"[0-9*Xx]+")
_CARD_DIGITS = (16, 19, 18, 17, 15, 14, 13)
"""The lengths of card numbers, the likely one first."""
_RESULT_OF = {
    RequestState.APPROVED: wire.DONE,
    RequestState.DECLINED: wire.NOT_DONE,
    RequestState.VOIDED: wire.NOT_DONE,
    RequestState.IN_PROGRESS: wire.NOT_VERIFIED,
}


def encode(message: Message) -> bytes:
    """The body: of a Sale 34 bytes, of a Result or an Error 80. Raises OutOfBounds for what the wire has no words for."""
    match message:
        case m.Sale():
            return _ask(message)
        case m.Result():
            return _answer(message)
        case m.Error():
            return _built(wire.LONG_ANSWER, result=wire.NOT_DONE, report=b" " * wire.REPORT, private=wire.BLANK)
        case _:
            raise OutOfBounds(f"no words for {type(message).__name__}")


def _ask(sale: m.Sale) -> bytes:
    return _built(
        wire.ASK,
        amount=_digits(sale.amount),
        flag=wire.Flag.LONG.encode(),
        kind=wire.Kind.DEBIT.encode(),
        currency=b"%03d" % sale.amount.currency,
        private=_ticket(sale.reference),
        delay=wire.Delay.AT_END.encode(),
        authorisation=wire.Authorisation.AS_CONFIGURED.encode(),
    )


def _answer(result: m.Result) -> bytes:
    if result.state not in _RESULT_OF:
        raise OutOfBounds(f"no words for the state {result.state}")
    if result.amount is None and result.state is RequestState.APPROVED:
        raise OutOfBounds("an approval without an amount")
    return _built(
        wire.LONG_ANSWER,
        result=_RESULT_OF[result.state],
        amount=NO_AMOUNT if result.amount is None else _digits(result.amount),
        report=mask_pan(result.masked_pan or "").encode().ljust(wire.REPORT)[: wire.REPORT],
        currency=b"000" if result.amount is None else b"%03d" % result.amount.currency,
        private=_ticket(result.reference),
    )


def _built(layout: c.Construct, **fields: bytes) -> bytes:
    given = {"pos": wire.POS, "amount": NO_AMOUNT, "mode": wire.CARD.encode(), "currency": b"000", **fields}
    body: bytes = layout.build(given)
    return body


def _digits(amount: Money) -> bytes:
    if not 0 < amount.minor <= wire.LARGEST_AMOUNT:
        raise OutOfBounds(f"an amount of {amount.minor}; the wire carries 1 to {wire.LARGEST_AMOUNT} minor units")
    return b"%08d" % amount.minor


def _ticket(reference: str) -> bytes:
    if not _REFERENCE.fullmatch(reference):
        raise OutOfBounds("a reference is 32 hexadecimal digits in lower case")
    return wire.BLANK if reference == NO_TICKET else ticket_of(reference, wire.TICKET).encode().ljust(wire.TICKET)


def decode(raw: bytes) -> Message:
    """The message of a body: a Sale (an ask) or a Result (an answer). Raises NotUnderstood."""
    layouts = {wire.ASK_SIZE: wire.ASK, wire.SHORT_SIZE: wire.SHORT_ANSWER, wire.LONG_SIZE: wire.LONG_ANSWER}
    layout = layouts.get(len(raw))
    if layout is None:
        raise _not_understood(raw, f"a message of {len(raw)} characters; protocol E+ has 34, 25 and 80")
    if not (raw.isascii() and raw.decode("ascii").isprintable()):
        raise _not_understood(raw, "not printable ASCII")
    found = {name: value.decode("ascii") for name, value in layout.parse(raw).items() if isinstance(value, bytes)}
    if not all(found[name].isdigit() for name in ("pos", "amount", "currency")):
        raise _not_understood(raw, "a number that is none")
    if found["mode"] not in wire.MODES:
        raise _not_understood(raw, f"unknown payment mode {found['mode']}")
    try:
        amount = Money(int(found["amount"]), int(found["currency"]))
    except ValueError:
        raise _not_understood(raw, "no such currency") from None
    private = found["private"].strip()
    reference = reference_of(private) if private else NO_TICKET
    return _asked(raw, found, amount, reference) if layout is wire.ASK else _answered(raw, found, amount, reference)


def _asked(raw: bytes, found: dict[str, str], amount: Money, reference: str) -> m.Sale:
    reasons = {
        "nothing asked": not amount.minor,
        "an answer that there is not": found["flag"] not in set(wire.Flag) or found["delay"] not in set(wire.Delay),
        "an authorisation that there is not": found["authorisation"] not in set(wire.Authorisation),
        "a cheque; only cards are taken": found["mode"] == wire.CHEQUE,
        "a refund that names no sale": found["kind"] in {wire.Kind.CREDIT, wire.Kind.TWO},
        f"transaction type {found['kind']}": found["kind"] != wire.Kind.DEBIT,
    }
    reason = next((reason for reason, applies in reasons.items() if applies), None)
    if reason is not None:
        raise _not_understood(raw, reason)
    return m.Sale(reference=reference, amount=amount, deadline=NO_DEADLINE)


def _answered(raw: bytes, found: dict[str, str], amount: Money, reference: str) -> Message:
    if found["result"] not in wire.RESULTS:
        raise _not_understood(raw, f"unknown result {found['result']}")
    return m.Result(
        reference=reference,
        state=wire.RESULTS[found["result"]],
        amount=amount,
        scheme=wire.SCHEMES.get(found["mode"]),
        masked_pan=None if found["mode"] == wire.CHEQUE else _card_of(found.get("report", "")),
    )


def _card_of(report: str) -> str | None:
    """The card number that a report begins with, masked. No source lays the report down: a number, then spaces or zeros."""
    begins = _CARD.match(report)
    if begins is None:
        return None
    run = begins.group().replace("X", "*").replace("x", "*")
    if len(run) > max(_CARD_DIGITS) and run.isdigit():
        padded = (run[:n] for n in _CARD_DIGITS if luhn(run[:n]) and not run[n:].strip("0"))
        run = next(padded, "")
    whole = "*" in run or (len(run) in _CARD_DIGITS and run.strip("0"))
    return mask_pan(run) if whole and len(run) <= max(_CARD_DIGITS) else None


def too_long(start: bytes) -> NotUnderstood:
    """The link delivers nothing longer than its scanner holds; this is for the contract."""
    return _not_understood(start, "too long")


def _not_understood(raw: bytes, reason: str) -> NotUnderstood:
    return NotUnderstood(reason, raw=mask_bytes(raw))


# -- what a terminal's link does to asks and answers ---------------------------------------------------------------------


def named(ask: bytes, fresh: bytes) -> bytes:
    """A register's ask with a name: its private field if that is a ticket, else one of ten fresh bytes.

    Two customers may buy for the same amount; a register that puts nothing, or always the same, into the field asks twice.
    """
    private = wire.ASK.parse(ask).private
    if _is_ticket(private):
        return ask
    ticket = "".join(ALPHABET[byte % len(ALPHABET)] for byte in fresh[: wire.TICKET]).encode()
    return wire.ASK.build({**wire.ASK.parse(ask), "private": ticket})  # type: ignore[no-any-return]


def _is_ticket(private: bytes) -> bool:
    return all(byte in ALPHABET.encode() for byte in private) and not private.isdigit()


def is_ask(raw: bytes) -> bool:
    """An ask, whether there are words for it here or not; else there is nothing to answer to."""
    if len(raw) != wire.ASK_SIZE:
        return False
    asked = wire.ASK.parse(raw)
    numbers: bytes = asked.pos + asked.amount + asked.currency
    return numbers.isdigit() and asked.flag in {flag.encode() for flag in wire.Flag}


def answered_at_once(ask: bytes) -> bytes | None:
    """What a terminal answers before anything has happened, or None: then the answer is the application's.

    "Not done" to what there are no words for (a refund, a cheque, nothing); "not verified" to who will not wait.
    """
    try:
        decode(ask)
    except NotUnderstood:
        return _bare(ask, wire.NOT_DONE)
    waits: bool = wire.ASK.parse(ask).delay == wire.Delay.AT_END.encode()
    return None if waits else _bare(ask, wire.NOT_VERIFIED)


def _bare(ask: bytes, result: bytes) -> bytes:
    asked = wire.ASK.parse(ask)
    return _cut(asked, {**asked, "result": result, "report": b" " * wire.REPORT})


def fitted(ask: bytes, named_ask: bytes, long_answer: bytes) -> bytes | None:
    """A terminal's answer as that register asked for it: its number, mode and private field, long or short.

    None where the answer is to another ask. One without a name refuses what is asked now.
    """
    asked, given = wire.ASK.parse(ask), wire.LONG_ANSWER.parse(long_answer)
    if given.private not in {wire.ASK.parse(named_ask).private, wire.BLANK}:
        return None
    fields = {**given, "pos": asked.pos, "mode": asked.mode, "private": asked.private}
    if given.amount == NO_AMOUNT:
        fields |= {"amount": asked.amount, "currency": asked.currency}
    return _cut(asked, fields)


def _cut(asked: Mapping[str, bytes], fields: Mapping[str, bytes]) -> bytes:
    layout = wire.LONG_ANSWER if asked["flag"] == wire.Flag.LONG.encode() else wire.SHORT_ANSWER
    body: bytes = layout.build(fields)
    return body
