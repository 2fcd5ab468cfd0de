"""A contract's file: what it becomes, and every trouble named with file, line and field; nothing is half taken."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ContractRefused, CounterfoilError, NotFound
from agent.fees.contract import contract_fields
from agent.fees.contract.binding import Terms
from agent.fees.contract.tariff import (
    Basis,
    Bearer,
    CapScope,
    FeeBasis,
    FeeReturn,
    RefundBase,
    RefundFee,
    Rounding,
    TariffVersion,
    Tier,
    TierMode,
)
from agent.fees.contract.tariff_file import (
    contract_of,
    example,
    example_names,
    new_facts,
    practice,
    practice_names,
    read_contract,
)
from agent.fees.contract.terms import (
    FeesTaken,
    ListedFee,
    NothingElseAgreed,
    OpeningHours,
    Per,
    Registration,
    SettlementTerms,
    SimTerms,
)
from agent.fees.contract.written import NotWritten, minor_of, ppm_of
from agent.fees.facts import fact_of
from agent.fees.noted import Noted
from agent.fees.noting import noted
from agent.journal.entries import Entry
from agent.journal.fee_kinds import FeeFact
from protocol.messages import FeeType, Product, SettlementMode

HOUSE = Path(__file__).parents[3]
PROFILES = HOUSE / "simulator" / "profiles"

WHOLE = """
[contract]
provider = "某支付有限公司"
contract_ref = "LKL-2025-0815"
device_model = "X990"
signup_channel = "store"
mcc_class = "restaurant"
size = "small"
region = "成都"
basis = "SIGNED"
valid_from = 2025-08-15
nothing_else_agreed = true
fee_return = "PRO_RATA"
rounding = "half_up"
source = "合同第3页"

[registration]
serial_number = "X9900042"
mid = "898510148990028"
tid = "10203040"
mcc = "5812"
merchant_name = "张记小馆"
valid_from = 2025-08-20

[sim]
activated = 2025-08-21
free_days = 90
period_days = 365
amount = "36.00"
source = "SIM卡告知单"

[settlement]
mode = "T1"
cut_off = "22:30"
fees = "NET"
t0_agreed = false

[hours]
monday = "closed"
tuesday = "09:00-22:00"
wednesday = "09:00-22:00"
thursday = "09:00-22:00"
friday = "09:00-02:00"
saturday = "09:00-02:00"
sunday = "10:00-20:00"

[[listed_fee]]
type = "service"
name = "短信费"
amount = "2.00"
per = "month"

[[tariff]]
product = "credit"
rate = "0.6%"

[[tariff]]
product = "debit"
rate_ppm = 5000
cap = "20.00"
minimum_minor = 1
per_item = "0.10"
cap_scope = "TOTAL"
rounding = "UP"
t0 = "0.02%"
t0_fixed = "3"

[tariff.refund_fee]
rate = "0.1%"
base = "SALE"
fixed = "0.50"
minimum = "1.00"
cap = "5.00"
free_days = 7
bearer = "K"

[[tariff]]
products = ["qr_wallet", "qr_credit"]
tier_mode = "SLAB"
effective_from = 2025-09-01
effective_to = 2026-09-01
source = "补充协议"

[[tariff.tiers]]
up_to = "1,000.00"
rate = "0.38%"

[[tariff.tiers]]
rate_ppm = 6000

[[tariff]]
product = "foreign_card"
band_low = "2.5%"
band_high = "3.5%"
confirmed_high_rate = true
basis = "ADVERTISED"

