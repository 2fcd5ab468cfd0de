"""The verdict on a run: what was judged, how it can be played again, in words and as a JSON document."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from simulator.errors import SimulatorError
from simulator.expectations import Rows
from simulator.judge import Check, Evidence, judge
from simulator.scenario import Scenario
from simulator.terminal import Terminal


@dataclass(frozen=True, slots=True)
class Verdict:
    """name: of the scenario, or `run`. about: seed, profile and the like. replay: a command line. ms: what it took.

    left: expectations that are judged elsewhere: of the register's own record.
    """

    name: str
    checks: Sequence[Check]
    about: Mapping[str, str | int]
    counts: Mapping[str, int]
    replay: str
    ms: int
    left: Mapping[str, Any]

    @property
    def held(self) -> bool:
        return all(check.ok for check in self.checks)

    def document(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "verdict": "held" if self.held else "broken",
            "name": self.name,
            **self.about,
            "ms": self.ms,
            "checks": [asdict(check) for check in self.checks],
            "counts": dict(self.counts),
            "left": dict(self.left),
            "replay": self.replay,
        }

    def text(self) -> str:
        """For a person."""
        lines = []
        for check in self.checks:
            lines.append(f"{'✓' if check.ok else '✗'} {check.name}")
            if not check.ok:
                lines += [f"    expected: {_indented(check.expected)}", f"    found:    {_indented(check.found)}"]
        broken = sum(not check.ok for check in self.checks)
        held = f"{len(self.checks)} checks held." if not broken else f"{broken} of {len(self.checks)} checks broken."
        lines.append(f"{self.name}: {held}")
        if self.left:
            lines.append(f"Not judged here: {', '.join(self.left)}; `counterfoil demo --scenario` does.")
        if broken:
            lines.append(f"Again: {self.replay}")
        return "\n".join(lines)


def _indented(text: str) -> str:
    return text.replace("\n", "\n              ")


def read_ledger(path: Path) -> Rows:
    """Its lines. Raises SimulatorError."""
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise SimulatorError(
            f"The ledger {path} cannot be read: {error}.", "Give --ledger a path of its own."
        ) from error


def evidence(terminal: Terminal, ledger: Path, screens: Sequence[str] = (), played: Sequence[Check] = ()) -> Evidence:
    """What there is to judge, of a terminal that was served. Raises SimulatorError."""
    log = terminal.log
    return Evidence(
        rows=read_ledger(ledger),
        counts=terminal.tally.counts() | {"events": log.last_written},
        acknowledged=log.acknowledged,
        asked=terminal.tally.asked,
        falsified=frozenset(terminal.crashes.falsified),
        screens=screens,
        played=played,
    )


def verdict(
    scenario: Scenario | None, found: Evidence, *, about: Mapping[str, str | int], command: Sequence[str], ms: int
) -> Verdict:
    """command: what was called. ms: how long it took."""
    expect = {} if scenario is None else scenario.expect
    return Verdict(
        name="run" if scenario is None else scenario.name,
        checks=judge(scenario, found),
        about=about,
        counts=found.counts,
        replay=shlex.join(command),
        ms=ms,
        left={section: expect[section] for section in ("journal", "finding") if section in expect},
    )
