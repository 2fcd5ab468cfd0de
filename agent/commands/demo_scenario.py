"""`counterfoil demo --scenario`: a story on the simulated terminal, our agent its register, and a verdict on both."""

from __future__ import annotations

import importlib.metadata
import signal
import threading
from types import FrameType

import click

from agent.commands.options import say_json
from agent.demo.checks import said
from agent.demo.deeds import Deeds
from agent.demo.playing import Outcome, on_stage, play
from agent.demo.stage import Stage, put_aside, stage_of
from agent.demo.story import Story, titles
from agent.errors import HomeError
from agent.home import Home, Lock
from agent.journal.keys import verifying_key
from agent.language import _

SCREENS_GROUP = "counterfoil.screens"
SPEED = 5
"""Simulated seconds a second on the screens: a sale takes two."""
PAUSE_S = 2
"""Between two deeds of the register there."""


def list_scenarios(*, as_json: bool) -> None:
    """Names, titles, and what each is there for."""
    found = titles()
    if as_json:
        say_json([{"name": name, "title": title, "tests": tests} for name, title, tests in found])
        return
    for name, title, _tests in found:
        click.echo(f"{name}  {title}")
    click.echo(_("Play one with: counterfoil demo --scenario NAME"), err=True)


def play_scenario(ctx: click.Context, home: Home, told: Story, *, screens: bool, as_json: bool) -> None:
    """Play it in a home of a demo; an earlier demo there is put aside. Exit 0: all held; 1: not; 3: it cannot be played."""
    if screens and told.needs_headless:
        click.echo(_("In this story the agent itself is killed or stopped: it plays without screens."), err=True)
        screens = False
    lock = Lock(home.path / "demo.lock")
    if not lock.take():
        raise HomeError(
            _("Another demo (process {pid}) plays in the home {home}.").format(pid=lock.holder(), home=home.path),
            _("Wait until it has ended, or name another folder with --home."),
        )
    stage = _prepare(home, told)
    signal.signal(signal.SIGTERM, _leave)  # whoever ends us ends both processes, too
    outcome = _on_screens(ctx, told, home, stage) if screens else _headless(told, home, stage)
    if outcome is None:
        click.echo(_("The story was left before its end; nothing is judged."), err=True)
        ctx.exit(3)
    if as_json:
        say_json(outcome.document(str(verifying_key(home.path))))
    else:
        _tell(outcome)
    ctx.exit(0 if outcome.held else 1)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _prepare(home: Home, told: Story) -> Stage:
    home.own()
    try:
        stage = stage_of(home)
        if stage.play.exists():
            put_aside(home)
        stage.folder.mkdir(exist_ok=True)
        home.keys.mkdir(mode=0o700, exist_ok=True)
        stage.play.write_text(f'{{"scenario":"{told.document["name"]}"}}\n', encoding="utf-8")
        return stage
    finally:
        home.disown()  # the register's program owns it now


def _headless(told: Story, home: Home, stage: Stage) -> Outcome:
    with on_stage(told, home, stage, speed=None) as (simulation, program):
        return play(told, Deeds(told, stage, program, simulation), simulation, program, stage)


def _on_screens(ctx: click.Context, told: Story, home: Home, stage: Stage) -> Outcome | None:
    """The register's half goes by itself beside the screens; the verdict comes when they are left."""
    (run,) = importlib.metadata.entry_points(group=SCREENS_GROUP, name="run")
    screens = run.load()
    click.echo("\n".join(filter(None, (told.title, told.text))), err=True)
    with on_stage(told, home, stage, speed=SPEED) as (simulation, program):
        deeds = Deeds(told, stage, program, simulation, pause_s=PAUSE_S)
        playing = threading.Thread(target=deeds.play, name="register", daemon=True)
        playing.start()
        screens(program.desk, ctx.obj.language)
        if playing.is_alive():
            deeds.given_up.set()
            playing.join()
            return None
        return play(told, deeds, simulation, program, stage)


def _tell(outcome: Outcome) -> None:
    checks, its = outcome.checks, outcome.simulators
    broken = sum(not check.ok for check in (*checks, *its))
    click.echo(_("DEMO: simulated, not a record of real money"), err=True)
    lines = [outcome.story.title, "", _("The register and its record"), *said(checks)]
    lines += ["", _("The terminal, its host and the line, by the simulator's own verdict"), *said(its), ""]
    total = len(checks) + len(its)
    if broken:
        lines.append(_("{broken} of {total} checks do not hold.").format(broken=broken, total=total))
        lines.append(_("Again: {command}").format(command=outcome.replay))
    else:
        lines.append(_("All {total} checks hold.").format(total=total))
    click.echo("\n".join(lines))
