"""A register for scenarios, with no more sense than it needs: the register's half over the wire, one thing after the other.

It asks at its turn, under references that follow from the labels; what is unknown when a session is lost it asks for by
Status with a fence; it acknowledges and confirms. It keeps nothing on a disk. `Register` has no I/O; `Process` puts it on
the port of a simulator's process, `played` on a wire in memory under virtual time.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import serial

from protocol.conversation import Conversation
from protocol.dialect import LinkKeys, Role, dialect
from protocol.events import Received, Replied, RequestFailed, SessionClosed, SessionOpened
from protocol.messages import (
    Confirm,
    DepositReturn,
    Error,
    EventAck,
    Refund,
    RequestState,
    Result,
    Sale,
    Settle,
    StatusQuery,
    StatusReply,
    Sync,
    Void,
)
from protocol.money import Money
from simulator.control import Control
from simulator.judge import Check
from simulator.options import Options
from simulator.player import Player, Turn
from simulator.playing import options_for, verdict_of
from simulator.run import CURRENCY, assembled
from simulator.scenario import Scenario
from simulator.station import Station
from simulator.verdict import Verdict
from simulator.wires.line import Line
from simulator.wires.memory import memory_wire
from tests.simulator.lanes import AGENT_KEY, OPTIONS, TERMINAL_KEY, public

FINAL = {RequestState.APPROVED, RequestState.DECLINED, RequestState.VOIDED}


def reference_of(label: str) -> str:
    return "019c" + sha256(label.encode()).hexdigest()[:28]


class Register:
    """todo: entries, as `sim scenarios NAME --json` has them. told: reference -> what it believes. Every `now`: ms."""

    def __init__(self, random: Any = os.urandom, spoken: str = "native") -> None:
        self._random = random
        self._spoken = dialect(spoken)
        self.todo: list[dict[str, Any]] = []
        self.events: dict[int, bytes] = {}
        self.told: dict[str, Any] = {}
        self._unknown: dict[str, bool] = {}  # reference -> it is asked for in this session
        self._asked: dict[int, str] = {}
        self._tickets: dict[str, str] = {}  # label -> trace
        self.link: Conversation | None = None

    def open(self, now: int) -> None:
        """The port is there."""
        keys = LinkKeys(AGENT_KEY, public(TERMINAL_KEY)) if self._spoken.pairs else None
        self.link = Conversation(self._spoken.name, Role.AGENT, keys=keys, random=self._random)
        self._lose()
        self.link.open(now)

    def turn(self, heard: bytes, now: int) -> bytes:
        """What it has to say to what it heard."""
        link = self.link
        assert link is not None
        link.receive(heard, now)
        link.tick(now)
        events = link.events()
        for event in events:
            self._take(event, now)
        if link.is_open:
            self._work(link, now)
        return link.outgoing(now)

    def _lose(self) -> None:
        for reference in self._asked.values():
            if reference not in self.told and self._spoken.pairs:
                self._unknown[reference] = False
        self._asked.clear()
        self._unknown = dict.fromkeys(self._unknown, False)

    def _work(self, link: Conversation, now: int) -> None:
        for reference, sent in self._unknown.items():
            if not sent:
                self._unknown[reference] = True
                self._asked[link.request(StatusQuery(reference=reference, fence=True), now)] = reference
        if not self.todo or self._unknown or self._asked:
            return
        entry = self.todo.pop(0)
        amount = Money(entry["amount_minor"], CURRENCY.get(self._spoken.name, 156)) if "amount_minor" in entry else None
        reference = reference_of(entry["label"])
        if not self._spoken.pairs:  # a ticket of eight digits
            reference = "0" * 24 + f"{len(self.told) + 1:08x}"
        more: dict[str, Any] = {
            "reference": reference,
            "deadline": link.terminal_uptime(now) + entry.get("patience_ms", 120_000),
            "operator": entry.get("operator"),
        }
        if "of" in entry:
            more["original_reference"] = reference_of(entry["of"])
        match entry["do"]:
            case "sale":
                request: Any = Sale(amount=amount, **more)
            case "refund":
                request = Refund(amount=amount, **more)
            case "void":
                request = Void(amount=amount, **more)
            case "settle":
                link.request(Settle(), now)
                return
            case _:
                request = DepositReturn(
                    reference=reference, amount=amount, application=entry.get("application", "请退押金")
                )
                link.request(request, now)
                return
        self._asked[link.request(request, now)] = reference

    def _take(self, event: Any, now: int) -> None:
        link = self.link
        assert link is not None
        match event:
            case SessionOpened():
                self._lose()
                if link.speaks(Sync):
                    link.request(Sync(start=len(self.events) + 1), now)
            case SessionClosed() | RequestFailed():
                self._lose()
            case Received(message=message, sha256=digest) if hasattr(message, "number"):
                self.events[message.number] = digest
                link.send(EventAck(up_to=len(self.events)), now)
            case Replied(request_id=number, message=reply) if number in self._asked:
                reference = self._asked.pop(number)
                self._unknown.pop(reference, None)
                self._hear(reference, reply, now)
            case _:
                pass

    def _hear(self, reference: str, reply: Any, now: int) -> None:
        assert self.link is not None
        fenced = isinstance(reply, StatusReply) and reply.fenced and reply.state is RequestState.NOT_FOUND
        if isinstance(reply, Error):  # nothing was done
            self.told[reference] = "refused"
        elif fenced or (isinstance(reply, Result | StatusReply) and reply.state in FINAL):
            self.told[reference] = RequestState.VOIDED if fenced else reply.state
            if self.link.speaks(Confirm):
                self.link.send(Confirm(reference=reference), now)
        else:
            self._unknown[reference] = False


def stage_folder(folder: Path) -> Path:
    """A state folder in which register and terminal know each other."""
    state = folder / "state"
    state.mkdir(parents=True, exist_ok=True)
    (state / "link.key").write_text(TERMINAL_KEY.hex() + "\n")
    (state / "agent.pub").write_text(public(AGENT_KEY).hex() + "\n")
    return state


class Process:
    """A simulator as a process, and a register on its port."""

    def __init__(self, folder: Path, *options: str, register: bool = True) -> None:
        state = stage_folder(folder)
        self.port, self.register = folder / "port", Register()
        self._registers = register
        command = [sys.executable, "-m", "simulator", "run", "--link", str(self.port), "--state", str(state)]
        self.process = subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, cwd=folder
        )
        self.lines: list[str] = []
        self.errors = ""
        self._heard = b""

    def read(self, wait: float = 0.0) -> None:
        """What the simulator says on its standard output."""
        assert self.process.stdout is not None
        while select.select([self.process.stdout], [], [], wait)[0]:
            if not (data := os.read(self.process.stdout.fileno(), 65536)):
                return
            wait, self._heard = 0.0, self._heard + data
            *lines, self._heard = self._heard.split(b"\n")
            for line in lines:
                self.lines.append(line.decode())
                if line.startswith(b'{"turn"'):
                    self.register.todo.append(json.loads(line))

    def play(self, within_s: float = 20) -> int:
        """To the simulator's end; its exit code."""
        end = time.monotonic() + within_s
        while not self.lines and self.process.poll() is None:
            self.read(0.1)
        while self.process.poll() is None:
            assert time.monotonic() < end, self.lines[-3:]
            self.read(0.02)
            try:
                if self._registers:
                    with serial.Serial(str(self.port), 115_200, timeout=0, write_timeout=1) as line:
                        self._serve(line, end)
            except OSError:  # the cable, or the end
                pass
        self.read()
        assert self.process.stderr is not None
        self.errors = self.process.stderr.read().decode()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
        return self.process.returncode

    def _serve(self, line: Any, end: float) -> None:
        self.register.open(time.monotonic_ns() // 1_000_000)
        while time.monotonic() < end:
            self.read()
            select.select([line.fileno()], [], [], 0.005)
            out = self.register.turn(line.read(65536), time.monotonic_ns() // 1_000_000)
            if out:
                line.write(out)

    @property
    def verdict(self) -> dict[str, Any]:
        return json.loads(self.lines[-1])


class Played:
    """A scenario in memory: terminal, line, player and a register under virtual time, until it is finished or given up."""

    def __init__(self, folder: Path, scenario: Scenario, *, register: bool = True) -> None:
        options = replace(OPTIONS, state=stage_folder(folder), ledger=folder / "ledger.jsonl", judged=True)
        self.options: Options = options_for(options, scenario, given=())
        self.scenario = scenario
        self.turns: list[tuple[int, str]] = []  # simulated ms, label
        self.register = Register(Random(f"{folder.name}/agent").randbytes, self.options.dialect)
        self.now = 0
        with assembled(self.options, Random(f"{folder.name}/terminal").randbytes) as self.terminal:
            near, end = memory_wire()
            self.station = station = Station(self.terminal, near, Line(self.options.seed))
            self.player = Player(station, Control(station, ledger=self.options.ledger), scenario, self._tell)
            self.terminal.start(0)
            for fault in self.options.faults:
                station.arm(fault, 0)
            if register:
                self.register.open(0)
            plugged = True
            while not self.player.finished and not self.player.gives_up(self.now):
                station.hear(self.now)
                while self.player.turn(self.now):
                    station.hear(self.now)
                station.say(self.now)
                if register and station.plugged and not plugged:
                    self.register.open(self.now)
                plugged = station.plugged
                if register and plugged:
                    end.write(self.register.turn(end.read(), self.now))
                moved = near.waits or end.waits
                due = [self.station.deadline, self.player.deadline]
                due += [self.register.link.deadline] if register and self.register.link else []
                self.now = max(self.now + 1, 0 if moved else min(d for d in due if d is not None))
            self.verdict: Verdict = verdict_of(self.terminal, self.options, (), self.now, self.player, stopped=False)

    def _tell(self, turn: Turn) -> None:
        clock = self.terminal.clock
        self.turns.append((clock.time(self.station.uptime(self.now)), turn.entry.label))
        self.register.todo.append({"label": turn.entry.label, "do": turn.entry.do, **turn.entry.values})

    @property
    def broken(self) -> list[Check]:
        return [check for check in self.verdict.checks if not check.ok]
