"""What the lives of tests/crash/faulty.py left behind, and whether it keeps what they were promised."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.crash.faulty import told_by
from tests.crash.judge import Broken, Found, Judge, Promised
from tests.crash.recording import Record, read_log, scratch, under_recorder


@dataclass(frozen=True, slots=True)
class Left:
    """One life. call: the one that failed. told: everything it said, in order. image: what stands in its home."""

    call: int
    told: tuple[dict[str, Any], ...]
    image: dict[str, bytes]

    @property
    def failures(self) -> list[dict[str, Any]]:
        return [said for said in self.told if "failed" in said]

    @property
    def promised(self) -> Promised:
        promised = Promised()
        for said in self.told:
            promised = promised.and_mark(json.dumps(said).encode())
        return promised

    def judged(self, judge: Judge) -> Found:
        """The home opened once more. Raises Broken."""
        for said in self.told:
            if "unforeseen" in said:
                raise Broken(f"call {self.call}: {said['unforeseen']}")
        try:
            found = judge.open(self.image, self.promised)
            found.keeps(self.promised)
        except Broken as error:
            raise Broken(f"call {self.call}: {error}; told: {self.told[-4:]}") from error
        return found


@contextmanager
def trials(run: str, kinds: int, count: int, error: int) -> Iterator[tuple[list[Left], Judge]]:
    """Every life of `run`, one for each call of `kinds` that may meet the fault."""
    with scratch() as folder:
        root = folder / "root"
        root.mkdir()
        ran = under_recorder(
            root, folder / "log", "tests.crash.faulty", run, str(folder), str(kinds), str(count), str(error)
        )
        if ran.returncode:
            raise RuntimeError(f"the trials of {run} failed: {ran.stderr}")
        lives = sorted((path for path in root.iterdir() if path.name.isdigit()), key=lambda path: int(path.name))
        yield [_left(path) for path in lives], Judge(folder)


def record_life(folder: Path, kinds: int, first: int, count: int, error: int) -> list[Record]:
    """The log of one life from nothing under that fault. RuntimeError where it fails."""
    root = folder / "root" / "0"
    root.mkdir(parents=True)
    fault = (str(kinds), str(count), str(error), str(-first))
    ran = under_recorder(root, folder / "log", "tests.crash.faulty", "life", str(folder), *fault)
    if ran.returncode:
        raise RuntimeError(f"the life of {fault} failed: {ran.stderr}")
    return read_log(folder / "log")


def _left(folder: Path) -> Left:
    home = folder / "home"
    files = [path for path in home.rglob("*") if path.is_file() and not path.name.endswith("-shm")]
    told = [json.loads(line) for line in told_by(folder).read_text().splitlines()]
    return Left(int(folder.name), tuple(told), {f"home/{p.relative_to(home)}": p.read_bytes() for p in files})
