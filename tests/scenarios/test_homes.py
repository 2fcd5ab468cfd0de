"""Homes in trouble: killed while they are made, asked by many at once, or with a note, the views or a lock gone wrong."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent import desk_socket
from agent.desk_socket import SocketDesk
from agent.errors import CounterfoilError
from agent.home import Home
from agent.journal.engine import connect_views
from agent.journal.keys import PassphraseSources
from agent.opening import agent_at_work
from agent.views import LinkState
from tests.conftest import LEFT, Agent, Simulator, refused, run_counterfoil, until

Recorded = tuple[Home, Simulator]
StartAgent = Callable[..., Agent]

DEMO = ("demo", "--headless", "--transactions")


def tables(home: Home) -> set[str]:
    """The names of the views' tables."""
    views = connect_views(home.views)
    try:
        return {name for (name,) in views.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    finally:
        views.close()


def test_an_empty_local_note_after_a_power_cut_does_not_keep_the_agent_from_starting(
    recorded: Recorded, agent: StartAgent
) -> None:
    """A rename without a sync may leave an empty file (XFS, F2FS, ext4 with noauto_da_alloc): no head, no accusation."""
    home, _terminal = recorded
    (home.path / "heads" / "local.note").write_bytes(b"")
    worker = agent(home).await_session()
    said = worker.stop()
    assert worker.process.returncode in LEFT, said


def test_views_that_lose_a_table_do_not_end_the_agent(recorded: Recorded, agent: StartAgent) -> None:
    home, terminal = recorded
    worker = agent(home).await_session()
    desk = SocketDesk(home.socket)
    size = desk.status().head.size
    views = connect_views(home.views)
    for table in ("findings", "device_events"):
        views.execute(f"DROP TABLE {table}")
    views.close()
    terminal.kill()
    terminal.start()  # says that it booted: something for the views to take
    until(lambda: worker.process.poll() is not None or desk.status().head.size > size)
    until(lambda: worker.process.poll() is not None or tables(home) >= {"findings", "device_events"})
    time.sleep(1)  # the agent looks at its own status every half second
    code = worker.process.poll()
    said = worker.stop()
    assert code is None, said


def test_a_number_too_large_for_the_views_is_refused_in_words_and_nothing_is_said_on_the_agents_side(
    recorded: Recorded, agent: StartAgent
) -> None:
    home, _terminal = recorded
    worker = agent(home).await_session()
    result = run_counterfoil("--home", str(home.path), "transactions", "list", "--offset", str(10**22))
    with pytest.raises(CounterfoilError):  # past the command line, which knows its bounds
        SocketDesk(home.socket).transactions(offset=10**22)
    said = worker.stop()
    assert result.returncode != 0 and "Traceback" not in result.stderr, result
    assert "Traceback" not in said, said


def test_wait_over_the_socket_may_be_as_long_as_in_the_process(
    recorded: Recorded, agent: StartAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, _terminal = recorded
    agent(home).await_session()
    desk = SocketDesk(home.socket)
    revision = desk.status().revision
    slack = 1.0
    monkeypatch.setattr(desk_socket, "_SLACK_S", slack)
    began = time.monotonic()
    assert desk.wait(revision + 1_000, 1_500) >= revision
    assert time.monotonic() - began > slack


def test_a_port_lock_that_cannot_be_made_does_not_end_the_pump(
    recorded: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, terminal = recorded
    with agent_at_work(home, home.settings(), PassphraseSources()) as desk:
        until(lambda: desk.status().link.state is LinkState.UP)
        full = tmp_path / "tmp"
        full.mkdir()
        (full / f"counterfoil-{os.getuid()}").write_text("in the way of the folder of locks")
        monkeypatch.setattr(tempfile, "tempdir", str(full))
        terminal.kill()
        until(lambda: desk.status().link.state is LinkState.PORT_LOST)
        time.sleep(1)  # it is tried again every half second
        monkeypatch.setattr(tempfile, "tempdir", None)
        terminal.start()
        until(lambda: desk.status().link.state is LinkState.UP)


# -- killed while they are made ----------------------------------------------------------------------------------------

KILLED = """
import os, sys
import agent.opening, agent.commands.demo
{place} = lambda *given: os._exit(9)
from agent.cli import main
main(sys.argv[1:])
"""


def run_killed_at(place: str, *arguments: str) -> None:
    """The command line in a process that dies, as by kill -9, where it calls `place`."""
    command = [sys.executable, "-c", KILLED.format(place=place), *arguments]
    result = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=120, check=False)
    assert result.returncode == 9, result


@pytest.mark.parametrize("transactions", ["3", "40"])
def test_a_demo_killed_while_it_makes_its_home_can_be_played_again(tmp_path: Path, transactions: str) -> None:
    """Of 40 the terminal sends no more than 64 events to nobody: its day stays open, and the same play goes on."""
    arguments = ["--home", str(tmp_path / "H"), *DEMO, transactions, "--seed", "1"]
    run_killed_at("agent.opening.write_settings", *arguments)
    result = run_counterfoil(*arguments)
    assert result.returncode == 0, result.stderr


def test_a_demo_killed_before_its_home_stands_gives_way_to_another_play(tmp_path: Path) -> None:
    home = tmp_path / "H"
    arguments = ["--home", str(home), *DEMO, "3", "--seed"]
    run_killed_at("agent.commands.demo.make_home", *arguments, "1")
    until(lambda: not (home / "simulator" / "terminal").is_symlink())  # its simulator follows it
    result = run_counterfoil(*arguments, "2")
    assert result.returncode == 0, result.stderr


def init(home: Path, *options: str) -> list[str]:
    """The arguments that make a home."""
    return ["--home", str(home), "init", *options, "--terminal", "SN1", "--port", "/dev/ttyUSB0"]


def test_init_killed_before_its_settings_can_be_repeated(tmp_path: Path) -> None:
    arguments = init(tmp_path / "H")
    run_killed_at("agent.opening.write_settings", *arguments)
    result = run_counterfoil(*arguments)
    assert result.returncode == 0, result.stderr


# -- demos and what is not theirs --------------------------------------------------------------------------------------


def test_a_demo_leaves_a_home_of_practice_alone(tmp_path: Path) -> None:
    home = tmp_path / "H"
    assert run_counterfoil(*init(home, "--simulated")).returncode == 0
    before = (home / "keys" / "journal.vkey").read_text()
    refused(run_counterfoil("--home", str(home), *DEMO, "2"), 3, "practice")
    assert (home / "keys" / "journal.vkey").read_text() == before


def test_a_demo_puts_aside_only_what_is_its_own(tmp_path: Path) -> None:
    arguments = ["--home", str(tmp_path), *DEMO, "2", "--seed"]
    assert run_counterfoil(*arguments, "1").returncode == 0
    (tmp_path / "precious.txt").write_text("my only copy")
    assert run_counterfoil(*arguments, "2").returncode == 0
    assert len(list((tmp_path / "earlier").glob("*/journal.db"))) == 1
    assert (tmp_path / "precious.txt").read_text() == "my only copy"


def test_a_demo_leaves_a_folder_that_is_no_home_alone(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("my only copy")
    for seed in ("1", "2"):
        run_counterfoil("--home", str(tmp_path), *DEMO, "2", "--seed", seed)
    assert (tmp_path / "precious.txt").read_text() == "my only copy"


# -- many at once ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("second_comes", ["at once", "after 0.3 s", "when the first plays"])
def test_of_two_demos_at_once_on_one_home_one_plays_and_none_breaks(tmp_path: Path, second_comes: str) -> None:
    home = tmp_path / "H"
    arguments = ["--home", str(home), *DEMO, "30", "--json", "--seed"]
    assert run_counterfoil(*arguments, "1").returncode == 0
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(run_counterfoil, *arguments, "2")
        if second_comes == "after 0.3 s":
            time.sleep(0.3)
        elif second_comes == "when the first plays":
            until((home / "simulator" / "terminal").is_symlink)
        second = run_counterfoil(*arguments, "3")
        results = [first.result(), second]
    assert 0 in [result.returncode for result in results], results
    assert not [result for result in results if "unforeseen" in result.stderr]


def test_commands_at_once_on_a_home_without_an_agent(recorded: Recorded) -> None:
    home, _terminal = recorded

    def list_transactions(_nth: int) -> int:
        return run_counterfoil("--home", str(home.path), "transactions", "list").returncode

    with ThreadPoolExecutor(3) as pool:
        codes = list(pool.map(list_transactions, range(9)))
    assert codes == [0] * 9
