"""The states of a claim, its money and its dates: docs/domain.md §4, row by row."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import ClaimError, CounterfoilError, NotFound
from agent.fees.claim_kinds import Cause, ClaimEvent, FindingSuperseded
from agent.fees.claims.claim_figures import figures
from agent.fees.claims.claim_states import ENDS, TABLE, ClaimState, may_follow
from agent.fees.findings import Confidence, Rule, Verdict
from protocol.messages import Product
from protocol.transitions import Table
from tests.agent.fees.claim_facts import CLAIM, Record, audited, credit, day, event, finding, name, opened, version

E, S = ClaimEvent, ClaimState

DOMAIN = {
    "open": "raised",
    "raised": "admitted part_admitted denied no_answer",
    "admitted": "escalated credited adjusted",
    "part_admitted": "escalated credited adjusted",
    "denied": "escalated",
    "no_answer": "escalated",
    "escalated": "admitted part_admitted denied no_answer",
    "part_credited": "escalated credited adjusted",
    "credited": "closed",
    "adjusted": "escalated credited closed",
}
"""docs/domain.md §4, `Claims`, and what that leaves open: what was admitted and is not paid may be escalated."""


@pytest.mark.requirement("4-01")
@pytest.mark.parametrize("state", DOMAIN)
def test_what_may_follow_is_what_domain_says(state: str) -> None:
    expected = set(DOMAIN[state].split()) | {"withdrawn", "noted"}
    if state != "credited":  # of it nothing is left to give up
        expected.add("written_off")
    if state not in {"open", "raised"}:
        expected.add("rated")
    assert {str(what) for what in may_follow(S(state))} == expected


@pytest.mark.parametrize("state", sorted(ENDS))
def test_an_end_takes_words_alone(state: ClaimState) -> None:
    assert set(may_follow(state)) == {E.NOTED, E.RATED}


def test_no_open_state_is_a_dead_end_and_every_one_is_reached() -> None:
    reached = _reached(TABLE)
    assert reached == set(S)
    paths = {state: {after for (before, _step), after in TABLE.rows.items() if before is state} for state in S}
    for state in set(S) - ENDS:
        seen, todo = set(), [state]
        while todo:
            seen.add(at := todo.pop())
            todo += paths[at] - seen
        assert S.CLOSED in seen and S.WITHDRAWN in seen


def _reached(table: Table[Any, Any]) -> set[Any]:
    seen, todo = set(), [table.start]
    while todo:
        seen.add(at := todo.pop())
        todo += [after for (before, _step), after in table.rows.items() if before is at and after not in seen]
    return seen


def opened_claim(minor: int = 600) -> Record:
    return Record(version(), finding(minor=minor), opened(name(), minor=minor))


def raised_claim(minor: int = 600) -> Record:
    record = opened_claim(minor)
    record(event(E.RAISED, "03-07", channel="phone", ticket="LKL-7"))
    return record


@pytest.mark.requirement("4-01", "4-02", "张先生")
def test_confirm_ask_verify_refund_close() -> None:
    """张先生: 40 sales of 500.00 at 6300 instead of 6000 ppm are 40 x 15 = 600 分 too much; admitted, credited, closed."""
    record = raised_claim(40 * (315 - 300))
    record(event(E.ADMITTED, "03-10", outcome="refund", cause=Cause.UNAUTHORISED, due=day("03-15")))
    claim = record.claims.claims[CLAIM]
    assert (claim.state, claim.outcome, claim.cause, claim.due) == (
        S.ADMITTED,
        "refund",
        Cause.UNAUTHORISED,
        day("03-15"),
    )
    assert (claim.admitted_minor, claim.outstanding_minor, claim.ticket) == (600, 600, "LKL-7")
    paid = record(credit(600, "03-12"))
    assert record.claims.may_pay(claim) == [paid]
    record(event(E.CREDITED, "03-13", 600, entry=paid))
    assert record.claims.claims[CLAIM].state is S.CREDITED
    record(event(E.CLOSED, "03-13"))
    record(event(E.RATED, "03-14", satisfaction=4))
    claim = record.claims.claims[CLAIM]
    assert (claim.state, claim.is_open, claim.satisfaction, claim.outstanding_minor) == (S.CLOSED, False, 4, 0)
    assert record.claims.credit_left(paid) == 0
    assert [e.fact.event for e in claim.events][-3:] == [E.CREDITED, E.CLOSED, E.RATED]


def test_admitted_in_part_the_rest_is_escalated_and_given_up() -> None:
    record = raised_claim(600)
    record(event(E.PART_ADMITTED, "03-10", 400, outcome="refund"))
    first = record(credit(400))
    record(event(E.CREDITED, "03-12", 400, entry=first))
    claim = record.claims.claims[CLAIM]
    assert (claim.state, claim.outstanding_minor, claim.admitted_minor) == (S.PART_CREDITED, 200, 400)
    with pytest.raises(ClaimError):
        record(event(E.CLOSED, "03-12"))
    record(event(E.ESCALATED, "03-13"))
    record(event(E.PART_ADMITTED, "03-20", 50))
    second = record(credit(50, "03-22"))
    record(event(E.CREDITED, "03-22", 50, entry=second))
    assert record.claims.claims[CLAIM].outstanding_minor == 150
    record(event(E.WRITTEN_OFF, "03-25", note="too little to go on"))
    claim = record.claims.claims[CLAIM]
    assert (claim.state, claim.credited_minor, claim.written_off_minor, claim.outstanding_minor) == (
        S.CREDITED,
        450,
        150,
        0,
    )
    record(event(E.CLOSED, "03-25"))
    assert record.claims.claims[CLAIM].state is S.CLOSED
    with pytest.raises(ClaimError, match="claimed before"):
        record.claims.claimable(name())


@pytest.mark.parametrize("answer", [E.DENIED, E.NO_ANSWER])
@pytest.mark.parametrize("then", [E.ADMITTED, E.PART_ADMITTED, E.DENIED, E.NO_ANSWER])
def test_a_no_is_escalated_to_any_answer(answer: ClaimEvent, then: ClaimEvent) -> None:
    record = raised_claim()
    record(event(answer, "03-10"))
    with pytest.raises(ClaimError, match="cannot follow"):
        record(event(E.ADMITTED, "03-11"))
    record(event(E.ESCALATED, "03-11"))
    record(event(then, "03-12", 100 if then is E.PART_ADMITTED else None))
    assert record.claims.claims[CLAIM].state == str(then)


@pytest.mark.parametrize(
    ("told", "what"),
    [
        (event(E.PART_ADMITTED, "03-10", 600), "part_admitted of less"),
        (event(E.ADMITTED, "03-10", 599), "part_admitted of less"),
        (event(E.ADMITTED, "03-10", 601), "outstanding"),
        (event(E.PART_ADMITTED, "03-10"), "amount"),
        (event(E.PART_ADMITTED, "03-10", 0), "above zero"),
        (event(E.PART_ADMITTED, "03-10", -5), "above zero"),
        (event(E.DENIED, "03-10", 5), "amount"),
        (event(E.ADMITTED, "03-10", satisfaction=3), "satisfaction"),
        (event(E.ADMITTED, "03-10", outcome="free coffee"), "outcome"),
        (event(E.DENIED, "03-10", outcome="refund"), "outcome"),
        (event(E.DENIED, "03-10", channel="pigeon"), "channel"),
        (event(E.DENIED, "03-10", entry=3), "entry"),
        (event(E.DENIED, "03-10", findings=(name(),)), "findings"),
        (event(E.DENIED, "03-06"), "before the last event"),
        (event(E.ADMITTED, "03-10", due=day("03-09")), "after it"),
        (event(E.CREDITED, "03-10", 600), "entry"),
        (event(E.CREDITED, "03-10", 600, entry=77), "no credit"),
        (event(E.RATED, "03-10", satisfaction=3), "cannot follow"),
        (event(E.NOTED, "03-10", satisfaction=3), "satisfaction"),
        (event(E.CLOSED, "03-10"), "cannot follow"),
        (event(E.RAISED, "03-10"), "cannot follow"),
        (event(E.ESCALATED, "03-10"), "cannot follow"),
        (event(E.DENIED, "03-10", claim="00000000beef"), "no claim"),
        (opened(name(), minor=600, claim="00000000beef"), "open claim"),
        (opened(name(), minor=600), "already"),
    ],
)
def test_refused_with_a_reason_and_nothing_changed(told: Any, what: str) -> None:
    record = raised_claim()
    before = dict(record.claims.claims)
    with pytest.raises(CounterfoilError) as refused:
        record(told)
    assert what in refused.value.what and refused.value.exit_code == 1 and refused.value.todo
    assert record.claims.claims == before


@pytest.mark.parametrize("satisfaction", [0, 6, None])
def test_satisfaction_is_1_to_5(satisfaction: int | None) -> None:
    record = raised_claim()
    record(event(E.DENIED, "03-10"))
    with pytest.raises(ClaimError, match="satisfaction"):
        record(event(E.RATED, "03-10", satisfaction=satisfaction))


def test_one_credit_pays_two_claims_no_more_than_it_brought() -> None:
    record = raised_claim(600)
    record(event(E.ADMITTED, "03-10"))
    record(finding("s2", 300, Rule.D05))
    other = "00000000c1a2"
    record(opened(name("s2", Rule.D05), minor=300, claim=other))
    record(event(E.RAISED, "03-08", claim=other))
    record(event(E.ADMITTED, "03-10", claim=other))
    paid = record(credit(700))
    record(event(E.CREDITED, "03-12", 600, entry=paid))
    with pytest.raises(ClaimError, match="not left"):
        record(event(E.CREDITED, "03-12", 101, entry=paid, claim=other))
    record(event(E.CREDITED, "03-12", 100, entry=paid, claim=other))
    assert record.claims.credit_left(paid) == 0
    assert record.claims.claims[other].outstanding_minor == 200
    abroad = record(credit(200, currency=840))
    with pytest.raises(ClaimError):
        record(event(E.CREDITED, "03-13", 200, entry=abroad, claim=other))


@pytest.mark.parametrize(
    "unfit",
    [
        {"verdict": Verdict.NEEDS_EVIDENCE},
        {"verdict": Verdict.UNDER},
        {"verdict": Verdict.UNKNOWN},
        {"confidence": Confidence.SUSPECT},
        {"minor": 0},
    ],
    ids=str,
)
def test_only_what_is_over_and_no_suspect_is_claimed(unfit: dict[str, Any]) -> None:
    record = Record(finding(**unfit))
    assert record.claims.all_claimable() == []
    with pytest.raises(ClaimError, match="claims no money"):
        record(opened(name(), minor=unfit.get("minor", 600)))
    assert record.claims.claims == {}


def test_likely_is_claimed_superseded_is_not() -> None:
    record = Record(finding(confidence=Confidence.LIKELY), finding("s2", 5))
    record(FindingSuperseded(finding=name("s2")))
    assert record.claims.all_claimable() == [name()]
    with pytest.raises(ClaimError, match="removed"):
        record.claims.claimable(name("s2"))
    record(finding("s2", 7))  # found again
    assert record.claims.claimable(name("s2")) == 7


def test_the_amount_is_the_sum_of_the_findings() -> None:
    record = Record(finding("s1", 600), finding("s2", 1_000, Rule.D05))
    names = (name("s1"), name("s2", Rule.D05))
    for wrong in (1_599, 1_601):
        with pytest.raises(ClaimError, match="changed"):
            record(opened(*names, minor=wrong))
    for odd in (names[:1] * 2, ()):
        with pytest.raises(ClaimError, match="each once"):
            record(opened(*odd, minor=1_200))
    with pytest.raises(NotFound):
        record(opened("0123456789ab", minor=600))
    with pytest.raises(ClaimError, match="before the day"):
        record(opened(*names, minor=1_600, on="02-28"))
    record(opened(*names, minor=1_600))
    assert record.claims.claims[CLAIM].claimed_minor == 1_600


def test_a_claim_is_of_one_currency() -> None:
    record = Record(finding("s1", 600), finding("s2", 5, currency=840))
    with pytest.raises(ClaimError, match="one currency"):
        record(opened(name("s1"), name("s2"), minor=605))


def test_a_run_that_goes_on_is_claimed_for_what_is_new() -> None:
    """The finding of a raised rate grows as it goes on: after the first claim's end the second asks for the growth alone."""
    record = raised_claim(600)
    record(finding(minor=900, last=day("03-20")))
    with pytest.raises(ClaimError, match="open claim"):
        record.claims.claimable(name())
    record(event(E.DENIED, "03-10"))
    record(event(E.WRITTEN_OFF, "03-11", note="n"))
    assert record.claims.claims[CLAIM].state is S.WRITTEN_OFF
    assert record.claims.claimable(name()) == 300
    record(opened(name(), minor=300, claim="00000000c1a2", on="03-21"))


