"""The desk over the home's 0600 socket: JSON lines of the same frozen dataclasses.

    -> {"method":"today","arguments":{"date":null,"recent":50}}
    <- {"result":{…}}   or   {"error":{"kind":"LinkError","what":"…","todo":"…"}}, of a file also its "troubles"

One call, one connection: a `wait` that blocks holds up nobody else, and nothing is left over when either end dies.
"""

from __future__ import annotations

import os
import socket
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from agent import errors
from agent.desk_calls import RESULTS, Answer, address_of
from agent.language import _
from agent.money_views import money_view
from agent.views import (
    AddOperator,
    Credential,
    DepositView,
    EchoReport,
    Head,
    IntentDetail,
    IntentView,
    KeyView,
    Money,
    MoneyOrder,
    MoneyState,
    MoneyView,
    Noted,
    NoteRefund,
    OperatorView,
    OweCustomer,
    OwedView,
    RefundAsked,
    RefundDay,
    RefundQuote,
    RefundView,
    RememberedHead,
    RemoveOperator,
    SelfTestReport,
    SetPin,
    SettleView,
    Status,
    SyncResult,
    TerminalInfo,
    Today,
    TransactionDetail,
    TransactionPage,
    WitnessAnswer,
)

_SLACK_S = 40
"""Above the longest time-out of a Desk method, apart from those that say how long they wait."""
WITNESSES_MS = 40_000
_ERRORS = {kind.__name__: kind for kind in vars(errors).values() if isinstance(kind, type)}


class _NoAnswer(errors.HomeError):
    """The call was given to the agent, and what it made of it did not come back."""


