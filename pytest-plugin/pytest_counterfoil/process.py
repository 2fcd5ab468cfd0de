"""One `counterfoil sim run`: a process that says JSON lines, and that outlives nobody.

It holds the read end of a pipe as its standard input and leaves when that ends (`--until-stdin-ends`), so that it is gone
even where this process was killed. It has a process group of its own: Ctrl+C is pytest's, and pytest ends it in order.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_counterfoil.errors import SimulatorError

FAREWELL_S = 10
"""For the end that it was asked for; then it is killed."""


class SimulatorProcess:
    """Starts it. errors: the file that takes its words on standard error. Raises SimulatorError."""

    def __init__(self, command: Sequence[str], errors: Path) -> None:
        self._command = list(command)
        self._errors = errors
        self._heard = threading.Condition()
        self._said: list[dict[str, Any]] = []
        self._other: list[str] = []
        self._over = False
        try:
            with errors.open("ab") as standard_error:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=standard_error,
                    process_group=0,
                )
        except FileNotFoundError as error:
            raise SimulatorError(
                f"There is no command {self._command[0]}, which is to run the simulated terminal.",
                "Install it beside your own environment, `pipx install counterfoil`, or name it: the setting "
                "`counterfoil_command`, --counterfoil-command or the variable COUNTERFOIL_COMMAND.",
            ) from error
        except OSError as error:
            raise SimulatorError(
                f"The command {self._command[0]} cannot be run: {error.strerror}.",
                "Name another: `counterfoil_command`.",
            ) from error
        self._reader = threading.Thread(target=self._listen, daemon=True, name="counterfoil")
        self._reader.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            text = line.decode(errors="replace").rstrip("\n")
            with self._heard:
                try:
                    one = json.loads(text)
                except ValueError:
                    one = None
                if isinstance(one, dict):
                    self._said.append(one)
                else:
                    self._other.append(text)
                self._heard.notify_all()
        with self._heard:
            self._over = True
            self._heard.notify_all()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    @property
    def said(self) -> list[dict[str, Any]]:
        """Its JSON lines so far."""
        with self._heard:
            return list(self._said)

    def await_nth(self, key: str, number: int, seconds: float) -> dict[str, Any] | None:
        """Its line number `number` (from 0) that has this key; None: it ended before. SimulatorError: it took longer."""

        def found() -> list[dict[str, Any]]:
            return [one for one in self._said if key in one][number:]

        with self._heard:
            if not self._heard.wait_for(lambda: self._over or found(), seconds):
                raise SimulatorError(
                    f"The simulator did not come to it within {seconds:g} s.{self._words()}",
                    "If this machine is slow, give it longer: the setting `counterfoil_timeout`, in seconds.",
                )
            return next(iter(found()), None)

    def await_ready(self, seconds: float) -> dict[str, Any]:
        """What it says when its port is there. SimulatorError: it ended instead, or took longer."""
        if (ready := self.await_nth("link", 0, seconds)) is None:
            code = self._process.wait()
            raise SimulatorError(
                f"The simulator ended with {code}.{self._words()}", f"It was called so:\n{self.command}"
            )
        return ready

    @property
    def command(self) -> str:
        return shlex.join(self._command)

    def words(self) -> str:
        """What it said to people: standard error, and what was no JSON."""
        try:
            told = self._errors.read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            told = ""
        with self._heard:
            return "\n".join([*self._other, told]).strip()

    def _words(self) -> str:
        return f" It said:\n{words}\n" if (words := self.words()) else ""

    def await_end(self, seconds: float) -> int | None:
        """Its exit code; None if it has not ended by itself in that time."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self._reader.join(FAREWELL_S)
        return code

    def terminate(self) -> None:
        """Ask it to end; nothing if it has."""
        if self.runs:
            self._process.terminate()

    def end(self) -> int:
        """Its exit code. Killed if it does not end by itself in time; nothing is left behind."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            if self.await_end(FAREWELL_S) is None:
                self.kill()
        except BaseException:  # a second Ctrl+C
            self.kill()
            raise
        finally:
            self._process.stdin.close()
        self._reader.join(FAREWELL_S)
        self._process.stdout.close()
        return self._process.returncode

    def kill(self) -> None:
        """As by kill -9."""
        self._process.kill()
        self._process.wait()
