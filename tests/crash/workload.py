"""What runs under the recorder: the real journal, doing what an agent does to it in its life.

    python -m tests.crash.workload SCENARIO HOME [CONTROL]

After each `append` returned, the recorder is told what was acknowledged: SHA-256 and private values of each new entry. A
control breaks one promise on purpose, and the explorer must see it.
"""

from __future__ import annotations

import ctypes
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from agent.custody.erasure import erase
from agent.custody.rotation import rotate
from agent.journal import engine, heads, keys
from agent.journal.drafting import to_draft
from agent.journal.entries import Draft
from agent.journal.keys import PassphraseSources
from agent.journal.kinds import JournalOpened
from agent.journal.reader import open_reader
from agent.journal.store import Journal

AT = 1_700_000_000_000
_LIBRARY = ctypes.CDLL(None)


def mark(said: dict[str, Any]) -> None:
    """Into the recorder's log, between the calls."""
    _LIBRARY.recorder_mark(json.dumps(said).encode())


def fee(number: int, size: int = 40, *, private: bool = False) -> Draft:
    """A fact of the terminal's event stream whose entry takes about 250 + `size` bytes."""
    event = {"terminal": "T1", "log_epoch": "e1", "number": number, "at": number, "sha256": f"{number:064x}"}
    filler = "".join(random.Random(number).choices("0123456789abcdef", k=size))
    return Draft(
        "terminal.fee", {"event": event, "type": filler}, {"description": f"手续费 {filler}"} if private else {}
    )


class Life:
    """The agent's part: one home, one writer, and what it acknowledges."""

    early = False
    """A control: acknowledged before the entries are written."""

    def __init__(self, home: Path, tell: Callable[[dict[str, Any]], None] = mark) -> None:
        self.home, self.path = home, home / "journal.db"
        self.number = 0
        self.told = 0
        """Entries acknowledged."""
        self.journal: Journal
        self.signer: keys.Signer
        self._tell = tell

    def create(self) -> None:
        self.make_key()
        self.make_journal()

    def make_key(self) -> None:
        self.signer = keys.create(self.home)
        self._tell({"key": self.signer.vkey})

    def make_journal(self) -> None:
        opened = JournalOpened(software="c", version="0", terminal="T1", nature="simulated", generation=1)
        self.journal = Journal.create(self.path, self.signer, to_draft(opened, self.signer.token_hmac), AT)
        self._acknowledge()

    def append(self, *drafts: Draft, at: int = 0) -> None:
        if self.early:
            self._tell({"entries": [["", {}]] * len(drafts)})
        self.journal.append(drafts, at or AT + self.journal.size)
        if not self.early:
            self._acknowledge()

    def _acknowledge(self) -> None:
        entries = self.journal.entries(self.told)
        told = [[sha256(self.journal.raw_entry(e.seq)).hexdigest(), dict(e.private)] for e in entries]
        self.told += len(told)
        self._tell({"entries": told})

    def fees(self, count: int, size: int = 40, *, private: bool = False) -> Sequence[Draft]:
        self.number += count
        return [fee(number, size, private=private) for number in range(self.number - count + 1, self.number + 1)]

    def reopen(self) -> None:
        self.journal.close()
        self.journal = Journal.open(self.path, self.signer)

    def await_note(self) -> None:
        """Until heads/local.note holds the last head, so that its writes stand between those of the journal."""
        note, end = self.home / "heads" / "local.note", time.monotonic() + 5
        while not note.exists() or heads.read_note(note) != self.journal.head.note:
            if time.monotonic() > end:
                raise TimeoutError("local.note does not follow the journal")
            time.sleep(0.001)


def creation(life: Life) -> None:
    life.append(*life.fees(1))


def singles(life: Life) -> None:
    for _ in range(12):
        life.append(*life.fees(1))


def groups(life: Life) -> None:
    for count in (1, 3, 12, 2, 20, 1):
        life.append(*life.fees(count))


def private(life: Life) -> None:
    for size in (10, 200, 3_000, 40):
        life.append(*life.fees(2, size, private=True))


def large(life: Life) -> None:
    """Entries over several pages."""
    for size in (5_000, 100, 30_000, 100):
        life.append(*life.fees(1, size))


def reopening(life: Life) -> None:
    for count in (1, 4, 1, 2):
        life.append(*life.fees(count))
        life.reopen()
    life.append(*life.fees(1))


