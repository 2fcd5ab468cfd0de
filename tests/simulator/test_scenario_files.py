"""Scenario files: what is refused, on which line, and what was expected; every word is one that is looked at."""

from __future__ import annotations

import copy
import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol.toml_lines import lines_of
from simulator.cards import customer
from simulator.cli import sim
from simulator.expectations import EXPECT
from simulator.scenario import ScenarioRefused
from simulator.scenario_check import checked
from simulator.scenario_files import FOLDER, LARGEST, load, read, scenario_names
from simulator.scenario_words import DEEDS, FILE, KINDS, MOMENTS, STEP, TRIGGERS

WHOLE = """title = { zh = "试", en = "A try" }
tests = ["D05", "0-09", "fault-matrix: bit flip"]
profile = "esign"
seed = 7
days = 2
lies = ["fee_twice:count=1"]

[[step]]
after = "outcome:a"
plus_ms = 20
do = "pull_cable"
for = 500

[[step]]
at = 2026-03-02T12:00:00
do = "fault"
name = "drop"
with = { after = 100 }

[[agent]]
do = "sale"
label = "a"
amount_minor = 5000
outcome = "approved"

[[agent]]
do = "refund"
of = "a"

[expect.ledger]
sales_count = 1
charged = { a = 5000 }
lies_minor = { fee_twice = 25 }

[[expect.ledger.line]]
kind = "sale"
count = 1

[expect.wire]
sessions = { min = 1 }
acknowledged = "all"

[expect.screen]
never = ["交易失败"]

[expect.journal]
outcomes = { a = "approved" }
verify = true

[[expect.finding]]
detector = "D05"
difference_minor = 25
"""


def refused(old: str, new: str, text: str = WHOLE) -> str:
    assert text.count(old) == 1, old
    with pytest.raises(ScenarioRefused) as found:
        read("try", text.replace(old, new), "try.toml")
    return f"{found.value.what} {found.value.todo}"


