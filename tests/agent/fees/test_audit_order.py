"""The audit as a whole: who claims what, and the same answer however the entries came to it."""

from __future__ import annotations

import tracemalloc
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.fees.audit.auditor import Auditor
from agent.fees.audit.moments import Sold
from agent.fees.audit.sold import SoldSales
from agent.fees.audit.thresholds import Thresholds
from agent.fees.contract.tariff import FeeReturn
from agent.fees.contract.terms import ListedFee, Per
from agent.fees.findings import Rule
from agent.journal import keys
from agent.journal.drafting import to_draft
from agent.journal.entries import encode
from agent.journal.keys import verifying_key
from agent.journal.kinds import JournalOpened
from agent.journal.reader import open_reader
from agent.journal.store import Journal
from protocol.money import CNY
from tests.agent.fees.shop import JANUARY, NO_OTHER, K, O, P, Shop, T, claims, ms, of_fees, over, said, signed

LATER = "2026-03-09 10:00"
DEBIT = signed(5000, P.DEBIT, cap_minor=2000)
NOW = ms("2026-04-30 12:00")


# -- once, and by the first of the order -------------------------------------------------------------------------------


@pytest.mark.requirement("D10", "D05", "D14", "D08")
def test_what_failed_is_claimed_whole_by_d10_alone() -> None:
    """Doubled, with T+0 and a fee of no name, and declined."""
    shop = Shop(signed(), NO_OTHER)
    shop.trade(50_000, 300, 300, t0=200, service=100, outcome=O.DECLINED)
    assert said(shop.findings()) == over(("D10", 900))


@pytest.mark.requirement("D05", "D14")
def test_d05_before_d14() -> None:
    """T+0 was never asked for, and taken twice: the second line is a double, the first unasked."""
    shop = Shop(signed())
    sale = shop.trade(50_000, 300, t0=200)
    shop.fee(200, sale, T.T0)
    assert said(shop.findings()) == over(("D05", 200), ("D14", 200))


@pytest.mark.requirement("D05", "D02")
def test_d05_before_d02() -> None:
    """Above the cap, twice: 3000 is one line too many, 1000 above the cap."""
    shop = Shop(signed(6000, cap_minor=2000))
    shop.trade(500_000, 3000, 3000)
    assert said(shop.findings()) == over(("D02", 1000), ("D05", 3000))


@pytest.mark.requirement("D02", "D03", "D01")
def test_d02_before_d03_before_d01() -> None:
    """Debit of ¥10,000 at its own 5000 without the cap is 5000: D02. At credit's 6000: D03, though three make a run."""
    shop = Shop(signed(6000), DEBIT, NO_OTHER)
    for _ in range(3):
        shop.trade(1_000_000, 5000, product=P.DEBIT)
        shop.trade(100_000, 600, product=P.DEBIT)
    assert said(shop.findings()) == over(*[("D02", 3000)] * 3, *[("D03", 100)] * 3)


@pytest.mark.requirement("D02", "D03")
def test_d02_where_both_would_say_it() -> None:
    """5000 is the debit's own without its cap, and what a prepaid card at 5000 would cost."""
    shop = Shop(signed(5000, P.PREPAID), DEBIT)
    shop.trade(1_000_000, 5000, product=P.DEBIT)
    assert said(shop.findings()) == over(("D02", 3000))


@pytest.mark.requirement("D01", "D15", "D08")
def test_d01_before_d15_before_d08() -> None:
    """Three at 6300, twenty rounded up, one with 40 on it that nothing explains: each is claimed by one."""
    shop = Shop(signed(), NO_OTHER)
    for minute, (amount, mdr) in enumerate([(50_000, 315)] * 3 + [(10_050, 61)] * 20 + [(20_000, 160)]):
        shop.trade(amount, mdr, on=f"2026-03-02 12:{minute:02d}")
    found = shop.findings()
    assert claims(found) == 45 + 20 + 40
    assert {(one.rule, one.claimed_minor) for one in found} == {(Rule.D01, 45), (Rule.D15, 20), (Rule.D08, 40)}


