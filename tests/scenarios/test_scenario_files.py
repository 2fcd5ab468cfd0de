"""Every scenario that comes with the simulator, played by real processes: our agent its register, both halves judged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import run_counterfoil

NAMES = sorted(path.stem for path in (Path(__file__).parents[2] / "simulator" / "scenarios").glob("*.toml"))


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario(name: str, tmp_path: Path) -> None:
    result = run_counterfoil("--home", str(tmp_path / "H"), "demo", "--headless", "--scenario", name, "--json")
    assert result.returncode in (0, 1), result.stderr
    said = json.loads(result.stdout)
    assert (said["scenario"], said["simulated"], said["simulator"]["name"]) == (name, True, name)
    checks = [*said["checks"], *said["simulator"]["checks"]]
    broken = [f"{one['name']}: expected {one['expected']}, found {one['found']}" for one in checks if not one["ok"]]
    assert not broken, "\n".join([*broken, said["replay"]])
    assert (result.returncode, said["verdict"], len(checks) > 10) == (0, "held", True)


def test_there_are_scenarios() -> None:
    assert len(NAMES) >= 40
