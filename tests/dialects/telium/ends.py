"""One end of a Telium line against bytes written by hand, and two ends against each other."""

from __future__ import annotations

from random import Random
from typing import Any

from protocol import messages as m
from protocol.conversation import Conversation
from protocol.dialect import Delivered, LinkSettings, Role
from protocol.dialects.telium.framing import encode
from protocol.dialects.telium.link import TeliumLink
from protocol.money import Money
from tests.protocol.pair import Pair

AGENT, TERMINAL = Role.AGENT, Role.TERMINAL
EOT, ENQ, ACK, NAK = b"\x04", b"\x05", b"\x06", b"\x15"
REFERENCE = "0192f3a4b5c67d8e9fa0b1c2d3e4f506"
TICKET = "5HRB9Y9X86"
ASK = f"0100012345110978{TICKET}A010B010".encode()
ANSWER = f"010000123451978{TICKET}".encode()
LONG = f"010000123451{' ' * 55}978{TICKET}".encode()
"""What an application's approved Result looks like before it is cut for the register."""
SALE = m.Sale(reference=REFERENCE, amount=Money(12_345, 978), deadline=30_000)


def bad(body: bytes) -> bytes:
    """The frame of that body with a wrong LRC."""
    frame = encode(body)
    return frame[:-1] + bytes([frame[-1] ^ 1])


def conversation(role: Role, seed: int = 1) -> Conversation:
    return Conversation("telium", role, random=Random(f"{role}/{seed}").randbytes, line_rate=9_600)


def approved(asked: m.Sale, **fields: Any) -> m.Result:
    given = {"reference": asked.reference, "state": m.RequestState.APPROVED, "amount": asked.amount, **fields}
    return m.Result(**given)


def pair(**line: Any) -> Pair:
    """Both ends, joined; nothing said yet."""
    ends = Pair(conversation(AGENT), conversation(TERMINAL), **line).open().run(500)
    assert ends.agent.is_open and ends.terminal.is_open
    ends.forget()
    return ends


class Bench:
    """A link, and a peer whose every byte the test writes. `say` gives the link bytes and returns what it writes then."""

    def __init__(self, role: Role) -> None:
        self.link = TeliumLink(LinkSettings(role, Random(str(role)).randbytes, 9_600, None, bytes))
        self.now = 0
        self.told: list[Any] = []
        self.link.open(0)

    def say(self, *pieces: bytes) -> bytes:
        for piece in pieces:
            self.link.receive(piece, self.now)
        return self.hear()

    def hear(self) -> bytes:
        wire = self.link.outgoing(self.now)
        self.told += self.link.take()
        return wire

    def wait(self, ms: int) -> bytes:
        """Let time pass, with every tick that is due; returns what was written meanwhile."""
        until, wire = self.now + ms, b""
        while (due := self.link.deadline) is not None and due <= until:
            self.now = max(self.now, due)
            self.link.tick(self.now)
            wire += self.hear()
        self.now = until
        return wire

    def send(self, body: bytes) -> bytes:
        self.link.send(body, urgent=True)
        return self.hear()

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]


def bodies(bench: Bench) -> list[bytes]:
    """What the link handed on."""
    return [event.message for event in bench.of(Delivered)]


def agent() -> Bench:
    """An agent whose terminal has answered."""
    bench = Bench(AGENT)
    assert bench.wait(0) == ENQ
    assert bench.say(ACK) == EOT
    assert bench.link.is_open
    bench.told.clear()
    return bench


def asking() -> Bench:
    """An agent that has sent its ask, which is not acknowledged yet."""
    bench = agent()
    assert bench.send(ASK) == ENQ
    assert bench.say(ACK) == encode(ASK)
    return bench


def waiting() -> Bench:
    """An agent that is owed an answer."""
    bench = asking()
    assert bench.say(ACK) == EOT
    return bench


def terminal() -> Bench:
    bench = Bench(TERMINAL)
    assert bench.link.is_open
    assert bench.hear() == b""
    bench.told.clear()
    return bench


def asked(body: bytes = ASK) -> Bench:
    """A terminal that owes an answer; bytes of its application's Result can be sent."""
    bench = terminal()
    assert bench.say(ENQ) == ACK
    assert bench.say(encode(body)) == ACK
    assert bench.told == [], "not before the exchange is over"
    bench.say(EOT)
    return bench
