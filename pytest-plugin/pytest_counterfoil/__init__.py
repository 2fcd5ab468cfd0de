"""A simulated card terminal for tests of a register's software: fixtures around the command `counterfoil sim run`.

    def test_sale(terminal_simulator: TerminalSimulator) -> None:
        register = Register(terminal_simulator.url)
        assert register.sell(1000).approved

Everything public is named here; the fixtures are in pytest_counterfoil.plugin.
"""

from __future__ import annotations

from pytest_counterfoil.control import ControlRefused
from pytest_counterfoil.errors import SimulatorError
from pytest_counterfoil.keys import REGISTER_PRIVATE, REGISTER_PUBLIC, TERMINAL_PUBLIC
from pytest_counterfoil.options import Options
from pytest_counterfoil.simulator import StartSimulator, TerminalSimulator

__all__ = [
    "REGISTER_PRIVATE",
    "REGISTER_PUBLIC",
    "TERMINAL_PUBLIC",
    "ControlRefused",
    "Options",
    "SimulatorError",
    "StartSimulator",
    "TerminalSimulator",
]
