"""What the journal says of money requests, read back from its entries: never from the views."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agent.journal.entries import Entry
from agent.journal.kinds import EventContradicted, EventId, Fact, LogRolledBack
from agent.journal.money_kinds import MoneyIntent, MoneyOutcome, MoneyParked, MoneyRollbackAccepted
from agent.journal.reader import Reader
from agent.orders import LearnedBy, MoneyAction, MoneyState
from protocol.money import Money

KINDS = (
    "money.intent",
    "money.outcome",
    "money.parked",
    "money.rollback_accepted",
    "log.rolled_back",
    "event.contradicted",
)


def money_entries(journal: Reader) -> Iterator[tuple[Entry, Fact]]:
    """In journal order. Raises JournalDamaged."""
    for entry in journal.all_of(("money.", "log.rolled_back", "event.contradicted")):
        if entry.kind in KINDS:
            yield entry, money_fact(entry)


def money_fact(entry: Entry) -> Fact:
    """What an entry of one of these kinds says."""
    body: dict[str, Any] = {
        k: v for k, v in entry.body.items() if not k.endswith(("_minor", "_sha256")) and k != "currency"
    }
    body |= entry.private
    match entry.kind:
        case "money.intent":
            body |= {"action": MoneyAction(body["action"]), "amount": _amount(entry)}
            optional = {name: body.pop(name, None) for name in ("original_reference", "original_trace", "operator")}
            return MoneyIntent(**body, **optional)
        case "money.outcome":
            body |= {"state": MoneyState(body["state"]), "learned_by": LearnedBy(body["learned_by"])}
            if "contradicts" in body:
                body["contradicts"] = MoneyState(body["contradicts"])
            return MoneyOutcome(**body, amount=_amount(entry))
        case "money.parked":
            return MoneyParked(**{"reason": None, **body})
        case "money.rollback_accepted":
            return MoneyRollbackAccepted(**{"reason": None, **body})
        case "log.rolled_back":
            return LogRolledBack(**body)
    event = entry.body["event"]
    told = EventId(
        terminal=event["terminal"],
        log_epoch=event["log_epoch"],
        number=event.get("number"),
        at=event.get("at"),
        sha256=bytes.fromhex(event["sha256"]),
    )
    return EventContradicted(event=told, first_sha256=bytes.fromhex(entry.body["first_sha256"]), message=None)


def _amount(entry: Entry) -> Money | None:
    minor = entry.body.get("amount_minor")
    return None if minor is None else Money(minor, entry.body["currency"])
