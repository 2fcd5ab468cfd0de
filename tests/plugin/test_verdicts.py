"""The simulator's verdict at a test's end: what it has against the test fails it, in words."""

from __future__ import annotations

import pytest

from tests.plugin.elsewhere import Elsewhere
from tests.plugin.test_example import FILES
from tests.plugin.test_running import HEAD

PLAYED = """
def play(simulator, more=0):
    register = Register(simulator.port)
    for number, turn in enumerate(simulator.turns()):
        register.sell(turn["amount_minor"] + more, f"{number:06d}")
"""


def run(elsewhere: Elsewhere, body: str) -> tuple[int, str]:
    elsewhere.write(**{name: FILES[name] for name in ("register__py", "two_sales__toml")}, test_x=HEAD + PLAYED + body)
    return elsewhere.run()


def test_a_broken_one_fails_the_test(elsewhere: Elsewhere) -> None:
    """The register asks for 100 more than it was told: 15100 instead of the 15000 of two_sales.toml's [expect.ledger]."""
    code, said = run(
        elsewhere,
        """
@pytest.mark.terminal_scenario("two_sales.toml")
def test_x(terminal_simulator):
    play(terminal_simulator, more=100)
""",
    )
    assert code == 1
    assert "1 passed, 1 error" in said, said
    words = said.split("The simulator's verdict on two_sales.toml:")[1]
    assert "✗ ledger: charged of lunch\n      expected 15000\n      found    15100\n" in words
    assert "✓ ledger: sales_count" in words
    assert "counterfoil SIM-CLASSIC-000007: ledger" in words and "run it again" in words
    assert "two_sales.toml" in words.split("run it again")[1]


def test_it_can_be_looked_at_instead(elsewhere: Elsewhere) -> None:
    code, said = run(
        elsewhere,
        """
@pytest.mark.terminal_scenario("two_sales.toml", verdict=False)
def test_broken(terminal_simulator):
    play(terminal_simulator, more=100)
    verdict = terminal_simulator.verdict()
    assert verdict["verdict"] == "broken"
    assert [check["found"] for check in verdict["checks"] if check["name"] == "ledger: charged of lunch"] == ["15100"]

@pytest.mark.terminal_scenario("two_sales.toml")
def test_held(terminal_simulator):
    play(terminal_simulator)
    assert terminal_simulator.verdict()["verdict"] == "held"
    assert terminal_simulator.verdict() is terminal_simulator.verdict()

def test_without_a_scenario(terminal_simulator):
    Register(terminal_simulator.port).sell(15000, "000001")
    verdict = terminal_simulator.verdict()
    assert verdict["verdict"] == "held" and len(verdict["checks"]) >= 4
""",
    )
    assert code == 0, said


def test_a_register_that_does_not_play(elsewhere: Elsewhere) -> None:
    """It is given its time, then stopped: the scenario has not come to its end."""
    elsewhere.write(pytest__ini="[pytest]\ncounterfoil_timeout = 3\n")
    code, said = run(
        elsewhere, "@pytest.mark.terminal_scenario('two_sales.toml')\ndef test_x(terminal_simulator):\n    pass\n"
    )
    assert code == 1
    assert "✗ it came to its end" in said, said


def test_one_that_nobody_can_give(elsewhere: Elsewhere) -> None:
    code, said = run(elsewhere, "def test_x(terminal_simulator):\n    terminal_simulator.kill()\n")
    assert code == 1
    assert "ended without a verdict" in said
    assert "1 passed, 1 error" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [("title = 3\n", "line 1"), ("this is no TOML\n", "line 1")],
)
def test_a_broken_scenario_file(elsewhere: Elsewhere, text: str, words: str) -> None:
    """The simulator's own words, with the line."""
    elsewhere.write(mine__toml=text)
    code, said = run(
        elsewhere, "@pytest.mark.terminal_scenario('mine.toml')\ndef test_x(terminal_simulator):\n    pass\n"
    )
    assert code == 1
    assert "mine.toml" in said and words in said.split("It said:")[1], said
