"""A folder with somebody's tests, and pytest run on them in somebody else's environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
PLUGIN = HOUSE / "pytest-plugin"
COUNTERFOIL = Path(sys.executable).with_name("counterfoil")


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The other environment, and a folder with somebody's tests."""

    python: Path
    folder: Path
    scratch: str
    """Where temporary files go: a short name, for sockets."""

    def write(self, **files: str) -> None:
        """test_x="…" becomes test_x.py; a name with two underscores before its end, another suffix: pytest__ini."""
        for name, text in files.items():
            stem, _, suffix = name.partition("__")
            (self.folder / f"{stem}.{suffix or 'py'}").write_text(text, encoding="utf-8")

    def start(self, *arguments: str, counterfoil: str = str(COUNTERFOIL)) -> subprocess.Popen[str]:
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "LC_ALL": "C.UTF-8", "TMPDIR": self.scratch}
        environment |= {"COUNTERFOIL_COMMAND": counterfoil} if counterfoil else {}
        command = [str(self.python), "-m", "pytest", "-p", "no:cacheprovider", "--color=no", "-rA", *arguments]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )

    def run(self, *arguments: str, counterfoil: str = str(COUNTERFOIL)) -> tuple[int, str]:
        """Exit code and output of pytest in that folder."""
        process = self.start(*arguments, counterfoil=counterfoil)
        try:
            said, _ = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            pytest.fail(f"pytest did not end:\n{process.communicate()[0]}")
        return process.returncode, said


def link(distribution: Distribution, folder: Path) -> None:
    """What it has installed here, in that folder too; its scripts left out."""
    for top in {file.parts[0] for file in distribution.files or () if file.parts[0] not in {"..", "__pycache__"}}:
        (folder / top).symlink_to(Path(str(distribution.locate_file(top))))


def gone(pid: int, seconds: float = 15) -> bool:
    """The process ends within that time. A zombie, which nobody in a container may collect, has ended."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
            state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], check=False, capture_output=True, text=True)
            if state.stdout.startswith("Z"):
                return True
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False
