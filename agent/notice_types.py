"""What needs a person's eye, as user interfaces are shown it; `agent.views` hands these on with the rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class NoticeCode(StrEnum):
    """What needs a person now; `agent.notices` has the words."""

    PORT_LOST = "port_lost"
    TERMINAL_SILENT = "terminal_silent"
    LINE_SETTINGS = "line_settings"
    WRONG_TERMINAL = "wrong_terminal"
    WRONG_NATURE = "wrong_nature"
    NOT_UNDERSTOOD = "not_understood"
    WRONG_KEY = "wrong_key"
    """Whoever answers holds another key than the one pinned at pairing."""
    KEY_REFUSED = "key_refused"
    """The terminal says that it does not know this agent's key."""
    NOT_PAIRED = "not_paired"
    HEAD_MISMATCH = "head_mismatch"
    LOG_ROLLED_BACK = "log_rolled_back"
    LOG_REPLACED = "log_replaced"
    EVENTS_LOST = "events_lost"
    EVENT_UNREADABLE = "event_unreadable"
    SECURITY = "security"
    DEVICE_FAULT = "device_fault"
    RESULT_UNASKED = "result_unasked"
    """The terminal told an outcome that nobody waited for."""
    LINE_FLOODED = "line_flooded"
    """More of one kind came off the line in a day than is recorded one by one."""
    KEY_FOUND = "key_found"
    """At a start, another key stood pinned than the one recorded last."""
    KEY_DAMAGED = "key_damaged"
    """The file of the terminal's key holds none; no agent can start."""
    MONEY_UNKNOWN = "money_unknown"
    """What became of a money request is not known; no other goes out."""
    MONEY_PARKED = "money_parked"
    MONEY_DIFFERS = "money_differs"
    """The terminal took or gave something else than it was asked for."""
    WITNESS_REFUSED = "witness_refused"
    """A witness remembers another head than this record's."""
    MONEY_CONTRADICTED = "money_contradicted"
    """A money request ended otherwise than was recorded before."""
    LOCKED = "locked"
    """Nothing can be signed: what the terminal tells is kept unsigned and not acknowledged; no money request goes out."""
    RECORDED_UNSIGNED = "recorded_unsigned"
    """For a while nothing could be signed; that is over, and signed."""
    DISK_LOW = "disk_low"
    """Little room is left on the disk: no money request goes out, recording goes on as long as it can."""
    RECORD_DAMAGED = "record_damaged"
    """The whole record was verified beside the work, and is not as it was signed: no money request goes out."""
    FEES_OVER = "fees_over"
    """An audit found that too much was taken, and no claim says so yet."""
    TARIFF_ASKS = "tariff_asks"
    """A dearer price was proposed, and waits for the merchant's answer."""
    AUDIT_DUE = "audit_due"
    """For a week nobody has looked at what the audit finds."""
    RECORDING_STOPPED = "recording_stopped"
    """The journal cannot be written (disk full, I/O error): nothing is acknowledged, the terminal keeps its copy."""


@dataclass(frozen=True, slots=True)
class Notice:
    """code and the facts its words need (`agent.notices.words`). seq: the journal entry that says so, if any.

    more: how many older ones of its kind the journal holds beside it, which are not shown one by one.
    """

    code: NoticeCode
    at: int
    facts: dict[str, str] = field(default_factory=dict)
    seq: int | None = None
    more: int = 0
