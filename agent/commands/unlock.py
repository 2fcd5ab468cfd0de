"""`counterfoil unlock`: the passphrase for the agent that started without one."""

from __future__ import annotations

from pathlib import Path

import click

from agent.commands.options import home_of, passphrase_file, say_nature
from agent.errors import KeyLocked, KeyRefused
from agent.language import _
from agent.opening import open_desk, passphrase_sources
from agent.views import LinkState, NoticeCode


@click.command()
@passphrase_file
@click.pass_context
def unlock(ctx: click.Context, *, passphrase_file: Path | None) -> None:
    """Give the passphrase to the agent that waits for it; it is asked for here, and never shown or logged.

    What the terminal told meanwhile is then signed as a gap, told again, and recorded. Exit 3 where it does not open the
    key: the agent goes on waiting.

    \b
    Example:
      counterfoil --home shop unlock
    """
    home = home_of(ctx)
    with open_desk(home) as desk:
        status = desk.status()
        locked = next((notice for notice in status.notices if notice.code is NoticeCode.LOCKED), None)
        if locked is None and status.link.state is not LinkState.OFF:
            say_nature(status.simulated)
            click.echo(_("The agent signs already; nothing is to be done."))
            return
        file_is_back = locked is not None and locked.facts.get("because") == "key_lost" and desk.unlock(b"")
        if not file_is_back:
            passphrase = b"" if locked is None else passphrase_sources(passphrase_file).passphrase()
            if passphrase is None:
                raise KeyLocked(
                    _("The signing key is locked with a passphrase, and none was given."),
                    _("Run this on a terminal to be asked, or give --passphrase-file."),
                )
            if not desk.unlock(passphrase):
                raise KeyRefused(
                    _("That passphrase does not open the signing key."),
                    _("Give the passphrase that was chosen when this home was made; the agent goes on waiting."),
                )
        say_nature(status.simulated)
        click.echo(_("The key is open: the gap is signed, and what the terminal told meanwhile is asked for again."))
