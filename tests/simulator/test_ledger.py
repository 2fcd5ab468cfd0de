"""The ledger's lines and a closed day's totals, on a day small enough to add up by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from protocol.messages import EntryMode, FeeType, Outcome, Product, SettlementMode, Transaction, TransactionKind
from protocol.money import Money
from simulator.errors import SimulatorError
from simulator.ledger import Ledger
from simulator.lies import Charge, Lie

AT = 1_772_413_371_263  # 2026-03-02T01:02:51.263Z (date -u -d @1772413371)


def done(
    number: int,
    kind: TransactionKind,
    product: Product,
    amount: int,
    fee: int,
    *,
    outcome: Outcome = Outcome.APPROVED,
    original: int | None = None,
) -> tuple[Transaction, tuple[Charge, ...]]:
    reference = f"{number:032x}"
    transaction = Transaction(
        number=number * 2 - 1,
        at=AT,
        reference=reference,
        kind=kind,
        outcome=outcome,
        amount=Money(amount),
        product=product,
        trace=f"{number:06d}",
        batch="000061",
        mid="1",
        tid="1",
        terminal_time=AT,
        entry_mode=EntryMode.CHIP,
        settlement_mode=SettlementMode.T1,
        response_code="00" if outcome is Outcome.APPROVED else "51",
        original_reference=None if original is None else f"{original:032x}",
    )
    return transaction, (Charge(FeeType.MDR, fee, fee, "rule"),)


DAY = [
    done(1, TransactionKind.SALE, Product.CREDIT, 10_000, 60),
    done(2, TransactionKind.SALE, Product.CREDIT, 50_000, 300),  # voided by 5
    done(3, TransactionKind.SALE, Product.QR_WALLET, 2_500, 10),
    done(4, TransactionKind.SALE, Product.DEBIT, 7_000, 0, outcome=Outcome.DECLINED),
    done(5, TransactionKind.VOID, Product.CREDIT, 50_000, -300, original=2),
    done(6, TransactionKind.REFUND, Product.CREDIT, 4_000, 0, original=1),
    done(7, TransactionKind.SALE, Product.CREDIT, 84, 1),
]


def test_a_days_totals_are_those_added_up_by_hand(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.jsonl")
    ledger.publish()
    for transaction, fee in DAY:
        ledger.record(transaction, fee)
    ledger.close_day(date(2026, 3, 2))
    ledger.close()
    *lines, closed = [json.loads(line) for line in (tmp_path / "l.jsonl").read_text().splitlines()]
    assert closed == {
        "kind": "day.closed",
        "date": "2026-03-02",
        "transactions": 7,
        "events": 14,
        "approved": 6,
        "declined": 1,
        "sales_count": 3,
        "sales_minor": 12_584,
        "refunds_count": 1,
        "refunds_minor": 4_000,
        "voids_count": 1,
        "voids_minor": 50_000,
        "fees_minor": 71,
        "net_minor": 8_513,
        "by_product": {
            "credit": {"count": 2, "sales_minor": 10_084, "fees_minor": 61},
            "qr_wallet": {"count": 1, "sales_minor": 2_500, "fees_minor": 10},
        },
    }
    assert [line["kind"] for line in lines] == ["sale", "sale", "sale", "sale", "void", "refund", "sale"]
    assert lines[4]["original_reference"] == f"{2:032x}" and lines[4]["fee_minor"] == -300
    assert lines[3]["outcome"] == "declined" and lines[3]["at"] == "2026-03-02T01:02:51.263Z"


def test_what_is_charged_stands_beside_what_is_right(tmp_path: Path) -> None:
    (transaction, (mdr,)), lie = DAY[0], Lie.FEE_TWICE
    ledger = Ledger(tmp_path / "l.jsonl")
    ledger.publish()
    ledger.record(transaction, (mdr, Charge(FeeType.MDR, 60, 0, "rule", lie), Charge(FeeType.T0, 300, 300, "rule")))
    ledger.record(*DAY[2])
    ledger.close()
    twice, plain = [json.loads(line) for line in (tmp_path / "l.jsonl").read_text().splitlines()]
    assert (twice["fee_minor"], twice["should_minor"], twice["lie"]) == (420, 360, "fee_twice")
    assert [(x["type"], x["fee_minor"], x["should_minor"], x.get("lie")) for x in twice["fees"]] == [
        ("mdr", 60, 60, None),
        ("mdr", 60, 0, "fee_twice"),
        ("t0", 300, 300, None),
    ]
    assert (plain["fee_minor"], plain["should_minor"]) == (10, 10) and not {"lie", "fees"} & plain.keys()


def test_it_is_the_same_file_whenever_it_is_published(tmp_path: Path) -> None:
    for published_after in range(len(DAY) + 1):
        ledger = Ledger(tmp_path / f"{published_after}.jsonl")
        for place, (transaction, fee) in enumerate(DAY):
            if place == published_after:
                ledger.publish()
            ledger.record(transaction, fee)
        if published_after == len(DAY):
            ledger.publish()
        ledger.close_day(date(2026, 3, 2))
        ledger.close()
    assert len({file.read_bytes() for file in tmp_path.iterdir()}) == 1


def test_an_older_ledger_stands_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "l.jsonl"
    path.write_text("older\n")
    ledger = Ledger(path)
    ledger.record(*DAY[0])
    assert path.read_text() == "older\n"
    ledger.publish()
    assert json.loads(path.read_text())["amount_minor"] == 10_000
    ledger.close()
    assert [file.name for file in tmp_path.iterdir()] == ["l.jsonl"]


def test_days_are_counted_apart(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.jsonl")
    ledger.publish()
    ledger.record(*DAY[0])
    ledger.close_day(date(2026, 3, 2))
    ledger.record(*DAY[3])  # after the shop has closed: on nobody's account
    sale, fee = DAY[2]
    ledger.record(replace(sale, at=AT + 24 * 3_600_000), fee)
    ledger.close_day(date(2026, 3, 3))
    ledger.close()
    lines = [json.loads(x) for x in (tmp_path / "l.jsonl").read_text().splitlines()]
    assert [line["kind"] for line in lines] == ["sale", "day.closed", "sale", "sale", "day.closed"]
    closed = [line for line in lines if line["kind"] == "day.closed"]
    assert [(c["transactions"], c["sales_minor"]) for c in closed] == [(1, 10_000), (1, 2_500)]


def test_where_it_cannot_be_written_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match="ledger"):
        Ledger(tmp_path / "nowhere" / "l.jsonl").publish()
