"""Seeds by hand: python -m tests.dst FIRST COUNT [SCENARIO] [--trace]. One line for each seed that fails, with its replay.

Without a scenario each seed is one schedule of money requests, every eighth with a terminal that loses its log, and every
fiftieth is also played in each scenario of events alone. All cores work on them.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from itertools import islice
from multiprocessing import get_context

from tests.dst.money_world import MoneyScenario
from tests.dst.play import ALL, digest, fault, play, schedules

A_TIME = 25
"""Schedules that a core takes at once."""


def main() -> int:
    """1 if any seed failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.dst", description=__doc__)
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("scenario", type=ALL.__getitem__, nargs="?", help=", ".join(ALL))
    parser.add_argument("--trace", action="store_true", help="print what happened, act by act")
    parser.add_argument("--digest", action="store_true", help="print the digest of these seeds' traces instead")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes; default: one a core")
    given = parser.parse_args()
    seeds = range(given.first, given.first + given.count)
    chosen = given.scenario
    if given.digest:
        print(digest(seeds, chosen or MoneyScenario.MONEY))
        return 0
    if given.trace:
        lines = [line for seed in seeds if (line := fault(seed, chosen or MoneyScenario.MONEY, trace=True))]
        print("\n".join(lines))
        return 1 if lines else 0
    all_of_them = iter([(seed, chosen) for seed in seeds] if chosen else schedules(seeds))
    parts = iter(lambda: list(islice(all_of_them, A_TIME)), [])
    failed, began = 0, time.monotonic()
    with get_context("spawn").Pool(given.jobs) as pool:
        for lines in pool.imap_unordered(play, parts):
            failed += len(lines)
            for line in lines:
                print(line, flush=True)
    print(f"{given.count} seeds, {failed} failures, {time.monotonic() - began:.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
