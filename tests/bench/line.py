"""How much of a slow line the native link uses, and what an answer costs beyond the port's own.

    python -m tests.bench.line

Messages of 16 KiB go one way, in full fragments of 256 bytes, stop-and-wait. `used` is the line time of the frames and
acknowledgements that the transfer took, (bytes · 10 bits / rate), over the time that passed; `payload` counts the messages'
own bytes alone, and its ceiling is 256 bytes in every frame and acknowledgement. Once under virtual time with every byte's
time on a full-duplex line, once over two ptys with a thread between them that lets bytes through at the line's pace.
"""

from __future__ import annotations

import json
import os
import pty
import threading
import tty
from collections import deque
from collections.abc import Callable
from random import Random
from select import select
from statistics import median
from time import monotonic, perf_counter, sleep

import serial

from protocol.dialect import Delivered, Role
from protocol.dialects.native.fragments import MAX_MESSAGE
from protocol.dialects.native.framing import MAX_BODY, FrameDecoder, FrameType
from protocol.dialects.native.link import NativeLink
from tests.protocol.pair import link

BITS_PER_BYTE = 10
ECHOES = 300
ECHO_BYTES = 16


def share(wires: list[bytes], messages: int, rate: int, seconds: float) -> dict[str, float]:
    """The shares of `seconds` of line time, and the payload's ceiling from the sizes of what went."""
    sent = sum(map(len, wires)) * BITS_PER_BYTE / rate
    payload = messages * MAX_MESSAGE * BITS_PER_BYTE / rate
    fragments = messages * MAX_MESSAGE // MAX_BODY
    frames = [frame for wire in wires for frame in FrameDecoder().feed(wire)]
    assert sum(frame.type is FrameType.DATA for frame in frames) == fragments, "a fragment was sent twice"
    return {"used": sent / seconds, "payload": payload / seconds, "payload_ceiling": payload / sent, "seconds": seconds}


def messages_of(count: int) -> list[bytes]:
    return [Random(n).randbytes(MAX_MESSAGE) for n in range(count)]


# -- virtual time ------------------------------------------------------------------------------------------------------


class Throttled:
    """One direction of a serial line: a byte arrives 10 bits after the line was free for it. Times in seconds."""

    def __init__(self, rate: int) -> None:
        self._byte = BITS_PER_BYTE / rate
        self._free = 0.0
        self.on_the_way: deque[tuple[float, bytes]] = deque()

    def put(self, data: bytes, now: float) -> None:
        self._free = max(self._free, now)
        for value in data:
            self._free += self._byte
            self.on_the_way.append((self._free, bytes([value])))


def virtual(rate: int, count: int = 3) -> dict[str, float]:
    """Two links, every byte's time modelled, no time for anything else."""
    roles = (Role.AGENT, Role.TERMINAL)
    ends = {role: link(role, line_rate=rate) for role in roles}
    lines = {role: Throttled(rate) for role in roles}  # by who hears them
    now, wires, arrived, began = 0.0, [], 0, 0.0
    for end in ends.values():
        end.open(0)
    to_send = messages_of(count)
    while arrived < count or ends[Role.TERMINAL].backlog:
        for role, end in ends.items():
            if data := end.outgoing(int(now * 1000)):
                lines[roles[role is Role.AGENT]].put(data, now)
                wires.append(data)
        due = [line.on_the_way[0][0] for line in lines.values() if line.on_the_way]
        due += [end.deadline / 1000 for end in ends.values() if not due and end.deadline is not None]
        now = max(now, min(due))
        for role, end in ends.items():
            line = lines[role].on_the_way
            while line and line[0][0] <= now:
                end.receive(line.popleft()[1], int(now * 1000))
            if end.deadline is not None and end.deadline <= int(now * 1000 + 1e-6):
                end.tick(int(now * 1000 + 1e-6))
            arrived += sum(isinstance(event, Delivered) for event in end.take())
        if not began and all(end.is_open for end in ends.values()) and not any(w.on_the_way for w in lines.values()):
            wires, began = [], now
            for message in to_send:
                ends[Role.TERMINAL].send(message, urgent=False)
    return share(wires, count, rate, now - began)


# -- ptys --------------------------------------------------------------------------------------------------------------


class Ptys:
    """`count` raw ptys: the masters as file descriptors, the other ends opened with pyserial."""

    def __init__(self, count: int) -> None:
        pairs = [pty.openpty() for _ in range(count)]
        self.masters = [master for master, _ in pairs]
        self.ports = []
        for _, slave in pairs:
            tty.setraw(slave)
            self.ports.append(serial.Serial(os.ttyname(slave), 115_200, timeout=0.05))
        self._kept = [slave for _, slave in pairs]

    def close(self) -> None:
        for port in self.ports:
            port.close()
        for number in (*self.masters, *self._kept):
            os.close(number)


