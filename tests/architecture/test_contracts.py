"""The rooms' contracts of pyproject.toml hold, and the checker does find what would break them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
ROOMS = ("protocol", "agent", "simulator", "tui")
LINT_IMPORTS = str(Path(sys.executable).with_name("lint-imports"))


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"}
    command = [LINT_IMPORTS, "--no-cache", "--config", str(folder / "pyproject.toml")]
    return subprocess.run(
        command, check=False, cwd=folder, capture_output=True, text=True, timeout=120, env=environment
    )


def test_contracts_hold() -> None:
    done = lint(HOUSE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("house")
    shutil.copy(HOUSE / "pyproject.toml", folder)
    for room in ROOMS:
        shutil.copytree(HOUSE / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.mark.parametrize(
    ("module", "statement"),
    [
        ("agent/report.py", "import simulator.plan"),
        ("simulator/plan.py", "import agent.views"),
        ("agent/cli.py", "import tui.app"),
        ("protocol/money.py", "import agent.errors"),
        ("protocol/conversation.py", "import time"),
        ("tui/figures.py", "import protocol.money"),
        ("tui/feed.py", "import agent.journal.store"),
        ("agent/projection.py", "import sqlite3"),
    ],
)
def test_a_breach_is_found(copied: Path, module: str, statement: str) -> None:
    path = copied / module
    text = path.read_text(encoding="utf-8")
    try:
        path.write_text(text + f"\n{statement}\n", encoding="utf-8")
        done = lint(copied)
    finally:
        path.write_text(text, encoding="utf-8")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 broken" in done.stdout or "2 broken" in done.stdout
