"""A life of the journal on a disk that fails at a chosen call, or a writer that is killed there; for every call of the run.

    python -m tests.crash.faulty RUN FOLDER KINDS COUNT ERROR [FIRST]

RUN: `creation` of key and journal, `day` of a journal that stands, or `life`, which is both.

Runs under the recorder. For N = FIRST, FIRST + 1, … a process of its own, forked with everything loaded, lives in home N below
FOLDER/root and meets the fault at the Nth call of those kinds there, until one meets none; ERROR 0 is kill -9. With FIRST below 0,
that one life alone, unforked, in home 0, so that its log can be explored. What it acknowledged and what failed it
tells in FOLDER/told-N, a line of JSON each.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.errors import JournalError
from agent.journal import keys
from agent.journal.store import Journal
from tests.crash.workload import Life, mark

WRITES, SYNCS, OPENS, TRUNCATES, NAMES = 1, 2, 4, 8, 16
EVERY = 31
FOR_EVER = 1_000_000
"""Of calls: until somebody mends the disk."""
ATTEMPTS = 3
_LIBRARY = ctypes.CDLL(None)


def told_by(folder: Path) -> Path:
    """Outside the folder that the recorder watches, so that no fault meets it."""
    return folder.parent.parent / f"told-{folder.name}"


class Trial:
    """A life that goes on after every JournalError: tries again, and opens anew what has stopped."""

    def __init__(self, folder: Path) -> None:
        self._told = os.open(told_by(folder), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.life = Life(folder / "home", self.tell)
        self.open = False

    def tell(self, said: dict[str, Any]) -> None:
        os.write(self._told, json.dumps(said).encode() + b"\n")
        mark(said)

    def attempt(self, step: Callable[[], None]) -> bool:
        """True if it was done at last."""
        for _ in range(ATTEMPTS):
            try:
                self._ready()
                step()
            except JournalError as error:
                stopped = self.open and self.life.journal.stopped
                self.tell({"failed": error.what, "stopped": stopped})
                if stopped:
                    self._still_stopped()
                    self.life.journal.close()
                    self.open = False
            else:
                return True
        return False

    def _still_stopped(self) -> None:
        """A stopped journal takes nothing more."""
        try:
            self.life.append(*self.life.fees(1))
        except JournalError:
            return
        raise AssertionError("a stopped journal acknowledged an entry")

    def _ready(self) -> None:
        if not self.open:
            if self.life.path.exists():
                self.life.journal = Journal.open(self.life.path, self.life.signer)
            else:
                self.life.make_journal()
            self.open = True
        self.life.number = max(self.life.journal.last_events().values(), default=0)

    def append(self, count: int, size: int = 40, *, private: bool = False) -> bool:
        return self.attempt(lambda: self.life.append(*self.life.fees(count, size, private=private)))

    def reopen(self) -> bool:
        if self.open:
            self.life.journal.close()
            self.open = False
        return self.attempt(lambda: None)

    def day(self) -> bool:
        """Until nothing helps any more."""
        return (
            self.reopen()
            and self.append(1)
            and self.append(3, private=True)
            and self.append(1, 9_000)
            and self.reopen()
            and self.append(2)
            and self.append(1)
            and self.reopen()
            and self.append(1)
        )

    def mended(self) -> None:
        """The disk is well again: the same process must be able to go on."""
        before = self.life.told
        done = self.attempt(lambda: self.life.append(*self.life.fees(1)))
        self.tell({"went_on": done and self.life.told > before})
        if self.open:
            self.life.journal.close()


def base(folder: Path) -> None:
    """A home with a few entries, closed cleanly; its key and entries told."""
    folder.mkdir()
    trial = Trial(folder)
    trial.life.make_key()
    trial.append(2)
    trial.life.journal.close()


def beginning(run: str, folder: Path) -> None:
    """The folder of one life: of `day` with the base in it."""
    if run == "day":
        shutil.copytree(folder.parent / "base", folder)
        shutil.copy(told_by(folder.parent / "base"), told_by(folder))
    else:
        folder.mkdir(exist_ok=True)


def lives(run: str, folder: Path, fault: tuple[int, int, int, int]) -> bool:
    """One life in `folder` under the fault (kinds, first, count, error). True if it met it."""
    trial = Trial(folder)
    kinds, first, count, error = fault
    if run == "day":
        trial.life.signer = keys.unlock(folder / "home")
        trial.life.told = 3
        _LIBRARY.recorder_fault(kinds, first, count, error)
        trial.day()
    else:  # from nothing
        _LIBRARY.recorder_fault(kinds, first, count, error)
        try:
            trial.life.make_key()
        except OSError as failed:
            trial.tell({"failed": str(failed), "stopped": False})
            _LIBRARY.recorder_fault(0, 0, 0, 0)
            shutil.rmtree(folder / "home", ignore_errors=True)  # a key that was never used
            trial.life.make_key()
            trial.mended()
            return True
        if run == "creation":
            trial.reopen() and trial.append(1)
        else:
            trial.day()
    met = bool(_LIBRARY.recorder_seen() >= first)
    _LIBRARY.recorder_fault(0, 0, 0, 0)
    trial.mended()
    return met


def forked(run: str, folder: Path, fault: tuple[int, int, int, int]) -> bool:
    """As `lives`, in a process of its own. What it could not foresee stands in what it told."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if lives(run, folder, fault) else 9)
        except BaseException:
            with told_by(folder).open("a") as told:
                told.write(json.dumps({"unforeseen": traceback.format_exc()}) + "\n")
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0


def main() -> None:
    run, root = sys.argv[1], Path(sys.argv[2]) / "root"
    kinds, count, error, first = (int(told) for told in (*sys.argv[3:6], *(sys.argv[6:] or ["1"])))
    if first < 0:
        lives(run, root / "0", (kinds, -first, count, error))
        return
    if run == "day":
        base(root / "base")
    while True:
        folder = root / str(first)
        beginning(run, folder)
        if not forked(run, folder, (kinds, first, count, error)):
            shutil.rmtree(folder)
            return
        first += 1


if __name__ == "__main__":
    main()
