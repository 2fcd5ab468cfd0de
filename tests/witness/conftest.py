"""A real witness beside the tests: tests/witness/witness.mjs as a process of its own, killed and restarted as they like."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

START_S = 20
NODE = shutil.which("node")
PROGRAM = Path(__file__).with_name("witness.mjs")
without_node = "CI" not in os.environ and NODE is None
"""CI installs Node (.ci/run), so that there nothing is skipped."""


@dataclass
class Witness:
    """One witness: `url` is its submission and monitoring prefix (no slash at its end), `vkey` its type 0x04 key.

    It trusts the logs of `logs` (type 0x01 vkeys, named after their origin) and remembers in `state`.
    """

    folder: Path
    name: str = "witness.example/w1"
    logs: Sequence[str] = ()
    spec: str = "1.0"
    prefix: str = ""
    state: Path = field(init=False)
    process: subprocess.Popen[str] | None = None
    port: int = 0
    vkey: str = ""

    def __post_init__(self) -> None:
        self.state = self.folder / "state.json"

    @property
    def seed(self) -> bytes:
        return sha256(self.name.encode()).digest()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.prefix}"

    @property
    def answers(self) -> list[str]:
        """What it answered since the fixture began, oldest first: `200 POST /add-checkpoint`, `409 POST /… 5`."""
        return (self.folder / "witness.log").read_text().splitlines()

    def start(self) -> None:
        """Start it, on the port that it had before.

        Raises:
            RuntimeError: it did not come up; with what it said.
        """
        arguments = [
            *("--port", str(self.port), "--name", self.name, "--seed", self.seed.hex(), "--state", str(self.state)),
            *("--spec", self.spec, "--prefix", self.prefix),
            *(part for vkey in self.logs for part in ("--log", vkey)),
        ]
        assert NODE is not None
        with (self.folder / "witness.log").open("a") as log:  # a file: nobody empties a pipe
            self.process = subprocess.Popen(
                [NODE, str(PROGRAM), *arguments], stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], START_S)
        line = self.process.stdout.readline() if ready else ""
        if not line:
            self.stop(kill=True)
            raise RuntimeError(f"the witness did not start: {self.answers}")
        said = json.loads(line)
        self.port, self.vkey = said["port"], said["vkey"]

    def stop(self, *, kill: bool = False) -> int:
        """End it, by SIGKILL or by SIGTERM; its exit code."""
        assert self.process is not None and self.process.stdout is not None
        if kill:
            self.process.kill()
        else:
            self.process.terminate()
        self.process.stdout.close()
        return self.process.wait(START_S)

    def restart(self, *, kill: bool = False, **changes: Any) -> None:
        """Stop it and start it again with other `logs`, another `state`, `spec` or `prefix`; the port stays."""
        self.stop(kill=kill)
        for name, value in changes.items():
            assert name in {"logs", "state", "spec", "prefix"}
            setattr(self, name, value)
        self.start()


@pytest.fixture
def start_witness(tmp_path: Path) -> Iterator[Callable[..., Witness]]:
    """Start a witness: `start_witness("witness.example/w2", logs=[vkey])`; each ends with the test."""
    if without_node:
        pytest.skip("node is not here: the witness that we did not write from our own code runs in it")
    started: list[Witness] = []

    def start(name: str = "witness.example/w1", **settings: Any) -> Witness:
        folder = tmp_path / f"witness{len(started)}"
        folder.mkdir()
        witness = Witness(folder, name, **settings)
        witness.start()
        started.append(witness)
        return witness

    yield start
    for witness in started:
        if witness.process is not None and witness.process.poll() is None:
            witness.stop()


@pytest.fixture
def witness(start_witness: Callable[..., Witness]) -> Witness:
    """A witness that trusts no log yet: `witness.restart(logs=[vkey])`."""
    return start_witness()
