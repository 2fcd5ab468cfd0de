"""The home's witnesses, asked: what is shown to whom, what is recorded and remembered of each answer, and when it is asked again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import pytest

from agent.custody import witnesses as module
from agent.custody.witness import WitnessKey
from agent.custody.witnesses import OwnRecord, Witnesses
from agent.home import Home
from agent.journal import heads
from agent.journal.checkpoint import Checkpoint
from agent.journal.entries import Draft, Entry
from agent.journal.heads import Verdict
from agent.journal.keys import Signer
from agent.journal.kinds import Fact
from agent.journal.merkle import verify_consistency
from agent.journal.reader import Head, Reader
from agent.journal.store import Journal
from agent.settings import Settings, WitnessAt, write_settings, write_witnesses
from agent.views import WitnessAnswer, WitnessOutcome
from tests.agent.custody.hand_witness import SIGNED_AT, Answer, HandWitness, ScriptedServer, Shown
from tests.conftest import until

T = TypeVar("T")
SIZE = {"Content-Type": "text/x.tlog.size"}


class Guarded(OwnRecord):
    """One thread at a time, as an agent's storage sees to it."""

    lock = threading.Lock()

    def read(self, question: Callable[[Reader], T]) -> T:
        with self.lock:
            return super().read(question)

    def record(self, facts: Sequence[Fact]) -> Head:
        with self.lock:
            return super().record(facts)


class Scene:
    """A home with a journal of eight entries, whose witnesses say what a test has them say. roots: size → root."""

    def __init__(
        self, home: Path, journal: Journal, signer: Signer, sale: Callable[..., Draft], stack: ExitStack
    ) -> None:
        self.home, self.journal, self._sale, self._stack = Home(home), journal, sale, stack
        write_settings(self.home.settings_path, Settings(terminal="T1", simulated=True, port="/dev/null"))
        self.roots = {journal.size: journal.head.root}
        self.sales = 0
        self.grow(7)
        self.witnesses = Witnesses(self.home, Guarded(journal, signer, simulated=True))

    def grow(self, count: int) -> None:
        for _ in range(count):
            self.sales += 1
            with Guarded.lock:
                head = self.journal.append([self._sale(self.sales)], self.sales)
            self.roots[head.size] = head.root

    def witness(self, *says: Callable[[bytes], Answer | None], name: str = "witness.example/w1") -> ScriptedServer:
        """One more witness; its answers in turn, the last one again and again."""
        left = list(says)
        server = self._stack.enter_context(ScriptedServer(lambda body: (left.pop(0) if left[1:] else left[0])(body)))
        settings = self.home.settings()
        write_witnesses(
            self.home.settings_path, [*settings.witness, WitnessAt(url=server.url, vkey=HandWitness(name).vkey)]
        )
        return server

    def ask(self) -> WitnessAnswer:
        (answer,) = self.witnesses.ask()
        return answer

    def entries(self) -> list[Entry]:
        with Guarded.lock:
            return [entry for entry in self.journal.entries() if entry.kind in {"head.cosigned", "witness.refused"}]

    def note(self, name: str = "witness.example/w1") -> str | None:
        return heads.remembered(self.home.path).get(WitnessKey.parse(HandWitness(name).vkey).head_name)


@pytest.fixture
def scene(home: Path, journal: Journal, signer: Signer, sale: Callable[..., Draft]) -> Iterator[Scene]:
    with ExitStack() as stack:
        yield Scene(home, journal, signer, sale, stack)


def signs(body: bytes) -> Answer:
    return 200, {}, HandWitness().answer(body)


def says(status: int, body: bytes, headers: dict[str, str] | None = None) -> Callable[[bytes], Answer]:
    return lambda _body: (status, headers or {}, body)


def remembers(size: int) -> Callable[[bytes], Answer]:
    return says(409, f"{size}\n".encode(), SIZE)


def test_a_cosignature_is_an_entry_and_a_remembered_head(scene: Scene) -> None:
    server = scene.witness(signs)
    answer, hand = scene.ask(), HandWitness()
    assert answer == WitnessAnswer(
        hand.name, hand.vkey, server.url, WitnessOutcome.COSIGNED, 8, at=SIGNED_AT * 1_000, status=200
    )
    (entry,) = scene.entries()
    shown = Shown(server.posts[0][2])
    assert (shown.old, shown.size, shown.root, shown.proof) == (0, 8, scene.roots[8], [])
    note = shown.note + hand.line(shown.text)
    assert entry.body == {"witness": hand.vkey, "size": 8, "time": SIGNED_AT * 1_000, "note": note}
    assert scene.note() == note
    assert heads.compare(scene.journal, note) is Verdict.EXTENDS  # the entry about it came after


def test_the_next_proof_begins_where_the_witness_stands(scene: Scene) -> None:
    server = scene.witness(signs)
    scene.ask()
    scene.grow(20)
    assert scene.ask().outcome is WitnessOutcome.COSIGNED
    shown = Shown(server.posts[1][2])
    assert (shown.old, shown.size) == (8, 29)  # eight, the entry about the first answer, and twenty
    assert verify_consistency(8, 29, shown.proof, scene.roots[8], shown.root) and shown.root == scene.roots[29]
    assert Checkpoint.parse(scene.note() or "").size == 29


