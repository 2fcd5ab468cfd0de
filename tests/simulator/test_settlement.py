"""Settlements and credits: what they must add up to (`protocol.messages.Settlement`), by sums made anew from the events."""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from protocol.messages import DeviceEvent, Fee, FeeType, Outcome, Settlement, Transaction, TransactionKind
from simulator.profile import profile_names
from tests.simulator.shop import Shop

MONEY_KINDS = ("sale", "refund", "void")


def pages_by_batch(events: list[Any]) -> dict[tuple[str, str], list[Settlement]]:
    found: dict[tuple[str, str], list[Settlement]] = defaultdict(list)
    for event in events:
        if isinstance(event, Settlement):
            found[event.batch, event.date].append(event)
    return found


def check_sums(events: list[Any]) -> int:
    """Every settlement against the transactions and fee lines before it; how many there were."""
    fees: dict[str, int] = defaultdict(int)
    done: list[Transaction] = []
    own = 0
    checked = 0
    carried = 0
    for event in events:
        match event:
            case Transaction():
                done.append(event)
            case Fee(transaction=None):
                own += event.amount.minor
            case Fee():
                fees[event.transaction] += event.amount.minor
            case Settlement(page=1) as first:
                approved = [t for t in done if t.outcome is Outcome.APPROVED]
                voided = {t.original_reference for t in approved if t.kind is TransactionKind.VOID}
                sales = [t for t in approved if t.kind is TransactionKind.SALE and t.reference not in voided]
                refunds = [t for t in approved if t.kind is TransactionKind.REFUND]
                pages = pages_by_batch(events)[first.batch, first.date]
                assert [p.page for p in pages] == list(range(1, first.pages + 1))
                assert len({(p.gross, p.fees, p.credited, p.carried) for p in pages}) == 1
                lines = [line for p in pages for line in p.lines]
                assert all(len(p.lines) == 64 for p in pages[:-1]) and len(pages[-1].lines) <= 64
                assert sorted(line.reference for line in lines) == sorted(t.reference for t in (*sales, *refunds))
                assert all(line.fee.minor == fees[line.reference] for line in lines)
                assert first.gross.minor == sum(t.amount.minor for t in sales)
                assert first.refunds.minor == sum(t.amount.minor for t in refunds)
                assert first.fees.minor == sum(fees[t.reference] for t in done) == sum(x.fee.minor for x in lines)
                assert (first.sales_count, first.refunds_count) == (len(sales), len(refunds))
                assert first.deductions.minor == own and first.carried.minor == carried
                right = first.gross.minor - first.refunds.minor - first.fees.minor - own + carried
                assert first.credited.minor == right + first.adjustments.minor >= 0
                carried = -first.adjustments.minor
                done, own = [], 0
                checked += 1
    return checked


@pytest.mark.parametrize("profile", profile_names())
def test_an_honest_month_charges_what_is_right_everywhere(profile: str, tmp_path: Path) -> None:
    began = time.monotonic()
    shop = Shop(tmp_path, profile=profile, days=30, transactions=300).play()
    took = time.monotonic() - began
    lines = shop.lines()
    assert not [line for line in lines if "lie" in line]
    trade = [line for line in lines if line["kind"] in MONEY_KINDS]
    assert len(trade) == 9_000 and {line["outcome"] for line in trade} == {"approved", "declined"}
    assert all(line["fee_minor"] == line["should_minor"] for line in trade)
    assert all(line["fee_minor"] == line["should_minor"] for line in lines if line["kind"] == "fee")
    for line in lines:
        if line["kind"] in {"settlement", "credit"}:
            assert line["credited_minor"] == line["should_minor"], line
    assert check_sums(shop.events()) == 30
    settled = {line["batch"]: line["credited_minor"] for line in lines if line["kind"] == "settlement"}
    credited = {line["batch"]: line["credited_minor"] for line in lines if line["kind"] == "credit"}
    assert credited == {batch: settled[batch] for batch in credited} and len(credited) >= 29
    assert took < 60, "takes seconds, and is given a slow machine's"
    shop.close()


def test_the_credit_comes_on_the_due_date_and_not_on_a_weekend(tmp_path: Path) -> None:
    shop = Shop(tmp_path, days=9).play()  # Monday 2 to Tuesday 10 March 2026
    due = [(line["date"], line["due_date"]) for line in shop.lines("settlement")]
    assert [d for _, d in due[:8]] == [f"2026-03-{day:02d}" for day in (3, 4, 5, 6, 9, 9, 9, 10)]
    at = {line["batch"]: line["at"][:10] for line in shop.lines("credit")}
    assert sorted(at.values()) == [f"2026-03-{day:02d}" for day in (3, 4, 5, 6, 9, 9, 9, 10)]
    shop.close()


def test_the_sim_fee_is_deducted_from_the_days_settlement_and_stands_in_its_totals(tmp_path: Path) -> None:
    shop = Shop(tmp_path, days=4).play()  # it is due on 5 March
    (fee,) = [event for event in shop.events() if isinstance(event, Fee) and event.type is FeeType.SIM]
    assert (fee.amount.minor, fee.transaction) == (3600, None)
    assert [line["deductions_minor"] for line in shop.lines("settlement")] == [0, 0, 0, 3600]
    closed = shop.lines("day.closed")[-1]
    by_lines = sum(line["fee_minor"] for line in shop.lines(*MONEY_KINDS) if line["at"] > "2026-03-04T16")
    assert closed["date"] == "2026-03-05" and closed["fees_minor"] == by_lines + 3600
    assert closed["events"] == 81
    shop.close()


def test_what_is_below_nothing_is_carried(tmp_path: Path) -> None:
    shop = Shop(tmp_path, seed=6, first=date(2026, 3, 5), days=2, transactions=1).play()
    first, second = shop.lines("settlement")
    assert first["deductions_minor"] == 3600 and first["gross_minor"] < 3600 + first["fees_minor"]
    below = first["gross_minor"] - first["fees_minor"] - 3600
    assert (first["credited_minor"], first["adjustments_minor"], second["carried_minor"]) == (0, -below, below)
    assert check_sums(shop.events()) == 2
    shop.close()


def test_cut_off_anywhere_the_settlements_come_out_the_same(tmp_path: Path) -> None:
    lies = ("missing_settlement:from=2026-03-04,until=2026-03-05", "fee_twice:share=30", "short_settlement:count=1")

    def played(folder: Path) -> tuple[bytes, list[str]]:
        shop = Shop(folder, days=5, transactions=90, lies=lies).play()
        shop.close()
        facts = [e for e in shop.events() if not isinstance(e, DeviceEvent)]
        return (folder / "ledger").read_bytes(), [repr(e).replace(f"number={e.number},", "") for e in facts]

    expected = played(tmp_path / "whole")
    whole = (tmp_path / "whole" / "state" / "log.jsonl").read_bytes()
    pages = [i for i in range(len(whole)) if whole.startswith(b'"m":"0105', i)]
    assert len(pages) == 8
    notes = [i for i in range(len(whole)) if whole.startswith((b'{"day"', b'{"closed"', b'{"lies"'), i)]
    for cut in sorted({*pages, *(i + 4000 for i in pages), *notes, *(i + 30 for i in notes)}):
        folder = tmp_path / str(cut)
        (folder / "state").mkdir(parents=True)
        (folder / "state" / "log.jsonl").write_bytes(whole[:cut])
        assert played(folder) == expected, f"cut at {cut}"
