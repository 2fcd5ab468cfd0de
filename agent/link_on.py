"""The line of a home at work, as a screen shows it."""

from __future__ import annotations

from agent import link_keys
from agent.actions import Show
from agent.capabilities import capabilities
from agent.views import LinkView
from protocol.dialect import Dialect, LinkCounters


def link_on(port: str, spoken: Dialect, shown: Show, since: int, counters: LinkCounters) -> LinkView:
    """shown: the last word of the pump. since: when that state began, ms UTC. counters: of the wire, since the start."""
    return LinkView(
        state=shown.state,
        port=port,
        since=since,
        damaged_frames=counters.damaged,
        stale_frames=counters.stale,
        resent_frames=counters.resent,
        sessions=counters.sessions,
        good_frames=counters.good,
        repeated_frames=counters.repeated,
        discarded=counters.discarded,
        dialect=spoken.name,
        speaks=capabilities(spoken),
        paired=not spoken.pairs or shown.pinned is not None,
        fingerprint=None if shown.pinned is None else link_keys.fingerprint(shown.pinned),
        pairing=shown.pairing,
    )