def test_a_whole_file_is_read() -> None:
    scenario = read("try", WHOLE)
    assert [step.when.text for step in scenario.steps] == ["outcome:a", ""]
    assert scenario.steps[0].when.plus_ms == 20 and scenario.steps[0].arguments == {"for": 500}
    assert scenario.steps[1].when.at == 1772424000_000, "12:00 in Shanghai is 04:00 UTC"
    assert scenario.steps[1].arguments == {"name": "drop", "after": 100}
    assert [(e.label, e.do, e.turn) for e in scenario.entries] == [("a", "sale", True), ("refund1", "refund", True)]
    assert json.loads(json.dumps(scenario.document))["agent"][1] == {
        "do": "refund",
        "label": "refund1",
        "turn": True,
        "of": "a",
    }


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "expected"),
    [
        ('profile = "esign"', 'profil = "esign"', 3, "profil", "profile perhaps"),
        ('profile = "esign"', 'profile = "esing"', 3, "profile", "Choose one of: classic, esign"),
        ("seed = 7", "seed = -7", 4, "seed", "a whole number, 0..999999999999"),
        ("seed = 7", 'dialect = "french"', 4, "dialect", "one of native, telium, transbank"),
        ("days = 2", "days = 0", 5, "days", "1..3660"),
        ("days = 2", "days = true", 5, "days", "a whole number"),
        ('en = "A try"', 'fr = "x"', 1, "title", '{ zh = "…", en = "…" }'),
        ('"D05", ', '"D5", ', 2, "tests", "fault-matrix: …"),
        ("fee_twice:count=1", "fee_thrice", 6, "lies", "Choose one of: raised_rate"),
        ("fee_twice:count=1", "fee_twice:cuont=1", 6, "lies", "KEY=VALUE of: count"),
        ('"outcome:a"', '"outcom:a"', 9, "step[0].after", "outcome perhaps, of ready, session"),
        ('"outcome:a"', '"outcome:b"', 9, "step[0].after", "Expected: a, refund1"),
        ('"outcome:a"', '"session:a"', 9, "step[0].after", "an agent made a session"),
        ('"outcome:a"', '"stage:paying:a"', 9, "step[0].after", "present_card, present_code, pin, host"),
        ('"outcome:a"', '"closed:monday"', 9, "step[0].after", "a day, as 2026-03-02"),
        ('do = "pull_cable"', 'do = "pul_cable"', 11, "step[0].do", "pull_cable perhaps, of present, cancel"),
        ('do = "pull_cable"', 'do = "vanish"', 11, "step[0].do", "one of present, cancel"),
        ('do = "pull_cable"', 'do = "kill"', 11, "step[0].do", "one of present, cancel"),
        ('do = "pull_cable"', 'do = ["kill"]', 11, "step[0].do", "one of present, cancel"),
        ("for = 500", 'for = "ever"', 8, "step[0]", "Give a whole number"),
        ("for = 500", "four = 500", 8, "step[0]", "Choose from: for"),
        ('do = "pull_cable"\nfor = 500\n', "", 8, "step[0]", "`do`, or `screen`"),
        ("at = 2026-03-02T12:00:00", 'at = "noon"', 15, "step[1].at", "without an offset"),
        ("at = 2026-03-02T12:00:00", "at = 2026-03-02T12:00:00Z", 15, "step[1].at", "without an offset"),
        ("at = 2026-03-02T12:00:00", "at = 2026-03-04T12:00:00", 15, "step[1].at", "the first opening"),
        ("at = 2026-03-02T12:00:00", 'at = 2026-03-02T12:00:00\nafter = "idle"', 14, "step[1]", "one of them"),
        ('name = "drop"', 'name = "drip"', 14, "step[1]", "drop"),
        ("after = 100", "afer = 100", 14, "step[1]", "Choose from"),
        ('do = "sale"', 'do = "sold"', 21, "agent[0].do", "of sale, refund"),
        ("amount_minor = 5000", f"amount_minor = {10**10 + 1}", 23, "agent[0].amount_minor", "1..10000000000"),
        ('"outcome:a"', '"closed:2026-03-04"', 9, "step[0].after", "one that is"),
        ('do = "pull_cable"\nfor = 500', 'do = "present"\ncustomer = "vizza"', 12, "step[0].customer", "visa_sample"),
        ('profile = "esign"', 'dialect = "telium"\ntransactions = 9', 4, "transactions", "0 or nothing"),
        ('profile = "esign"', 'dialect = "telium"\npairing = "ask"', 4, "pairing", "off or nothing"),
        ('en = "A try"', 'en = "A\\u001b[31m try"', 1, "title", "each one line"),
        ("sales_count = 1", "sales_count = { min = 2, max = 1 }", 31, "expect.ledger.sales_count", "max = …"),
        (
            "lies_minor = { fee_twice",
            "lies_minor = { fee_thrice",
            33,
            "expect.ledger.lies_minor.fee_thrice",
            "fee_twice",
        ),
        ("sales_count = 1", "host = { authorized = 0 }", 31, "expect.ledger.host.authorized", "authorised perhaps"),
        ("sales_count = 1", 'deposit_state = "payed"', 31, "expect.ledger.deposit_state.payed", "partly_paid, paid"),
        ('kind = "sale"\ncount = 1', 'kind = "sail"\ncount = 0', 36, "expect.ledger.line[0].kind", "sale perhaps"),
        ('kind = "sale"\ncount = 1', "amount = 5\ncount = 0", 36, "expect.ledger.line[0].amount", "amount_minor"),
        (
            'kind = "sale"\ncount = 1',
            'kind = "fee"\nrrn = "1"\ncount = 0',
            37,
            "expect.ledger.line[0].rrn",
            "fee_minor",
        ),
        ("amount_minor = 5000", "amount_minor = 50.0", 23, "agent[0].amount_minor", "an amount in minor units"),
        ("amount_minor = 5000\n", "", 20, "agent[0]", "minor units"),
        ('outcome = "approved"', 'outcome = "accepted"', 24, "agent[0].outcome", "one of approved, declined"),
        ('of = "a"', 'of = "b"', 28, "agent[1].of", "that of a sale"),
        ('of = "a"', 'of = "a"\nlabel = "a"', 29, "agent[1].label", "a label of its own"),
        ('of = "a"', 'of = "a"\nwhen = "soon"', 29, "agent[1].when", "one of session"),
        ("sales_count = 1", "sale_count = 1", 31, "expect.ledger.sale_count", "sales_count perhaps"),
        ("sales_count = 1", 'sales_count = "1"', 31, "expect.ledger.sales_count", "{ min = …, max = … }"),
        ("charged = { a = 5000 }", "charged = { b = 5000 }", 32, "expect.ledger.charged.b", "one that is"),
        ('kind = "sale"\ncount = 1', 'kind = "sale"', 35, "expect.ledger.line[0].count", "`count`"),
        ("sessions = { min = 1 }", "sessions = { least = 1 }", 40, "expect.wire.sessions", "{ min = …, max = … }"),
        ('never = ["交易失败"]', "never = []", 44, "expect.screen.never", "not empty"),
        ('never = ["交易失败"]', "", 30, "expect", "at least one line in [expect.screen]"),
        ("[expect.screen]", "[expect.display]", 43, "expect.display", "one of ledger, wire, screen"),
        ('detector = "D05"', 'detector = "D23"', 51, "expect.finding[0].detector", "D01 to D22"),
        ("lies_minor = { fee_twice = 25 }", "", 50, "expect.finding", "`lies_minor`"),
        ("[[expect.finding]]", "[expect.finding]", 50, "expect.finding", "[[expect.finding]]"),
        ('[[agent]]\ndo = "refund"', '[agent2]\ndo = "refund"', 26, "agent2", "agent perhaps"),
    ],
)
def test_what_is_wrong_is_refused_with_line_field_and_what_was_expected(
    old: str, new: str, line: int, field: str, expected: str
) -> None:
    told = refused(old, new)
    assert re.match(rf"try\.toml, line {line}: {re.escape(field)}[ ,]", told), told
    assert expected in told and "Expected: " in told, told


