"""Every kind of entry, as frozen dataclasses: what it says, field by field, and how it becomes a draft.

Bodies leave out what is None. Amounts are `<name>_minor` with `currency` (ISO 4217 numeric); times are ms UTC; hashes
are hex. docs/journal.md carries `kinds_table()`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any, ClassVar

from agent.journal.entries import Draft
from protocol.masking import mask_pan
from protocol.messages import DeviceEvent, Fee, Transaction, UnsolicitedEvent
from protocol.money import Money

# ruff: noqa: RUF009  _means() makes a dataclass field

PRIVATE: dict[type, frozenset[str]] = {
    Transaction: frozenset({"merchant_name"}),
    Fee: frozenset({"description"}),
    DeviceEvent: frozenset({"detail"}),
}
"""Free text and names stand outside the leaf, salted, so that they can be erased (docs/journal.md)."""

MESSAGE_KINDS: dict[type, str] = {
    Transaction: "terminal.transaction",
    Fee: "terminal.fee",
    DeviceEvent: "terminal.device",
}


def _means(text: str) -> Any:
    """A field without a default; the text goes into docs/journal.md."""
    return field(metadata={"means": text})


@dataclass(frozen=True, slots=True, kw_only=True)
class EventId:
    """One event of the terminal. number and at are None where an unreadable event did not give them."""

    terminal: str = _means("the terminal's id")
    log_epoch: str = _means(
        "the epoch of the terminal's log; a new one after the log was lost or the terminal replaced"
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
    """A message of the terminal: terminal.transaction, terminal.fee or terminal.device, by what the message is."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class SecuritySeen:
    """Frames that only another party than the paired terminal would send: one entry for each kind and minute."""

    kind: ClassVar[str] = "security.seen"
    what: str = _means("`bad_tag` or `wrong_secret`")
    count: int = _means("how many in that minute")
    sha256: bytes = _means("SHA-256 of the first of these frames")
    minute: int = _means("start of the minute, ms UTC")


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
    | EventGap
    | EventContradicted
    | LogReplaced
    | LogRolledBack
    | SecuritySeen
    | HeadMismatch
)

KINDS: dict[str, type] = {
    "journal.opened": JournalOpened,
    "terminal.transaction": Transaction,
    "terminal.fee": Fee,
    "terminal.device": DeviceEvent,
    "event.unreadable": EventUnreadable,
    "event.gap": EventGap,
    "event.contradicted": EventContradicted,
    "log.replaced": LogReplaced,
    "log.rolled_back": LogRolledBack,
    "security.seen": SecuritySeen,
    "head.mismatch": HeadMismatch,
}
"""kind → the dataclass whose fields its body holds; for terminal.* the message's, beside `event`."""

_NAMES: dict[type, tuple[str, ...]] = {
    shape: tuple(f.name for f in fields(shape)) for shape in (*KINDS.values(), EventId)
}
_EVENT_SAYS = frozenset({"number", "at"})  # told in `event` already

TokenHmac = Callable[[bytes], bytes]


def to_draft(fact: Fact, token_hmac: TokenHmac) -> Draft:
    """The draft of any fact above. token_hmac: `Signer.token_hmac`; a card token enters the journal only through it.

    Raises EntryError later, at `append`, for text that is not NFC and the like.
    """
    if isinstance(fact, TerminalSaid):
        body, private = _message(fact.message, token_hmac)
        body["event"] = _plain(fact.event)
        return Draft(MESSAGE_KINDS[type(fact.message)], body, private)
    if isinstance(fact, EventContradicted):
        body, private = ({}, {}) if fact.message is None else _message(fact.message, token_hmac)
        if fact.message is not None:
            body["told_kind"] = MESSAGE_KINDS[type(fact.message)]
        body |= {"event": _plain(fact.event), "first_sha256": fact.first_sha256.hex()}
        return Draft(fact.kind, body, private)
    return Draft(fact.kind, _plain(fact))


def _message(message: UnsolicitedEvent, token_hmac: TokenHmac) -> tuple[dict[str, Any], dict[str, str]]:
    shape = type(message)
    hidden = PRIVATE[shape]
    body: dict[str, Any] = {}
    private: dict[str, str] = {}
    for name in _NAMES[shape]:
        value = getattr(message, name)
        if value is None or name in _EVENT_SAYS:
            continue
        if name in hidden:
            private[name] = value
        elif isinstance(value, Money):
            body[f"{name}_minor"] = value.minor
            body["currency"] = value.currency
        elif name == "card_token":
            body["card_token_hmac"] = token_hmac(value).hex()
        elif name == "masked_pan":
            body[name] = mask_pan(value)  # whatever a dialect handed over, a full card number stops here
        else:
            body[name] = value.value if isinstance(value, Enum) else value
    return body, private