def test_withdrawn_gives_back_what_was_not_credited() -> None:
    record = raised_claim(600)
    record(event(E.ADMITTED, "03-10"))
    record(event(E.CREDITED, "03-12", 250, entry=record(credit(250))))
    record(event(E.WITHDRAWN, "03-13", note="wrong amount"))
    assert record.claims.claims[CLAIM].outstanding_minor == 0
    assert record.claims.claimable(name()) == 350


@pytest.mark.requirement("4-01")
def test_adjusted_names_an_audit_of_later_days_that_found_nothing_again() -> None:
    record = raised_claim()
    record(event(E.ADMITTED, "03-10", outcome="adjust"))
    for wrong in (0, 999, record(audited("03-01", "03-10", 500))):
        with pytest.raises(ClaimError, match="no audit"):
            record(event(E.ADJUSTED, "03-25", entry=wrong))
    good = record(audited("03-01", "03-24", 900))
    record(finding(minor=900, last=day("03-15")))
    with pytest.raises(ClaimError, match="found again"):
        record(event(E.ADJUSTED, "03-25", entry=good))
    record(finding(minor=600))
    record(version(Product.DEBIT, "d"))
    record(finding("debit", 30, version="d", last=day("03-20")))  # another product's rate is another matter
    record(event(E.ADJUSTED, "03-25", entry=good))
    record(event(E.CLOSED, "03-26"))
    assert record.claims.claims[CLAIM].state is S.CLOSED


