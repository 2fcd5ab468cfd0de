"""Lies that take a whole transaction, or a settlement, to tell: as docs/domain.md §4 has each detector's test, and nowhere else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from protocol.messages import DeviceEvent, Fee, FeeType, Outcome, Settlement, Transaction, TransactionKind
from simulator.errors import SimulatorError
from simulator.identity import identity
from tests.simulator.shop import Shop
from tests.simulator.test_lies import RATES, fee, right
from tests.simulator.test_settlement import check_sums

SHANGHAI = timezone(timedelta(hours=8))
WRONG = {"sale_twice", "over_refund", "refund_as_sale", "night_sale", "other_merchant"}


@pytest.fixture
def played(tmp_path: Path) -> Iterator[Any]:
    """A shop that told these lies for some days, by 200 transactions a day."""
    shops: list[Shop] = []

    def play(*lies: str, **settings: Any) -> Shop:
        folder = tmp_path / str(len(shops))
        shops.append(Shop(folder, **{"days": 1, "transactions": 200, "lies": lies} | settings).play())
        return shops[-1]

    yield play
    for shop in shops:
        shop.close()


def transactions(shop: Shop) -> list[Transaction]:
    return [event for event in shop.events() if isinstance(event, Transaction)]


def told(shop: Shop, lie: str) -> list[dict[str, Any]]:
    return [line for line in shop.lines("sale", "refund", "void") if lie in line.get("lie", "").split("+")]


def test_a_sale_twice_has_one_rrn_and_two_traces(played: Any) -> None:
    """D04, certain: same MID, TID, date, RRN, kind and amount with two distinct traces."""
    shop = played("sale_twice:share=20")
    alike: dict[tuple[Any, ...], list[Transaction]] = defaultdict(list)
    for t in transactions(shop):
        alike[t.mid, t.tid, t.batch, t.rrn, t.kind, t.amount].append(t)
    twice = [group for group in alike.values() if len(group) > 1]
    assert all(len(group) == 2 and group[0].trace != group[1].trace for group in twice)
    traces = [t.trace for t in transactions(shop)]
    assert len(set(traces)) == len(traces) == 200 + len(twice) and 20 < len(twice) < 60
    lines = told(shop, "sale_twice")
    assert {line["reference"] for line in lines} == {group[1].reference for group in twice}
    assert all(line["should_amount_minor"] == line["should_minor"] == 0 for line in lines)
    assert all(line["fee_minor"] == right(line) for line in lines), "it costs what a sale costs"
    assert all("lie" not in line for line in shop.lines("sale") if line not in lines)
    assert shop.lines("day.closed")[0]["transactions"] == len(traces)
    assert check_sums(shop.events()) == 1, "and it is settled: who paid twice, paid the shop twice"


def test_the_refund_that_takes_the_rest_gives_back_more(played: Any) -> None:
    """D07: the sum of the refunds above the sale; 李女士's ¥20."""
    shop = played("over_refund")
    sales = {t.reference: t.amount.minor for t in transactions(shop) if t.kind is TransactionKind.SALE}
    back: dict[str, int] = defaultdict(int)
    for t in transactions(shop):
        if t.kind is TransactionKind.REFUND and t.outcome is Outcome.APPROVED:
            back[t.original_reference or ""] += t.amount.minor
    above = {reference: given - sales[reference] for reference, given in back.items() if given >= sales[reference]}
    assert above and set(above.values()) == {2000}
    lines = told(shop, "over_refund")
    assert {line["original_reference"] for line in lines} == set(above)
    assert all(line["amount_minor"] - line["should_amount_minor"] == 2000 for line in lines)
    assert len(told(played("over_refund:count=2,minor=1"), "over_refund")) == 2


def test_a_refund_keyed_as_a_sale(played: Any) -> None:
    """D20: a sale with the same token within 30 min of a refund attempt of the same amount."""
    shop = played("refund_as_sale")
    refunds = [t for t in transactions(shop) if t.kind is TransactionKind.REFUND]
    assert {t.outcome is Outcome.DECLINED for t in refunds if t.card_token is not None} == {True}
    assert {t.outcome for t in refunds if t.card_token is None} == {Outcome.APPROVED}, "nothing to know a code by"
    lines = told(shop, "refund_as_sale")
    assert len(lines) == sum(t.card_token is not None for t in refunds) > 0
    by_number = {t.number: t for t in transactions(shop)}
    for refund in refunds:
        if refund.card_token is not None:
            sale = by_number[refund.number + 2]  # after the refund's fee of nothing
            assert (sale.kind, sale.outcome) == (TransactionKind.SALE, Outcome.APPROVED)
            assert (sale.card_token, sale.amount) == (refund.card_token, refund.amount)
            assert 0 < sale.terminal_time - refund.terminal_time < 30 * 60_000 and sale.original_reference is None
    assert all(line["should_amount_minor"] == 0 for line in lines)


