"""`counterfoil demo`: a simulated terminal on a real pty, recorded in a home of its own, beside what it really did."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import msgspec
from click.core import ParameterSource

from agent.commands.demo_scenario import list_scenarios, play_scenario
from agent.commands.options import as_json, home_of, say_json
from agent.commands.progress import progress_bar
from agent.demo.stage import Stage, home_for_demo, put_aside, stage_of
from agent.demo.story import story
from agent.desk import Desk
from agent.errors import LinkError
from agent.home import Home
from agent.journal.keys import PassphraseSources, verifying_key
from agent.language import _
from agent.opening import agent_at_work, make_home
from agent.pairing_steps import pair_by_itself
from agent.report import day_report
from agent.settings import Settings
from agent.views import Status, Today

SCREENS_GROUP = "counterfoil.screens"
PACE = 120
"""Simulated seconds a second on the screens: a twelve-hour day in six minutes."""
READY_S = 20
STALLED_S = 30


class Play(msgspec.Struct, frozen=True):
    """What is played; an interrupted demo goes on only with the same. date: the first day."""

    profile: str
    seed: int
    date: str
    days: int
    transactions: int

    @property
    def dates(self) -> list[str]:
        first = datetime.fromisoformat(self.date).date()
        return [(first + timedelta(days=n)).isoformat() for n in range(self.days)]


@click.command()
@click.option(
    "--headless", is_flag=True, help="No screens: progress, a day report, exit 0. So it is without a terminal."
)
@click.option("--transactions", type=click.IntRange(1, 100_000), default=300, show_default=True, help="A day.")
@click.option("--days", type=click.IntRange(1, 366), default=1, show_default=True)
@click.option("--seed", type=click.IntRange(0, 10**12 - 1), default=1, show_default=True, help="Same seed, same day.")
@click.option("--profile", default="classic", show_default=True, help="The device model: classic, esign, smart, umi.")
@click.option(
    "--date", type=click.DateTime(["%Y-%m-%d"]), default="2026-03-02", show_default=True, help="The first day."
)
@click.option(
    "--scenario",
    metavar="NAME|FILE",
    is_flag=False,
    flag_value="",
    help="Play this story instead of a day, and judge the record; without a name: list them.",
)
@as_json
@click.pass_context
def demo(
    ctx: click.Context,
    *,
    scenario: str | None,
    headless: bool,
    transactions: int,
    days: int,
    seed: int,
    profile: str,
    date: Any,
    as_json: bool,
) -> None:
    """A day of trade on a simulated terminal: recorded, signed, reported, and compared with what it really did.

    Nothing of it is real, and everything says so. It has a home of its own and refuses one with real entries; an earlier
    demo in that home is put aside, an interrupted one goes on.

    \b
    Examples:
      counterfoil demo
      counterfoil demo --headless --transactions 300 --seed 7 --json
      counterfoil demo --scenario cable_cut_mid_response
    """
    if scenario is not None:
        _play_scenario(ctx, scenario, headless=headless, as_json=as_json)
        return
    play = Play(profile, seed, date.date().isoformat(), days, transactions)
    screens = not (headless or as_json) and _on_a_terminal()
    home = home_for_demo(home_of(ctx), ctx.obj)
    home.own()  # from here to the end: two demos at once would put each other aside
    stage = _prepare(home, play)
    with _simulator(stage, home, play, speed=PACE if screens else 0) as (process, terminal):
        settings = _settle(home, stage, play, terminal)
        with agent_at_work(home, settings, PassphraseSources()) as desk:
            pair_by_itself(desk)
            if screens:
                (run,) = importlib.metadata.entry_points(group=SCREENS_GROUP, name="run")
                run.load()(desk, ctx.obj.language)
                return
            _await_end(process, desk, play)
            report = tuple(desk.today(day, recent=0) for day in play.dates)
            status = desk.status()
    truth = _ledger(stage.ledger)
    differences = compare(report, truth)
    if as_json:
        say_json(_document(report, status, str(verifying_key(home.path)), differences))
    else:
        click.echo(day_report(report, status.head, status.terminal))
        click.echo("\n" + _verdict(differences))
    ctx.exit(1 if differences else 0)


def _on_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _play_scenario(ctx: click.Context, scenario: str, *, headless: bool, as_json: bool) -> None:
    commanded = ParameterSource.COMMANDLINE
    if also := [name for name in Play.__struct_fields__ if ctx.get_parameter_source(name) is commanded]:
        raise click.UsageError(f"A scenario has its own --{also[0]}.")
    if not scenario:
        list_scenarios(as_json=as_json)
        return
    known = story(scenario)
    home = home_for_demo(home_of(ctx), ctx.obj)
    play_scenario(ctx, home, known, screens=not (headless or as_json) and _on_a_terminal(), as_json=as_json)


def _prepare(home: Home, play: Play) -> Stage:
    """The stage for this play: the same one if it was interrupted, else a new one, with the earlier demo put aside."""
    stage = stage_of(home)
    if stage.play.exists() and not _interrupted(stage, play):
        put_aside(home)
    stage.folder.mkdir(exist_ok=True)
    stage.play.write_bytes(msgspec.json.encode(play))
    return stage


def _interrupted(stage: Stage, play: Play) -> bool:
    try:
        same = msgspec.json.decode(stage.play.read_bytes(), type=Play) == play
    except (OSError, msgspec.MsgspecError):
        return False
    return same and len([day for day in _ledger(stage.ledger) if day["kind"] == "day.closed"]) < play.days


@contextmanager
def _simulator(stage: Stage, home: Home, play: Play, *, speed: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The simulator as a process of its own, and the id of its terminal."""
    command = [sys.executable, "-m", "simulator", "run", "--json", "--until-stdin-ends"]
    options = {
        "--link": stage.link,
        "--profile": play.profile,
        "--seed": play.seed,
        "--date": play.date,
        "--days": play.days,
        "--transactions": play.transactions,
        "--state": stage.state,
        "--ledger": stage.ledger,
        "--pairing": "auto",
        "--speed": speed,
        "--then": "stay" if speed else "exit",
    }
    command += [str(word) for pair in options.items() for word in pair]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process, _terminal_of(process)
    finally:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _terminal_of(process: subprocess.Popen[str]) -> str:
    line = process.stdout.readline() if process.stdout is not None else ""
    try:
        return str(json.loads(line)["terminal"])
    except (ValueError, KeyError):
        said = process.stderr.read().strip() if process.stderr is not None else ""
        raise LinkError(
            _("The simulated terminal did not start: {reason}").format(reason=said or line.strip() or "?"),
            _("Try other options; counterfoil sim run --help lists them."),
        ) from None


