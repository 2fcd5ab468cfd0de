"""The loop that owns the clock and the wire of one simulator process, and what it tells a person. Nothing polls."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from protocol.events import Paired, PairingFailed, PairingShown
from simulator.control import Control
from simulator.control_socket import ControlSocket
from simulator.options import Options
from simulator.pairing import Answers, PairingMode, Word, keep_agent
from simulator.player import Player, Turn
from simulator.screen import draw
from simulator.station import Station
from simulator.wires.faults import To

GRACE_MS = 1_000
"""After the last acknowledgement an agent may still put a head: until its BYE, or so long."""
NOBODY_CAME_MS = 10_000
"""Where everything was acknowledged before the start: how long an agent may take to come."""
ROUNDS = 4
"""How often in a turn those who command are heard: the wire and a signal come after that."""
FAREWELL_MS = 250
"""How long a BYE may lie unread before the port goes."""


@dataclass(frozen=True, slots=True)
class Ready:
    """link: the port that can be opened now: a path, `socket://HOST:PORT`, or nothing where it has no name."""

    link: str
    terminal: str


@dataclass(frozen=True, slots=True)
class Screen:
    """text: what the display shows from now on (simulator/screen.py)."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A scenario is at its end; the terminal stays until it is stopped."""


News = Ready | Screen | Turn | Finished | PairingShown | Paired | PairingFailed
"""What a person is told."""


class Loop:
    """The one loop of a process: wire, signals, and what a person types."""

    def __init__(
        self,
        station: Station,
        options: Options,
        say: Callable[[News], None],
        control: Control,
        *,
        commanded: ControlSocket | None,
        player: Player | None,
    ) -> None:
        self._player = player
        self._control = control
        self._commanded = commanded
        self._station = station
        self._terminal = station.terminal
        self._options = options
        self._say = say
        self._asks = options.pairing is PairingMode.ASK
        self._answers = Answers()
        self._shown = ""
        self._told_end = False
        typed = self._asks and not options.on_stdio
        self._stdin = [sys.stdin.fileno()] if typed or options.until_stdin_ends else []

    def turn(self, wakeup: int, asked_to_stop: Callable[[], bool]) -> None:
        """Until the end."""
        station, terminal, wire = self._station, self._terminal, self._station.wire
        settled_at: int | None = None
        commanded, player = self._commanded, self._player
        while not asked_to_stop():
            now = monotonic_ms()
            station.hear(now)
            more = self._obey(now)
            if self._control.stopped or wire.ended or (player is not None and player.gives_up(now)):
                break
            self._tell_pairing(now)
            self._show()
            station.say(now)
            due = now if more else station.deadline
            if not self._is_over():
                settled_at = None
            else:
                settled_at = now if settled_at is None else settled_at
                end = settled_at + (GRACE_MS if terminal.met else NOBODY_CAME_MS)
                if terminal.left or end <= now:
                    break
                due = end if due is None else min(due, end)
            for other in (commanded, player):
                if other is not None and (then := other.deadline) is not None:
                    due = then if due is None else min(due, then)
            readable, _, _ = select.select(
                [*wire.readers, wakeup, *self._stdin, *(commanded.readers if commanded else [])],
                [*wire.writers, *(commanded.writers if commanded else [])],
                [],
                None if due is None else max(0, due - now) / 1000,
            )
            if wakeup in readable:
                os.read(wakeup, 512)
            if self._stdin and self._stdin[0] in readable and not self._listen():
                break
        if terminal.in_session:
            self._farewell(monotonic_ms() + FAREWELL_MS)

    def _obey(self, now: int) -> bool:
        """Do what is commanded, and a scenario's steps; True if whoever commands may want more of it at once."""
        rounds = 0
        while True:
            if rounds < ROUNDS and self._commanded is not None and self._commanded.turn(now):
                rounds += 1
            elif self._player is None or not self._player.turn(now):
                return rounds == ROUNDS
            self._station.hear(now)

    def _is_over(self) -> bool:
        """Nothing is left to do, and somebody wants it to end then; else the end of a scenario is said."""
        over = self._terminal.settled if self._player is None else self._player.finished
        if over and self._player is not None and not (self._options.exit_when_done or self._told_end):
            self._told_end = True
            self._say(Finished())
        return over and self._options.exit_when_done

    def _show(self) -> None:
        if self._options.screen and (text := draw(self._terminal.showing())) != self._shown:
            self._shown = text
            self._say(Screen(text))

    def _farewell(self, until: int) -> None:
        """Say BYE, and wait until the line has brought it and the agent has read it, at most so long."""
        station = self._station
        self._terminal.leave(station.uptime(monotonic_ms()))
        station.say(monotonic_ms())
        while station.line.waits(To.AGENT) and monotonic_ms() < until:
            time.sleep(0.001)
            station.say(monotonic_ms())
        station.wire.wait_until_read(max(0, until - monotonic_ms()))

    def _listen(self) -> bool:
        """Take what was typed; False where its end means ours."""
        typed = os.read(self._stdin[0], 512)
        if not typed:
            self._stdin.clear()
            if self._commanded is None:
                self._terminal.answer_pairing(False, self._uptime())
            return not self._options.until_stdin_ends
        for word in self._answers.take(typed):
            if word is Word.PAIR:
                self._terminal.allow_pairing(self._uptime())
            else:
                self._terminal.answer_pairing(word is Word.YES, self._uptime())
        return True

    def _uptime(self) -> int:
        return self._station.uptime(monotonic_ms())

    def _tell_pairing(self, now: int) -> None:
        """Keep the key of an agent that was paired, then show; where nobody can answer any more, the answer is no."""
        while news := self._terminal.pairing_news():
            for one in news:
                if isinstance(one, Paired):
                    keep_agent(self._options.state, one.peer)
                self._say(one)
                if isinstance(one, PairingShown) and self._asks and not (self._stdin or self._commanded):
                    self._terminal.answer_pairing(False, self._station.uptime(now))


def monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


@contextmanager
def signals() -> Iterator[tuple[int, Callable[[], bool]]]:
    """SIGTERM, SIGINT and SIGHUP wake the loop through a descriptor and are remembered; under nohup SIGHUP is ignored."""
    told: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        told.append(number)

    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before_fd = signal.set_wakeup_fd(writer)
    heeded = [signal.SIGTERM, signal.SIGINT]
    heeded += [signal.SIGHUP] if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN else []
    before = {number: signal.signal(number, remember) for number in heeded}
    try:
        yield reader, lambda: bool(told)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(before_fd)
        os.close(reader)
        os.close(writer)