def test_a_promised_refund_is_not_closed_by_adjusted_fees_alone() -> None:
    record = raised_claim()
    record(event(E.ADMITTED, "03-10", outcome="refund"))
    record(event(E.ADJUSTED, "03-25", entry=record(audited("03-01", "03-24", 900))))
    with pytest.raises(ClaimError, match="promised a refund"):
        record(event(E.CLOSED, "03-26"))
    record(event(E.CREDITED, "03-26", 100, entry=record(credit(100, "03-26"))))
    assert record.claims.claims[CLAIM].state is S.ADJUSTED
    record(event(E.WRITTEN_OFF, "03-27", note="n"))
    record(event(E.CLOSED, "03-27"))
    claim = record.claims.claims[CLAIM]
    assert (claim.state, claim.credited_minor, claim.written_off_minor) == (S.CLOSED, 100, 500)


def test_nothing_left_is_not_written_off() -> None:
    record = raised_claim()
    record(event(E.ADMITTED, "03-10"))
    record(event(E.CREDITED, "03-12", 600, entry=record(credit(600))))
    with pytest.raises(ClaimError, match="left to write off"):
        record(event(E.WRITTEN_OFF, "03-13", note="n"))


@pytest.mark.requirement("4-08")
def test_response_times_are_reckoned_from_raised_by_dates() -> None:
    record = Record(*(finding(f"s{n}", 100 * n) for n in (1, 2, 3, 4)))
    for n, raised in ((1, "03-07"), (2, "03-08"), (3, "03-09"), (4, None)):
        claim = f"00000000000{n}"
        record(opened(name(f"s{n}"), minor=100 * n, claim=claim))
        if raised:
            record(event(E.RAISED, raised, claim=claim))
    record(event(E.ADMITTED, "03-10", claim="000000000001", due=day("03-11")))  # after 3 days
    record(event(E.NO_ANSWER, "03-12", claim="000000000002"))  # is none
    record(event(E.ESCALATED, "03-12", claim="000000000002"))
    record(event(E.DENIED, "03-18", claim="000000000002", cause=Cause.SYSTEM_ERROR))  # after 10 days
    record(event(E.RATED, "03-18", claim="000000000002", satisfaction=1))
    paid = record(credit(60, "03-12"))  # 5 days after it was raised, noted 8 days later
    record(event(E.CREDITED, "03-20", 60, entry=paid, claim="000000000001"))
    record(event(E.RATED, "03-20", claim="000000000001", satisfaction=4))
    told = figures(record.claims.claims.values(), day("03-30"))
    assert (told.first_answer.count, told.first_answer.average_tenths, told.first_answer.longest) == (2, 65, 10)
    assert (told.money.count, told.money.average_tenths, told.money.longest) == (1, 50, 5)
    # ages: 23, 22, 21 days since raised, 24 since opened: 90 / 4 = 22.5
    assert (told.waiting.count, told.waiting.average_tenths, told.waiting.longest) == (4, 225, 24)
    assert (told.unanswered.count, told.unanswered.average_tenths) == (2, 225)  # (21 + 24) / 2
    assert told.overdue == ("000000000001",)
    assert (told.satisfaction, told.satisfaction_tenths) == ({1: 1, 4: 1}, 25)
    (sums,) = told.sums
    assert (sums.claims, sums.claimed_minor, sums.admitted_minor, sums.credited_minor) == (4, 1_000, 100, 60)
    assert (sums.written_off_minor, sums.outstanding_minor) == (0, 940)
    assert told.causes == {Cause.SYSTEM_ERROR: 1}


