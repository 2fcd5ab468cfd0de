"""A scenario: what happens at a terminal and at its register, and what must be so at the end (docs/simulator.md).

Made from a file by simulator/scenario_files.py, played by simulator/player.py, judged by simulator/judge.py. The register's
half is done by a register.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from simulator.clock import SHANGHAI, closing, opening
from simulator.errors import SimulatorError
from simulator.scenario_words import DEEDS

ENDS_AFTER_MS = 60_000
FIRST_DAY = date(2026, 3, 2)


class ScenarioRefused(SimulatorError):
    """A file that is not as it should be: line, field, and what was expected."""


@dataclass(frozen=True, slots=True)
class When:
    """at: ms UTC, simulated. Else trigger and its argument (a stage, a day, or nothing) and label, or nothing at all."""

    at: int | None = None
    trigger: str = ""
    argument: str = ""
    label: str = ""
    plus_ms: int = 0

    @property
    def text(self) -> str:
        return ":".join(filter(None, (self.trigger, self.argument, self.label)))


@dataclass(frozen=True, slots=True)
class Step:
    """The simulator's: when, what the display must show, and the command (empty: only to look)."""

    line: int
    when: When
    do: str
    arguments: Mapping[str, str | int]
    screen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """The register's. at: ms UTC, simulated. values: the other keys as the file has them. label: given, or made up."""

    line: int
    label: str
    do: str
    values: Mapping[str, Any]
    at: int | None = None

    @property
    def turn(self) -> bool:
        """The terminal is asked, and the calendar waits for it."""
        return DEEDS[self.do].turn and self.values.get("reaches", True)

    @property
    def is_money(self) -> bool:
        return self.do in {"sale", "refund", "void"}


@dataclass(frozen=True, slots=True)
class Scenario:
    """options: of `sim run`, by the file's words, only those given. expect: by section, as the file has it."""

    name: str
    title: Mapping[str, str]
    story: Mapping[str, str] | None
    tests: tuple[str, ...]
    options: Mapping[str, Any]
    steps: tuple[Step, ...]
    entries: tuple[Entry, ...]
    expect: Mapping[str, Any]
    ends_after_ms: int = ENDS_AFTER_MS
    document: Mapping[str, Any] = field(default_factory=dict)
    """The file whole, JSON-able: what is left out is left out, but every entry of the register has a label."""

    @property
    def first(self) -> date:
        return date.fromisoformat(str(self.options.get("date", FIRST_DAY)))

    @property
    def days(self) -> int:
        return int(self.options.get("days", 1))

    @property
    def hours(self) -> tuple[int, int]:
        """From the first opening to the last closing, ms UTC."""
        return opening(self.first), closing(self.first + timedelta(days=self.days - 1))


def moment(value: object) -> int:
    """A simulated local time as ms UTC."""
    local = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return int(local.replace(tzinfo=SHANGHAI).timestamp() * 1000)