def test_a_finding_of_no_kind_can_be_expected() -> None:
    assert read("try", WHOLE.replace('detector = "D05"', 'detector = "any"')).expect["finding"][0]["detector"] == "any"


def test_a_text_that_is_no_toml_is_refused_with_its_line() -> None:
    told = refused("days = 2", "days = = 2")
    assert "try.toml is no TOML" in told and "line 5" in told


@pytest.mark.parametrize("section", ["ledger", "screen", "journal"])
def test_no_scenario_asserts_nothing(section: str) -> None:
    text = re.sub(r"\[\[expect\.(finding|ledger\.line)\]\]\n(\w.*\n)+", "", WHOLE)
    without = re.sub(rf"\[expect\.{section}\]\n(\w.*\n)+", "", text)
    assert without != text
    read("try", text)
    with pytest.raises(ScenarioRefused, match=f"says nothing of the {section}"):
        read("try", without)


def test_a_card_number_in_a_file_is_not_repeated() -> None:
    told = refused('profile = "esign"', "customer = 4111111111111111")
    assert "4111111111111111" not in told
    told = refused('profile = "esign"', 'customer = "4111111111111112"')
    assert "4111111111111112" not in told


def test_no_listing_of_a_file_shows_a_card_number(tmp_path: Path) -> None:
    """The customer may be called by a test card's number; masked it is still that card's."""
    number, path = "4242424242424242", tmp_path / "mine.toml"
    text = WHOLE.replace('profile = "esign"', f'customer = "{number}"')
    text = text.replace('do = "pull_cable"\nfor = 500', f'do = "present"\ncustomer = "{number}"')
    text = text.replace('outcome = "approved"', f'outcome = "approved"\noperator = "{number}"')
    path.write_text(text.replace('en = "A try"', f'en = "With {number}"'), encoding="utf-8")
    for form in ([], ["--json"]):
        told = CliRunner().invoke(sim, ["scenarios", str(path), *form])
        assert told.exit_code == 0 and number not in told.output
        assert told.output.count("424242******4242") == 4
    scenario = load(str(path))
    assert customer(scenario.options["customer"]) == customer("visa")
    assert scenario.steps[0].arguments == {"customer": "424242******4242"}


