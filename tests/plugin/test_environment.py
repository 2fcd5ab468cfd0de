"""What the distribution brings into somebody's environment: itself, and nothing of the house's names."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.plugin.elsewhere import PLUGIN, Elsewhere


def test_the_wheel_holds_its_own_files_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = archive.read("pytest_counterfoil-0.1.0.dist-info/METADATA").decode()
    sources = {f"pytest_counterfoil/{path.name}" for path in (PLUGIN / "pytest_counterfoil").glob("*.py")}
    meta = {f"pytest_counterfoil-0.1.0.dist-info/{n}" for n in ("METADATA", "WHEEL", "RECORD", "top_level.txt")}
    entry_points = "pytest_counterfoil-0.1.0.dist-info/entry_points.txt"
    assert names == sources | meta | {"pytest_counterfoil/py.typed", entry_points}
    assert [line for line in metadata.splitlines() if line.startswith("Requires-Dist")] == ["Requires-Dist: pytest>=8"]


def test_none_of_our_packages_is_there(elsewhere: Elsewhere) -> None:
    elsewhere.write(
        test_names="""
from importlib.util import find_spec
import pytest

@pytest.mark.parametrize("name", ["agent", "protocol", "simulator", "tui", "counterfoil", "serial"])
def test_absent(name):
    assert find_spec(name) is None

def test_the_plugin_is_there_by_its_entry_point(pytestconfig):
    assert pytestconfig.pluginmanager.has_plugin("counterfoil")
"""
    )
    code, said = elsewhere.run()
    assert code == 0, said
    assert "7 passed" in said


@pytest.mark.parametrize(
    ("told", "arguments"),
    [
        pytest.param({"pytest__ini": "[pytest]\ncounterfoil_command = nowhere/counterfoil\n"}, (), id="setting"),
        pytest.param({}, ("--counterfoil-command", "nowhere/counterfoil"), id="option"),
    ],
)
def test_a_command_that_is_absent(elsewhere: Elsewhere, told: dict[str, str], arguments: tuple[str, ...]) -> None:
    elsewhere.write(test_x="def test_x(terminal_simulator):\n    pass\n", **told)
    code, said = elsewhere.run(*arguments, counterfoil="")
    assert code == 1
    assert "There is no command nowhere/counterfoil" in said
    assert "pipx install counterfoil" in said
    assert "Traceback" not in said


def test_the_option_comes_before_the_variable(elsewhere: Elsewhere) -> None:
    elsewhere.write(test_x="def test_x(terminal_simulator):\n    pass\n")
    code, said = elsewhere.run("--counterfoil-command", "nowhere/counterfoil")
    assert code == 1
    assert "There is no command nowhere/counterfoil" in said


def test_without_an_option_it_is_on_the_path(elsewhere: Elsewhere) -> None:
    elsewhere.write(test_x="def test_x(terminal_simulator):\n    pass\n")
    code, said = elsewhere.run(counterfoil="")
    assert code == 1
    assert "There is no command counterfoil," in said
