"""One end of the wire under virtual time; the test is the other end, and speaks in bytes."""

from __future__ import annotations

from random import Random
from typing import Any

from protocol import messages as m
from protocol.conversation import Conversation
from protocol.dialect import Role
from protocol.dialects.transbank.framing import encode
from protocol.money import Money

ACK, NAK = b"\x06", b"\x15"
REFERENCE = "0192e5a0c1d27abc8def0123456789ab"  # its ticket: 2PF2DB
SALE = m.Sale(reference=REFERENCE, amount=Money(15_000, 152), deadline=60_000)
VOID = m.Void(
    reference=REFERENCE,
    original_reference=REFERENCE,
    original_trace="000142",
    amount=Money(15_000, 152),
    deadline=60_000,
)
ASKED = encode(b"0200|000015000|2PF2DB|||1")
ANSWER = b"0210|00|597029414300|IT750050|2PF2DB|162529|15000|0||6590|000142|CR|||VI|07042026|084918||||"
DECLINE = b"0210|07|||2PF2DB||15000||||||||||||||"
POLL = encode(b"0100")


class End:
    """`said`: what the end wrote since it was last asked; `told`: its events so far. `now` is virtual ms."""

    def __init__(self, role: Role) -> None:
        self.conversation = Conversation("transbank", role, random=Random(1).randbytes)
        self.now = 0
        self.told: list[Any] = []
        self._said = b""
        self.conversation.open(0)
        self._settle()

    def _settle(self) -> None:
        self._said += self.conversation.outgoing(self.now)
        self.told += self.conversation.events()

    def hear(self, *words: bytes) -> bytes:
        """Bytes from the other end, all at once; what is written at once in answer."""
        self.conversation.receive(b"".join(words), self.now)
        self._settle()
        return self.said()

    def hear_frame(self, text: bytes) -> bytes:
        return self.hear(encode(text))

    def wait(self, ms: int) -> bytes:
        """Let that much time pass; what is written meanwhile."""
        until = self.now + ms
        while (due := self.conversation.deadline) is not None and due <= until:
            self.now = max(self.now, due)
            self.conversation.tick(self.now)
            self._settle()
        self.now = until
        return self.said()

    def said(self) -> bytes:
        said, self._said = self._said, b""
        return said

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]


def register() -> End:
    """The agent's end, with a session."""
    end = End(Role.AGENT)
    assert end.wait(0) == POLL
    assert end.hear(ACK) == b""
    return end


def ask(end: End, message: m.Request) -> bytes:
    """What is written at once."""
    end.conversation.request(message, end.now)
    end._settle()
    return end.said()
