"""The line between the two ends, both ways at once: the faults that are armed on it, in order, then its rate."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from random import Random

from simulator.wires.changes import BYTE_CHANGES, CHANGES, Piece
from simulator.wires.faults import ALL, Fault, FaultName, To, Unit
from simulator.wires.throttle import BITS, Throttle

MOST_ON_THE_WAY = 1024 * 1024
"""Bytes that a way holds back; what comes on top is lost."""
NOISE_EVERY_MS = 10
_MOST_NOISE = 64 * 1024
WAYS = (To.AGENT, To.TERMINAL)


class _Armed:
    """A fault that counts what passes it. Its random source is its own on each way, whatever else is armed."""

    def __init__(self, fault: Fault, seed: str, now: int) -> None:
        self.fault = fault
        self.begins = now + fault["after"]
        self.ends = self.begins + fault["for"] if fault["for"] else None
        self.done = 0
        self.noise = dict.fromkeys(WAYS, 0)
        self._passed = 0
        self._burst = dict.fromkeys(WAYS, 0)
        self._recorded = {way: deque[bytes](maxlen=fault.values.get("back")) for way in WAYS}
        self._random = {way: Random(f"{seed}/{way}") for way in WAYS}  # noqa: S311  reproducible on purpose

    def over(self, now: int) -> bool:
        """It never does anything again."""
        limit = self.fault.values.get("count", 0)
        spent = bool(limit) and self.done >= limit and not any(self._burst.values())
        return spent or (self.ends is not None and self.ends <= now)

    def is_on(self, way: To, now: int) -> bool:
        return self.begins <= now and not self.over(now) and self.fault.to in (To.BOTH, way)

    def pieces(self, way: To, piece: Piece) -> list[Piece]:
        """What becomes of a piece."""
        fault, random = self.fault, self._random[way]
        if fault.name is FaultName.HOLD:
            return [] if self.ends is None else [piece._replace(due=max(piece.due, self.ends))]
        if fault.unit is Unit.BYTE:
            return [piece._replace(data=b"".join(self._bytes(way, piece.data)))]
        if fault.name is FaultName.REPLAY:
            return [piece, *self._replayed(way, piece)]
        if not self.picks(way):
            return [piece]
        made = CHANGES[fault.name](piece.data, piece.due, random, fault)
        return [one._replace(copy=True) for one in made] if piece.copy else made

    def _replayed(self, way: To, piece: Piece) -> list[Piece]:
        recorded = self._recorded[way]
        full = len(recorded) == recorded.maxlen
        old = recorded[0] if full else b""
        recorded.append(piece.data)
        return [Piece(piece.due, old, copy=True)] if full and self.picks(way) else []

    def picks(self, way: To) -> bool:
        """This one, by `skip`, `share` and `count`."""
        if self.fault.unit is Unit.LINE:
            return True
        fault, self._passed = self.fault, self._passed + 1
        if self._passed <= fault["skip"] or (fault["count"] and self.done >= fault["count"]):
            return False
        if fault["share"] < ALL and self._random[way].randrange(ALL) >= fault["share"]:
            return False
        self.done += 1
        return True

    def random_bytes(self, way: To, count: int) -> bytes:
        return self._random[way].randbytes(count)

    def _bytes(self, way: To, data: bytes) -> Iterator[bytes]:
        fault, random, change = self.fault, self._random[way], BYTE_CHANGES[self.fault.name]
        for byte in data:
            if not self._burst[way] and fault["byte"] in (-1, byte) and self.picks(way):
                self._burst[way] = fault["burst"]
            if self._burst[way]:
                self._burst[way] -= 1
                yield change(byte, random)
            else:
                yield bytes([byte])


class _Way:
    """What is on the way to one end."""

    def __init__(self, throttle: Throttle | None) -> None:
        self.throttle = throttle
        self.last = 0  # when the latest arrives of what keeps its order
        self.waiting: list[tuple[int, int, bytes]] = []
        self.bytes = 0
        self._count = 0

    def add(self, piece: Piece) -> None:
        if not piece.data or self.bytes + len(piece.data) > MOST_ON_THE_WAY:
            return
        due = piece.due
        if not piece.copy:
            due = self.last = max(due, self.last)
        self._count += 1
        self.bytes += len(piece.data)
        heappush(self.waiting, (due, self._count, piece.data))

    def take(self, now: int) -> bytes:
        out = bytearray()
        while self.waiting and self.waiting[0][0] <= now:
            due, _, data = heappop(self.waiting)
            self.bytes -= len(data)
            if self.throttle is None:
                out += data
            else:
                self.throttle.put(data, due)
        return bytes(out) if self.throttle is None else self.throttle.take(now)

    @property
    def deadline(self) -> int | None:
        due = self.waiting[0][0] if self.waiting else None
        line = None if self.throttle is None else self.throttle.deadline
        return due if line is None else line if due is None else min(due, line)

    def clear(self) -> None:
        self.waiting.clear()
        self.bytes = self.last = 0
        if self.throttle is not None:
            self.throttle.clear()


class Line:
    """seed: of every fault's chances. rate: bits a second, each byte BITS of them; None: a byte takes no time.

    Every `now` is ms on a clock that never goes back. Same seed and same calls, same bytes.
    """

    def __init__(self, seed: int = 0, rate: int | None = None, bits: int = BITS) -> None:
        self._seed = seed
        self._ways = {way: _Way(None if rate is None else Throttle(rate, bits)) for way in WAYS}
        self._armed: list[_Armed] = []
        self._arms = 0

    @property
    def armed(self) -> list[Fault]:
        """The faults that are not over, in the order in which bytes pass them."""
        return [armed.fault for armed in self._armed]

    @property
    def deadline(self) -> int | None:
        """When `take` has something to do (ms), or None."""
        due = [way.deadline for way in self._ways.values()]
        due += [self._next_noise(armed) for armed in self._armed if armed.fault.name is FaultName.GARBAGE]
        return min((d for d in due if d is not None), default=None)

    def waits(self, to: To) -> bool:
        """Bytes are on the way there."""
        return self._ways[to].deadline is not None

    def arm(self, fault: Fault, now: int) -> None:
        """From now on (and its `after`) what passes passes this fault too, behind those armed before."""
        self._arms += 1
        self._armed.append(_Armed(fault, f"{self._seed}/wire/{self._arms}/{fault.name}", now))

    def disarm(self, name: FaultName | None = None) -> None:
        """Take every fault of that name, or all, off the line; what is held back arrives when it would have."""
        self._armed = [armed for armed in self._armed if name not in (None, armed.fault.name)]

    def put(self, to: To, data: bytes, now: int) -> None:
        """One end says this, in one piece, to the other."""
        if data:
            self._pass(to, Piece(now, data), self._armed, now)

    def take(self, to: To, now: int) -> bytes:
        """What has arrived by now."""
        if self._armed:
            for armed in self._armed:
                if armed.fault.name is FaultName.GARBAGE and armed.begins <= now:
                    self._make_noise(armed, now)
            self._armed = [armed for armed in self._armed if not armed.over(now)]
        return self._ways[to].take(now)

    def cut(self) -> None:
        """The cable is pulled: what is on the way is lost."""
        for way in self._ways.values():
            way.clear()

    def _pass(self, to: To, piece: Piece, through: Iterable[_Armed], now: int) -> None:
        pieces = [piece]
        for armed in through:
            if not armed.is_on(to, now):
                continue
            if armed.fault.name is FaultName.ECHO:
                for one in pieces:
                    if armed.picks(to):
                        self._ways[WAYS[to is To.AGENT]].add(one._replace(copy=True))
            else:
                pieces = [made for one in pieces for made in armed.pieces(to, one)]
        for one in pieces:
            self._ways[to].add(one)

    def _next_noise(self, armed: _Armed) -> int | None:
        """When noise is due again: in steps of NOISE_EVERY_MS, and at the end of the window."""
        if armed.ends is not None and not any(self._owed(armed, way, armed.ends) for way in WAYS):
            return None
        byte = -(-(max(armed.noise.values()) + 1) * BITS * 1000 // armed.fault["rate"])
        due = armed.begins + -(-byte // NOISE_EVERY_MS) * NOISE_EVERY_MS
        return due if armed.ends is None else min(due, armed.ends)

    def _owed(self, armed: _Armed, way: To, now: int) -> int:
        """Bytes of noise that a way has not had by now."""
        if armed.fault.to not in (To.BOTH, way):
            return 0
        until = now if armed.ends is None else min(now, armed.ends)
        return max(0, (until - armed.begins) * armed.fault["rate"] // (BITS * 1000) - armed.noise[way])

    def _make_noise(self, armed: _Armed, now: int) -> None:
        """Put the noise of the time that is over on the line, through the faults behind this one."""
        behind = self._armed[self._armed.index(armed) + 1 :]
        for way in WAYS:
            if owed := self._owed(armed, way, now):
                armed.noise[way] += owed
                self._pass(way, Piece(now, armed.random_bytes(way, min(owed, _MOST_NOISE)), copy=True), behind, now)
