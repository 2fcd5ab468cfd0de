"""The calls that cross the desk's socket, and their answers: both ends read the same table of types."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from agent.desk import Desk
from agent.views import (
    DepositView,
    EchoReport,
    Head,
    IntentDetail,
    IntentView,
    KeyView,
    MoneyView,
    OperatorView,
    OwedView,
    RefundDay,
    RefundQuote,
    RefundView,
    RememberedHead,
    SelfTestReport,
    SettleView,
    Status,
    SyncResult,
    TerminalInfo,
    Today,
    TransactionDetail,
    TransactionPage,
    WitnessAnswer,
)

RESULTS: dict[str, Any] = {
    "status": Status,
    "today": Today,
    "transactions": TransactionPage,
    "transaction": TransactionDetail,
    "terminal_info": TerminalInfo,
    "sync": SyncResult,
    "self_test": SelfTestReport,
    "echo": EchoReport,
    "pair": None,
    "confirm_pairing": None,
    "cancel_pairing": None,
    "unpair": None,
    "money": MoneyView,
    "settle": SettleView,
    "apply_for_deposit": DepositView,
    "intents": tuple[IntentView, ...],
    "intent": IntentDetail,
    "park": None,
    "resolve": MoneyView,
    "accept_rollback": None,
    "remembered_heads": tuple[RememberedHead, ...],
    "ask_witnesses": tuple[WitnessAnswer, ...],
    "rotate_key": KeyView,
    "erase": Head,
    "note": Head,
    "people": tuple[OperatorView, ...],
    "add_operator": str | None,
    "set_pin": str | None,
    "remove_operator": None,
    "refund_quote": RefundQuote,
    "refund": RefundView,
    "refunds": tuple[RefundView, ...],
    "refund_view": RefundView,
    "note_refund": RefundView,
    "refund_day": RefundDay,
    "owe": OwedView,
    "owed": tuple[OwedView, ...],
    "unlock": bool,
    "wait": int,
}
"""Every method of Desk but close, and what it answers."""

GIVEN: dict[str, dict[str, Any]] = {name: get_type_hints(getattr(Desk, name)) for name in RESULTS}
"""Every argument is of its type: a value of another one would be found out by the one thread that turns the pump."""


class Call(msgspec.Struct, frozen=True):
    method: str
    arguments: dict[str, Any] = {}


class Refusal(msgspec.Struct, frozen=True, omit_defaults=True):
    kind: str
    what: str
    todo: str
    troubles: tuple[tuple[int | str, ...] | str, ...] = ()
    """Of a file that is not taken: line, field and what, as the error has them."""


class Answer(msgspec.Struct, frozen=True):
    result: msgspec.Raw = msgspec.Raw()
    error: Refusal | None = None


def address_of(path: Path) -> tuple[str, int | None]:
    """A name for the socket that fits the system's 107 bytes, and a descriptor to close after its use."""
    if len(os.fsencode(path)) < 100:
        return str(path), None
    folder = os.open(path.parent, os.O_RDONLY)
    return f"/proc/self/fd/{folder}/{path.name}", folder
