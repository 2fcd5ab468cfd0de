"""Everything that can be done to a running simulator, by name: the commands of simulator/commands.py, and their refusal.

    control = Control(station, ledger=None)
    control.do("present", {"customer": "visa"}, now)      # -> {} or an answer, JSON-able
    station.hear(now)                                     # afterwards: as after bytes, to go on with what is due

Used by the control socket, and by scenarios.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path

from protocol.masking import mask_text
from simulator import acquirer_orders, mishaps, terminal_menu
from simulator.clock import SHANGHAI, iso
from simulator.command import Answer, Doing, Given
from simulator.commands import LINES, command_named
from simulator.crashes import TerminalCrashed
from simulator.errors import SimulatorError
from simulator.overview import overview, phase, screen
from simulator.station import Station


class ControlRefused(SimulatorError):
    """A command that makes no sense, or not now. state: as the command `state` answers."""

    def __init__(self, what: str, todo: str, state: dict[str, object]) -> None:
        super().__init__(what, todo)
        self.state = state


class Killed(Exception):
    """The command `kill`: the process is to end here, as by kill -9. Nothing more may be done."""


class Control:
    """station: of the terminal that is commanded. ledger: its file, None for none. `now`: the wire's monotonic ms."""

    def __init__(self, station: Station, *, ledger: Path | None = None) -> None:
        self.station = station
        self.stopped = False
        """The command `stop` was given: whoever turns the loop ends it."""
        self._ledger = ledger
        self._does: dict[str, Doing] = {
            **terminal_menu.DOES,
            **mishaps.DOES,
            **acquirer_orders.DOES,
            "advance": _advance,
            "kill": _kill,
            "stop": self._stop,
            "state": lambda station, given, now: overview(station, now),
            "screen": lambda station, given, now: {"screen": screen(station)},
            "ledger": self._lines,
            "wait": self._wait,
        }

    def do(self, command: str, args: Mapping[str, str | int], now: int) -> Answer:
        """Do it; the answer, {} if there is nothing to say.

        ControlRefused where it makes no sense now: nothing was done then. Killed. TerminalCrashed where the terminal does
        not reboot by itself.
        """
        try:
            known = command_named(command)
            given = known.given(args)
            if known.awake and self.station.asleep:
                state = phase(self.station)
                raise SimulatorError(
                    f"The terminal is {state}.",
                    "Give it power_on." if state == "off" else "Wait, or power_off, power_on.",
                )
            return self._does[command](self.station, given, now)
        except TerminalCrashed:
            if not self.station.reboots:
                raise
            self.station.terminal.reboot(self.station.uptime(now))
            return {}
        except SimulatorError as error:
            raise ControlRefused(mask_text(error.what), error.todo, overview(self.station, now)) from error

    def holds(self, until: str, now: int) -> bool:
        """What can be waited for is so: a word of UNTIL, or `stage:NAME`. SimulatorError: no such word."""
        terminal = self.station.terminal
        if until.startswith("stage:"):
            return terminal.counter.doing is not None and terminal.counter.doing[0] == until.removeprefix("stage:")
        so: dict[str, Callable[[], bool]] = {
            "session": lambda: terminal.in_session,
            "no_session": lambda: not terminal.in_session,
            "idle": lambda: phase(self.station) == "idle",
            "busy": lambda: terminal.counter.busy,
            "acknowledged": lambda: terminal.log.acknowledged == terminal.log.last_written,
            "finished": lambda: terminal.trade.finished,
            "pairing": lambda: bool(terminal.number_shown),
        }
        if until not in so:
            raise SimulatorError(f"Nobody can wait for {until!r}.", f"Choose one of: {', '.join(so)}, stage:NAME.")
        return so[until]()

    def _stop(self, station: Station, given: Given, now: int) -> Answer:
        self.stopped = True
        return {}

    def _lines(self, station: Station, given: Given, now: int) -> Answer:
        if self._ledger is None:
            raise SimulatorError("No ledger is kept.", "Start the simulator with --ledger FILE.")
        since = int(given["since"])
        with self._ledger.open("rb") as file:
            lines = [json.loads(line) for line in islice(file, since - 1, since - 1 + LINES)]
        return {"lines": lines, "next": since + len(lines)}

    def _wait(self, station: Station, given: Given, now: int) -> Answer:
        until = awaited(given)
        if not self.holds(until, now):
            raise SimulatorError(f"It is not so: {until}.", "Wait longer, or look at the state for what keeps it.")
        return {}


def awaited(given: Mapping[str, object]) -> str:
    """What a `wait` is for, as `Control.holds` takes it. SimulatorError: not one of the two arguments is given."""
    until, stage = given.get("until"), given.get("stage")
    if (until is None) == (stage is None):
        raise SimulatorError("The command wait wants until or stage.", "Give one of the two.")
    return str(until) if stage is None else f"stage:{stage}"


def _kill(station: Station, given: Given, now: int) -> Answer:
    raise Killed


def _advance(station: Station, given: Given, now: int) -> Answer:
    """Day by day: a closing, and the next opening, are done on the way. What is under way at the counter comes sooner."""
    terminal, uptime = station.terminal, station.uptime(now)
    clock = terminal.clock
    was = begun = clock.time(uptime)
    target = _target(given, begun)
    if target <= begun or terminal.trade.finished:
        why = "The calendar is over." if terminal.trade.finished else f"It is {iso(begun)} already."
        raise SimulatorError(why, "Time only goes on, and no further than the last day's closing.")
    while was < target:
        passes = min(target, clock.limit) - was
        clock.advance(passes, uptime)
        terminal.counter.sooner(clock.real(passes))
        terminal.tick(uptime)
        if terminal.trade.finished or clock.time(uptime) <= was:
            break
        was = clock.time(uptime)
    return {"clock": iso(clock.time(uptime)), "passed_ms": clock.time(uptime) - begun}


def _target(given: Given, now: int) -> int:
    """ms UTC."""
    if ("ms" in given) == ("until" in given):
        raise SimulatorError("The command advance wants ms or until.", "Give one of the two.")
    if "ms" in given:
        return now + int(given["ms"])
    try:
        until = datetime.fromisoformat(str(given["until"]))
    except ValueError:
        raise SimulatorError("That is no time.", "Write it as 2026-03-02T10:00.") from None
    return int((until if until.tzinfo else until.replace(tzinfo=SHANGHAI)).timestamp()) * 1000
