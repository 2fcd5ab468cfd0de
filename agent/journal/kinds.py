"""Every kind of entry, as frozen dataclasses: what it says, field by field, and how it becomes a draft.

Bodies leave out what is None. Amounts are `<name>_minor` with `currency` (ISO 4217 numeric; an amount in another one than
the first of its record has a `<name>_currency`); times are ms UTC; hashes are hex. docs/journal.md carries
`agent.journal.kinds_page.kinds_table()`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from agent.journal import fee_kinds
from agent.journal.custody_kinds import (
    CustodyFact,
    HeadCosigned,
    JournalRestored,
    KeyRotated,
    PrivateErased,
    RecordedUnsigned,
    WitnessRefused,
)
from agent.journal.meanings import means as _means
from agent.journal.money_kinds import MoneyFact, MoneyIntent, MoneyOutcome, MoneyParked, MoneyRollbackAccepted
from agent.orders import MoneyAction, MoneyState
from agent.people import people_kinds
from agent.refunds import refund_kinds
from protocol.messages import (
    DepositUpdate,
    DeviceEvent,
    Fee,
    Result,
    Settlement,
    TariffNotice,
    Transaction,
    UnsolicitedEvent,
)

__all__ = ["MoneyAction", "MoneyIntent", "MoneyOutcome", "MoneyParked", "MoneyRollbackAccepted", "MoneyState"]

# ruff: noqa: RUF009  _means() makes a dataclass field

MESSAGE_KINDS: dict[type, str] = {
    Transaction: "terminal.transaction",
    Fee: "terminal.fee",
    DeviceEvent: "terminal.device",
    TariffNotice: "terminal.tariff_notice",
    Settlement: "terminal.settlement",
    DepositUpdate: "terminal.deposit_update",
}


FOUND = (
    "true where the agent found it so at its start: it was killed before it could say so, or a hand changed the file"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventId:
    """One event of the terminal. number and at are None where an unreadable event did not give them."""

    terminal: str = _means("the terminal's id")
    log_epoch: str = _means(
        "the epoch of the terminal's log: a new one after it was lost or the terminal replaced; empty without such a log"
    )
    number: int | None = _means("event number in that epoch, from 1")
    at: int | None = _means("when the terminal logged it, ms UTC")
    sha256: bytes = _means("SHA-256 of the message's bytes as they came")


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalOpened:
    """Entry 0: whose journal this is, and whether what it records is real."""

    kind: ClassVar[str] = "journal.opened"
    software: str = _means("name of the program that made the journal")
    version: str = _means("its version")
    terminal: str = _means("the terminal's id; one home is one terminal's lane")
    nature: str = _means("`real` or `simulated`")
    generation: int = _means("1, and one more after every restore")


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalSaid:
    """An event of the terminal's log, of the kind that `MESSAGE_KINDS` has for its message."""

    terminal: str
    log_epoch: str
    sha256: bytes
    message: UnsolicitedEvent

    @property
    def event(self) -> EventId:
        return EventId(
            terminal=self.terminal,
            log_epoch=self.log_epoch,
            number=self.message.number,
            at=self.message.at,
            sha256=self.sha256,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EventUnreadable:
    """An authenticated event that cannot be understood: recorded and acknowledged like any other."""

    kind: ClassVar[str] = "event.unreadable"
    event: EventId = _means("which event")
    message_type: int = _means("the message type on the wire")
    reason: str = _means("why it cannot be understood")
    raw: str = _means("its first 512 bytes in hexadecimal, card and track data masked", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultUnasked:
    """The outcome of a money request that nobody here waited for: its own time was over, or it was never made here."""

    kind: ClassVar[str] = "terminal.result_unasked"
    terminal: str
    sha256: bytes
    result: Result


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalPaired:
    """A person compared the number at both ends: this key is the terminal's from now on."""

    kind: ClassVar[str] = "terminal.paired"
    terminal: str = _means("the terminal's id")
    public_key: bytes = _means("its static X25519 public key")
    replaced: bytes | None = _means("the key that was pinned before, where that was another")
    found: bool | None = _means(FOUND, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalUnpaired:
    """A person had the terminal's key forgotten."""

    kind: ClassVar[str] = "terminal.unpaired"
    terminal: str = _means("the terminal's id")
    public_key: bytes = _means("the key that was pinned")
    found: bool | None = _means(FOUND, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventGap:
    """Events that the terminal no longer has: signed as lost."""

    kind: ClassVar[str] = "event.gap"
    terminal: str = _means("the terminal's id")
    log_epoch: str = _means("the epoch of its log")
    first: int = _means("first event number that is missing")
    last: int = _means("last event number that is missing")
    reason: str = _means("what the terminal said")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventContradicted:
    """An event told a second time in other words: both versions stand in the journal."""

    kind: ClassVar[str] = "event.contradicted"
    event: EventId = _means("the event as it was told now; its first telling is an entry of its own")
    first_sha256: bytes = _means("SHA-256 of the message as it came first")
    message: UnsolicitedEvent | None = _means(
        "the fields of the second telling, as in terminal.*; absent if unreadable"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReplaced:
    """The terminal answers with a log of another epoch: lost, cleared, or another device."""

    kind: ClassVar[str] = "log.replaced"
    terminal: str = _means("the terminal's id")
    old_log_epoch: str = _means("the epoch that the journal knows")
    new_log_epoch: str = _means("the epoch that the terminal names")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRolledBack:
    """The terminal's log ends before what it told already: an older copy of it was put back."""

    kind: ClassVar[str] = "log.rolled_back"
    terminal: str = _means("the terminal's id")
    log_epoch: str = _means("the epoch of its log")
    last_written: int = _means("last event number that the terminal now has")
    journal_has: int = _means("last event number that the journal holds")

    def covers(self, later: LogRolledBack) -> bool:
        """The later finding is this one again: nothing was recorded in between, and the log is no shorter."""
        same = (later.terminal, later.log_epoch, later.journal_has) == (self.terminal, self.log_epoch, self.journal_has)
        return same and self.last_written <= later.last_written


@dataclass(frozen=True, slots=True, kw_only=True)
class SecuritySeen:
    """Frames that only another party than the paired terminal would send: one entry for each kind and minute."""

    kind: ClassVar[str] = "security.seen"
    what: str = _means("`bad_tag` or `wrong_key`")
    count: int = _means("how many in that minute")
    sha256: bytes = _means("SHA-256 of the first of these frames")
    minute: int = _means("start of the minute, ms UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFlooded:
    """More of one kind came off the line in a day than is recorded one by one; the rest is counted."""

    kind: ClassVar[str] = "line.flooded"
    what: str = _means("which kind of entry: `terminal.result_unasked`, `event.unreadable` or `security.seen`")
    day: int = _means("start of the day (UTC), ms UTC")
    most: int = _means("how many were recorded one by one")
    dropped: int = _means(
        "how many more came: 1 in the entry of the first; in a second one, of the day's end, all of them"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadMismatch:
    """A remembered head that this journal does not fit."""

    kind: ClassVar[str] = "head.mismatch"
    source: str = _means("where the head was remembered: `local`, `terminal`, a file's name")
    remembered: str = _means("the remembered signed checkpoint, whole")
    verdict: str = _means("`cut`, `forked`, `foreign` or `bad_signature`")


Fact = (
    JournalOpened
    | TerminalSaid
    | EventUnreadable
    | ResultUnasked
    | TerminalPaired
    | TerminalUnpaired
    | EventGap
    | EventContradicted
    | LogReplaced
    | LogRolledBack
    | SecuritySeen
    | LineFlooded
    | HeadMismatch
    | MoneyFact
    | CustodyFact
    | fee_kinds.FeeFact
    | people_kinds.PeopleFact
    | refund_kinds.RefundFact
)

KINDS: dict[str, type] = {
    "journal.opened": JournalOpened,
    "terminal.transaction": Transaction,
    "terminal.fee": Fee,
    "terminal.device": DeviceEvent,
    "terminal.tariff_notice": TariffNotice,
    "terminal.settlement": Settlement,
    "terminal.deposit_update": DepositUpdate,
    "terminal.result_unasked": Result,
    "terminal.paired": TerminalPaired,
    "terminal.unpaired": TerminalUnpaired,
    "event.unreadable": EventUnreadable,
    "event.gap": EventGap,
    "event.contradicted": EventContradicted,
    "log.replaced": LogReplaced,
    "log.rolled_back": LogRolledBack,
    "security.seen": SecuritySeen,
    "line.flooded": LineFlooded,
    "head.mismatch": HeadMismatch,
    "money.intent": MoneyIntent,
    "money.outcome": MoneyOutcome,
    "money.parked": MoneyParked,
    "money.rollback_accepted": MoneyRollbackAccepted,
    "key.rotated": KeyRotated,
    "journal.restored": JournalRestored,
    "recording.unsigned": RecordedUnsigned,
    "head.cosigned": HeadCosigned,
    "witness.refused": WitnessRefused,
    "private.erased": PrivateErased,
    **fee_kinds.KINDS,
    **people_kinds.KINDS,
    **refund_kinds.KINDS,
}
"""kind → the dataclass whose fields its body holds; for an event of the terminal's log the message's, beside `event`."""

_REASON = frozenset({"reason"})
PRIVATE: dict[type, frozenset[str]] = {
    **dict.fromkeys(KINDS.values(), frozenset()),
    Transaction: frozenset({"merchant_name"}),
    Fee: frozenset({"description"}),
    DeviceEvent: frozenset({"detail"}),
    DepositUpdate: frozenset({"note"}),  # and what `_deductions` sets apart
    EventUnreadable: frozenset({"raw"}),
    MoneyOutcome: _REASON,
    MoneyParked: _REASON,
    MoneyRollbackAccepted: _REASON,
    KeyRotated: _REASON,
    JournalRestored: _REASON,
    WitnessRefused: frozenset({"answer"}),
    PrivateErased: _REASON,
    **fee_kinds.PRIVATE,
    **people_kinds.PRIVATE,
    **refund_kinds.PRIVATE,
}
"""Free text and names stand outside the leaf, salted, so that they can be erased (docs/journal.md)."""
