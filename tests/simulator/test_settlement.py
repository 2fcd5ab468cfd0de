"""Settlements and credits: what they must add up to (`protocol.messages.Settlement`), by sums made anew from the events."""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from protocol.messages import (
    DeviceEvent,
    EntryMode,
    Fee,
    FeeType,
    Outcome,
    Product,
    Settlement,
    Transaction,
    TransactionKind,
)
from protocol.money import Money
from simulator.plan import Step
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


def test_a_batch_that_a_register_closed_and_the_rest_of_the_day_add_up(tmp_path: Path) -> None:
    """SETTLE in mid-day, then the day's closing, and one of nothing but declined sales or of nothing at all."""
    shop = Shop(tmp_path, days=2, transactions=60)
    while shop.trade.played < 30:
        shop.trade.run(0)
        shop.log.acknowledge(shop.log.last_written)
    first = shop.book.settle(shop.clock.time(0))
    assert shop.book.settle(shop.clock.time(0)) != first, (
        "an empty batch is closed, too, and there is nothing to tell of it"
    )
    shop.play()
    rows = shop.lines("settlement")
    assert [row["date"] for row in rows] == ["2026-03-02", "2026-03-02", "2026-03-03"]
    assert check_sums(shop.events()) == 3 and rows[0]["batch"] == first
    assert len({row["batch"] for row in rows}) == 3
    closed = shop.lines("day.closed")[0]
    assert rows[0]["gross_minor"] + rows[1]["gross_minor"] == closed["sales_minor"]
    assert rows[0]["fees_minor"] + rows[1]["fees_minor"] == closed["fees_minor"]
    shop.close()


@pytest.mark.parametrize(("profile", "due"), [("instant", "2026-03-02"), ("market", "2026-03-03")])
def test_t0_is_credited_on_the_day_and_d1_on_the_next(profile: str, due: str, tmp_path: Path) -> None:
    """docs/simulator.md: instant settles T0, market D1; of Saturday the 7th: Monday the 9th, and Sunday the 8th."""
    shop = Shop(tmp_path, profile=profile, days=9, transactions=20).play()
    dates = {row["date"]: row["due_date"] for row in shop.lines("settlement")}
    assert (dates["2026-03-02"], dates["2026-03-07"]) == (
        due,
        {"instant": "2026-03-09", "market": "2026-03-08"}[profile],
    )
    assert {x["batch"]: x["date"] for x in shop.lines("credit")}.items() <= {
        x["batch"]: x["due_date"] for x in shop.lines("settlement")
    }.items()
    assert check_sums(shop.events()) == 9
    shop.close()


class Till:
    """What is done by hand, on a day whose calendar is empty, by `simulator.book` alone."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.count = 0

    def do(self, kind: TransactionKind, minor: int, of: Transaction | None = None, **more: Any) -> Transaction:
        self.count += 1
        at = self.shop.clock.time(0) + self.count * 1_000
        trace, book = self.shop.book.next_trace, self.shop.book
        step = Step(
            at=max(at, book.last_at),
            kind=kind,
            outcome=Outcome.APPROVED,
            response_code="00",
            product=Product.CREDIT,
            amount_minor=minor,
            reference=f"{at:016x}{self.count:016x}",
            original_reference=None if of is None else of.reference,
            trace=trace,
            batch=book.batch,
            rrn=f"6061{trace}00",
            auth_code="000001",
            entry_mode=EntryMode.CHIP,
            scheme="unionpay",
            masked_pan="625910******0001",
            card_token=b"t" * 16,
            operator="01",
            **more,
        )
        return book.enter(step)


def test_refunds_on_later_days_are_settled_then_and_what_is_below_nothing_goes_on_until_it_is_made_good(
    tmp_path: Path,
) -> None:
    """classic: a sale of ¥1,000.00 costs 600, which is kept; by hand, three days."""
    shop = Shop(tmp_path, days=5, transactions=0)
    till = Till(shop)
    sale = till.do(TransactionKind.SALE, 100_000)
    shop.book.settle(shop.clock.time(0))
    assert shop.book.refusal(TransactionKind.VOID, sale, sale.amount) == "12", "a void on a closed batch"
    till.do(TransactionKind.REFUND, 33_333, sale)
    shop.book.settle(shop.clock.time(0))
    till.do(TransactionKind.REFUND, 66_667, sale)
    assert shop.book.refusal(TransactionKind.REFUND, sale, Money(1)) == "13", "nothing remains"
    shop.book.settle(shop.clock.time(0))
    till.do(TransactionKind.SALE, 150_000)
    shop.book.settle(shop.clock.time(0))
    rows = shop.lines("settlement")
    figures = [(x["gross_minor"], x["refunds_minor"], x["fees_minor"], x["carried_minor"]) for x in rows]
    assert figures == [(100_000, 0, 600, 0), (0, 33_333, 0, 0), (0, 66_667, 0, -33_333), (150_000, 0, 900, -100_000)]
    credited = [(x["adjustments_minor"], x["credited_minor"], x["should_minor"]) for x in rows]
    assert credited == [(0, 99_400, 99_400), (33_333, 0, 0), (100_000, 0, 0), (0, 49_100, 49_100)]
    assert check_sums(shop.events()) == 4
    shop.close()


def test_a_page_of_the_longest_lines_is_below_16_kib(tmp_path: Path) -> None:
    """docs/protocol.md: a message has at most 16 KiB."""
    shop = Shop(tmp_path, days=1, transactions=0)
    till = Till(shop)
    for _ in range(65):
        till.do(TransactionKind.SALE, 10**11)
    shop.play()
    sizes = [len(shop.log.event(n)) for n in range(1, shop.log.last_written + 1)]
    pages = [e for e in shop.events() if isinstance(e, Settlement)]
    assert [len(page.lines) for page in pages] == [64, 1] and max(sizes) < 16 * 1024
    assert check_sums(shop.events()) == 1
    shop.close()


def test_a_refund_settled_twice_below_nothing_is_felt_at_the_next_settlement(tmp_path: Path) -> None:
    """By hand: 500 sold, 400 given back, taken twice: −300 − 3; then 1,000 sold, which brings 994 − 303."""
    shop = Shop(tmp_path, days=1, transactions=0, lies=("refund_twice:count=1",))
    till = Till(shop)
    sale = till.do(TransactionKind.SALE, 500)
    till.do(TransactionKind.REFUND, 400, sale)
    shop.book.settle(shop.clock.time(0))
    till.do(TransactionKind.SALE, 1_000)
    shop.book.settle(shop.clock.time(0))
    first, second = shop.lines("settlement")
    assert (first["credited_minor"], first["should_minor"], first["adjustments_minor"]) == (0, 97, 303)
    assert (second["credited_minor"], second["should_minor"], second["lie"]) == (691, 994, "refund_twice")
    shop.close()
