"""The fixtures `terminal_simulator` and `terminal_simulators`, the marker `terminal_scenario`, and what a failure shows."""

from __future__ import annotations

import os
import shlex
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pytest_counterfoil.errors import SimulatorError
from pytest_counterfoil.options import Call, Options
from pytest_counterfoil.simulator import PATIENCE_S, StartSimulator, TerminalSimulator

MARKER = "terminal_scenario"
_SIMULATORS = pytest.StashKey[list[TerminalSimulator]]()
_FAILED = pytest.StashKey[bool]()
"""Of a test: it has failed already. Of the run: somebody pressed Ctrl+C. Nobody waits for a verdict then."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("counterfoil", "simulated card terminals")
    group.addoption(
        "--counterfoil-command", metavar="COMMAND", help="How counterfoil is called [default: counterfoil]."
    )
    parser.addini("counterfoil_command", "How counterfoil is called, with its first arguments if it has any.")
    parser.addini(
        "counterfoil_timeout",
        "Seconds that a simulator may take to be ready, to a scenario's next turn, and to its end.",
        default=str(PATIENCE_S),
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        f"{MARKER}(scenario=None, **options): what terminal_simulator runs; a verdict against the test fails it.",
    )


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.pluginmanager.register(_Interruption(session.config))


class _Interruption:
    """Remembers Ctrl+C: pytest ends the fixtures of the interrupted test afterwards."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_keyboard_interrupt(self) -> None:
        self._config.stash[_FAILED] = True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A marker that would do nothing, or not what it says, ends the run before a test is run."""
    for item in items:
        try:
            Options.given(_marked(item))
        except SimulatorError as error:
            raise pytest.UsageError(f"{item.nodeid}: {error}") from error
        own = any(marker.name == MARKER for marker in item.own_markers)
        if own and "terminal_simulators" not in getattr(item, "fixturenames", ()):
            raise pytest.UsageError(
                f"{item.nodeid}: {MARKER} does nothing without the fixture terminal_simulator. Ask for it."
            )


def _marked(item: pytest.Item) -> list[Call]:
    """Every marker's arguments, the module's first: a closer one's values count."""
    return [(marker.args, marker.kwargs) for marker in reversed(list(item.iter_markers(MARKER)))]


def command_of(config: pytest.Config) -> list[str]:
    """The option, else the variable COUNTERFOIL_COMMAND, else the setting, else `counterfoil`."""
    said = config.getoption("counterfoil_command") or os.environ.get("COUNTERFOIL_COMMAND")
    return shlex.split(said or config.getini("counterfoil_command") or "counterfoil")


@pytest.fixture
def terminal_simulators(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartSimulator]:
    """terminal_simulators(scenario=None, **options) starts one more, as the marker has it but for what is given here.

    All are judged and gone at the test's end.
    """
    item = request.node
    started: list[TerminalSimulator] = []
    item.stash[_SIMULATORS] = started
    item.stash[_FAILED] = False  # an earlier try of the same test may have
    patience_s = float(request.config.getini("counterfoil_timeout"))

    def start(*arguments: Any, **named: Any) -> TerminalSimulator:
        try:
            options = Options.given([*_marked(item), (arguments, named)], item.path.parent)
            folder = tmp_path_factory.mktemp("counterfoil")
            started.append(TerminalSimulator(command_of(request.config), options, folder, patience_s=patience_s))
            ended.callback(started[-1].close)
            started[-1].start()
        except SimulatorError as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        return started[-1]

    with ExitStack() as ended:
        yield start
        over = item.stash[_FAILED] or request.config.stash.get(_FAILED, False)
        against = [] if over else [words for one in started if (words := _against(one))]
    if against:
        pytest.fail("\n\n".join(against), pytrace=False)


@pytest.fixture
def terminal_simulator(terminal_simulators: StartSimulator) -> TerminalSimulator:
    """The simulator that the marker `terminal_scenario` describes; without one, a terminal that waits for a register."""
    return terminal_simulators()


def _against(simulator: TerminalSimulator) -> str:
    """What its verdict has against the test, in words; nothing if it was not to judge."""
    if not simulator.options.verdict:
        return ""
    try:
        verdict = simulator.verdict()
    except SimulatorError as error:
        return str(error)
    return "" if verdict["verdict"] == "held" else in_words(simulator, verdict)


def in_words(simulator: TerminalSimulator, verdict: dict[str, Any]) -> str:
    """A verdict check by check."""
    name = Path(simulator.options.scenario).name if simulator.options.scenario else simulator.terminal
    lines = [f"The simulator's verdict on {name}:"]
    for check in verdict["checks"]:
        lines.append(f"  {'✓' if check['ok'] else '✗'} {check['name']}")
        if not check["ok"]:
            lines += [f"      expected {check['expected']}", f"      found    {check['found']}"]
    return "\n".join(lines)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What the simulators know, in the report of what failed: once, where it failed first."""
    report = yield
    if report.failed and not item.stash.get(_FAILED, False):
        item.stash[_FAILED] = True
        for simulator in item.stash.get(_SIMULATORS, []):
            report.sections += [(f"counterfoil {title}", text) for title, text in simulator.report()]
    return report
