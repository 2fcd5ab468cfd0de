"""One scenario from its first deed to its verdict: the simulator, the register, then the judge."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from agent.capabilities import capabilities
from agent.demo.checks import Check
from agent.demo.deeds import Deeds
from agent.demo.fees import credits_of
from agent.demo.judge import Evidence, judge
from agent.demo.moments import LOOKS_EVERY_S, ledger
from agent.demo.register import Program, exchange_keys, furnish
from agent.demo.simulation import Simulation
from agent.demo.stage import Stage
from agent.demo.story import Story
from agent.errors import CounterfoilError
from agent.fees.noting import noted
from agent.home import Home
from agent.journal import heads
from agent.journal.keys import verifying_key
from agent.journal.reader import open_reader
from agent.journal.verify import verify_path
from agent.language import _
from agent.views import Capability, Head
from protocol.dialect import dialect

CALM_S = 5
"""How long after the last deed the record may take to hold the last outcome, and a notice to be said."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """checks: of the register's half and its record. verdict: the simulator's own, None where it gave none."""

    story: Story
    checks: list[Check]
    verdict: dict[str, Any] | None
    head: Head | None
    ms: int

    @property
    def simulators(self) -> list[Check]:
        if self.verdict is None:
            return [Check(_("the simulator's verdict"), False, _("one"), _("none"))]
        return [msgspec.convert(check, Check) for check in self.verdict["checks"]]

    @property
    def held(self) -> bool:
        return all(check.ok for check in (*self.checks, *self.simulators))

    @property
    def replay(self) -> str:
        return shlex.join(["counterfoil", "demo", "--headless", "--scenario", self.story.name])

    def document(self, vkey: str) -> dict[str, object]:
        """JSON-able."""
        head = self.head
        return {
            "simulated": True,
            "scenario": self.story.document["name"],
            "title": self.story.document["title"],
            "tests": self.story.document["tests"],
            "verdict": "held" if self.held else "broken",
            "ms": self.ms,
            "checks": [asdict(check) for check in self.checks],
            "simulator": self.verdict,
            "journal": None
            if head is None
            else {"origin": head.origin, "size": head.size, "root": head.root, "vkey": vkey},
            "replay": self.replay,
        }


@contextmanager
def on_stage(story: Story, home: Home, stage: Stage, *, speed: int | None) -> Iterator[tuple[Simulation, Program]]:
    """A new home and its terminal, paired, the register at work. At the end neither runs, whatever happened."""
    if dialect(story.dialect).pairs and story.pairing != "ask":
        exchange_keys(home, stage)
    simulation = Simulation(stage, story.name, speed=speed)
    program = Program(home)
    try:
        furnish(home, stage, story, simulation.terminal)
        code = program.start()
        if code is not None:
            raise CounterfoilError(_("The agent does not start."), " ".join(program.said))
        yield simulation, program
    finally:
        program.stop()
        simulation.close()


def play(story: Story, deeds: Deeds, simulation: Simulation, program: Program, stage: Stage) -> Outcome:
    """The register's half, the rest of the terminal's, then the verdict on both."""
    began = time.monotonic()
    deeds.play()
    notices, head = _await_calm(story, deeds, simulation, program)
    if "finding" in story.document["expect"]:
        head = _type_credits(program, stage) or head
    program.stop()
    verdict = simulation.stop()
    checks = [*deeds.checks, *judge(story, _evidence(story, deeds, program.home, stage, notices))]
    return Outcome(story, checks, verdict, head, int((time.monotonic() - began) * 1000))


def _type_credits(program: Program, stage: Stage) -> Head | None:
    """What the bank says comes into the record by the merchant's own hand; the head after it."""
    if credited := credits_of(ledger(stage)):
        with suppress(CounterfoilError):  # the register's program was killed in this story
            return program.desk.note(noted(credited))
    return None


def _await_calm(
    story: Story, deeds: Deeds, simulation: Simulation, program: Program
) -> tuple[tuple[str, ...], Head | None]:
    """Until the terminal's half is done and the record holds what there is to hold; the notices that stand then."""
    wanted = set(story.expected.get("notices", ()))
    events = _tells(story)
    until: float | None = None
    notices: tuple[str, ...] = ()
    head: Head | None = None
    while simulation.runs and not deeds.given_up.is_set():
        is_calm = simulation.finished or any(not check.ok for check in deeds.checks)
        with suppress(CounterfoilError):
            status = program.desk.status()
            head, notices = status.head, tuple(sorted({notice.code.value for notice in status.notices}))
            still = status.lane.reference is not None and not _stays_open(story)
            state = simulation.state()
            recorded = not events or recorded_up_to(program.home, state["log_epoch"]) >= state["last_event"]
            if is_calm and not still and wanted <= set(notices) and recorded:
                break
        if is_calm:
            until = time.monotonic() + CALM_S if until is None else until
            if not program.runs or time.monotonic() > until:
                break
        time.sleep(LOOKS_EVERY_S * 2)
    return notices, head


def _tells(story: Story) -> bool:
    return Capability.EVENTS in capabilities(dialect(story.dialect))


def recorded_up_to(home: Home, log_epoch: str) -> int:
    """The number of the last event that the record holds of that log. Raises JournalError."""
    with closing(open_reader(home.journal, verifying_key(home.path))) as journal:
        return max((n for (_terminal, epoch), n in journal.last_events().items() if epoch == log_epoch), default=0)


def _stays_open(story: Story) -> bool:
    return bool(story.expected.get("open")) or any(entry.outcome == "unknown" for entry in story.money)


def _evidence(story: Story, deeds: Deeds, home: Home, stage: Stage, notices: tuple[str, ...]) -> Evidence:
    report = verify_path(home.journal, own=True, heads=heads.remembered(home.path))
    flaws = [finding.what for finding in report.findings]
    try:
        with closing(open_reader(home.journal, verifying_key(home.path))) as journal:
            entries = list(journal.entries())
    except CounterfoilError as error:  # a row that is no entry any more
        entries, flaws = [], [*flaws, error.what]
    return Evidence(
        entries=entries,
        rows=ledger(stage),
        told={label: one.told for label, one in deeds.ordered.items()},
        events=_tells(story),
        flaws=flaws,
        notices=notices,
    )
