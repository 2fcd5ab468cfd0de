"""Who comes to the counter: test cards, codes, people who cancel (docs/simulator.md, "Customers")."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from protocol import messages as m
from protocol.messages import EntryMode, Product, RequestState, Stage
from protocol.money import Money
from simulator.cards import CUSTOMERS, customer
from simulator.errors import SimulatorError
from tests.simulator.test_money import OTHER, SALE, answer, asked, opened, refund, sale, transactions

# Numbers as their publishers print them (Stripe's testing page; the networks' sample numbers), in pieces: no file of ours
# holds one whole
PUBLISHED = {
    "unionpay_credit": ("62000000", "00000005"),
    "unionpay_debit": ("62000000", "00000047"),
    "unionpay_19": ("62055000", "00000000004"),
    "visa": ("42424242", "42424242"),
    "visa_debit": ("40000566", "55665556"),
    "visa_sample": ("41111111", "11111111"),
    "mastercard": ("55555555", "55554444"),
    "mastercard_debit": ("52008282", "82828210"),
    "amex": ("37828224", "6310005"),
    "jcb": ("35660020", "20360505"),
    "discover": ("60111111", "11111117"),
    "diners": ("30569309", "025904"),
    "declined": ("40000000", "00000002"),
    "insufficient_funds": ("40000000", "00009995"),
    "lost": ("40000000", "00009987"),
    "stolen": ("40000000", "00009979"),
    "expired": ("40000000", "00000069"),
    "processing_error": ("40000000", "00000119"),
    "too_often": ("40000000", "00006975"),
}


def luhn(number: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    doubled = [int(d) * (2 if place % 2 else 1) for place, d in enumerate(reversed(number))]
    return sum(d // 10 + d % 10 for d in doubled) % 10 == 0


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_test_card_is_found_by_its_number_and_only_its_ends_are_kept(name: str) -> None:
    number = "".join(PUBLISHED[name])
    assert luhn(number), "the test's own table is right"
    found = customer(number)
    assert found is CUSTOMERS[name] is customer(f"{number[:4]} {number[4:]}")
    assert found.masked_pan is not None and customer(found.masked_pan) is found
    assert found.masked_pan == number[:6] + "*" * (len(number) - 10) + number[-4:]
    assert number not in repr(found)


def test_every_customer_with_a_card_is_a_published_one() -> None:
    ends = {("".join(n)[:6], "".join(n)[-4:]) for n in PUBLISHED.values()}
    assert {(c.first, c.last) for c in CUSTOMERS.values() if c.first} == ends


@pytest.mark.parametrize("wrong", ["6222021234567890128", "4242 4242 4242 4241", "a stranger", ""])
def test_what_is_no_test_card_is_refused_and_not_repeated(wrong: str) -> None:
    with pytest.raises(SimulatorError) as caught:
        customer(wrong)
    assert not wrong or wrong not in str(caught.value)
    assert not re.search(r"\d{6,}", str(caught.value))


def paid(b: Any, name: str, amount: int = 12_300, reference: str = SALE) -> m.Result:
    b.counter.present(CUSTOMERS[name])
    reply = b.ask(sale(amount, reference))
    assert isinstance(reply, m.Result)
    return reply


CARD = [Stage.PRESENT_CARD, Stage.PIN, Stage.HOST]


@pytest.mark.parametrize(
    ("name", "state", "code", "product", "stages"),
    [
        ("unionpay_credit", "approved", "00", Product.CREDIT, [*CARD, Stage.REMOVE_CARD]),
        ("unionpay_debit", "approved", "00", Product.DEBIT, [*CARD, Stage.REMOVE_CARD]),
        ("contactless", "approved", "00", Product.CREDIT, CARD),
        ("magstripe", "approved", "00", Product.CREDIT, CARD),
        ("visa", "declined", "58", Product.FOREIGN_CARD, CARD),  # no profile takes foreign cards
        ("insufficient_funds", "declined", "51", Product.CREDIT, [*CARD, Stage.REMOVE_CARD]),
        ("wrong_pin_once", "approved", "00", Product.DEBIT, [*CARD[:2], Stage.PIN, Stage.HOST, Stage.REMOVE_CARD]),
        ("wrong_pin_for_good", "declined", "75", Product.DEBIT, [Stage.PRESENT_CARD, *[Stage.PIN] * 3]),
        ("cancels", "declined", "17", Product.CREDIT, [Stage.PRESENT_CARD, Stage.PIN]),
        ("nobody", "declined", "17", Product.CREDIT, [Stage.PRESENT_CARD]),
        ("wechat", "approved", "00", Product.QR_WALLET, [Stage.PRESENT_CODE, Stage.HOST]),
        ("huabei", "approved", "00", Product.QR_CREDIT, [Stage.PRESENT_CODE, Stage.HOST]),
    ],
)
def test_what_each_customer_does(
    bench, name: str, state: str, code: str, product: Product, stages: list[Stage]
) -> None:
    b = opened(bench, speed=0)
    reply = paid(b, name)
    assert (reply.state, reply.response_code, reply.product) == (state, code, product)
    assert b.stages() == stages
    (done,) = transactions(b)
    who = CUSTOMERS[name]
    assert (done.scheme, done.entry_mode, done.masked_pan) == (who.scheme, who.entry_mode, who.masked_pan)
    assert (done.card_token is None) == (done.masked_pan is None)
    assert b.host.charged(SALE) == (12_300 if state == "approved" else 0)
    begun = "begin" in (b.folder / "state" / "log.jsonl").read_text()
    assert begun == (Stage.HOST in stages and code != "58"), "what the terminal decides itself asks no host"


def test_one_customer_comes_once_and_the_regular_every_time(bench) -> None:
    b = opened(bench, speed=0)
    assert paid(b, "alipay").product is Product.QR_WALLET
    assert b.ask(sale(500, OTHER)).product in (Product.CREDIT, Product.DEBIT)
    b.counter.regular = CUSTOMERS["huabei"]
    assert [b.ask(sale(500, f"{n:032x}")).product for n in range(2)] == [Product.QR_CREDIT] * 2
    assert paid(b, "alipay", 600, "e" * 32).product is Product.QR_WALLET


def test_money_goes_back_by_the_way_it_came(bench) -> None:
    b = opened(bench, speed=0)
    paid(b, "wechat_scans")
    b.counter.present(CUSTOMERS["unionpay_credit"])
    assert b.ask(refund(300)).state is RequestState.APPROVED
    _, back = transactions(b)
    assert (back.product, back.entry_mode, back.scheme) == (Product.QR_WALLET, EntryMode.QR_CUSTOMER_SCANS, "wechat")
    assert back.masked_pan is None and back.card_token is None


def test_the_same_card_has_the_same_token(bench) -> None:
    b = opened(bench, speed=0)
    for n, name in enumerate(("unionpay_credit", "contactless", "unionpay_debit")):
        paid(b, name, 500, f"{n:032x}")
    one, same, other = (t.card_token for t in transactions(b))
    assert one == same != other


def test_a_customer_presses_cancel(bench) -> None:
    b = opened(bench)
    assert b.counter.cancel(b.now) is False, "there is nothing"
    number = asked(b, sale())
    b.later(5_000)
    assert b.counter.cancel(b.now)
    b.later(1)
    reply = answer(b, number)
    assert isinstance(reply, m.Result) and (reply.state, reply.response_code) == (RequestState.DECLINED, "17")
    asked(b, sale(700, OTHER))
    b.later(8_000)
    assert b.counter.cancel(b.now) is False, "the host was asked"
    b.later(2_000)
    assert b.host.charged(OTHER) == 700


def test_a_deadline_goes_before_a_customer_who_is_late(bench) -> None:
    b = opened(bench)
    b.counter.present(CUSTOMERS["nobody"])
    number = asked(b, sale(deadline=b.now + 30_000))
    b.later(29_999)
    assert answer(b, number) is None
    b.later(1)
    assert answer(b, number).response_code == "17"


def test_no_number_stands_anywhere(bench, tmp_path: Path) -> None:
    b = opened(bench, speed=0)
    for n, name in enumerate(CUSTOMERS):
        paid(b, name, 500 + 100 * n, f"{n:032x}")
    written = b"".join(f.read_bytes() for f in tmp_path.rglob("*") if f.is_file()) + repr(transactions(b)).encode()
    assert not [name for name, parts in PUBLISHED.items() if "".join(parts).encode() in written]
    assert Money(500) in [t.amount for t in transactions(b)]
