"""Noise for as long as you like, into both ends of a conversation: `make noise`, 1 GB; memory stays flat.

    python -m tests.bench.flood [MEGABYTES]

Every kind of noise of `tests.bench.noise.kinds` in turn, a megabyte at a time, fresh random bytes each time round, in pieces of
1 byte to 64 KiB. Prints one line of JSON; ends with 1 if anything was delivered, if memory grew by more than
`ALLOWED_MB` after the first time round, or if a session cannot be made afterwards.
"""

from __future__ import annotations

import json
import os
import sys
from random import Random
from time import perf_counter

from protocol.dialect import Role
from protocol.events import LineSuspected
from tests.bench.memory import resident_mb
from tests.bench.noise import CHUNKS, MEGABYTE, kinds
from tests.protocol.pair import Pair, conversation

ALLOWED_MB = 1.0


def pour(megabytes: int) -> dict[str, object]:
    """{megabytes, seconds, mb_per_s, samples: VmRSS in MB after each time round, grown_mb, delivered, answers}."""
    ends = [conversation(role) for role in Role]
    for end in ends:
        end.open(0)
    poured, delivered, seed, samples, now = 0, 0, 0, [], 0
    random = Random(2026)
    began = perf_counter()
    while poured < megabytes:
        seed += 1
        for _name, data in kinds(MEGABYTE, seed):
            end = ends[(poured + seed) % len(ends)]  # each kind to each end
            for byte in data[:512]:
                end.receive(bytes([byte]), now)
            at = 512
            while at < len(data):
                piece = random.choice(CHUNKS)
                end.receive(data[at : at + piece], now)
                at += piece
            now += 1000
            if end.deadline is not None and end.deadline <= now:
                end.tick(now)
            end.outgoing(now)
            delivered += sum(not isinstance(event, LineSuspected) for event in end.events())
            poured += 1
            if poured >= megabytes:
                break
        samples.append(round(resident_mb(os.getpid()), 2))
    seconds = perf_counter() - began
    pair = Pair(*ends)
    pair.now = now
    pair.run(10_000)
    return {
        "megabytes": poured,
        "seconds": round(seconds, 1),
        "mb_per_s": round(poured / seconds, 1),
        "samples": samples[:: max(1, len(samples) // 8)],
        "grown_mb": round(max(samples) - samples[0], 2),
        "delivered": delivered,
        "answers": all(end.is_open for end in ends),
    }


def main() -> int:
    found = pour(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
    print(json.dumps(found))
    grown = found["grown_mb"]
    assert isinstance(grown, float)
    return int(bool(found["delivered"]) or grown > ALLOWED_MB or not found["answers"])


if __name__ == "__main__":
    raise SystemExit(main())
