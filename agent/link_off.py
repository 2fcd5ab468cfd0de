"""The line of a home on which no agent runs: what its settings and its keys say of it."""

from __future__ import annotations

from contextlib import suppress

from agent import link_keys
from agent.capabilities import capabilities
from agent.errors import HomeError
from agent.home import Home
from agent.settings import Settings
from agent.views import LinkState, LinkView, Notice, NoticeCode
from protocol.dialect import dialect


def link_off(home: Home, settings: Settings) -> LinkView:
    """A key that cannot be read is none; `key_damaged` tells."""
    spoken, pinned = dialect(settings.dialect), None
    with suppress(HomeError):
        pinned = link_keys.pinned(home.terminal_key) if spoken.pairs else None
    return LinkView(
        LinkState.OFF,
        settings.port,
        0,
        dialect=spoken.name,
        speaks=capabilities(spoken),
        paired=not spoken.pairs or pinned is not None,
        fingerprint=None if pinned is None else link_keys.fingerprint(pinned),
    )


def key_damaged(home: Home, settings: Settings, now: int) -> tuple[Notice, ...]:
    """A notice, where no agent could start with the terminal's key. now: ms UTC."""
    try:
        if dialect(settings.dialect).pairs:
            link_keys.pinned(home.terminal_key)
        return ()
    except HomeError as error:
        return (Notice(NoticeCode.KEY_DAMAGED, now, {"what": error.what, "todo": error.todo}),)