[[tariff]]
product = "prepaid"
rate = "0.5%"
fee_basis = "BATCH_NET"
net_credited = true
published = 2025-08-01
notice = "2025-3"
notice_means = "letter"
notice_sha256 = "00000000000000000000000000000000000000000000000000000000000000ff"
consent_at = 2025-08-15
consent_by = "张"
consent_evidence_sha256 = "00000000000000000000000000000000000000000000000000000000000000fe"
"""


def terms_standing(facts: Sequence[FeeFact]) -> Terms:
    entries = [Entry(seq, 1_790_000_000_000, fact.kind, 1, {}) for seq, fact in enumerate(facts)]
    return Terms.of(zip(entries, facts, strict=True), time_zone="Asia/Shanghai")


def troubles(text: str | bytes, terms: Terms | None = None, operator: str | None = "王") -> list[tuple[int, str, str]]:
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(ContractRefused) as refused:
        contract_of(data, "deal.toml", operator=operator, terms=terms)
    rows = refused.value.what.split("\n")
    assert len(rows) == len(refused.value.troubles)
    for row, (line, field, what) in zip(rows, refused.value.troubles, strict=True):
        assert row == f"deal.toml:{line}: " + (f"{field}: " if field else "") + what
    assert refused.value.exit_code == 1
    return list(refused.value.troubles)


@pytest.mark.requirement("4-04", "4-05")
def test_a_whole_contract() -> None:
    data = WHOLE.encode()
    contract = contract_of(data, "deal.toml", operator="王")
    by = {kind: [f for f in contract.facts if type(f) is kind] for kind in map(type, contract.facts)}
    day = date(2025, 8, 15)
    assert by[Registration] == [
        Registration(
            valid_from=date(2025, 8, 20),
            provider="某支付有限公司",
            contract_ref="LKL-2025-0815",
            device_model="X990",
            signup_channel="store",
            mcc_class="restaurant",
            size="small",
            region="成都",
            serial_number="X9900042",
            mid="898510148990028",
            tid="10203040",
            mcc="5812",
            merchant_name="张记小馆",
            source="合同第3页",
        )
    ]
    assert by[SimTerms] == [
        SimTerms(
            activated=date(2025, 8, 21),
            free_days=90,
            period_days=365,
            amount_minor=3600,
            currency=156,
            source="SIM卡告知单",
        )
    ]
    assert by[SettlementTerms] == [
        SettlementTerms(
            valid_from=day,
            mode=SettlementMode.T1,
            cut_off="22:30",
            fees=FeesTaken.NET,
            t0_agreed=False,
            source="合同第3页",
        )
    ]
    week = ("closed", *["09:00-22:00"] * 3, "09:00-02:00", "09:00-02:00", "10:00-20:00")
    assert by[OpeningHours] == [OpeningHours(valid_from=day, days=week, source="合同第3页")]
    assert by[ListedFee] == [
        ListedFee(
            type=FeeType.SERVICE,
            name="短信费",
            amount_minor=200,
            per=Per.MONTH,
            currency=156,
            valid_from=day,
            source="合同第3页",
        )
    ]
    assert by[NothingElseAgreed] == [NothingElseAgreed(valid_from=day, operator="王")]

    agreed: dict[str, Any] = {
        "provider": "某支付有限公司",
        "contract_ref": "LKL-2025-0815",
        "device_model": "X990",
        "signup_channel": "store",
        "mcc_class": "restaurant",
        "size": "small",
        "region": "成都",
        "basis": Basis.SIGNED,
        "fee_return": FeeReturn.PRO_RATA,
        "rounding": Rounding.HALF_UP,
        "effective_from": day,
        "currency": 156,
        "source": "合同第3页",
        "file_sha256": sha256(data).digest(),
        "operator": "王",
    }
    tiers = {
        "tiers": (Tier(3800, 100_000), Tier(6000)),
        "tier_mode": TierMode.SLAB,
        "effective_from": date(2025, 9, 1),
        "effective_to": date(2026, 9, 1),
        "source": "补充协议",
    }
    expected: list[dict[str, Any]] = [
        {"product": Product.CREDIT, "rate_ppm": 6000},
        {
            "product": Product.DEBIT,
            "rate_ppm": 5000,
            "cap_minor": 2000,
            "minimum_minor": 1,
            "per_item_minor": 10,
            "cap_scope": CapScope.TOTAL,
            "rounding": Rounding.UP,
            "t0_ppm": 200,
            "t0_fixed_minor": 300,
            "refund_fee": RefundFee(
                ppm=1000,
                base=RefundBase.SALE,
                fixed_minor=50,
                minimum_minor=100,
                cap_minor=500,
                free_days=7,
                bearer=Bearer.CUSTOMER,
            ),
        },
        {"product": Product.QR_WALLET, **tiers},
        {"product": Product.QR_CREDIT, **tiers},
        {
            "product": Product.FOREIGN_CARD,
            "band_low_ppm": 25_000,
            "band_high_ppm": 35_000,
            "basis": Basis.ADVERTISED,
        },
        {
            "product": Product.PREPAID,
            "rate_ppm": 5000,
            "fee_basis": FeeBasis.BATCH_NET,
            "net_credited": True,
            "published": date(2025, 8, 1),
            "notice": "2025-3",
            "notice_means": "letter",
            "notice_sha256": b"\0" * 31 + b"\xff",
            "consent_at": day,
            "consent_by": "张",
            "consent_evidence_sha256": b"\0" * 31 + b"\xfe",
        },
    ]
    built = [TariffVersion(**{"version": "", **agreed, **one}) for one in expected]
    assert [replace(version, version="") for version in contract.versions] == built
    assert len({version.version for version in contract.versions}) == 6


def test_the_journal_gives_back_what_the_file_said() -> None:
    """Masked and in NFC already: what is recorded is what the name was made of."""
    text = WHOLE.replace("合同第3页", "6228 4800 0000 0000 017 re\u0301sume\u0301")
    contract = contract_of(text.encode(), "deal.toml", operator="王")
    told: list[Noted] = list(noted(contract.facts))
    assert [fact_of(one.kind, one.body, one.private) for one in told] == list(contract.facts)
    assert "6228 4800 0000 0000 017" not in str(told)


@pytest.mark.requirement("4-09")
def test_a_versions_name_is_the_hash_of_its_terms() -> None:
    """By hand: canonical JSON is what json.dumps makes with sorted keys and no blanks."""
    text = b"""[contract]