@pytest.mark.parametrize("size", [0, 3, 8])
def test_a_witness_that_remembers_another_size_is_shown_the_proof_from_there_once(scene: Scene, size: int) -> None:
    server = scene.witness(signs, remembers(size), signs)
    scene.ask()
    scene.grow(5)
    assert scene.note() is not None
    heads_note = scene.home.path / "heads" / f"{WitnessKey.parse(HandWitness().vkey).head_name}.note"
    if size == 8:
        heads_note.unlink()  # it says what we have forgotten
    answer = scene.ask()
    assert answer.outcome is WitnessOutcome.COSIGNED and answer.old_size == size
    shown = Shown(server.posts[2][2])
    assert (shown.old, shown.size) == (size, 14)
    if size == 8:
        assert verify_consistency(8, 14, shown.proof, scene.roots[8], shown.root)
    assert [entry.kind for entry in scene.entries()] == ["head.cosigned"] * 2


def test_a_size_beyond_ours_is_kept_as_evidence_and_never_proved(scene: Scene) -> None:
    server = scene.witness(remembers(9))
    answer = scene.ask()
    assert answer.outcome is WitnessOutcome.REFUSED
    assert (answer.status, answer.old_size, answer.remembered_size) == (409, 0, 9)
    (entry,) = scene.entries()
    assert {name: value for name, value in entry.body.items() if name != "answer_sha256"} == {
        "witness": HandWitness().vkey,
        "status": 409,
        "old_size": 0,
        "remembered_size": 9,
        "note": Shown(server.posts[0][2]).note,
    }
    assert entry.private == {"answer": "9"}  # a stranger's words stand outside the leaf, and can be erased
    assert len(server.posts) == 1 and scene.note() is None


def test_a_second_conflict_is_evidence(scene: Scene) -> None:
    server = scene.witness(remembers(3), remembers(5))
    answer = scene.ask()
    assert (answer.outcome, answer.old_size, answer.remembered_size) == (WitnessOutcome.REFUSED, 3, 5)
    assert [Shown(body).old for _path, _headers, body in server.posts] == [0, 3]
    (entry,) = scene.entries()
    assert (entry.kind, entry.body["old_size"], entry.body["remembered_size"]) == ("witness.refused", 3, 5)


def test_a_conflict_over_the_size_that_was_named_is_evidence(scene: Scene) -> None:
    """As of a witness that saw another root of that size."""
    server = scene.witness(remembers(0))
    assert scene.ask().outcome is WitnessOutcome.REFUSED
    assert len(server.posts) == 1 and len(scene.entries()) == 1


def test_a_proof_that_leads_elsewhere_is_evidence(scene: Scene) -> None:
    server = scene.witness(remembers(3), says(422, b"no\n"))
    answer = scene.ask()
    assert (answer.outcome, answer.status, answer.old_size) == (WitnessOutcome.REFUSED, 422, 3)
    (entry,) = scene.entries()
    shown = Shown(server.posts[1][2])
    told = {"witness": HandWitness().vkey, "status": 422, "old_size": 3, "note": shown.note}
    assert {name: value for name, value in entry.body.items() if name != "answer_sha256"} == told
    assert entry.private == {"answer": "no"}
    assert scene.note() is None


@pytest.mark.parametrize("said", [b"", b"busy", b"-1\n", b"\xff\xfe" * 40_000, b"7\n8\n", "é".encode() * 5_000])
def test_a_conflict_without_a_size_is_evidence_too(scene: Scene, said: bytes) -> None:
    scene.witness(says(409, said[:65_536], SIZE))
    answer = scene.ask()
    assert (answer.outcome, answer.remembered_size) == (WitnessOutcome.REFUSED, None)
    (entry,) = scene.entries()
    assert entry.kind == "witness.refused" and len(entry.private.get("answer", "")) <= 1_024
    assert "remembered_size" not in entry.body


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (says(404, b"unknown origin\n"), WitnessOutcome.UNKNOWN_RECORD),
        (says(403, b""), WitnessOutcome.UNKNOWN_RECORD),
        (says(400, b"bad\n"), WitnessOutcome.NOT_UNDERSTOOD),
        (says(301, b"", {"Location": "http://127.0.0.1:1/"}), WitnessOutcome.NOT_UNDERSTOOD),
        (says(500, b"\xff" * 60_000), WitnessOutcome.NOT_UNDERSTOOD),
        (says(201, HandWitness().line("x\n").encode()), WitnessOutcome.NOT_UNDERSTOOD),
        (says(200, b"x" * 70_000), WitnessOutcome.UNREACHABLE),
        (lambda _body: None, WitnessOutcome.UNREACHABLE),
        (says(200, b""), WitnessOutcome.NOT_VERIFIED),
        (says(200, b"<html>"), WitnessOutcome.NOT_VERIFIED),
        (says(200, HandWitness().line("elsewhere\n1\n").encode()), WitnessOutcome.NOT_VERIFIED),
        (lambda body: (200, {}, HandWitness("w2").answer(body)), WitnessOutcome.NOT_VERIFIED),
        (lambda body: (200, {}, HandWitness(kind=b"\x01").answer(body)), WitnessOutcome.NOT_VERIFIED),
    ],
)
def test_what_else_may_come_is_not_stored(
    scene: Scene, answer: Callable[[bytes], Answer | None], outcome: WitnessOutcome
) -> None:
    server = scene.witness(answer)
    before = scene.journal.head
    assert scene.ask().outcome is outcome
    assert scene.journal.head == before and scene.note() is None and len(server.posts) == 1


