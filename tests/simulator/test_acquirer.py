"""What the honest acquirer charges, by the tables of docs/domain.md §3 and A1."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.messages import EntryMode, Outcome, Product, SettlementMode, Transaction, TransactionKind
from protocol.money import Money
from simulator.acquirer import Acquirer
from simulator.clock import opening
from simulator.errors import SimulatorError
from simulator.profile import load_profile, profile_names
from simulator.tariffs import discount
from tests.simulator.contracts import tariff

# docs/domain.md §3, "rule | amount (分) | fee (分)": the rows of plain rates and caps.
TABLE = [
    (6000, None, [(83, 0), (84, 1), (250, 2), (12345, 74), (100000, 600), (500000, 3000)]),
    (6000, 2000, [(500000, 2000)]),
    (5500, None, [(12345, 68)]),
    (5500, 2000, [(363545, 1999), (363546, 2000), (363728, 2000)]),
    (5000, 2000, [(99, 0), (100, 1), (300, 2)]),
    (5000, 2000, [(399899, 1999), (399900, 2000), (400000, 2000), (400100, 2000), (1000000, 2000)]),
    (3800, None, [(131, 0), (132, 1), (2500, 10), (9999, 38), (100000, 380)]),
]


@pytest.mark.parametrize(
    ("rate", "cap", "amount", "fee"), [(rate, cap, a, f) for rate, cap, rows in TABLE for a, f in rows]
)
def test_the_sum_of_the_domain_table(rate: int, cap: int | None, amount: int, fee: int) -> None:
    assert discount(tariff(rate, cap), amount) == fee


@given(st.integers(0, 10**10), st.integers(0, 30_000), st.none() | st.integers(0, 10_000))
def test_it_is_the_exact_percentage_rounded_half_up_then_capped(amount: int, rate: int, cap: int | None) -> None:
    exact = floor(Fraction(amount * rate, 1_000_000) + Fraction(1, 2))
    assert discount(tariff(rate, cap), amount) == (exact if cap is None or exact <= cap else cap)


MARCH, CARD_CAP = date(2026, 3, 2), 2000


# docs/domain.md A1, "Rates that the article states"; umi and esign's QR are fixtures, and marked so.
@pytest.mark.parametrize(
    ("profile", "day", "credit", "debit", "qr"),
    [
        ("classic", MARCH, 6000, 5500, 3800),
        ("esign", MARCH, 5500, 5000, 3800),
        ("esign", date(2025, 12, 31), 6000, 5000, 3800),
        ("esign", date(2026, 1, 1), 5500, 5000, 3800),
        ("esign", date(2026, 3, 31), 5500, 5000, 3800),
        ("esign", date(2026, 4, 1), 6000, 5000, 3800),
        ("smart", MARCH, 6000, 5000, 3800),
        ("umi", MARCH, 6000, 5000, 3800),
    ],
)
def test_the_profiles_publish_the_articles_rates(profile: str, day: date, credit: int, debit: int, qr: int) -> None:
    tariffs = {product: load_profile(profile).tariff(product, day) for product in list(Product)[:4]}
    assert {product: (t.rate_ppm, t.cap_minor) for product, t in tariffs.items()} == {
        Product.CREDIT: (credit, CARD_CAP),
        Product.DEBIT: (debit, CARD_CAP),
        Product.QR_WALLET: (qr, None),
        Product.QR_CREDIT: (qr, None),
    }


def test_there_are_six_profiles_and_every_value_has_its_source() -> None:
    assert profile_names() == ["classic", "esign", "instant", "market", "smart", "umi"]
    for name in profile_names():
        for published in load_profile(name).tariffs:
            assert ("FIXTURE" in published.source) == published.fixture
            assert published.fixture or published.source.startswith("docs/domain.md A1")
    assert all(tariff.fixture for name in ("umi", "instant", "market") for tariff in load_profile(name).tariffs)


def test_declined_and_refunded_cost_nothing_and_a_void_takes_the_sales_fee_back() -> None:
    acquirer = Acquirer(load_profile("classic"))
    assert fees(acquirer, "a", TransactionKind.SALE, Outcome.APPROVED) == [74]
    assert fees(acquirer, "b", TransactionKind.SALE, Outcome.DECLINED) == [0]
    assert fees(acquirer, "c", TransactionKind.REFUND, Outcome.APPROVED, "a") == [0]
    assert fees(acquirer, "d", TransactionKind.VOID, Outcome.APPROVED, "a") == [-74]
    assert fees(acquirer, "f", TransactionKind.REVERSAL, Outcome.APPROVED, "never-charged") == [0]
    with pytest.raises(KeyError):
        fees(acquirer, "e", TransactionKind.VOID, Outcome.APPROVED, "b")


def test_a_t0_sale_has_a_line_of_its_own_which_a_void_gives_back_and_a_refund_does_not() -> None:
    """instant: 6000 ppm, ¥3 for T+0, and a fee that comes back pro rata."""
    acquirer = Acquirer(load_profile("instant"))
    assert fees(acquirer, "a", TransactionKind.SALE, Outcome.APPROVED, minor=100_000) == [600, 300]
    assert fees(acquirer, "b", TransactionKind.REFUND, Outcome.APPROVED, "a", minor=50_000) == [-300]
    assert fees(acquirer, "c", TransactionKind.REFUND, Outcome.APPROVED, "a", minor=50_000) == [-300]
    assert fees(acquirer, "d", TransactionKind.SALE, Outcome.APPROVED) == [74, 300]
    assert fees(acquirer, "e", TransactionKind.VOID, Outcome.APPROVED, "d") == [-74, -300]


def fees(
    acquirer: Acquirer,
    reference: str,
    kind: TransactionKind,
    outcome: Outcome,
    original: str | None = None,
    minor: int = 12345,
) -> list[int]:
    at = opening(MARCH)
    charges = acquirer.charge(
        Transaction(
            number=1,
            at=at,
            reference=reference,
            kind=kind,
            outcome=outcome,
            amount=Money(minor),
            product=Product.CREDIT,
            trace="000001",
            batch="000001",
            mid="1",
            tid="1",
            terminal_time=at,
            entry_mode=EntryMode.CHIP,
            settlement_mode=SettlementMode.T1,
            response_code="00",
            original_reference=original,
        )
    )
    assert all(charge.amount_minor == charge.should_minor for charge in charges)
    return [charge.amount_minor for charge in charges]


def test_what_no_tariff_names_is_refused_not_guessed() -> None:
    with pytest.raises(SimulatorError):
        load_profile("classic").tariff(Product.FOREIGN_CARD, MARCH)
    with pytest.raises(SimulatorError):
        load_profile("classic").tariff(Product.CREDIT, date(2011, 12, 31))
    with pytest.raises(SimulatorError):
        load_profile("no-such-profile")