def _plain(fact: object) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for name in _NAMES[type(fact)]:
        value = getattr(fact, name)
        if isinstance(value, bytes):
            body[name] = value.hex()
        elif isinstance(value, EventId):
            body[name] = _plain(value)
        elif isinstance(value, Enum):
            body[name] = value.value
        elif value is not None:
            body[name] = value
    return body


_MESSAGE_MEANS = {
    "reference": "the transaction's reference, 32 hex digits",
    "outcome": "`approved` or `declined`",
    "amount_minor": "amount in minor units, signed",
    "currency": "ISO 4217 numeric code",
    "product": "the class that tariffs tell apart",
    "trace": "system trace audit number (STAN)",
    "batch": "batch number",
    "mid": "merchant id",
    "tid": "terminal id at the acquirer",
    "terminal_time": "the transaction's time by the terminal's clock, ms UTC",
    "entry_mode": "how card or code was read",
    "settlement_mode": "`T0`, `D0`, `T1` or `D1`",
    "response_code": "ISO 8583 field 39",
    "scheme": "card scheme",
    "masked_pan": "first six and last four digits at most",
    "card_token_hmac": "HMAC-SHA256 of the provider's card token under this home's key",
    "rrn": "retrieval reference number",
    "auth_code": "authorisation code",
    "mcc": "merchant category code as sent",
    "operator": "operator at the terminal",
    "original_reference": "reference of the transaction that this one voids, refunds or completes",
    "type": "`mdr`, `t0`, `sim`, `service`, `refund_fee`, `deposit_deduction` or `other`",
    "transaction": "reference of the transaction that was charged for; absent for a fee of its own",
    "rule": "the rule that the acquirer names",
    "severity": "`info`, `minor` or `major`",
    "code": "fault code",
}
_KIND_MEANS = {
    Transaction: "sale, void, refund, pre_auth, pre_auth_completion or reversal",
    DeviceEvent: "reboot, fault, tamper, firmware_changed, serial_changed or merchant_changed",
}
_ABOUT = {
    "terminal.transaction": "One money movement as the terminal logged it.",
    "terminal.fee": "One fee line; every transaction has its MDR line, a zero included.",
    "terminal.device": "What happened to the device itself.",
}


def _rows(kind: str, shape: type) -> list[tuple[str, str, str]]:
    if shape not in MESSAGE_KINDS:
        rows = []
        for f in fields(shape):
            if f.name == "message":
                rows.append(("told_kind", "text", "terminal.* kind of the second telling"))
                rows.append(("…", "", f.metadata["means"]))
            else:
                rows.append((f.name, _type_name(str(f.type)), f.metadata["means"]))
        return rows
    rows = [("event", "object", "which event (below)")]
    for f in fields(shape):
        optional = "None" in str(f.type)
        suffix = ", optional" if optional else ""
        if f.name in _EVENT_SAYS:
            continue
        if f.name in PRIVATE[shape]:
            rows.append(
                (f"{f.name}_sha256", f"hex{suffix}", "SHA-256(salt ‖ value); value and salt stand outside the leaf")
            )
        elif f.type == "Money":
            rows += [(n, "integer", _MESSAGE_MEANS[n]) for n in (f"{f.name}_minor", "currency")]
        elif f.name == "card_token":
            rows.append(("card_token_hmac", f"hex{suffix}", _MESSAGE_MEANS["card_token_hmac"]))
        else:
            means = _KIND_MEANS[shape] if f.name == "kind" else _MESSAGE_MEANS[f.name]
            rows.append((f.name, ("integer" if str(f.type).startswith("int") else "text") + suffix, means))
    return rows


def _type_name(annotation: str) -> str:
    name = {"int": "integer", "bytes": "hex", "EventId": "object"}.get(annotation.split(" |", maxsplit=1)[0], "text")
    return f"{name}, optional" if "None" in annotation else name


def kinds_table() -> str:
    """Every kind, its fields, their types and meanings, as Markdown: generated into docs/journal.md."""
    lines = ["| kind | field | type | meaning |", "|---|---|---|---|"]
    for kind, shape in KINDS.items():
        about = _ABOUT.get(kind) or (shape.__doc__ or "").splitlines()[0]
        lines.append(f"| `{kind}` | | | {about} |")
        lines += [f"| | `{name}` | {of} | {means} |" for name, of, means in _rows(kind, shape)]
    lines.append("| `event` in the above | | | One event of the terminal. |")
    lines += [f"| | `{f.name}` | {_type_name(str(f.type))} | {f.metadata['means']} |" for f in fields(EventId)]
    return "\n".join(lines) + "\n"
