"""`counterfoil sim`: the simulator's commands. Heavy imports stand inside functions: `counterfoil --help` imports this."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

import click

from simulator.control_cli import list_commands, send_commands
from simulator.scenario_cli import given_by_name, list_scenarios, play_judged, run_again, tell

if TYPE_CHECKING:
    from simulator.loop import News

P = ParamSpec("P")

_CANNOT = 3


@click.group(commands=[list_commands, send_commands, list_scenarios])
def sim() -> None:
    """The simulator: a card terminal and its acquirer, on a wire."""


@sim.command()
@click.option("--link", type=click.Path(path_type=Path), help="Be on a pty, and put the link to the port here.")
@click.option("--listen", metavar="HOST:PORT", help="Be on a TCP port instead, for socket://HOST:PORT; port 0: any.")
@click.option("--stdio", is_flag=True, help="Be on standard input and output instead; words go to standard error.")
@click.option("--profile", default="classic", show_default=True, help="The device model; `sim profiles` lists them.")
@click.option("--seed", type=click.IntRange(0, 10**12 - 1), default=1, show_default=True, help="Same seed, same days.")
@click.option(
    "--date", "first", type=click.DateTime(["%Y-%m-%d"]), default="2026-03-02", show_default=True, help="The first day."
)
@click.option("--days", type=click.IntRange(1, 3660), default=1, show_default=True)
@click.option(
    "--transactions", type=click.IntRange(0, 100_000), help="A day [default: 300; none on a wire without events]."
)
@click.option("--state", type=click.Path(path_type=Path), help="The terminal's own folder [default: LINK.state].")
@click.option(
    "--lie",
    "lies",
    multiple=True,
    metavar="NAME[:KEY=VALUE,…]",
    help="Of the acquirer, as often as wanted: `sim lies`.",
)
@click.option("--deposit", metavar="PLAN", help="How a deposit's return goes: `sim lies` [default: the profile's].")
@click.option("--ledger", type=click.Path(path_type=Path), help="Write what was really done to this file.")
@click.option("--dialect", default="native", show_default=True, help="The wire: native, telium or transbank.")
@click.option(
    "--pairing",
    type=click.Choice(["auto", "ask", "off"]),
    help="With an agent: at once, after a `yes` on standard input, or never [default: auto].",
)
@click.option(
    "--speed",
    type=click.IntRange(0, 1_000_000),
    default=60,
    show_default=True,
    help="Simulated seconds a second; 0: as fast as the line takes.",
)
@click.option(
    "--then",
    "then_what",
    type=click.Choice(["exit", "stay"]),
    default="stay",
    show_default=True,
    help="When all days are played and acknowledged.",
)
@click.option(
    "--line-rate", type=click.IntRange(300, 4_000_000), help="Told to the link's timers [default: the dialect's]."
)
@click.option("--throttle", is_flag=True, help="Bytes take their time, as on a line of that rate.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME[:KEY=VALUE,…]",
    help="On the wire, as often as wanted: `sim faults`.",
)
@click.option("--customer", metavar="NAME", help="Who comes to the counter [default: some bank card]: `sim triggers`.")
@click.option("--crash", metavar="NAME", help="What the first request ends in: `sim triggers`.")
@click.option(
    "--after-crash",
    type=click.Choice(["exit", "reboot"]),
    default="exit",
    show_default=True,
    help="The process ends as by kill -9, or boots the terminal anew.",
)
@click.option(
    "--control", type=click.Path(path_type=Path), help="Be commanded on this Unix socket: `sim control PATH …`."
)
@click.option(
    "--scenario", metavar="NAME|FILE", help="Play this, and judge it: `sim scenarios`; other options overrule it."
)
@click.option("--judge", is_flag=True, help="Judge the run at its end: exit 0 if all held, else 1.")
@click.option("--junit", type=click.Path(path_type=Path), help="Judge it, and write the verdict as JUnit XML.")
@click.option("--screen", is_flag=True, help="Say what the terminal's display shows, whenever it changes.")
@click.option("--until-stdin-ends", is_flag=True, help="Leave when standard input ends: not to outlive who started it.")
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON line each: the port is ready, what is paired, a verdict."
)
@click.pass_context
def run(
    context: click.Context,
    *,
    link: Path | None,
    listen: str | None,
    stdio: bool,
    profile: str,
    seed: int,
    first: datetime,
    days: int,
    transactions: int | None,
    state: Path | None,
    lies: tuple[str, ...],
    deposit: str | None,
    ledger: Path | None,
    dialect: str,
    pairing: str | None,
    speed: int,
    then_what: str,
    line_rate: int | None,
    throttle: bool,
    faults: tuple[str, ...],
    customer: str | None,
    crash: str | None,
    after_crash: str,
    control: Path | None,
    scenario: str | None,
    judge: bool,
    junit: Path | None,
    screen: bool,
    until_stdin_ends: bool,
    as_json: bool,
) -> None:
    """Play a terminal on a wire until the days are over, or until SIGTERM; or a scenario to its end.

    \b
    Examples:
      counterfoil sim run --link /tmp/terminal --profile esign --seed 7 --ledger /tmp/ledger.jsonl
      counterfoil sim run --link /tmp/terminal --scenario cable_cut_mid_response --junit verdict.xml
    """
    from simulator import run as simulation  # noqa: PLC0415
    from simulator.news import document, text  # noqa: PLC0415
    from simulator.options import Options  # noqa: PLC0415
    from simulator.pairing import PairingMode  # noqa: PLC0415

    if sum((link is not None, listen is not None, stdio)) != 1:
        raise click.UsageError("Give one wire: --link PATH, --listen HOST:PORT or --stdio.")
    if stdio and ((pairing == "ask" and control is None) or until_stdin_ends):
        raise click.UsageError("With --stdio standard input is the wire, and ends it: leave the other option out.")
    if state is None:
        if link is None:
            raise click.UsageError("Without --link, say with --state where the terminal's folder is.")
        state = link.with_name(link.name + ".state")
    paths = [path.absolute() for path in (link, state, ledger, control, junit) if path is not None]
    if len(set(paths)) < len(paths):
        raise click.UsageError("Give --link, --state, --ledger, --control and --junit each a path of its own.")
    options = Options(
        link=link,
        profile=profile,
        seed=seed,
        first=first.date(),
        days=days,
        transactions=transactions,
        state=state,
        ledger=ledger,
        lies=lies,
        deposit=deposit,
        speed=speed,
        exit_when_done=then_what == "exit",
        dialect=dialect,
        pairing=None if pairing is None else PairingMode(pairing),
        line_rate=line_rate,
        until_stdin_ends=until_stdin_ends,
        listen=None if listen is None else _address(listen),
        customer=customer,
        crash=crash,
        reboots=after_crash == "reboot",
        control=control,
        screen=screen,
        throttle=throttle,
        faults=(),
    )

    def say(news: News) -> None:
        told = json.dumps(document(news), ensure_ascii=False) if as_json else text(news, asked=pairing == "ask")
        click.echo(told, err=stdio)

    def play() -> None:
        from simulator.wires.faults import parse_fault  # noqa: PLC0415

        whole = replace(options, faults=tuple(map(parse_fault, faults)))
        if scenario is None and not judge and junit is None:
            simulation.run(whole, say)
            return
        given, command = given_by_name(context), run_again(context)
        verdict = play_judged(whole, say, called=scenario, given=given, command=command, junit=junit)
        tell(verdict, as_json=as_json, err=stdio)

    _said(play)


def _address(text: str) -> tuple[str, int]:
    """HOST:PORT, [HOST]:PORT or PORT, of this machine alone where no host is named."""
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise click.UsageError(f"--listen {text} names no port. Write HOST:PORT, as 127.0.0.1:4000.")
    return host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port)


@sim.command("lies")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def list_lies(*, as_json: bool) -> None:
    """What the acquirer can tell: the names for --lie with their own keys, and the plans for --deposit."""
    from simulator.deposits import PLANS  # noqa: PLC0415
    from simulator.lies import DEFAULTS, Lie  # noqa: PLC0415

    if as_json:
        told = {lie: dict(DEFAULTS.get(lie, {})) for lie in Lie}
        plans = {name: [step.state for step in steps] for name, steps in PLANS.items()}
        click.echo(json.dumps({"lies": told, "deposits": plans}))
        return
    for lie in Lie:
        keys = ",".join(f"{key}={value}" for key, value in DEFAULTS.get(lie, {}).items())
        click.echo(f"{lie}:{keys}" if keys else lie)
    click.echo()
    for name, steps in PLANS.items():
        click.echo(f"{name}: {' '.join(step.state for step in steps)}")


@sim.command("faults")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def list_faults(*, as_json: bool) -> None:
    """What can go wrong on the wire: the names for --fault, and their parameters with what holds if none is given."""
    from simulator.wires.faults import KINDS, Unit  # noqa: PLC0415

    if as_json:
        click.echo(
            json.dumps({name: {"works_on": kind.unit, "parameters": dict(kind.keys)} for name, kind in KINDS.items()})
        )
        return
    for name, kind in KINDS.items():
        ways = "" if kind.unit is Unit.DEVICE else ",to=both"
        click.echo(f"{name}:{','.join(f'{key}={value}' for key, value in kind.keys.items())}{ways}")


@sim.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def triggers(*, as_json: bool) -> None:
    """What makes the terminal and its host do something else: amounts, customers, crashes."""
    from simulator.triggers import document, text  # noqa: PLC0415

    click.echo(json.dumps(document(), ensure_ascii=False) if as_json else text())


@sim.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document, amounts in fen, rates in ppm.")
def profiles(*, as_json: bool) -> None:
    """The device models, the rates their acquirer charges (ppm; amounts in fen), and where these come from."""
    _said(_list_profiles, as_json)


def _list_profiles(as_json: bool) -> None:
    from simulator.profile import load_profile, profile_names  # noqa: PLC0415

    found = [load_profile(name) for name in profile_names()]
    if as_json:
        document = [
            {
                "name": p.name,
                "title": p.title,
                "source": p.source,
                "fee_return": p.fee_return,
                "tariffs": [asdict(t) for t in p.tariffs],
            }
            for p in found
        ]
        click.echo(json.dumps(document, ensure_ascii=False, default=str))  # dates, as ISO 8601
        return
    for p in found:
        click.echo(f"{p.name}  {p.title}")
        for t in p.tariffs:
            until = f", {t.effective_from} until before {t.effective_to}" if t.effective_to else ""
            click.echo(f"    {', '.join(t.products)}: {t.terms}{until}  ({t.source})")


def _said(do: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """Do it; a SimulatorError becomes its two sentences on stderr and exit code 3."""
    from protocol.masking import mask_text  # noqa: PLC0415
    from simulator.errors import SimulatorError  # noqa: PLC0415

    try:
        do(*args, **kwargs)
    except SimulatorError as error:
        click.echo(mask_text(str(error)), err=True)
        sys.exit(_CANNOT)
