"""The home's witnesses: asked to sign the record's last head, their signatures kept, their refusals too.

    HOME/settings.toml                     which they are: [[witness]] url, vkey
    HOME/heads/witness-<8 hex>.note        the last head that each signed, with its signature beside ours
    head.cosigned, witness.refused         the same, as entries

What a witness is shown is the signed checkpoint and hashes of the tree: it learns origin, size and root, and nothing of
what the entries say.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol, TypeVar

from agent.custody.witness import (
    Showing,
    WitnessKey,
    cosigned_size,
    kept,
    remembered_size,
    showing,
    take_cosignature,
)
from agent.custody.witness_post import NoAnswer, Reply, post_all
from agent.home import Home
from agent.journal import heads
from agent.journal.checkpoint import NoteError
from agent.journal.custody_kinds import HeadCosigned, WitnessRefused
from agent.journal.drafting import to_draft
from agent.journal.keys import Signer
from agent.journal.kinds import Fact
from agent.journal.reader import Head, Reader
from agent.journal.store import Journal
from agent.settings import WitnessAt
from agent.witness_types import WitnessAnswer, WitnessOutcome

log = logging.getLogger(__name__)

FIRST_S = 5
"""How long after its start an agent first asks: the events that the terminal kept are in the record by then."""
INTERVAL_S = 3_600
UNCHANGED_S = 86_400
"""How often a head is shown that has not grown: a witness's signature says, too, that there was no longer one until then."""
_CONFLICT, _UNPROCESSABLE = 409, 422
_STRANGER = (403, 404)

T = TypeVar("T")


class Record(Protocol):
    """The record as its one owner has it: an `agent.runner.Runner`, or an `OwnRecord` where no agent runs."""

    def read(self, question: Callable[[Reader], T]) -> T: ...

    def record(self, facts: Sequence[Fact]) -> Head: ...

    def write(self, work: Callable[[Journal, int], Head]) -> Head: ...


