"""`sim run --scenario`, `--judge` and `--junit` as a process, with a register on its port."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.simulator.register import Process, stage_folder
from tests.simulator.test_junit import assert_by_the_schemas

BODY = """
title = { zh = "试", en = "A try" }
tests = ["rule: a try"]
seed = 7
customer = "unionpay_credit"
[[agent]]
do = "sale"
label = "a"
amount_minor = 5000
outcome = "approved"
[expect.ledger]
sales_minor = 5000
[expect.wire]
acknowledged = "all"
[expect.screen]
shown = ["消费成功"]
[expect.journal]
outcomes = { a = "approved" }
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(BODY, encoding="utf-8")
    return path


def test_all_held_is_exit_0_with_words_document_and_junit(tmp_path: Path, file: Path) -> None:
    words = Process(tmp_path / "words", "--scenario", "sale_and_refund", "--json")
    assert words.play() == 0, words.lines
    assert words.verdict["verdict"] == "held" and all(check["ok"] for check in words.verdict["checks"])
    assert words.verdict["left"]["journal"]["outcomes"] == {"dinner": "approved", "refund1": "approved"}
    turns = [json.loads(line) for line in words.lines if line.startswith('{"turn"')]
    assert [(t["turn"], t["label"], t["do"]) for t in turns] == [(1, "dinner", "sale"), (2, "refund1", "refund")]
    junit = tmp_path / "v.xml"
    mine = Process(tmp_path / "mine", "--scenario", str(file), "--junit", str(junit), "--json")
    assert mine.play() == 0
    suites = ElementTree.parse(junit).getroot()
    assert_by_the_schemas(suites)
    assert suites[0].get("failures") == "0" and int(suites[0].get("tests", "0")) == len(mine.verdict["checks"])


def test_one_that_is_broken_is_exit_1_and_says_what_and_how_to_play_it_again(tmp_path: Path, file: Path) -> None:
    file.write_text(BODY.replace("sales_minor = 5000", "sales_minor = 5001"), encoding="utf-8")
    options = ("--scenario", str(file), "--junit", str(tmp_path / "v.xml"), "--seed", "12")
    process = Process(tmp_path / "p", *options, register=False)
    while len(process.lines) < 2:
        process.read(0.1)
    assert process.lines[1] == "Now the register (1): sale a: amount_minor=5000, outcome=approved"
    process.process.send_signal(signal.SIGTERM)
    assert process.play() == 1
    text = "\n".join(process.lines)
    assert "✗ ledger: sales_minor" in text and "expected: 5001" in text and "found:    0" in text
    assert "✗ it came to its end" in text and "it was stopped" in text
    assert "found:    refused: nobody asked the terminal for it" in text
    again = shlex.split(process.lines[-1].removeprefix("Again: "))
    assert again[:3] == ["counterfoil", "sim", "run"]
    assert again[again.index("--scenario") + 1] == str(file) and again[again.index("--seed") + 1] == "12"
    assert "--junit" not in again
    suites = ElementTree.parse(tmp_path / "v.xml").getroot()
    assert_by_the_schemas(suites)
    assert suites.findtext("testsuite/system-out", "").strip() == process.lines[-1]


def test_the_command_line_overrules_the_file(tmp_path: Path, file: Path) -> None:
    process = Process(tmp_path / "p", "--scenario", str(file), "--profile", "umi", "--customer", "nobody", "--json")
    assert process.play() == 1
    assert (process.verdict["profile"], process.verdict["seed"]) == ("umi", 7)
    found = {check["name"]: check for check in process.verdict["checks"]}
    assert found["a ends"]["found"] == "declined" and not found["a ends"]["ok"]


def test_a_bad_file_is_exit_2_and_nothing_is_made(tmp_path: Path, file: Path) -> None:
    file.write_text(BODY.replace("seed = 7", "sead = 7"), encoding="utf-8")
    command = [sys.executable, "-m", "simulator", "run", "--link", str(tmp_path / "port"), "--scenario", str(file)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert told.returncode == 2 and "mine.toml, line 4: sead is unknown here." in told.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.toml"]


def test_a_folder_of_a_real_terminal_is_left_alone_and_its_own_is_begun_anew(tmp_path: Path, file: Path) -> None:
    for _ in range(2):
        process = Process(tmp_path / "p", "--scenario", str(file), "--json")
        assert process.play() == 0, "the second begins as the first did"
    state = stage_folder(tmp_path / "q")
    (state / "log.jsonl").write_text("mine\n")
    process = Process(tmp_path / "q", "--scenario", str(file))
    assert process.play() == 3 and "a terminal's log that no scenario made" in process.errors
    assert (state / "log.jsonl").read_text() == "mine\n"


def test_any_run_can_be_judged(tmp_path: Path) -> None:
    day = ("--seed", "7", "--speed", "0", "--transactions", "20", "--then", "exit", "--json")
    customer = ("--customer", "4242424242424242")
    process = Process(tmp_path / "p", *day, *customer, "--junit", str(tmp_path / "v.xml"))
    assert process.play() == 0
    again = shlex.split(process.verdict["replay"])
    assert again[-1] == "--judge" and again[again.index("--customer") + 1] == "424242******4242"
    for text in ("\n".join(process.lines), (tmp_path / "v.xml").read_text()):
        assert "4242424242424242" not in text
    assert (process.verdict["seed"], process.verdict["days"]) == (7, 1)
    assert process.verdict["name"] == "run" and len(process.verdict["checks"]) == 5
    assert process.verdict["counts"]["sessions"] == 1 and process.verdict["counts"]["events"] >= 40
    assert_by_the_schemas(ElementTree.parse(tmp_path / "v.xml").getroot())


def test_a_run_whose_register_acknowledges_too_much_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from protocol.messages import EventAck
    from tests.simulator import register

    monkeypatch.setattr(register, "EventAck", lambda up_to: EventAck(up_to=up_to + 1000 if up_to == 1 else up_to))
    day = ("--seed", "7", "--speed", "0", "--transactions", "20", "--then", "exit", "--json", "--judge")
    process = Process(tmp_path / "p", *day)
    assert process.play() == 1
    assert [c["name"] for c in process.verdict["checks"] if not c["ok"]] == ["events are acknowledged in order"]


@pytest.mark.parametrize("place", ["no/v.xml", "p"])
def test_a_verdict_that_could_not_be_written_is_exit_3_at_once(tmp_path: Path, file: Path, place: str) -> None:
    process = Process(tmp_path / "p", "--scenario", str(file), "--json", "--junit", str(tmp_path / place))
    assert process.play() == 3 and "cannot be written" in process.errors and process.lines == []


def test_a_verdict_that_cannot_be_written_is_exit_3(tmp_path: Path, file: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    process = Process(tmp_path / "p", "--scenario", str(file), "--json", "--junit", str(folder / "v.xml"))
    while not process.lines:
        process.read(0.1)
    folder.rmdir()
    assert process.play() == 3 and "cannot be written" in process.errors and process.lines
