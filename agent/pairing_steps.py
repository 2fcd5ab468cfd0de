"""Pairing from a command: begin, wait for the number; and, where nothing is real, take it without a person."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from agent.desk import Desk
from agent.errors import CounterfoilError, LinkError
from agent.language import _
from agent.notices import pairing_words, words
from agent.opening import line_error
from agent.views import LinkState, NoticeCode, PairingStage, PairingView

PAIRING_S = 30
"""How long a terminal may take to show its number; of a person who looks for the page, too."""
ANSWER_S = 5
"""How long, after a pairing at this end, the terminal's own yes is waited for."""


@contextmanager
def given_up_on_the_way(desk: Desk) -> Iterator[None]:
    """Whatever ends the block before its time (Ctrl+C, Ctrl+D, an error) ends the pairing at the desk too."""
    try:
        yield
    except BaseException:
        with suppress(CounterfoilError):
            desk.cancel_pairing()
        raise


def await_number(desk: Desk) -> PairingView:
    """Begin a pairing and wait for the number. Raises LinkError where it comes to nothing; the caller gives it up then."""
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
    with given_up_on_the_way(desk):
        view = await_number(desk)
        desk.confirm_pairing(view.number or "")


def await_answer(desk: Desk) -> LinkError | None:
    """After a pairing at this end: None as soon as the terminal answers, else, after 5 s at most, why it does not.

    A terminal whose own question is still open says that it does not know this home.
    """
    until = time.monotonic() + ANSWER_S
    while (status := desk.status()).link.state is not LinkState.UP:
        left = int((until - time.monotonic()) * 1000)
        if (error := line_error(status, key_refused=False)) is not None:
            return error
        if left <= 0:
            refused = next((words(n)[0] for n in status.notices if n.code is NoticeCode.KEY_REFUSED), None)
            return LinkError(
                refused or _("The terminal does not answer yet."),
                _("Answer yes on the terminal too, if it still asks; then see: counterfoil terminal status"),
            )
        desk.wait(status.revision, left)
    return None
