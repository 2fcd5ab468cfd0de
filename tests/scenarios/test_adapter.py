"""The terminal behind a USB adapter that stays: it boots again and the port is never lost; or the line is a slow one."""

from __future__ import annotations

import os
import pty
import random
import select
import threading
import time
import tty
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from agent import head_at_terminal
from agent.home import Home
from agent.journal.keys import PassphraseSources
from agent.opening import agent_at_work
from agent.views import NoticeCode
from tests.conftest import Simulator, entries_of, until

DAY = "2026-03-02"


class Adapter:
    """A pty that stays, `port`, joined to whatever simulator is on `link` when it is plugged in.

    bytes_a_second: what the line carries each way; None: everything at once. What is written while nobody is plugged in is
    lost, as on a line.
    """

    def __init__(self, link: Path, bytes_a_second: int | None) -> None:
        self._link, self._rate = link, bytes_a_second
        self._ours, self._theirs = pty.openpty()
        tty.setraw(self._theirs)
        self.port = os.ttyname(self._theirs)
        self._far: int | None = None
        self._ends = [self._ours, self._theirs]
        self._closed = threading.Event()
        self._threads = [threading.Thread(target=self._carry, args=(up,), daemon=True) for up in (True, False)]
        for thread in self._threads:
            thread.start()

    def plug(self) -> None:
        far = os.open(self._link, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(far)
        self._ends.append(far)
        self._far = far

    def close(self) -> None:
        self._closed.set()
        for thread in self._threads:
            thread.join(timeout=5)
        for end in self._ends:
            os.close(end)

    def _carry(self, up: bool) -> None:
        """up: from the terminal to the agent."""
        while not self._closed.is_set():
            far = self._far
            read, write = (far, self._ours) if up else (self._ours, far)
            try:
                if read is None or not select.select([read], [], [], 0.05)[0]:
                    self._closed.wait(0.01)
                    continue
                data = os.read(read, 4096 if self._rate is None else 64)
                if not data:
                    raise OSError("hung up")
                if self._rate is not None:
                    time.sleep(len(data) / self._rate)
                if write is not None:
                    os.write(write, data)
            except OSError:  # the simulator has gone, and its pty with it
                if self._far == far:
                    self._far = None


@pytest.fixture
def adapter() -> Iterator[Callable[..., Adapter]]:
    """adapter(simulator) plugs one in between; all are closed at the end."""
    made: list[Adapter] = []

    def plug(terminal: Simulator, bytes_a_second: int | None = None) -> Adapter:
        made.append(Adapter(terminal.link, bytes_a_second))
        made[-1].plug()
        return made[-1]

    yield plug
    for each in made:
        each.close()


@pytest.mark.parametrize("seed", [0, 1])
def test_the_terminal_restarts_behind_an_adapter_that_stays(
    seed: int, simulator: Callable[..., Simulator], home_for: Callable[..., Home], adapter: Callable[..., Adapter]
) -> None:
    chance = random.Random(seed)
    terminal = simulator("--seed", "11", "--transactions", "400", "--speed", "0", "--then", "stay")
    home = home_for(terminal)
    line = adapter(terminal)
    settings = msgspec.structs.replace(home.settings(), port=line.port)
    with agent_at_work(home, settings, PassphraseSources()) as desk:
        for _restart in range(4):
            time.sleep(chance.uniform(0.05, 0.5))
            terminal.kill()
            time.sleep(chance.uniform(0, 0.3))
            terminal.start()
            line.plug()
        until(lambda: terminal.closed_days() and desk.status().head.size > 700, 60)
        until(lambda: desk.sync().received >= 0)
        time.sleep(0.5)
    entries = entries_of(home)
    kinds = Counter(entry.kind for entry in entries)
    numbers = [entry.body["event"]["number"] for entry in entries if "event" in entry.body]
    assert kinds["event.gap"] == 0, [dict(entry.body) for entry in entries if entry.kind == "event.gap"]
    assert numbers == list(range(1, len(numbers) + 1)), kinds


def test_a_full_disk_heals_on_a_slow_line_without_signing_anything_as_lost(
    simulator: Callable[..., Simulator],
    home_for: Callable[..., Home],
    adapter: Callable[..., Adapter],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At 9600 bit/s the terminal's stream of 50 events is still running when they are asked for again."""
    monkeypatch.setattr(
        head_at_terminal, "IDLE_MS", 5_000
    )  # heads on such a line, 0.6 s each, would make a minute of the test
    terminal = simulator("--seed", "4", "--transactions", "25", "--speed", "0", "--then", "stay", "--line-rate", "9600")
    home = home_for(terminal)
    line = adapter(terminal, bytes_a_second=960)
    settings = msgspec.structs.replace(home.settings(), port=line.port, line_rate=9600)
    with agent_at_work(home, settings, PassphraseSources()) as desk:

        def noticed(code: NoticeCode) -> bool:
            return code in {notice.code for notice in desk.status().notices}

        connection = desk._runner._storage._journal._connection  # type: ignore[union-attr]  # the disk's stand-in: SQLite's own limit
        until(lambda: desk.status().head.size > 5)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")
        until(lambda: noticed(NoticeCode.RECORDING_STOPPED))
        connection.execute("PRAGMA max_page_count=1000000")
        until(lambda: noticed(NoticeCode.EVENTS_LOST) or desk.today(DAY).events == 50, 120)
        today = desk.today(DAY)
    kinds = Counter(entry.kind for entry in entries_of(home))
    assert (today.events, kinds["event.gap"], kinds["event.contradicted"]) == (50, 0, 0), (today.events, kinds)
