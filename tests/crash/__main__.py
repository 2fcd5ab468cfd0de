"""More disks than the tests open: python -m tests.crash SAMPLES [SCENARIO…]. SAMPLES: seeded choices for each crash (tests: 2).

One line for each scenario, and one for each broken disk. All cores work on them.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from functools import partial
from multiprocessing import get_context

from tests.crash.explorer import Explored, explore, once_created
from tests.crash.judge import hasten
from tests.crash.recording import record, recorder, scratch
from tests.crash.workload import SCENARIOS


def explored(scenario: str, samples: int, seed: int) -> tuple[str, Explored]:
    """One scenario recorded anew, and its crashes."""
    hasten()
    with scratch() as folder:
        records = record(folder, scenario)
        start = 0 if scenario == "creation" else once_created(records)
        return scenario, explore(records, folder, start=start, seed=seed, samples=samples)


def main() -> int:
    """1 if any disk was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("samples", type=int)
    parser.add_argument("scenario", nargs="*", help=", ".join(SCENARIOS))
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes; default: one a core")
    given = parser.parse_args()
    recorder()
    began, states, broken = time.monotonic(), 0, 0
    with get_context("fork").Pool(given.jobs) as pool:
        one = partial(explored, samples=given.samples, seed=given.seed)
        for scenario, found in pool.imap_unordered(one, given.scenario or list(SCENARIOS)):
            states += found.states
            broken += len(found.broken)
            print(f"{scenario}: {found.states} disks of {found.points} moments", flush=True)
            for place, what in found.broken:
                print(f"  after record {place}: {what}", flush=True)
    print(f"seed {given.seed}: {states} disks, {broken} broken, {time.monotonic() - began:.1f} s")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
