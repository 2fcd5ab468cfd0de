"""`fees compare`: 赵先生's comparison, from the record or from figures given; offers as a file. Figures: docs/domain.md, or by hand."""

from __future__ import annotations

import json
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ContractRefused
from agent.fees.contract.checklists import licence_points, security_points
from agent.fees.reports.comparison import Prices, Row, Volume, compare_offers, price_volume
from agent.fees.reports.month_sums import MonthSums
from agent.fees.reports.offers_file import EXAMPLE, Offer, OfferKind, offers_of, read_offers
from agent.home import Home
from agent.journal import keys
from agent.journal.keys import PassphraseSources
from agent.journal.store import Journal
from agent.language import choose_language
from agent.opening import make_home
from agent.settings import Settings
from protocol.messages import Product
from tests.agent.fees.month_record import TERMINAL, ZONE, Record, shanghai
from tests.conftest import refused, run_counterfoil

ZHAO = """
[[offer]]
provider = "乙支付"
source = "报价单"
date = 2026-03-01
licence_checked = true
hardware = "1000.00"
deposit = "299.00"

[offer.rates.credit]
rate = "0.6%"
"""


def offer_of(rates: str, **more: str) -> Offer:
    told = "".join(f"{name} = {value}\n" for name, value in more.items())
    text = f'[[offer]]\nprovider = "乙"\nsource = "s"\ndate = 2026-03-01\n{told}{rates}'
    (offer,) = offers_of(text.encode(), "offers.toml")
    return offer


def row_of(offer: Offer, now: int, **volume: Volume) -> Row:
    sold = {Product(name): one for name, one in volume.items()}
    (row,) = compare_offers(price_volume([offer], sold), sold, now)
    return row