basis = "SIGNED"
[[tariff]]
product = "debit"
rate = "0.5%"
cap = "20.00"
effective_from = 2025-08-15
"""
    terms = {
        "basis": "SIGNED",
        "cap_minor": 2000,
        "cap_scope": "PERCENT_ONLY",
        "currency": 156,
        "effective_from": "2025-08-15",
        "fee_basis": "PER_TXN",
        "product": "debit",
        "promo": False,
        "rate_ppm": 5000,
        "rounding": "UNKNOWN",
        "tiers": [],
    }
    name = sha256(json.dumps(terms, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:12]
    (version,) = contract_of(text, "a.toml").versions
    assert version.version == name
    (elsewhere,) = contract_of(b"# another file\n" + text, "b.toml", operator="x").versions
    assert elsewhere.version == name and elsewhere.file_sha256 != version.file_sha256
    (other,) = contract_of(text.replace(b"20.00", b"20.01"), "a.toml").versions
    assert other.version != name


def test_a_file_with_a_mark_and_windows_lines() -> None:
    plain = contract_of(WHOLE.encode(), "deal.toml", operator="王")
    marked = contract_of(b"\xef\xbb\xbf" + WHOLE.replace("\n", "\r\n").encode(), "deal.toml", operator="王")
    assert [v.version for v in marked.versions] == [v.version for v in plain.versions]


ONE = """[contract]
basis = "SIGNED"
valid_from = 2025-08-15

