"""What people make stands in the journal as docs/journal.md has it, and comes back as it was."""

from __future__ import annotations

from typing import Any

import pytest

from agent.journal.drafting import to_draft
from agent.journal.entries import Entry, canonical, decode
from agent.people.people import fact_of
from agent.people.people_kinds import (
    KINDS,
    OperatorAdded,
    OperatorRemoved,
    PeopleFact,
    PinRight,
    PinSet,
    PinWrong,
    RecoverySet,
    ResetBy,
    Role,
)

FACTS: list[tuple[PeopleFact, dict[str, Any], dict[str, str]]] = [
    (
        OperatorAdded(operator="02", role=Role.CASHIER, by="01", name="李", verifier="scrypt$1"),
        {"operator": "02", "role": "cashier", "by": "01"},
        {"name": "李", "verifier": "scrypt$1"},
    ),
    (
        OperatorRemoved(operator="02", by="01", reason="moved"),
        {"operator": "02", "by": "01"},
        {"reason": "moved"},
    ),
    (
        PinSet(operator="02", how=ResetBy.MANAGER, by="01", reason="forgot", verifier="v"),
        {"operator": "02", "how": "manager", "by": "01"},
        {"reason": "forgot", "verifier": "v"},
    ),
    (RecoverySet(by="01", verifier="v"), {"by": "01"}, {"verifier": "v"}),
    (PinWrong(operator="02"), {"operator": "02"}, {}),
    (PinRight(operator="02"), {"operator": "02"}, {}),
]


def test_every_kind_is_here() -> None:
    assert {fact.kind for fact, _body, _private in FACTS} == set(KINDS)


@pytest.mark.parametrize(("fact", "body", "private"), FACTS, ids=[fact.kind for fact, _body, _private in FACTS])
def test_a_fact_as_its_entry_has_it(fact: PeopleFact, body: dict[str, Any], private: dict[str, str]) -> None:
    draft = to_draft(fact, lambda _token: b"")
    assert (draft.kind, dict(draft.body), dict(draft.private)) == (fact.kind, body, private)
    entry = decode(b'{"at":5,"body":%b,"kind":"%b","seq":3,"v":1}' % (canonical(draft.body), draft.kind.encode()))
    assert fact_of(Entry(3, 5, entry.kind, 1, entry.body, private)) == fact
