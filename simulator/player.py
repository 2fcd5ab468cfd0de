"""Plays a scenario's own half: does its steps when they have come, and holds the calendar until the register did its.

Whoever turns the loop does this between `hear` and `say`, so that what a step does comes before the terminal's next word:

    while player.turn(now):
        station.hear(now)

Days pass at once (Trade.hurries), up to the next thing that is to happen at some time: a step's or an entry's. There the
calendar stands until that has happened. Every stage at the counter is seen (Counter.pauses), at speed 0 too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from simulator.clock import closing
from simulator.control import Control
from simulator.errors import SimulatorError
from simulator.happened import Happened
from simulator.judge import Check
from simulator.scenario import Entry, Scenario, Step
from simulator.scenario_words import TRIGGERS
from simulator.screen import draw
from simulator.station import Station


@dataclass(frozen=True, slots=True)
class Turn:
    """It is the register's turn to do this. number: of the entries that have a turn, from 1."""

    number: int
    entry: Entry


class Player:
    """say: told of each turn. Every `now` is monotonic ms of the wire."""

    def __init__(self, station: Station, control: Control, scenario: Scenario, say: Callable[[Turn], None]) -> None:
        self._station = station
        self._terminal = station.terminal
        self._control = control
        self._scenario = scenario
        self._say = say
        self._happened = Happened(station, scenario)
        self._done = 0  # of the steps
        self._fires_at: int | None = None  # of a step that waits for its `plus_ms`
        self._began: int | None = None
        self.checks: list[Check] = []
        """One for each step: it was done, and the display showed what it should."""
        self.screens: list[str] = []
        """What the display showed, each change of it."""
        self._terminal.trade.gate = self._gate
        self._terminal.trade.hurries = True
        self._terminal.counter.pauses = True

    @property
    def finished(self) -> bool:
        """Every step is done, every turn has ended, and nothing is left to tell or to play."""
        if self._step is not None or self._next_turn is not None:
            return False
        return self._terminal.settled if self._terminal.trade.told else not self._terminal.counter.busy

    @property
    def deadline(self) -> int | None:
        """When `turn` has something to do besides what the station's deadline says (monotonic ms), or None."""
        ends = None if self._began is None or self.finished else self._began + self._scenario.ends_after_ms
        return ends if self._fires_at is None else self._fires_at

    def gives_up(self, now: int) -> bool:
        """Its time is over, and it is not at its end."""
        return self._began is not None and not self.finished and now >= self._began + self._scenario.ends_after_ms

    @property
    def waits_for(self) -> str:
        """In words, for who waits too long."""
        if (step := self._step) is not None:
            return f"step {self._done + 1} (line {step.line}) waits for {step.when.text or 'its time'}"
        if (entry := self._next_turn) is not None:
            return f"the register's {entry.do} ({entry.label}, line {entry.line}) has not ended"
        return "the calendar is not played, or not every event acknowledged"

    def turn(self, now: int) -> bool:
        """Do what has come; True if something was done, so that the terminal may have more to do."""
        self._began = now if self._began is None else self._began
        self._look()
        happened, counter = self._happened, self._terminal.counter
        happened.now = now
        done = self._take_step(now)
        while (entry := self._next_turn) is not None and happened.ended(entry):
            happened.passed += 1
            done = True
        if not done and counter.paused:
            counter.paused, done = False, True
        if not done and not counter.busy:
            done = self._pass_time()
        if not done and entry is not None and happened.told == happened.passed and happened.has_come(entry.at):
            happened.told += 1
            self._say(Turn(happened.told, entry))
        happened.told = max(happened.told, happened.passed)
        return done

    def _look(self) -> None:
        text = draw(self._terminal.showing())
        if self._station.powered and (not self.screens or self.screens[-1] != text):
            self.screens.append(text)

    @property
    def _next_turn(self) -> Entry | None:
        happened = self._happened
        return happened.turns[happened.passed] if happened.passed < len(happened.turns) else None

    # -- the steps -----------------------------------------------------------------------------------------------------

    @property
    def _step(self) -> Step | None:
        return self._scenario.steps[self._done] if self._done < len(self._scenario.steps) else None

    def _take_step(self, now: int) -> bool:
        step = self._step
        if step is None:
            return False
        if self._fires_at is None and self._happened.is_true(step.when):
            self._fires_at = now + step.when.plus_ms
        if self._fires_at is None or now < self._fires_at:
            return False
        self._fires_at = None
        self._do(step, now)
        self._done += 1
        self._happened.mark()
        return True

    def _do(self, step: Step, now: int) -> None:
        name = f"step {self._done + 1} (line {step.line}): {step.do or 'look'}"
        shown = draw(self._terminal.showing())
        missing = [text for text in step.screen if text not in shown]
        if step.screen:
            self.checks.append(Check(f"{name}: the display", not missing, " / ".join(step.screen), shown))
        if not step.do:
            return
        try:
            self._control.do(step.do, {key: self._meant(value) for key, value in step.arguments.items()}, now)
        except SimulatorError as error:
            self.checks.append(Check(name, False, "done", str(error)))
        else:
            self.checks.append(Check(name, True, "done", "done"))

    def _meant(self, value: str | int) -> str | int:
        """@LABEL is the reference that the register has given to it."""
        if not isinstance(value, str) or not value.startswith("@"):
            return value
        asked = self._happened.asked(value[1:])
        return value if asked is None else asked.reference

    # -- the calendar --------------------------------------------------------------------------------------------------

    def _hold(self) -> int | None:
        """Until when the calendar may go on (ms UTC, 0: it stands), None: to its end."""
        holds: list[int] = []
        if self._scenario.entries and self._terminal.trade.told and not self._terminal.tally.sessions:
            holds.append(0)  # the register is there from the morning on
        if (step := self._step) is not None:
            if step.when.at is not None:
                holds.append(step.when.at)
            elif step.when.trigger == "closed":
                holds.append(closing(date.fromisoformat(step.when.argument)))
            elif step.when.trigger and TRIGGERS[step.when.trigger].stands:
                holds.append(0)
        if (entry := self._next_turn) is not None:
            holds.append(entry.at or 0)
        return min(holds, default=None)

    def _gate(self, due: int) -> bool:
        step = self._step
        if step is not None and (self._fires_at is not None or self._happened.is_true(step.when)):
            return False
        if self._terminal.counter.by_hand:  # as for a register's request: its day waits for it
            return False
        hold = self._hold()
        return hold is None or due <= hold

    def _pass_time(self) -> bool:
        """Nothing is left to do before the next thing that has its time: it is that time now."""
        hold, due = self._hold(), self._terminal.trade.due
        before = self._happened.time
        if hold is None or hold <= before or (due is not None and due <= hold):
            return False
        self._terminal.clock.advance(hold - before, self._station.uptime(self._happened.now))
        return self._happened.time > before
