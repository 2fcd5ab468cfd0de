"""`counterfoil tui`. Textual is imported when the screens open, not before: other commands must not pay for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.errors import CounterfoilError
from agent.language import translator

if TYPE_CHECKING:
    from agent.settings import Invocation

_ = translator(Path(__file__).parent)


@click.command()
@click.pass_obj
def tui(invocation: Invocation) -> None:
    """The screens on this home: the day as it happens, in Chinese or English.

    \b
    Examples:
      counterfoil tui
      counterfoil --home shop --lang en tui
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()) or os.environ.get("TERM", "dumb") == "dumb":
        raise CounterfoilError(
            _("There is no terminal here to draw screens on."),
            _("Use the command line instead, for instance: counterfoil transactions list."),
        )
    from agent.home import Home  # noqa: PLC0415
    from agent.opening import open_desk  # noqa: PLC0415
    from tui.app import run  # noqa: PLC0415

    with open_desk(Home(invocation.home), work=True, patient=True, wait=True) as desk:
        run(desk, invocation.language)