def test_what_editors_write_is_read_and_what_is_no_such_text_is_refused(tmp_path: Path) -> None:
    path, whole = tmp_path / "mine.toml", WHOLE.encode()
    for good in (
        b"\xef\xbb\xbf" + whole,
        whole.replace(b"\n", b"\r\n"),
        whole + b"# " + b"x" * (LARGEST - len(whole) - 2),
    ):
        path.write_bytes(good)
        assert load(str(path)).entries[0].label == "a"
    for bad, words in (
        (WHOLE.encode("utf-16"), "mine.toml, line 1: this is not UTF-8"),
        (whole.replace("试".encode(), "试".encode("gb18030")), "mine.toml, line 1: this is not UTF-8"),
        (whole + b"# caf\xe9\n", "mine.toml, line 53: this is not UTF-8"),
        (whole + b"# " + b"x" * LARGEST, f"has more than {LARGEST} bytes"),
        (b"a = " + b"[" * 100_000, "nested too deeply"),
        (b"seed = " + b"9" * 5000, "is no TOML"),
        (b"", "line 1: the file lacks 'title'"),
    ):
        path.write_bytes(bad)
        with pytest.raises(ScenarioRefused, match=re.escape(words)):
            load(str(path))
    path.unlink()
    path.symlink_to(path)
    (tmp_path / "folder.toml").mkdir()
    os.mkfifo(tmp_path / "pipe.toml")
    for name in ("mine.toml", "folder.toml", "pipe.toml"):
        with pytest.raises(ScenarioRefused, match=f"{name} is no file"):
            load(str(tmp_path / name))


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([]), st.just({}), st.just([{}])
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_stands_in_a_file_it_is_read_or_refused(data: st.DataObject) -> None:
    raw = tomllib.loads(WHOLE)
    at: Any = raw
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = data.draw(st.sampled_from(keys))
        if isinstance(at[key], dict | list) and at[key] and data.draw(st.booleans()):
            at = at[key]
            continue
        break
    if data.draw(st.booleans()) and isinstance(at, dict):
        del at[key]
    else:
        at[key] = data.draw(LEAVES)
    try:
        checked("try", copy.deepcopy(raw), WHOLE, "try.toml")
    except ScenarioRefused as error:
        assert "line" in error.what and error.todo.startswith("Expected: ")


# -- lines -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", scenario_names())
def test_every_key_of_a_real_file_has_its_line(name: str) -> None:
    text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    found, lines = lines_of(text), text.split("\n")

    def walk(value: Any, path: tuple[Any, ...]) -> None:
        children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, child in children:
            here = (*path, key)
            if here in found and isinstance(key, str):
                line = lines[found[here] - 1]
                assert key in line, (here, line)
            elif not any(here[:n] in found for n in range(1, len(here))):
                raise AssertionError(here)
            walk(child, here)

    walk(tomllib.loads(text), ())


# -- those that come with the simulator --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", scenario_names())
def test_those_that_come_with_the_simulator_are_good(name: str) -> None:
    scenario = load(name)
    assert scenario.name == name and re.fullmatch(r"[a-z0-9_]+", name)
    assert re.search("[一-鿿]", scenario.title["zh"]) and not re.search("[一-鿿]", scenario.title["en"])
    assert scenario.ends_after_ms <= 120_000


def test_every_kind_of_value_is_used_and_known() -> None:
    tables = [FILE, STEP, *(deed.words for deed in DEEDS.values()), *EXPECT.values()]
    used = {word.kind for table in tables for word in table.values()}
    assert used == KINDS.keys()


def test_the_words_are_told_on_the_command_line_and_on_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
    told = CliRunner().invoke(sim, ["scenarios", "--words", "--json"])
    document = json.loads(told.output)
    assert document.keys() == {"file", "step", "after", "agent", "when", *(f"expect.{s}" for s in EXPECT)}
    text = CliRunner().invoke(sim, ["scenarios", "--words"]).output
    for rows in document.values():
        for row in rows:
            assert f"`{row['name']}`" in page, row["name"]
            assert f"    {row['name']}" in text
    assert {row["name"] for row in document["after"]} == TRIGGERS.keys()
    assert {row["name"] for row in document["when"]} == MOMENTS.keys()


def test_one_scenario_is_told_whole_with_the_registers_half() -> None:
    told = CliRunner().invoke(sim, ["scenarios", "cable_cut_mid_response"])
    assert told.exit_code == 0
    for words in ("after outcome:lunch: pull_cable for=2000", "lunch: sale amount_minor=3800", "charged"):
        assert words in told.output, words
    document = json.loads(CliRunner().invoke(sim, ["scenarios", "cable_cut_mid_response", "--json"]).output)
    assert document["agent"][0]["label"] == "lunch" and document["step"][0]["for"] == 2000
    listed = json.loads(CliRunner().invoke(sim, ["scenarios", "--json"]).output)
    assert [row["name"] for row in listed] == scenario_names()
    assert all(row["title"].keys() == {"zh", "en"} and row["tests"] for row in listed)


def test_one_that_is_not_there_is_exit_2() -> None:
    told = CliRunner().invoke(sim, ["scenarios", "nothing_like_it"])
    assert told.exit_code == 2 and "no scenario 'nothing_like_it'" in told.output