def test_a_sale_at_night_once_a_name(played: Any) -> None:
    """D17: any sale outside the hours by terminal time; the shop is open from 09:00 to 21:00 (docs/simulator.md)."""
    shop = played("night_sale:from=2026-03-03", days=3, transactions=60)
    hours = [(t, datetime.fromtimestamp(t.terminal_time / 1000, SHANGHAI)) for t in transactions(shop)]
    (night,) = [(t, when) for t, when in hours if not 9 <= when.hour < 21]
    assert night[1].strftime("%F %R") == "2026-03-03 03:12" and night[0].rrn is not None
    (line,) = told(shop, "night_sale")
    assert (line["reference"], line["should_amount_minor"]) == (night[0].reference, 0)


def test_another_merchant_and_nobody_told_of_it(played: Any) -> None:
    """D16: MID, MCC or shown merchant name is not the registered one."""
    shop = played("other_merchant:share=10")
    own = identity("classic", 7).mid
    other = [t for t in transactions(shop) if t.mid != own]
    assert other and {t.kind for t in other} == {TransactionKind.SALE}
    for t in other:
        assert len(t.mid) == 15 and t.mcc not in {None, "5812"} and t.merchant_name not in {None, "演练小馆"}
    assert not [e for e in shop.events() if isinstance(e, DeviceEvent)]
    approved = {t.reference for t in other if t.outcome is Outcome.APPROVED}
    lines = told(shop, "other_merchant")
    assert {line["reference"] for line in lines} == approved
    assert all(line["fee_minor"] == line["should_minor"] and "should_amount_minor" not in line for line in lines)


def test_an_instalment_for_support_that_nobody_asked_for(played: Any) -> None:
    """D21."""
    shop = played("support_instalment:from=2026-03-03,minor=3000", days=3)
    (taken,) = [e for e in shop.events() if isinstance(e, Fee) and e.type is FeeType.OTHER]
    assert (taken.amount.minor, taken.transaction) == (3000, None) and taken.description
    (line,) = shop.lines("fee")
    assert (line["at"][:10], line["should_minor"], line["lie"]) == ("2026-03-03", 0, "support_instalment")
    assert [x["deductions_minor"] for x in shop.lines("settlement")] == [0, 3000, 0]
    assert [x["should_deductions_minor"] for x in shop.lines("settlement")] == [0, 0, 0]
    assert check_sums(shop.events()) == 3


def test_a_fee_that_is_to_come_back_is_kept(played: Any) -> None:
    """D10: net fee above nothing on a void. D09: fee return below the target; instant's contract is PRO_RATA."""
    shop = played("fee_kept", profile="instant")
    voids, refunds = [[x for x in shop.lines(kind) if x["outcome"] == "approved"] for kind in ("void", "refund")]
    assert voids and refunds
    for line in (*voids, *refunds):
        assert line["fee_minor"] == 0 and line["should_minor"] <= 0
        assert ("lie" in line) == (line["should_minor"] < 0)
    # ¥3 and ¥2 for T+0 on cards (simulator/profiles/instant.toml) come back with a void
    assert all(x["should_minor"] < -200 for x in voids if x["product"] in {"credit", "debit"})
    honest = played(profile="instant")
    for kind in ("void", "refund"):
        assert [x["fee_minor"] for x in honest.lines(kind)] == [x["should_minor"] for x in shop.lines(kind)]


def test_a_refund_is_settled_twice(played: Any) -> None:
    """D06: two acquirer records under one reference."""
    shop = played("refund_twice:count=2", days=2)
    first = [e for e in shop.events() if isinstance(e, Settlement) and e.date == "20260302"]
    lines = [line for page in first for line in page.lines]
    references = [line.reference for line in lines]
    again = [line for line in lines if references.count(line.reference) > 1]
    assert len(again) == 4 and {line.kind for line in again} == {TransactionKind.REFUND}
    too_much = sum(line.amount.minor for line in again) // 2
    assert first[0].refunds_count == sum(line.kind is TransactionKind.REFUND for line in lines)
    assert first[0].refunds.minor == sum(x.amount.minor for x in lines if x.kind is TransactionKind.REFUND)
    figures = first[0].gross.minor - first[0].refunds.minor - first[0].fees.minor - first[0].deductions.minor
    assert first[0].credited.minor == figures + first[0].adjustments.minor, "its own figures add up"
    row, honest = shop.lines("settlement")
    assert row["should_minor"] - row["credited_minor"] == too_much and row["lie"] == "refund_twice"
    assert "lie" not in honest and honest["should_minor"] == honest["credited_minor"]
    assert not told(shop, "refund_twice"), "the refund itself was done once"


def test_a_credit_comes_late(played: Any) -> None:
    """D11: now > due. Monday's is due on Tuesday the 3rd, Friday the 6th's on Monday the 9th (cal 3 2026)."""
    shop = played("late_credit:share=100,days=2", days=12, transactions=10)
    due = {line["batch"]: line["due_date"] for line in shop.lines("settlement")}
    came = {line["batch"]: line for line in shop.lines("credit")}
    dates = [(due[batch], line["date"]) for batch, line in came.items()]
    assert dates[0] == ("2026-03-03", "2026-03-05") and ("2026-03-09", "2026-03-11") in dates
    assert all(line["credited_minor"] == line["should_minor"] for line in came.values())
    assert {line["lie"] for line in came.values()} == {"late_credit"}
    assert all("lie" not in line for line in shop.lines("settlement"))


