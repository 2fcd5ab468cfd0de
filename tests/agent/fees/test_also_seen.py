"""Money is claimed per fee line and once: who lost the line is named and claims nothing; what came back is claimed no more."""

from __future__ import annotations

import pytest

from agent.fees.contract.tariff import FeeReturn
from agent.fees.findings import Debtor, Rule, debtor
from tests.agent.fees.shop import NO_OTHER, K, O, P, Shop, T, claims, only, over, said, signed

LATER = "2026-03-09 10:00"
DEBIT = signed(5000, P.DEBIT, cap_minor=2000, fee_return=FeeReturn.PRO_RATA)


@pytest.mark.requirement("D02", "D03")
@pytest.mark.parametrize(
    ("other", "charged", "rule", "lost"),
    [(6000, 6000, "D03", "D02"), (5000, 5000, "D02", "D03")],
    ids=["another product's", "its own without the cap"],
)
def test_above_the_cap_and_of_another_product(other: int, charged: int, rule: str, lost: str) -> None:
    """Debit ¥10,000, cap ¥20: 6000 is the credit card's; 5000 its own rate without the cap, and the prepaid card's."""
    shop = Shop(signed(other, P.PREPAID), DEBIT)
    shop.trade(1_000_000, charged, product=P.DEBIT)
    found = only(shop.findings())
    assert (found.rule, found.also_seen, claims([found])) == (rule, (Rule(lost),), charged - 2000)


@pytest.mark.requirement("D10", "D05")
def test_a_fee_twice_on_what_failed() -> None:
    shop = Shop(signed())
    shop.trade(50_000, 300, 300, outcome=O.DECLINED)
    found = only(shop.findings())
    assert (found.rule, found.also_seen, claims([found])) == (Rule.D10, (Rule.D05,), 600)


def test_what_has_a_line_of_its_own_is_no_loser() -> None:
    """A doubled MDR and a service fee that nobody agreed to are two lines, each claimed by its own rule."""
    shop = Shop(signed(), NO_OTHER)
    shop.trade(50_000, 300, 300, service=990)
    found = shop.findings()
    assert said(found) == over(("D05", 300), ("D08", 990))
    assert [one.also_seen for one in found] == [(), ()]


@pytest.mark.requirement("D01", "D09")
@pytest.mark.parametrize(
    ("policy", "part", "back", "claimed"),
    [
        (FeeReturn.PRO_RATA, 50_000, 315, 30),  # 300 were due, 15 of the 45 came back with them
        (FeeReturn.PRO_RATA, 25_000, 158, 37),  # 150 were due: 8 of the 45
        (FeeReturn.PRO_RATA, 25_000, 150, 45),  # what was due, and no fen more
        (FeeReturn.KEEP, 50_000, 315, 30),  # nothing was due; of this sale no more than its 15 were too much
        (FeeReturn.RECOMPUTE, 25_000, 160, 35),  # 300 − 150 were due: 10 of the 45
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_what_came_back_of_a_raised_rate_is_claimed_no_more(
    policy: FeeReturn, part: int, back: int, claimed: int, late: bool
) -> None:
    """Three sales of ¥500 at 6300 instead of 6000: 15 fen too much of each."""
    shop = Shop(signed(fee_return=policy), NO_OTHER)
    first, *_others = [shop.trade(50_000, 315) for _ in range(3)]
    if late:
        shop.day_passes()
    shop.trade(part, -back, kind=K.REFUND, of=first, on=LATER)
    assert said(shop.findings()) == over(("D01", claimed))


@pytest.mark.requirement("D02", "D09")
@pytest.mark.parametrize(
    ("part", "back", "claimed"),
    [(1_000_000, 5000, []), (500_000, 2500, [("D02", 1500)]), (500_000, 1000, [("D02", 3000)])],
)
def test_what_came_back_of_a_fee_above_the_cap(part: int, back: int, claimed: list[tuple[str, int]]) -> None:
    """Debit ¥10,000 charged 5000 instead of 2000; pro rata 2000 and 1000 are due back."""
    shop = Shop(DEBIT)
    sale = shop.trade(1_000_000, 5000, product=P.DEBIT)
    shop.trade(part, -back, kind=K.REFUND, of=sale, product=P.DEBIT, on=LATER)
    assert said(shop.findings()) == over(*claimed)


def test_what_came_back_in_parts_is_counted_once() -> None:
    """Fee 5000 instead of 2000; halves of the sale bring 2500 each: all of it has come back."""
    shop = Shop(DEBIT)
    sale = shop.trade(1_000_000, 5000, product=P.DEBIT)
    shop.trade(500_000, -2500, kind=K.REFUND, of=sale, product=P.DEBIT, on=LATER)
    assert said(shop.findings()) == over(("D02", 1500))
    shop.trade(500_000, -2500, kind=K.REFUND, of=sale, product=P.DEBIT, on="2026-03-10 10:00")
    assert shop.findings() == []


@pytest.mark.requirement("D07")
def test_who_owes_what_is_found() -> None:
    """李女士: ¥388.00 went back of a sale of ¥368.00; the customer owes ¥20.00, the provider nothing."""
    shop = Shop(signed())
    sale = shop.trade(36_800, 221)
    shop.trade(38_800, 0, kind=K.REFUND, of=sale, on=LATER)
    found = only([one for one in shop.all_findings() if one.rule is Rule.D07])
    assert (found.difference_minor, found.claimed_minor, found.owed_by_customer_minor) == (2000, 0, 2000)
    shop.fee(999, type_=T.SERVICE)
    assert {rule for rule in Rule if debtor(rule) is not Debtor.PROVIDER} == {Rule.D04, Rule.D07, Rule.D20}