@pytest.mark.requirement("D09", "D05")
def test_what_was_claimed_of_the_sale_is_not_claimed_of_its_refund() -> None:
    """600 was right and 1200 taken: 600 as a double; all refunded, 600 is due."""
    shop = Shop(signed(fee_return=FeeReturn.PRO_RATA))
    sale = shop.trade(100_000, 600, 600)
    shop.trade(100_000, 0, kind=K.REFUND, of=sale, on="2026-03-05 12:00")
    assert said(shop.findings()) == over(("D05", 600), ("D09", 600))


LINE = st.tuples(
    st.sampled_from([T.MDR, T.MDR, T.MDR, T.T0, T.SERVICE, T.OTHER, T.REFUND_FEE]),
    st.sampled_from([-300, -15, 300, 315, 7000]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(LINE, max_size=6), st.sampled_from(["approved", "declined", "void", "void later"]), st.integers(0, 6))
def test_no_more_is_claimed_than_was_taken(lines: list[tuple[T, int]], fate: str, late: int) -> None:
    """Whatever the lines, in time or a week later: all claims together are what was taken beyond what is right, type by type:
    300 of MDR where the sale stands, nothing else."""
    shop = Shop(signed(), NO_OTHER)
    sale = shop.trade(50_000, outcome=O.DECLINED if fate == "declined" else O.APPROVED)
    for type_, minor in lines[:late]:
        shop.fee(minor, sale, type_)
    if fate.startswith("void"):
        shop.trade(50_000, 0, kind=K.VOID, of=sale, on="2026-03-02 13:00" if fate == "void" else "2026-03-05 12:00")
    shop.day_passes()
    for type_, minor in lines[late:]:
        shop.fee(minor, sale, type_, on=LATER)
    net = {type_: sum(minor for kind, minor in lines if kind is type_) for type_ in T}
    if fate == "approved":
        most = sum(max(0, minor - (300 if type_ is T.MDR else 0)) for type_, minor in net.items())
    else:
        most = max(0, sum(net.values()))
    assert claims(shop.findings()) == most


# -- one record --------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("D06")
def test_two_records_under_one_reference_are_two() -> None:
    """In two batches of one day: both are judged, each with its own lines, and nothing breaks."""
    shop = Shop(signed(fee_return=FeeReturn.PRO_RATA))
    sale = shop.trade(100_000, 600)
    twice = shop.trade(30_000, -180, kind=K.REFUND, of=sale, on="2026-03-04 12:00", batch="A")
    shop.trade(30_000, -180, kind=K.REFUND, of=sale, on="2026-03-04 13:00", batch="B", reference=twice)
    assert shop.findings() == []


def a_busy_month(seed: int) -> Shop:
    random = Random(seed)
    fee = ListedFee(
        type=T.SERVICE, name="s", amount_minor=30, per=Per.MONTH, currency=CNY, valid_from=JANUARY, source="list"
    )
    shop = Shop(signed(fee_return=FeeReturn.PRO_RATA), DEBIT, NO_OTHER, fee)
    sales: list[str] = []
    for day in range(1, 25):
        for hour in range(9, 9 + random.randrange(1, 6)):
            on, amount = f"2026-03-{day:02d} {hour:02d}:00", random.randrange(1, 90_000)
            right = (amount * 6000 + 500_000) // 1_000_000
            match random.randrange(12):
                case 0 if sales:
                    shop.trade(1000, 0, kind=K.REFUND, of=random.choice(sales), on=on)
                case 1 if sales:
                    shop.trade(1000, -3, kind=K.VOID, of=random.choice(sales), on=on)
                case 2:
                    shop.trade(amount, right, outcome=O.DECLINED, on=on)
                case 3 if sales:
                    shop.fee(random.choice((-15, 15, 300)), random.choice(sales), on=on)
                case 4:
                    shop.fee(random.choice((30, 40, -30)), None, T.SERVICE, on=on)
                case 5:
                    sales.append(shop.trade(amount, right, right, on=on))
                case 6:
                    shop.settle(f"03{day:02d}", 1000, on=on)
                case other:
                    wrong = amount * 63 // 10_000 if other < 9 else right
                    sales.append(shop.trade(amount, wrong, on=on, t0=random.choice((0, 200))))
    return shop


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.integers(0, 200), max_size=6))
def test_in_any_pieces_it_says_the_same(seed: int, cuts: list[int]) -> None:
    """Asked in between or not, and asked twice."""
    shop = a_busy_month(seed)
    whole, parts = shop.audit(), shop.audit()
    for entry in shop.entries:
        whole.take(entry)
    places = sorted({0, *(min(cut, len(shop.entries)) for cut in cuts), len(shop.entries)})
    for first, end in pairwise(places):
        for entry in shop.entries[first:end]:
            parts.take(entry)
        at = max(ms("2026-03-01 00:00"), *(entry.at for entry in shop.entries[: end or 1]))
        assert parts.findings(at) == parts.findings(at)
    assert whole.findings(NOW) == whole.findings(NOW) == parts.findings(NOW)
    assert whole.transactions == parts.transactions