def answer(*arguments: str) -> Any:
    result = run_counterfoil(*arguments, "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture
def zhao(tmp_path: Path) -> str:
    (tmp_path / "offers.toml").write_text(ZHAO, encoding="utf-8")
    return str(tmp_path / "offers.toml")


# -- what it comes to --------------------------------------------------------------------------------------------------


@pytest.mark.requirement("3-21", "4-10", "赵先生")
def test_mr_zhao_saves_320_yuan_a_month(zhao: str) -> None:
    given = ["--volume", "80000.00", "--product", "credit", "--now-ppm", "10000"]
    told = answer("--home", "/nowhere/at/all", "fees", "compare", "--offers", zhao, *given)
    assert told["now"] == {"fees_minor": 80_000, "effective_ppm": 10_000}
    offer, *rest = told["offers"]
    assert (offer["fees_minor"], offer["month_minor"], offer["saving_month_minor"]) == (48_000, 48_000, 32_000)
    assert offer["saving_year_minor"] == 384_000 and offer["licence_checked"] is True
    assert (offer["break_even_month"], offer["with_deposit_month"]) == (4, 5)  # 100000 and 129900 over 32000
    assert {one["kind"]: one["fees_minor"] for one in rest} == {"cash": 0, "light": None}
    assert all(one["lacks"] for one in rest)
    assert len(told["licence_check"]) >= 6 and len(told["security_check"]) >= 6
    words = run_counterfoil("fees", "compare", "--offers", zhao, *given).stdout
    for part in ("¥800.00", "¥480.00", "¥320.00", "¥3,840.00", "paid for after 4 months; with the deposit after 5"):
        assert part in words


@pytest.mark.parametrize(
    ("rates", "volume", "fee"),
    [
        ('[offer.rates.debit]\nrate = "0.5%"\ncap = "20.00"', Volume(400_100), None),  # one sale or a hundred?
        ('[offer.rates.debit]\nrate = "0.5%"\ncap = "20.00"', Volume(400_100, 1), 2_000),
        ('[offer.rates.debit]\nrate = "0.5%"\ncap = "20.00"', Volume(4_001_000, 10), 20_000),
        ('[offer.rates.debit]\nrate = "0.5%"\nminimum = "0.01"', Volume(100, 100), 100),
        ('[offer.rates.debit]\nrate = "0.5%"\nper_item = "0.10"', Volume(100_000, 20), 20 * (25 + 10)),
        ('[offer.rates.all]\nrate = "0.55%"', Volume(12_345), 68),
        ("[offer.rates.all]\nrate_ppm = 3800", Volume(2_500, 3), 3 + 3 + 3),  # 834, 833, 833 at 0.38%
    ],
)
def test_a_sum_is_priced_by_what_is_known_of_it(rates: str, volume: Volume, fee: int | None) -> None:
    row = row_of(offer_of(rates), 10_000, debit=volume)
    assert row.fee_minor == fee
    assert row.unclear == (() if fee is not None else (Product.DEBIT,))
    assert row.saving_month_minor == (None if fee is None else 10_000 - fee)


@given(st.integers(0, 10**9), st.integers(1, 5_000), st.integers(0, 30_000))
def test_equal_sales_make_the_sum(sales_minor: int, count: int, ppm: int) -> None:
    """Reckoned one by one here."""
    offer = offer_of(f"[offer.rates.all]\nrate_ppm = {ppm}")
    sizes = [sales_minor // count + (at < sales_minor % count) for at in range(count)]
    assert sum(sizes) == sales_minor
    expected = sum((size * ppm + 500_000) // 1_000_000 for size in sizes)
    assert row_of(offer, 0, credit=Volume(sales_minor, count)).fee_minor == expected


def test_what_is_not_offered_is_named_and_not_compared() -> None:
    offer = offer_of('[offer.rates.credit]\nrate = "0.6%"')
    row = row_of(offer, 10_000, credit=Volume(100_000), foreign_card=Volume(100_000))
    assert row.not_offered == (Product.FOREIGN_CARD,)
    assert (row.fee_minor, row.saving_month_minor, row.break_even_month) == (None, None, None)


@pytest.mark.parametrize(
    ("hardware", "deposit", "now", "months"),
    [
        ("0.00", "0.00", 700, (0, 0)),
        ("1.00", "0.00", 700, (1, 1)),
        ("1.01", "1.00", 700, (2, 3)),
        ("1.00", "1.00", 600, (None, None)),
    ],
)
def test_the_month_in_which_it_has_paid_for_itself(
    hardware: str, deposit: str, now: int, months: tuple[int | None, int | None]
) -> None:
    offer = offer_of('[offer.rates.all]\nrate = "0.6%"', hardware=f'"{hardware}"', deposit=f'"{deposit}"')
    row = row_of(offer, now, credit=Volume(100_000))  # 600 a month there
    assert (row.break_even_month, row.with_deposit_month) == months


def test_sim_and_service_are_part_of_the_month() -> None:
    offer = offer_of('[offer.rates.all]\nrate = "0.6%"', sim_a_month='"3.00"', service_a_month='"2.00"')
    row = row_of(offer, 2_000, credit=Volume(100_000))
    assert (row.fee_minor, row.month_minor, row.saving_month_minor) == (600, 1_100, 900)


@pytest.mark.requirement("3-21")
def test_the_records_own_sales_are_priced_one_by_one() -> None:
    record = Record()
    for _ in range(3):
        record.trade(1_000_000, 6_000, product="debit")
    record.trade(10_000, 50, product="debit")
    voided = record.trade(1_000_000, 6_000, product="debit")
    record.trade(1_000_000, -6_000, kind="void", of=voided, product="debit")
    record.trade(1_000_000, 0, product="debit", outcome="declined")
    record.trade(500_000, 0, kind="refund", product="debit")
    record.trade(10_000, 50, product="debit", on="2026-04-02 12:00")
    offer = offer_of('[offer.rates.debit]\nrate = "0.5%"\ncap = "20.00"\nt0_fixed = "3.00"')
    prices = Prices([offer], "2026-03")
    MonthSums(None, ZONE, prices.take).of(record.raw())
    assert prices.months["2026-03"][0].fees == {
        Product.DEBIT: 3 * 2_000 + 50
    }  # by the sum 0.5% of 30100 would be 15050
    assert list(prices.months) == ["2026-03"]
    instant = Record()
    instant.trade(1_000_000, 6_000, product="debit", mode="T0", t0=500)
    prices = Prices([offer, offer_of('[offer.rates.all]\nrate = "0.5%"')], None)
    MonthSums(None, ZONE, prices.take).of(instant.raw())
    with_t0, without = compare_offers(prices.months["2026-03"], [Product.DEBIT], 6_500)
    assert (with_t0.fee_minor, with_t0.no_t0) == (2_300, False)
    assert (without.fee_minor, without.no_t0) == (5_000, True)


def test_the_command_takes_the_last_whole_month_of_a_record(tmp_path: Path, zhao: str) -> None:
    home = Home(tmp_path / "H")
    made = Settings(terminal=TERMINAL, simulated=True, port="/dev/null")
    make_home(home, made, PassphraseSources(), 1_767_225_600_000)
    empty = run_counterfoil("--home", str(home.path), "fees", "compare")
    refused(empty, 1, "no transaction")
    record = Record()
    record.trade(10_000, 100, on="2026-02-27 12:00")
    record.trade(8_000_000, 80_000, on="2026-03-10 12:00")
    record.fee(3_600, type_="sim", on="2026-03-11 09:00")
    record.trade(20_000, 200, on="2026-04-01 12:00")
    with closing(Journal.open(home.journal, keys.unlock(home.path, PassphraseSources()))) as journal:
        journal.append(record.drafts, shanghai("2026-04-01 22:00"))
    told = answer("--home", str(home.path), "fees", "compare", "--offers", zhao)
    assert told["month"] == "2026-03" and told["simulated"] is True
    assert told["volume"] == [{"product": "credit", "count": 1, "sales_minor": 8_000_000}]
    assert told["now"]["fees_minor"] == 83_600
    assert told["offers"][0]["saving_month_minor"] == 83_600 - 48_000
    february = answer("--home", str(home.path), "fees", "compare", "--offers", zhao, "--month", "2026-02")
    assert february["offers"][0]["fees_minor"] == 60
    words = run_counterfoil("--home", str(home.path), "fees", "compare")
    assert words.returncode == 0 and "DEMO" in words.stderr and "--example" in words.stdout
    refused(run_counterfoil("--home", str(home.path), "fees", "compare", "--month", "2025-01"), 1, "2025-01")


# -- offers as a file --------------------------------------------------------------------------------------------------


def test_the_example_is_right_printed_whole_and_made_up() -> None:
    offers = read_offers(EXAMPLE)
    assert {offer.kind for offer in offers} == {OfferKind.PROVIDER, OfferKind.LIGHT}
    assert all("FIXTURE" in offer.provider and "FIXTURE" in offer.source for offer in offers)
    assert run_counterfoil("fees", "compare", "--example").stdout == EXAMPLE.read_text(encoding="utf-8")


BAD = """\
[[offer]]
provider = "乙"
date = "2026-03-01"
hardware = 299.00
depositt = "1.00"

[offer.rates.credit]
rate = 0.6
cap = "-1.00"

[offer.rates.debit]
rate = "60%"

[offer.rates.qr_wallet]
rate = "0.38%"
cap = "1.00"
minimum = "2.00"

[offer.rates.gold]
rate = "0.1%"
[other]
"""


def test_every_trouble_is_named_with_its_line_at_once() -> None:
    with pytest.raises(ContractRefused) as raised:
        offers_of(BAD.encode(), "o.toml")
    told = [(line, field.removeprefix("offer.")) for line, field, _what in raised.value.troubles]
    assert told == [
        (1, "source"),
        (3, "date"),
        (4, "hardware"),
        (5, "depositt"),
        (8, "rates.credit.rate"),
        (9, "rates.credit.cap"),
        (12, "rates.debit.rate"),
        (17, "rates.qr_wallet.minimum"),
        (19, "rates.gold"),
        (21, "other"),
    ]
    assert "o.toml:12: offer.rates.debit.rate" in raised.value.what and "0.6%" in raised.value.what


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "[[offer]]"),
        (b"[offer]\n", "[[offer]]"),
        (b"[[offer]\n", "TOML"),
        ("乙".encode("gb18030"), "UTF-8"),
        (b"\xff\xfe", "UTF-8"),
        (b"#" * 300_000, "bytes"),
        (b"offer = [1]", "table"),
        (b'[[offer]]\nprovider="a"\nsource="b"\ndate=2026-03-01\nrates=1', "table"),
        (b'[[offer]]\nprovider="a"\nsource="b"\ndate=2026-03-01', "no rate"),
        (b'[[offer]]\nprovider="a"\nsource="b"\ndate=2026-03-01\nkind="bank"\n[offer.rates.all]\nrate="1%"', "light"),
        (b'[[offer]]\nprovider="a"\nsource="b"\ndate=2026-03-01\n[offer.rates.all]\ncap="1.00"', "missing"),
        (b'[[offer]]\nprovider="a"\nsource="b"\ndate=2026-03-01\n[offer.rates.all]\nrate="1%"\nrate_ppm=1', "twice"),
    ],
)
def test_what_is_no_file_of_offers_is_refused_in_words(data: bytes, word: str) -> None:
    with pytest.raises(ContractRefused) as raised:
        offers_of(data, "o.toml")
    assert word in raised.value.what and raised.value.what.startswith("o.toml:")


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_else(data: bytes) -> None:
    try:
        offers_of(b'[[offer]]\nprovider="a"\nsource="b"\n' + data, "o.toml")
    except ContractRefused as refusal:
        assert refusal.troubles


