"""`counterfoil journal export --tiles`: beside an agent at work, on a full disk, in a folder of one's own; nothing private leaves."""

from __future__ import annotations

import json
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from agent.home import Home
from tests.strangers.records import Bench, Command, Record, Verifier


def export(command: Command, home: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return command("--home", str(home), "journal", "export", *arguments, cwd=cwd)


def test_beside_an_agent_at_work(
    simulator: Callable[..., object],
    home_for: Callable[..., Home],
    agent: Callable[..., object],
    command: Command,
    go: Verifier,
    node: Verifier,
    tmp_path: Path,
) -> None:
    """Events come in all the while; every export is whole, and a beginning of the next."""
    terminal = simulator("--seed", "9", "--transactions", "400", "--speed", "0", "--then", "stay")
    home = home_for(terminal)
    working = agent(home).await_session()  # type: ignore[attr-defined]
    sizes = []
    for name in ("first", "second", "third"):
        done = export(command, home.path, tmp_path, "--tiles", name, "--json")
        assert done.returncode == 0, done.stderr
        sizes.append(json.loads(done.stdout)["size"])
        vkey = str(home.keys / "journal.vkey")
        for verifier in (go, node):
            assert verifier("tiles", vkey, str(tmp_path / name)).refused is None
            older, newer = str(tmp_path / "first" / "checkpoint"), str(tmp_path / name / "checkpoint")
            assert verifier("consistent", vkey, older, newer, str(tmp_path / name)).refused is None
    assert sizes == sorted(sizes)
    assert working.process.poll() is None


def test_what_it_answers(record: Callable[[int], Record], command: Command, tmp_path: Path) -> None:
    true = record(257)
    done = export(command, true.home, tmp_path, "--tiles", "out", "--json")
    note = true.heads[257].split("\n")
    files = [each for each in (tmp_path / "out").rglob("*") if each.is_file()]
    answer = json.loads(done.stdout)
    assert answer.pop("at").startswith("2026-03-01T")
    assert answer == {
        "simulated": True,
        "folder": str(tmp_path / "out"),
        "origin": note[0],
        "size": 257,
        "root": note[2],
        "vkey": (true.home / "keys" / "journal.vkey").read_text(encoding="ascii").strip(),
        "files": len(files),
        "bytes": sum(each.stat().st_size for each in files),
    }
    assert {str(each.relative_to(tmp_path / "out")) for each in files} == {
        *("checkpoint", "journal.vkey", "README.txt", "tile/1/000.p/1"),
        *("tile/0/000", "tile/0/001.p/1", "tile/entries/000", "tile/entries/001.p/1"),
    }


def test_what_it_says_to_people(record: Callable[[int], Record], command: Command, tmp_path: Path) -> None:
    true = record(3)
    done = export(command, true.home, tmp_path, "--tiles", "out")
    assert done.returncode == 0
    assert "DEMO: simulated" in done.stderr
    assert "3/3" in done.stderr
    assert done.stdout.startswith("out holds all 3 entries now, in 5 files of ")
    assert "Names and free texts that stand outside the entries are not in it." in done.stdout


def test_the_folder_in_which_one_stands(record: Callable[[int], Record], command: Command, tmp_path: Path) -> None:
    assert export(command, record(3).home, tmp_path, "--tiles", ".").returncode == 0
    assert {each.name for each in tmp_path.iterdir()} == {"checkpoint", "journal.vkey", "README.txt", "tile"}


def test_refusals_are_two_sentences(record: Callable[[int], Record], command: Command, tmp_path: Path) -> None:
    home = record(3).home
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    (tmp_path / "file").touch()
    for name, words in {
        "full": "The folder full is not empty.",
        "file": "file is not a folder.",
        "none/below": "The tiles cannot be written to none/below: No such file or directory.",
        "/proc/new": "The tiles cannot be written to /proc/new: ",
    }.items():
        done = export(command, home, tmp_path, "--tiles", name)
        assert done.returncode == 3
        said = [line for line in done.stderr.splitlines() if not line.startswith("DEMO")]
        assert len(said) == 2, done.stderr
        assert said[0].startswith(words)
    assert export(command, home, tmp_path).returncode == 2
    assert {each.name for each in tmp_path.iterdir()} == {"full", "file"}


def test_a_disk_that_takes_no_more(record: Callable[[int], Record], tmp_path: Path) -> None:
    """Here a limit on the size of a file: the first bundle is longer."""
    command = [str(Path(sys.executable).with_name("counterfoil")), "--lang", "en", "--home", str(record(600).home)]
    done = subprocess.run(
        [*command, "journal", "export", "--tiles", "out"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000)),
    )
    assert done.returncode == 3
    assert "The tiles cannot be written to out: File too large.\nName a new folder" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_nothing_private_leaves(bench: Callable[..., Bench]) -> None:
    case = bench(85)
    with closing(sqlite3.connect(f"file:{case.true.home / 'journal.db'}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT salt, value FROM private").fetchall()
    assert len(rows) == 28
    for file in case.folder.rglob("*"):
        content = file.read_bytes() if file.is_file() else b""
        for salt, value in rows:
            assert value.encode() not in content
            assert salt not in content
            assert salt.hex().encode() not in content
