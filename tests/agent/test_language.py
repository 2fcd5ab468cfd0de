"""The agent speaks Chinese: the catalogue is whole, the language is the one that was chosen, and columns stand by cells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from rich.cells import cell_len

from agent.language import choose_language
from agent.report import day_report
from agent.views import Head, ProductLine, Today
from tests.catalogues import HOUSE, ROOMS, compiled, faults, po_path, read, said_in
from tests.conftest import run_counterfoil

CHINESE = re.compile("[\u4e00-\u9fff]")
ENGLISH = re.compile(r"[a-z]+( [a-z]+){2,}")
"""Three words in a row: a sentence that nobody translated. Options and commands have no spaces between words."""


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    yield
    choose_language("en")


def test_the_catalogue_is_whole_and_compiled() -> None:
    assert faults("agent") == []


@pytest.mark.parametrize("room", ROOMS)
def test_nothing_that_babel_finds_is_overlooked(room: str) -> None:
    """An independent extraction. (Ours also looks into f-strings, and refuses what is no literal.)"""
    found = {text for _file, _line, text, *_rest in extract_from_dir(HOUSE / room)}
    assert len(found) > 50
    assert found <= set(said_in(HOUSE / room))


@pytest.mark.parametrize("wrong", ["_(text)", "_('a' + text)", "_(f'{text}')"])
def test_only_a_literal_can_be_translated(wrong: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(f"said = {wrong}\n")
    with pytest.raises(ValueError, match=r"module\.py:1"):
        said_in(tmp_path)


def test_the_compiled_file_is_the_same_on_any_machine_at_any_time() -> None:
    assert po_path("agent").with_suffix(".mo").read_bytes() == compiled(read("agent"))
    assert b"Date" not in compiled(read("agent"))


@pytest.mark.parametrize(
    ("environment", "spoken"),
    [
        ({"LC_ALL": "zh_CN.UTF-8", "LANG": "en_US.UTF-8"}, "zh_CN"),
        ({"LC_MESSAGES": "zh_TW.UTF-8", "LANG": "en_US.UTF-8"}, "zh_CN"),
        ({"LANG": "zh_CN.GB18030"}, "zh_CN"),
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LC_ALL": "", "LANG": "zh_CN.UTF-8"}, "zh_CN"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
    ],
)
def test_the_locale_chooses(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], spoken: str) -> None:
    """The order of POSIX: LC_ALL, LC_MESSAGES, LANG; an empty one does not count (XBD 8.2)."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert choose_language() == spoken


def test_the_first_page_of_help_is_chinese_to_the_last_line() -> None:
    by_locale = run_counterfoil("--help", LC_ALL="zh_CN.UTF-8").stdout
    assert by_locale == run_counterfoil("--lang", "zh_CN", "--help").stdout
    lines = [line for line in by_locale.splitlines() if line]
    assert len(lines) > 15
    for line in lines:
        assert CHINESE.search(line) and not ENGLISH.search(line), line
        assert cell_len(line) <= 80, line


def test_english_help_in_a_chinese_locale() -> None:
    page = run_counterfoil("--lang", "en", "--help", LC_ALL="zh_CN.UTF-8").stdout
    assert "Show this message and exit." in page
    assert set(CHINESE.findall(page)) == set("存根")  # the name


@pytest.mark.parametrize(
    "command",
    ["journal head", "journal verify", "serve", "terminal info", "terminal sync", "transactions list"],
)
def test_an_error_is_two_chinese_sentences(command: str, tmp_path: Path) -> None:
    """No home yet: every command that needs one says so, without a traceback."""
    done = run_counterfoil("--lang", "zh_CN", "--home", str(tmp_path / "none"), *command.split())
    assert (done.returncode, done.stdout) == (3, "")
    what, todo = done.stderr.splitlines()
    assert CHINESE.search(what) and CHINESE.search(todo)


@pytest.mark.parametrize("speaking", ["zh_CN", "en"])
def test_the_columns_of_a_day_report_stand_one_below_the_other(speaking: str) -> None:
    """In cells, as rich counts them: counts end in one column, amounts in another, rates in a third."""
    choose_language(speaking)
    products = ("credit", "debit", "qr_wallet", "qr_credit", "qr_unionpay", "foreign_card", "prepaid", "a_later_one")
    day = Today(
        date="2026-03-02",
        simulated=True,
        currency=156,
        transactions=1200,
        events=2400,
        approved=1100,
        declined=100,
        sales_count=1090,
        sales_minor=1_234_567_890,
        refunds_count=7,
        refunds_minor=5,
        voids_count=30,
        voids_minor=-9_900,
        fees_minor=1234,
        net_minor=-50,
        products=tuple(ProductLine(name, 10**i % 9999, 10**i * 60, 10**i) for i, name in enumerate(products)),
        recent=(),
    )
    lines = day_report((day,), Head("counterfoil/0/1", 1, "root", 0, ""), "T").splitlines()
    table = lines[lines.index("2026-03-02") + 1 : -4]
    assert len([line for line in table if line]) == 6 + 1 + len(products)
    ends: dict[str, set[int]] = {"count": set(), "amount": set(), "rate": set()}
    for line in table:
        label, _, rest = line[2:].partition("  ")
        for word in re.finditer(r"\S+", rest):
            text = word.group()
            column = "rate" if "%" in text else "amount" if "¥" in text else "count" if text.isdigit() else None
            if column:
                ends[column].add(2 + cell_len(label) + 2 + cell_len(rest[: word.end()]))
    assert {column: len(where) for column, where in ends.items()} == {"count": 1, "amount": 1, "rate": 1}, table
    heading = next(line for line in table if line.endswith({"zh_CN": "费率", "en": "Rate"}[speaking]))
    assert {cell_len(heading)} == ends["rate"]
