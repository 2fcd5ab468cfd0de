"""A planned day: what holds for every one of them."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.masking import mask_text
from protocol.messages import Outcome, TransactionKind
from simulator.identity import identity
from simulator.plan import FEE_DELAY_MS, LARGEST_DAY, Step, day_plan, planned_traces, trace_after
from simulator.profile import load_profile, profile_names

SHANGHAI = timezone(timedelta(hours=8))
DAYS = st.dates(date(2020, 1, 1), date(2035, 12, 31))
PLANS = st.tuples(st.sampled_from(profile_names()), st.integers(0, 10**12 - 1), DAYS, st.integers(0, 400))


def plan(of: tuple[str, int, date, int]) -> tuple[Step, ...]:
    profile, seed, day, transactions = of
    return day_plan(load_profile(profile), seed, day, transactions)


@given(PLANS)
@settings(max_examples=60, deadline=None)
def test_money_back_is_of_approved_sales_of_the_day_and_never_above_what_remains(
    of: tuple[str, int, date, int],
) -> None:
    sales: dict[str, Step] = {}
    refunded: defaultdict[str, int] = defaultdict(int)
    voided: set[str] = set()
    for step in plan(of):
        if step.kind is TransactionKind.SALE:
            assert step.original_reference is None
            if step.outcome is Outcome.APPROVED:
                sales[step.reference] = step
            continue
        sale = sales[step.original_reference or ""]
        assert sale.reference not in voided
        assert (step.product, step.masked_pan, step.card_token) == (sale.product, sale.masked_pan, sale.card_token)
        if step.kind is TransactionKind.VOID:
            assert (step.amount_minor, step.batch) == (sale.amount_minor, sale.batch)
            assert refunded[sale.reference] == 0
            voided.add(sale.reference)
        else:
            assert step.amount_minor >= 1
            refunded[sale.reference] += step.amount_minor
            assert refunded[sale.reference] <= sale.amount_minor


@given(PLANS)
@settings(max_examples=60, deadline=None)
def test_times_numbers_and_texts_are_what_the_wire_and_the_shop_allow(of: tuple[str, int, date, int]) -> None:
    steps = plan(of)
    day = of[2]
    assert len(steps) == of[3]
    open_at = int(datetime(day.year, day.month, day.day, 9, tzinfo=SHANGHAI).timestamp() * 1000)
    assert all(open_at <= s.at and s.at + FEE_DELAY_MS < open_at + 12 * 3_600_000 for s in steps)
    assert all(a.at + FEE_DELAY_MS < b.at for a, b in pairwise(steps))
    assert len({s.reference for s in steps}) == len({s.trace for s in steps}) == len(steps)
    for step in steps:
        # RFC 9562 §5.7: 48 bits of ms, version 7, variant 10
        assert int(step.reference[:12], 16) == step.at
        assert step.reference[12] == "7" and step.reference[16] in "89ab" and len(step.reference) == 32
        assert len(step.trace) == len(step.batch) == 6 and len(step.rrn) == 12 and step.rrn.isdigit()
        assert (step.response_code == "00") == (step.outcome is Outcome.APPROVED)
        assert step.amount_minor > 0
        for text in (step.rrn, step.trace, step.batch, step.masked_pan or ""):
            assert mask_text(text) == text
        if step.masked_pan is not None:
            assert len(step.masked_pan) == 16 and step.masked_pan[6:12] == "******"
        assert (step.masked_pan is None) == (step.card_token is None) == step.product.startswith("qr")
        assert step.card_token is None or len(step.card_token) == 16
    assert all(s.kind is TransactionKind.SALE and s.outcome is Outcome.APPROVED for s in steps[:5])


def test_the_mix_is_that_of_a_shop() -> None:
    steps = day_plan(load_profile("classic"), 3, date(2026, 3, 2), 10_000)
    share = Counter((s.kind, s.outcome) for s in steps)
    assert 8_500 <= share[TransactionKind.SALE, Outcome.APPROVED] <= 9_100
    assert 350 <= share[TransactionKind.SALE, Outcome.DECLINED] <= 650
    assert 300 <= share[TransactionKind.REFUND, Outcome.APPROVED] <= 500
    assert 200 <= share[TransactionKind.VOID, Outcome.APPROVED] <= 400
    refunds = [s for s in steps if s.kind is TransactionKind.REFUND]
    sales = {s.reference: s.amount_minor for s in steps}
    assert any(s.amount_minor < sales[s.original_reference or ""] for s in refunds), "partial refunds too"
    cards = [s for s in steps if s.masked_pan and s.kind is TransactionKind.SALE]
    assert any(s.amount_minor > 400_000 for s in cards), "caps bite"
    assert any(s.amount_minor < 84 for s in steps), "fees of nothing"
    assert {s.product for s in steps} == {"credit", "debit", "qr_wallet", "qr_credit"}
    assert {"51", "55", "61"} <= {s.response_code for s in steps}


def test_seed_date_and_profile_each_make_another_day_and_nothing_else_does() -> None:
    classic, day = load_profile("classic"), date(2026, 3, 2)
    same = day_plan(classic, 7, day, 50)
    assert day_plan(classic, 7, day, 50) == same
    for other in (
        day_plan(classic, 8, day, 50),
        day_plan(classic, 7, date(2026, 3, 3), 50),
        day_plan(load_profile("smart"), 7, day, 50),
    ):
        assert [s.amount_minor for s in other] != [s.amount_minor for s in same]


def test_hash_randomisation_of_the_interpreter_does_not_reach_the_plan() -> None:
    code = (
        "from datetime import date\nfrom simulator.plan import day_plan\nfrom simulator.profile import load_profile\n"
        "print(day_plan(load_profile('esign'), 5, date(2026, 3, 2), 40))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(said) == 1 and "Step(" in said.pop()


def test_the_largest_day_still_fits_and_one_more_is_refused() -> None:
    steps = day_plan(load_profile("classic"), 1, date(2026, 3, 2), 20_000)
    assert max(int(s.trace) for s in steps) <= 999_999
    with pytest.raises(ValueError, match="0 to"):
        day_plan(load_profile("classic"), 1, date(2026, 3, 2), LARGEST_DAY + 1)


@given(st.sampled_from(profile_names()), st.integers(0, 10**12 - 1))
def test_an_identity_fits_the_wire_and_looks_like_no_card(profile: str, seed: int) -> None:
    who = identity(profile, seed)
    assert len(who.mid) == 15 and who.mid.isdigit() and len(who.tid) == 8 and who.tid.isdigit()
    assert len(who.terminal) <= 32 and len(who.log_epoch) == 12
    for text in (who.terminal, who.log_epoch, who.mid, who.tid, who.serial_number):
        assert mask_text(text) == text
    assert identity(profile, seed) == who


def test_traces_of_the_counter_follow_the_planned_ones_and_begin_anew_after_the_largest() -> None:
    classic, day = load_profile("classic"), date(2026, 3, 2)
    planned = planned_traces(classic, 7, day, 30)
    assert [f"{trace:06d}" for trace in planned] == [step.trace for step in day_plan(classic, 7, day, 30)]
    assert trace_after(planned, 0) == f"{planned.stop:06d}" and trace_after(planned, 2) == f"{planned.stop + 2:06d}"
    largest = range(900_000, 1_000_000)
    assert [trace_after(largest, more) for more in (0, 1)] == ["000001", "000002"]
    assert trace_after(range(1, 999_999), 0) == "999999"
