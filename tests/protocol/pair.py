"""Two ends of the wire and a line between them under virtual time: the bench of the link's and the conversation's tests."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from random import Random
from typing import Any, Protocol

from protocol.conversation import Conversation
from protocol.dialect import LinkKeys, LinkSettings, Role
from protocol.dialects.native.framing import Frame, FrameDecoder
from protocol.dialects.native.link import NativeLink
from protocol.dialects.native.noise import KeyPair
from protocol.messages import TerminalHello

STATIC = {role: KeyPair.from_private(Random(f"static {role}").randbytes(32)) for role in Role}
"""The static keys of the two ends, which pinned each other's."""
HELLO = TerminalHello(
    terminal="T-1",
    log_epoch="e-1",
    boot_id="b-1",
    oldest_retained=1,
    last_written=0,
    last_acknowledged=0,
    clock=1_772_409_600_000,
    uptime=0,
    simulated=True,
)

Fault = Callable[[bytes, Random], Iterable[bytes]]


def clean(data: bytes, _: Random) -> list[bytes]:
    return [data]


class End(Protocol):
    """What a link and a conversation have in common."""

    @property
    def is_open(self) -> bool: ...
    @property
    def deadline(self) -> int | None: ...
    def open(self, now: int) -> None: ...
    def receive(self, data: bytes, now: int) -> None: ...
    def tick(self, now: int) -> None: ...
    def outgoing(self, now: int) -> bytes: ...


def paired(role: Role) -> LinkKeys:
    """The keys of that end after a pairing with the other."""
    other = Role.TERMINAL if role is Role.AGENT else Role.AGENT
    return LinkKeys(STATIC[role].private, STATIC[other].public)


def link(
    role: Role, *, seed: int = 1, keys: LinkKeys | None = None, line_rate: int = 115_200, payload: bytes = b"hello"
) -> NativeLink:
    random = Random(f"{role}/{seed}").randbytes
    return NativeLink(LinkSettings(role, random, line_rate, keys or paired(role), lambda: payload))


def conversation(role: Role, *, seed: int = 1, keys: LinkKeys | None = None, line_rate: int = 115_200) -> Conversation:
    return Conversation(
        "native",
        role,
        keys=keys or paired(role),
        random=Random(f"{role}/{seed}").randbytes,
        line_rate=line_rate,
        hello=(lambda: HELLO) if role is Role.TERMINAL else None,
    )


def frames_of(wire: bytes) -> list[Frame]:
    return FrameDecoder().feed(wire)


class Pair:
    """An agent's end, a terminal's end, and the line. `now` is virtual ms; `wire` keeps what each end wrote, in order."""

    def __init__(
        self, agent: Any, terminal: Any, *, fault: Fault = clean, delay: int = 1, seed: int = 0, merge_ms: int = 0
    ) -> None:
        self.ends: dict[Role, Any] = {Role.AGENT: agent, Role.TERMINAL: terminal}
        self.agent, self.terminal = agent, terminal
        self.fault, self.delay, self.random = fault, delay, Random(seed)
        self.merge_ms = merge_ms
        """Above 0: what arrives within so many ms is read in one piece."""
        self.now = 0
        self.wire: dict[Role, list[bytes]] = {Role.AGENT: [], Role.TERMINAL: []}
        self.told: dict[Role, list[Any]] = {Role.AGENT: [], Role.TERMINAL: []}
        self._on_the_way: dict[Role, deque[tuple[int, bytes]]] = {role: deque() for role in self.ends}
        self.stalled: set[Role] = set()

    def open(self) -> Pair:
        for end in self.ends.values():
            end.open(self.now)
        return self

    def write(self) -> None:
        """What the ends have to say goes onto the line."""
        for role, end in self.ends.items():
            if role in self.stalled:
                continue
            data = end.outgoing(self.now)
            self._collect(role)
            if not data:
                continue
            self.wire[role].append(data)
            other = Role.TERMINAL if role is Role.AGENT else Role.AGENT
            line = self._on_the_way[other]
            for piece in self.fault(data, self.random):
                arrives = self.now + (self.random.randint(1, self.delay) if self.delay > 1 else self.delay)
                if self.merge_ms:
                    arrives += -arrives % self.merge_ms
                line.append((max(arrives, line[-1][0] if line else 0), piece))  # never overtakes

    def run(self, ms: int, *, steps: int = 200_000) -> Pair:
        """Let that much time pass."""
        until = self.now + ms
        for _ in range(steps):
            self.write()
            due = [line[0][0] for role, line in self._on_the_way.items() if line and role not in self.stalled]
            due += [
                end.deadline for role, end in self.ends.items() if end.deadline is not None and role not in self.stalled
            ]
            if not due or min(due) > until:
                self.now = until
                return self
            self.now = max(self.now, min(due))
            for role, end in self.ends.items():
                if role in self.stalled:
                    continue
                line = self._on_the_way[role]
                arrived = []
                while line and line[0][0] <= self.now:
                    arrived.append(line.popleft()[1])
                for piece in [b"".join(arrived)] if self.merge_ms and arrived else arrived:
                    end.receive(piece, self.now)
                if end.deadline is not None and end.deadline <= self.now:
                    end.tick(self.now)
                self._collect(role)
        raise AssertionError(f"the ends did not come to rest by {self.now} ms: somebody polls")

    def join(self) -> Pair:
        """Open both ends and make a session; what was told and written so far is forgotten."""
        self.open().run(20)
        send_empty_ping(self)
        assert self.agent.is_open and self.terminal.is_open
        self.forget()
        return self

    def forget(self) -> None:
        for role in self.ends:
            self.told[role].clear()
            self.wire[role].clear()

    def _collect(self, role: Role) -> None:
        end = self.ends[role]
        self.told[role] += end.take() if isinstance(end, NativeLink) else end.events()

    def of(self, role: Role, kind: type[Any]) -> list[Any]:
        """What that end was told of that kind."""
        return [event for event in self.told[role] if isinstance(event, kind)]


def send_empty_ping(pair: Pair) -> None:
    """The agent's first valid frame is what opens the terminal's end; its keepalive PING is one."""
    pair.run(5_100)


def links(**kwargs: Any) -> Pair:
    rate = kwargs.pop("line_rate", 115_200)
    return Pair(link(Role.AGENT, line_rate=rate), link(Role.TERMINAL, line_rate=rate), **kwargs)


def conversations(**kwargs: Any) -> Pair:
    return Pair(conversation(Role.AGENT), conversation(Role.TERMINAL), **kwargs)
