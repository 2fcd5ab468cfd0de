"""kill -9 of the agent and of the terminal at any time of the day: every event once, in order, and the journal verifies."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from agent.home import Home
from agent.journal.keys import verifying_key
from agent.journal.reader import open_reader
from agent.journal.verify import verify_path
from agent.opening import open_desk
from tests.conftest import Agent, Simulator, until

TRANSACTIONS = 150


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_day_with_kills_at_random_points(
    seed: int,
    simulator: Callable[..., Simulator],
    home_for: Callable[..., Home],
    agent: Callable[..., Agent],
) -> None:
    chance = random.Random(seed)
    terminal = simulator("--seed", str(seed), "--transactions", str(TRANSACTIONS), "--speed", "0", "--then", "stay")
    home = home_for(terminal)
    worker = agent(home)
    for _kill in range(5):
        time.sleep(chance.uniform(0.05, 0.9))
        if chance.random() < 0.6:
            worker.kill()
            worker.start()
        else:
            terminal.kill()
            terminal.start()

    def is_recorded() -> bool:
        if worker.process is not None and worker.process.poll() == 3:
            worker.start()  # on a slow machine it may find no port just then, and leaves; its watchman starts it again
        # the terminal's own count: it has said that it booted, too, between the events of the day and after them
        return bool(terminal.closed_days()) and _events(home) >= terminal.last_event()

    until(is_recorded, 60)
    worker.stop()
    terminal.stop()

    reader = open_reader(home.journal, verifying_key(home.path))
    numbers = [e.body["event"]["number"] for e in reader.entries() if "event" in e.body]
    kinds = {e.kind for e in reader.entries()}
    reader.close()
    assert numbers == list(range(1, len(numbers) + 1))
    of_terminal = ("paired", "transaction", "fee", "device", "settlement")
    assert kinds <= {"journal.opened", *(f"terminal.{each}" for each in of_terminal)}
    report = verify_path(home.journal, own=True)
    assert report.ok, report.findings
    (truth,) = terminal.closed_days()
    with open_desk(home) as desk:
        day = desk.today(truth["date"])
    for name in ("transactions", "sales_minor", "refunds_minor", "voids_minor", "fees_minor", "net_minor"):
        assert getattr(day, name) == truth[name], name


def _events(home: Home) -> int:
    reader = open_reader(home.journal, verifying_key(home.path))
    try:
        return sum(reader.last_events().values())
    finally:
        reader.close()
