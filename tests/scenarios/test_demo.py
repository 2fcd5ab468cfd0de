"""`counterfoil demo` as a person and a script call it: real processes, a real pty, a real journal."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import run_counterfoil, until


def ledger_of(home: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (home / "simulator" / "ledger.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.requirement("4-11")
def test_the_headless_day_as_the_issue_words_it(tmp_path: Path) -> None:
    home = tmp_path / "H"
    arguments = ["--home", str(home), "demo", "--headless", "--transactions", "300", "--seed", "7", "--json"]
    result = run_counterfoil(*arguments)
    assert result.returncode == 0, result.stderr
    said = json.loads(result.stdout)
    assert (said["transactions"], said["events"]) == (300, 600)
    closing = ledger_of(home)[-1]
    for name in ("sales_minor", "refunds_minor", "fees_minor"):
        assert said[name] == closing[name] and type(said[name]) is int, name
    assert said["equals_ledger"] and said["simulated"]
    journal = said["journal"]
    # journal.opened, terminal.paired, the events, and five pages of the day's settlement
    assert journal["size"] == 607 and len(base64.b64decode(journal["root"])) == 32
    assert journal["vkey"].startswith(journal["origin"] + "+")
    verified = run_counterfoil("--home", str(home), "journal", "verify", "--json")
    assert verified.returncode == 0
    answer = json.loads(verified.stdout)
    assert (answer["ok"], answer["size"], answer["root"]) == (True, journal["size"], journal["root"])


def test_the_sums_of_the_ledger_by_hand(tmp_path: Path) -> None:
    """The closing line is the simulator's own; here its single lines are added up again, by the meanings of docs/interface.md."""
    home = tmp_path / "H"
    result = run_counterfoil("--home", str(home), "demo", "--transactions", "120", "--seed", "21", "--json")
    said = json.loads(result.stdout)
    lines = [line for line in ledger_of(home) if line["kind"] in ("sale", "void", "refund")]
    approved = [line for line in lines if line["outcome"] == "approved"]
    voided = {line["original_reference"] for line in approved if line["kind"] == "void"}
    sales = [line for line in approved if line["kind"] == "sale" and line["reference"] not in voided]
    assert len(lines) == said["transactions"] == 120
    assert sum(line["amount_minor"] for line in sales) == said["sales_minor"]
    assert sum(line["amount_minor"] for line in approved if line["kind"] == "refund") == said["refunds_minor"]
    assert sum(line["fee_minor"] for line in lines) == said["fees_minor"]


def test_same_seed_same_day_and_another_seed_another(tmp_path: Path) -> None:
    days = []
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        home = tmp_path / name
        assert run_counterfoil("--home", str(home), "demo", "--transactions", "40", "--seed", seed).returncode == 0
        days.append((home / "simulator" / "ledger.jsonl").read_bytes())
    assert days[0] == days[1] != days[2]


def test_several_days_and_every_profile(tmp_path: Path) -> None:
    for profile in ("classic", "esign", "smart", "umi"):
        home = tmp_path / profile
        result = run_counterfoil(
            "--home", str(home), "demo", "--days", "2", "--transactions", "25", "--profile", profile, "--json"
        )
        assert result.returncode == 0, result.stderr
        said = json.loads(result.stdout)
        assert said["dates"] == ["2026-03-02", "2026-03-03"] and said["transactions"] == 50


def test_the_report_in_both_languages(tmp_path: Path) -> None:
    chinese = run_counterfoil("--home", str(tmp_path / "zh"), "--lang", "zh_CN", "demo", "--transactions", "20")
    english = run_counterfoil("--home", str(tmp_path / "en"), "--lang", "en", "demo", "--transactions", "20")
    assert chinese.returncode == english.returncode == 0
    for word in ("日结", "演练", "销售", "手续费", "2026-03-02"):
        assert word in chinese.stdout
    for word in ("Day report", "DEMO", "Sales", "Fees", "2026-03-02"):
        assert word in english.stdout
    assert "100%" in english.stderr


def test_a_second_demo_puts_the_first_aside_and_loses_none_of_the_last_three(tmp_path: Path) -> None:
    home = tmp_path / "H"
    for _run in range(5):
        assert run_counterfoil("--home", str(home), "demo", "--transactions", "10").returncode == 0
    kept = sorted((home / "earlier").iterdir())
    assert len(kept) == 3
    for earlier in kept:
        assert run_counterfoil("--home", str(earlier), "journal", "verify").returncode == 0


@pytest.mark.parametrize("delay", [0.4, 0.8, 1.2])
def test_a_killed_demo_goes_on_where_it_stopped(tmp_path: Path, delay: float) -> None:
    home = tmp_path / "H"
    arguments = ["--home", str(home), "demo", "--headless", "--transactions", "400", "--seed", "3", "--json"]
    first = subprocess.Popen(
        [sys.executable, "-m", "agent", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until(lambda: (home / "journal.db").exists())
    time.sleep(delay)
    first.send_signal(signal.SIGKILL)
    first.wait()
    result = run_counterfoil(*arguments)
    assert result.returncode == 0, result.stderr
    said = json.loads(result.stdout)
    assert said["transactions"] == 400 and said["equals_ledger"]
    assert run_counterfoil("--home", str(home), "journal", "verify").returncode == 0


def test_an_unknown_profile_and_wrong_usage(tmp_path: Path) -> None:
    home = str(tmp_path / "H")
    unknown = run_counterfoil("--home", home, "demo", "--profile", "nonesuch")
    assert unknown.returncode == 3 and "nonesuch" in unknown.stderr and "Traceback" not in unknown.stderr
    assert run_counterfoil("--home", home, "demo", "--transactions", "0").returncode == 2
    assert run_counterfoil("--home", home, "nonesuch").returncode == 2


def test_without_a_terminal_the_bare_command_shows_its_help(tmp_path: Path) -> None:
    result = run_counterfoil("--home", str(tmp_path))
    assert result.returncode == 0 and "Usage: counterfoil" in result.stdout


def test_no_full_card_number_in_any_file(tmp_path: Path) -> None:
    """Whatever has 13 to 19 digits in a row anywhere in the home is no card number: Luhn, beginning with a bank's digit."""
    import re

    from protocol.masking import luhn

    home = tmp_path / "H"
    assert run_counterfoil("--home", str(home), "demo", "--transactions", "100").returncode == 0
    for path in home.rglob("*"):
        if not path.is_file() or path.name in ("journal.db", "views.db") or os.path.islink(path):
            continue
        for run in re.findall(rb"(?<![0-9a-f])[3-6]\d{12,18}(?![0-9a-f])", path.read_bytes()):
            assert not luhn(run.decode()), (path, run)


def test_a_record_that_differs_from_the_ledger_is_said_and_is_exit_1(tmp_path: Path) -> None:
    """The ledger is changed behind the demo's back, before it compares: one fen in one closing line."""
    home = tmp_path / "H"
    arguments = ["--home", str(home), "demo", "--headless", "--transactions", "5", "--json"]
    changed = (
        "import agent.commands.demo as d; read = d._ledger\n"
        "def one_fen_more(path):\n"
        "    lines = read(path)\n"
        "    for line in lines:\n"
        "        if line['kind'] == 'day.closed': line['fees_minor'] += 1\n"
        "    return lines\n"
        "d._ledger = one_fen_more\n"
        "from agent.cli import main; import sys; main(sys.argv[1:])"
    )
    done = subprocess.run([sys.executable, "-c", changed, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    said = json.loads(done.stdout)
    assert not said["equals_ledger"] and "fees_minor" in said["differences"][0]
