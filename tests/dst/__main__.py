"""Seeds by hand: python -m tests.dst FIRST COUNT [SCENARIO] [--trace]. One line for each seed that fails, with its replay."""

from __future__ import annotations

import argparse
import sys
from hashlib import sha256

from tests.dst.promises import Broken
from tests.dst.world import Scenario, World


def fault(seed: int, scenario: Scenario, *, trace: bool = False) -> str | None:
    """What a seed breaks, in one line; None if every promise holds."""
    world = World(seed, scenario)
    said = None
    try:
        world.run()
    except Broken as broken:
        said = str(broken)
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
    if trace:
        print("\n".join(world.trace))
    return said


def replay(seed: int, scenario: Scenario, said: str) -> str:
    """The line for a seed that failed: what it breaks, and the command that shows it again."""
    return f"seed {seed} {scenario}: {said} -- python -m tests.dst {seed} 1 {scenario} --trace"


def digest(seeds: range) -> str:
    """SHA-256 over everything that happened in the plain runs of these seeds, as hex."""
    trace = sha256()
    for seed in seeds:
        world = World(seed)
        world.run()
        trace.update("\n".join(world.trace).encode())
    return trace.hexdigest()


def main() -> int:
    """1 if any seed failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.dst", description=__doc__)
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("scenario", type=Scenario, nargs="?", help=", ".join(Scenario))
    parser.add_argument("--trace", action="store_true", help="print what happened, act by act")
    parser.add_argument("--digest", action="store_true", help="print the digest of these seeds' traces instead")
    given = parser.parse_args()
    seeds = range(given.first, given.first + given.count)
    if given.digest:
        print(digest(seeds))
        return 0
    failed = 0
    for seed in seeds:
        for scenario in [given.scenario] if given.scenario else list(Scenario):
            if (said := fault(seed, scenario, trace=given.trace)) is not None:
                failed += 1
                print(replay(seed, scenario, said), flush=True)
    print(f"{given.count} seeds, {failed} failures")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
