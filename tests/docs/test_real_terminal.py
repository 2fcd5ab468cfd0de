"""On a real terminal the demo opens the screens, shows what is practice, and F10 leaves: as README.md says of `make run`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# A fresh machine may lack it; CI installs it, and skips nothing.
pytestmark = pytest.mark.skipif("CI" not in os.environ and shutil.which("tmux") is None, reason="needs tmux")

COUNTERFOIL = Path(sys.executable).with_name("counterfoil")
Tmux = Callable[..., str]


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    """A tmux server of our own, and its end."""

    def run(*arguments: str) -> str:
        command = ["tmux", "-S", str(tmp_path / "tmux"), "-f", "/dev/null", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout

    yield run
    subprocess.run(["tmux", "-S", str(tmp_path / "tmux"), "kill-server"], check=False, capture_output=True, timeout=20)


def seen(tmux: Tmux, wanted: str) -> str:
    """The terminal's text once it holds `wanted`; fails after 40 s."""
    until = time.monotonic() + 40
    while wanted not in (text := tmux("capture-pane", "-p")):
        assert time.monotonic() < until, text
        time.sleep(0.1)
    return text


def test_screens_open_and_f10_leaves(tmux: Tmux, tmp_path: Path) -> None:
    environment = f"LC_ALL=C.UTF-8 COUNTERFOIL_HOME={tmp_path / 'home'}"
    command = f"{environment} {COUNTERFOIL} --lang en demo --transactions 20; echo left with $?; sleep 60"
    tmux("new-session", "-d", "-x", "80", "-y", "24", "sh", "-c", command)
    for wanted in ("F10 Leave", "DEMO", "F2 Today", "Connected"):  # a terminal may be seen half drawn
        seen(tmux, wanted)
    tmux("send-keys", "F10")
    assert "left with 0" in seen(tmux, "left with ")
