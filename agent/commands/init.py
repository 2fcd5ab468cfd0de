"""`counterfoil init`: a home of its own for one terminal."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from agent.commands.options import as_json, home_of, passphrase_file, say_json
from agent.errors import HomeError
from agent.language import _
from agent.link_keys import fingerprint, own_public
from agent.opening import make_home, passphrase_sources
from agent.settings import LINE_FORMATS, Settings
from protocol.dialect import DIALECTS, dialect


@click.command()
@click.option("--terminal", required=True, help="The terminal's id, as it names itself.")
@click.option("--port", required=True, help="Device path (/dev/ttyUSB0) or pyserial URL of the terminal's line.")
@click.option(
    "--dialect",
    "spoken",
    type=click.Choice(sorted(DIALECTS)),
    default="native",
    show_default=True,
    help="The protocol that the terminal speaks.",
)
@click.option("--line-rate", type=click.IntRange(300, 4_000_000), help="Bits a second [default: the dialect's].")
@click.option(
    "--line-format",
    type=click.Choice(LINE_FORMATS),
    help="Data bits, parity, stop bits [default: the dialect's; 8N1 with --simulated].",
)
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
    spoken: str,
    line_rate: int | None,
    line_format: Any,
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
      counterfoil --home shop init --terminal SN4711 --port /dev/ttyUSB0
      counterfoil --home shop terminal pair
    """
    home = home_of(ctx)
    wanted = passphrase_sources(passphrase_file, ask=ask_passphrase)
    if ask_passphrase and wanted.prompt is None and passphrase_file is None:
        raise HomeError(
            _("There is no terminal here to ask for a passphrase on."), _("Give it with --passphrase-file.")
        )
    settings = Settings(
        terminal=terminal,
        simulated=simulated,
        port=port,
        dialect=spoken,
        line_rate=line_rate or 0,
        line_format=line_format or ("8N1" if simulated else ""),  # a pty takes no other
    )
    make_home(home, settings, wanted, time.time_ns() // 1_000_000)
    found = dialect(spoken)
    if as_json:
        document = {"home": str(home.path), "terminal": terminal, "simulated": simulated, "dialect": spoken}
        key = fingerprint(own_public(home.link_key)) if found.pairs else None
        line = {"line_rate": settings.line_rate, "line_format": settings.line_format}
        say_json({**document, **line, "pairs": found.pairs, "fingerprint": key})
        return
    click.echo(_("The home {home} is ready for terminal {terminal}.").format(home=home.path, terminal=terminal))
    if not ask_passphrase and passphrase_file is None:
        click.echo(_("Its key has no passphrase: whoever can read this folder can sign in its name."))
    if found.pairs:
        click.echo(
            _("Next, pair it with the terminal: {command}").format(
                command=f"counterfoil --home {home.path} terminal pair"
            )
        )
    if found.hello is None:
        click.echo(
            _("This terminal's protocol does not say which terminal it is: see that the right one is connected.")
        )
