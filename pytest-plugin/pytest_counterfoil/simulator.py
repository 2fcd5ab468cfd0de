"""The object behind the fixture: one simulated terminal, its wire, and all that can be done to it."""

from __future__ import annotations

import json
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pytest_counterfoil import control
from pytest_counterfoil.errors import SimulatorError
from pytest_counterfoil.keys import write_paired
from pytest_counterfoil.options import Options
from pytest_counterfoil.process import SimulatorProcess

WAIT_MS = 10_000
"""How long `wait` waits, if nobody says otherwise."""
PATIENCE_S = 30.0
TAIL = 20
"""Lines of the ledger in a report."""
StartSimulator = Callable[..., "TerminalSimulator"]
"""The fixture terminal_simulators: (scenario=None, **options) -> one that runs."""


class TerminalSimulator:
    """command: how counterfoil is called. folder: for state and ledger.

    patience_s: how long it may take to be ready, to a scenario's next turn, and from the test's end to the scenario's.
    Whatever fails raises SimulatorError; a command that is refused, ControlRefused.
    """

    def __init__(
        self, command: Sequence[str], options: Options, folder: Path, *, patience_s: float = PATIENCE_S
    ) -> None:
        self.options = options
        self.state_folder = folder / "state"
        self.ledger_file = folder / "ledger.jsonl"
        self.url = ""
        """What the register opens: socket://HOST:PORT, or the path of a pty. The same after a new start."""
        self.terminal = ""
        """The terminal's name, as SIM-CLASSIC-000001."""
        self.done: list[str] = []
        """The commands that were given, as `counterfoil sim control` takes them."""
        self._program = list(command)
        self._errors = folder / "words.txt"
        self._patience_s = patience_s
        self._process: SimulatorProcess | None = None
        self._verdict: dict[str, Any] | None = None
        # The name of a Unix socket has at most some 100 bytes; pytest's own folders are longer on some systems.
        self._short = Path(tempfile.mkdtemp(prefix="counterfoil-"))

    # its process

    def start(self) -> None:
        """Start it, or after kill() and its like, start it anew on the same state and port."""
        if self._process is not None and self._process.runs:
            raise SimulatorError("The simulator runs already.", "kill() it first, or stop().")
        if self._process is not None:
            self._process.end()
        if self.options.keys:
            write_paired(self.state_folder)
        self._verdict = None
        self._process = SimulatorProcess(
            [
                *self._program,
                *("sim", "run", "--json", "--screen", "--until-stdin-ends", *self._wire()),
                *("--state", str(self.state_folder), "--ledger", str(self.ledger_file)),
                *("--control", str(self._control), *self.options.command_line()),
            ],
            self._errors,
        )
        ready = self._process.await_ready(self._patience_s)
        self.url, self.terminal = ready["link"], ready["terminal"]

    @property
    def _control(self) -> Path:
        return self._short / "control"

    def _wire(self) -> tuple[str, str]:
        if self.options.wire == "pty":
            return "--link", str(self._short / "terminal")
        return "--listen", self.url.removeprefix("socket://") or "127.0.0.1:0"

    @property
    def port(self) -> int:
        """Of its TCP wire."""
        return int(self.url.rpartition(":")[2])

    @property
    def runs(self) -> bool:
        """Its process is there."""
        return self._process is not None and self._process.runs

    def kill(self) -> None:
        """The process ends as by kill -9; start() brings it back."""
        self._started().kill()

    def stop(self) -> None:
        """It says farewell on the wire, judges, and ends."""
        self._started().terminate()
        self._started().end()

    def close(self) -> None:
        """It is gone, and so are its socket and link; state and ledger stay."""
        try:
            if self._process is not None:
                self._process.terminate()
                self._process.end()
        finally:
            shutil.rmtree(self._short, ignore_errors=True)

    def _started(self) -> SimulatorProcess:
        if self._process is None:
            raise SimulatorError("The simulator was not started.", "Call start() first.")
        return self._process

    # what can be done to it

    def control(self, command: str, /, **arguments: str | int) -> dict[str, Any]:
        """Any command of `counterfoil sim commands`, and what it answers. `for` is a word of Python's: write for_."""
        __tracebackhide__ = True
        given = {name.removesuffix("_"): value for name, value in arguments.items()}
        told = ",".join(f"{name}={value}" for name, value in given.items())
        if any("," in str(value) for value in given.values()):  # only JSON can say it
            self.done.append(json.dumps({"do": command, **given}, ensure_ascii=False))
        else:
            self.done.append(f"{command}:{told}" if told else command)
        waits = int(given.get("for", WAIT_MS)) // 1000 if command == "wait" else 0
        return control.ask(self._control, command, given, patience_s=control.ANSWER_S + waits)

    def present(self, customer: str) -> None:
        """A customer of `counterfoil sim triggers` comes: to the sale that waits for one, else to the next."""
        self.control("present", customer=customer)

    def cancel(self) -> None:
        """The customer presses cancel."""
        self.control("cancel")

    def pull_cable(self, for_ms: int = 0) -> None:
        """The port is gone; back after so long, or at plug_cable()."""
        self.control("pull_cable", for_=for_ms)

    def plug_cable(self) -> None:
        self.control("plug_cable")

    def reboot(self) -> None:
        """The terminal boots anew: session and memory gone, its log read again."""
        self.control("reboot")

    def crash(self, name: str) -> None:
        """The next request that comes so far ends in this; names: `counterfoil sim triggers`."""
        self.control("crash", name=name)

    def offline(self) -> None:
        """The terminal's host cannot be reached."""
        self.control("offline")

    def online(self) -> None:
        self.control("online")

    def advance(self, ms: int) -> None:
        """Simulated time goes on by so much."""
        self.control("advance", ms=ms)

    def wait(self, until: str, within_ms: int = WAIT_MS) -> None:
        """Until something is so (`counterfoil sim commands`). ControlRefused: it was not, in that time."""
        self.control("wait", until=until, for_=within_ms)

    # what can be asked of it

    def state(self) -> dict[str, Any]:
        """What is going on."""
        return control.ask(self._control, "state", {})

    def screen(self) -> list[str]:
        """The lines of the display: now, or before the process ended."""
        if self.runs:
            lines: list[str] = control.ask(self._control, "screen", {})["screen"]
            return lines
        shown = [one["screen"] for one in self._started().said if "screen" in one]
        return list(shown[-1]) if shown else []

    def ledger(self) -> list[dict[str, Any]]:
        """What was really done, so far: one object a line, amounts in minor units (docs/simulator.md, "The ledger")."""
        try:
            lines = self.ledger_file.read_text(encoding="utf-8").split("\n")[:-1]
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines]

    def sales(self) -> list[dict[str, Any]]:
        """The ledger's sales, whatever became of them."""
        return [line for line in self.ledger() if line["kind"] == "sale"]

    def turns(self) -> Iterator[dict[str, Any]]:
        """What a scenario wants of the register, as each turn comes, until it has ended: {"do": "sale", "amount_minor": …}.

        SimulatorError: a turn does not come in time.
        """
        process, taken = self._started(), 0
        while (turn := process.await_nth("turn", taken, self._patience_s)) is not None:
            taken += 1
            yield turn

    def verdict(self) -> dict[str, Any]:
        """Ends the simulator and judges: at once, or where it plays a scenario, when that has ended by itself.

        {"verdict": "held" | "broken", "checks": [{"name", "ok", "expected", "found"}, …], "counts": {…}, …}
        A scenario that does not end by itself in time is stopped, and has not come to its end.
        SimulatorError: it ended without a verdict, as after a kill or a crash.
        """
        if self._verdict is None:
            process = self._started()
            if self.options.scenario is None or process.await_end(self._patience_s) is None:
                process.terminate()
            process.end()
            judged = [one for one in process.said if "verdict" in one]
            if not judged:
                words = process.words() or "It said nothing."
                raise SimulatorError("The simulator ended without a verdict.", words)
            self._verdict = judged[-1]
        return self._verdict

    # what a report shows

    def replay(self) -> str:
        """One line for a shell: the same simulator by hand."""
        wire = ["--link", "./terminal"] if self.options.wire == "pty" else ["--listen", "127.0.0.1:4000"]
        words = [*self._program, "sim", "run", *wire, "--ledger", "ledger.jsonl", "--control", "./control"]
        state = "" if self.options.wire == "pty" else ' --state "$(mktemp -d)"'
        return f"{shlex.join([*words, *self.options.command_line()])}{state}"

    def report(self) -> list[tuple[str, str]]:
        """Title and text of what a person wants to see of it when a test has failed."""
        name = self.terminal or "simulator"
        found = [(f"{name}: display", "\n".join(self.shown()))]
        try:
            lines = self.ledger_file.read_text(encoding="utf-8").splitlines()
        except OSError:
            lines = []
        left = f"{len(lines) - TAIL} lines before\n" if len(lines) > TAIL else ""
        found.append((f"{name}: ledger", left + "\n".join(lines[-TAIL:])))
        given = [*self._program, "sim", "control", "./control", *self.done]
        found.append((f"{name}: commands", shlex.join(given) if self.done else ""))
        found.append((f"{name}: words", self._process.words() if self._process is not None else ""))
        return [*((title, text) for title, text in found if text), (f"{name}: run it again", self.replay())]

    def shown(self) -> list[str]:
        """The display, where it can be asked for."""
        try:
            return self.screen()
        except SimulatorError:
            return []
