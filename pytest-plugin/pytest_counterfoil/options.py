"""What a test wants of its simulator: the marker's and the factory's arguments, and the command line that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pytest_counterfoil.errors import SimulatorError

NATIVE = "native"
Call = tuple[Sequence[object], Mapping[str, Any]]
"""Positional and named arguments."""
_KINDS: Mapping[str, tuple[type, str]] = {
    "str | None": (str, "a text"),
    "int | None": (int, "a whole number"),
    "bool": (bool, "True or False"),
    "str": (str, "a text"),
    "tuple[str, ...]": (tuple, "a list of texts"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """One simulator. None: as `counterfoil sim run` has it, or the scenario.

    scenario: a name of `counterfoil sim scenarios`, or a file that ends with .toml; None: nothing happens that the test
    does not do. wire: "tcp" or "pty". lies, faults: NAME[:KEY=VALUE,…]. paired: on the native wire both ends know each
    other's keys already (pytest_counterfoil.keys). speed: simulated seconds a second, 0 as fast as the line takes.
    verdict: a simulator that judges against the test fails it. more: further options of `sim run`, as they stand there.
    """

    scenario: str | None = None
    wire: str = "tcp"
    dialect: str = NATIVE
    paired: bool = True
    pairing: str | None = None
    profile: str | None = None
    seed: int | None = None
    date: str | None = None
    days: int | None = None
    transactions: int | None = None
    speed: int | None = None
    customer: str | None = None
    deposit: str | None = None
    crash: str | None = None
    after_crash: str | None = None
    lies: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    line_rate: int | None = None
    throttle: bool = False
    verdict: bool = True
    more: tuple[str, ...] = ()

    @classmethod
    def given(cls, calls: Sequence[Call], folder: Path | None = None) -> Options:
        """As markers and the factory were called; a later one's values count. folder: where a scenario's file lies.

        SimulatorError: an argument that is not known, or of another kind.
        """
        named: dict[str, Any] = {}
        for arguments, more in calls:
            if len(arguments) > 1:
                raise SimulatorError("There is one scenario for a simulator.", "Name the other arguments.")
            named |= {"scenario": arguments[0]} if arguments else {}
            named |= more
        known = {field.name: str(field.type) for field in fields(cls)}
        for name, value in named.items():
            if name not in known:
                raise SimulatorError(f"A simulator has no {name!r}.", f"It has {', '.join(known)}.")
            kind, words = _KINDS[known[name]]
            if kind is tuple:
                value = (value,) if isinstance(value, str) else value  # noqa: PLW2901
                fits = isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)
                value = tuple(value) if fits else value  # noqa: PLW2901
            else:
                fits = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
            if not fits and not (value is None and "None" in known[name]):
                raise SimulatorError(f"The {name} of a simulator is {words}, not {value!r}.", "Write it so.")
            named[name] = value
        options = cls(**named)
        if options.wire not in {"tcp", "pty"}:
            raise SimulatorError(f"A simulator has no wire {options.wire!r}.", "It has tcp and pty.")
        if options.scenario is not None and options.scenario.endswith(".toml") and folder is not None:
            named["scenario"] = str(folder / options.scenario)
            return cls(**named)
        return options

    @property
    def keys(self) -> bool:
        """Both ends are to know each other's key before they begin."""
        return self.paired and self.dialect == NATIVE

    def command_line(self) -> list[str]:
        """Without the wire, and without the paths, which are different each time."""
        lone = self.scenario is None
        found = [] if lone else ["--scenario", str(self.scenario)]
        found += ["--judge"] if lone and self.verdict else []
        given: dict[str, str | int | None] = {
            "dialect": None if self.dialect == NATIVE else self.dialect,
            "pairing": self.pairing,
            "profile": self.profile,
            "seed": self.seed,
            "date": self.date,
            "days": self.days,
            "transactions": 0 if lone and self.transactions is None else self.transactions,
            "speed": 0 if lone and self.speed is None else self.speed,
            "customer": self.customer,
            "deposit": self.deposit,
            "crash": self.crash,
            "after-crash": self.after_crash,
            "line-rate": self.line_rate,
        }
        for name, value in given.items():
            found += [] if value is None else [f"--{name}", str(value)]
        found += [word for lie in self.lies for word in ("--lie", lie)]
        found += [word for fault in self.faults for word in ("--fault", fault)]
        found += ["--throttle"] if self.throttle else []
        return [*found, *self.more]
