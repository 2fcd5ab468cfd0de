"""When something is so at the register or at the terminal: the record read as it stands, the simulator asked."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from typing import Any

from agent.demo.register import Program
from agent.demo.simulation import Simulation
from agent.demo.stage import Stage
from agent.demo.story import Story
from agent.errors import CounterfoilError
from agent.journal.keys import verifying_key
from agent.journal.money_entries import money_entries
from agent.journal.money_kinds import MoneyIntent, MoneyOutcome
from agent.journal.reader import open_reader
from agent.views import LaneState

LOOKS_EVERY_S = 0.005


class Moments:
    """last: the label of the money request that was ordered last; a moment without a label is about that one."""

    def __init__(self, story: Story, stage: Stage, program: Program, simulation: Simulation) -> None:
        self._story, self._stage, self._program, self._simulation = story, stage, program, simulation
        self.last = ""
        self._so: Mapping[str, Callable[[str, str], bool]] = {
            "session": lambda _, __: bool(self._state["session"]),
            "no_session": lambda _, __: not self._state["session"],
            "intent": lambda label, _: self._reference(label) in self._recorded(MoneyIntent),
            "stage": self._at_stage,
            "logged": lambda label, _: self._logged(self._reference(label)),
            "outcome": lambda label, _: self._reference(label) in self._recorded(MoneyOutcome),
            "unknown": lambda label, _: self._unknown(self._reference(label)),
            "idle": lambda _, __: self._program.desk.status().lane.state is LaneState.IDLE,
            "acknowledged": lambda _, __: self._all_acknowledged(),
            "played": lambda _, __: bool(self._state["finished"]),
        }

    def await_one(self, when: str, until: float) -> bool:
        """Until that is so; False where it is not in time, or the simulator has ended."""
        while not self.is_so(when):
            if time.monotonic() > until or not self._simulation.runs:
                return False
            time.sleep(LOOKS_EVERY_S)
        return True

    def is_so(self, when: str) -> bool:
        """Whatever cannot be asked just now is not so yet."""
        name, *rest = when.split(":")
        stage = rest.pop(0) if name == "stage" else ""
        with suppress(CounterfoilError):
            return self._so[name](rest[0] if rest else self.last, stage)
        return False

    @property
    def _state(self) -> dict[str, Any]:
        return self._simulation.state()

    def _all_acknowledged(self) -> bool:
        state = self._state
        return bool(state["acknowledged"] == state["last_event"] and (state["session"] or state["last_event"]))

    def _reference(self, label: str) -> str:
        return self._story.reference(label)

    def _recorded(self, kind: type[MoneyIntent] | type[MoneyOutcome]) -> set[str]:
        home = self._program.home
        with closing(open_reader(home.journal, verifying_key(home.path))) as journal:
            return {fact.reference for _, fact in money_entries(journal) if isinstance(fact, kind)}

    def _at_stage(self, label: str, stage: str) -> bool:
        state = self._state
        mine = not label or state["reference"] in (self._reference(label), None) or self._story.dialect != "native"
        return state["stage"] == stage and mine

    def _logged(self, reference: str) -> bool:
        for row in ledger(self._stage):
            if row["kind"] in ("sale", "refund", "void") and row["reference"] == reference:
                return True
            if row["kind"] == "reversal" and row["original_reference"] == reference:
                return True
        return False

    def _unknown(self, reference: str) -> bool:
        lane = self._program.desk.status().lane
        return lane.state is LaneState.UNKNOWN and lane.reference == reference


def ledger(stage: Stage) -> list[dict[str, Any]]:
    """The whole lines of the simulator's ledger."""
    try:
        lines = stage.ledger.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    return [json.loads(line) for line in lines if line.endswith("}")]
