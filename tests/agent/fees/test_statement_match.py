"""Which line is which transaction: by hand for each rule, by Hypothesis for order and for use once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.fees.contract.terms import StatementLine, StatementPage
from agent.fees.statements.statement_match import Fees, Stated, StatementIndex, match, statement_index
from agent.fees.statements.statement_record import fresh_lines
from protocol.messages import Outcome, TransactionKind

DAY = date(2026, 3, 2)


@dataclass(frozen=True)
class Deal:
    seq: int
    amount_minor: int = 500
    day: date = DAY
    reference: str = "r"
    kind: TransactionKind = TransactionKind.SALE
    outcome: Outcome = Outcome.APPROVED
    currency: int = 156
    trace: str = "000042"
    batch: str = "000007"
    rrn: str | None = "012345678901"


def line(number: int, amount_minor: int = 500, *, kind: str = "sale", on: date = DAY, **more: object) -> StatementLine:
    return StatementLine(line=number, kind=kind, on=on, amount_minor=amount_minor, **more)  # type: ignore[arg-type]


def stated(*lines: StatementLine, seq: int = 100, file: str = "aa", currency: int = 156) -> list[Stated]:
    return [Stated(seq, file, currency, each) for each in lines]


def paired(lines: list[Stated], deals: list[Deal]) -> dict[int, int]:
    """Entry of the transaction -> line."""
    return {pair.trade.seq: pair.stated.line.line for pair in match(lines, deals).pairs}


def test_by_rrn_before_trace_whatever_the_date_of_settlement() -> None:
    lines = stated(
        line(1, on=DAY + timedelta(days=4), rrn="12345678901"),  # its zero in front is lost
        line(2, trace="42", batch="7"),
    )
    assert paired(lines, [Deal(1), Deal(2, rrn="2")]) == {1: 1, 2: 2}


def test_a_number_that_comes_again_after_months_is_another() -> None:
    assert paired(stated(line(1, on=DAY + timedelta(days=90), rrn="012345678901")), [Deal(1)]) == {}
    assert paired(stated(line(1, on=DAY + timedelta(days=90), trace="000042", batch="7")), [Deal(1)]) == {}


def test_by_trace_with_the_batch_or_with_the_day() -> None:
    assert paired(stated(line(1, trace="42", batch="7", on=DAY + timedelta(days=3))), [Deal(1)]) == {1: 1}
    assert paired(stated(line(1, trace="42", on=DAY + timedelta(days=1))), [Deal(1)]) == {1: 1}
    assert paired(stated(line(1, trace="42", on=DAY + timedelta(days=2))), [Deal(1)]) == {}
    assert paired(stated(line(1, 501, trace="42")), [Deal(1)]) == {}


def test_another_rrn_forbids_the_weaker_tests() -> None:
    assert paired(stated(line(1, rrn="9", trace="42", batch="7")), [Deal(1)]) == {}
    assert paired(stated(line(1, rrn="9")), [Deal(1)]) == {}
    assert paired(stated(line(1, trace="43")), [Deal(1, rrn=None)]) == {}


def test_by_day_and_amount_only_where_both_sides_have_one() -> None:
    one = stated(line(1))
    assert paired(one, [Deal(1)]) == {1: 1}
    assert paired(one, [Deal(1), Deal(2, trace="000043", rrn="2")]) == {}
    assert paired(stated(line(1), line(2)), [Deal(1)]) == {}
    assert paired(one, [Deal(1), Deal(2, amount_minor=501)]) == {1: 1}
    assert paired(stated(line(1), currency=840), [Deal(1)]) == {}


def test_refunds_sales_and_what_failed_stand_apart() -> None:
    back, sale = Deal(1, kind=TransactionKind.REFUND, reference="a"), Deal(2, reference="b")
    failed = Deal(3, outcome=Outcome.DECLINED, reference="c")
    lines = stated(*(line(i, kind=k, rrn="012345678901") for i, k in enumerate(("sale", "refund", "declined"), 1)))
    assert paired(lines, [back, sale, failed]) == {1: 2, 2: 1, 3: 3}
    assert paired(stated(line(1, kind="refund")), [sale]) == {}


def test_a_void_may_stand_as_a_refund_and_a_completion_as_a_sale() -> None:
    assert paired(stated(line(1, kind="refund", rrn="1")), [Deal(1, kind=TransactionKind.VOID, rrn="1")]) == {1: 1}
    assert paired(stated(line(1, rrn="1")), [Deal(1, kind=TransactionKind.PRE_AUTH_COMPLETION, rrn="1")]) == {1: 1}


def test_partial_refunds_under_one_rrn_are_told_apart_by_amount_then_by_trace() -> None:
    """The first refund's line is missing: the second's is not taken for it."""
    first = Deal(1, 300, kind=TransactionKind.REFUND, trace="000001")
    second = Deal(2, 400, kind=TransactionKind.REFUND, trace="000002")
    lines = stated(line(9, 400, kind="refund", rrn="012345678901", trace="000002"))
    assert paired(lines, [first, second]) == {2: 9}
    index = StatementIndex(lines)
    assert index.take(first) is None
    assert index.take(second) == lines[0]


def test_what_differs_is_said() -> None:
    fees = {1: Fees(mdr_minor=300, all_minor=500)}
    for fee, amount, differs in ((300, 500, False), (500, 500, False), (301, 500, True), (None, 500, False)):
        (pair,) = match(stated(line(1, amount, rrn="012345678901", fee_minor=fee)), [Deal(1)], fees).pairs
        assert (pair.fee_differs, pair.amount_differs) == (differs, False)
    (pair,) = match(stated(line(1, 499, rrn="012345678901", fee_minor=1)), [Deal(1)]).pairs
    assert (pair.fee_differs, pair.amount_differs, pair.differs) == (False, True, True)


def test_both_sides_rest() -> None:
    found = match(stated(line(1, rrn="1"), line(2, rrn="2")), [Deal(1, rrn="2"), Deal(2, rrn="3")])
    assert [pair.stated.line.line for pair in found.pairs] == [2]
    assert [one.line.line for one in found.lines] == [1]
    assert [deal.seq for deal in found.trades] == [2]


def test_our_own_reference_goes_before_all() -> None:
    ours = "0192e5a0c1d27abc8def0123456789ab"
    lines = stated(line(1, rrn="012345678901"), line(2, 700, reference=ours.upper()))
    assert paired(lines, [Deal(1, reference=ours)]) == {1: 2}


def page(seq: int, *lines: StatementLine, sha: bytes = b"a") -> tuple[int, StatementPage]:
    body = StatementPage(
        provider="p", file=f"{sha.decode()}.csv", file_sha256=sha * 32, page=1, pages=1, first=DAY, last=DAY,
        currency=156, lines=lines,
    )  # fmt: skip
    return seq, body


def test_a_later_file_that_says_otherwise_counts() -> None:
    old, new = line(1, rrn="012345678901", fee_minor=300), line(5, rrn="012345678901", fee_minor=315)
    pages = [page(7, old), page(9, new, sha=b"b")]
    for order in (pages, pages[::-1]):
        index = statement_index(order)
        taken = index.take(Deal(1))
        assert taken is not None and (taken.seq, taken.line.fee_minor) == (9, 315)
        assert [one.seq for one in index.replaced] == [7]
        assert index.take(Deal(1)) is None


@pytest.mark.requirement("4-06")
def test_a_line_that_one_file_has_twice_is_left_over_once() -> None:
    twice = line(1, rrn="012345678901", fee_minor=300)
    found = match(stated(twice, replace(twice, line=2)), [Deal(1)])
    assert [pair.stated.line.line for pair in found.pairs] == [1]
    assert [one.line.line for one in found.lines] == [2]


def test_files_that_overlap() -> None:
    named = [line(i, rrn=str(i), fee_minor=3) for i in (1, 2)]
    plain = [line(3), line(4)]
    pages = [page(7, *named, plain[0])]
    fresh = fresh_lines([*named, *plain], pages)
    assert (fresh.known, fresh.lines, fresh.changed) == (3, (plain[1],), ())  # two equal sales that nothing names
    otherwise = replace(named[1], line=8, fee_minor=4)
    changed = fresh_lines([named[0], otherwise], pages)
    assert (changed.known, changed.lines) == (1, (otherwise,))
    assert [(one.seq, one.file, one.before.fee_minor) for one in changed.changed] == [(7, "a.csv", 3)]


LINES = st.builds(
    lambda number, kind, amount, days, rrn, trace, batch, fee: line(
        number,
        amount,
        kind=kind,
        on=DAY + timedelta(days=days),
        rrn=rrn,
        trace=trace,
        batch=batch,
        fee_minor=fee,
    ),
    st.integers(1, 60),
    st.sampled_from(["sale", "sale", "refund", "void", "declined", "pre_auth_completion"]),
    st.sampled_from([500, 500, 600]),
    st.integers(0, 2),
    st.sampled_from([None, "1", "01", "2", "3"]),
    st.sampled_from([None, "000001", "2", "3"]),
    st.sampled_from([None, "7", "000007", "8"]),
    st.sampled_from([None, 3]),
)
DEALS = st.builds(
    Deal,
    st.integers(1, 10**6),
    st.sampled_from([500, 500, 600]),
    st.integers(0, 2).map(lambda days: DAY + timedelta(days=days)),
    st.uuids().map(lambda one: one.hex),
    st.sampled_from([TransactionKind.SALE, TransactionKind.SALE, TransactionKind.REFUND, TransactionKind.VOID]),
    st.sampled_from([Outcome.APPROVED, Outcome.APPROVED, Outcome.APPROVED, Outcome.DECLINED]),
    st.just(156),
    st.sampled_from(["000001", "000002", "000003"]),
    st.sampled_from(["000007", "000008"]),
    st.sampled_from([None, "000000000001", "000000000002"]),
)


@given(
    st.lists(LINES, max_size=14),
    st.lists(DEALS, max_size=14, unique_by=lambda deal: deal.seq),
    st.integers(0, 2**32),
)
def test_order_changes_nothing_and_nothing_is_used_twice(
    lines: list[StatementLine], deals: list[Deal], seed: int
) -> None:
    told = [
        Stated(100 + i // 5, "ab"[i % 2] if i % 3 else "a", 156, replace(each, line=i)) for i, each in enumerate(lines)
    ]
    found = match(told, deals)
    mixed, others = told[:], deals[:]
    Random(seed).shuffle(mixed)
    Random(seed + 1).shuffle(others)
    assert match(mixed, others) == found
    used = [id(pair.stated) for pair in found.pairs]
    assert len(set(used)) == len(used)
    assert len({pair.trade.seq for pair in found.pairs}) == len(found.pairs)
    places = [pair.stated.line.line for pair in found.pairs] + [
        one.line.line for one in (*found.lines, *found.replaced)
    ]
    assert sorted(places) == list(range(len(lines)))
    assert sorted([pair.trade.seq for pair in found.pairs] + [deal.seq for deal in found.trades]) == sorted(
        deal.seq for deal in deals
    )
    for pair in found.pairs:
        paid = pair.trade.outcome is Outcome.APPROVED
        back = pair.trade.kind in (TransactionKind.REFUND, TransactionKind.VOID)
        assert (pair.stated.line.kind == "declined") == (not paid)
        if paid:
            assert (pair.stated.line.kind in ("refund", "void")) == back


@given(st.lists(DEALS, max_size=10, unique_by=lambda deal: deal.seq), st.lists(LINES, max_size=10))
def test_the_streaming_index_takes_each_line_once_and_never_by_amount_alone(
    deals: list[Deal], lines: list[StatementLine]
) -> None:
    told = stated(*(replace(each, line=i) for i, each in enumerate(lines)))
    index = StatementIndex(told)
    taken = [found for deal in deals if (found := index.take(deal)) is not None]
    assert len({one.line.line for one in taken}) == len(taken)
    assert all(one.line.rrn or one.line.trace for one in taken)
    assert len(index.left) + len(taken) == len(told)
    assert all(index.take(deal) is None for deal in deals if not index.left)
