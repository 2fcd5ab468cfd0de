"""The simulator as a process of its own: what it says while it plays a scenario, and its control socket."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from agent.demo.stage import Stage
from agent.errors import CounterfoilError, LinkError
from agent.language import _

START_S = 20
LEAVE_S = 10


class Simulation:
    """Plays a scenario until it is stopped. Its thread reads; everything here may be called from any thread."""

    def __init__(self, stage: Stage, scenario: str, *, speed: int | None) -> None:
        """speed: another than the scenario's. Raises CounterfoilError where it does not start."""
        self._stage = stage
        called = str(Path(scenario).absolute()) if scenario.endswith(".toml") else scenario
        command = [sys.executable, "-m", "simulator", "run", "--json", "--until-stdin-ends", "--then", "stay"]
        command += ["--scenario", called, "--link", str(stage.link), "--state", str(stage.state)]
        # A socket's path is at most 107 bytes: its name is one in the folder where the process is.
        command += ["--ledger", str(stage.ledger), "--control", stage.control.name]
        command += [] if speed is None else ["--speed", str(speed)]
        self._said = (stage.folder / "simulator.err").open("w+", encoding="utf-8")
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True, cwd=stage.folder
        )
        self._changed = threading.Condition()
        self.terminal = ""
        self.turns = 0
        """The number of the last turn that it told."""
        self.finished = False
        """Every step is done, every request ended, every event acknowledged."""
        self.verdict: dict[str, Any] | None = None
        self._asked = threading.Lock()
        self._link: socket.socket | None = None
        self._heard = b""
        self._reader = threading.Thread(target=self._read, name="simulator", daemon=True)
        self._reader.start()
        if not self._await(lambda: bool(self.terminal), START_S):
            self._process.kill()
            self._process.wait()
            raise LinkError(
                _("The simulated terminal did not start: {reason}").format(reason=self.said or "?"),
                _("Look at the scenario with: counterfoil sim scenarios NAME"),
            )

    @property
    def said(self) -> str:
        """On standard error."""
        self._said.seek(0)
        return self._said.read().strip()

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def do(self, command: str, **arguments: str | int) -> dict[str, Any]:
        """One command of `sim commands`, and its answer. Raises CounterfoilError where it is refused, or nobody is there."""
        with self._asked:
            try:
                answer = json.loads(self._exchange(json.dumps({"do": command, **arguments}).encode() + b"\n"))
            except (OSError, ValueError):
                self._hang_up()
                raise LinkError(_("The simulator does not answer."), "") from None
        if not answer.pop("ok"):
            raise CounterfoilError(answer["what"], answer["todo"])
        return dict(answer)

    def state(self) -> dict[str, Any]:
        return self.do("state")

    def stop(self) -> dict[str, Any] | None:
        """End it, and give its verdict; None where it had none to give."""
        if self.runs:
            try:
                self.do("stop")
            except CounterfoilError:
                self._process.terminate()
        try:
            self._process.wait(LEAVE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(LEAVE_S)
        self._hang_up()
        return self.verdict

    def close(self) -> None:
        """Whatever happened, nothing of it is left."""
        if self.runs:
            self._process.kill()
            self._process.wait()
        self._hang_up()
        self._said.close()

    def _exchange(self, line: bytes) -> bytes:
        if self._link is None:
            self._link = socket.socket(socket.AF_UNIX)
            self._link.settimeout(LEAVE_S)
            folder = os.open(self._stage.folder, os.O_RDONLY)
            try:
                self._link.connect(f"/proc/self/fd/{folder}/{self._stage.control.name}")
            finally:
                os.close(folder)
        self._link.sendall(line)
        while b"\n" not in self._heard:
            if not (more := self._link.recv(65_536)):
                raise ConnectionResetError
            self._heard += more
        answer, self._heard = self._heard.split(b"\n", 1)
        return answer

    def _hang_up(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link, self._heard = None, b""

    def _await(self, so: Any, seconds: float) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: so() or self._process.poll() is not None, seconds)
            return bool(so())

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                told = json.loads(line)
            except ValueError:
                continue
            with self._changed:
                self.terminal = told.get("terminal", self.terminal)
                self.turns = told.get("turn", self.turns)
                self.finished = self.finished or "finished" in told
                self.verdict = told if "verdict" in told else self.verdict
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()