[[tariff]]
product = "credit"
{line}
"""


@pytest.mark.parametrize(
    ("line", "field", "words"),
    [
        ("rate = 0.6", "tariff.rate", ["0.6 has a decimal point", '"0.6%"']),
        ("rate_ppm = 6000.0", "tariff.rate_ppm", ["6000.0 has a decimal point", "whole ppm"]),
        ('rate = "0.6%"\ncap_minor = 20.00', "tariff.cap_minor", ["20.00 has a decimal point"]),
        ('rate = "0.6%"\ncap = 20.00', "tariff.cap", ['"20.00"']),
        ('rate = "0.6%"\ncap = 20', "tariff.cap", ["in quotes"]),
        ('rate = "0.6%"\ncap = inf', "tariff.cap", ["inf"]),
        ('rate = "0.6%"\ncap = "20.005"', "tariff.cap", ["at most two decimals"]),
        ('rate = "0.6%"\ncap = "-20.00"', "tariff.cap", ["not negative"]),
        ('rate = "0.6%"\ncap_minor = -2000', "tariff.cap_minor", ["not negative"]),
        ('rate = "0.6%"\nper_item_minor = true', "tariff.per_item_minor", ["fen", "true"]),
        ('rate = "0.6%"\ncap_minor = 99999999999999999999', "tariff.cap_minor", ["fen"]),
        ('rate = "0.6"', "tariff.rate", ['"0.6%"']),
        ('rate = "-0.6%"', "tariff.rate", ["not negative"]),
        ('rate = "0.00001%"', "tariff.rate", ["four decimals"]),
        ('rate = "sixty"', "tariff.rate", ['"0.6%"']),
        ('rate = "60%"', "tariff.rate", ["60%", "3%", "did you mean 0.6%?", "confirmed_high_rate"]),
        ("rate_ppm = 600000", "tariff.rate_ppm", ["did you mean 0.6%?"]),
        ("rate_ppm = 30001", "tariff.rate_ppm", ["3.0001% is more than 3%"]),
        ("rate_ppm = -1", "tariff.rate_ppm", ["0 to 1000000"]),
        ('band_low = "0.5%"\nband_high = "55%"', "tariff.band_high", ["did you mean 0.55%?"]),
        ('rate = "0.6%"\nt0 = "20%"', "tariff.t0", ["did you mean 0.2%?"]),
        ('rate = "0.6%"\nrefund_fee = { rate = "60%" }', "tariff.refund_fee.rate", ["did you mean 0.6%?"]),
        ('rate = "0.6%"\nrefund_fee = {}', "tariff.refund_fee", ["rate"]),
        (
            'rate = "0.6%"\nrefund_fee = { rate = "0%", cap = "1", minimum = "2" }',
            "tariff.refund_fee",
            ["above the cap"],
        ),
        ('rate = "0.6%"\nrate_ppm = 6000', "tariff.rate_ppm", ["twice"]),
        ('rate = "0.6%"\nrte = "0.5%"', "tariff.rte", ["no such field", "did you mean rate?"]),
        ('rate = "0.6%"\ncap = "1.00"\nminimum = "2.00"', "tariff.minimum", ["¥2.00", "above the cap of ¥1.00"]),
        ('rate = "0.6%"\nfee_basis = "BATCH_NET"\ncap = "20.00"', "tariff.cap", ["BATCH_NET"]),
        ('rate = "0.6%"\nfee_basis = "BATCH_NET"\nminimum_minor = 1', "tariff.minimum_minor", ["BATCH_NET"]),
        ('rate = "0.6%"\nfee_basis = "BATCH_NET"\nper_item = "0.05"', "tariff.per_item", ["BATCH_NET"]),
        ('rate = "0.6%"\npromo = true', "tariff.effective_to", ["needs an end"]),
        ('rate = "0.6%"\neffective_to = 2025-08-15', "tariff.effective_to", ["2025-08-15"]),
        ('rate = "0.6%"\neffective_to = 2025-13-15', "", ["no TOML"]),
        ('rate = "0.6%"\neffective_to = "2026-01-01"', "tariff.effective_to", ["without quotes"]),
        ('rate = "0.6%"\neffective_to = 2026-01-01T00:00:00', "tariff.effective_to", ["date"]),
        ('rate = "0.6%"\npromo = "yes"', "tariff.promo", ["true or false"]),
        ('rate = "0.6%"\nrounding = "NEAREST"', "tariff.rounding", ['"HALF_UP"', '"NEAREST"']),
        ('rate = "0.6%"\nprovider = ""', "tariff.provider", ["1 to 1000"]),
        ('rate = "0.6%"\nprovider = "a\\u001b[31m"', "tariff.provider", ["control"]),
        ('rate = "0.6%"\nnotice = 7', "tariff.notice", ["in quotes"]),
        ('rate = "0.6%"\nnotice_sha256 = "abc"', "tariff.notice_sha256", ["64"]),
        ('cap = "20.00"', "tariff.rate", ["exactly one"]),
        ('rate = "0.6%"\nband_low = "0.5%"\nband_high = "0.6%"', "tariff.band_low", ["exactly one"]),
        ('band_low = "0.5%"', "tariff.band_high", ["both ends"]),
        ('band_low = "0.6%"\nband_high = "0.5%"', "tariff.band_low", ["above"]),
        ('tiers = [{ rate = "0.6%" }]', "tariff.tier_mode", ["MARGINAL", "SLAB"]),
        ('tier_mode = "SLAB"\ntiers = []', "tariff.tiers", ["list of tables"]),
        ('tier_mode = "SLAB"\ntiers = [{ up_to = "10" }, { rate = "1%" }]', "tariff.tiers.rate", ["missing"]),
        ('tier_mode = "SLAB"\ntiers = [{ rate = "1%" }, { rate = "2%" }]', "tariff.tiers", ["up_to is missing"]),
        ('tier_mode = "SLAB"\ntiers = [{ up_to = "9", rate = "1%" }]', "tariff.tiers", ["last tier has no end"]),
        ('products = ["debit"]\nrate = "0.6%"', "tariff", ["product"]),
    ],
)
@pytest.mark.requirement("4-09")
def test_a_trouble_is_named(line: str, field: str, words: list[str]) -> None:
    found = troubles(ONE.format(line=line))
    assert [at for _line, at, _what in found] == [field]
    for word in words:
        assert word in found[0][2]
    key = [*field.split("."), ""][1]
    lines = ONE.format(line=line).split("\n")
    if any(each.startswith(f"{key} =") for each in lines):
        assert lines[found[0][0] - 1].startswith(f"{key} =")
    elif field:
        assert lines[found[0][0] - 1].startswith(("[[tariff]]", "tiers", "refund_fee"))


def test_every_trouble_is_told_at_once_with_its_line() -> None:
    text = """[contract]
