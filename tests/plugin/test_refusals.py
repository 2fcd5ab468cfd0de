"""What cannot be run is told in words, before a test could pass for nothing."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.plugin.elsewhere import Elsewhere, gone


def marked(arguments: str, fixture: str = "terminal_simulator") -> str:
    return (
        "import pytest\n\n\ndef test_before():\n    open('ran', 'w').close()\n\n\n"
        f"@pytest.mark.terminal_scenario({arguments})\ndef test_x({fixture}):\n    pass\n"
    )


@pytest.mark.parametrize(
    ("arguments", "named", "words"),
    [
        ((), {"speeed": 0}, "has no 'speeed'"),
        ((), {"lie": "fee_twice"}, "has no 'lie'"),
        ((), {"seed": "7"}, "The seed of a simulator is a whole number, not '7'"),
        ((), {"seed": True}, "is a whole number, not True"),
        ((), {"faults": [1]}, "The faults of a simulator is a list of texts"),
        ((), {"faults": 1}, "The faults of a simulator is a list of texts"),
        ((), {"throttle": None}, "The throttle of a simulator is True or False"),
        ((), {"wire": "serial"}, "no wire 'serial'"),
        ((7,), {}, "The scenario of a simulator is a text"),
        (("one", "two"), {}, "There is one scenario"),
    ],
)
def test_arguments_that_say_nothing_known(
    plugin: ModuleType, arguments: tuple[object, ...], named: dict[str, Any], words: str
) -> None:
    with pytest.raises(plugin.SimulatorError) as refused:
        plugin.Options.given([((), {"seed": 7}), (arguments, named)])
    assert words in str(refused.value)
    assert refused.value.todo


def test_a_closer_call_counts_value_by_value(plugin: ModuleType, tmp_path: Path) -> None:
    calls = [(("mine.toml",), {"seed": 1, "lies": "fee_twice"}), ((), {"seed": None, "faults": ["drop", "echo"]})]
    found = plugin.Options.given(calls, tmp_path)
    assert found == plugin.Options(
        scenario=str(tmp_path / "mine.toml"), lies=("fee_twice",), faults=("drop", "echo"), seed=None
    )
    assert plugin.Options.given([(("its_own_name",), {})], tmp_path).scenario == "its_own_name"


def test_a_marker_is_refused_before_any_test(elsewhere: Elsewhere) -> None:
    elsewhere.write(test_x=marked("speeed=0"))
    code, said = elsewhere.run()
    assert code == 4, said
    assert "test_x.py::test_x: A simulator has no 'speeed'. It has scenario, wire, " in said
    assert not (elsewhere.folder / "ran").exists()


def test_a_marker_without_the_fixture(elsewhere: Elsewhere) -> None:
    elsewhere.write(test_x=marked("seed=7", fixture=""))
    code, said = elsewhere.run()
    assert code == 4, said
    assert "terminal_scenario does nothing without the fixture" in said


def test_the_factory_refuses_the_same(elsewhere: Elsewhere) -> None:
    elsewhere.write(test_x="def test_x(terminal_simulators):\n    terminal_simulators(speeed=0)\n")
    code, said = elsewhere.run()
    assert code == 1
    assert "has no 'speeed'" in said


def test_the_simulators_own_words(elsewhere: Elsewhere) -> None:
    elsewhere.write(test_x=marked("profile='nosuch'"))
    code, said = elsewhere.run()
    assert code == 1
    assert "There is no profile 'nosuch'" in said or "nosuch" in said.split("It said:")[1]
    assert "sim run" in said


def test_one_that_is_never_ready(elsewhere: Elsewhere) -> None:
    """Another program that says something to people, never a port: told with its words, and not left behind."""
    elsewhere.write(
        test_x=marked(""),
        slow="import os, sys, time\nopen('pid', 'w').write(str(os.getpid()))\nprint('I think.', flush=True)\ntime.sleep(600)\n",
        pytest__ini="[pytest]\ncounterfoil_timeout = 1\n",
    )
    code, said = elsewhere.run(counterfoil=f"{elsewhere.python} slow.py")
    assert code == 1
    assert "did not come to it within 1 s" in said
    assert "I think." in said
    assert "counterfoil_timeout" in said
    assert gone(int(Path(elsewhere.folder / "pid").read_text()))
