"""How fast a decoder throws noise away: the kinds there are, the worst that we could think of among them.

python -m tests.bench.noise
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from statistics import median
from time import perf_counter

from protocol.dialects.native.framing import (
    LARGEST_STUFFED,
    MAX_BODY,
    SMALLEST_STUFFED,
    Direction,
    Frame,
    FrameDecoder,
    FrameType,
    encode,
)

MEGABYTE = 1 << 20
CHUNKS = (64, 1024, 4096, 65536)


def _damaged(frame: Frame, random: Random) -> bytes:
    """A frame of which one bit of the CRC is wrong."""
    line = bytearray(encode(frame))
    line[-2] ^= 0x80 if line[-2] != 0x80 else 0x40
    assert FrameDecoder().feed(bytes(line)) == []
    return bytes(line)


def kinds(size: int = MEGABYTE, seed: int = 1) -> Iterator[tuple[str, bytes]]:
    """(name, about `size` bytes) of each kind of noise, the random one first."""
    random = Random(seed)

    def filled(piece: bytes) -> bytes:
        return piece * (size // len(piece))

    plain = Frame(FrameType.DATA, Direction.TO_AGENT, 7, 5, 1)
    yield "random bytes", random.randbytes(size)
    yield "random bytes without a 00", random.randbytes(size).replace(b"\0", b"\x5a")
    yield "only 00", bytes(size)
    yield "00 and 01 by turns", filled(b"\0\1")
    yield "runs one below the smallest frame", filled(b"\0" + b"\1" * (SMALLEST_STUFFED - 1))
    yield "runs of 01 as long as the smallest frame", filled(b"\0" + b"\1" * SMALLEST_STUFFED)
    yield "runs of 01 as long as the largest frame", filled(b"\0" + b"\1" * (LARGEST_STUFFED - 1))
    yield "runs of 02 01 as long as the largest frame", filled(b"\0" + b"\2\1" * (LARGEST_STUFFED // 2))
    yield "runs just above the largest frame", filled(b"\0" + b"\1" * (LARGEST_STUFFED + 1))
    yield "acknowledgements with a wrong CRC", filled(_damaged(plain, random))
    body = random.randbytes(MAX_BODY)
    yield "full frames with a wrong CRC", filled(_damaged(Frame(plain.type, plain.direction, 7, 5, body=body), random))
    body = bytes(MAX_BODY)
    yield (
        "full frames of zeros with a wrong CRC",
        filled(_damaged(Frame(plain.type, plain.direction, 7, 5, body=body), random)),
    )


def rejected(data: bytes, chunk: int) -> float:
    """MB/s at which a decoder throws it away, `chunk` bytes a call."""
    decoder = FrameDecoder()
    began = perf_counter()
    for at in range(0, len(data), chunk):
        assert not decoder.feed(data[at : at + chunk])
    return len(data) / (perf_counter() - began) / 1e6


def speeds(size: int = MEGABYTE, rounds: int = 3) -> dict[str, dict[str, float]]:
    """name -> {slowest: MB/s of the slowest chunk size from 64 bytes to 64 KiB, byte_by_byte: MB/s}; medians."""
    return {
        name: {
            "slowest": min(median(rejected(data, chunk) for _ in range(rounds)) for chunk in CHUNKS),
            "byte_by_byte": median(rejected(data[: size // 10], 1) for _ in range(rounds)),
        }
        for name, data in kinds(size)
    }


if __name__ == "__main__":
    for kind, speed in speeds().items():
        print(json.dumps({"noise": kind} | {name: round(value, 1) for name, value in speed.items()}))
