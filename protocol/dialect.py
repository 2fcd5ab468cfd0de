"""What a dialect is, and the table of those there are.

A dialect is one folder under `protocol/dialects/` with identically named files (framing, link, wire, codec, exchange) and
one row here; it is imported when first asked for. A Conversation is the same class over every one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import Protocol

from protocol.errors import NotUnderstood, UnknownDialect
from protocol.events import CloseReason, LineSuspected, SecurityNotice
from protocol.messages import Message, TerminalHello

DIALECTS: Mapping[str, str] = {"native": "protocol.dialects.native"}
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
    """payload: the terminal's hello as it stood on the wire, authenticated."""

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


LinkEvent = LinkOpened | LinkClosed | Delivered | LineSuspected | SecurityNotice


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


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """What a link is made with. secret: 32 bytes that both ends hold. random: n -> n fresh bytes. line_rate: bits a second.

    hello: gives the terminal's own hello payload (unused by an agent).
    """

    role: Role
    secret: bytes
    random: Callable[[int], bytes]
    line_rate: int
    hello: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Dialect:
    """name; speaks: the message types that it can carry; its link; its codec.

    encode raises OutOfBounds, decode and decode_hello raise NotUnderstood; too_long makes the NotUnderstood of a message
    above the limit from its beginning. replies: request type -> the reply types that answer it.
    """

    name: str
    speaks: frozenset[type[Message]]
    link: Callable[[LinkSettings], Link]
    encode: Callable[[Message], bytes]
    decode: Callable[[bytes], Message]
    encode_hello: Callable[[TerminalHello], bytes]
    decode_hello: Callable[[bytes], TerminalHello]
    too_long: Callable[[bytes], NotUnderstood]
    replies: Mapping[type[Message], tuple[type[Message], ...]]


def dialect(name: str) -> Dialect:
    """The dialect of that name, imported when first asked for. Raises UnknownDialect."""
    if name not in DIALECTS:
        raise UnknownDialect(f"no dialect named {name!r}; there are: {', '.join(sorted(DIALECTS))}")
    found: Dialect = import_module(DIALECTS[name]).DIALECT
    return found
