"""`fees costs`: what taking cards costs in four classes, from fee lines and from what people noted."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

import pytest

from agent.fees.contract.terms import Cost, CostClass
from agent.fees.reports.cost_ledger import NotedCost, ledgers
from agent.home import Home
from agent.journal import keys
from agent.journal.keys import PassphraseSources
from agent.journal.store import Journal
from agent.opening import make_home
from agent.settings import Settings
from protocol.money import CNY, Money
from tests.agent.fees.month_record import TERMINAL, Record, shanghai, sums_of
from tests.conftest import entries_of, run_counterfoil

COUNTED = {"hardware_minor", "service_minor", "transaction_minor", "other_minor"}


def cost(cost_class: CostClass, minor: int, on: str = "2026-03-05", currency: int = CNY) -> Cost:
    return Cost(cost_class=cost_class, on=date.fromisoformat(on), amount=Money(minor, currency), operator="张")


@pytest.mark.requirement("3-01")
def test_each_fee_and_each_cost_is_in_one_class() -> None:
    record = Record()
    sale = record.trade(1_000_000, 6_000, t0=300)
    record.trade(100_000, 0, kind="refund", of=sale, refund_fee=50)
    for type_, minor in (("sim", 3_600), ("service", 1_000), ("deposit_deduction", 700), ("other", 30)):
        record.fee(minor, type_=type_)
    record.trade(1_000_000, 6_000, on="2026-04-05 12:00")
    by_hand = [
        cost(CostClass.HARDWARE, 29_900),
        cost(CostClass.SERVICE, 500),
        cost(CostClass.TRANSACTION, 25),
        cost(CostClass.OTHER, 10),
        cost(CostClass.HARDWARE, 1_000, on="2025-12-31"),
    ]
    (ledger,) = ledgers(sums_of(record), [NotedCost(seq, one) for seq, one in enumerate(by_hand)])
    assert list(ledger.months) == ["2025-12", "2026-03", "2026-04"]
    march = ledger.months["2026-03"]
    assert [march.of(one) for one in CostClass] == [29_900, 5_100, 6_375, 740]
    assert march.total_minor == 42_115
    assert march.cost_ppm == 42_115  # of 1000000
    assert ledger.months["2025-12"].cost_ppm is None
    assert ledger.total.total_minor == 42_115 + 6_000 + 1_000
    assert ledger.total.cost_ppm == 24_558  # 49115 on 2000000: 24557.5
    assert [one.seq for one in ledger.noted] == [4, 0, 1, 2, 3]
    (year,) = ledgers(sums_of(record), [NotedCost(9, by_hand[4])], 2026)
    assert list(year.months) == ["2026-03", "2026-04"] and year.noted == ()


def test_currencies_are_kept_apart() -> None:
    found = ledgers({}, [NotedCost(1, cost(CostClass.OTHER, 5)), NotedCost(2, cost(CostClass.OTHER, 7, currency=344))])
    assert [(one.currency, one.total.total_minor) for one in found] == [(156, 5), (344, 7)]
    assert ledgers({}, []) == ()


# -- the commands ------------------------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Of a shop that took ¥10,000.00 on 2 March 2026 for ¥60.00, and paid ¥36.00 for the SIM."""
    made = Home(tmp_path / "H")
    make_home(
        made, Settings(terminal=TERMINAL, simulated=True, port="/dev/null"), PassphraseSources(), 1_767_225_600_000
    )
    record = Record()
    record.trade(1_000_000, 6_000)
    record.fee(3_600, type_="sim")
    with closing(Journal.open(made.journal, keys.unlock(made.path, PassphraseSources()))) as journal:
        journal.append(record.drafts, shanghai("2026-03-10 12:00"))
    return made


def run(home: Home, *arguments: str) -> Any:
    return run_counterfoil("--home", str(home.path), "fees", "costs", *arguments)


def answer(home: Home, *arguments: str) -> Any:
    result = run(home, *arguments, "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.requirement("3-01", "3-03")
def test_a_cost_is_signed_into_the_record_with_its_receipt_and_counted(home: Home, tmp_path: Path) -> None:
    receipt = tmp_path / "收据.pdf"
    receipt.write_bytes(b"%PDF paid" * 1000)
    done = answer(
        home, "add", "--class", "hardware", "--on", "2026-03-02", "--amount", "￥1,299.00", "--payee", "乙支付",
        "--method", "bank", "--receipt", str(receipt), "--note", "机子, card 4111111111111111", "--operator", "张",
    )  # fmt: skip
    assert (done["amount_minor"], done["currency"], done["simulated"]) == (129_900, 156, True)
    entry = entries_of(home)[-1]
    assert entry.kind == "cost.noted" and done["size"] == entry.seq + 1
    assert (
        entry.body["cost_class"] == "hardware" and entry.body["on"] == "2026-03-02" and entry.body["method"] == "bank"
    )
    assert entry.body["receipt_sha256"] == sha256(b"%PDF paid" * 1000).hexdigest()
    assert "note" not in entry.body and entry.private["note"] == "机子, card 411111******1111"

    (ledger,) = answer(home, "list")["ledgers"]
    (march,) = ledger["months"]
    assert {name: march[name] for name in COUNTED} == {
        "hardware_minor": 129_900,
        "service_minor": 3_600,
        "transaction_minor": 6_000,
        "other_minor": 0,
    }
    assert (march["total_minor"], march["sales_minor"], march["cost_ppm"]) == (139_500, 1_000_000, 139_500)
    assert ledger["noted"][0]["payee"] == "乙支付" and ledger["noted"][0]["seq"] == entry.seq
    words = run(home, "list")
    assert "DEMO" in words.stderr and "13.9500" in words.stdout and "bank transfer" in words.stdout
    assert answer(home, "list", "--year", "2025")["ledgers"] == []


def test_the_table_is_aligned_in_both_languages_and_fits_80_cells(home: Home) -> None:
    run(home, "add", "--class", "hardware", "--on", "2026-03-02", "--amount", "12345.67", "--operator", "张")
    for language in ("en", "zh_CN"):
        said = run_counterfoil("--lang", language, "--home", str(home.path), "fees", "costs", "list").stdout
        table = said.split("\n\n")[0].splitlines()
        widths = {sum(2 if east_asian_width(sign) in "WF" else 1 for sign in line) for line in table}
        assert len(table) == 3 and widths == {80}, said


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        (("--amount", "-1.00"), "negative"),
        (("--amount", "1.234"), "two decimals"),
        (("--amount", "0.00"), "nothing"),
        (("--amount", "12元5"), "amount"),
        (("--amount", "99999999999999.00"), "amount"),
        (("--on", "2026-02-30"), "2026-02-30"),
        (("--on", "2026-03-11"), "still to come"),
        (("--class", "bribe"), "bribe"),
        (("--method", "barter"), "barter"),
        (("--receipt", "/nowhere/receipt.pdf"), "receipt.pdf"),
        (("--operator", "  "), "empty"),
    ],
)
def test_what_is_no_cost_is_refused_and_nothing_is_recorded(home: Home, changed: tuple[str, str], word: str) -> None:
    told = {"--class": "other", "--on": "2026-03-02", "--amount": "12.00", "--operator": "张", **dict([changed])}
    before = len(entries_of(home))
    result = run(home, "add", *(part for pair in told.items() for part in pair))
    assert result.returncode == 2 and word in result.stderr and "Traceback" not in result.stderr
    assert len(entries_of(home)) == before