def test_two_lies_of_one_settlement_are_both_named(played: Any) -> None:
    shop = played("short_settlement:minor=300", "short_credit:minor=50", days=2)
    first = shop.lines("settlement")[0]
    (credit,) = shop.lines("credit")
    assert (first["should_minor"] - first["credited_minor"], first["lie"]) == (300, "short_settlement")
    assert credit["should_minor"] - credit["credited_minor"] == 350
    assert credit["lie"] == "short_credit+short_settlement"


def test_lies_of_one_fee_go_on_from_one_another(played: Any) -> None:
    """6000 + 300 ppm; above ¥3,333 the cap of 2000 would hold (docs/domain.md A1, 传统大POS)."""
    shop = played("raised_rate", "cap_forgotten", transactions=600)
    sales = [x for x in shop.lines("sale") if x["outcome"] == "approved"]
    names = set()
    for line in sales:
        rate, cap = RATES[line["product"]]
        forgotten = cap is not None and fee(line["amount_minor"], rate, None) > cap
        expected = fee(line["amount_minor"], rate + 300, None if forgotten else cap)
        assert (line["fee_minor"], line["should_minor"]) == (expected, right(line)), line
        assert ("lie" in line) == (expected != right(line))
        assert "cap_forgotten" not in line.get("lie", "") or forgotten
        names.add(line.get("lie"))
    assert {"raised_rate", "cap_forgotten+raised_rate", None} <= names


def test_a_wrong_class_may_be_charged_twice_and_stays_two_lines(played: Any) -> None:
    shop = played("wrong_class", "fee_twice", transactions=300)
    for line in [x for x in shop.lines("sale") if x["outcome"] == "approved" and x["product"] == "debit"]:
        wrong = fee(line["amount_minor"], 6000, 2000)
        assert line["fee_minor"] == 2 * wrong and line["should_minor"] == right(line)
        if wrong != right(line):
            assert [x.get("lie") for x in line["fees"]] == ["wrong_class", "fee_twice"]
            assert line["lie"] == "fee_twice+wrong_class"


def test_a_class_that_the_profile_has_not_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match="foreign_card"):
        Shop(tmp_path, lies=("wrong_class:product=foreign_card",))
    assert not list(tmp_path.glob("ledger*"))


def test_a_notice_too_short_comes_whatever_the_share_and_holds_from_when_it_says(played: Any) -> None:
    """Armed for a day before the calendar begins: it is published on the first day, and holds `days` later."""
    shop = played("short_notice:from=2026-02-20,days=2,share=30", days=4)
    (told_from,) = {line["effective_from"] for line in shop.lines("notice")}
    raised = {x["at"][:10] for x in shop.lines("sale") if "lie" in x}
    assert told_from == "2026-03-04" and raised == {"2026-03-04", "2026-03-05"}


ALL = (
    "sale_twice:share=10,count=3",
    "over_refund:count=2",
    "refund_as_sale:share=30",
    "night_sale",
    "other_merchant:share=10,count=4",
    "support_instalment",
    "fee_kept:share=50,count=2",
    "fee_twice:share=20,count=5",
    "raised_rate:share=50",
    "cap_forgotten",
    "refund_twice:count=1",
    "late_credit:share=50",
    "short_credit:count=1",
)


@pytest.mark.parametrize("profile", ["classic", "market"])
def test_cut_off_at_any_line_the_same_is_told(profile: str, tmp_path: Path) -> None:
    def facts(shop: Shop) -> list[str]:
        return [repr(e).replace(f"number={e.number},", "") for e in shop.events() if not isinstance(e, DeviceEvent)]

    settings: dict[str, Any] = {"profile": profile, "days": 2, "transactions": 60, "lies": ALL, "seed": 1}
    shop = Shop(tmp_path / "whole", **settings).play()
    expected, ledger = facts(shop), (tmp_path / "whole" / "ledger").read_bytes()
    expected_lies = {"sale_twice", "night_sale", "support_instalment"} | (WRONG if profile == "classic" else set())
    assert {one for x in shop.lines() for one in x.get("lie", "").split("+")} >= expected_lies
    shop.close()
    lines = (tmp_path / "whole" / "state" / "log.jsonl").read_bytes().splitlines(keepends=True)
    armed = next(n for n, line in enumerate(lines) if line.startswith(b'{"lies"'))
    wrote = [n for n, line in enumerate(lines) if not line.startswith(b'{"ack"') and n > armed]
    for cut in wrote[:: 3 if profile == "classic" else 7]:  # each line was tried once, and held
        folder = tmp_path / str(cut)
        (folder / "state").mkdir(parents=True)
        (folder / "state" / "log.jsonl").write_bytes(b"".join(lines[: cut + 1]))
        again = Shop(folder, **settings).play()
        assert facts(again) == expected, f"cut after line {cut}"
        assert (folder / "ledger").read_bytes() == ledger, f"cut after line {cut}"
        again.close()