_MOVES = st.tuples(
    st.sampled_from([what for what in E if what not in {E.OPENED, E.ADJUSTED}]),
    st.integers(0, 2),
    st.integers(-50, 700) | st.none(),
    st.integers(0, 3),
)


@settings(max_examples=300)
@given(st.lists(_MOVES, max_size=40))
def test_whatever_is_noted_money_is_claimed_and_paid_once(moves: list[tuple[ClaimEvent, int, int | None, int]]) -> None:
    """Three claims in a row of one growing finding, three credits: however people note, no sum is exceeded."""
    record = Record(finding(minor=500), credit(300), credit(300), credit(40), finding(minor=500))
    limit = 500
    for what, which, minor, entry in moves:
        claim = f"0000000000{which:02}"
        told: dict[str, Any] = {"claim": claim, "note": "n"}
        if what is E.CREDITED:
            told["entry"] = entry
        if what is E.RATED:
            told["satisfaction"] = 3
        try:
            if claim not in record.claims.claims:
                limit += 50
                record(finding(minor=limit))
                record(opened(name(), minor=record.claims.claimable(name()), claim=claim))
            if what in {E.PART_ADMITTED, E.CREDITED}:
                record(event(what, "03-06", minor, **told))
            else:
                record(event(what, "03-06", **told))
        except (ClaimError, NotFound):
            continue
        for each in record.claims.claims.values():
            assert each.credited_minor + each.written_off_minor + each.outstanding_minor <= each.claimed_minor
            assert min(each.credited_minor, each.outstanding_minor, each.written_off_minor) >= 0
            if each.state is S.CREDITED:
                assert each.outstanding_minor == 0
            if each.is_open:
                assert E.WITHDRAWN in each.next_events
        assert all(record.claims.credit_left(seq) >= 0 for seq in (1, 2, 3))
        assert sum(m for c in record.claims.claims.values() for _f, m in c.taken()) <= limit
        assert sum(c.is_open for c in record.claims.claims.values()) <= 1
