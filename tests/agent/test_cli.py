"""The command line as scripts and technicians use it: one JSON document on stdout, logs on stderr, exit codes."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.errors import HomeError
from agent.home import Home
from agent.journal.checkpoint import Checkpoint, VerifyingKey
from agent.journal.proof import Proof
from agent.settings import read_settings
from protocol.dialect import dialect
from tests.conftest import Agent, Simulator, run_counterfoil


@pytest.fixture(scope="module")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("cli") / "H"
    result = run_counterfoil("--home", str(home), "demo", "--headless", "--transactions", "40", "--seed", "3")
    assert result.returncode == 0, result.stderr
    return home


def answer(home: Path, *arguments: str) -> Any:
    result = run_counterfoil("--home", str(home), *arguments, "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom agent.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'textual', 'sqlite_utils', 'construct', 'serial', 'cryptography', 'sqlite3', 'pysqlite3', 'protocol'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_the_agent_needs_no_screens_and_no_simulator() -> None:
    code = "import sys, agent.opening, agent.commands.serve; print(sorted({'textual', 'tui', 'simulator'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "command",
    [
        *(["demo"], ["init"], ["serve"], ["sim", "run"], ["sim", "profiles"], ["tui"]),
        *(["journal", name] for name in ("head", "verify", "log", "show", "proof", "rebuild")),
        *(["transactions", "list"], ["transactions", "show"], ["terminal", "info"], ["terminal", "sync"]),
        *(["terminal", name] for name in ("status", "pair", "unpair", "self-test", "echo")),
    ],
    ids=" ".join,
)
def test_every_command_has_its_help(command: list[str]) -> None:
    result = run_counterfoil(*command, "--help")
    assert result.returncode == 0 and result.stdout.startswith("Usage:")


def test_the_head_is_a_checkpoint_signed_by_the_key_beside_it(demo_home: Path) -> None:
    head = answer(demo_home, "journal", "head")
    checkpoint = Checkpoint.verify(head["note"], VerifyingKey.parse(head["vkey"]))
    assert (checkpoint.origin, checkpoint.size) == (head["origin"], head["size"])
    assert head["simulated"] is True
    plain = run_counterfoil("--home", str(demo_home), "journal", "head")
    assert plain.stdout == head["note"] and "DEMO" in plain.stderr


def test_log_show_and_proof_speak_of_the_same_entry(demo_home: Path) -> None:
    entries = answer(demo_home, "journal", "log", "--from", "5", "--limit", "3")
    assert [entry["seq"] for entry in entries] == [5, 6, 7]
    raw = run_counterfoil("--home", str(demo_home), "journal", "show", "6").stdout.rstrip("\n").encode()
    assert json.loads(raw)["body"] == entries[1]["body"]
    proof = run_counterfoil("--home", str(demo_home), "journal", "proof", "6").stdout
    key = VerifyingKey.parse((demo_home / "keys" / "journal.vkey").read_text().strip())
    assert Proof.parse(proof).verify(raw, key).size == 83
    nowhere = run_counterfoil("--home", str(demo_home), "journal", "show", "999")
    assert nowhere.returncode == 1 and "999" in nowhere.stderr


def test_transactions_as_documents_with_amounts_in_minor_units(demo_home: Path) -> None:
    page = answer(demo_home, "transactions", "list", "--limit", "7")
    assert page["total"] == 40 and len(page["transactions"]) == 7 and page["simulated"]
    for row in page["transactions"]:
        assert type(row["amount_minor"]) is int and row["at"].endswith("Z")
    whole = answer(demo_home, "transactions", "show", page["transactions"][0]["reference"])
    assert [entry["kind"] for entry in whole["entries"]] == ["terminal.transaction", "terminal.fee"]


def test_views_are_rebuilt_to_the_same_rows_and_foreign_tools_read_them(demo_home: Path) -> None:
    def rows() -> list[Any]:
        with sqlite3.connect(f"file:{demo_home}/views.db?mode=ro", uri=True) as views:
            return [views.execute(f"SELECT * FROM {t} ORDER BY seq").fetchall() for t in ("transactions", "fees")]

    before = rows()
    assert len(before[0]) == 40
    (demo_home / "views.db").unlink()
    assert answer(demo_home, "journal", "rebuild") == {"entries": 83}
    assert rows() == before
    (demo_home / "views.db").write_bytes(b"not a database at all" * 100)
    assert answer(demo_home, "transactions", "list")["total"] == 40


def test_a_journal_elsewhere_is_verified_from_a_copy_and_left_alone(demo_home: Path, tmp_path: Path) -> None:
    away = tmp_path / "journal.db"
    away.write_bytes((demo_home / "journal.db").read_bytes())
    vkey = (demo_home / "keys" / "journal.vkey").read_text().strip()
    result = run_counterfoil("--home", str(tmp_path), "journal", "verify", str(away), "--vkey", vkey, "--json")
    assert result.returncode == 0, result.stderr
    assert set(json.loads(result.stdout)["files"]) == {"journal.db"}
    assert away.read_bytes() == (demo_home / "journal.db").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["journal.db"]


def test_a_head_kept_elsewhere_is_held_against_the_journal(demo_home: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.note"
    kept.write_text(answer(demo_home, "journal", "head")["note"], encoding="utf-8")
    good = run_counterfoil("--home", str(demo_home), "journal", "verify", "--head", str(kept))
    assert good.returncode == 0, good.stderr
    kept.write_text(kept.read_text(encoding="utf-8").replace("\n83\n", "\n82\n"), encoding="utf-8")
    bad = run_counterfoil("--home", str(demo_home), "journal", "verify", "--head", str(kept))
    assert bad.returncode == 1
    missing = run_counterfoil("--home", str(demo_home), "journal", "verify", "--head", str(tmp_path / "none"))
    assert missing.returncode == 3 and "Traceback" not in missing.stderr


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"", "not a journal"), (b"x" * 5000, "not a journal"), (None, "no journal")],
    ids=["empty", "foreign", "missing"],
)
def test_a_journal_that_is_none(demo_home: Path, tmp_path: Path, content: bytes | None, word: str) -> None:
    path = tmp_path / "journal.db"
    if content is not None:
        path.write_bytes(content)
    vkey = (demo_home / "keys" / "journal.vkey").read_text().strip()
    result = run_counterfoil("journal", "verify", str(path), "--vkey", vkey)
    assert result.returncode == 3 and word in result.stderr and "Traceback" not in result.stderr


def test_settings_that_cannot_be_read_name_the_field(demo_home: Path, tmp_path: Path) -> None:
    home = tmp_path / "H"
    home.mkdir()
    (home / "settings.toml").write_text('terminal = "T"\nsimulated = "perhaps"\nport = "/dev/null"\n')
    result = run_counterfoil("--home", str(home), "journal", "head")
    assert result.returncode == 3 and "simulated" in result.stderr and "Traceback" not in result.stderr


def test_the_terminal_is_asked_without_an_agent_running(
    simulator: Callable[..., Simulator], home_for: Callable[..., Home]
) -> None:
    terminal = simulator("--seed", "8", "--transactions", "10", "--speed", "0")
    home = home_for(terminal)
    info = answer(home.path, "terminal", "info")
    assert info["terminal"] == terminal.terminal and info["simulated"]
    assert answer(home.path, "terminal", "sync")["last_event"] == 21
    assert answer(home.path, "transactions", "list")["total"] == 10
    terminal.stop()
    gone = run_counterfoil("--home", str(home.path), "terminal", "info")
    assert gone.returncode == 3 and "There is no port" in gone.stderr


def test_a_technician_asks_for_status_self_test_and_echo(
    simulator: Callable[..., Simulator], home_for: Callable[..., Home], agent: Callable[..., Agent]
) -> None:
    terminal = simulator("--seed", "8", "--transactions", "2", "--speed", "0", "--then", "stay")
    home = home_for(terminal)
    agent(home).await_session()
    status = answer(home.path, "terminal", "status")
    assert (status["state"], status["terminal"], status["dialect"]) == ("up", terminal.terminal, "native")
    assert status["paired"] and status["identifies"] and status["simulated"] and status["notices"] == []
    assert {"events", "heads", "sale", "pairing"} <= set(status["speaks"])
    assert status["good_frames"] > 3 and status["damaged_frames"] == 0 and status["since"].endswith("Z")
    echo = answer(home.path, "terminal", "echo", "--size", "300")
    assert echo["size"] == 300 and type(echo["round_trip_us"]) is int
    test = answer(home.path, "terminal", "self-test")
    assert test["passed"] and test["items"]
    said = run_counterfoil("--home", str(home.path), "terminal", "status").stdout
    assert "native" in said and status["fingerprint"] in said


def test_a_home_for_another_dialect_says_what_its_wire_cannot(tmp_path: Path) -> None:
    """Rate and format are the dialect's unless they are given; nothing is to be paired."""
    home = tmp_path / "H"
    made = answer(home, "init", "--terminal", "TPE-1", "--port", "/dev/ttyUSB0", "--dialect", "telium")
    found = dialect("telium")
    assert (made["dialect"], made["pairs"], made["fingerprint"]) == ("telium", False, None)
    assert (made["line_rate"], made["line_format"]) == (found.line_rate, found.line_format)
    status = answer(home, "terminal", "status")
    assert (status["state"], status["dialect"], status["paired"]) == ("off", "telium", None)
    assert "sale" in status["speaks"] and "events" not in status["speaks"] and not status["identifies"]
    other = run_counterfoil(
        *("--home", str(tmp_path / "O"), "init", "--terminal", "T", "--port", "/dev/null", "--dialect", "telium"),
        *("--line-rate", "2400", "--line-format", "7E1"),
    )
    assert other.returncode == 0 and "does not say which terminal" in other.stdout
    assert 'line_format = "7E1"' in (tmp_path / "O" / "settings.toml").read_text()
    assert run_counterfoil("--home", str(tmp_path / "P"), "init", "--dialect", "morse").returncode == 2


