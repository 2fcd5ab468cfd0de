"""What a dialect is, and the table of those there are.

A dialect is one folder under `protocol/dialects/` with identically named files (framing, link, wire, codec, exchange), one
row here, and one folder of vectors under `tests/vectors/`; docs/dialects.md is the recipe. It is imported when first asked
for. A Conversation is the same class over every one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from typing import Protocol

from protocol.errors import NotUnderstood, UnknownDialect
from protocol.events import (
    CloseReason,
    KeyRefused,
    LineSuspected,
    Paired,
    PairingFailed,
    PairingShown,
    SecurityNotice,
)
from protocol.messages import Message, Reply, Request, TerminalHello

DIALECTS: Mapping[str, str] = {
    "native": "protocol.dialects.native",
    "telium": "protocol.dialects.telium",
    "transbank": "protocol.dialects.transbank",
}
"""name -> module that holds `DIALECT`."""


class Role(StrEnum):
    AGENT = "agent"
    TERMINAL = "terminal"


@dataclass(slots=True)
class LinkCounters:
    """What the line did so far, for the technician's screen."""

    good: int = 0
    damaged: int = 0
    """Frames whose checksum, length or stuffing was wrong."""
    stale: int = 0
    """Whole frames of an old session, or older than one already taken."""
    repeated: int = 0
    """Data frames that came again and were acknowledged again."""
    resent: int = 0
    """Data frames of ours that had to be sent again."""
    sessions: int = 0
    discarded: int = 0
    """Whole messages that nobody had asked for."""


@dataclass(frozen=True, slots=True)
class LinkOpened:
    """payload: the terminal's hello as it stood on the wire, authenticated; empty where the dialect has none."""

    session: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class LinkClosed:
    session: int
    reason: CloseReason


@dataclass(frozen=True, slots=True)
class Delivered:
    """One whole message and its SHA-256. Of one above the limit: its first fragment, and the digest up to the limit."""

    message: bytes
    sha256: bytes
    oversize: bool = False


@dataclass(frozen=True, slots=True)
class Undelivered:
    """What was sent was not taken. refused: the peer said so, and nothing of it was done; else nobody knows.

    For links that keep no session over such a failure.
    """

    refused: bool


@dataclass(frozen=True, slots=True)
class ClockTold:
    """The terminal's clock that never goes back stands at `uptime` ms, or a little later."""

    uptime: int


LinkEvent = (
    LinkOpened
    | LinkClosed
    | Delivered
    | Undelivered
    | ClockTold
    | LineSuspected
    | SecurityNotice
    | KeyRefused
    | PairingShown
    | Paired
    | PairingFailed
)


class Link(Protocol):
    """Bytes and time in, whole messages out; times are ms on a clock that never goes back."""

    counters: LinkCounters

    @property
    def is_open(self) -> bool: ...

    @property
    def backlog(self) -> int: ...

    @property
    def deadline(self) -> int | None: ...

    def open(self, now: int) -> None: ...

    def close(self, reason: CloseReason) -> None: ...

    def leave(self, now: int) -> None: ...

    def send(self, message: bytes, *, urgent: bool) -> None: ...

    def receive(self, data: bytes, now: int) -> None: ...

    def tick(self, now: int) -> None: ...

    def outgoing(self, now: int) -> bytes: ...

    def take(self) -> list[LinkEvent]: ...


class PairingLink(Link, Protocol):
    """A link that knows its peer by a static key, and can come to know it."""

    def pair(self, now: int) -> None:
        """Agent: begin a pairing. Terminal: take part in one when an agent begins it."""
        ...

    def confirm_pairing(self, now: int) -> None:
        """A person compared the number shown: the key is the peer's from now on."""
        ...

    def cancel_pairing(self) -> None: ...


@dataclass(frozen=True, slots=True)
class LinkKeys:
    """The static X25519 keys of a link. own: our private half, 32 bytes; peer: the other end's public one, if paired."""

    own: bytes = field(repr=False)
    peer: bytes | None = None


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """What a link is made with. random: n -> n fresh bytes. line_rate: bits a second.

    keys: None for a dialect that has none. hello: gives the terminal's own hello payload (unused by an agent).
    """

    role: Role
    random: Callable[[int], bytes]
    line_rate: int
    keys: LinkKeys | None
    hello: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class HelloCodec:
    """encode raises OutOfBounds, decode NotUnderstood."""

    encode: Callable[[TerminalHello], bytes]
    decode: Callable[[bytes], TerminalHello]


@dataclass(frozen=True, slots=True)
class Dialect:
    """name; speaks: the message types that it can carry; its link; its codec.

    encode raises OutOfBounds, decode raises NotUnderstood; too_long makes the NotUnderstood of a message above the limit
    from its beginning. replies: request type -> the reply types that answer it.

    answer: the reply as an answer to that request of ours, with what the wire leaves out filled in; None if it answers
    another. one_at_a_time: the wire carries no request ids, so a second request waits until the first has ended.
    hello: how a session begins with the terminal's word on its log; None where none is given. pairs: the link is a
    PairingLink and needs LinkKeys. answer_ms: how long the link may wait for an answer; a request is under way so long, at
    least. line_rate, line_format: what the vendor's ports are set to, if nobody says otherwise.
    """

    name: str
    speaks: frozenset[type[Message]]
    link: Callable[[LinkSettings], Link]
    encode: Callable[[Message], bytes]
    decode: Callable[[bytes], Message]
    too_long: Callable[[bytes], NotUnderstood]
    replies: Mapping[type[Message], tuple[type[Message], ...]]
    answer: Callable[[Request, Reply], Reply | None]
    one_at_a_time: bool = False
    hello: HelloCodec | None = None
    pairs: bool = False
    answer_ms: int = 0
    line_rate: int = 115_200
    line_format: str = "8N1"


def dialect(name: str) -> Dialect:
    """The dialect of that name, imported when first asked for. Raises UnknownDialect."""
    if name not in DIALECTS:
        raise UnknownDialect(f"no dialect named {name!r}; there are: {', '.join(sorted(DIALECTS))}")
    found: Dialect = import_module(DIALECTS[name]).DIALECT
    return found
