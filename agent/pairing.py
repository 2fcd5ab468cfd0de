"""The pairing as the pump sees it: which key is pinned, what a person is shown, which order waits for the disk.

    Pair -> STARTED -> PairingShown -> COMPARE -> ConfirmPairing -> Paired -> Pin -> Pinned -> DONE

Nothing here speaks on the line or writes to the disk. A key counts as pinned only after `kept`.
"""

from __future__ import annotations

from dataclasses import replace

from agent import actions as a
from agent.journal.kinds import Fact, TerminalPaired, TerminalUnpaired
from agent.link_keys import fingerprint
from agent.views import PairingFailed as FailedBy
from agent.views import PairingStage, PairingView
from protocol.events import Paired, PairingFailed, PairingShown

_UNDER_WAY = (PairingStage.STARTED, PairingStage.COMPARE)


def unsaid(terminal: str, pinned: bytes | None, last: bytes | None) -> tuple[Fact, ...]:
    """What the journal lacks of the key that is pinned at a start. last: the key by the journal's last word on it."""
    if pinned == last:
        return ()
    if pinned is not None:
        return (TerminalPaired(terminal=terminal, public_key=pinned, replaced=last, found=True),)
    assert last is not None
    return (TerminalUnpaired(terminal=terminal, public_key=last, found=True),)


class Pairing:
    """pairs: the dialect has pairing at all. pinned: the terminal's public key, None while unpaired."""

    def __init__(self, terminal: str, pinned: bytes | None, *, pairs: bool) -> None:
        self._terminal, self._pairs = terminal, pairs
        self.pinned = pinned
        self.view: PairingView | None = None
        self._token: int | None = None  # of the order that ends with Pinned
        self._wanted: tuple[bytes | None] | None = None  # what the disk was asked to keep

    @property
    def lacking(self) -> bool:
        """No session can be made before a pairing."""
        return self._pairs and self.pinned is None

    @property
    def keeping(self) -> bool:
        """The disk has not answered yet: nothing may go out."""
        return self._wanted is not None

    @property
    def under_way(self) -> bool:
        return self.view is not None and self.view.stage in _UNDER_WAY

    def refusal(self, order: a.PairingOrder, *, has_port: bool) -> a.Refusal | None:
        """Why the order cannot be carried out, or None."""
        if not self._pairs:
            return a.Refusal.NOT_SPOKEN
        if isinstance(order, a.Pair) and not has_port:
            return a.Refusal.NO_LINE
        if isinstance(order, a.ConfirmPairing):
            view = self.view
            if view is None or view.stage is not PairingStage.COMPARE or self._token is not None:
                return a.Refusal.NOTHING_TO_CONFIRM
            if view.number != order.number:
                return a.Refusal.OTHER_NUMBER
            if view.changed and not order.replace:
                return a.Refusal.OTHER_KEY_PINNED
        return None

    def begin(self) -> None:
        self.view = PairingView(PairingStage.STARTED)

    def take(self, event: PairingShown | PairingFailed | Paired) -> list[a.Action]:
        """What the conversation says of it."""
        match event:
            case PairingShown(number, peer):
                changed = self.pinned is not None and self.pinned != peer
                self.view = PairingView(PairingStage.COMPARE, number, changed, fingerprint(peer))
                return []
            case PairingFailed(reason):
                return self._fail(FailedBy(reason.value))
            case Paired(peer):
                return self.keep(peer)

    def line_lost(self) -> list[a.Action]:
        return self._fail(FailedBy.LINE_LOST)

    def cancelled(self) -> list[a.Action]:
        return self._fail(FailedBy.CANCELLED)

    def _fail(self, reason: FailedBy) -> list[a.Action]:
        """The pairing came to nothing; answers whoever confirmed it."""
        if self.under_way:
            self.view = PairingView(PairingStage.FAILED, reason=reason)
        return self._done(a.Refusal.FAILED)

    def confirm(self, token: int) -> None:
        self._token = token

    def keep(self, peer: bytes | None, token: int | None = None) -> list[a.Action]:
        """Have the disk keep this key. token: of the order, where no `confirm` gave it."""
        self._token = self._token if token is None else token
        self._wanted = (peer,)
        return [a.Pin(peer)]

    def kept(self, peer: bytes | None) -> tuple[list[Fact], list[a.Action]]:
        """The disk holds it: the fact for the journal, and the answer to the order."""
        former, self.pinned, self._wanted = self.pinned, peer, None
        facts: list[Fact] = []
        if peer is not None:
            replaced = former if former != peer else None
            facts.append(TerminalPaired(terminal=self._terminal, public_key=peer, replaced=replaced))
            self.view = replace(self.view or PairingView(PairingStage.DONE), stage=PairingStage.DONE, number=None)
        else:
            self.view = None
            if former is not None:
                facts.append(TerminalUnpaired(terminal=self._terminal, public_key=former))
        return facts, self._done(None)

    def not_kept(self) -> list[a.Action]:
        """The disk failed; the key pinned before stays."""
        self._wanted = None
        if self.under_way:
            self.view = PairingView(PairingStage.FAILED, reason=FailedBy.NOT_KEPT)
        return self._done(a.Refusal.NOT_KEPT)

    def _done(self, refusal: a.Refusal | None) -> list[a.Action]:
        token, self._token = self._token, None
        return [] if token is None else [a.Done(token, refusal)]
