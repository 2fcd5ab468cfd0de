"""Somebody else's environment: pytest, what it needs, and the plugin as its wheel has it; of counterfoil only the command.

Made without the network: an empty venv, links to the distributions that this environment has anyway, and the wheel unpacked
(of pure Python, that is what an installer does with it).
"""

from __future__ import annotations

import importlib
import importlib.metadata
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.plugin.elsewhere import PLUGIN, Elsewhere, link

THEIRS = ("pytest", "pluggy", "iniconfig", "packaging", "pygments", "pytest-xdist", "execnet")
"""What `pip install pytest pytest-xdist` brings."""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: a build leaves its traces where the source is."""
    source, built = tmp_path_factory.mktemp("source") / "plugin", tmp_path_factory.mktemp("dist")
    shutil.copytree(PLUGIN, source, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(built), str(source)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def their_python(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    home = tmp_path_factory.mktemp("elsewhere") / "venv"
    venv.create(home, symlinks=True, with_pip=False)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    for name in THEIRS:
        link(importlib.metadata.distribution(name), packages)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    return home / "bin" / "python"


@pytest.fixture
def elsewhere(their_python: Path, tmp_path: Path) -> Iterator[Elsewhere]:
    with tempfile.TemporaryDirectory(prefix="plugin-") as scratch:
        yield Elsewhere(their_python, tmp_path, scratch)


@pytest.fixture(scope="module")
def plugin() -> Iterator[ModuleType]:
    """The package, imported from its folder; not installed here, so that no other test has its fixtures."""
    sys.path.insert(0, str(PLUGIN))
    try:
        yield importlib.import_module("pytest_counterfoil")
    finally:
        sys.path.remove(str(PLUGIN))
