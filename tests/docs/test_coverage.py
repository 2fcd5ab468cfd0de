"""docs/coverage.md: every requirement of docs/domain.md is there, with the tests that name it, and nothing wrong is silent."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import requirements

HOUSE = Path(__file__).parents[2]
OF_FEES = [f"4-{n:02d}" for n in range(1, 13)] + ["3-01", "3-03", "3-21"] + [f"D{n:02d}" for n in range(1, 23)]
STORIES = ["张先生", "李女士", "王女士", "赵先生"]
House = Callable[..., Path]


@pytest.fixture
def house(tmp_path: Path) -> House:
    """house(test's source, scenario's tags): a house with that one test file and that one scenario."""

    def make(source: str = "", *tags: str) -> Path:
        for folder in ("docs", "tests", "simulator/scenarios"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(HOUSE / "docs" / "domain.md", tmp_path / "docs")
        (tmp_path / "tests" / "test_it.py").write_text(source, encoding="utf-8")
        tests = ", ".join(f'"{tag}"' for tag in tags)
        (tmp_path / "simulator" / "scenarios" / "s.toml").write_text(f"tests = [{tests}]\n", encoding="utf-8")
        return tmp_path

    return make


def test_the_house_is_covered() -> None:
    assert requirements.problems() == []


def test_every_row_of_the_domain_is_a_requirement() -> None:
    """As many as its articles have rows, counted there; and 22 detectors, four stories."""
    found = requirements.requirements()
    assert Counter(one.id[0] for one in found) == Counter(
        {"0": 19, "1": 14, "2": 20, "3": 23, "4": 12, "D": 22, "张": 1, "李": 1, "王": 1, "赵": 1}
    )
    assert len({one.id for one in found}) == len(found)
    phrases = {one.id: one.phrase for one in found}
    assert phrases["4-12"] == "每月的扣费金额远超他的预期"
    assert (phrases["D05"], phrases["王女士"]) == ("DUP_FEE", "扣费异常; 满意")


def test_whose_each_is() -> None:
    owners = {one.id: one.owner for one in requirements.requirements()}
    assert sorted(id_ for id_, owner in owners.items() if owner.stands) == sorted(OF_FEES + STORIES)
    assert owners["3-04"].name == owners["2-15"].name == "refunds"


def test_what_stands_without_a_test_is_a_problem(house: House) -> None:
    assert len(requirements.problems(house())) == len(OF_FEES + STORIES)
    tags = [*OF_FEES, *(f"story: {name}" for name in STORIES)]
    assert requirements.problems(house("", *tags)) == []
    without = [tag for tag in tags if tag != "4-06"]
    assert requirements.problems(house("", *without)) == [
        "no test names 4-06 (重复扣费、误扣费 (系统错误、操作失误、恶意攻击))"
    ]


SOURCE = """
import pytest
pytestmark = [pytest.mark.requirement("4-01"), pytest.mark.slow]
@pytest.mark.requirement("D01", "D02")
def test_plain(): ...
@pytest.mark.requirement("D03")
class TestClass:
    @pytest.mark.requirement("D04")
    def test_in_it(self): ...
@pytest.mark.parametrize("a", [1, pytest.param(2, marks=pytest.mark.requirement("D05"))])
async def test_with_a_param(a): ...
'''@pytest.mark.requirement("D06")'''
# @pytest.mark.requirement("D07")
"""


def test_markers_are_found_wherever_they_may_stand(house: House) -> None:
    found = requirements.named(house(SOURCE, "D08", "lie: D09x", "x4-06", "D0", "4-067", "of D10: 4-08"))
    assert {one.place: one.ids for one in found} == {
        "tests/test_it.py": ("4-01",),
        "tests/test_it.py::test_plain": ("D01", "D02"),
        "tests/test_it.py::TestClass": ("D03",),
        "tests/test_it.py::TestClass::test_in_it": ("D04",),
        "tests/test_it.py::test_with_a_param": ("D05",),
        "simulator/scenarios/s.toml": ("D08", "D10", "4-08"),
    }
    assert not any(one.wrong for one in found)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('@pytest.mark.requirement("4-13")\ndef test_it(): ...', "test_it.py::test_it: docs/domain.md has no 4-13"),
        ('@pytest.mark.requirement("d05")\ndef test_it(): ...', "docs/domain.md has no d05"),
        ('@pytest.mark.requirement("D05")\ndef helper(): ...', "::helper: the marker is on no test"),
        ("@pytest.mark.requirement(*IDS)\ndef test_it(): ...", "line 1: the marker's ids are not written out"),
        ("pytestmark = pytest.mark.requirement()", "line 1: the marker's ids are not written out"),
    ],
)
def test_a_marker_that_proves_nothing_is_a_problem(house: House, source: str, said: str) -> None:
    problems = [one for one in requirements.problems(house(source)) if not one.startswith("no test names")]
    assert len(problems) == 1
    assert problems[0].startswith("tests/test_it.py")
    assert said in problems[0]


def test_the_pages_check_fails_on_a_problem(house: House) -> None:
    """`docs/build.py --check`, in a house of its own: whole, then with an id that no row has, then with one untested."""
    tags = [*OF_FEES, *STORIES]
    there = house("", *tags)
    for name in ("docs/build.py", "docs/coverage.md", "tests/__init__.py", "tests/requirements.py"):
        shutil.copy(HOUSE / name, there / name)

    def build(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(there / "docs" / "build.py"), *arguments]
        environment = os.environ | {"PYTHONPATH": str(there), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=60)

    assert build().returncode == 0
    checked = build("--check")
    assert (checked.returncode, checked.stderr) == (0, "")
    house("", *tags[1:], "9-99", "2-99")
    build()
    checked = build("--check")
    assert checked.returncode == 1
    assert "no test names 4-01" in checked.stderr
    assert "docs/domain.md has no 2-99" in checked.stderr
    assert "**none**" in (there / "docs" / "coverage.md").read_text(encoding="utf-8")
