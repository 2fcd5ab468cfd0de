"""`counterfoil serve`: the agent without screens."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterable
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
from agent.views import Capability, LinkState, Notice, NoticeCode, Status


@click.command()
@click.option("--port", help="Another port than the one in the settings.")
@click.option("--simulated", is_flag=True, help="Serve a home of practice; a real home is refused.")
@click.option(
    "--accept-loss", is_flag=True, help="Go on where a remembered head is not the journal's; the finding is signed."
)
@click.option(
    "--no-wait",
    is_flag=True,
    help="Leave where the key is locked or lost, instead of keeping the events unsigned until it is there.",
)
@click.option("--until-stdin-ends", is_flag=True, help="Leave when standard input ends: not to outlive who started it.")
@passphrase_file
@click.pass_context
def serve(
    ctx: click.Context,
    *,
    port: str | None,
    simulated: bool,
    accept_loss: bool,
    no_wait: bool,
    until_stdin_ends: bool,
    passphrase_file: Path | None,
) -> None:
    """Run the agent without screens until SIGTERM or Ctrl+C; what happens on the line is said on stderr.

    Where the key has a passphrase and nobody gives it, the agent starts all the same: what the terminal tells is kept
    unsigned until somebody runs counterfoil unlock.

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
    if until_stdin_ends:
        threading.Thread(target=_await_end_of_stdin, args=(stop,), daemon=True).start()
    sources = passphrase_sources(passphrase_file)
    with agent_at_work(home, settings, sources, accept_loss=accept_loss, wait=not no_wait) as desk:
        working.set()
        state, told = None, frozenset[Told]()
        while not stop.is_set():
            status = desk.status()
            for line in _news(status, state, told):
                with suppress(OSError):  # whoever read the log has gone; recording goes on
                    click.echo(line, err=True)
            state, told = status.link.state, frozenset(map(_told, status.notices))
            # A short wait, so that a signal is answered at once: waiting on a condition does not end with one.
            desk.wait(status.revision, 500)


def _await_end_of_stdin(stop: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):  # what it says is nothing to us
        pass
    stop.set()


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


Told = tuple[NoticeCode, int, int | None, tuple[tuple[str, str], ...]]


def _told(notice: Notice) -> Told:
    """What makes a notice another one; not how many older ones stand behind it."""
    return notice.code, notice.at, notice.seq, tuple(sorted(notice.facts.items()))


def _news(status: Status, state: LinkState | None, told: frozenset[Told]) -> list[str]:
    """What was not said before; state: of the line, as it was said last; told: the notices that stood then."""
    news = [_of_state(status)] if status.link.state is not state else []
    if _is_locked(told) and not _is_locked(map(_told, status.notices)):
        news.append(_("The key is there: what happens is signed again."))
    news += [" ".join(words(notice)) for notice in status.notices if _told(notice) not in told]
    return [line for line in news if line]


def _is_locked(told: Iterable[Told]) -> bool:
    return any(code is NoticeCode.LOCKED for code, *_rest in told)


def _of_state(status: Status) -> str:
    recorded = _("The terminal answers; everything is recorded as it happens.")
    if _is_locked(map(_told, status.notices)):
        recorded = _("The terminal answers; what it tells is kept, and not signed.")
    if Capability.EVENTS not in status.link.speaks:
        recorded = _(
            "The terminal answers. It tells nothing of its own: what is done at it is not recorded; keep its slips."
        )
    states = {
        LinkState.UP: recorded,
        LinkState.CONNECTING: _("Waiting for the terminal to answer."),
        LinkState.PORT_LOST: _("The line to the terminal is lost; it is tried again by itself."),
        LinkState.REFUSED: _("The terminal that answers is refused."),
        LinkState.UNPAIRED: "",  # the notice says it
    }
    return states.get(status.link.state, "")
