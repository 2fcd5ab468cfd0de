"""Schedules of faults (tests/dst) by the second: a store in memory on two cores, and the real one."""

from __future__ import annotations

import tempfile
import time
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path

from tests.dst.disk import DiskWorld
from tests.dst.money_world import MoneyScenario
from tests.dst.play import AnyScenario, play

CORES = 2
A_TIME = 25


def measure(*, schedules: int, on_disk: int) -> dict[str, float]:
    """Seconds for 10,000 schedules of three orders, in memory; ms a schedule on the real disk; µs of a SHA-256 of 64 KiB."""
    parts: list[list[tuple[int, AnyScenario]]] = [
        [(seed, MoneyScenario.MONEY) for seed in range(first, first + A_TIME)] for first in range(0, schedules, A_TIME)
    ]
    with get_context("spawn").Pool(CORES) as pool:
        pool.map(play, [[] for _ in range(CORES)])  # started, and everything imported
        began = time.perf_counter()
        failed = [line for lines in pool.imap_unordered(play, parts) for line in lines]
        in_memory = time.perf_counter() - began
    if failed:
        raise RuntimeError("\n".join(failed))
    began = time.perf_counter()
    for seed in range(on_disk):
        with tempfile.TemporaryDirectory() as folder:
            DiskWorld(seed, Path(folder), traced=False).run()
    disk = time.perf_counter() - began
    block = bytes(1 << 16)
    began = time.perf_counter()
    for _ in range(1_000):
        sha256(block).digest()
    return {
        "ten_thousand_s": in_memory / schedules * 10_000,
        "disk_ms": disk / on_disk * 1_000,
        "hash_us": (time.perf_counter() - began) * 1_000,
    }
