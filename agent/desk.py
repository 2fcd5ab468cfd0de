"""Desk: all that a user interface may ask. Two implementations, one contract: `agent.home_desk` in the process that owns the
home, `agent.desk_socket` over its socket."""

from __future__ import annotations

from datetime import date
from typing import Protocol

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


class Desk(Protocol):
    """Every method may raise `agent.errors.CounterfoilError` (two sentences for a person); none blocks beyond its time-out.

    Methods may be called from any thread.
    """

    def status(self) -> Status: ...

    def today(self, date: str | None = None, recent: int = 50) -> Today:
        """One day (ISO date in the merchant's time zone; None: the day of the home's clock) and its newest transactions."""
        ...

    def transactions(
        self, date: str | None = None, text: str | None = None, limit: int = 100, offset: int = 0
    ) -> TransactionPage:
        """Newest first. text: part of a trace, RRN, reference, last four digits, or an amount in yuan (12.00)."""
        ...

    def transaction(self, reference: str) -> TransactionDetail:
        """One transaction whole, by its reference or a unique beginning of it. Raises NotFound."""
        ...

    def terminal_info(self) -> TerminalInfo:
        """Asks the terminal; up to 10 s. Raises LinkError."""
        ...

    def sync(self) -> SyncResult:
        """Asks the terminal for what the journal lacks, and waits until it is durable; up to 30 s. Raises LinkError."""
        ...

    def self_test(self) -> SelfTestReport:
        """The terminal tests itself; up to 10 s. Raises LinkError."""
        ...

    def echo(self, size: int = 64) -> EchoReport:
        """How long so many bytes (1 to 1024) take to the terminal and back; up to 10 s. Raises LinkError."""
        ...

    def pair(self) -> None:
        """Begin a pairing, and return at once; `status().link.pairing` shows how it goes. Raises LinkError, PortError.

        What stands is not touched by it until a person has confirmed the number.
        """
        ...

    def confirm_pairing(self, number: str, replace: bool = False) -> None:
        """A person saw this number at both ends: pin the key, and wait until that is durable.

        Raises LinkError where no pairing waits for it, where another number is shown, or, without `replace`, where
        `PairingView.changed`; nothing is pinned then.
        """
        ...

    def cancel_pairing(self) -> None:
        """Give up the pairing under way, if any. Raises LinkError where the protocol has none."""
        ...

    def unpair(self) -> None:
        """Forget the pinned key, and wait until that is durable; nothing is sought until a new pairing. Raises LinkError."""
        ...

    def money(self, order: MoneyOrder, timeout_ms: int) -> MoneyView:
        """Ask for money, once, and wait so long for the outcome; `unknown` where it, or the agent, does not come in time.

        The same order again answers its outcome, or waits with the first. Raises LinkError where it was refused: then
        nothing of it was sent (unless it was put aside before).
        """
        ...

    def settle(self) -> SettleView:
        """Have the terminal's batch closed (结算); up to 30 s. Raises LinkError, also while a customer pays."""
        ...

    def apply_for_deposit(self, reference: str, amount: Money, application: str) -> DepositView:
        """Apply for the return of the terminal's deposit, once for each reference; up to 30 s. Raises LinkError."""
        ...

    def intents(self) -> tuple[IntentView, ...]:
        """Every money request that the journal holds, oldest first."""
        ...

    def intent(self, reference: str) -> IntentDetail:
        """One whole, by its reference or a unique beginning of it. Raises NotFound."""
        ...

    def park(self, reference: str, given: Credential, reason: str) -> None:
        """Put one of unknown outcome aside, after two minutes, durably: the lane is free. Raises LinkError.

        given, here and in the next two: a manager with his PIN where anybody is registered, else a name. Raises PeopleError.
        """
        ...

    def resolve(self, reference: str, state: MoneyState, given: Credential, reason: str) -> MoneyView:
        """Say how one of unknown outcome ended, durably. What the terminal says later against it is recorded and shown.

        Raises LinkError.
        """
        ...

    def accept_rollback(self, given: Credential, reason: str) -> None:
        """Let money requests go out again after the terminal's log was put back, durably. Raises LinkError."""
        ...

    def remembered_heads(self) -> tuple[RememberedHead, ...]:
        """Every head kept in the home, and what the journal is against it now. Raises JournalError."""
        ...

    def ask_witnesses(self) -> tuple[WitnessAnswer, ...]:
        """Show the record's last head to every witness in the settings, and record what they say, durably; up to 40 s."""
        ...

    def rotate_key(self, passphrase: bytes | None, operator: str, reason: str | None) -> KeyView:
        """Have the record signed by a new key from now on, and destroy the old one, durably. passphrase: locks the new key;
        None: a secret beside it, as `counterfoil init` without a passphrase. Raises JournalError, KeyRefused, LinkError."""
        ...

    def erase(self, first: int, last: int, field: str | None, operator: str, reason: str) -> Head:
        """Erase the private values beside the entries first … last (field None: all), durably, and say so in an entry.

        Raises NotFound where there is none, JournalError."""
        ...

    def note(self, facts: tuple[Noted, ...]) -> Head:
        """Have facts of fees recorded (tariffs, contracts, credits, statements, claims: `agent.fees`), all in one commit,
        durably. Raises JournalError, and ClaimError for a claim's event that its state does not know; then nothing is."""
        ...

    def people(self) -> tuple[OperatorView, ...]:
        """Everybody who works here or did, in the order in which they were added."""
        ...

    def add_operator(self, asked: AddOperator) -> str | None:
        """Durably. The recovery code where it is the first, to be shown once. Raises PeopleError: then nothing was changed,
        and a wrong PIN is in the record. So do the next two."""
        ...

    def set_pin(self, asked: SetPin) -> str | None:
        """The new recovery code where the old one was used."""
        ...

    def remove_operator(self, asked: RemoveOperator) -> None: ...

    def refund_quote(self, asked: RefundAsked) -> RefundQuote:
        """What would be done, by which rules and at what cost; nothing is recorded. Raises RefundRefusal: no such sale."""
        ...

    def refund(self, asked: RefundAsked, given: tuple[Credential, ...], timeout_ms: int) -> RefundView:
        """Give money back, once for each reference, and wait so long for the outcome. given: who confirms it, the one at the
        counter first. Raises PeopleError, RefundRefusal (recorded), LinkError: then nothing was sent."""
        ...

    def refunds(self) -> tuple[RefundView, ...]:
        """Every refund and void that was confirmed here, oldest first."""
        ...

    def refund_view(self, reference: str) -> RefundView:
        """One, by its reference or a unique beginning of it. Raises RefundRefusal."""
        ...

    def note_refund(self, asked: NoteRefund, given: Credential) -> RefundView:
        """Record what became of one, durably. Raises PeopleError, RefundRefusal."""
        ...

    def refund_day(self, day: date | None = None) -> RefundDay:
        """A local date's refunds and refusals, and what is open now. None: the day of the home's clock."""
        ...

    def owe(self, asked: OweCustomer, given: Credential) -> OwedView:
        """Note, durably, that a customer was charged what he did not owe. Raises PeopleError, RefundRefusal."""
        ...

    def owed(self) -> tuple[OwedView, ...]:
        """What customers are owed, or were, oldest first."""
        ...

    def unlock(self, passphrase: bytes) -> bool:
        """Where nothing can be signed (NoticeCode.LOCKED): open the key with it, and sign the gap; False where it does not.

        Empty: only look whether the key is there again. Raises KeyLost, HomeError (it signs already), JournalError.
        """
        ...

    def wait(self, revision: int, timeout_ms: int) -> int:
        """Blocks until `Status.revision` is above `revision`, or the time is over; answers the revision in force."""
        ...

    def close(self) -> None: ...