basis = "PROMISED"
currency = 156.0
owner = "x"

[registrations]
mid = "1"

[sim]
free_days = -1

[settlement]
mode = "T2"
cut_off = "25:00"

[hours]
monday = "9-22"
tuesday = "09:00-24:00"

[listed_fee]
name = "x"

[[tariff]]
rate = 0.6
products = []

[[tariff]]
product = "gold"
rate = "0.6%"

[[tariff]]
product = "debit"
tier_mode = "MARGINAL"
effective_from = 2025-01-01

[[tariff.tiers]]
up_to = "1000.00"
rate = "0.38%"

[[tariff.tiers]]
up_to = "500.00"
rate = "60%"

[[tariff.tiers]]
rate = "0.6%"
"""
    found = troubles(text)
    assert [(line, field) for line, field, _what in found] == [
        (2, "contract.basis"),
        (3, "contract.currency"),
        (4, "contract.owner"),
        (6, "registrations"),
        (9, "sim.activated"),
        (9, "sim.period_days"),
        (9, "sim.amount"),
        (10, "sim.free_days"),
        (12, "settlement.valid_from"),
        (12, "settlement.t0_agreed"),
        (13, "settlement.mode"),
        (14, "settlement.cut_off"),
        (16, "hours.valid_from"),
        (16, "hours.wednesday"),
        (16, "hours.thursday"),
        (16, "hours.friday"),
        (16, "hours.saturday"),
        (16, "hours.sunday"),
        (17, "hours.monday"),
        (18, "hours.tuesday"),
        (20, "listed_fee"),
        (23, "tariff.effective_from"),
        (24, "tariff.rate"),
        (27, "tariff.effective_from"),
        (28, "tariff.product"),
        (40, "tariff.tiers"),
        (42, "tariff.tiers.rate"),
    ]
    assert "did you mean registration?" in next(what for line, _field, what in found if line == 6)


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        ('[contract]\nprovider = "拉卡拉"\n'.encode("gb18030"), 2, "GB18030"),
        ("[contract]\n".encode("utf-16"), 1, "UTF-16"),
        (b'[contract]\n\nprovider = "\xff\xff"\n', 3, "not UTF-8"),
        (b"[contract]\nprovider = x\n", 2, "no TOML"),
        (b'[contract]\nprovider = "x\n', 2, "no TOML"),
        (b'[contract]\nprovider = "x"\nprovider = "y"\n', 3, "no TOML"),
        (b"a = " + b"[" * 100_000, 1, "nested too deeply"),
        (b"[[tariff]]\nrate_ppm = " + b"9" * 5000, 1, "no TOML"),
        (b"#" * 300_000, 1, "bytes"),
        (b"", 1, "says nothing"),
        (b"tariff = 3", 1, "two brackets"),
        (b"tariff = [3]", 1, "table"),
        (b"contract = 3", 1, "table"),
        (b"sim = []", 1, "table"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_contract_at_all(data: bytes, line: int, words: str) -> None:
    found = troubles(data)
    assert found[0][0] == line and words in found[0][2]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(CounterfoilError) as error:
            read_contract(path)
        assert error.value.exit_code == 3 and str(path) in error.value.what


def test_a_persons_word_needs_a_name() -> None:
    text = "[contract]\nvalid_from = 2025-01-01\nnothing_else_agreed = true\n"
    assert troubles(text, operator=None) == [
        (3, "contract.nothing_else_agreed", "this is a person's own word: say whose with --operator NAME")
    ]
    assert contract_of(text.encode(), "x", operator="王").facts == (
        NothingElseAgreed(valid_from=date(2025, 1, 1), operator="王"),
    )
    found = troubles("[contract]\nnothing_else_agreed = true\n")
    assert found[0][:2] == (2, "contract.nothing_else_agreed") and "valid_from" in found[0][2]


def test_amounts_in_words_are_yuan() -> None:
    text = '[contract]\nbasis = "SIGNED"\ncurrency = 392\nvalid_from = 2025-01-01\n[[tariff]]\nproduct = "credit"\nrate = "1%"\ncap = "20.00"\n'
    assert troubles(text) == [(8, "tariff.cap", "amounts in words are yuan: give cap_minor")]
    (version,) = contract_of(text.replace('cap = "20.00"', "cap_minor = 20").encode(), "x").versions
    assert (version.currency, version.cap_minor) == (392, 20)


VERSION = """[contract]
basis = "SIGNED"

