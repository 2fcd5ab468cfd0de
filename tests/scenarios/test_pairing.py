"""Pairing end to end: real processes on ptys, the numbers compared by scripts, and a terminal that is not the one paired."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.home import Home
from agent.journal.keys import PassphraseSources
from agent.opening import agent_at_work, await_session
from agent.views import LinkState, NoticeCode
from tests.conftest import Simulator, entries_of, refused, run_counterfoil, until

DAY = "2026-03-02"


def counterfoil(home: Home, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "agent", "--home", str(home.path), *arguments]
    environment = {**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **options
    )


def number_shown(terminal: Simulator) -> str:
    """The number of the pairing as the terminal shows it."""
    assert terminal.process is not None and terminal.process.stdout is not None
    for line in terminal.process.stdout:
        if "pairing" in (said := json.loads(line)):
            return str(said["pairing"])
    raise AssertionError("the terminal has ended")


def pair(home: Home, terminal: Simulator, *options: str, number: str | None = None) -> subprocess.CompletedProcess[str]:
    """`terminal pair`, given the number that the terminal shows, or another."""
    reader, writer = os.pipe()
    command = counterfoil(
        home,
        "terminal",
        "pair",
        "--json",
        "--number-fd",
        str(reader),
        *options,
        pass_fds=[reader],
        stdin=subprocess.DEVNULL,
    )
    os.close(reader)
    with os.fdopen(writer, "w") as line:
        line.write((number or number_shown(terminal)) + "\n")
    out, said = command.communicate(timeout=60)
    return subprocess.CompletedProcess(command.args, command.returncode, out, said)


def test_init_pair_and_the_day_is_recorded(simulator: Callable[..., Simulator], tmp_path: Path) -> None:
    terminal = simulator("--seed", "3", "--transactions", "6", "--speed", "0", "--then", "stay", paired=False)
    home = Home(tmp_path / "H")
    made = run_counterfoil(
        "--home", str(home.path), "init", "--simulated", "--terminal", terminal.terminal, "--port", str(terminal.link)
    )
    assert made.returncode == 0 and f"counterfoil --home {home.path} terminal pair" in made.stdout, made
    refused(run_counterfoil("--home", str(home.path), "terminal", "sync"), 3, "not paired yet", "terminal pair")
    done = pair(home, terminal)
    assert done.returncode == 0, done
    said = json.loads(done.stdout)
    assert said["paired"] and not said["replaced"]
    status = json.loads(run_counterfoil("--home", str(home.path), "terminal", "status", "--json").stdout)
    assert (status["paired"], status["fingerprint"], status["dialect"]) == (True, said["fingerprint"], "native")
    synced = run_counterfoil("--home", str(home.path), "terminal", "sync", "--json")
    assert json.loads(synced.stdout)["last_event"] == 13
    assert [entry.kind for entry in entries_of(home)][:2] == ["journal.opened", "terminal.paired"]
    assert entries_of(home)[1].body["public_key"] == terminal.public_key.hex()


def test_the_numbers_differ(simulator: Callable[..., Simulator], home_for: Callable[..., Home]) -> None:
    terminal = simulator("--transactions", "1", paired=False)
    home = home_for(terminal, paired=False)
    done = pair(home, terminal, number="no number")
    assert done.returncode == 1 and json.loads(done.stdout)["paired"] is False
    assert not home.terminal_key.exists() and [e.kind for e in entries_of(home)] == ["journal.opened"]
    refused(run_counterfoil("--home", str(home.path), "terminal", "pair"), 3, "nobody here to compare", "--number-fd")


def test_a_person_is_asked(simulator: Callable[..., Simulator], home_for: Callable[..., Home]) -> None:
    """Asked on a terminal; the number stands on both screens."""
    ours, theirs = pty.openpty()
    terminal = simulator("--transactions", "3", "--speed", "0", "--pairing", "auto", paired=False)
    home = home_for(terminal, paired=False)
    command = counterfoil(home, "terminal", "pair", stdin=theirs)
    assert command.stderr is not None
    number = number_shown(terminal)
    said = ""
    while "[y/N]" not in said:
        piece = command.stderr.read(1)
        assert piece, said
        said += piece
    assert f"{number[:3]} {number[3:]}" in said and "WARNING" not in said
    os.write(ours, b"y\n")
    out, _rest = command.communicate(timeout=30)
    os.close(ours)
    os.close(theirs)
    assert command.returncode == 0 and "Paired" in out
    assert bytes.fromhex(home.terminal_key.read_text()) == terminal.public_key


def test_a_changed_terminal_key_is_refused_loudly(
    simulator: Callable[..., Simulator], home_for: Callable[..., Home], tmp_path: Path
) -> None:
    """Another device of the same name, on the same port: it is refused until a person says that it was exchanged."""
    options = ("--seed", "5", "--transactions", "4", "--speed", "0", "--then", "stay")
    ours = simulator(*options)
    home = home_for(ours)
    with agent_at_work(home, home.settings(), PassphraseSources()) as desk:
        until(lambda: desk.today(DAY).events == 8)
        until(lambda: desk.status().head.size == 11)  # and journal.opened, terminal.paired, the day's settlement
        old = desk.status().link.fingerprint
        ours.kill()
        until(lambda: desk.status().link.state is LinkState.PORT_LOST)
        size = desk.status().head.size
        other = simulator(*options, paired=False)
        assert other.terminal == ours.terminal
        ours.link.symlink_to(other.link.readlink())
        until(lambda: NoticeCode.KEY_REFUSED in {n.code for n in desk.status().notices})
        assert desk.status().link.state is LinkState.CONNECTING
        denied = pair(home, other)
        refused_so = ("another key", "--replace", "WARNING")
        assert denied.returncode == 3 and all(word in denied.stderr for word in refused_so), denied
        assert bytes.fromhex(home.terminal_key.read_text()) == ours.public_key
        assert desk.status().head.size == size and desk.status().link.fingerprint == old
        done = pair(home, other, "--replace")
        assert done.returncode == 0 and json.loads(done.stdout)["replaced"], done
        await_session(desk)
        until(lambda: desk.today(DAY).events >= 8)
    found, paired = [entry for entry in entries_of(home) if entry.kind == "terminal.paired"]
    assert found.body["found"] and "found" not in paired.body
    assert (paired.body["public_key"], paired.body["replaced"]) == (other.public_key.hex(), ours.public_key.hex())


def test_unpair_forgets_the_key_and_keeps_the_record(
    simulator: Callable[..., Simulator], home_for: Callable[..., Home]
) -> None:
    terminal = simulator("--seed", "6", "--transactions", "2", "--speed", "0", "--then", "stay")
    home = home_for(terminal)
    assert run_counterfoil("--home", str(home.path), "terminal", "sync").returncode == 0
    terminal.stop()  # it need not be there for that
    done = run_counterfoil("--home", str(home.path), "terminal", "unpair", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["was"], done
    assert not home.terminal_key.exists()
    kinds = [entry.kind for entry in entries_of(home)]
    assert kinds[-1] == "terminal.unpaired" and kinds.count("terminal.transaction") == 2


@pytest.mark.parametrize("delay", [0.0, 0.3])
def test_a_demo_pairs_at_its_first_start_and_knows_its_terminal_at_the_second(tmp_path: Path, delay: float) -> None:
    home = Home(tmp_path / "H")
    arguments = ["--home", str(home.path), "demo", "--headless", "--transactions", "300", "--seed", "3", "--json"]
    first = subprocess.Popen(
        [sys.executable, "-m", "agent", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until(home.terminal_key.exists)
    time.sleep(delay)
    first.send_signal(signal.SIGKILL)
    first.wait()
    key = home.terminal_key.read_text()
    result = run_counterfoil(*arguments)
    assert result.returncode == 0 and json.loads(result.stdout)["equals_ledger"], result.stderr
    assert home.terminal_key.read_text() == key
    assert [entry.kind for entry in entries_of(home)].count("terminal.paired") <= 1


# -- the port's name ---------------------------------------------------------------------------------------------------


def test_a_port_renumbered_while_the_old_one_lives_is_found_by_its_link(
    simulator: Callable[..., Simulator], home_for: Callable[..., Home], tmp_path: Path
) -> None:
    """As after an adapter is unplugged and plugged in again while its old node is still held: the by-id link moves."""
    silent, theirs = pty.openpty()
    tty.setraw(theirs)
    terminal = simulator("--seed", "7", "--transactions", "3", "--speed", "0", "--then", "stay")
    home = home_for(terminal)
    by_id = tmp_path / "by-id"
    by_id.symlink_to(os.ttyname(theirs))
    settings = msgspec.structs.replace(home.settings(), port=str(by_id))
    with agent_at_work(home, settings, PassphraseSources()) as desk:
        until(lambda: desk.status().link.state is LinkState.CONNECTING)
        assert os.read(silent, 1000)  # it is heard there
        new = tmp_path / "new"
        new.symlink_to(terminal.link.readlink())
        new.replace(by_id)
        began = time.monotonic()
        until(lambda: desk.status().link.state is LinkState.UP)
        assert time.monotonic() - began < 20  # it is looked at every 5 s
        until(lambda: desk.today(DAY).events == 6)
    os.close(silent)
    os.close(theirs)
