"""The real command line, and a home with a recorded demo day, for the pages that need a real record."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

COUNTERFOIL = Path(sys.executable).with_name("counterfoil")


def _cli(home: Path, *arguments: str) -> str:
    command = [str(COUNTERFOIL), "--home", str(home), "--lang", "en", *arguments]
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60, env=environment).stdout


@pytest.fixture(scope="session")
def cli() -> Callable[..., str]:
    """(home, *arguments) -> stdout of the command, in English; raises CalledProcessError."""
    return _cli


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """41 transactions: 85 entries, a tree with an odd edge."""
    home = tmp_path_factory.mktemp("docs") / "home"
    _cli(home, "demo", "--headless", "--transactions", "41", "--seed", "7", "--json")
    return home
