"""First paint and leaving of the screens, against a hello-world Textual app, in a real pty of 120×40."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
from statistics import median
from time import perf_counter

RUNS = 9
_HELLO = """
from textual.app import App
from textual.widgets import Static
class Hello(App):
    def compose(self):
        yield Static("hello-there")
Hello().run()
"""
_OURS = """
from tests.tui.conftest import PaperDesk
from agent.views import choose_language
choose_language("en")
from tui.app import run
run(PaperDesk(), "en")
"""


def _first(code: str, mark: bytes) -> float:
    """Seconds from the start of the process until `mark` was drawn."""
    began = perf_counter()
    pid, line = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execv(sys.executable, [sys.executable, "-c", code])
    fcntl.ioctl(line, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    seen = b""
    while mark not in seen and perf_counter() - began < 20:
        if select.select([line], [], [], 1)[0]:
            seen += os.read(line, 65536)
    seconds = perf_counter() - began
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(line)
    assert mark in seen, seen[-500:]
    return seconds


def measure() -> dict[str, float]:
    """Medians in ms of interleaved runs, and their ratio."""
    ours, theirs = [], []
    for _run in range(RUNS + 1):
        theirs.append(_first(_HELLO, b"hello-there"))
        ours.append(_first(_OURS, b"Sales"))
    return {
        "figures_ms": median(ours[1:]) * 1e3,
        "hello_ms": median(theirs[1:]) * 1e3,
        "ratio": median(a / b for a, b in zip(ours[1:], theirs[1:], strict=True)),
    }


if __name__ == "__main__":
    print(measure())