def test_a_home_of_an_older_make_goes_by_the_dialects_line(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('terminal = "T"\nsimulated = false\nport = "/dev/null"\ndialect = "transbank"\n')
    settings = read_settings(path)
    assert (settings.line_rate, settings.line_format) == (dialect("transbank").line_rate, "8N1")
    path.write_text('terminal = "T"\nsimulated = false\nport = "/dev/null"\nline_format = "9X9"\n')
    with pytest.raises(HomeError, match="line_format"):
        read_settings(path)
    path.write_text('terminal = "T"\nsimulated = false\nport = "/dev/null"\ndialect = "morse"\n')
    with pytest.raises(HomeError, match="morse"):
        read_settings(path)


def test_what_a_console_cannot_say_ends_no_command(demo_home: Path) -> None:
    for encoding, sign in (("gbk", "￥"), ("utf-8", "¥")):
        done = subprocess.run(
            [sys.executable, "-m", "agent", "--home", str(demo_home), "--lang", "zh_CN", "transactions", "list"],
            capture_output=True,
            check=True,
            env={"PYTHONIOENCODING": encoding, "PATH": ""},
        )
        assert sign in done.stdout.decode(encoding)


def test_debug_shows_where_it_happened(tmp_path: Path) -> None:
    quiet = run_counterfoil("--home", str(tmp_path / "none"), "journal", "head")
    loud = run_counterfoil("--debug", "--home", str(tmp_path / "none"), "journal", "head")
    assert "Traceback" not in quiet.stderr and "Traceback" in loud.stderr