def test_the_same_refusal_makes_no_second_entry_and_another_does(scene: Scene) -> None:
    scene.witness(remembers(9_000), remembers(9_000), says(422, b""), remembers(9_001), signs, remembers(9_001))
    for entries in (1, 1, 2):
        scene.grow(1)
        assert scene.ask().outcome is WitnessOutcome.REFUSED
        assert len(scene.entries()) == entries
    scene.ask()
    assert scene.ask().outcome is WitnessOutcome.COSIGNED
    scene.ask()
    assert [entry.body.get("status") for entry in scene.entries()] == [409, 422, 409, None, 409]


def test_each_witness_has_its_own_word_and_one_commit_holds_them(scene: Scene) -> None:
    def signs_as(name: str) -> Callable[[bytes], Answer]:
        return lambda body: (200, {}, HandWitness(name).answer(body))

    scene.witness(signs_as("w1"), name="w1")
    scene.witness(lambda _body: None, name="w2")
    scene.witness(remembers(100), name="w3")
    scene.witness(remembers(2), signs_as("w4"), name="w4")
    answers = scene.witnesses.ask()
    assert [(each.name, each.outcome.value) for each in answers] == [
        ("w1", "cosigned"), ("w2", "unreachable"), ("w3", "refused"), ("w4", "cosigned"),
    ]  # fmt: skip
    assert [entry.kind for entry in scene.entries()] == ["head.cosigned", "witness.refused", "head.cosigned"]
    assert [scene.note(name) is not None for name in ("w1", "w2", "w3", "w4")] == [True, False, False, True]
    assert scene.journal.size == 11 and scene.journal.node(0, 10)
    scene.witnesses.ask()
    assert scene.journal.size == 13  # the refusal was the same


def test_without_witnesses_nothing_happens(scene: Scene) -> None:
    assert scene.witnesses.ask() == () and scene.journal.size == 8


def test_a_folder_that_cannot_be_written_costs_only_the_file(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    server = scene.witness(signs, remembers(8), signs)

    def full(*_given: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(heads, "remember", full)
        assert scene.ask().outcome is WitnessOutcome.COSIGNED
    assert len(scene.entries()) == 1 and scene.note() is None
    assert scene.ask().outcome is WitnessOutcome.COSIGNED
    assert [Shown(body).old for _path, _headers, body in server.posts] == [0, 0, 8]


def test_by_itself_it_asks_where_the_record_has_grown_by_more_than_its_own_entries(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_S", 0.01)
    monkeypatch.setattr(module, "INTERVAL_S", 0.05)
    rounds: list[int] = []
    due = scene.witnesses._due
    monkeypatch.setattr(scene.witnesses, "_due", lambda: (rounds.append(1), due())[1])

    def rest() -> None:
        seen = len(rounds)
        until(lambda: len(rounds) > seen + 3)

    good, away = scene.witness(signs), scene.witness(lambda _body: None, name="w2")
    scene.witnesses.start()
    try:
        until(lambda: scene.entries())
        rest()
        assert len(good.posts) == 1 and len(away.posts) > 2  # whoever gave no answer is asked each time
        for asked in (2, 3):
            scene.grow(1)
            until(lambda asked=asked: len(scene.entries()) == asked)
            rest()
            assert len(good.posts) == asked
        monkeypatch.setattr(module, "UNCHANGED_S", 0)  # a day later
        until(lambda: len(good.posts) > 4)
    finally:
        scene.witnesses.stop()


def test_by_itself_it_outlives_what_it_cannot_read(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "FIRST_S", 0.01)
    monkeypatch.setattr(module, "INTERVAL_S", 0.02)
    scene.witness(says(500, b"down for repair"), signs)
    good = scene.home.settings_path.read_text(encoding="utf-8")
    scene.home.settings_path.write_text("no settings\n", encoding="utf-8")
    scene.witnesses.start()
    try:
        until(lambda: "the witnesses could not be asked" in caplog.text)
        scene.home.settings_path.write_text(good, encoding="utf-8")
        until(lambda: scene.entries())
    finally:
        scene.witnesses.stop()
    assert "down for repair" in caplog.text


def test_after_the_end_nothing_is_recorded(scene: Scene) -> None:
    scene.witness(signs)
    scene.witnesses.stop()
    scene.ask()
    assert scene.journal.size == 8 and scene.note() is None
