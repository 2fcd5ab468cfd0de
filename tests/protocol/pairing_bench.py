"""The bench of the pairing's tests: two ends that do not know each other yet, and a line that carries frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from protocol.dialect import LinkKeys, Role
from protocol.dialects.native.link import NativeLink
from protocol.events import PairingShown
from tests.protocol.pair import STATIC, Pair, link
from tests.protocol.stranger import Heard, heard

AGENT, TERMINAL = Role.AGENT, Role.TERMINAL
ORDER = ("PAIR_1", "PAIR_2", "PAIR_3", "PAIR_4", "PAIR_5", "PAIR_6")
SIZES = {"PAIR_1": 32, "PAIR_2": 32 + 48 + 16, "PAIR_3": 48 + 16, "PAIR_4": 32, "PAIR_5": 32, "PAIR_6": 32}
"""Noise XX with empty payloads: e; e, s under a tag, a tag; s under a tag, a tag. Then the three of 32 bytes."""
AGENT_STATES = ("knocked", "known", "revealed", "comparing")
"""After 0, 2, 4 and 6 frames on the line have arrived."""
TERMINAL_STATES = ("listening", "knocked", "known", "comparing")
"""After 0, 1, 3 and 5."""


def sender(kind: str) -> Role:
    return AGENT if ORDER.index(kind) % 2 == 0 else TERMINAL


def receiver(kind: str) -> Role:
    return TERMINAL if sender(kind) is AGENT else AGENT


def unpaired(role: Role, seed: int = 1) -> NativeLink:
    """An end that was never paired, its port open."""
    end = link(role, seed=seed, keys=LinkKeys(STATIC[role].private))
    end.open(0)
    return end


def two(seed: int = 1, **kwargs: Any) -> Pair:
    """Two ends that were never paired, both told to pair; time stands still."""
    pair = Pair(unpaired(AGENT, seed), unpaired(TERMINAL, seed), **kwargs)
    pair.terminal.pair(0)
    pair.agent.pair(0)
    return pair


def carried(pair: Pair, frames: int) -> dict[str, bytes]:
    """So many frames cross the line, at once and one after the other. kind -> its bytes on the line."""
    said = {}
    for kind in ORDER[:frames]:
        wire = pair.ends[sender(kind)].outgoing(pair.now)
        (frame,) = heard(wire)
        assert frame.type == kind
        said[kind] = wire
        pair.ends[receiver(kind)].receive(wire, pair.now)
    return said


def at(role: Role, state: str, seed: int = 1) -> Pair:
    """Two ends of which that one has come so far."""
    states = AGENT_STATES if role is AGENT else TERMINAL_STATES
    step = states.index(state)
    pair = two(seed)
    carried(pair, step * 2 if role is AGENT else max(0, step * 2 - 1))
    pair.ends[role].outgoing(pair.now)
    assert pair.ends[role]._pairing.state == state
    pair.told = {AGENT: pair.agent.take(), TERMINAL: pair.terminal.take()}
    return pair


def shown(pair: Pair) -> list[str]:
    """The numbers that the two ends show, the agent's first."""
    return [event.number for role in (AGENT, TERMINAL) for event in pair.of(role, PairingShown)]


def written(pair: Pair, role: Role) -> list[Heard]:
    return [frame for wire in pair.wire[role] for frame in heard(wire) if frame.type in ORDER]


def upset(kind: str, what: Callable[[int, bytes], Iterable[bytes]]) -> Callable[[bytes, Random], Iterable[bytes]]:
    """A line that does `what` to every write that holds such a frame, by how many there were before; clean to others."""
    seen = -1

    def fault(data: bytes, _: Random) -> Iterable[bytes]:
        nonlocal seen
        if [frame.type for frame in heard(data)] != [kind]:
            return [data]
        seen += 1
        return what(seen, data)

    return fault


class SlowLine(Pair):
    """Every byte arrives by itself, one 10-bit character at that rate after the one before it."""

    def __init__(self, agent: Any, terminal: Any, *, line_rate: int) -> None:
        super().__init__(agent, terminal)
        self._each_us = 10_000_000 // line_rate
        self._free_us = {AGENT: 0, TERMINAL: 0}

    def write(self) -> None:
        for role, end in self.ends.items():
            data = end.outgoing(self.now)
            self._collect(role)
            if not data:
                continue
            self.wire[role].append(data)
            free = max(self._free_us[role], self.now * 1000)
            for byte in data:
                free += self._each_us
                self._on_the_way[TERMINAL if role is AGENT else AGENT].append((-(-free // 1000), bytes([byte])))
            self._free_us[role] = free