def test_wrong_usage_and_a_refused_file_have_their_exit_codes(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(BAD, encoding="utf-8")
    result = run_counterfoil(
        "fees", "compare", "--offers", str(bad), "--volume", "1", "--product", "credit", "--now-ppm", "1"
    )
    assert result.returncode == 1 and "bad.toml:4:" in result.stderr and "Traceback" not in result.stderr
    for arguments in (
        ["--volume", "1"],
        ["--now-ppm", "1"],
        ["--volume", "1.234", "--product", "credit", "--now-ppm", "1"],
    ):
        wrong = run_counterfoil("fees", "compare", *arguments)
        assert wrong.returncode == 2 and "Traceback" not in wrong.stderr, arguments


# -- the checklists ----------------------------------------------------------------------------------------------------


@pytest.mark.requirement("4-10")
@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_the_checklists_say_where_to_look_and_name_no_address(language: str) -> None:
    """Domains that articles call official are not (docs/domain.md, contradiction 9): nothing here leads to one."""
    choose_language(language)
    points = (*licence_points(), *security_points())
    assert len({point.code for point in points}) == len(points) >= 12
    for point in points:
        assert point.what and point.where
        assert not re.search(r"https?:|www|\.(cn|com|net|org)\b", point.what + point.where)
    assert {"licence", "scope", "agent", "party"} <= {point.code for point in licence_points()}
