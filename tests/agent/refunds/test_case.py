"""One refund's states, and what its entries say: the table of docs/refunds.md."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from agent.journal.drafting import to_draft
from agent.journal.entries import Entry, canonical, decode
from agent.journal.money_kinds import MoneyIntent, MoneyOutcome, MoneyParked
from agent.orders import LearnedBy, MoneyAction, MoneyState, is_reference, new_reference
from agent.refunds.case import RefundCase, RefundState
from agent.refunds.record import refund_fact
from agent.refunds.refund_kinds import (
    KINDS,
    Delay,
    NoteOf,
    OwedWhy,
    RefundConfirmed,
    RefundFact,
    RefundNoted,
    RefundOwed,
    RefundRefused,
)
from protocol.errors import IllegalEvent
from protocol.money import Money

REFERENCE, SALE, DAY = "b" * 32, "a" * 32, date(2026, 3, 2)
CONFIRMED = RefundConfirmed(
    reference=REFERENCE, action=MoneyAction.REFUND, sale=SALE, amount=Money(500), operator="01", reason="why"
)
INTENT = MoneyIntent(
    terminal="T", reference=REFERENCE, action=MoneyAction.REFUND, amount=Money(500), original_reference=SALE,
    original_trace=None, operator="01", log_epoch="e", last_event=1, patience_ms=60_000,
)  # fmt: skip
PARKED = MoneyParked(terminal="T", reference=REFERENCE, operator="01", reason=None)


def end(state: MoneyState, by: LearnedBy = LearnedBy.RESULT, **more: Any) -> MoneyOutcome:
    return MoneyOutcome(terminal="T", reference=REFERENCE, state=state, learned_by=by, **more)


def noted(what: NoteOf) -> RefundNoted:
    return RefundNoted(reference=REFERENCE, what=what, on=DAY, operator="01")


def case(*facts: Any) -> RefundCase:
    found = RefundCase(CONFIRMED, 0)
    for at, fact in enumerate(facts):
        found = found.after(fact, at)
    return found


APPROVED, DECLINED, VOIDED = (end(state) for state in MoneyState)


@pytest.mark.parametrize(
    ("facts", "state", "spent"),
    [
        ((), "confirmed", 500),
        ((INTENT,), "sent", 500),
        ((INTENT, APPROVED), "succeeded", 500),
        ((INTENT, DECLINED), "declined", 0),
        ((INTENT, VOIDED), "voided", 0),
        ((INTENT, PARKED), "parked", 500),
        ((INTENT, PARKED, APPROVED), "succeeded", 500),
        ((INTENT, DECLINED, APPROVED), "succeeded", 500),
        ((INTENT, end(MoneyState.APPROVED, amount=Money(400), differs=True)), "succeeded", 400),
        (
            (
                INTENT,
                end(MoneyState.DECLINED, LearnedBy.MANUAL),
                end(MoneyState.APPROVED, contradicts=MoneyState.DECLINED),
            ),
            "conflict",
            500,
        ),
        ((INTENT, APPROVED, PARKED), "succeeded", 500),  # the outcome came while the parking was on its way to the disk
        ((INTENT, DECLINED, PARKED), "declined", 0),
        ((INTENT, PARKED, PARKED), "parked", 500),
        (
            (INTENT, APPROVED, noted(NoteOf.RETURNED), end(MoneyState.DECLINED, contradicts=MoneyState.APPROVED)),
            "declined",
            0,
        ),
        ((INTENT, APPROVED, noted(NoteOf.ARRIVED)), "arrived", 500),
        ((INTENT, APPROVED, noted(NoteOf.DELAYED)), "succeeded", 500),
        ((INTENT, APPROVED, noted(NoteOf.ARRIVED), noted(NoteOf.RETURNED)), "returned", 0),
    ],
)
def test_the_state_is_what_the_entries_say(facts: tuple[Any, ...], state: str, spent: int) -> None:
    assert (case(*facts).state, case(*facts).spent_minor) == (state, spent)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((), APPROVED),
        ((INTENT,), noted(NoteOf.ARRIVED)),
        ((INTENT, DECLINED), noted(NoteOf.ARRIVED)),
        ((INTENT, VOIDED), noted(NoteOf.RETURNED)),
        ((INTENT, APPROVED, noted(NoteOf.RETURNED)), noted(NoteOf.ARRIVED)),
    ],
)
def test_what_cannot_come_now_is_no_row(before: tuple[Any, ...], after: Any) -> None:
    with pytest.raises(IllegalEvent):
        case(*before).after(after, 9)


def test_its_time_is_the_customers_the_hosts_and_ten_seconds() -> None:
    sent = case(INTENT)
    assert sent.seen(130_000) is RefundState.SENT
    assert sent.seen(130_001) is RefundState.UNKNOWN


def test_its_batch_settles_it_and_no_other() -> None:
    done = case(INTENT, end(MoneyState.APPROVED, batch="000007"))
    assert done.settled("000008").state is RefundState.SUCCEEDED
    assert done.settled("000007").state is RefundState.SETTLED


FACTS: list[tuple[RefundFact, dict[str, Any], dict[str, str]]] = [
    (
        CONFIRMED,
        {"reference": REFERENCE, "action": "refund", "sale": SALE, "amount_minor": 500, "currency": 156, "operator": "01"},
        {"reason": "why"},
    ),
    (
        RefundRefused(reference=REFERENCE, sale=SALE, amount=Money(7), reasons=("amount",), operator="01"),
        {"reference": REFERENCE, "sale": SALE, "amount_minor": 7, "currency": 156, "reasons": ["amount"], "operator": "01"},
        {},
    ),
    (
        RefundNoted(
            reference=REFERENCE, what=NoteOf.DELAYED, on=DAY, operator="01", delay=Delay.HOLIDAY, note="called"
        ),
        {"reference": REFERENCE, "what": "delayed", "on": "2026-03-02", "operator": "01", "delay": "holiday"},
        {"note": "called"},
    ),
    (
        RefundOwed(
            sale=SALE, amount=Money(2_000), why=OwedWhy.REFUND_AS_SALE, operator="01", before_minor=0, finding="ab", note="sorry"
        ),
        {"sale": SALE, "amount_minor": 2_000, "currency": 156, "why": "refund_as_sale", "operator": "01", "before_minor": 0, "finding": "ab"},
        {"note": "sorry"},
    ),
]  # fmt: skip


def test_every_kind_is_here() -> None:
    assert {fact.kind for fact, _body, _private in FACTS} == set(KINDS)


@pytest.mark.parametrize(("fact", "body", "private"), FACTS, ids=[fact.kind for fact, _body, _private in FACTS])
def test_a_fact_as_its_entry_has_it(fact: RefundFact, body: dict[str, Any], private: dict[str, str]) -> None:
    draft = to_draft(fact, lambda _token: b"")
    assert (draft.kind, dict(draft.body), dict(draft.private)) == (fact.kind, body, private)
    entry = decode(b'{"at":5,"body":%b,"kind":"%b","seq":3,"v":1}' % (canonical(draft.body), draft.kind.encode()))
    assert refund_fact(Entry(3, 5, entry.kind, 1, entry.body, private)) == fact


def test_a_new_reference_is_a_uuidv7_of_its_time() -> None:
    """RFC 9562 §5.7: 48 bits of ms, version 7, variant 10."""
    made = new_reference(0x0192E5A0C1D2)
    assert is_reference(made) and made.startswith("0192e5a0c1d27") and made[16] in "89ab"
    assert len({new_reference(0) for _ in range(100)}) == 100
