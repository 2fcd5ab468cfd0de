"""`counterfoil sim`: the simulator's commands. Heavy imports stand inside functions: `counterfoil --help` imports this."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

import click

if TYPE_CHECKING:
    from simulator.run import Ready

P = ParamSpec("P")

_CANNOT = 3


@click.group()
def sim() -> None:
    """The simulator: a card terminal and its acquirer, on a pty."""


@sim.command()
@click.option("--link", type=click.Path(path_type=Path), required=True, help="Where to put the link to the port.")
@click.option("--profile", default="classic", show_default=True, help="The device model; `sim profiles` lists them.")
@click.option("--seed", type=click.IntRange(0, 10**12 - 1), default=1, show_default=True, help="Same seed, same days.")
@click.option(
    "--date", "first", type=click.DateTime(["%Y-%m-%d"]), default="2026-03-02", show_default=True, help="The first day."
)
@click.option("--days", type=click.IntRange(1, 3660), default=1, show_default=True)
@click.option(
    "--transactions", type=click.IntRange(0, 100_000), default=300, show_default=True, help="Transactions a day."
)
@click.option("--state", type=click.Path(path_type=Path), help="The terminal's own folder [default: LINK.state].")
@click.option("--ledger", type=click.Path(path_type=Path), help="Write what was really done to this file.")
@click.option("--secret", type=click.Path(path_type=Path), help="The shared secret's file [default: STATE/secret].")
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
    "--line-rate", type=click.IntRange(300, 4_000_000), default=115_200, show_default=True, help="Told to the link."
)
@click.option("--until-stdin-ends", is_flag=True, help="Leave when standard input ends: not to outlive who started it.")
@click.option("--json", "as_json", is_flag=True, help="Say in one JSON line that the port is ready.")
def run(
    *,
    link: Path,
    profile: str,
    seed: int,
    first: datetime,
    days: int,
    transactions: int,
    state: Path | None,
    ledger: Path | None,
    secret: Path | None,
    speed: int,
    then_what: str,
    line_rate: int,
    until_stdin_ends: bool,
    as_json: bool,
) -> None:
    """Play a terminal on a pty until the days are over, or until SIGTERM.

    \b
    Example:
      counterfoil sim run --link /tmp/terminal --profile esign --seed 7 --ledger /tmp/ledger.jsonl
    """
    from simulator import run as simulation  # noqa: PLC0415
    from simulator.trade import Calendar  # noqa: PLC0415

    state = state or link.with_name(link.name + ".state")
    options = simulation.Options(
        link=link,
        profile=profile,
        seed=seed,
        calendar=Calendar(first.date(), days, transactions),
        state=state,
        ledger=ledger,
        secret=secret or state / "secret",
        speed=speed,
        exit_when_done=then_what == "exit",
        line_rate=line_rate,
        until_stdin_ends=until_stdin_ends,
    )

    def ready(what: Ready) -> None:
        if as_json:
            words = json.dumps({"link": str(what.link), "terminal": what.terminal, "secret": str(what.secret)})
        else:
            words = f"{what.terminal} is on {what.link}; the secret is in {what.secret}."
        click.echo(words)
        sys.stdout.flush()

    _said(simulation.run, options, ready)


@sim.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document, amounts in fen, rates in ppm.")
def profiles(*, as_json: bool) -> None:
    """The device models, the rates their acquirer charges, and where these come from."""
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
                "tariffs": [
                    {
                        "products": list(t.products),
                        "rate_ppm": t.rate_ppm,
                        "cap_minor": t.cap_minor,
                        "effective_from": t.effective_from.isoformat(),
                        "effective_to": t.effective_to and t.effective_to.isoformat(),
                        "promo": t.promo,
                        "fixture": t.fixture,
                        "source": t.source,
                    }
                    for t in p.tariffs
                ],
            }
            for p in found
        ]
        click.echo(json.dumps(document, ensure_ascii=False))
        return
    for p in found:
        click.echo(f"{p.name}  {p.title}")
        for t in p.tariffs:
            cap = "no cap" if t.cap_minor is None else f"cap {t.cap_minor} fen"
            until = f", {t.effective_from} until before {t.effective_to}" if t.effective_to else ""
            click.echo(f"    {', '.join(t.products)}: {t.rate_ppm} ppm, {cap}{until}  ({t.source})")


def _said(do: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """Do it; a SimulatorError becomes its two sentences on stderr and exit code 3."""
    from simulator.errors import SimulatorError  # noqa: PLC0415

    try:
        do(*args, **kwargs)
    except SimulatorError as error:
        click.echo(str(error), err=True)
        sys.exit(_CANNOT)
