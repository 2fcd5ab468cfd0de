"""What is fuzzed, a row each; a dialect's stranger says how its checksums, and tags if it has any, are got out of the way.

A new dialect is one row of `DIALECTS`: `messages` and `talk` are the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, Protocol

from protocol import messages as m
from protocol.conversation import Conversation
from protocol.dialect import Role, dialect
from protocol.dialects.telium import framing as telium
from protocol.dialects.transbank import framing as transbank
from protocol.errors import NotUnderstood, OutOfBounds
from protocol.events import Received, Replied
from tests.dialects.exchanges import reply, requests
from tests.fuzz import native
from tests.fuzz.reader import Reader
from tests.protocol.pair import HELLO, Pair, paired

MOST_STEPS = 64
MOST_FRAMES = 2048
"""Of what is said again and again: half a megabyte of full frames, far above what may be held."""
MOST_HELD = 256 * 1024
"""Bytes that one end may hold because of what the other said.

A message of 16 KiB twice over; and the answers, at most twice as long as what was asked, to all requests that fit into the
9 s (107 kB at 115200 baud) after which a peer that acknowledges nothing is dead.
"""
REST_MS = 240_000
"""After so long without a word from the stranger, whatever had begun has ended: an honest peer is answered."""


class Stranger(Protocol):
    """The other end, in the fuzzer's hand: its checksums, and its tags if it has any, are true."""

    def shake_hands(self, heard: bytes) -> bytes: ...

    def hear(self, heard: bytes) -> None: ...

    def say(self, reader: Reader) -> bytes: ...


@dataclass(frozen=True)
class Framed:
    """A stranger where a frame is a checksum around a body and nothing more. signs: bytes that stand alone on the line."""

    encode: Callable[[bytes], bytes]
    signs: bytes

    def shake_hands(self, heard: bytes) -> bytes:
        return b""

    def hear(self, heard: bytes) -> None:
        pass

    def say(self, reader: Reader) -> bytes:
        """One byte of choices; a sign, or a length and a body; or the frame with the sign that it waits for before it."""
        choices = reader.byte()
        sign = self.signs[choices >> 2 & 15 : (choices >> 2 & 15) + 1]
        return sign if choices & 3 == 0 else sign * (choices & 1) + self.encode(reader.take(reader.number(2) % 512))


@dataclass(frozen=True)
class Row:
    """stranger: made for its own role. ask: what an honest agent asks, and the victim too."""

    stranger: Callable[[Role], Stranger]
    ask: type[m.Message]


DIALECTS: Mapping[str, Row] = {
    "native": Row(native.Stranger, m.HeadGet),
    "telium": Row(lambda _: Framed(telium.encode, bytes(telium.Control)), m.Sale),
    "transbank": Row(lambda _: Framed(transbank.encode, bytes([transbank.ACK, transbank.NAK])), m.Sale),
}


def end(name: str, role: Role) -> Conversation:
    """A conversation of that role, not opened yet."""
    return Conversation(
        name,
        role,
        random=Random(f"fuzz {role}").randbytes,
        line_rate=dialect(name).line_rate,
        keys=paired(role),
        hello=(lambda: HELLO) if role is Role.TERMINAL else None,
    )


def messages(name: str, data: bytes) -> None:
    """Any bytes are a message or NotUnderstood; said again, as far as the dialect can, it is understood and means the same.

    A vendor's wire may have no words for all that it tells (a card scheme, why a sale was declined): what it must not change
    are reference, amount and state.
    """
    spoken = dialect(name)
    try:
        found = spoken.decode(data)
        said = spoken.encode(found)
    except (NotUnderstood, OutOfBounds):
        return
    again = spoken.decode(said)
    for field in ("reference", "amount", "state"):
        told, heard = getattr(found, field, None), getattr(again, field, None)
        assert told is None or heard is None or told == heard, (found, again)