class SocketDesk:
    """The desk of the agent that owns the home. Raises HomeError where it does not answer."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def status(self) -> Status:
        return self._call("status")  # type: ignore[no-any-return]

    def today(self, date: str | None = None, recent: int = 50) -> Today:
        return self._call("today", date=date, recent=recent)  # type: ignore[no-any-return]

    def transactions(
        self, date: str | None = None, text: str | None = None, limit: int = 100, offset: int = 0
    ) -> TransactionPage:
        return self._call("transactions", date=date, text=text, limit=limit, offset=offset)  # type: ignore[no-any-return]

    def transaction(self, reference: str) -> TransactionDetail:
        return self._call("transaction", reference=reference)  # type: ignore[no-any-return]

    def terminal_info(self) -> TerminalInfo:
        return self._call("terminal_info")  # type: ignore[no-any-return]

    def sync(self) -> SyncResult:
        return self._call("sync")  # type: ignore[no-any-return]

    def self_test(self) -> SelfTestReport:
        return self._call("self_test")  # type: ignore[no-any-return]

    def echo(self, size: int = 64) -> EchoReport:
        return self._call("echo", size=size)  # type: ignore[no-any-return]

    def pair(self) -> None:
        self._call("pair")

    def confirm_pairing(self, number: str, replace: bool = False) -> None:
        self._call("confirm_pairing", number=number, replace=replace)

    def cancel_pairing(self) -> None:
        self._call("cancel_pairing")

    def unpair(self) -> None:
        self._call("unpair")

    def money(self, order: MoneyOrder, timeout_ms: int) -> MoneyView:
        try:
            return self._call("money", timeout_ms, order=order, timeout_ms=timeout_ms)  # type: ignore[no-any-return]
        except _NoAnswer:  # the agent was killed with the order in its hands: it may have gone out
            return money_view(order, None)

    def settle(self) -> SettleView:
        return self._call("settle")  # type: ignore[no-any-return]

    def apply_for_deposit(self, reference: str, amount: Money, application: str) -> DepositView:
        return self._call("apply_for_deposit", reference=reference, amount=amount, application=application)  # type: ignore[no-any-return]

    def intents(self) -> tuple[IntentView, ...]:
        return self._call("intents")  # type: ignore[no-any-return]

    def intent(self, reference: str) -> IntentDetail:
        return self._call("intent", reference=reference)  # type: ignore[no-any-return]

    def park(self, reference: str, given: Credential, reason: str) -> None:
        self._call("park", reference=reference, given=given, reason=reason)

    def resolve(self, reference: str, state: MoneyState, given: Credential, reason: str) -> MoneyView:
        return self._call("resolve", reference=reference, state=state, given=given, reason=reason)  # type: ignore[no-any-return]

    def accept_rollback(self, given: Credential, reason: str) -> None:
        self._call("accept_rollback", given=given, reason=reason)

    def remembered_heads(self) -> tuple[RememberedHead, ...]:
        return self._call("remembered_heads")  # type: ignore[no-any-return]

    def ask_witnesses(self) -> tuple[WitnessAnswer, ...]:
        return self._call("ask_witnesses", WITNESSES_MS)  # type: ignore[no-any-return]

    def rotate_key(self, passphrase: bytes | None, operator: str, reason: str | None) -> KeyView:
        return self._call("rotate_key", passphrase=passphrase, operator=operator, reason=reason)  # type: ignore[no-any-return]

    def erase(self, first: int, last: int, field: str | None, operator: str, reason: str) -> Head:
        return self._call("erase", first=first, last=last, field=field, operator=operator, reason=reason)  # type: ignore[no-any-return]

    def note(self, facts: tuple[Noted, ...]) -> Head:
        return self._call("note", facts=facts)  # type: ignore[no-any-return]

    def people(self) -> tuple[OperatorView, ...]:
        return self._call("people")  # type: ignore[no-any-return]

    def add_operator(self, asked: AddOperator) -> str | None:
        return self._call("add_operator", asked=asked)  # type: ignore[no-any-return]

    def set_pin(self, asked: SetPin) -> str | None:
        return self._call("set_pin", asked=asked)  # type: ignore[no-any-return]

    def remove_operator(self, asked: RemoveOperator) -> None:
        self._call("remove_operator", asked=asked)

    def refund_quote(self, asked: RefundAsked) -> RefundQuote:
        return self._call("refund_quote", asked=asked)  # type: ignore[no-any-return]

    def refund(self, asked: RefundAsked, given: tuple[Credential, ...], timeout_ms: int) -> RefundView:
        return self._call("refund", timeout_ms, asked=asked, given=given, timeout_ms=timeout_ms)  # type: ignore[no-any-return]

    def refunds(self) -> tuple[RefundView, ...]:
        return self._call("refunds")  # type: ignore[no-any-return]

    def refund_view(self, reference: str) -> RefundView:
        return self._call("refund_view", reference=reference)  # type: ignore[no-any-return]

    def note_refund(self, asked: NoteRefund, given: Credential) -> RefundView:
        return self._call("note_refund", asked=asked, given=given)  # type: ignore[no-any-return]

    def refund_day(self, day: date | None = None) -> RefundDay:
        return self._call("refund_day", day=day)  # type: ignore[no-any-return]

    def owe(self, asked: OweCustomer, given: Credential) -> OwedView:
        return self._call("owe", asked=asked, given=given)  # type: ignore[no-any-return]

    def owed(self) -> tuple[OwedView, ...]:
        return self._call("owed")  # type: ignore[no-any-return]

    def unlock(self, passphrase: bytes) -> bool:
        return self._call("unlock", passphrase=passphrase)  # type: ignore[no-any-return]

    def wait(self, revision: int, timeout_ms: int) -> int:
        return self._call("wait", timeout_ms, revision=revision, timeout_ms=timeout_ms)  # type: ignore[no-any-return]

    def close(self) -> None:
        """Nothing stays open between calls."""

    def answers(self) -> bool:
        """True if somebody serves the socket."""
        try:
            self.wait(-1, 0)
        except errors.HomeError:
            return False
        return True

    def _call(self, method: str, waits_ms: int = 0, /, **arguments: object) -> Any:
        address, folder = address_of(self._path)
        failure = errors.HomeError
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(_SLACK_S + waits_ms / 1000)
                line.connect(address)
                failure = _NoAnswer
                line.sendall(msgspec.json.encode({"method": method, "arguments": arguments}) + b"\n")
                with line.makefile("rb") as answers:
                    raw = answers.readline()
            answer = msgspec.json.decode(raw, type=Answer)
        except (OSError, msgspec.MsgspecError):
            raise failure(
                _("The agent that owns this home does not answer on {path}.").format(path=self._path),
                _("Wait a moment, or start it anew with: counterfoil serve"),
            ) from None
        finally:
            if folder is not None:
                os.close(folder)
        if answer.error is not None:
            kind = _ERRORS.get(answer.error.kind, errors.CounterfoilError)
            told = (answer.error.what, answer.error.todo)
            raise kind(*told, answer.error.troubles) if answer.error.troubles else kind(*told)
        return msgspec.json.decode(answer.result, type=RESULTS[method])
