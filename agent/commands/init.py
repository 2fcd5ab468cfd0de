"""`counterfoil init`: a home of its own for one terminal."""

from __future__ import annotations

import time
from pathlib import Path

import click

from agent.commands.options import as_json, home_of, passphrase_file, say_json
from agent.errors import HomeError
from agent.language import _
from agent.opening import make_home, passphrase_sources
from agent.runner import read_secret
from agent.settings import Settings


@click.command()
@click.option("--terminal", required=True, help="The terminal's id, as it names itself.")
@click.option("--port", required=True, help="Device path (/dev/ttyUSB0) or pyserial URL of the terminal's line.")
@click.option(
    "--secret",
    "secret_file",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The secret shared with the terminal: a file of 64 hexadecimal digits.",
)
@click.option("--line-rate", type=click.IntRange(300, 4_000_000), default=115_200, show_default=True)
@click.option("--simulated", is_flag=True, help="A home for practice with the simulator; marked so for ever.")
@click.option("--passphrase", "ask_passphrase", is_flag=True, help="Ask for a passphrase that locks the signing key.")
@passphrase_file
@as_json
@click.pass_context
def init(
    ctx: click.Context,
    *,
    terminal: str,
    port: str,
    secret_file: Path,
    line_rate: int,
    simulated: bool,
    ask_passphrase: bool,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Make a home: signing key, journal, settings, for one terminal.

    Without a passphrase the key is locked with a random secret that lies beside it: the agent starts by itself after a power
    cut, and whoever can read the home can sign in its name.

    \b
    Example:
      counterfoil --home shop init --terminal SN4711 --port /dev/ttyUSB0 --secret terminal.secret
    """
    home = home_of(ctx)
    wanted = passphrase_sources(passphrase_file, ask=ask_passphrase)
    if ask_passphrase and wanted.prompt is None and passphrase_file is None:
        raise HomeError(
            _("There is no terminal here to ask for a passphrase on."), _("Give it with --passphrase-file.")
        )
    settings = Settings(terminal=terminal, simulated=simulated, port=port, line_rate=line_rate)
    at = time.time_ns() // 1_000_000
    make_home(home, settings, read_secret(secret_file), wanted, at)
    if as_json:
        say_json({"home": str(home.path), "terminal": terminal, "simulated": simulated})
    else:
        click.echo(_("The home {home} is ready for terminal {terminal}.").format(home=home.path, terminal=terminal))
        if not ask_passphrase and passphrase_file is None:
            click.echo(_("Its key has no passphrase: whoever can read this folder can sign in its name."))
