"""The dialog over a real desk, a real line and a simulated terminal that asks a person of its own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import link_keys
from agent.home import Home
from agent.journal.keys import PassphraseSources
from agent.opening import agent_at_work, make_home
from agent.settings import Settings
from agent.views import LinkState, PairingFailed, PairingStage
from tui.app import CounterfoilApp
from tui.screens.pairing import READING_MS, PairingScreen
from tui.screens.today import TodayScreen

READ_S = READING_MS / 1000 + 0.1


class Terminal:
    """`sim run --pairing ask`: the person at the terminal reads its number from standard output and answers on its input."""

    def __init__(self, folder: Path) -> None:
        self.state, self.link = folder / "state", folder / "terminal"
        options = ["--pairing", "ask", "--transactions", "3", "--speed", "0", "--then", "stay", "--json"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "simulator", "run", "--link", str(self.link), "--state", str(self.state), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.name = str(self._next("terminal"))

    def number(self) -> str:
        return str(self._next("pairing"))

    def say(self, answer: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{answer}\n")
        self.process.stdin.flush()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def _next(self, key: str) -> Any:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if key in (said := json.loads(line)):
                return said[key]
        raise AssertionError("the terminal has ended")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path)
    yield terminal
    terminal.stop()


@pytest.fixture
def home(tmp_path: Path, terminal: Terminal) -> Home:
    home = Home(tmp_path / "home")
    settings = Settings(terminal=terminal.name, simulated=True, port=str(terminal.link))
    make_home(home, settings, PassphraseSources(), 1_772_380_800_000)
    return home


async def until(pilot: Any, true: Callable[[], bool], seconds: int = 20) -> None:
    for _ in range(seconds * 50):
        await pilot.pause(0.02)
        if true():
            return
    raise AssertionError(f"it did not come to that: {pilot.app.view.status}")


def test_a_person_at_each_end_pairs_them_and_the_day_comes_in(terminal: Terminal, home: Home, words_of: Any) -> None:
    async def look(desk: Any) -> None:
        app = CounterfoilApp(desk)
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: isinstance(app.screen, PairingScreen))
            assert app.view.status is not None and app.view.status.link.state is LinkState.UNPAIRED
            await pilot.press("1")
            shown = await asyncio.to_thread(terminal.number)
            assert len(shown) == 6
            await until(pilot, lambda: f"{shown[:3]} {shown[3:]}" in words_of(app, "#dialog"))
            await pilot.pause(READ_S)
            await pilot.press("1")
            terminal.say("yes")
            await until(pilot, lambda: "Paired." in words_of(app, "#dialog"))
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, TodayScreen))
            await until(pilot, lambda: app.view.today is not None and app.view.today.transactions == 3)
            assert "Connected" in words_of(app, "Screen")

    with agent_at_work(home, home.settings(), PassphraseSources()) as desk:
        asyncio.run(look(desk))
    assert link_keys.pinned(home.terminal_key) == link_keys.own_public(terminal.state / "link.key")


def test_leaving_at_the_number_pins_nothing(terminal: Terminal, home: Home, words_of: Any) -> None:
    async def look(desk: Any) -> None:
        app = CounterfoilApp(desk)
        async with app.run_test(size=(40, 20)) as pilot:
            await until(pilot, lambda: isinstance(app.screen, PairingScreen))
            await pilot.press("1")
            shown = await asyncio.to_thread(terminal.number)
            await until(pilot, lambda: f"{shown[:3]} {shown[3:]}" in words_of(app, "#dialog"))
            await pilot.press("escape")
            terminal.say("yes")  # the other end alone is not enough

            def given_up() -> bool:
                pairing = desk.status().link.pairing
                return pairing is not None and pairing.stage is PairingStage.FAILED

            await until(pilot, given_up)
            assert desk.status().link.pairing.reason is PairingFailed.CANCELLED
            assert isinstance(app.screen, TodayScreen) and "Not paired" in words_of(app, "Screen")

    with agent_at_work(home, home.settings(), PassphraseSources()) as desk:
        asyncio.run(look(desk))
    assert not home.terminal_key.exists()
