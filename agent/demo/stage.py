"""Where a demo plays: a home that holds no real record, the simulated terminal's folder in it, earlier demos put aside."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from agent.errors import HomeError
from agent.home import Home
from agent.language import _
from agent.settings import Invocation

KEPT = 3
"""Earlier demos that stay in HOME/earlier."""
_OF_A_DEMO = (
    *(f"{name}{end}" for name in ("journal.db", "views.db") for end in ("", "-wal", "-shm")),
    *("keys", "heads", "settings.toml", "simulator"),
)


@dataclass(frozen=True, slots=True)
class Stage:
    """The folder HOME/simulator: what belongs to the simulated terminal, none of it the agent's."""

    folder: Path

    @property
    def link(self) -> Path:
        return self.folder / "terminal"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.jsonl"

    @property
    def control(self) -> Path:
        return self.folder / "control"

    @property
    def play(self) -> Path:
        """What is played there."""
        return self.folder / "play.json"


def stage_of(home: Home) -> Stage:
    return Stage(home.path / "simulator")


def home_for_demo(home: Home, invocation: Invocation) -> Home:
    """The home that was named, or the demo's own beside the one of real trade. HomeError for one that is no demo's."""
    if not invocation.named:  # the default home is for real trade
        home = Home(home.path / "demo")
    if home.exists and not home.settings().simulated:
        raise HomeError(
            _("The home {home} holds a real record; a demo does not go into it.").format(home=home.path),
            _("Name another folder with --home, or none for the demo's own."),
        )
    if home.exists and not stage_of(home).play.exists():
        raise HomeError(
            _("The home {home} was made for practice by hand; a demo does not go into it.").format(home=home.path),
            _("Name another folder with --home, or none for the demo's own."),
        )
    home.make()
    return home


def put_aside(home: Home) -> None:
    """The demo that stands in the home goes to HOME/earlier, and the oldest of those goes for good."""
    earlier = home.path / "earlier"
    earlier.mkdir(exist_ok=True)
    target = earlier / time.strftime("%Y%m%d-%H%M%S")
    while target.exists():
        target = target.with_name(target.name + "-")
    target.mkdir()
    for name in _OF_A_DEMO:
        if (home.path / name).exists():
            (home.path / name).rename(target / name)
    for old in sorted(path for path in earlier.iterdir() if (path / "simulator" / "play.json").exists())[:-KEPT]:
        shutil.rmtree(old)