class End(threading.Thread):
    """A link and its port: reads, answers each message by `answer`, writes; as any owner of a link does."""

    def __init__(self, end: NativeLink, port: serial.Serial | Master, answer: Callable[[bytes], bytes | None]) -> None:
        super().__init__(daemon=True)
        self.end, self.port, self.answer = end, port, answer
        self.wires: list[bytes] = []
        self.stop = threading.Event()

    def run(self) -> None:
        self.end.open(int(monotonic() * 1000))
        while not self.stop.is_set():
            self.turn()

    def turn(self) -> int:
        """One read and all that follows; how many messages came."""
        data = self.port.read(1)
        if data and (more := self.port.in_waiting):
            data += self.port.read(more)
        now = int(monotonic() * 1000)
        if data:
            self.end.receive(data, now)
        if self.end.deadline is not None and self.end.deadline <= now:
            self.end.tick(now)
        came = 0
        for event in self.end.take():
            if isinstance(event, Delivered):
                came += 1
                if (reply := self.answer(event.message)) is not None:
                    self.end.send(reply, urgent=True)
        self.write(now)
        return came

    def write(self, now: int) -> None:
        if data := self.end.outgoing(now):
            self.wires.append(data)
            self.port.write(data)


def _throttle(masters: list[int], rate: int, stop: threading.Event) -> None:
    """Bytes from each master to the other, each when the line would have brought it."""
    byte = BITS_PER_BYTE / rate
    waiting: list[deque[tuple[float, int]]] = [deque(), deque()]
    free = [0.0, 0.0]
    while not stop.is_set():
        now = monotonic()
        for way, queue in enumerate(waiting):
            ready = bytearray()
            while queue and queue[0][0] <= now:
                ready.append(queue.popleft()[1])
            if ready:
                os.write(masters[1 - way], ready)
        due = min((queue[0][0] for queue in waiting if queue), default=now + 0.05)
        heard = select(masters, [], [], max(0.0, min(due - now, 0.05)))[0]
        now = monotonic()
        for master in heard:
            way = masters.index(master)
            free[way] = max(free[way], now)
            for value in os.read(master, 4096):
                free[way] += byte
                waiting[way].append((free[way], value))


def real(rate: int = 115_200, count: int = 3) -> dict[str, float]:
    """The same over two ptys and a thread that keeps the line's pace."""
    ptys, stop = Ptys(2), threading.Event()
    pump = threading.Thread(target=_throttle, args=(ptys.masters, rate, stop), daemon=True)
    pump.start()
    agent = End(link(Role.AGENT, line_rate=rate), ptys.ports[0], lambda _: None)
    terminal = End(link(Role.TERMINAL, line_rate=rate), ptys.ports[1], lambda _: None)
    agent.start()
    terminal.end.open(int(monotonic() * 1000))
    try:
        while not (terminal.end.is_open and agent.end.is_open):
            terminal.turn()
        sleep(0.1)
        terminal.turn()
        agent.wires, terminal.wires = [], []
        for message in messages_of(count):
            terminal.end.send(message, urgent=False)
        began = monotonic()
        terminal.write(int(began * 1000))
        while terminal.end.backlog:
            terminal.turn()
        seconds = monotonic() - began
        return share([*terminal.wires, *agent.wires], count, rate, seconds)
    finally:
        agent.stop.set()
        agent.join()
        stop.set()
        pump.join()
        ptys.close()


# -- an echo -----------------------------------------------------------------------------------------------------------


class Master:
    """The bare end of a pty, with as much of a serial port's face as `End` looks at."""

    in_waiting = 0

    def __init__(self, number: int) -> None:
        self._number = number

    def read(self, _size: int) -> bytes:
        return os.read(self._number, 4096) if select([self._number], [], [], 0.05)[0] else b""

    def write(self, data: bytes) -> None:
        os.write(self._number, data)


def echo(echoes: int = ECHOES) -> dict[str, float]:
    """µs for 16 bytes there and back, pyserial on one end of a pty and a thread on the other: medians, by turns.

    link: a message through two links, answered by one with the same bytes. bare: the bytes themselves.
    """
    ptys, stop = Ptys(2), threading.Event()
    near, bare = ptys.ports
    terminal = End(link(Role.TERMINAL), Master(ptys.masters[0]), lambda message: message)
    agent = End(link(Role.AGENT), near, lambda _: None)
    mirror = threading.Thread(target=_mirror, args=(Master(ptys.masters[1]), stop), daemon=True)
    terminal.start()
    mirror.start()
    agent.end.open(int(monotonic() * 1000))
    try:
        while not (terminal.end.is_open and agent.end.is_open):
            agent.turn()
        said = bytes(range(1, ECHO_BYTES + 1))
        times: dict[str, list[float]] = {"link": [], "bare": []}
        for _ in range(echoes):
            began = perf_counter()
            agent.end.send(said, urgent=True)
            agent.write(int(monotonic() * 1000))
            while not agent.turn():
                pass
            times["link"].append(perf_counter() - began)
            began = perf_counter()
            bare.write(said)
            heard = b""
            while len(heard) < len(said):
                heard += bare.read(1)
                heard += bare.read(bare.in_waiting)
            times["bare"].append(perf_counter() - began)
            assert heard == said
        found = {f"{name}_us": median(spent) * 1e6 for name, spent in times.items()}
        return found | {"ratio": found["link_us"] / found["bare_us"]}
    finally:
        terminal.stop.set()
        stop.set()
        terminal.join()
        mirror.join()
        ptys.close()


def _mirror(master: Master, stop: threading.Event) -> None:
    while not stop.is_set():
        if data := master.read(1):
            master.write(data)


if __name__ == "__main__":
    for rate in (9600, 115_200):
        print(json.dumps({"virtual": rate} | {name: round(value, 4) for name, value in virtual(rate).items()}))
    print(json.dumps({"ptys": 115_200} | {name: round(value, 4) for name, value in real().items()}))
    print(json.dumps({"echo": {name: round(value, 2) for name, value in echo().items()}}))
