"""Each lie is told when it is armed, to the merchant in events and to the ledger with what would have been right; never else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import Any

import pytest

from protocol.messages import Fee, FeeType, Product, Settlement, TariffNotice
from simulator.deposits import PLANS
from simulator.errors import SimulatorError
from simulator.lies import DEFAULTS, FEES, Lie, armed
from tests.simulator.shop import Shop

HALF = Fraction(1, 2)
# docs/domain.md A1, 传统大POS
RATES = {"credit": (6000, 2000), "debit": (5500, 2000), "qr_wallet": (3800, None), "qr_credit": (3800, None)}


def fee(amount: int, ppm: int, cap: int | None) -> int:
    exact = floor(Fraction(amount * ppm, 1_000_000) + HALF)
    return exact if cap is None else min(exact, cap)


def right(line: dict[str, Any]) -> int:
    return fee(line["amount_minor"], *RATES[line["product"]])


# A lie about a fee -> what an approved sale is then charged, by exact fractions; None: nothing is different on it.
ON_SALES: dict[str, Callable[[dict[str, Any]], int]] = {
    "raised_rate": lambda x: fee(x["amount_minor"], RATES[x["product"]][0] + 300, RATES[x["product"]][1]),
    "raised_rate:ppm=50": lambda x: fee(x["amount_minor"], RATES[x["product"]][0] + 50, RATES[x["product"]][1]),
    "cap_forgotten": lambda x: fee(x["amount_minor"], RATES[x["product"]][0], None),
    "wrong_class": lambda x: fee(x["amount_minor"], 6000, 2000),
    "wrong_class:product=debit": lambda x: fee(x["amount_minor"], 5500, 2000),
    "fee_twice": lambda x: 2 * right(x),
    "t0_unasked:minor=200": lambda x: right(x) + 200,
    "unexplained_fee": lambda x: right(x) + 100,
    "rounded_up": lambda x: min(
        ceil(Fraction(x["amount_minor"] * RATES[x["product"]][0], 1_000_000)), RATES[x["product"]][1] or 10**9
    ),
}


@pytest.mark.parametrize("text", ON_SALES)
def test_a_sale_is_charged_as_the_lie_says_and_the_ledger_knows_better(text: str, tmp_path: Path) -> None:
    shop = Shop(tmp_path, days=1, transactions=600, lies=(text,)).play()
    name = text.partition(":")[0]
    sales = [x for x in shop.lines("sale") if x["outcome"] == "approved"]
    told = 0
    for sale in sales:
        assert sale["should_minor"] == right(sale)
        assert sale["fee_minor"] == ON_SALES[text](sale), sale
        assert sale.get("lie") == (None if sale["fee_minor"] == right(sale) else name)
        told += "lie" in sale
    assert told >= 5
    for line in shop.lines("refund", "void"):
        assert line["fee_minor"] == 0 or line["kind"] == "void"
    logged: dict[str | None, int] = {}
    for event in shop.events():
        if isinstance(event, Fee):
            logged[event.transaction] = logged.get(event.transaction, 0) + event.amount.minor
    assert all(logged[x["reference"]] == x["fee_minor"] for x in shop.lines("sale", "refund", "void"))
    shop.close()


def test_a_fee_twice_is_two_lines_and_a_void_takes_one_back(tmp_path: Path) -> None:
    shop = Shop(tmp_path, days=1, transactions=400, lies=("fee_twice",)).play()
    voids = [x for x in shop.lines("void") if x["outcome"] == "approved"]
    assert voids
    fees = [e for e in shop.events() if isinstance(e, Fee)]
    for void in voids:
        own = [e.amount.minor for e in fees if e.transaction == void["original_reference"]]
        back = [e.amount.minor for e in fees if e.transaction == void["reference"]]
        assert len(own) == (2 if own[0] else 1) and back == [-own[0]]
    shop.close()


def test_a_declined_sale_costs_and_a_refund_costs(tmp_path: Path) -> None:
    shop = Shop(tmp_path, days=1, transactions=600, lies=("declined_fee", "refund_fee:minor=150")).play()
    declined = [x for x in shop.lines("sale") if x["outcome"] == "declined"]
    refunds = [x for x in shop.lines("refund") if x["outcome"] == "approved"]
    assert declined and refunds
    for line in declined:
        assert (line["fee_minor"], line["should_minor"]) == (right(line), 0)
        assert not right(line) or line["lie"] == "declined_fee"
    for line in refunds:
        assert (line["fee_minor"], line["should_minor"], line["lie"]) == (150, 0, "refund_fee")
    types = {e.type for e in shop.events() if isinstance(e, Fee)}
    assert types == {FeeType.MDR, FeeType.REFUND_FEE}
    shop.close()


def test_from_until_share_and_count(tmp_path: Path) -> None:
    def told(name: str, lie: str) -> list[dict[str, Any]]:
        shop = Shop(tmp_path / name, days=4, transactions=200, lies=(lie,)).play()
        shop.close()
        return [x for x in shop.lines("sale") if "lie" in x]

    dated = told("dated", "t0_unasked:from=2026-03-03,until=2026-03-05")
    assert {x["at"][:10] for x in dated} == {"2026-03-03", "2026-03-04"}
    assert len(told("counted", "t0_unasked:count=3")) == 3
    whole, half = told("whole", "t0_unasked"), told("half", "t0_unasked:share=30")
    assert 0.2 < len(half) / len(whole) < 0.4
    assert {x["reference"] for x in half} <= {x["reference"] for x in whole}
    assert [x["reference"] for x in told("again", "t0_unasked:share=30")] == [x["reference"] for x in half]


def test_the_sim_fee_early_and_twice(tmp_path: Path) -> None:
    """It is due on 2026-03-05, at ¥36 (simulator/profiles/classic.toml)."""

    def taken(name: str, *lies: str) -> list[tuple[str, int, int, str | None]]:
        shop = Shop(tmp_path / name, days=7, lies=lies).play()
        events = [e.amount.minor for e in shop.events() if isinstance(e, Fee) and e.type is FeeType.SIM]
        lines = shop.lines("fee")
        shop.close()
        assert events == [x["fee_minor"] for x in lines]
        return [(x["at"][:10], x["fee_minor"], x["should_minor"], x.get("lie")) for x in lines]

    assert taken("honest") == [("2026-03-05", 3600, 3600, None)]
    assert taken("early", "sim_early:from=2026-03-03") == [("2026-03-03", 3600, 0, "sim_early")]
    twice = [("2026-03-05", 3600, 3600, None), ("2026-03-06", 3600, 0, "sim_twice")]
    assert taken("twice", "sim_twice") == twice


def test_a_notice_too_short_announces_what_is_charged_then(tmp_path: Path) -> None:
    shop = Shop(tmp_path, days=5, transactions=200, lies=("short_notice:from=2026-03-03,days=2",)).play()
    notices = [e for e in shop.events() if isinstance(e, TariffNotice)]
    assert {(n.product, n.rate_ppm) for n in notices} == {(Product(p), r[0] + 300) for p, r in RATES.items()}
    day = 24 * 3_600_000
    # 2026-03-05T00:00+08:00 (date -d 2026-03-05T00:00+08:00 +%s)
    assert {n.effective_from for n in notices} == {1_772_640_000_000} and all(
        n.effective_from - n.published < 2 * day for n in notices
    )
    for line in [x for x in shop.lines("sale") if x["outcome"] == "approved"]:
        raised = line["at"] >= "2026-03-04T16"
        rate, cap = RATES[line["product"]]
        assert line["fee_minor"] == fee(line["amount_minor"], rate + 300 * raised, cap)
        assert line["should_minor"] == right(line)
    assert {x["lie"] for x in shop.lines("notice")} == {"short_notice"}
    shop.close()


def test_settlements_that_are_short_missing_or_not_paid_whole(tmp_path: Path) -> None:
    def played(name: str, lie: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[Settlement]]:
        shop = Shop(tmp_path / name, days=4, lies=(lie,)).play()
        shop.close()
        return shop.lines("settlement"), shop.lines("credit"), [e for e in shop.events() if isinstance(e, Settlement)]

    settled, credited, told = played("short", "short_settlement:from=2026-03-03,count=1,minor=700")
    assert [x["should_minor"] - x["credited_minor"] for x in settled] == [0, 700, 0, 0]
    own = [s.gross.minor - s.refunds.minor - s.fees.minor - s.deductions.minor for s in told]
    assert [a - s.credited.minor for a, s in zip(own, told, strict=True)] == [0, 700, 0, 0]
    assert [x.get("lie") for x in credited] == [None, "short_settlement", None]

    settled, credited, told = played("bank", "short_credit:from=2026-03-03,count=1")
    assert all(x["should_minor"] == x["credited_minor"] for x in settled)
    assert [x["should_minor"] - x["credited_minor"] for x in credited] == [0, 1000, 0]
    assert [x.get("lie") for x in credited] == [None, "short_credit", None]

    settled, credited, told = played("missing", "missing_settlement:from=2026-03-03,count=1")
    assert [x["told"] for x in settled] == [True, False, True, True]
    assert [s.date for s in told] == ["20260302", "20260304", "20260305"]
    assert [x["credited_minor"] for x in credited][1] == 0 and credited[1]["should_minor"] > 0
    assert settled[1]["lie"] == credited[1]["lie"] == "missing_settlement"


def test_a_lie_armed_while_the_days_run_holds_from_there_and_after_a_start_anew(tmp_path: Path) -> None:
    shop = Shop(tmp_path, days=3, transactions=60)
    while not shop.log.days[0].closed:
        shop.trade.run(0)
        shop.log.acknowledge(shop.log.last_written)
    shop.book.arm(("unexplained_fee",))
    before = shop.log.last_written
    shop.close()
    again = Shop(tmp_path, days=3, transactions=60).play()
    services = [e.number for e in again.events() if isinstance(e, Fee) and e.type is FeeType.SERVICE]
    assert services and min(services) > before
    again.book.arm(())
    assert again.book.acquirer.lies.texts == ()
    ledger = (tmp_path / "ledger").read_bytes()
    again.close()
    Shop(tmp_path, days=3, transactions=60).close()
    assert (tmp_path / "ledger").read_bytes() == ledger


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("fee_thrice", "fee_thrice"),
        ("fee_twice:ppm=3", "ppm=3"),
        ("raised_rate:ppm", "'ppm'"),
        ("raised_rate:ppm=30001", "30001"),
        ("fee_twice:share=0", "share is 1 to 100"),
        ("fee_twice:from=2026-02-30", "2026-02-30"),
        ("wrong_class:product=gold", "gold"),
        ("short_notice", "notice"),
    ],
)
def test_what_cannot_be_told_is_refused_with_what_was_expected(text: str, told: str) -> None:
    with pytest.raises(SimulatorError, match=told) as refused:
        armed(text)
    assert refused.value.todo.endswith(".")


def test_every_lie_has_its_words_its_row_and_its_keys() -> None:

    page = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text("utf-8")
    section = page.partition("\n## Lies\n")[2].partition("\n## ")[0]
    for lie in Lie:
        (row,) = [line for line in section.splitlines() if line.startswith(f"| `{lie}` |")]
        assert all(f"`{key}`" in row for key in DEFAULTS.get(lie, {}) if key != "count"), lie
    for plan in PLANS:
        assert f"| `{plan}` |" in page
    assert set(FEES) < set(Lie)
    assert armed("raised_rate:from=2026-03-09,ppm=20,share=5,count=2") == armed(
        "raised_rate:from=2026-03-09,ppm=20,share=5,count=2"
    )
    one = armed("raised_rate:from=2026-03-09,ppm=20,share=5,count=2")
    assert (one.start, one.ppm, one.share, one.count, one.until) == (date(2026, 3, 9), 20, 5, 2, None)