def talk(name: str, role: Role, data: bytes) -> None:
    """A whole conversation with a stranger: nothing raised, little held, and an honest peer is answered afterwards."""
    row, spoken = DIALECTS[name], dialect(name)
    victim, other = end(name, role), Role.TERMINAL if role is Role.AGENT else Role.AGENT
    stranger, reader, now, frames = row.stranger(other), Reader(data), 0, MOST_FRAMES

    def ask() -> None:
        if role is Role.AGENT:
            victim.request(requests(name, victim.terminal_uptime(now))[row.ask], now)

    def hear(line: bytes, *, listens: bool) -> None:
        victim.receive(line, now)
        if victim.deadline is not None and victim.deadline <= now:
            victim.tick(now)
        for event in victim.events():
            if role is Role.TERMINAL and isinstance(event, Received) and type(event.message) in spoken.replies:
                victim.send(reply(event.message), now)  # type: ignore[arg-type]
        heard = victim.outgoing(now)
        if listens:
            stranger.hear(heard)

    victim.open(now)
    victim.tick(now)
    for turn in range(4):
        victim.receive(stranger.shake_hands(victim.outgoing(now)), now)
        if turn == 1:
            ask()
    for _ in range(MOST_STEPS):
        if not reader:
            break
        lines: list[bytes] = []
        match reader.byte() % 8:
            case 0 | 1 | 2:
                lines = [stranger.say(reader)]
            case 3:  # the same thing many times, each in a frame of its own
                again, thing = min(reader.byte(), frames), reader.take(reader.number(2) % 512)
                frames -= again
                lines = [stranger.say(Reader(thing)) for _ in range(again)]
            case 4:
                lines = [reader.take(reader.byte())]
            case 5:
                now += reader.number(2)
            case 6:
                ask()
            case 7 if spoken.pairs:
                [victim.pair, victim.confirm_pairing, victim.cancel_pairing][reader.byte() % 3](now)
        listens = bool(reader.byte() & 1)
        for line in lines or [b""]:
            now += len(line) * 10_000 // spoken.line_rate
            hear(line, listens=listens)
        if len(lines) > 1:
            assert held(victim) <= MOST_HELD
    assert held(victim) <= MOST_HELD
    _answered(name, victim, role, now)


def _answered(name: str, victim: Conversation, role: Role, now: int) -> None:
    honest = Role.TERMINAL if role is Role.AGENT else Role.AGENT
    ends = {role: victim, honest: end(name, honest)}
    ends[honest].open(now)
    pair = Pair(ends[Role.AGENT], ends[Role.TERMINAL])
    pair.now = now
    until = now + REST_MS
    if dialect(name).hello is None:  # no session that could begin anew: what was begun has to end by itself
        _run(pair, until, step=5_000)
    while not (pair.agent.is_open and pair.terminal.is_open) and pair.now < until:
        _run(pair, pair.now + 1_000)
    pair.forget()
    number = pair.agent.request(requests(name, pair.agent.terminal_uptime(pair.now))[DIALECTS[name].ask], pair.now)
    for _ in range(20):
        _run(pair, pair.now + 500)
    assert [told.request_id for told in pair.of(Role.AGENT, Replied)] == [number], pair.told


def _run(pair: Pair, until: int, step: int = 500) -> None:
    """Time passes; the terminal's owner answers whatever it is asked."""
    while pair.now < until:
        pair.run(min(step, until - pair.now))
        for asked in pair.of(Role.TERMINAL, Received):
            if type(asked.message) in pair.terminal.dialect.replies:
                pair.terminal.send(reply(asked.message), pair.now)
        pair.told[Role.TERMINAL].clear()


def held(thing: Any) -> int:
    """The bytes in every bytes, bytearray and str to be reached from an object's own attributes, each object once."""
    seen: set[int] = set()
    left, total = [thing], 0
    while left:
        one = left.pop()
        if id(one) in seen or callable(one) or isinstance(one, type):
            continue
        seen.add(id(one))
        if isinstance(one, bytes | bytearray | str):
            total += len(one)
        elif isinstance(one, Mapping):
            left += one.values()
        elif hasattr(one, "__iter__") and not hasattr(one, "__next__"):
            left += one
        else:
            left += vars(one).values() if hasattr(one, "__dict__") else ()
            left += [getattr(one, name) for name in getattr(type(one), "__slots__", ()) if hasattr(one, name)]
    return total


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "native-frame": native.frame,
    **{f"{name}-messages": partial(messages, name) for name in DIALECTS},
    "native-messages": native.message,  # says the same, and holds it to the declaration
    **{f"{name}-talk-{role}": partial(talk, name, role) for name in DIALECTS for role in Role},
}
