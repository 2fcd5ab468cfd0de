"""A terminal at its end of a line: wire, line and terminal joined, and what is to happen when. No loop, no clock.

Its owner does this, for ever, and waits between two turns until the wire can be read or `deadline` has come:

    station.hear(now)      # what has arrived, and whatever is due
    station.say(now)       # what the terminal has to say
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush

from simulator.crashes import TerminalCrashed
from simulator.errors import SimulatorError
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
        self._naps = self._pulls = 0  # what is planned to end an earlier one ends no later one
        self.powered = self.plugged = True
        """The terminal has its power, and the cable is in."""
        self.reboots = True
        """After a crash the terminal boots anew; else TerminalCrashed leaves `hear`, and nothing more may be done."""

    @property
    def asleep(self) -> bool:
        """The terminal hears and says nothing: it is suspended, or has no power."""
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
        if fault.name in (FaultName.FORGE, FaultName.MALFORM) and self.terminal.counter.tickets:
            raise SimulatorError("Only the native wire has frames that can be forged.", "Choose flip, lose or insert.")
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

    def pull_cable(self, now: int, back_after: int = 0) -> None:
        """What is on the way is lost. back_after: ms until it is back; 0: when somebody plugs it in."""
        self.wire.hang_up()
        self.line.cut()
        self.plugged = False
        self._pulls += 1
        if back_after:
            self._plan(now + back_after, partial(self._put_back, self._pulls))

    def plug_cable(self) -> None:
        """Raises SimulatorError where the port's name is taken meanwhile."""
        self.wire.reappear()
        self.plugged = True

    def move_cable(self) -> None:
        """Raises SimulatorError where the wire has no device that could move."""
        self.wire.move()
        self.line.cut()

    def suspend(self, now: int, ms: int) -> None:
        """The terminal sleeps for so many ms of the simulated day."""
        if not self.asleep:
            self._asleep_since = now
            self._naps += 1
            self._plan(now + self.terminal.clock.real(ms), partial(self._wake, self._naps, ms))

    def power_off(self, now: int) -> None:
        """Session and memory are lost; uptime and simulated day stand still until `power_on`."""
        self._asleep_since = now if self._asleep_since is None else self._asleep_since
        self._naps += 1
        self.powered = False

    def power_on(self, now: int) -> None:
        """The terminal boots."""
        self.powered = True
        self.terminal.reboot(self._rise(now))

    def _rise(self, now: int) -> int:
        """Awake from now on; the uptime then."""
        uptime = self.uptime(now)
        assert self._asleep_since is not None  # nobody else gets up
        self._slept += now - self._asleep_since
        self._asleep_since = None
        return uptime

    def _plan(self, at: int, do: Callable[[int], None]) -> None:
        self._planned += 1
        heappush(self._due, (at, self._planned, do))

    def _put_back(self, pull: int, now: int) -> None:
        if pull == self._pulls and not self.plugged:
            self.plug_cable()

    def _wake(self, nap: int, slept: int, now: int) -> None:
        if nap == self._naps:
            self.terminal.clock.advance(slept, self._rise(now))

    def _hang_up(self, fault: Fault, now: int) -> None:
        self.pull_cable(now, fault["for"])

    def _move(self, fault: Fault, now: int) -> None:
        self.move_cable()

    def _jump(self, fault: Fault, now: int) -> None:
        self.terminal.clock.wrong_by += fault["by"]

    def _suspend(self, fault: Fault, now: int) -> None:
        self.suspend(now, fault["for"])
