"""What the lane records, as entries, read back, and shown among the findings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.journal import keys
from agent.journal.drafting import to_draft
from agent.journal.keys import PassphraseSources, Signer
from agent.journal.kinds import EventContradicted, EventId, Fact, JournalOpened, LogReplaced, LogRolledBack
from agent.journal.money_entries import money_entries
from agent.journal.money_kinds import MoneyIntent, MoneyOutcome, MoneyParked, MoneyRollbackAccepted
from agent.journal.store import Journal
from agent.money import OpenIntent, history
from agent.money_views import intent_views
from agent.notices import words
from agent.orders import LearnedBy, MoneyAction, MoneyState
from agent.projection import Projection
from agent.reading import Reading
from agent.views import NoticeCode
from protocol.money import Money

REF, OTHER = "0192e5a0c1d27abc8def0123456789ab", "0192e5a0c1d27abc8def0123456789ac"
INTENT = MoneyIntent(
    terminal="SN1",
    reference=REF,
    action=MoneyAction.REFUND,
    amount=Money(38_800),
    original_reference=OTHER,
    original_trace="000042",
    operator="Li",
    log_epoch="e1",
    last_event=7,
    patience_ms=30_000,
)
OUTCOME = MoneyOutcome(
    terminal="SN1",
    reference=REF,
    state=MoneyState.APPROVED,
    learned_by=LearnedBy.TRANSACTION,
    amount=Money(38_801, 840),
    differs=True,
    response_code="00",
    trace="000123",
    batch="000001",
    rrn="R",
    auth_code="A",
    event_number=8,
    contradicts=MoneyState.VOIDED,
)
MANUAL = MoneyOutcome(
    terminal="SN1",
    reference=REF,
    state=MoneyState.DECLINED,
    learned_by=LearnedBy.MANUAL,
    operator="Wang",
    reason="customer: 13800000000",
)
EVENT = EventId(terminal="SN1", log_epoch="e1", number=5, at=1, sha256=bytes(range(32)))
FACTS: tuple[Fact, ...] = (
    INTENT,
    replace(INTENT, reference=OTHER, action=MoneyAction.VOID, amount=None, original_trace=None, operator=None),
    OUTCOME,
    MANUAL,
    MoneyParked(terminal="SN1", reference=OTHER, operator="Wang", reason="queue"),
    MoneyRollbackAccepted(terminal="SN1", operator="Wang", reason="repaired"),
    LogRolledBack(terminal="SN1", log_epoch="e1", last_written=3, journal_has=7),
    EventContradicted(event=EVENT, first_sha256=bytes(32), message=None),
)


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return keys.create(tmp_path, PassphraseSources())


@pytest.fixture
def journal(tmp_path: Path, signer: Signer) -> Iterator[Journal]:
    opened = JournalOpened(software="counterfoil", version="1", terminal="SN1", nature="real", generation=1)
    made = Journal.create(tmp_path / "journal.db", signer, to_draft(opened, signer.token_hmac), 1)
    yield made
    made.close()


def record(journal: Journal, signer: Signer, *facts: Fact) -> None:
    for at, fact in enumerate(facts, journal.size * 1_000):
        journal.append([to_draft(fact, signer.token_hmac)], at)


def test_every_fact_comes_back_from_its_entry(journal: Journal, signer: Signer) -> None:
    record(journal, signer, *FACTS)
    assert tuple(fact for _, fact in money_entries(journal)) == FACTS


def test_a_reason_stands_outside_the_leaf_and_can_be_erased(journal: Journal, signer: Signer) -> None:
    record(journal, signer, INTENT, MANUAL)
    assert b"13800000000" not in journal.raw_entry(2) and b"reason_sha256" in journal.raw_entry(2)
    journal._connection.execute("DELETE FROM private")  # type: ignore[attr-defined]  # what an erasure will do
    assert [fact for _, fact in money_entries(journal)] == [INTENT, replace(MANUAL, reason=None)]


def test_no_text_of_an_entry_passes_for_a_money_request(journal: Journal, signer: Signer) -> None:
    lure = '","kind":"money.intent","x":"'
    record(journal, signer, LogRolledBack(terminal=lure, log_epoch=lure, last_written=3, journal_has=7))
    assert [type(fact) for _, fact in money_entries(journal)] == [LogRolledBack]


def test_entries_are_found_by_their_kind_wherever_they_stand(
    journal: Journal, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.journal.reader._STRETCH", 5)
    monkeypatch.setattr("agent.journal.reader._CHUNK", 2)
    other = LogReplaced(terminal="SN1", old_log_epoch="e1", new_log_epoch="e2")
    record(journal, signer, other, INTENT, OUTCOME, MANUAL, other, other, other, MANUAL, other)
    found = list(money_entries(journal))
    assert [(entry.seq, fact) for entry, fact in found] == [(2, INTENT), (3, OUTCOME), (4, MANUAL), (8, MANUAL)]


def test_what_the_journal_holds_of_each_request(journal: Journal, signer: Signer) -> None:
    other = replace(INTENT, reference=OTHER)
    record(journal, signer, INTENT, other, MoneyParked(terminal="SN1", reference=OTHER, operator="W", reason="r"))
    record(journal, signer, MANUAL, OUTCOME)
    found = list(money_entries(journal))
    told = history((entry.at, fact) for entry, fact in found)
    assert told.intents == (OpenIntent(other, parked=True, at=1_001),)
    assert [(each.intent, each.outcome) for each in told.ended] == [(INTENT, OUTCOME)]
    assert [(row.seq, row.reference, row.state) for row in intent_views(found)] == [
        (1, REF, "approved"),
        (2, OTHER, "parked"),
    ]


def test_what_differs_and_what_contradicts_is_a_finding_and_nothing_else_is(
    journal: Journal, signer: Signer, tmp_path: Path
) -> None:
    plain = replace(OUTCOME, differs=False, contradicts=None)
    differs = replace(OUTCOME, contradicts=None)
    record(journal, signer, INTENT, plain, differs, OUTCOME)
    projection = Projection(tmp_path / "views.db", "Asia/Shanghai")
    projection.catch_up(journal)
    projection.close()
    reading = Reading(tmp_path / "views.db", journal.entry, simulated=False)
    found = reading.findings(0)
    reading.close()
    assert [(notice.code, notice.seq) for notice in found] == [
        (NoticeCode.MONEY_CONTRADICTED, 4),
        (NoticeCode.MONEY_DIFFERS, 3),
    ]
    what, todo = words(found[0])
    assert "taken back" in what and "000123" in what and "38801/840" in what and todo
