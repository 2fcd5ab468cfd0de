"""`sim run` on every wire, at a rate and with faults, with an agent at the other end through pyserial."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import serial
from click.testing import CliRunner

from protocol.conversation import Conversation
from protocol.dialect import LinkKeys, Role
from protocol.events import Received, SessionClosed, SessionOpened
from protocol.messages import EventAck, Sync
from simulator.cli import sim
from simulator.wires.faults import KINDS, FaultName, Unit
from tests.simulator.lanes import AGENT_KEY, TERMINAL_KEY, public

DAY = ("--seed", "7", "--speed", "0", "--transactions", "20", "--then", "exit", "--json")
EVENTS = 40
"""Of a day of 20 transactions at least: each and its fee line. An agent asserts that none is missing before the last."""
KEYS = LinkKeys(AGENT_KEY, public(TERMINAL_KEY))


@contextmanager
def simulator(state: Path, *options: str, **pipes: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A simulator that knows our agent; killed at the end if it still runs."""
    state.mkdir()
    (state / "link.key").write_text(TERMINAL_KEY.hex() + "\n")
    (state / "agent.pub").write_text(public(AGENT_KEY).hex() + "\n")
    command = [sys.executable, "-m", "simulator", "run", "--state", str(state), *DAY, *options]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | pipes
    with subprocess.Popen(command, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


class Agent:
    """An agent that takes events off whatever can be read and written, and remembers them over its lines."""

    def __init__(self) -> None:
        self.events: list[int] = []
        self.sessions = 0

    def serve(
        self, read: Callable[[], bytes], write: Callable[[bytes], object], *, until: Callable[[], bool], s: float = 20
    ) -> None:
        """Until `until`, or a BYE. read: waits a moment, and gives what came."""
        end = time.monotonic() + s
        conversation = Conversation("native", Role.AGENT, keys=KEYS, random=os.urandom)
        conversation.open(now())
        while not until():
            assert time.monotonic() < end, f"only {len(self.events)} events came"
            conversation.tick(now())
            if out := conversation.outgoing(now()):
                write(out)
            conversation.receive(read(), now())
            for event in conversation.events():
                match event:
                    case SessionOpened():
                        self.sessions += 1
                        conversation.request(Sync(start=len(self.events) + 1), now())
                    case SessionClosed():
                        return
                    case Received(message=message):
                        assert message.number == len(self.events) + 1
                        self.events.append(message.number)
                        conversation.send(EventAck(up_to=message.number), now())

    def open(self, port: str, **how: Any) -> None:
        """The same through pyserial."""
        with serial.serial_for_url(port, 115_200, timeout=0.01, write_timeout=1) as line:
            self.serve(lambda: line.read(max(1, line.in_waiting)), line.write, **how)


def now() -> int:
    return time.monotonic_ns() // 1_000_000


def ready(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())["link"]


def never() -> bool:
    return False


def test_a_day_over_tcp_with_a_reconnect_and_a_stranger(tmp_path: Path) -> None:
    with simulator(tmp_path / "state", "--listen", "127.0.0.1:0") as process:
        port, agent = ready(process), Agent()
        assert re.fullmatch(r"socket://127\.0\.0\.1:\d+", port)
        agent.open(port, until=lambda: len(agent.events) >= 15)
        agent.open(port, until=lambda: agent.sessions == 2)
        with serial.serial_for_url(port, timeout=0.01) as line:
            time.sleep(0.1)
            with pytest.raises(serial.SerialException), serial.serial_for_url(port, timeout=1) as second:
                second.read(1)
                second.read(1)
            agent.serve(lambda: line.read(max(1, line.in_waiting)), line.write, until=never)
        assert len(agent.events) >= EVENTS and process.wait(10) == 0


def test_a_day_over_pipes_and_its_words_on_standard_error(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with simulator(tmp_path / "state", "--stdio", stdin=theirs, stdout=theirs) as process:
        theirs.close()
        ours.settimeout(0.01)

        def read() -> bytes:
            try:
                return ours.recv(65536)
            except TimeoutError:
                return b""

        agent = Agent()
        agent.serve(read, ours.sendall, until=never)
        assert len(agent.events) >= EVENTS and process.wait(10) == 0
        assert process.stderr is not None
        assert json.loads(process.stderr.readline()) == {"link": "", "terminal": "SIM-CLASSIC-000007"}
    ours.close()


def test_over_pipes_the_end_of_input_is_the_end(tmp_path: Path) -> None:
    with simulator(tmp_path / "state", "--stdio", stdin=subprocess.DEVNULL) as process:
        assert process.wait(10) == 0


def test_a_throttled_pty_is_as_slow_as_its_rate(tmp_path: Path) -> None:
    with (
        simulator(tmp_path / "state", "--link", f"{tmp_path}/port", "--throttle", "--line-rate", "9600") as process,
        serial.serial_for_url(ready(process), timeout=0.01) as line,
    ):
        came: list[tuple[float, int]] = []

        def read() -> bytes:
            data = line.read(max(1, line.in_waiting))
            if data:
                came.append((time.monotonic(), len(data)))
            return data

        agent = Agent()
        agent.serve(read, line.write, until=never)
    total, took = sum(count for _, count in came), came[-1][0] - came[0][0]
    assert len(agent.events) >= EVENTS
    assert total > 4_000 and total * 10 / 9600 <= took + 0.05, f"{total} bytes in {took:.2f} s"
    # events of stop-and-wait, ACKs of 27 bytes the other way between them: about two thirds of the line
    assert took < 2 * total * 10 / 9600


@pytest.mark.parametrize(
    "faults",
    [
        ["drop:share=50000", "flip:share=200", "split:size=40,gap=2"],
        ["garbage:for=1500,rate=115200"],
        ["hang_up:after=300,for=700"],
        ["move:after=300"],
    ],
)
def test_a_day_comes_whole_through_faults_on_a_pty(tmp_path: Path, faults: list[str]) -> None:
    options = [word for fault in faults for word in ("--fault", fault)]
    paced = ("--speed", "20000")  # the day takes 2.2 s: faults come in the middle of it
    with simulator(tmp_path / "state", "--link", f"{tmp_path}/port", *paced, *options) as process:
        link, agent, devices = Path(ready(process)), Agent(), set()
        while process.poll() is None:
            try:
                device = os.readlink(link)
                devices.add(device)
                agent.open(str(link), until=lambda d=device: link.is_symlink() and os.readlink(link) != d)
            except OSError:
                time.sleep(0.02)  # pulled: look for the port again
        assert process.wait(10) == 0
    assert len(agent.events) >= EVENTS
    if faults[0].startswith(("hang_up", "move")):
        assert agent.sessions > 1, "the port was lost in the middle"
    assert (len(devices) > 1) >= faults[0].startswith("move")


def test_what_cannot_be_is_said_at_once(tmp_path: Path) -> None:
    link = ["--link", f"{tmp_path}/port"]
    for options, code, words in (
        (["--state", "s"], 2, "Give one wire"),
        ([*link, "--stdio"], 2, "Give one wire"),
        (["--listen", "127.0.0.1:0"], 2, "say with --state"),
        (["--listen", "nowhere", "--state", "s"], 2, "names no port"),
        (["--listen", "127.0.0.1:99999", "--state", "s"], 2, "names no port"),
        (["--stdio", "--state", "s", "--pairing", "ask"], 2, "standard input is the wire"),
        (["--stdio", "--state", "s", "--until-stdin-ends"], 2, "standard input is the wire"),
        (["--listen", "192.0.2.1:0", "--state", f"{tmp_path}/s"], 3, "Nothing can listen"),
        ([*link, "--fault", "explode"], 3, "There is no fault 'explode'. Choose one of: drop,"),
        ([*link, "--fault", "drop:often=1"], 3, "The fault drop has no 'often'."),
        (["--listen", "127.0.0.1:0", "--state", f"{tmp_path}/t", "--fault", "move"], 3, "no device that could move"),
    ):
        said = CliRunner().invoke(sim, ["run", *options])
        assert said.exit_code == code and words in said.output and "Traceback" not in said.output, said.output
    assert not (tmp_path / "port").is_symlink()


def test_the_page_and_the_command_list_every_fault() -> None:
    listed = json.loads(CliRunner().invoke(sim, ["faults", "--json"]).output)
    assert set(listed) == set(FaultName)
    page = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \| ", page.partition("## Faults")[2].partition("\n## ")[0], re.M)
    told = {
        name: (unit, {key: int(value) for key, value in re.findall(r"`(\w+)=(-?\d+)`", keys)})
        for name, unit, keys in rows
    }
    common = {Unit.PIECE: {"share": 1_000_000}, Unit.BYTE: {"share": 1_000}, Unit.LINE: {}, Unit.DEVICE: {}}
    hidden = {"after": 0, "for": 0, "count": 0, "skip": 0}
    assert told == {
        name: (
            kind.unit,
            {key: value for key, value in kind.keys.items() if (hidden | common[kind.unit]).get(key) != value},
        )
        for name, kind in KINDS.items()
    }
    text = CliRunner().invoke(sim, ["faults"]).output
    assert [line.partition(":")[0] for line in text.splitlines()] == list(FaultName)