def _settle(home: Home, stage: Stage, play: Play, terminal: str) -> Settings:
    if home.exists:
        return home.settings()
    settings = Settings(terminal=terminal, simulated=True, port=str(stage.link))
    midnight = datetime.fromisoformat(play.date).replace(tzinfo=ZoneInfo(settings.time_zone))
    make_home(home, settings, PassphraseSources(), int(midnight.timestamp()) * 1000)
    return settings


def _await_end(process: subprocess.Popen[str], desk: Desk, play: Play) -> None:
    """Until the terminal has played its days and everything was acknowledged: then it leaves by itself."""
    total = play.days * play.transactions
    moved_at, last = time.monotonic(), -1
    with progress_bar(_("Recording")) as bar:
        while process.poll() is None:
            status = desk.status()
            done = desk.transactions(limit=1).total
            bar(done, total)
            if status.revision != last:
                moved_at, last = time.monotonic(), status.revision
            elif time.monotonic() - moved_at > STALLED_S:
                raise LinkError(
                    _("The simulated terminal has said nothing for {seconds} s.").format(seconds=STALLED_S),
                    _("Try again; the recorded part of the day is kept."),
                )
            desk.wait(status.revision, 100)
        bar(desk.transactions(limit=1).total, total)
    if process.returncode != 0:
        said = process.stderr.read().strip() if process.stderr is not None else ""
        raise LinkError(
            _("The simulated terminal ended early: {reason}").format(reason=said or process.returncode),
            _("Run the same demo again: it goes on where it stopped."),
        )


def _ledger(path: Path) -> list[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    return [json.loads(line) for line in lines if line.endswith("}")]


_COMPARED = (
    *("transactions", "events", "approved", "declined", "sales_count", "sales_minor", "refunds_count"),
    *("refunds_minor", "voids_count", "voids_minor", "fees_minor", "net_minor"),
)


def compare(report: tuple[Today, ...], truth: list[dict[str, Any]]) -> list[str]:
    """Where the record and the simulator's own ledger differ: `date name: ours / its`."""
    closed = {day["date"]: day for day in truth if day["kind"] == "day.closed"}
    differences = []
    for day in report:
        its = closed.get(day.date)
        if its is None:
            differences.append(_("{date}: not in the ledger").format(date=day.date))
            continue
        for name in _COMPARED:
            if getattr(day, name) != its[name]:
                differences.append(f"{day.date} {name}: {getattr(day, name)} / {its[name]}")
        ours = {p.product: [p.count, p.sales_minor, p.fees_minor] for p in day.products}
        theirs = {
            n: [p["count"], p["sales_minor"], p["fees_minor"]] for n, p in its["by_product"].items() if p["count"]
        }
        if ours != theirs:
            differences.append(f"{day.date} by_product: {ours} / {theirs}")
    return differences


def _verdict(differences: list[str]) -> str:
    if not differences:
        return _("The record equals the simulator's own ledger.")
    return "\n".join([_("The record differs from the simulator's own ledger (ours / its):"), *differences])


def _document(report: tuple[Today, ...], status: Status, vkey: str, differences: list[str]) -> dict[str, object]:
    head = status.head
    sums = {name: sum(getattr(day, name) for day in report) for name in _COMPARED}
    return {
        "simulated": True,
        "terminal": status.terminal,
        "dates": [day.date for day in report],
        "currency": report[0].currency,
        **sums,
        "journal": {"origin": head.origin, "size": head.size, "root": head.root, "vkey": vkey},
        "equals_ledger": not differences,
        "differences": differences,
    }
