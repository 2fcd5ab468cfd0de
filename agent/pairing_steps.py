"""Pairing from a command: begin, wait for the number; and, where nothing is real, take it without a person."""

from __future__ import annotations

import time

from agent.desk import Desk
from agent.errors import LinkError
from agent.language import _
from agent.notices import pairing_words
from agent.views import PairingStage, PairingView

PAIRING_S = 30
"""How long a terminal may take to show its number; of a person who looks for the page, too."""


def await_number(desk: Desk) -> PairingView:
    """Begin a pairing and wait for the number. Raises LinkError where it comes to nothing."""
    desk.pair()
    until = time.monotonic() + PAIRING_S
    while True:
        status = desk.status()
        view = status.link.pairing
        if view is not None and view.stage is PairingStage.COMPARE:
            return view
        if view is not None and view.stage is PairingStage.FAILED:
            raise LinkError(*pairing_words(view.reason))
        left = int((until - time.monotonic()) * 1000)
        if left <= 0:
            desk.cancel_pairing()
            raise LinkError(
                _("The terminal does not take part in a pairing."),
                _("Open its pairing page, see that its cable is in, and begin again."),
            )
        desk.wait(status.revision, left)


def pair_by_itself(desk: Desk) -> None:
    """Pair a home of practice that is not paired yet; one that is keeps its key. Raises LinkError."""
    status = desk.status()
    if not status.simulated or status.link.paired:
        return
    view = await_number(desk)
    desk.confirm_pairing(view.number or "")
