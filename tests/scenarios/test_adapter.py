"""The terminal boots again behind a USB adapter that stays: the port is never lost, the session is."""

from __future__ import annotations

import os
import pty
import random
import select
import threading
import time
import tty
from collections import Counter

import msgspec
import pytest

from agent.journal.keys import PassphraseSources
from agent.opening import agent_at_work
from tests.conftest import home_for, simulator, until  # noqa: F401
from tests.scenarios.test_faults import _entries


class Adapter(threading.Thread):
    """Joins a pty that stays to whatever simulator is on `link` now."""

    def __init__(self, link):
        super().__init__(daemon=True)
        self.link, self.far = link, -1
        self.ours, self.theirs = pty.openpty()
        tty.setraw(self.theirs)
        self.port = os.ttyname(self.theirs)
        self.start()

    def plug(self):
        far = os.open(self.link, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(far)
        self.far = far

    def run(self):
        while True:
            far = self.far
            ends = [self.ours] + ([far] if far >= 0 else [])
            for end in select.select(ends, [], [], 0.05)[0]:
                try:
                    data = os.read(end, 4096)
                    to = far if end == self.ours else self.ours
                    if to >= 0:
                        os.write(to, data)
                except OSError:
                    if end == far and self.far == far:
                        self.far = -1


@pytest.mark.parametrize("seed", range(4))
def test_the_terminal_restarts_behind_an_adapter_that_stays(simulator, home_for, seed):  # noqa: F811
    rng = random.Random(seed)
    terminal = simulator("--seed", "11", "--transactions", "400", "--speed", "0", "--then", "stay")
    home = home_for(terminal)
    adapter = Adapter(terminal.link)
    adapter.plug()
    settings = msgspec.structs.replace(home.settings(), port=adapter.port)
    with agent_at_work(home, settings, PassphraseSources()) as desk:
        for _restart in range(4):
            time.sleep(rng.uniform(0.05, 0.5))
            terminal.kill()
            time.sleep(rng.uniform(0, 0.3))
            terminal.start()
            adapter.plug()
        until(lambda: terminal.closed_days() and desk.status().head.size > 700, 60)
        until(lambda: desk.sync().received >= 0)
        time.sleep(0.5)
    entries = _entries(home)
    kinds = Counter(e.kind for e in entries)
    numbers = [e.body["event"]["number"] for e in entries if e.kind.startswith("terminal.")]
    assert "event.gap" not in kinds, [*[dict(e.body) for e in entries if e.kind == "event.gap"][:2], dict(kinds)]
    assert numbers == list(range(1, len(numbers) + 1)), kinds


class SlowAdapter(Adapter):
    """9600 bit/s each way."""

    def run(self):
        def pump(read, write):
            while True:
                try:
                    data = os.read(read, 64)
                    time.sleep(len(data) / 960)
                    os.write(write, data)
                except OSError:
                    return

        while self.far < 0:
            time.sleep(0.01)
        threading.Thread(target=pump, args=(self.ours, self.far), daemon=True).start()
        pump(self.far, self.ours)


def test_a_full_disk_heals_on_a_slow_line_without_signing_anything_as_lost(simulator, home_for):  # noqa: F811
    from agent.views import NoticeCode

    terminal = simulator("--seed", "4", "--transactions", "40", "--speed", "0", "--then", "stay", "--line-rate", "9600")
    home = home_for(terminal)
    adapter = SlowAdapter(terminal.link)
    adapter.plug()
    settings = msgspec.structs.replace(home.settings(), port=adapter.port, line_rate=9600)
    with agent_at_work(home, settings, PassphraseSources()) as desk:
        connection = desk._runner._storage._journal._connection
        until(lambda: desk.status().head.size > 5)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")
        until(lambda: NoticeCode.RECORDING_STOPPED in {n.code for n in desk.status().notices})
        connection.execute("PRAGMA max_page_count=1000000")
        lost = lambda: NoticeCode.EVENTS_LOST in {n.code for n in desk.status().notices}  # noqa: E731
        until(lambda: lost() or desk.today("2026-03-02").events == 80, 120)
        today = desk.today("2026-03-02")
    kinds = Counter(e.kind for e in _entries(home))
    assert (today.events, kinds["event.gap"], kinds["event.contradicted"]) == (80, 0, 0), (today.events, kinds)
