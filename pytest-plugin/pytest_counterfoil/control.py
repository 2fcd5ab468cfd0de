"""The other end of `sim run --control`: one JSON document a line each way, on a Unix socket."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_counterfoil.errors import SimulatorError

ANSWER_S = 30
"""For an answer that nothing is waited for."""
LONGEST_ANSWER = 16 * 1024 * 1024


class ControlRefused(SimulatorError):
    """A command that makes no sense, or not now. state: what was going on, as the command `state` tells it."""

    def __init__(self, what: str, todo: str, state: Mapping[str, Any]) -> None:
        super().__init__(what, todo)
        self.state = dict(state)


def ask(path: Path, command: str, arguments: Mapping[str, str | int], *, patience_s: int = ANSWER_S) -> dict[str, Any]:
    """Give one command; what it answers. ControlRefused; SimulatorError where nobody answers within `patience_s`."""
    __tracebackhide__ = True
    request = json.dumps({"do": command, **arguments}, ensure_ascii=False).encode() + b"\n"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(patience_s)
            line.connect(str(path))
            line.sendall(request)
            with line.makefile("rb") as answers:
                said = answers.readline(LONGEST_ANSWER)
    except TimeoutError as error:
        raise SimulatorError(
            f"The simulator did not answer {command} within {patience_s} s.", "See its words in the report."
        ) from error
    except OSError as error:
        raise SimulatorError(
            f"The simulator cannot be asked for {command}: {error.strerror or error}.",
            "It has ended: start() it again.",
        ) from error
    if not said.endswith(b"\n"):
        raise SimulatorError(f"The simulator ended at {command}.", "start() it again, or expect it to be gone.")
    answer = json.loads(said)
    if not answer.pop("ok"):
        raise ControlRefused(answer["what"], answer["todo"], answer.get("state", {}))
    return dict(answer)
