"""COBS against the PyPI package `cobs` (Craig McQueen's, from the paper of Cheshire and Baker) as oracle."""

from __future__ import annotations

import pytest
from cobs import cobs as oracle
from hypothesis import example, given
from hypothesis import strategies as st

from protocol.dialects.native.cobs import stuff, unstuff

# Lengths where a code byte of 255 begins or ends, and one below and above.
EDGES = [0, 1, 253, 254, 255, 256, 507, 508, 509, 510, 762]


def sparse(zeros: int) -> st.SearchStrategy[bytes]:
    """Long runs with few zeros: where COBS has its corners."""
    return st.tuples(st.sampled_from(EDGES), st.lists(st.integers(0, 800), max_size=zeros), st.integers(1, 255)).map(
        lambda made: bytes(0 if i in made[1] else made[2] for i in range(made[0]))
    )


@pytest.mark.parametrize("length", EDGES)
@pytest.mark.parametrize("last", [b"", b"\0", b"\0\0", b"\1"])
def test_the_lengths_around_a_full_run(length: int, last: bytes) -> None:
    data = b"\xaa" * length + last
    assert stuff(data) == oracle.encode(data)
    assert unstuff(stuff(data)) == data


@given(st.one_of(st.binary(max_size=600), sparse(4)))
@example(b"\0" * 300)
def test_stuffed_as_the_oracle_does(data: bytes) -> None:
    assert stuff(data) == oracle.encode(data)
    assert 0 not in stuff(data)
    assert unstuff(stuff(data)) == data
    assert len(stuff(data)) <= len(data) + len(data) // 254 + 1


@given(st.lists(st.one_of(st.integers(1, 255), st.sampled_from([1, 2, 254, 255])), max_size=600).map(bytes))
def test_what_is_no_stuffing_is_seen_as_the_oracle_sees_it(line: bytes) -> None:
    try:
        expected: bytes | None = oracle.decode(line)
    except oracle.DecodeError:
        expected = None
    assert unstuff(line) == expected
