"""The rules of money back, row by row of docs/refunds.md, at their edges; the fees reckoned by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from agent.fees.contract.tariff import Bearer, FeeReturn, RefundBase, RefundFee, TariffVersion
from agent.orders import MoneyAction
from agent.people.people import Operator, People
from agent.people.people_kinds import Role
from agent.refunds.gate import Circumstances, GivenBack, SaleFacts, judge
from agent.refunds.limits import unmet
from agent.refunds.refund_types import RefundAsked
from agent.refunds.rules import RefundSettings
from protocol.messages import Product
from protocol.money import Money

DAY = date(2026, 3, 2)
SALE = SaleFacts("a" * 32, "sale", "approved", "credit", 38_800, 156, DAY, "000007", "T1", voided=False, mdr_minor=233)
NOW = Circumstances(today=DAY, open_batch="000007", takings_minor=0)
NONE, RULES = GivenBack(), RefundSettings()
PLAIN = TariffVersion(
    version="v", product=Product.CREDIT, effective_from=DAY, rate_ppm=6_000, currency=156, source="test"
)


def asked(minor: int | None = None, action: MoneyAction | None = None, currency: int = 156) -> RefundAsked:
    return RefundAsked("b" * 32, SALE.reference, None if minor is None else Money(minor, currency), action)


@pytest.mark.parametrize(
    ("product", "days", "refused"),
    [
        ("credit", 30, False),
        ("credit", 31, True),
        ("qr_wallet", 365, False),
        ("qr_wallet", 366, True),
        ("debit", 31, True),
    ],
)
@pytest.mark.requirement("2-01")
def test_the_window_counts_from_the_day_after_the_sale(product: str, days: int, refused: bool) -> None:
    sale, now = replace(SALE, product=product), replace(NOW, today=DAY + timedelta(days))
    quote = judge(asked(100), sale, NONE, now, RULES)
    assert quote.reasons == (("window_closed",) if refused else ())
    assert (quote.window_days < 0) is refused


@pytest.mark.parametrize(
    ("sale", "code"),
    [
        (replace(SALE, kind="refund"), "not_a_sale"),
        (replace(SALE, kind="void"), "not_a_sale"),
        (replace(SALE, outcome="declined"), "not_approved"),
        (replace(SALE, voided=True), "voided"),
    ],
)
@pytest.mark.requirement("2-02")
def test_only_an_approved_sale_that_stands_is_given_back(sale: SaleFacts, code: str) -> None:
    assert judge(asked(100), sale, NONE, NOW, RULES).reasons == (code,)


def test_what_is_open_counts_as_given_back() -> None:
    back = GivenBack(spent_minor=38_000, refunded_minor=0, times=1)
    assert judge(asked(800), SALE, back, NOW, RULES).reasons == ()
    assert judge(asked(801), SALE, back, NOW, RULES).reasons == ("over_remaining",)
    assert judge(asked(), SALE, back, NOW, RULES).amount_minor == 800
    assert judge(asked(1), SALE, replace(back, spent_minor=38_800), NOW, RULES).reasons == ("nothing_left",)
    assert judge(asked(1), SALE, GivenBack(20, 20, 20), NOW, RULES).reasons == ("times",)
    assert judge(asked(1, currency=840), SALE, NONE, NOW, RULES).reasons == ("currency",)


@pytest.mark.parametrize(
    ("now", "back", "minor", "action", "why"),
    [
        (NOW, NONE, None, "void", "same_batch_whole"),
        (NOW, NONE, 38_800, "void", "same_batch_whole"),
        (NOW, NONE, 38_799, "refund", "part"),
        (replace(NOW, open_batch="000008"), NONE, None, "refund", "batch_closed"),
        (replace(NOW, open_batch=None), NONE, None, "refund", "batch_closed"),
        (replace(NOW, today=DAY + timedelta(1)), NONE, None, "refund", "other_day"),
        (NOW, GivenBack(100, 100, 1), None, "refund", "spent_before"),
        (replace(NOW, voids=False), NONE, None, "refund", "terminal"),
    ],
)
def test_void_or_refund(now: Circumstances, back: GivenBack, minor: int | None, action: str, why: str) -> None:
    quote = judge(asked(minor), SALE, back, now, RULES)
    assert (quote.action, quote.why, quote.reasons) == (action, why, ())
    void = judge(asked(minor, MoneyAction.VOID), SALE, back, now, RULES)
    assert ("no_void" in void.reasons) is (action == "refund")


@pytest.mark.requirement("2-05")
def test_what_was_settled_at_once_needs_todays_takings_less_the_fee_that_comes_back() -> None:
    at_once = replace(SALE, settlement_mode="T0", mdr_minor=200)
    tariff = replace(PLAIN, fee_return=FeeReturn.PRO_RATA)
    now = replace(NOW, today=DAY + timedelta(1), tariff=tariff, takings_minor=38_600)
    quote = judge(asked(), at_once, NONE, now, RULES)
    assert (quote.reasons, quote.same_day_funds, quote.fee_back_minor) == ((), True, 200)
    assert judge(asked(), at_once, NONE, replace(now, takings_minor=38_599), RULES).reasons == ("funding",)
    assert judge(asked(), SALE, NONE, replace(now, takings_minor=0), RULES).reasons == ()


@pytest.mark.parametrize(
    ("how", "first", "second"),
    [
        (None, None, None),
        (FeeReturn.KEEP, 0, 0),
        (FeeReturn.PRO_RATA, 117, 116),  # 233/2 = 116.5, half up; then what is left of 233
        (FeeReturn.RECOMPUTE, 117, 116),  # 19,400 fen at 0.6 % cost 116.4: 116 remain, 117 come back
    ],
)
def test_the_fee_comes_back_by_the_contract_all_refunds_together(
    how: FeeReturn | None, first: int | None, second: int | None
) -> None:
    now = replace(NOW, today=DAY + timedelta(1), tariff=replace(PLAIN, fee_return=how))
    assert judge(asked(19_400), SALE, NONE, now, RULES).fee_back_minor == first
    assert judge(asked(19_400), SALE, GivenBack(19_400, 19_400, 1), now, RULES).fee_back_minor == second
    assert judge(asked(), SALE, NONE, NOW, RULES).fee_back_minor == 233, "a void undoes the fee"


@pytest.mark.requirement("2-08", "2-10")
def test_what_a_refund_costs_is_shown_first() -> None:
    """1 % of the refund, at least ¥1, free for seven days."""
    fee = RefundFee(ppm=10_000, base=RefundBase.REFUND, minimum_minor=100, free_days=7, bearer=Bearer.MERCHANT)
    tariff = replace(PLAIN, refund_fee=fee)
    for days, minor, costs in ((7, 20_000, 0), (8, 20_000, 200), (8, 5_000, 100)):
        now = replace(NOW, today=DAY + timedelta(days), tariff=tariff)
        assert judge(asked(minor), SALE, NONE, now, RULES).refund_fee_minor == costs
    now = replace(NOW, today=DAY + timedelta(8), tariff=PLAIN)
    assert judge(asked(5_000), SALE, NONE, now, RULES).refund_fee_minor is None, "the contract names none"


def test_a_dialect_without_words_refuses() -> None:
    assert judge(asked(1), SALE, NONE, replace(NOW, refunds=False), RULES).reasons == ("not_spoken",)
    assert judge(asked(), SALE, NONE, replace(NOW, refunds=False), RULES).reasons == (), "a void it can"


CHIEF, OTHER, CASHIER = (Operator("01", Role.MANAGER), Operator("04", Role.MANAGER), Operator("02", Role.CASHIER))
TECHNICIAN = Operator("03", Role.TECHNICIAN)
SHOP = People({one.operator: one for one in (CHIEF, OTHER, CASHIER, TECHNICIAN)})
ALONE = People({"01": CHIEF, "03": TECHNICIAN})


@pytest.mark.parametrize(
    ("minor", "given", "people", "reason", "code"),
    [
        (50_000, [CASHIER], SHOP, "", None),
        (50_001, [CASHIER], SHOP, "", "second_person"),
        (50_001, [CASHIER, CHIEF], SHOP, "", None),
        (500_000, [CHIEF], SHOP, "", None),
        (500_001, [CHIEF], SHOP, "", "second_person"),
        (500_001, [CHIEF, CHIEF], SHOP, "why", "second_person"),
        (500_001, [CHIEF, OTHER], SHOP, "", None),
        (500_001, [CHIEF], ALONE, "why", "second_person"),
        (500_001, [CHIEF, CHIEF], ALONE, " ", "second_reason"),
        (500_001, [CHIEF, CHIEF], ALONE, "why", None),
        (1, [TECHNICIAN], SHOP, "", "role"),
        (1, [CASHIER, TECHNICIAN], SHOP, "", "role"),
        (1, [], SHOP, "", "no_person"),
        (1, [CHIEF], People(), "", "no_people"),
    ],
)
def test_who_confirms_how_much(
    minor: int, given: list[Operator], people: People, reason: str, code: str | None
) -> None:
    quote = judge(asked(minor), replace(SALE, amount_minor=10_000_000), NONE, NOW, RULES)
    found = unmet(quote, given, people, RULES, spent=(0, 0), reason=reason)
    assert found == ([] if code is None else [code])


def test_limits_of_a_day() -> None:
    rules = RefundSettings(operator_day_minor=1_000, day_minor=5_000)
    quote = judge(asked(400), SALE, NONE, NOW, rules)
    assert unmet(quote, [CASHIER], SHOP, rules, spent=(600, 600), reason="") == []
    assert unmet(quote, [CASHIER], SHOP, rules, spent=(601, 601), reason="") == ["operator_day"]
    assert unmet(quote, [CASHIER, CHIEF], SHOP, rules, spent=(601, 601), reason="") == []
    assert unmet(quote, [CHIEF], SHOP, rules, spent=(0, 4_601), reason="") == ["day"]
