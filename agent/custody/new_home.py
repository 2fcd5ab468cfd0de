"""A restore with all that belongs to it: the home is owned meanwhile, and made where there is none."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent import link_keys
from agent.custody.restore import Restored, restore
from agent.errors import HomeError
from agent.home import Home
from agent.journal import engine
from agent.journal.checkpoint import VerifyingKey
from agent.journal.keys import PassphraseSources
from agent.language import _
from agent.settings import Settings, write_settings


def restore_home(
    home: Home,
    copy: Path | None,
    *,
    port: str | None,
    key: VerifyingKey,
    old: PassphraseSources,
    new: PassphraseSources,
    operator: str,
    reason: str | None,
) -> Restored:
    """As `restore`, as the home's owner. A home that is not there is made for the copy's terminal on `port`; it is to be
    paired again. Raises HomeError, and what `restore` raises."""
    known = home.settings() if home.exists else None
    if known is None and port is None:
        raise HomeError(
            _("There is no home at {home} yet, and it is not said where its terminal is.").format(home=home.path),
            _("Name the terminal's line with --port, or an existing home with --home."),
        )
    engine.require_journal(copy or home.journal)
    new_folder = not home.path.exists()
    settings = known

    def accept(opened: Mapping[str, Any]) -> int | None:
        """What entry 0 of the copy says must fit the home; the time to record under."""
        nonlocal settings
        terminal, simulated = opened["terminal"], opened["nature"] == "simulated"
        if settings is None:
            settings = Settings(terminal=terminal, simulated=simulated, port=port or "")
        elif (terminal, simulated) != (settings.terminal, settings.simulated):
            raise HomeError(
                _("That copy is of the terminal {terminal}, and not of this home's.").format(terminal=terminal),
                _("Name a new folder with --home, and its line with --port."),
            )
        return None if simulated else time.time_ns() // 1_000_000

    try:
        if known is None:
            home.make()
        home.own()
        try:
            restored = restore(home.path, copy, accept, key=key, old=old, new=new, operator=operator, reason=reason)
            if known is None and settings is not None:
                link_keys.make(home.link_key)
                write_settings(home.settings_path, settings)  # the last: it makes the home whole
        finally:
            home.disown()
    except BaseException:
        if new_folder and not home.journal.exists():
            shutil.rmtree(home.path, ignore_errors=True)
        raise
    return restored
