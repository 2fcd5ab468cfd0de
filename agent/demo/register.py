"""The register's program in a scenario: `serve` as a process of its own, which can be killed, stalled and started again."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import closing, suppress

from agent import link_keys
from agent.demo.fees import contract
from agent.demo.simulation import Simulation
from agent.demo.stage import Stage
from agent.demo.story import Story
from agent.desk_socket import SocketDesk
from agent.errors import CounterfoilError, LinkError
from agent.home import Home
from agent.journal import keys
from agent.journal.drafting import to_draft
from agent.journal.keys import PassphraseSources
from agent.journal.kinds import TerminalPaired
from agent.journal.store import Journal
from agent.language import _
from agent.opening import make_home
from agent.settings import Settings
from agent.views import LinkState

START_S = 20
LEAVE_S = 20
_UNLIMITED = resource.RLIM_INFINITY


def exchange_keys(home: Home, stage: Stage) -> None:
    """As after a pairing: either end holds the other's key. Before the simulator is started, which reads its own then."""
    stage.state.mkdir(parents=True, exist_ok=True)
    link_keys.make(home.link_key)
    link_keys.make(stage.state / "link.key")
    link_keys.pin(stage.state / "agent.pub", link_keys.own_public(home.link_key))
    link_keys.pin(home.terminal_key, link_keys.own_public(stage.state / "link.key"))


def furnish(home: Home, stage: Stage, told: Story, terminal: str) -> None:
    """A new home for the scenario's terminal; what it is paired with stands in its record."""
    settings = Settings(
        terminal=terminal,
        simulated=True,
        port=str(stage.link),
        dialect=told.dialect,
        line_rate=int(told.document.get("line_rate", 0)),
        line_format="8N1",  # a pty takes no other
    )
    make_home(home, settings, PassphraseSources(), told.begins)
    if (pinned := link_keys.pinned(home.terminal_key)) is None:
        return
    signer = keys.unlock(home.path, PassphraseSources())
    with closing(Journal.open(home.journal, signer)) as journal:
        paired = TerminalPaired(terminal=terminal, public_key=pinned, replaced=None)
        told_of = [paired, *contract(told)]
        journal.append([to_draft(fact, signer.token_hmac) for fact in told_of], told.begins)


class Program:
    """`counterfoil serve --simulated` on a home. said: what it said on standard error, its last lines."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.desk = SocketDesk(home.socket)
        self.said: deque[str] = deque(maxlen=50)
        self._process: subprocess.Popen[str] | None = None
        self._disk_full = False

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, *, accept_loss: bool = False) -> int | None:
        """Until it serves its desk; the exit code of one that would not start, None for one that runs."""
        command = [sys.executable, "-m", "agent", "--home", str(self.home.path), "serve", "--simulated"]
        command += ["--until-stdin-ends", *(["--accept-loss"] if accept_loss else [])]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()
        if self._disk_full:
            self.fill_disk()
        until = time.monotonic() + START_S
        while time.monotonic() < until and self.runs:
            with suppress(CounterfoilError):
                self.desk.wait(-1, 0)
                return None
            time.sleep(0.01)
        if self.runs:
            raise LinkError(_("The agent does not start."), "")
        return self._process.wait()

    def kill(self) -> None:
        """As by kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """As by SIGTERM; by kill -9, where that does not end it."""
        if self._process is None or not self.runs:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(LEAVE_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def stall(self, ms: int) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        time.sleep(ms / 1000)
        self._process.send_signal(signal.SIGCONT)

    def fill_disk(self) -> None:
        """No byte goes into any file any more: to the program it is as a full disk is."""
        self._limit_files(0)
        self._disk_full = True

    def free_disk(self) -> None:
        self._limit_files(_UNLIMITED)
        self._disk_full = False

    def _limit_files(self, most: int) -> None:
        if self._process is not None and self.runs:
            _soft, hard = resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (most, hard))

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self.said.append(line.rstrip())


def await_link(program: Program, simulation: Simulation, until: float) -> bool:
    """Until both ends have a session and nothing is under way at the register; False where that is not so in time."""
    while time.monotonic() < until and simulation.runs:
        with suppress(CounterfoilError):
            status = program.desk.status()
            if status.link.state is LinkState.UP and status.lane.reference is None and simulation.state()["session"]:
                return True
        time.sleep(0.01)
    return False
