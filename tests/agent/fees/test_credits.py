"""Bank credits: from the bank's file, by hand, and which settlement each is for. Figures are written by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import StatementRefused
from agent.fees.contract.terms import BankCredit
from agent.fees.statements.columns import load_mapping
from agent.fees.statements.credit_file import BankFile, read_bank_file, unknown_credits
from agent.fees.statements.credit_match import Settled, match_credits
from agent.home import Home
from protocol.money import Money
from tests.conftest import Simulator, entries_of, refused, run_counterfoil

DAY = date(2026, 3, 2)
CARD = "6222021234567890128"
HEAD = "交易日期,借方金额,贷方金额,余额,摘要,账号"
BANK = f"""账户明细
{HEAD}
2026-03-03,,"1,234.50","2,000.00",清算款 拉卡拉,{CARD}
2026-03-03,100.00,,"1,900.00",房租,{CARD}
2026-03-04,,50.00,"1,950.00",张三还款 {CARD},{CARD}
合计,100.00,"1,284.50",,,
"""


def read(raw: bytes, containing: Sequence[str] = ()) -> BankFile:
    return read_bank_file(raw, "bank.csv", load_mapping("bank", "bank"), operator="Wang", containing=containing)


def days(number: int) -> timedelta:
    return timedelta(days=number)


def settled(batch: str, minor: int, day: date = DAY, due: date | None = None, currency: int = 156) -> Settled:
    return Settled(batch, day, due or day + days(1), minor, currency)


def credit(on: date, minor: int, **more: object) -> BankCredit:
    return BankCredit(on=on, amount=Money(minor), source="typed", **more)  # type: ignore[arg-type]


# The bank's file


def test_what_came_in_and_nothing_else() -> None:
    raw = BANK.encode("gb18030")
    told = read(raw)
    assert (told.outgoing, told.others) == (1, 0)
    assert told.credits == (
        BankCredit(
            on=date(2026, 3, 3), amount=Money(123_450), account="0128", proof_sha256=sha256(raw).digest(),
            source="bank.csv", line=3, operator="Wang", note="清算款 拉卡拉",
        ),
        BankCredit(
            on=date(2026, 3, 4), amount=Money(5_000), account="0128", proof_sha256=sha256(raw).digest(),
            source="bank.csv", line=5, operator="Wang", note="张三还款 622202*********0128",
        ),
    )  # fmt: skip


def test_only_what_was_asked_for() -> None:
    told = read(BANK.encode(), containing=("拉卡拉", "银联"))
    assert ([one.line for one in told.credits], told.others) == ([3], 1)


def test_one_column_of_amounts_with_a_direction_or_a_sign() -> None:
    told = read("日期,金额,借贷标志\n20260303,12.00,贷\n20260303,5.00,借\n".encode())
    assert ([one.amount.minor for one in told.credits], told.outgoing) == ([1200], 1)
    told = read("日期,金额\n20260303,12.00\n20260303,-5.00\n".encode())
    assert ([one.amount.minor for one in told.credits], told.outgoing) == ([1200], 1)


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("2026-03-03,,12.345,,x,", (2, "贷方金额", "no_amount")),
        ("2026-02-30,,12.00,,x,", (2, "交易日期", "no_date")),
        (",,12.00,,x,", (2, "交易日期", "missing")),
    ],
)
def test_troubles_of_a_banks_file(row: str, found: tuple[int, str, str]) -> None:
    with pytest.raises(StatementRefused) as refusal:
        read(f"{HEAD}\n{row}\n".encode())
    assert [trouble[:3] for trouble in refusal.value.troubles] == [found]


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ("日期,金额,借贷\n2026-03-03,-5.00,贷\n", (2, "金额", "negative")),
        ("日期,金额,借贷\n2026-03-03,5.00,也许\n", (2, "借贷", "unknown_word")),
        ("日期,摘要\n2026-03-03,x\n", (1, None, "no_column")),
        (f"{HEAD}\n", (1, "", "no_lines")),
        ("", (1, "", "empty")),
    ],
)
def test_more_troubles_of_a_banks_file(raw: str, found: tuple[int, str | None, str]) -> None:
    with pytest.raises(StatementRefused) as refusal:
        read(raw.encode())
    ((line, field, code, _what),) = refusal.value.troubles
    assert (line, code) == (found[0], found[2])
    assert found[1] is None or field == found[1]


def test_what_the_record_holds_already() -> None:
    first, second = read(BANK.encode()).credits
    assert unknown_credits([first, second], []) == [first, second]
    assert unknown_credits([first, second], [first]) == [second]
    other_file = replace(first, proof_sha256=b"x" * 32, line=99)
    assert unknown_credits([other_file], [first]) == []
    assert unknown_credits([other_file, replace(other_file, line=98)], [first]) == [replace(other_file, line=98)]
    assert unknown_credits([replace(other_file, note="another")], [first]) != []
    assert unknown_credits([replace(other_file, account="9999")], [first]) != []
    assert unknown_credits([first], [credit(first.on, 123_450, note="typed so")]) == []
    assert unknown_credits([first], [credit(first.on, 123_451)]) == [first]


def test_two_equal_lines_of_one_file_are_two_credits() -> None:
    row = "2026-03-03,,12.00,,x,\n"
    told = read(f"{HEAD}\n{row}{row}".encode())
    assert len(unknown_credits(told.credits, [])) == 2
    assert unknown_credits(told.credits, [told.credits[0]]) == [told.credits[1]]


# Which settlement


def pairs(settlements: list[Settled], credited: list[BankCredit]) -> list[tuple[tuple[str, ...], int]]:
    """(batches, place of the credit)."""
    found = match_credits(settlements, list(enumerate(credited)))
    return [(tuple(one.batch for one in pair.settlements), pair.seq) for pair in found.pairs]


@pytest.mark.requirement("D11", "D12")
def test_by_batch_even_where_the_amount_is_short() -> None:
    told = [settled("000001", 1000), settled("000002", 900)]
    found = match_credits(told, [(5, credit(DAY + days(1), 900, batch="1"))])
    assert [(one.settlements[0].batch, one.seq, one.difference_minor) for one in found.pairs] == [("000001", 5, 100)]
    assert found.settlements == (told[1],) and found.credits == ()


def test_a_batch_number_that_comes_again_is_of_the_nearest_day() -> None:
    told = [settled("000001", 1000), settled("000001", 1000, DAY + days(40))]
    found = match_credits(told, [(1, credit(DAY + days(42), 1000, batch="000001"))])
    assert found.pairs[0].settlements == (told[1],)


@pytest.mark.requirement("D11")
@pytest.mark.parametrize(("on", "is_paired"), [(-2, False), (-1, True), (0, True), (10, True), (11, False)])
def test_by_amount_from_a_day_before_to_ten_after_it_is_due(on: int, is_paired: bool) -> None:
    due = DAY + days(1)
    assert bool(pairs([settled("1", 1000, due=due)], [credit(due + days(on), 1000)])) == is_paired


def test_without_a_due_date_the_day_itself_is_it() -> None:
    assert pairs([Settled("1", DAY, None, 1000, 156)], [credit(DAY + days(10), 1000)]) == [(("1",), 0)]


def test_equal_amounts_go_in_order() -> None:
    told = [settled(str(i), 1000, DAY + days(i)) for i in range(3)]
    assert pairs(told, [credit(DAY + days(i + 1), 1000) for i in (2, 0, 1)]) == [(("0",), 1), (("1",), 2), (("2",), 0)]


def test_a_weekend_at_once() -> None:
    """Friday, Saturday and Sunday come on Monday as one sum."""
    told = [settled(str(i), 1000 + i, DAY + days(i), DAY + days(3)) for i in range(3)]
    assert pairs(told, [credit(DAY + days(3), 3003)]) == [(("0", "1", "2"), 0)]
    assert pairs(told, [credit(DAY + days(3), 2003)]) == [(("1", "2"), 0)]
    assert pairs(told, [credit(DAY + days(3), 2002)]) == []  # the first and the third are not in a row


def test_five_at_once_and_no_more() -> None:
    told = [settled(str(i), 1 << i, due=DAY) for i in range(6)]
    assert pairs(told, [credit(DAY, 0b011111)]) == [(("0", "1", "2", "3", "4"), 0)]
    assert pairs(told, [credit(DAY, 0b111111)]) == []


def test_one_that_fits_alone_goes_before_a_sum() -> None:
    told = [settled("1", 400, due=DAY), settled("2", 600, due=DAY), settled("3", 1000, due=DAY + days(1))]
    assert pairs(told, [credit(DAY + days(1), 1000)]) == [(("3",), 0)]


def test_currencies_and_what_owes_nothing() -> None:
    assert pairs([settled("1", 1000, currency=840)], [credit(DAY + days(1), 1000)]) == []
    found = match_credits([settled("1", 0), settled("2", -50)], [])
    assert (found.settlements, found.pairs) == ((), ())


def test_a_credit_that_names_a_batch_is_of_no_other() -> None:
    told = [settled("1", 1000), settled("2", 500)]
    parts = [credit(DAY + days(1), 500, batch="1"), credit(DAY + days(2), 500, batch="1")]
    found = match_credits(told, list(enumerate(parts)))
    assert [(one.settlements[0].batch, one.seq) for one in found.pairs] == [("1", 0)]
    assert (found.settlements, [seq for seq, _ in found.credits]) == ((told[1],), [1])


def test_a_credit_whose_batch_nobody_settled_goes_by_its_amount() -> None:
    assert pairs([settled("1", 1000)], [credit(DAY + days(1), 1000, batch="77")]) == [(("1",), 0)]


SETTLED = st.builds(
    settled,
    st.sampled_from(["000001", "000002", "000003"]),
    st.sampled_from([0, 100, 200, 300, 500]),
    st.integers(0, 30).map(lambda n: DAY + days(n)),
)
CREDITS = st.builds(
    lambda n, minor, batch: credit(DAY + days(n), minor, batch=batch),
    st.integers(0, 40),
    st.sampled_from([100, 200, 300, 400, 500, 800]),
    st.sampled_from([None, None, None, "1", "2", "9"]),
)


@given(st.lists(SETTLED, max_size=12), st.lists(CREDITS, max_size=12), st.integers(0, 2**32))
def test_order_changes_nothing_and_each_is_used_once(
    told: list[Settled], credited: list[BankCredit], seed: int
) -> None:
    numbered = list(enumerate(credited))
    found = match_credits(told, numbered)
    mixed, others = told[:], numbered[:]
    Random(seed).shuffle(mixed)
    Random(seed + 1).shuffle(others)
    assert match_credits(mixed, others) == found
    seqs = [pair.seq for pair in found.pairs] + [seq for seq, _credit in found.credits]
    assert sorted(seqs) == list(range(len(credited)))
    used = [one for pair in found.pairs for one in pair.settlements] + list(found.settlements)
    key = lambda one: (one.by, one.batch, one.credited_minor)  # noqa: E731
    assert sorted(used, key=key) == sorted((one for one in told if one.credited_minor > 0), key=key)
    for pair in found.pairs:
        if pair.difference_minor:
            assert pair.credit.batch is not None and len(pair.settlements) == 1
        assert all(-1 <= (pair.credit.on - one.by).days <= 60 for one in pair.settlements)
        if len(pair.settlements) > 1:
            assert len(pair.settlements) <= 5


@given(st.lists(st.integers(0, 25), max_size=6), st.lists(st.integers(0, 35), max_size=6))
def test_no_other_choice_pairs_more_of_one_amount(due: list[int], booked: list[int]) -> None:
    told = [settled(str(i), 700, due=DAY + days(n)) for i, n in enumerate(due)]
    found = match_credits(told, list(enumerate(credit(DAY + days(n), 700) for n in booked)))

    def most(left: tuple[int, ...], rest: tuple[int, ...]) -> int:
        """Every choice tried."""
        if not rest:
            return 0
        best = most(left, rest[1:])
        for i, by in enumerate(left):
            if -1 <= rest[0] - by <= 10:
                best = max(best, 1 + most(left[:i] + left[i + 1 :], rest[1:]))
        return best

    assert len(found.pairs) == most(tuple(due), tuple(booked))


# The commands


@pytest.fixture
def home(recorded: tuple[Home, Simulator]) -> Home:
    return recorded[0]


def test_credits_by_hand_and_from_the_bank(home: Home, tmp_path: Path, recorded: tuple[Home, Simulator]) -> None:
    (settlement,) = [entry.body for entry in entries_of(home) if entry.kind == "terminal.settlement"]
    due = date.fromisoformat(settlement["due_date"])
    yuan = f"{settlement['credited_minor'] // 100}.{settlement['credited_minor'] % 100:02d}"
    proof = tmp_path / "slip.jpg"
    proof.write_bytes(b"a picture")

    def run(*arguments: str) -> dict[str, object]:
        done = run_counterfoil("--home", str(home.path), "credits", *arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)  # type: ignore[no-any-return]

    listed = run("list")
    (waiting,) = listed["settlements_without_credit"]  # type: ignore[misc]
    assert waiting["credited_minor"] == settlement["credited_minor"]
    add = ("--on", due.isoformat(), "--amount", yuan, "--operator", "Wang")
    told = run("add", *add, "--account", f"{CARD}", "--proof", str(proof), "--note", f"到账 {CARD}")
    assert (told["account"], told["proof_sha256"]) == ("0128", sha256(b"a picture").hexdigest())
    (entry,) = [entry for entry in entries_of(home) if entry.kind == "bank.credited"]
    assert entry.seq == told["entry"] and entry.body["amount_minor"] == settlement["credited_minor"]
    assert entry.private["note"] == "到账 622202*********0128" and CARD not in json.dumps(entry.body)
    listed = run("list")
    assert listed["credits"][0]["settlements"] == [{"batch": settlement["batch"], "day": waiting["day"]}]  # type: ignore[index]
    assert listed["settlements_without_credit"] == []
    again = run_counterfoil("--home", str(home.path), "credits", "add", *add)
    refused(again, 1, "says already", "--another")
    assert run("add", *add, "--another")["entry"] == told["entry"] + 1  # type: ignore[operator]

    bank = tmp_path / "bank.csv"
    bank.write_text(f"{HEAD}\n{due},,{yuan},,清算,\n{due},,3.00,,利息,\n", encoding="gb18030")
    assert run("import", str(bank), "--dry-run")["new"] == 1
    done = run("import", str(bank), "--operator", "Wang")
    assert (done["credits"], done["new"], done["known"], done["new_minor"]) == (2, 1, 1, 300)
    done = run("import", str(bank))
    assert (done["imported"], done["new"]) == (False, 0)
    assert len([entry for entry in entries_of(home) if entry.kind == "bank.credited"]) == 3
    words = run_counterfoil("--home", str(home.path), "credits", "list")
    assert "DEMO" in words.stderr and f"batch {settlement['batch']}" in words.stdout and "利息" in words.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("--on", "2026-03-03", "--amount", "0", "--operator", "W"),
        ("--on", "2026-03-03", "--amount", "1.234", "--operator", "W"),
        ("--on", "3.3.2026", "--amount", "1.00", "--operator", "W"),
        ("--on", "2026-03-03", "--amount", "1.00"),
        ("--on", "2026-03-03", "--amount", "1.00", "--operator", " "),
        ("--on", "2026-03-03", "--amount", "1.00", "--operator", "W", "--account", "12"),
        ("--on", "2026-03-03", "--amount", "1.00", "--operator", "W", "--proof", "nowhere"),
    ],
)
def test_what_cannot_be_entered(home_of_nobody: Home, arguments: tuple[str, ...]) -> None:
    done = run_counterfoil("--home", str(home_of_nobody.path), "credits", "add", *arguments)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert entries_of(home_of_nobody)[-1].kind == "journal.opened"


def test_a_banks_file_that_is_wrong_leaves_nothing(home_of_nobody: Home, tmp_path: Path) -> None:
    bank = tmp_path / "bank.csv"
    bank.write_text(f"{HEAD}\n2026-03-03,,12.00,,x,\n2026-03-03,,12.345,,x,\n")
    done = run_counterfoil("--home", str(home_of_nobody.path), "credits", "import", str(bank), "--json")
    assert done.returncode == 1 and "bank.csv, line 3, 贷方金额" in done.stderr
    assert [(t["line"], t["code"]) for t in json.loads(done.stdout)["troubles"]] == [(3, "no_amount")]
    assert [entry.kind for entry in entries_of(home_of_nobody)] == ["journal.opened"]


@pytest.fixture
def home_of_nobody(tmp_path: Path) -> Home:
    """A home whose terminal never spoke."""
    from agent.journal.keys import PassphraseSources
    from agent.opening import make_home
    from agent.settings import Settings

    home = Home(tmp_path / "home")
    make_home(home, Settings(terminal="SN1", simulated=True, port="/dev/null"), PassphraseSources(), 1_772_380_800_000)
    return home
