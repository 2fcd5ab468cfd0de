"""The simulator's own figures: many terminals in one process, idle hours, a month, and the pace of a throttled wire.

    python -m tests.bench.simulator

All but the pace are under virtual time, on wires in memory, and run on one core; terminals and agents' conversations are in the
same process, so that each transaction costs both ends of the wire.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from select import select
from time import monotonic, process_time, sleep

import serial

from simulator.wires.faults import To
from simulator.wires.line import Line
from simulator.wires.pty import PtyWire
from tests.bench.memory import resident_mb
from tests.simulator.lanes import Lane, play

HOUR = 3_600_000


def street(terminals: int = 500, transactions: int = 10) -> dict[str, float]:
    """So many terminals, each with its agent: transactions a second of the CPU until all are acknowledged, and VmRSS in MB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)  # each terminal keeps its log and the lock on it
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8 * terminals)), hard))
    with tempfile.TemporaryDirectory() as name:
        before = resident_mb(os.getpid())
        lanes = [Lane(Path(name) / f"{n}", seed=n, transactions=transactions) for n in range(terminals)]
        began = process_time()
        while not all(lane.terminal.settled for lane in lanes):
            play(lanes, 100)
        seconds = process_time() - began
        assert all(lane.terminal.settled and len(lane.events) >= 2 * transactions for lane in lanes)
        used = resident_mb(os.getpid())
        for lane in lanes:
            lane.close()
    return {
        "terminals": terminals,
        "transactions": terminals * transactions,
        "a_second": terminals * transactions / seconds,
        "resident_mb": used,
        "before_mb": before,
    }


def idle(*, link: bool) -> float:
    """Simulated hours a second of one core, nothing to do but what the link does."""
    with tempfile.TemporaryDirectory() as name:
        lane = Lane(Path(name) / "idle", transactions=0, speed=1, present=link)
        play([lane], 10_000)
        hours, began = 0, process_time()
        while (spent := process_time() - began) < 2 and hours < 100_000:
            play([lane], HOUR)
            hours += 1
        assert lane.agent.is_open == link and lane.closed == 0
        lane.close()
    return hours / max(spent, 1e-6)


def month(days: int = 30, transactions: int = 300) -> dict[str, float]:
    """A month of trade over the link, the agent's conversation included: seconds of the CPU, events."""
    with tempfile.TemporaryDirectory() as name:
        lane = Lane(Path(name) / "month", days=days, transactions=transactions)
        began = process_time()
        play([lane], 60 * 24 * HOUR, until=lambda: lane.terminal.settled)
        seconds = process_time() - began
        assert lane.terminal.settled
        lane.close()
        return {"seconds": seconds, "events": len(lane.events)}


def pace(rate: int, seconds: int = 3) -> dict[str, float]:
    """A pty throttled to a rate, both ways at once: bytes a second over the ideal of 10 bits each.

    What came in the first tenth is left out: the clock starts with a byte that is there.
    """
    wanted = rate * seconds // 10
    with tempfile.TemporaryDirectory() as name:
        wire, line = PtyWire(Path(name) / "port"), Line(rate=rate)
        peer = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.simulator", "peer", wire.name, str(wanted)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert peer.stdout is not None and peer.stdout.readline() == "ready\n"
        line.put(To.AGENT, bytes(wanted), _now())
        heard: list[tuple[float, int]] = []
        total = 0
        while peer.poll() is None:
            now = _now()
            line.put(To.TERMINAL, wire.read(), now)
            if came := len(line.take(To.TERMINAL, now)):
                total += came
                heard.append((monotonic(), total))
            wire.write(line.take(To.AGENT, now))
            due = line.deadline
            select(wire.readers, [], [], 0.05 if due is None else max(0, due - _now()) / 1000)
        found = {"to_agent": json.loads(peer.stdout.read()), "to_terminal": _rate(heard, wanted)}
        wire.close()
    return {way: speed / (rate / 10) for way, speed in found.items()}


def _peer(port: str, wanted: int) -> None:
    """Say so many bytes at once, as an operating system's buffer takes them, and time those that come."""
    with serial.serial_for_url(port, timeout=0.2, write_timeout=None) as line:
        print("ready", flush=True)
        heard: list[tuple[float, int]] = []
        said = total = 0
        while total < wanted:
            if said < wanted:
                said += line.write(bytes(min(1000, wanted - said))) or 0
            if waiting := line.in_waiting:
                total += len(line.read(waiting))
                heard.append((monotonic(), total))
            elif said == wanted:
                total += len(line.read(1))
                heard.append((monotonic(), total))
        print(json.dumps(_rate(heard, wanted)), flush=True)
        sleep(0.5)  # for what is still on the way to the terminal


def _rate(heard: list[tuple[float, int]], wanted: int) -> float:
    """Bytes a second after the first tenth."""
    kept = [(at, total) for at, total in heard if total >= wanted // 10]
    return (kept[-1][1] - kept[0][1]) / (kept[-1][0] - kept[0][0])


def _now() -> int:
    return int(monotonic() * 1000)


if __name__ == "__main__":
    if sys.argv[1:2] == ["peer"]:
        _peer(sys.argv[2], int(sys.argv[3]))
    else:
        print(json.dumps({"street": {name: round(value, 1) for name, value in street().items()}}))
        print(
            json.dumps(
                {"idle hours a second": {"link": round(idle(link=True), 1), "no link": round(idle(link=False), 1)}}
            )
        )
        print(json.dumps({"month": month()}))
        for rate in (9600, 115_200):
            print(json.dumps({"pace": rate} | {name: round(value, 4) for name, value in pace(rate).items()}))
