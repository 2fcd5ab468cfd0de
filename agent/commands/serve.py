"""`counterfoil serve`: the agent without screens."""

from __future__ import annotations

import signal
import threading
from contextlib import suppress
from pathlib import Path
from types import FrameType

import click
import msgspec

from agent.commands.options import home_of, passphrase_file
from agent.errors import HomeError
from agent.home import Home
from agent.language import _
from agent.notices import words
from agent.opening import agent_at_work, passphrase_sources
from agent.settings import Settings
from agent.views import LinkState, Status


@click.command()
@click.option("--port", help="Another port than the one in the settings.")
@click.option("--simulated", is_flag=True, help="Serve a home of practice; a real home is refused.")
@click.option(
    "--accept-loss", is_flag=True, help="Go on where a remembered head is not the journal's; the finding is signed."
)
@passphrase_file
@click.pass_context
def serve(
    ctx: click.Context, *, port: str | None, simulated: bool, accept_loss: bool, passphrase_file: Path | None
) -> None:
    """Run the agent without screens until SIGTERM or Ctrl+C; what happens on the line is said on stderr.

    \b
    Example:
      counterfoil --home shop serve
    """
    home = home_of(ctx)
    settings = settings_for(home, simulated=simulated)
    if port is not None:
        settings = msgspec.structs.replace(settings, port=port)
    stop, working = threading.Event(), threading.Event()

    def leave(number: int, frame: FrameType | None) -> None:
        stop.set()
        if not working.is_set():  # at a prompt, or while the home is opened: unwind, closing what is open
            raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)
    with agent_at_work(home, settings, passphrase_sources(passphrase_file), accept_loss=accept_loss) as desk:
        working.set()
        told = None
        while not stop.is_set():
            status = desk.status()
            if (shown := _shown(status)) != told:
                told = shown
                with suppress(OSError):  # whoever read the log has gone; recording goes on
                    click.echo(shown, err=True)
            # A short wait, so that a signal is answered at once: waiting on a condition does not end with one.
            desk.wait(status.revision, 500)


def settings_for(home: Home, *, simulated: bool) -> Settings:
    """The home's settings; raises HomeError if it is of the other nature."""
    settings = home.settings()
    if settings.simulated and not simulated:
        raise HomeError(
            _("The home {home} is one of demo and practice.").format(home=home.path),
            _("Name the real one with --home; or practise with: counterfoil serve --simulated"),
        )
    if simulated and not settings.simulated:
        raise HomeError(
            _("The home {home} holds a real record.").format(home=home.path),
            _("Name a home of practice with --home, or leave --simulated out."),
        )
    return settings


def _shown(status: Status) -> str:
    states = {
        LinkState.UP: _("The terminal answers; everything is recorded as it happens."),
        LinkState.CONNECTING: _("Waiting for the terminal to answer."),
        LinkState.PORT_LOST: _("The line to the terminal is lost; it is tried again by itself."),
        LinkState.REFUSED: _("The terminal that answers is refused."),
        LinkState.UNPAIRED: "",  # the notice says it
    }
    lines = [states.get(status.link.state, "")]
    lines += [" ".join(words(notice)) for notice in status.notices]
    return "\n".join(line for line in lines if line)
