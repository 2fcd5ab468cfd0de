"""Seeded schedules of faults over the real pump and the real wire; and the tester tested.

A seed that fails is replayed by the command in its message. What is promised: nothing is acknowledged before it is durable;
every event is recorded once and in order; a gap is signed for a hole of the log and for nothing else; a log that was put
back is found; every question is answered; it ends, and nobody turns in a busy loop.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import pytest

from agent.actions import CompareHead, HeadCompared, Record, Recorded, RecordFailed
from agent.journal.drafting import to_draft
from agent.log_position import LogPosition
from agent.projection import Projection
from agent.pump import Pump
from agent.storage import Storage, StorageAnswer
from protocol.dialects.native.link import NativeLink
from tests.dst import planted
from tests.dst.disk import new_journal
from tests.dst.memory_storage import Commit, MemoryJournal, MemoryStorage
from tests.dst.play import digest, fault, replay
from tests.dst.promises import Broken
from tests.dst.terminal import TERMINAL
from tests.dst.world import Parts, Scenario, World

SEEDS = {Scenario.PLAIN: 140, Scenario.HOLE: 40, Scenario.ROLLBACK: 20}
A_TIME = 20
DIGEST = "1e9867d8bb7acce68965b662f9e9468bb861d328151c4d9c98f423355e0d3199"
"""Of the first 20 seeds. Where the pump or the wire is meant to behave otherwise: python -m tests.dst 0 20 plain --digest"""


# -- 1: every seed keeps every promise ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scenario", "first"), [(scenario, first) for scenario, count in SEEDS.items() for first in range(0, count, A_TIME)]
)
def test_every_promise_is_kept(scenario: Scenario, first: int) -> None:
    said = {seed: fault(seed, scenario) for seed in range(first, first + A_TIME)}
    broken = [replay(seed, scenario, each) for seed, each in said.items() if each is not None]
    assert not broken, "\n".join(broken)


# -- 2: the same on every Python ---------------------------------------------------------------------------------------


def test_a_seed_gives_the_same_schedule_everywhere() -> None:
    assert digest(range(20), Scenario.PLAIN) == DIGEST


# -- 3: the tester is tested -------------------------------------------------------------------------------------------


def _first_catch(scenario: Scenario, parts: Parts) -> str:
    """What the first seed that finds a planted bug says of it."""
    for seed in range(SEEDS[scenario]):
        try:
            World(seed, scenario, parts).run()
        except Broken as broken:
            return str(broken)
    return "never caught"


@pytest.mark.parametrize(
    ("bug", "scenario", "said"),
    [
        (planted.AcknowledgesUnrecorded, Scenario.PLAIN, "acknowledged before durable"),
        (planted.AcknowledgesStale, Scenario.PLAIN, "acknowledged before durable"),
        (planted.DropsFailed, Scenario.PLAIN, "the terminal drops"),
        (planted.DeafToFailure, Scenario.PLAIN, "never ends"),
        (planted.LeavesQuestions, Scenario.PLAIN, "never ends"),
        (planted.GapAtSecondSight, Scenario.PLAIN, "the terminal drops"),
        (planted.BeginsAtTheEnd, Scenario.PLAIN, "the terminal drops"),
        (planted.SplitsGaps, Scenario.HOLE, "gaps signed"),
        (planted.NeverSignsGaps, Scenario.HOLE, "never ends"),
        (planted.KeepsAlarm, Scenario.HOLE, "busy loop"),
        (planted.BeginsAtTheJournal, Scenario.ROLLBACK, "the terminal drops"),
        (planted.SignsRollbackAgain, Scenario.ROLLBACK, "log.rolled_back is signed"),
        (planted.WithoutDedup, Scenario.PLAIN, "events lost or out of order"),
        (planted.TakesStale, Scenario.PLAIN, "events lost or out of order"),
        (planted.ComparesNothing, Scenario.ROLLBACK, "the terminal drops"),
        (planted.ContradictsAgain, Scenario.ROLLBACK, "contradicted: "),
    ],
)
def test_a_planted_bug_is_caught(
    bug: type[Pump] | type[LogPosition] | type[MemoryStorage], scenario: Scenario, said: str
) -> None:
    if issubclass(bug, MemoryStorage):
        parts = Parts(storage=bug)
    elif issubclass(bug, LogPosition):
        parts = Parts(pump=planted.pump_with(bug))
    else:
        parts = Parts(pump=bug)
    assert said in _first_catch(scenario, parts)


def test_a_link_that_delivers_a_repeated_frame_again_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NativeLink, "_take_valid", planted.delivers_twice)
    assert "heard more often than said" in _first_catch(Scenario.PLAIN, Parts())


# -- the storage in memory is the real one's twin ----------------------------------------------------------------------


class Twins:
    """One request to both storages, one commit each."""

    def __init__(self, home: Path) -> None:
        self.signer, self.journal = new_journal(home, TERMINAL)
        self.answers: SimpleQueue[StorageAnswer] = SimpleQueue()
        views = Projection(home / "views.db", "Asia/Shanghai")
        self.real = Storage(self.journal, self.signer, views, self.answers.put, lambda _head: None)
        self.memory = MemoryStorage(MemoryJournal())
        self.attempt = 0
        self.notes = (self.journal.head.note, self.memory.journal.note)

    def record(self, request: Record, commit: Commit) -> None:
        """Both take it, and answer alike."""
        self.journal.commit = commit
        real, memory = self._ask(request, request, commit)
        assert type(real) is type(memory)
        if isinstance(real, RecordFailed) and isinstance(memory, RecordFailed):
            assert (real.attempt, real.facts) == (memory.attempt, memory.facts)
            self.attempt += real.attempt == self.attempt
        elif isinstance(real, Recorded) and isinstance(memory, Recorded):
            assert (real.last_event, real.size) == (memory.last_event, memory.size)
            self.notes = (real.note, memory.note)

    def compare(self) -> None:
        """The head that both gave last."""
        real, memory = self._ask(CompareHead(self.notes[0]), CompareHead(self.notes[1]), Commit.DONE)
        assert isinstance(real, HeadCompared) and isinstance(memory, HeadCompared)
        assert (real.verdict, real.recorded) == (memory.verdict, memory.recorded)

    def _ask(
        self, real: Record | CompareHead, memory: Record | CompareHead, commit: Commit
    ) -> tuple[StorageAnswer, StorageAnswer]:
        self.memory.queue.append(memory)
        self.real.put(real)
        [answer] = self.memory.take(1, commit)
        return self.answers.get(timeout=20), answer

    def entries(self) -> tuple[list[tuple[str, object]], list[tuple[str, object]]]:
        """Kind and body of every entry after the first, of both; the seals of private fields are salted, and left out."""
        drafts = [to_draft(fact, self.signer.token_hmac) for fact in self.memory.journal.facts]
        real = [self.real.entry(seq) for seq in range(1, self.memory.journal.size)]
        return (
            [(e.kind, {k: v for k, v in e.body.items() if k != "detail_sha256"}) for e in real],
            [(d.kind, dict(d.body)) for d in drafts],
        )


@pytest.mark.parametrize("scenario", list(Scenario))
def test_the_storage_in_memory_answers_as_the_real_one(tmp_path: Path, scenario: Scenario) -> None:
    world = World(1, scenario)
    world.run()
    twins = Twins(tmp_path)
    try:
        for n, request in enumerate(world.requests):
            if isinstance(request, CompareHead):
                twins.compare()
                continue
            commit = Commit.LOST if n % 7 == 3 else Commit.KEPT if n % 7 == 5 else Commit.DONE
            stale = n % 5 == 4
            twins.record(replace(request, attempt=twins.attempt - stale), commit)
        real, memory = twins.entries()
        assert real == memory and len(real) > 20
    finally:
        twins.real.close()
