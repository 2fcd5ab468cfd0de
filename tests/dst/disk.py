"""A money world whose agent writes the real journal: SQLite, signatures and views, and what a kill -9 leaves of their files."""

from __future__ import annotations

import shutil
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from queue import SimpleQueue
from typing import cast

from agent import actions as a
from agent.errors import JournalError
from agent.journal import keys
from agent.journal.drafting import to_draft
from agent.journal.entries import Draft, Entry
from agent.journal.keys import Signer
from agent.journal.kinds import Fact, JournalOpened
from agent.journal.money_entries import money_entries
from agent.journal.reader import Head, Reader
from agent.journal.store import Journal
from agent.journal.verify import verify_path
from agent.projection import Projection
from agent.storage import Storage, StorageAnswer
from tests.dst.memory_storage import Commit
from tests.dst.money_stage import MoneyParts
from tests.dst.money_world import MoneyWorld
from tests.dst.promises import Broken
from tests.dst.shop_terminal import model
from tests.dst.stage import WALL

ANSWER_S = 20
_BEING_WRITTEN = ("views.db*", "*.new")
"""Perhaps, at that moment: what can be made anew, and what is not yet renamed."""


class FailingJournal(Journal):
    """The real journal on a disk that fails when told to."""

    commit = Commit.DONE

    def append(self, drafts: Sequence[Draft], at: int) -> Head:
        if self.commit is Commit.LOST:
            raise JournalError("The disk failed.", "")
        head = super().append(drafts, at)
        if self.commit is Commit.KEPT:
            raise JournalError("The disk failed.", "")
        return head


def new_journal(home: Path, terminal: str) -> tuple[Signer, FailingJournal]:
    """In a folder that has none."""
    signer = keys.create(home)
    opened = JournalOpened(software="c", version="0", terminal=terminal, nature="simulated", generation=1)
    journal = FailingJournal.create(home / "journal.db", signer, to_draft(opened, signer.token_hmac), WALL)
    assert isinstance(journal, FailingJournal)
    return signer, journal


class DiskStorage:
    """`agent.storage` itself, one request and so one commit at a time; it is its own journal's witness, too.

    facts: what the journal says of money, read back from its entries. tellings: of each event of the terminal's log.
    """

    def __init__(self, folder: Path, terminal: str) -> None:
        self._folder, self._lives = folder, 0
        self.home = folder / "0"
        self.home.mkdir()
        self._signer, self._journal = new_journal(self.home, terminal)
        self.queue: deque[a.Record | a.CompareHead] = deque()
        self.facts: list[Fact] = []
        self.heads = {self._journal.head.size: self._journal.head.note}
        self.tellings: Counter[tuple[int | None, bytes]] = Counter()
        self._read = 1
        self._begin()

    def _begin(self) -> None:
        self.queue.clear()
        self.last_events = self._journal.last_events()
        self._answers: SimpleQueue[StorageAnswer] = SimpleQueue()
        self._views = Projection(self.home / "views.db", "Asia/Shanghai")
        self._storage = Storage(self._journal, self._signer, self._views, self._answers.put, lambda _head: None)
        self.entry, self.read = self._storage.entry, self._storage.read

    @property
    def size(self) -> int:
        return self._journal.head.size

    @property
    def note(self) -> str:
        return self._journal.head.note

    def take(self, most: int, commit: Commit = Commit.DONE) -> list[StorageAnswer]:
        """As MemoryStorage does."""
        answers = []
        for request in [self.queue.popleft() for _ in range(min(most, len(self.queue)))]:
            self._journal.commit = commit
            self._storage.put(request)
            answers.append(self._answers.get(timeout=ANSWER_S))
            self.heads[self.size] = self.note
        self._look()
        return answers

    def write(self, work: Callable[[Journal, int], Head], at: int) -> tuple[Head, StorageAnswer]:
        """Something that no terminal told, and what the pump is told of it."""
        self._journal.commit = Commit.DONE
        head = self._storage.write(work, at)
        self.heads[head.size] = head.note
        self._look()
        return head, self._answers.get(timeout=ANSWER_S)

    def rest(self) -> None:
        """Until the views say what the journal says, so that what is read of them is the same each time."""
        until = time.monotonic() + ANSWER_S
        while self._views.size < self._journal.size:
            if time.monotonic() > until:
                raise Broken("the views do not follow the journal")
            time.sleep(0.0001)

    def _look(self) -> None:
        """Read back what is new."""
        new = [self._storage.entry(seq) for seq in range(self._read, self.size)]
        self._read = self.size
        self.facts += [fact for _, fact in money_entries(cast(Reader, _These(new)))]
        for entry in new:
            event = entry.body.get("event")
            if event is not None and event.get("number") is not None:
                self.tellings[event["number"], bytes.fromhex(event["sha256"])] += 1
                epoch = event["terminal"], event["log_epoch"]
                self.last_events[epoch] = max(event["number"], self.last_events.get(epoch, 0))

    def killed(self) -> None:
        """What is on the disk at this moment is what the next process finds."""
        self._lives += 1
        image = self._folder / str(self._lives)
        shutil.copytree(self.home, image, ignore=shutil.ignore_patterns(*_BEING_WRITTEN))
        self.close()
        shutil.rmtree(self.home)
        self.home = image
        journal = FailingJournal.open(image / "journal.db", self._signer)
        assert isinstance(journal, FailingJournal)
        self._journal = journal
        if journal.size != self._read:
            raise Broken(f"the journal has {journal.size} entries after a kill, {self._read} were durable")
        read_again = [fact for _, fact in money_entries(journal)]
        if read_again != self.facts:
            raise Broken("the journal says otherwise after a kill")
        self._begin()

    def close(self) -> None:
        self._storage.close()

    def judge(self, log: Sequence[bytes]) -> None:
        """The journal verifies, and has each event of the terminal's log once. Raises Broken."""
        told = Counter((number, sha256(raw).digest()) for number, raw in enumerate(log, 1))
        if self.tellings != told:
            raise Broken(f"{sum(self.tellings.values())} events in the journal, {len(log)} in the terminal's log")
        report = verify_path(self.home / "journal.db", own=True)
        if not report.ok:
            raise Broken(f"the journal does not verify: {report.findings}")


class DiskWorld(MoneyWorld):
    """folder: of this world alone, and empty."""

    def __init__(self, seed: int, folder: Path, parts: MoneyParts | None = None, *, traced: bool = True) -> None:
        self._disk = DiskStorage(folder, model()[1].terminal)
        self._started = False
        super().__init__(seed, parts=parts, traced=traced)

    def _make_journal(self) -> DiskStorage:
        return self._disk

    def _make_storage(self) -> DiskStorage:
        if self._started:
            self._disk.killed()
        self._started = True
        return self._disk

    def run(self) -> None:
        try:
            super().run()
        finally:
            self._disk.close()

    def _judge_journal(self) -> None:
        log = self.shop.log
        self._disk.judge([log.event(number) for number in range(1, log.last_written + 1)])


class _These:
    """Entries read one by one, for `money_entries`."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries

    def all_of(self, kinds: tuple[str, ...]) -> Iterator[Entry]:
        return (entry for entry in self._entries if entry.kind.startswith(kinds))