class OwnRecord:
    """A journal that this process opened for itself. In a simulated home time stands where the journal does."""

    def __init__(self, journal: Journal, signer: Signer, *, simulated: bool) -> None:
        self._journal, self._signer, self._simulated = journal, signer, simulated

    def read(self, question: Callable[[Reader], T]) -> T:
        return question(self._journal)

    def record(self, facts: Sequence[Fact]) -> Head:
        """Raises JournalError."""
        drafts = [to_draft(fact, self._signer.token_hmac) for fact in facts]
        return self.write(lambda journal, at: journal.append(drafts, at))

    def write(self, work: Callable[[Journal, int], Head]) -> Head:
        """Have `work` append to the journal, at ms UTC. Raises what it raises."""
        return work(self._journal, self._journal.head.at if self._simulated else time.time_ns() // 1_000_000)


class Witnesses:
    """Asks the witnesses that the settings name at that moment; `start` does so by itself from then on."""

    def __init__(self, home: Home, record: Record) -> None:
        self._home, self._record = home, record
        self._one_at_a_time = threading.Lock()
        self._refused: dict[str, WitnessRefused] = {}
        """The last refusal of each, as recorded: the same one again makes no second entry."""
        self._own = 0
        """Entries about the witnesses' own answers, made here: no reason to ask again."""
        self._judged: dict[str, tuple[int, float]] = {}
        """What each has judged last: so many entries, own ones not counted; and when, by the monotonic clock."""
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="witnesses", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Nothing is recorded any more; an answer that is still awaited comes to nobody."""
        self._stopped.set()

    def ask(self) -> tuple[WitnessAnswer, ...]:
        """Show every witness the last head, record what they say, and wait for it: 20 s at most, twice that where they are
        being asked already. Raises JournalError, HomeError.
        """
        return self._ask(self._home.settings().witness)

    def _ask(self, witnesses: Sequence[WitnessAt]) -> tuple[WitnessAnswer, ...]:
        with self._one_at_a_time:
            asked = [_Asked(at) for at in witnesses]
            remembered = heads.remembered(self._home.path)
            self._show(
                asked, lambda journal, each: cosigned_size(journal, each.key, remembered.get(each.key.head_name))
            )
            again = [each for each in asked if each.says is not None and each.says != each.shown.old]
            size = self._record.read(lambda journal: journal.size) if again else 0
            again = [each for each in again if each.says is not None and each.says <= size]
            self._show(again, lambda _journal, each: each.says or 0)
            return self._keep(asked)

    def _show(self, asked: list[_Asked], old: Callable[[Reader, _Asked], int]) -> None:
        def shown(journal: Reader) -> list[Showing]:
            return [showing(journal, old(journal, each)) for each in asked]

        if asked:
            for each, what in zip(asked, self._record.read(shown), strict=True):
                each.shown = what
            replies = post_all([(each.at.url, each.shown.body) for each in asked])
            for each, reply in zip(asked, replies, strict=True):
                each.reply = reply

    def _keep(self, asked: list[_Asked]) -> tuple[WitnessAnswer, ...]:
        judged = [each.judge() for each in asked]
        facts: list[HeadCosigned | WitnessRefused] = []
        for answer, fact in judged:
            if isinstance(fact, HeadCosigned):
                self._refused.pop(fact.witness, None)
                facts.append(fact)
            elif fact is not None and not _alike(fact, self._refused.get(fact.witness)):
                self._refused[fact.witness] = fact
                facts.append(fact)
            if fact is not None:
                self._judged[fact.witness] = answer.size - self._own, time.monotonic()
        if facts and not self._stopped.is_set():
            self._record.record(facts)
            self._own += len(facts)
            for fact in facts:
                if isinstance(fact, HeadCosigned):
                    with suppress(OSError):  # the entry itself holds the note, whole
                        heads.remember(self._home.path, fact.note, WitnessKey.parse(fact.witness).head_name)
        return tuple(answer for answer, _fact in judged)

    # By itself

    def _run(self) -> None:
        pause: float = FIRST_S
        while not self._stopped.wait(pause):
            pause = INTERVAL_S
            try:
                for answer in self._ask(self._due()):
                    if answer.outcome is not WitnessOutcome.COSIGNED:
                        said = (answer.name, answer.url, answer.outcome, answer.reason or "")
                        log.warning("witness %s at %s: %s %s", *said)
            except Exception:
                if not self._stopped.is_set():
                    log.exception("the witnesses could not be asked")

    def _due(self) -> list[WitnessAt]:
        witnesses = self._home.settings().witness
        size = self._record.read(lambda journal: journal.size) - self._own if witnesses else 0
        now = time.monotonic()
        seen = [self._judged.get(each.vkey, (-1, now)) for each in witnesses]
        return [
            each for each, (judged, at) in zip(witnesses, seen, strict=True) if size > judged or now - at >= UNCHANGED_S
        ]


class _Asked:
    """One witness, what it was shown last, and what it said to that."""

    def __init__(self, at: WitnessAt) -> None:
        self.at, self.key = at, WitnessKey.parse(at.vkey)
        self.shown = Showing(0, 0, "")
        self.reply: Reply | NoAnswer = NoAnswer()

    @property
    def says(self) -> int | None:
        """The size that it says it remembers, where it refused for another."""
        reply = self.reply
        return remembered_size(reply.body) if isinstance(reply, Reply) and reply.status == _CONFLICT else None

    def judge(self) -> tuple[WitnessAnswer, HeadCosigned | WitnessRefused | None]:
        """What it came to, and what is to be recorded of it."""
        reply, shown = self.reply, self.shown
        if isinstance(reply, NoAnswer):
            return self._answer(WitnessOutcome.UNREACHABLE, reason=str(reply)), None
        status = reply.status
        if status == 200:  # HTTP's own number
            try:
                at, note = take_cosignature(self.key, shown, reply.body)
            except NoteError as error:
                return self._answer(WitnessOutcome.NOT_VERIFIED, status, reason=str(error)), None
            fact = HeadCosigned(witness=self.at.vkey, size=shown.size, time=at * 1_000, note=note)
            return self._answer(WitnessOutcome.COSIGNED, status, at=at * 1_000), fact
        if status in {_CONFLICT, _UNPROCESSABLE}:
            refused = WitnessRefused(
                witness=self.at.vkey,
                status=status,
                old_size=shown.old,
                note=shown.note,
                remembered_size=self.says,
                answer=kept(reply.body),
            )
            return self._answer(WitnessOutcome.REFUSED, status, remembered=self.says), refused
        outcome = WitnessOutcome.UNKNOWN_RECORD if status in _STRANGER else WitnessOutcome.NOT_UNDERSTOOD
        return self._answer(outcome, status, reason=kept(reply.body[:200])), None

    def _answer(
        self,
        outcome: WitnessOutcome,
        status: int | None = None,
        *,
        at: int | None = None,
        remembered: int | None = None,
        reason: str | None = None,
    ) -> WitnessAnswer:
        return WitnessAnswer(
            name=self.key.name,
            vkey=self.at.vkey,
            url=self.at.url,
            outcome=outcome,
            size=self.shown.size,
            at=at,
            status=status,
            old_size=self.shown.old,
            remembered_size=remembered,
            reason=reason,
        )


def _alike(fact: WitnessRefused, other: WitnessRefused | None) -> bool:
    """The same finding: nothing changed but that the record grew."""
    return other is not None and (fact.status, fact.remembered_size) == (other.status, other.remembered_size)
