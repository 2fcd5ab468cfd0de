"""Noise in quantity: nothing is delivered, nothing piles up, and what is counted does not depend on how the bytes are cut."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocol.dialects.native.framing import LARGEST_STUFFED, Direction, Frame, FrameDecoder, FrameType, decode, encode
from tests.bench.flood import ALLOWED_MB

GOOD = encode(Frame(FrameType.DATA, Direction.TO_AGENT, 1, 2, body=b"\0good\0", tag=b"TAGTAGTA"))

runs = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from([GOOD, GOOD[1:], GOOD[:-1], b"\0", b"\1" * 24, b"\1" * 25, b"\1" * LARGEST_STUFFED]),
        st.tuples(st.integers(1, 255), st.integers(0, LARGEST_STUFFED)).map(lambda made: bytes([made[0]]) * made[1]),
    ),
    max_size=8,
)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="VmRSS is Linux's")
def test_64_megabytes_of_noise_leave_memory_as_it_was() -> None:
    """`make noise` pours a gigabyte; it ends with 1 if anything was delivered, grew, or answers no longer."""
    command = [sys.executable, "-m", "tests.bench.flood", "64"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = json.loads(ran.stdout)
    assert found["megabytes"] == 64
    assert len(found["samples"]) > 3
    assert found["grown_mb"] <= ALLOWED_MB


@given(runs, st.lists(st.integers(0, 600), max_size=12))
@example([b"\1" * (LARGEST_STUFFED + 1), GOOD], [LARGEST_STUFFED])
def test_whatever_is_cut_anywhere_gives_the_same_frames_and_count(pieces: list[bytes], cuts: list[int]) -> None:
    """Held to the plainest reading: every run between two 00 is a frame or is not."""
    line = b"".join(pieces) + b"\0"
    between = [run for run in line.split(b"\0") if run]
    frames = [found for run in between if len(run) <= LARGEST_STUFFED and (found := decode(run)) is not None]
    places = sorted({min(cut, len(line)) for cut in cuts} | {0, len(line)})
    decoder, got = FrameDecoder(), []
    for start, stop in pairwise(places):
        got += decoder.feed(line[start:stop])
    assert got == frames
    if all(len(run) <= LARGEST_STUFFED for run in between):
        assert decoder.damaged == len(between) - len(frames)
    else:
        assert decoder.damaged >= len(between) - len(frames)  # chatter counts for every frame's length of it


@pytest.mark.parametrize("chunk", [1, 2, 281, LARGEST_STUFFED, 65536])
def test_chatter_without_a_delimiter_is_counted_by_its_length_and_kept_by_none(chunk: int) -> None:
    decoder, size = FrameDecoder(), 100 * LARGEST_STUFFED
    for at in range(0, size, chunk):
        assert decoder.feed(b"\x55" * min(chunk, size - at)) == []
        assert len(decoder._rest) <= LARGEST_STUFFED
    assert 50 <= decoder.damaged <= 100
    assert decoder.feed(GOOD) != []
