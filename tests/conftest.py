"""Real parts for every test that wants them: the simulator as a process on a pty, homes in a temporary folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent import link_keys
from agent.desk_socket import SocketDesk
from agent.errors import HomeError
from agent.home import Home
from agent.journal import heads
from agent.journal.entries import Entry
from agent.journal.keys import PassphraseSources, verifying_key
from agent.journal.reader import open_reader
from agent.language import choose_language
from agent.opening import agent_at_work, make_home
from agent.settings import Settings
from agent.views import LinkState
from protocol.dialects.native.noise import KeyPair

START_S = 20
LEFT = (0, 128 + signal.SIGTERM)
"""Exit codes of an agent that was asked to leave; the second where it serves its socket, and has not looked at the line yet."""
AGENT_KEY = bytes(range(32))
"""The static private key of every home that `know`s its terminal."""


@pytest.fixture(autouse=True)
def english() -> None:
    """Whatever language the test before chose: words in assertions are the source's."""
    choose_language("en")


@dataclass
class Simulator:
    """A simulated terminal that can be killed and started again on the same state."""

    folder: Path
    arguments: tuple[str, ...]
    process: subprocess.Popen[str] | None = None
    terminal: str = ""

    @property
    def link(self) -> Path:
        return self.folder / "terminal"

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.jsonl"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def public_key(self) -> bytes:
        return link_keys.own_public(self.state / "link.key")

    def pair_with_homes(self) -> None:
        """Before its first start: as after a pairing with a home that `know` knows it."""
        self.state.mkdir(parents=True, exist_ok=True)
        link_keys.make(self.state / "link.key")
        link_keys.pin(self.state / "agent.pub", KeyPair.from_private(AGENT_KEY).public)

    def start(self) -> Simulator:
        command = [sys.executable, "-m", "simulator", "run", "--json", "--link", str(self.link)]
        command += ["--state", str(self.state), "--ledger", str(self.ledger)]
        self.process = subprocess.Popen([*command, *self.arguments], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.terminal = json.loads(line)["terminal"]
        return self

    def kill(self) -> None:
        """As by kill -9. Its link goes too: the system gives the pty's number to whoever asks next, another test's simulator."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.link.unlink(missing_ok=True)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=10)

    def logged(self) -> list[dict[str, Any]]:
        """The whole lines of its own log (simulator/log.py)."""
        lines, _, _torn = (self.state / "log.jsonl").read_text(encoding="utf-8").rpartition("\n")
        return [json.loads(line) for line in lines.splitlines()]

    def last_event(self) -> int:
        """The number of the newest event in its log; 0: none."""
        return max((line["n"] for line in self.logged() if "n" in line), default=0)

    def remembered_size(self) -> int:
        """The size of the newest journal head that was put there; 0: none."""
        return max((line["head"]["size"] for line in self.logged() if "head" in line), default=0)

    def closed_days(self) -> list[dict[str, Any]]:
        if not self.ledger.exists():
            return []
        lines = [
            json.loads(line) for line in self.ledger.read_text(encoding="utf-8").splitlines() if line.endswith("}")
        ]
        return [line for line in lines if line["kind"] == "day.closed"]


@dataclass
class Agent:
    """`counterfoil serve` as a process of its own."""

    home: Home
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None

    def start(self) -> Agent:
        command = [
            sys.executable,
            "-m",
            "agent",
            "--home",
            str(self.home.path),
            "serve",
            "--simulated",
            *self.arguments,
        ]
        environment = {**os.environ, "LANG": "C.UTF-8", **self.environment}
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        return self

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def await_session(self) -> Agent:
        """Until the terminal answers it, or it has given up."""

        def is_up() -> bool:
            try:
                return SocketDesk(self.home.socket).status().link.state is LinkState.UP
            except HomeError:  # nobody serves the socket yet
                return False

        until(lambda: self.process is None or self.process.poll() is not None or is_up())
        return self

    def stop(self) -> str:
        """What it said on stderr."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.communicate(timeout=20)[1]


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Callable[..., Simulator]]:
    """simulator(*options) starts one, paired with the agent of every paired `home_for`; all are stopped at the end."""
    started: list[Simulator] = []

    def start(*arguments: str, paired: bool = True) -> Simulator:
        folder = tmp_path / f"simulator-{len(started)}"
        folder.mkdir()
        started.append(Simulator(folder, arguments))
        if paired:
            started[-1].pair_with_homes()
        return started[-1].start()

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def home_for(tmp_path: Path) -> Callable[..., Home]:
    """home_for(simulator) makes a simulated home for its terminal, as after their pairing."""

    def make(simulator: Simulator, name: str = "home", *, paired: bool = True) -> Home:
        home = Home(tmp_path / name)
        settings = Settings(terminal=simulator.terminal, simulated=True, port=str(simulator.link))
        make_home(home, settings, PassphraseSources(), 1_772_380_800_000)
        if paired:
            know(home, simulator)
        return home

    return make


@pytest.fixture
def agent() -> Iterator[Callable[..., Agent]]:
    """agent(home) starts `counterfoil serve` on it; all are killed at the end."""
    started: list[Agent] = []

    def start(home: Home, *arguments: str) -> Agent:
        started.append(Agent(home, arguments))
        return started[-1].start()

    yield start
    for each in started:
        if each.process is not None and each.process.poll() is None:
            each.kill()


@pytest.fixture
def recorded(simulator: Callable[..., Simulator], home_for: Callable[..., Home]) -> tuple[Home, Simulator]:
    """A home whose agent recorded a small day and was closed cleanly, and its terminal."""
    terminal = simulator("--seed", "9", "--transactions", "30", "--speed", "0", "--then", "stay")
    home = home_for(terminal)
    with agent_at_work(home, home.settings(), PassphraseSources()) as desk:
        until(lambda: terminal.closed_days() and desk.today("2026-03-02").events >= 60)
        until(lambda: desk.status().head.size >= 63)  # journal.opened, terminal.paired, the day's settlement
        until(lambda: heads.remembered(home.path)["local"] == desk.status().head.note)
    return home, terminal


def know(home: Home, simulator: Simulator) -> None:
    """As after a pairing of the home with that terminal."""
    home.link_key.write_text(AGENT_KEY.hex(), encoding="ascii")
    link_keys.pin(home.terminal_key, simulator.public_key)


def entries_of(home: Home) -> list[Entry]:
    """Every entry of the home's journal, read from the file."""
    reader = open_reader(home.journal, verifying_key(home.path))
    try:
        return list(reader.entries())
    finally:
        reader.close()


def run_counterfoil(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own, without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "agent", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", **environment},
        timeout=120,
        check=False,
    )


def refused(result: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """Exit code and stderr: at most a usage line more than two sentences, nothing of Python's."""
    assert result.returncode == code, result
    said = result.stderr
    assert "Traceback" not in said
    for word in words:
        assert word in said, said
    assert len([line for line in said.splitlines() if not line.startswith(("Recording", "Verifying"))]) == 2, said


def until(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """What `condition` answers as soon as it is true; fails the test after `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := condition():
            return answer
        time.sleep(0.02)
    pytest.fail(f"not within {seconds} s")
