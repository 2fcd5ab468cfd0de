"""Every crash of a recorded run, each distinct disk opened once."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from tests.crash.disk import Disk, Image
from tests.crash.judge import Broken, Found, Judge, Promised
from tests.crash.recording import Kind, Record

SAMPLES = 2
"""Seeded choices for each crash, where there are too many to take all."""


@dataclass(slots=True)
class Explored:
    """points: records after which the run was cut. states: distinct disks. broken: (record, what), at most `MOST`."""

    MOST = 20

    points: int = 0
    states: int = 0
    broken: list[tuple[int, str]] = field(default_factory=list)


def explore(
    records: Sequence[Record], folder: Path, *, start: int = 0, seed: int = 0, samples: int = SAMPLES,
    until: str | None = None, disk: Disk | None = None,
) -> Explored:  # fmt: skip
    """Open every disk that a crash of this run may leave, after record `start` or a later one.

    until: it ends with the first that is broken in these words (a part of them; "": in whatever words).
    """
    judge, disk, chance = Judge(folder), disk or Disk(), random.Random(seed)
    explored, seen, promised = Explored(), dict[bytes, Found | None](), Promised()
    for place, record in enumerate(records):
        disk.follow(record)
        if record.kind is Kind.MARK:
            promised = promised.and_mark(record.data)
        if place < start:
            continue
        explored.points += 1
        for image in disk.crashes(chance, samples):
            key = _key(image)
            try:
                if key not in seen:
                    seen[key] = None
                    explored.states += 1
                    seen[key] = judge.open(image, promised)
                found = seen[key]
                if found is not None:  # else it was told
                    found.keeps(promised)
            except Broken as error:
                seen[key] = None
                if len(explored.broken) < Explored.MOST:
                    explored.broken.append((place, str(error)))
                if until is not None and until in str(error):
                    return explored
    return explored


def once_created(records: Sequence[Record]) -> int:
    """The record by which the journal's creation was acknowledged: what comes before is the scenario `creation`'s."""
    return next(
        place for place, record in enumerate(records) if record.kind is Kind.MARK and b'"entries"' in record.data
    )


def _key(image: Image) -> bytes:
    digest = blake2b(digest_size=16)
    for path in sorted(image):
        content = image[path]
        digest.update(f"{len(path)} {path} {len(content)}\n".encode())
        digest.update(content)
    return digest.digest()
