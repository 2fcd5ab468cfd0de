"""Schedules by seed and scenario: played, replayed, and what they leave told in one digest."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from tests.dst.money_world import MoneyScenario, MoneyWorld
from tests.dst.promises import Broken
from tests.dst.world import Scenario, World

AnyScenario = Scenario | MoneyScenario
ALL: dict[str, AnyScenario] = {scenario.value: scenario for scenario in (*Scenario, *MoneyScenario)}


def world(seed: int, scenario: AnyScenario, *, traced: bool) -> World | MoneyWorld:
    """A schedule, not yet run."""
    if isinstance(scenario, MoneyScenario):
        return MoneyWorld(seed, scenario, traced=traced)
    return World(seed, scenario, traced=traced)


def fault(seed: int, scenario: AnyScenario, *, trace: bool = False) -> str | None:
    """What a seed breaks, in one line; None if every promise holds."""
    played = world(seed, scenario, traced=trace)
    said = None
    try:
        played.run()
    except Broken as broken:
        said = str(broken)
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
    if trace:
        print("\n".join(played.trace))
    return said


def replay(seed: int, scenario: AnyScenario, said: str) -> str:
    """The line for a seed that failed: what it breaks, and the command that shows it again."""
    return f"seed {seed} {scenario}: {said} -- python -m tests.dst {seed} 1 {scenario} --trace"


def digest(seeds: range, scenario: AnyScenario) -> str:
    """SHA-256 over everything that happened in the runs of these seeds, as hex."""
    trace = sha256()
    for seed in seeds:
        played = world(seed, scenario, traced=True)
        played.run()
        trace.update("\n".join(played.trace).encode())
    return trace.hexdigest()


def schedules(seeds: range) -> Iterable[tuple[int, AnyScenario]]:
    """What these seeds play if nobody chooses."""
    for seed in seeds:
        yield seed, MoneyScenario.LOG if seed % 8 == 7 else MoneyScenario.MONEY
        if seed % 50 == 0:
            yield from ((seed, scenario) for scenario in Scenario)


def play(part: list[tuple[int, AnyScenario]]) -> list[str]:
    """The lines of those that fail."""
    found = [(seed, scenario, fault(seed, scenario)) for seed, scenario in part]
    return [replay(seed, scenario, said) for seed, scenario, said in found if said is not None]
