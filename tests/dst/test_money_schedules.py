"""Seeded schedules of money requests, agent and simulated terminal whole, against the book of the acquirer's host.

Promised: at most one charge for a reference; what the journal says is what the host did; every request ends; nothing is
asked whose intent is not durable, nothing shown or confirmed whose outcome is not; one request at a time; never more given
back than was taken. And the tester tested: each bug that is planted is found by a seed that CI plays.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.lane import Lane
from agent.money import MoneyCase
from agent.money_queries import Moment, Told
from tests.dst import money_planted as planted
from tests.dst.disk import DiskWorld
from tests.dst.memory_storage import MemoryStorage
from tests.dst.money_stage import MoneyParts
from tests.dst.money_world import MoneyScenario, MoneyWorld
from tests.dst.play import digest, fault, replay
from tests.dst.promises import Broken
from tests.dst.shop_terminal import Rooms

SEEDS = {MoneyScenario.MONEY: 400, MoneyScenario.LOG: 100}
A_TIME = 50
ON_DISK = 6
DIGEST = "c77300074fa3395b1958eecea1f5ccf4e4e3ed0832c8fb8e20748b3507aaf2aa"
"""Of the first 20 seeds. Where pump, lane, wire or simulator are meant to behave otherwise:
python -m tests.dst 0 20 money --digest"""
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("scenario", "first"), [(scenario, first) for scenario, count in SEEDS.items() for first in range(0, count, A_TIME)]
)
def test_every_promise_is_kept(scenario: MoneyScenario, first: int) -> None:
    said = {seed: fault(seed, scenario) for seed in range(first, first + A_TIME)}
    broken = [replay(seed, scenario, each) for seed, each in said.items() if each is not None]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("seed", range(ON_DISK))
def test_and_on_the_real_disk(tmp_path: Path, seed: int) -> None:
    DiskWorld(seed, tmp_path).run()


# -- what a seed once found --------------------------------------------------------------------------------------------


def test_an_event_that_an_earlier_session_told_is_not_acknowledged_in_the_next() -> None:
    """The log had been put back in between, and held another event of that number."""
    assert fault(53, MoneyScenario.LOG) is None


# -- the same on every Python ------------------------------------------------------------------------------------------


def test_a_seed_gives_the_same_schedule_everywhere() -> None:
    assert digest(range(20), MoneyScenario.MONEY) == DIGEST


@pytest.mark.parametrize("name", ["python3.11", "python3.12", "python3.13"])
def test_and_on_every_other_python_here(name: str) -> None:
    python = shutil.which(name)
    needs = "import click, construct, cryptography, msgspec, serial, sqlite_utils"
    if python is None or subprocess.run([python, "-c", needs], capture_output=True, cwd=ROOT).returncode:
        pytest.skip(f"{name} is not here, or has not what the agent needs")
    told = subprocess.run(
        [python, "-m", "tests.dst", "0", "20", "money", "--digest"], capture_output=True, text=True, cwd=ROOT
    )
    assert told.stdout.strip() == DIGEST, told.stderr


# -- the tester is tested ----------------------------------------------------------------------------------------------


def _first_catch(scenario: MoneyScenario, parts: MoneyParts) -> str:
    """What the first seed that finds a planted bug says of it."""
    for seed in range(SEEDS[scenario]):
        try:
            MoneyWorld(seed, scenario, parts, traced=False).run()
        except Broken as broken:
            return f"seed {seed}: {broken}"
    return "never caught"


@pytest.mark.parametrize(
    ("lane", "said"),
    [
        (planted.TimeoutIsDeclined, "was told to be declined, and is"),
        (planted.NewReferenceOnRetry, "asked without a durable intent"),
        (planted.NoIntent, "asked without a durable intent"),
        (planted.NotFoundIsFinal, "was told to be voided, and is"),
        (planted.TakesAnyResult, "another request's answer was taken for its own"),
        (planted.ConfirmsEarly, "confirmed before durable"),
        (planted.ShowsEarly, "shown before durable"),
        (planted.ResendsAtStart, "asked by another process than meant it"),
        (planted.ResendsForNobody, "asked again though nobody waits"),
        (planted.DiffersIsUnknown, "never ends"),
        (planted.KeepsTheFirstWord, "the journal says"),
        (planted.RecordsRefused, "recorded after it was refused"),
        (planted.TwoAtOnce, "asked while another outcome is unknown"),
    ],
)
def test_a_planted_bug_of_the_lane_is_caught(lane: type[Lane], said: str) -> None:
    assert said in _first_catch(MoneyScenario.MONEY, MoneyParts(pump=planted.pump_with(lane)))


@pytest.mark.parametrize(("storage", "said"), [(planted.IntentNotSynced, "asked without a durable intent")])
def test_a_planted_bug_of_the_storage_is_caught(storage: type[MemoryStorage], said: str) -> None:
    assert said in _first_catch(MoneyScenario.MONEY, MoneyParts(storage=storage))


@pytest.mark.parametrize(
    ("rooms", "said"),
    [
        (planted.WITHOUT_DEDUP, "charged 2 times|was told to be|the journal says"),
        (planted.WITHOUT_AUTO_REVERSAL, "the journal says voided of"),
    ],
)
def test_a_planted_bug_of_the_terminal_is_caught(rooms: Rooms, said: str) -> None:
    assert re.search(said, _first_catch(MoneyScenario.MONEY, MoneyParts(rooms=rooms)))


def _whenever(case: MoneyCase, session: Told | None, at: Moment) -> bool:
    return bool(case.waiting and case.deadline)


@pytest.mark.parametrize(
    ("rules", "scenario", "said"),
    [
        ({"may_fence": lambda case, session: True}, MoneyScenario.LOG, "fenced in another log"),
        ({"may_resend": _whenever, "may_send": _whenever}, MoneyScenario.MONEY, "asked again after its deadline"),
    ],
)
def test_a_planted_rule_of_the_queries_is_caught(
    monkeypatch: pytest.MonkeyPatch, rules: dict[str, Callable[..., bool]], scenario: MoneyScenario, said: str
) -> None:
    for name, rule in rules.items():
        monkeypatch.setattr(f"agent.lane.{name}", rule)
    assert said in _first_catch(scenario, MoneyParts())


def test_a_failing_seed_is_replayed_by_one_line() -> None:
    line = replay(7, MoneyScenario.LOG, "never ends")
    command = line.partition(" -- ")[2].split()
    told = subprocess.run([sys.executable, *command[1:]], capture_output=True, text=True, cwd=ROOT)
    assert told.returncode == 0 and "pump takes PortOpened" in told.stdout, told.stderr
