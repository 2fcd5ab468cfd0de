"""How a fact becomes a draft: bodies leave out what is None, private values stand apart, a card's token is hashed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import date
from enum import Enum
from typing import Any

from agent.journal import fee_kinds
from agent.journal.entries import Draft
from agent.journal.kinds import (
    KINDS,
    MESSAGE_KINDS,
    PRIVATE,
    EventContradicted,
    EventId,
    Fact,
    ResultUnasked,
    TerminalSaid,
)
from protocol.masking import mask_pan
from protocol.messages import Deduction, DepositUpdate, Result, SettlementLine, UnsolicitedEvent
from protocol.money import Money

_NAMES: dict[type, tuple[str, ...]] = {
    shape: tuple(f.name for f in fields(shape))
    for shape in (*KINDS.values(), EventId, SettlementLine, Deduction, *fee_kinds.PARTS)
}
_SAID_ELSEWHERE = frozenset({"number", "at", "request_id"})  # in `event`, or of the wire alone

TokenHmac = Callable[[bytes], bytes]


def to_draft(fact: Fact, token_hmac: TokenHmac) -> Draft:
    """The draft of any fact above. token_hmac: `Signer.token_hmac`; a card token enters the journal only through it.

    Raises EntryError later, at `append`, for text that is not NFC and the like.
    """
    match fact:
        case TerminalSaid(message=message):
            body, private = _message(message, token_hmac)
            body["event"] = _plain(fact.event)
            return Draft(MESSAGE_KINDS[type(message)], body, private)
        case EventContradicted(message=said):
            body, private = ({}, {}) if said is None else _message(said, token_hmac)
            if said is not None:
                body["told_kind"] = MESSAGE_KINDS[type(said)]
            body |= {"event": _plain(fact.event), "first_sha256": fact.first_sha256.hex()}
            return Draft(fact.kind, body, private)
        case ResultUnasked():
            body, private = _message(fact.result, token_hmac)
            return Draft(fact.kind, body | {"terminal": fact.terminal, "sha256": fact.sha256.hex()}, private)
    hidden = PRIVATE[type(fact)]
    told = {name: value for name in sorted(hidden) if (value := getattr(fact, name))}
    return Draft(fact.kind, _plain(fact, hidden), told)


def _message(message: UnsolicitedEvent | Result, token_hmac: TokenHmac) -> tuple[dict[str, Any], dict[str, str]]:
    hidden = PRIVATE[type(message)]
    body: dict[str, Any] = {}
    private: dict[str, str] = {}
    for name in _NAMES[type(message)]:
        value = getattr(message, name)
        if value is None or name in _SAID_ELSEWHERE:
            continue
        if name in hidden:
            private[name] = value
        elif name == "card_token":
            body["card_token_hmac"] = token_hmac(value).hex()
        elif name == "event":  # a Result's: its transaction's number in the terminal's log
            body["event_number"] = value
        elif name == "deductions" and isinstance(message, DepositUpdate):
            body[name], reasons = _deductions(value)
            if reasons:
                private["reasons"] = reasons
        else:
            _put(body, name, value)
    return body, private


def _deductions(items: tuple[Deduction, ...]) -> tuple[list[dict[str, Any]], str]:
    """The items without their reasons, which are free text; the reasons as one text, a line for each item in its order."""
    plain = [{name: value for name, value in _record(item).items() if name != "reason"} for item in items]
    return plain, "\n".join(" ".join(item.reason.split()) for item in items)


def _record(item: object) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for name in _NAMES[type(item)]:
        _put(body, name, getattr(item, name))
    return body


def _put(body: dict[str, Any], name: str, value: Any) -> None:
    """Into the body, as JSON holds it; None not at all."""
    if value is None:
        return
    if isinstance(value, Money):
        body[f"{name}_minor"] = value.minor
        if body.setdefault("currency", value.currency) != value.currency:
            body[f"{name}_currency"] = value.currency
    elif name == "masked_pan":
        body[name] = mask_pan(value)  # whatever a dialect handed over, a full card number stops here
    elif isinstance(value, tuple):
        body[name] = [_record(each) if type(each) in _NAMES else each for each in value]
    elif type(value) in _NAMES:
        body[name] = _record(value)
    elif isinstance(value, date):
        body[name] = value.isoformat()
    elif isinstance(value, bytes):
        body[name] = value.hex()
    else:
        body[name] = value.value if isinstance(value, Enum) else value


def _plain(fact: object, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for name in _NAMES[type(fact)]:
        if name in without:
            continue
        value = getattr(fact, name)
        if isinstance(value, EventId):
            body[name] = _plain(value)
        else:
            _put(body, name, value)
    return body