[[tariff]]
product = "credit"
rate = "0.6%"
effective_from = 2025-01-01
effective_to = 2025-07-01

[[tariff]]
product = "credit"
rate = "0.5%"
effective_from = {first}
"""


@pytest.mark.parametrize(("first", "told"), [("2025-06-01", "2025-06-01"), ("2025-08-01", "nothing holds")])
def test_versions_that_overlap_or_leave_a_gap_are_named(first: str, told: str) -> None:
    found = troubles(VERSION.format(first=first))
    assert [(line, field) for line, field, _what in found] == [(13, "tariff.effective_from")]
    assert told in found[0][2]
    assert len(contract_of(VERSION.format(first="2025-07-01").encode(), "x").versions) == 2


def test_a_version_that_cannot_be_read_leaves_no_gap() -> None:
    text = (
        VERSION.format(first="2025-10-01")
        + """
[[tariff]]
product = "credit"
rate = 0.55
effective_from = 2025-07-01
effective_to = 2025-10-01
"""
    )
    assert [(line, field) for line, field, _what in troubles(text)] == [(17, "tariff.rate")]
    assert len(contract_of(text.replace("0.55", '"0.55%"').encode(), "x").versions) == 3


def test_what_stands_is_judged_with() -> None:
    first, second = VERSION.format(first="2025-08-01").split("\n\n[[tariff]]\n")[1:]
    old = contract_of(f'[contract]\nbasis = "SIGNED"\n\n[[tariff]]\n{first}\n'.encode(), "old.toml")
    new = f'[contract]\nbasis = "SIGNED"\n\n[[tariff]]\n{second}'
    contract_of(new.encode(), "deal.toml")
    assert [(line, field) for line, field, _what in troubles(new, terms_standing(old.facts))] == [
        (7, "tariff.effective_from")
    ]


def test_what_stands_is_not_added_again() -> None:
    contract = contract_of(WHOLE.encode(), "deal.toml", operator="王")
    again = contract_of(WHOLE.encode(), "deal.toml", operator="李", terms=terms_standing(contract.facts))
    assert [type(fact) for fact in new_facts(again, contract.facts)] == [NothingElseAgreed], "another person's word"
    assert new_facts(contract, contract.facts) == ()
    changed = contract_of(
        WHOLE.replace('tid = "10203040"', 'tid = "10203041"').replace('rate = "0.6%"', 'rate = "0.55%"').encode(),
        "deal.toml",
        operator="王",
    )
    new = new_facts(changed, contract.facts)
    assert [type(fact) for fact in new] == [Registration, TariffVersion]
    back = new_facts(contract, (*contract.facts, *new))
    assert [type(fact) for fact in back] == [Registration], "the last word of that date was another one"


VALUES = (
    "0.6",
    "-1",
    "true",
    '""',
    '"0.6%"',
    "[]",
    "{}",
    "[[]]",
    "[{}]",
    "{ a = 1 }",
    "2026-01-01",
    "12:00:00",
    "1e9",
    "nan",
)
LINES = WHOLE.split("\n")


@given(
    st.lists(
        st.tuples(st.integers(0, len(LINES) - 1), st.sampled_from(["drop", "double", *VALUES]) | st.text(max_size=8)),
        min_size=1,
        max_size=4,
    )
)
def test_whatever_a_file_says_is_taken_or_refused_with_its_lines(edits: list[tuple[int, str]]) -> None:
    lines = list(LINES)
    for at, edit in edits:
        key, equals, _value = lines[at].partition(" = ")
        lines[at] = (
            "" if edit == "drop" else f"{lines[at]}\n{lines[at]}" if edit == "double" else f"{key}{equals}{edit}"
        )
    text = "\n".join(lines)
    try:
        contract_of(text.encode("utf-8", "replace"), "deal.toml", operator="王")
    except ContractRefused as refused:
        assert refused.troubles and all(1 <= line <= text.count("\n") + 1 for line, _field, _what in refused.troubles)


# -- those that are shipped --------------------------------------------------------------------------------------------

STATED = {
    "classic": {
        "credit": (6000, 6000, 2000, True),
        "debit": (5500, 5500, 2000, None),
        "qr_wallet": (3800, 3800, None, None),
        "qr_credit": (3800, 3800, None, None),
    },
    "esign": {"credit": (5500, 6000, 2000, True), "debit": (5000, 5000, 2000, None)},
    "smart": {
        "credit": (5500, 6000, 2000, True),
        "debit": (5000, 5000, 2000, None),
        "qr_wallet": (3800, 3800, None, None),
        "qr_credit": (3800, 3800, None, None),
    },
}
"""docs/domain.md A1, and contradictions 1 and 2: lowest and highest rate in ppm, cap in fen, whether it is unclear."""


@pytest.mark.parametrize("name", STATED)
@pytest.mark.requirement("4-09")
def test_an_example_states_what_the_article_states(name: str) -> None:
    contract = example(name)
    assert {
        v.product: (v.rate_ppm or v.band_low_ppm, v.rate_ppm or v.band_high_ppm, v.cap_minor, v.cap_unclear)
        for v in contract.versions
    } == STATED[name]
    assert len(contract.versions) == len(STATED[name])
    for version in contract.versions:
        assert version.basis is Basis.ADVERTISED and version.source.startswith("docs/domain.md A1: ")
        assert (version.fee_return, version.rounding) == (None, Rounding.UNKNOWN), "no article says"


def test_no_source_states_a_rate_of_umi() -> None:
    assert example_names() == ["classic", "esign", "smart", "umi"]
    assert all(v.source.startswith("FIXTURE") and v.basis is Basis.ADVERTISED for v in example("umi").versions)
    with pytest.raises(NotFound):
        example("../tariff")


PROFILE_NAMES = sorted(path.stem for path in PROFILES.glob("*.toml"))


@pytest.mark.parametrize("name", PROFILE_NAMES)
def test_a_practice_contract_fits_its_simulated_shop(name: str) -> None:
    """Read from the profile's own text, by hand: the simulator is not imported here."""
    raw = tomllib.loads((PROFILES / f"{name}.toml").read_text(encoding="utf-8"))
    raised = {(day["effective_from"], p) for day in raw.get("notices", ()) for p in day["products"]}
    before = {p for day in raw.get("notices", ()) for p in day["products"]}
    expected = {}
    for row in raw["tariffs"]:
        for product in row["products"]:
            if (row["effective_from"], product) in raised:
                continue  # announced over the wire: no part of the contract
            promo, tiers = row.get("promo", False), row.get("tiers", ())
            end = row.get("effective_to") if promo or product not in before else None
            expected[product, promo] = {
                "rate_ppm": None if tiers else row["rate_ppm"],
                "tiers": tuple(Tier(tier["rate_ppm"], tier.get("up_to_minor")) for tier in tiers),
                "tier_mode": row.get("tier_mode"),
                "cap_minor": row.get("cap_minor"),
                "cap_unclear": None,
                "cap_scope": row.get("cap_scope", "PERCENT_ONLY"),
                "minimum_minor": row.get("minimum_minor"),
                "per_item_minor": row.get("per_item_minor"),
                "t0_ppm": row.get("t0_ppm"),
                "t0_fixed_minor": row.get("t0_fixed_minor"),
                "rounding": row.get("rounding", "HALF_UP"),
                "fee_return": raw["fee_return"],
                "fee_basis": "PER_TXN",
                "refund_fee": None,
                "effective_from": row["effective_from"],
                "effective_to": end,
                "basis": "SIGNED",
                "currency": 156,
                "device_model": raw["device"]["model"],
                "band_low_ppm": None,
            }
    contract = practice(name)
    names = next(iter(expected.values()))
    assert {(v.product, v.promo): {n: getattr(v, n) for n in names} for v in contract.versions} == expected
    assert len(contract.versions) == len(expected)
    by = {type(fact): fact for fact in contract.facts}
    registered, sim, settled = by[Registration], by[SimTerms], by[SettlementTerms]
    assert isinstance(registered, Registration) and isinstance(sim, SimTerms) and isinstance(settled, SettlementTerms)
    assert (registered.device_model, registered.mcc, registered.merchant_name) == (
        raw["device"]["model"],
        raw["merchant"]["mcc"],
        raw["merchant"]["name"],
    )
    assert {n: getattr(sim, n) for n in raw["sim"]} == raw["sim"]
    assert (settled.mode, settled.fees) == (raw["settlement_mode"], "NET")
    assert settled.t0_agreed is (raw["settlement_mode"] == "T0")
    assert by[OpeningHours] == OpeningHours(
        valid_from=date(2012, 1, 1), days=("09:00-22:00",) * 7, source=registered.source
    )
    assert NothingElseAgreed in by and ListedFee not in by
    assert all("FIXTURE" in fact.source for fact in contract.facts if not isinstance(fact, NothingElseAgreed))  # type: ignore[union-attr]
    terms = terms_standing(contract.facts)
    for product in {product for product, _promo in expected}:
        decision = terms.tariff(Product(product), date(2026, 3, 2))
        promo = (product, True) in expected
        assert decision.version is not None and decision.version.promo is promo and decision.dearer == ()