# -- over a journal ----------------------------------------------------------------------------------------------------


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    signer = keys.create(tmp_path)
    opened = JournalOpened(software="counterfoil", version="0", terminal="T1", nature="simulated", generation=1)
    return Journal.create(tmp_path / "journal.db", signer, to_draft(opened, signer.token_hmac), ms("2026-01-01 08:00"))


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10**6))
def test_bytes_say_what_entries_say(seed: int) -> None:
    shop = a_busy_month(seed)
    by_entries, by_bytes = shop.audit(), shop.audit()
    for entry in shop.entries:
        by_entries.take(entry)
        by_bytes.take_bytes(encode(entry.seq, entry.at, entry.kind, entry.body))
    assert by_entries.findings(NOW) == by_bytes.findings(NOW)


@pytest.mark.requirement("4-03")
def test_a_contract_that_comes_later_judges_all_anew(journal: Journal, tmp_path: Path) -> None:
    shop, auditor = Shop(), Auditor(Thresholds())
    for _ in range(3):
        shop.trade(50_000, 315)
    with closing(journal), closing(open_reader(tmp_path / "journal.db", verifying_key(tmp_path))) as reader:
        journal.append(shop.drafts, ms("2026-03-03 12:00"))
        auditor.catch_up(reader)
        assert {one.verdict for one in of_fees(auditor.findings(NOW))} == {"UNKNOWN"}
        contract = Shop(signed())
        journal.append(contract.drafts, ms("2026-03-03 13:00"))
        auditor.catch_up(reader)
        assert said(of_fees(auditor.findings(NOW))) == [("D01", "NEEDS_EVIDENCE", 45)]
        journal.append(Shop(NO_OTHER).drafts, ms("2026-03-03 14:00"))
        more = Shop()
        more.number = 1000
        more.trade(50_000, 315, on="2026-03-04 12:00")
        journal.append(more.drafts, ms("2026-03-04 12:00"))
        auditor.catch_up(reader)
        again = Auditor(Thresholds())
        again.catch_up(reader)
        assert said(of_fees(auditor.findings(NOW))) == over(("D01", 60))
        assert auditor.findings(NOW) == again.findings(NOW)
        assert auditor.size == reader.size


def test_a_sale_is_kept_in_a_hundred_bytes() -> None:
    """A million of them are then a hundred megabytes; two hundred may be used."""
    count, sold = 100_000, SoldSales()
    tracemalloc.start()
    for n in range(count):
        sold.add(f"{n:032x}", Sold(2 * n, 2 * n + 1, JANUARY, P.CREDIT, n, CNY, n // 100, 0, n // 100))
    kept, _peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 100 * count + 8_000_000  # and the last ones, for which there is a table
    found = sold.find(f"{77:032x}")
    assert found is not None
    assert (found.seq, found.amount_minor, found.right_minor) == (154, 77, 0)
    assert sold.find("x") is None
