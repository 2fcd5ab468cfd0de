"""A terminal at its end of a line: wire, line and terminal joined, and what is to happen when. No loop, no clock.

Its owner does this, for ever, and waits between two turns until the wire can be read or `deadline` has come:

    station.hear(now)      # what has arrived, and whatever is due
    station.say(now)       # what the terminal has to say
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

from simulator.crashes import TerminalCrashed
from simulator.terminal import Terminal
from simulator.wires.faults import Fault, FaultName, To, Unit
from simulator.wires.line import Line
from simulator.wires.wire import Wire


class Station:
    """Every `now` is monotonic ms of the wire. The terminal's own stands still while it sleeps: `uptime`."""

    def __init__(self, terminal: Terminal, wire: Wire, line: Line) -> None:
        self.terminal, self.wire, self.line = terminal, wire, line
        self._due: list[tuple[int, int, Callable[[int], None]]] = []
        self._planned = 0
        self._slept = 0
        self._asleep_since: int | None = None
        self.reboots = True
        """After a crash the terminal boots anew; else TerminalCrashed leaves `hear`, and nothing more may be done."""

    @property
    def asleep(self) -> bool:
        """The terminal hears and says nothing."""
        return self._asleep_since is not None

    @property
    def deadline(self) -> int | None:
        """When `hear` has something to do (monotonic ms), or None."""
        due = [self._due[0][0] if self._due else None, self.line.deadline]
        if not self.asleep and (terminal := self.terminal.deadline) is not None:
            due.append(terminal + self._slept)
        return min((d for d in due if d is not None), default=None)

    def uptime(self, now: int) -> int:
        """The terminal's own monotonic ms: its methods take these."""
        return (now if self._asleep_since is None else self._asleep_since) - self._slept

    def hear(self, now: int) -> None:
        """Do what is due, and give the terminal what has arrived."""
        while self._due and self._due[0][0] <= now:
            heappop(self._due)[2](now)
        self.line.put(To.TERMINAL, self.wire.read(), now)
        heard = self.line.take(To.TERMINAL, now)
        if self.asleep:
            return  # nobody listens: lost
        try:
            if heard:
                self.terminal.receive(heard, self.uptime(now))
            self.terminal.tick(self.uptime(now))
        except TerminalCrashed:
            if not self.reboots:
                raise
            self.terminal.reboot(self.uptime(now))

    def say(self, now: int) -> None:
        """Put what the terminal says on the line, and what has arrived on the wire."""
        if not self.asleep:
            self.line.put(To.AGENT, self.terminal.outgoing(self.uptime(now)), now)
        self.wire.write(self.line.take(To.AGENT, now))

    def arm(self, fault: Fault, now: int) -> None:
        """Let a fault begin, at once or after its `after`. Raises SimulatorError where the wire cannot do this."""
        if fault.unit is not Unit.DEVICE:
            self.line.arm(fault, now)
            return
        do = {
            FaultName.HANG_UP: self._hang_up,
            FaultName.MOVE: self._move,
            FaultName.CLOCK_JUMP: self._jump,
            FaultName.SUSPEND: self._suspend,
        }[fault.name]
        if fault["after"]:
            self._plan(now + fault["after"], lambda then: do(fault, then))
        else:
            do(fault, now)

    def _plan(self, at: int, do: Callable[[int], None]) -> None:
        self._planned += 1
        heappush(self._due, (at, self._planned, do))

    def _hang_up(self, fault: Fault, now: int) -> None:
        self.wire.hang_up()
        self.line.cut()
        if fault["for"]:
            self._plan(now + fault["for"], lambda _: self.wire.reappear())

    def _move(self, fault: Fault, now: int) -> None:
        self.wire.move()
        self.line.cut()

    def _jump(self, fault: Fault, now: int) -> None:
        self.terminal.clock.wrong_by += fault["by"]

    def _suspend(self, fault: Fault, now: int) -> None:
        if not self.asleep:
            self._asleep_since = now
            self._plan(now + self.terminal.clock.real(fault["for"]), lambda then: self._wake(fault["for"], then))

    def _wake(self, slept: int, now: int) -> None:
        uptime = self.uptime(now)
        assert self._asleep_since is not None
        self._slept += now - self._asleep_since
        self._asleep_since = None
        self.terminal.clock.advance(slept, uptime)