def test_every_simulated_shop_has_its_contract() -> None:
    assert practice_names() == PROFILE_NAMES and len(PROFILE_NAMES) == 6


# -- what people write -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("4001.00", 400_100),
        ("4,001.00", 400_100),
        ("4001", 400_100),
        ("4001.5", 400_150),
        ("¥20", 2000),
        ("￥20.00元", 2000),
        ("４００１．００", 400_100),
        (" 0.01 ", 1),
        ("0", 0),
    ],
)
def test_amounts_as_people_write_them(text: str, minor: int) -> None:
    assert minor_of(text) == minor


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1.234",
        "-1",
        "−1.00",
        "4,01",
        "40,01.00",
        "1e3",
        "1 000",
        "٣",
        "0x10",
        ".5",
        "1.",
        "90071992547409.92",
        "1" * 17,
        "nan",
        "1.0.0",
    ],
)
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(NotWritten):
        minor_of(text)


@given(st.integers(0, 2**53 - 1))
def test_every_amount_comes_back(minor: int) -> None:
    assert minor_of(f"{minor // 100}.{minor % 100:02d}") == minor
    assert minor_of(f"{minor // 100:,}.{minor % 100:02d}") == minor


@given(st.integers(0, 1_000_000))
def test_every_rate_comes_back(ppm: int) -> None:
    assert ppm_of(f"{ppm // 10_000}.{ppm % 10_000:04d}%") == ppm


@pytest.mark.parametrize(("text", "ppm"), [("0.6%", 6000), ("0.0325 %", 325), ("０．６％", 6000), ("3%", 30_000)])
def test_rates_as_people_write_them(text: str, ppm: int) -> None:
    assert ppm_of(text) == ppm


# -- the page ----------------------------------------------------------------------------------------------------------


def test_the_page_has_every_field() -> None:
    page = (HOUSE / "docs" / "fees.md").read_text(encoding="utf-8")
    for table in (
        "CONTRACT",
        "REGISTRATION",
        "SIM",
        "SETTLEMENT",
        "HOURS",
        "LISTED_FEE",
        "TIER",
        "REFUND_FEE",
        "TARIFF",
    ):
        for key in getattr(contract_fields, table):
            assert f"`{key}`" in page, (table, key)


def test_the_pages_example_is_a_contract() -> None:
    page = (HOUSE / "docs" / "fees.md").read_text(encoding="utf-8")
    text = page.split("```toml\n")[1].split("```")[0]
    contract = contract_of(text.encode(), "contract.toml", operator="王")
    said = {field.name for version in contract.versions for field in fields(version) if getattr(version, field.name)}
    assert {"rate_ppm", "cap_minor", "tiers", "promo"} <= said