def checkpoints(life: Life) -> None:
    """By size: after every 16 pages of log instead of 1,000, so that the log begins anew several times."""
    life.journal.close()
    _with_pragma("wal_autocheckpoint=16")
    life.journal = Journal.open(life.path, life.signer)
    for count in (1, 1, 9, 1, 1, 1, 30, 1, 1, 1, 1):
        life.append(*life.fees(count))


def readers(life: Life) -> None:
    """Beside a reader, which keeps the log from beginning anew and the close from moving it."""
    life.journal.close()
    _with_pragma("wal_autocheckpoint=12")
    _with_pragma("busy_timeout=20")  # the close waits that long for the reader, not 5 s
    life.journal = Journal.open(life.path, life.signer)
    for _ in range(3):
        reader = open_reader(life.path, life.signer.key)
        held = iter(reader._connection.execute("SELECT body FROM entry"))
        next(held)
        life.append(*life.fees(1))
        life.append(*life.fees(8))
        life.reopen()
        life.append(*life.fees(1))
        reader.close()


def notes(life: Life) -> None:
    heads.LocalNote.INTERVAL_S = 0.0
    for count in (1, 1, 2, 1):
        life.append(*life.fees(count))
        life.await_note()
    heads.remember(life.home, life.journal.head.note, "terminal")
    life.append(*life.fees(1))
    heads.remember(life.home, life.journal.head.note, "terminal")
    life.reopen()
    life.append(*life.fees(1))
    life.await_note()


def clock(life: Life) -> None:
    """The machine's clock is set back a day between two commits."""
    life.append(*life.fees(1), at=AT)
    life.append(*life.fees(2), at=AT - 86_400_000)
    life.append(*life.fees(1), at=AT - 86_399_000)


def rotation(life: Life) -> None:
    """Another signing key, twice."""
    life.append(*life.fees(1))
    for _ in range(2):
        life.await_note()
        mark({"key": None})
        rotate(life.home, life.journal, AT, new=PassphraseSources(), operator="demo", reason="乙" * 20)
        life.signer = life.journal.signer
        mark({"key": life.signer.vkey})
        life._acknowledge()
        life.append(*life.fees(1))


def erasing(life: Life) -> None:
    for first, size in ((1, 40), (4, 3_000)):
        life.append(*life.fees(2, size, private=True))
        mark({"erasing": [first, first + 1]})
        erase(life.journal, AT, first=first, last=first + 1, field=None, operator="demo", reason="甲")
        life._acknowledge()


SCENARIOS: dict[str, Callable[[Life], None]] = {
    run.__name__: run
    for run in (
        creation,
        singles,
        groups,
        private,
        large,
        reopening,
        checkpoints,
        readers,
        notes,
        clock,
        rotation,
        erasing,
    )
}


def _with_pragma(pragma: str) -> None:
    """On every writing connection opened from now on."""
    connect = engine.connect_writer

    def connected(path: Path, *, create: bool = False) -> engine.Connection:
        connection = connect(path, create=create)
        connection.execute(f"PRAGMA {pragma}")
        return connection

    engine.connect_writer = connected


def normal(life: Life) -> None:
    """SQLite syncs at checkpoints alone."""
    _with_pragma("synchronous=NORMAL")


def trusting(life: Life) -> None:
    """SQLite believes that a write never harms the bytes beside it (psow=1, its default)."""
    connect = engine._connect
    engine._connect = lambda path, options: connect(path, options.replace("psow=0", "psow=1"))


def early(life: Life) -> None:
    """Acknowledged before COMMIT."""
    life.early = True


def ahead(life: Life) -> None:
    """The head is remembered, durably, as soon as it is signed: before the entries that it signs are written."""
    signed = keys.Signer.signed

    def remembering(signer: keys.Signer, text: str) -> str:
        note = signed(signer, text)
        heads.remember(life.home, note, "sent")
        return note

    keys.Signer.signed = remembering  # type: ignore[method-assign]


CONTROLS: dict[str, Callable[[Life], None]] = {each.__name__: each for each in (normal, trusting, early, ahead)}


def main() -> None:
    scenario, home, control = sys.argv[1], Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else ""
    life = Life(home)
    if control:
        CONTROLS[control](life)
    life.create()
    SCENARIOS[scenario](life)
    life.journal.close()


if __name__ == "__main__":
    main()
