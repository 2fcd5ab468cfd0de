"""Seeded months with mixed lies: what can be found is found, in kind and amount, once; an honest month gives no alarm.

A few months of each in every run, hundreds by `make months`. The judge is judged too: by findings that it must refuse.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from agent.fees.findings import Finding, Rule, Verdict
from agent.journal import keys
from agent.journal.drafting import to_draft
from agent.journal.entries import Entry
from agent.journal.kinds import JournalOpened
from agent.journal.reader import open_reader
from agent.journal.store import Journal
from simulator.profile import profile_names
from tests.dst import months
from tests.dst.month_judge import FEE_RULES, judge
from tests.dst.month_trade import Month, Played, drafts, entries, play
from tests.dst.month_truth import Unseen, truth

MONDAY = date(2026, 3, 2)
LYING = (1000, 1001, 1002, 1003, 1004, 1006, 1018, 1023, 1028, 1030, 1032, 1046, 1055, 1062, 1087, 1091)
"""Every lie has its month; some of them found something wrong in the audit once."""
HONEST = range(6)
"""One of each profile."""


@pytest.mark.requirement("D01", "D02", "D03", "D04", "D05", "D06", "D07", "D08", "D09", "D10", "D11", "D12", "D13")
@pytest.mark.requirement("D14", "D15", "D16", "D17", "D19", "D20", "D21", "4-06", "4-11")
@pytest.mark.parametrize("seed", LYING)
def test_what_can_be_found_is_found_once_and_nothing_else(seed: int) -> None:
    """Played again by: python -m tests.dst.months SEED 1 --show."""
    done = months.outcome(seed)
    assert done.wrong == [], done.month.again


def test_every_lie_has_a_month() -> None:
    """In which it was told where it must be found."""
    told = {
        lie for seed in LYING for one in truth(play(months.lying_month(seed))) if not one.unseen for lie in one.lies
    }
    assert told == set(months.LIES) - {"late_documents"}  # no fee: nothing to find


@pytest.mark.parametrize("seed", HONEST)
def test_an_honest_month_gives_no_alarm(seed: int) -> None:
    """Repeats, partial refunds, voids, corrections, ceiling rounding, QR without tokens: no OVER; ≤1 suspect in 10,000 sales."""
    done = months.outcome(seed, honest=True)
    assert done.wrong == [], done.month.again
    assert done.sales > 100
    assert done.suspects == 0


def test_each_profile_has_its_honest_month() -> None:
    assert {months.honest_month(seed).profile for seed in HONEST} == set(profile_names())


# -- the same from a real journal ----------------------------------------------------------------------------------------


def recorded(played: Played, home: Path) -> list[Entry]:
    """The month in a real journal, and read from its file again."""
    signer = keys.create(home)
    opened = JournalOpened(
        software="counterfoil", version="0.1.0", terminal=played.terminal, nature="simulated", generation=1
    )
    journal = Journal.create(home / "journal.db", signer, to_draft(opened, signer.token_hmac), 1)
    try:
        for at, draft in drafts(played, months.contract(played.month.profile)):
            journal.append([draft], at)
    finally:
        journal.close()
    reader = open_reader(home / "journal.db", keys.verifying_key(home))
    try:
        return list(reader.entries())
    finally:
        reader.close()


def test_a_real_journal_says_the_same(tmp_path: Path) -> None:
    played = play(
        Month(
            seed=4,
            profile="instant",
            first=MONDAY,
            days=6,
            transactions=16,
            lies=("raised_rate:share=50", "fee_twice:count=2", "unreasoned_deduction", "missing_settlement:count=1"),
            returns=True,
        )
    )
    ours = entries(played, months.contract("instant"))
    real = recorded(played, tmp_path / "home")
    assert [(e.seq, e.kind) for e in real] == [(e.seq, e.kind) for e in ours]
    now = months.end_of(played.month)
    found = months.audited(real, now)
    assert found == months.audited(ours, now)
    assert {Rule.D01, Rule.D05, Rule.D11} <= {one.rule for one in found}
    assert judge(played, real, found) == []


# -- the judge -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(2_000, 2_012))
def test_the_truth_accounts_for_every_unit_of_the_ledger(seed: int) -> None:
    """What lines of transactions and fees of their own come to, less what is right, stands in the occasions, and no more."""
    played = play(months.lying_month(seed))
    moved = sum(
        row["fee_minor"] - row["should_minor"]
        for row in played.ledger
        if row["kind"] in {"sale", "refund", "void", "fee"}
    )
    told = truth(played)
    assert sum(one.minor for one in told if one.rules <= FEE_RULES) == moved


def test_same_seed_same_month() -> None:
    first, again = (play(months.lying_month(7)) for _ in range(2))
    assert first == again
    assert play(months.lying_month(8)) != first


ONE_LIE = Month(seed=3, profile="smart", first=MONDAY, days=3, transactions=20, lies=("fee_twice:count=1",))


def finding(rule: Rule, subject: str, minor: int, *seqs: int) -> Finding:
    return Finding(
        rule=rule,
        verdict=Verdict.OVER,
        subject=subject,
        first=MONDAY,
        last=MONDAY,
        currency=156,
        difference_minor=minor,
        entries=seqs,
    )


def test_the_judge_refuses_what_is_not_so() -> None:
    """A month in which one fee stands twice: only that fee, once, by D05."""
    played = play(ONE_LIE)
    made = entries(played, ())
    twice = next(one for one in truth(played) if one.unseen is None)
    assert (twice.lies, twice.rules) == (frozenset({"fee_twice"}), frozenset({Rule.D05}))
    lines = [e.seq for e in made if e.kind == "terminal.fee" and e.body["transaction"] == twice.subject]
    other = next(e.seq for e in made if e.kind == "terminal.fee" and e.body["transaction"] != twice.subject)
    right = finding(Rule.D05, twice.subject, twice.minor, *lines)
    assert judge(played, made, [right]) == []
    assert len(lines) == 2
    for wrong in (
        [],
        [replace(right, difference_minor=twice.minor + 1)],
        [replace(right, difference_minor=twice.minor - 1)],
        [replace(right, verdict=Verdict.NEEDS_EVIDENCE)],
        [replace(right, rule=Rule.D08)],
        [right, right],
        [right, replace(right, rule=Rule.D08)],
        [right, finding(Rule.D05, "another", 1, other)],
        [right, finding(Rule.D04, "another", 1, other)],
        [replace(right, entries=(other,))],
    ):
        assert judge(played, made, wrong) != [], wrong


def test_the_judge_knows_what_nobody_can_see() -> None:
    """Two raised fees are no run (docs/domain.md §4, D01): not finding them is right, and so is finding them."""
    month = replace(ONE_LIE, lies=("raised_rate:count=2,ppm=300",), seed=5)
    played = play(month)
    made = entries(played, ())
    told = [one for one in truth(played) if one.minor > 0]
    assert [one.unseen for one in told] == [Unseen.RUN, Unseen.RUN]
    assert judge(played, made, []) == []
    places = {e.body["transaction"]: e.seq for e in made if e.kind == "terminal.fee"}
    seen = [finding(Rule.D08, one.subject, one.minor, places[one.subject]) for one in told]
    assert judge(played, made, seen) == []
    assert judge(played, made, [replace(seen[0], difference_minor=told[0].minor + 1)]) != []
