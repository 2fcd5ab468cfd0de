"""The pty: its link, and a peer that does not read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from simulator.errors import SimulatorError
from simulator.wires import MOST_UNREAD, PtyWire


def test_bytes_pass_both_ways_unchanged(tmp_path: Path) -> None:
    wire = PtyWire(tmp_path / "port")
    fd = os.open(tmp_path / "port", os.O_RDWR | os.O_NOCTTY)
    every = bytes(range(256))
    wire.write(every)
    assert os.read(fd, 1000) == every
    os.write(fd, every)
    assert wire.read() == every and wire.read() == b""
    os.close(fd)
    os.close(os.open(tmp_path / "port", os.O_RDWR | os.O_NOCTTY))
    assert wire.read() == b"", "a peer may go and come: the master is not hung up"
    wire.close()
    assert not (tmp_path / "port").is_symlink()


def test_a_peer_that_does_not_read_costs_a_bounded_buffer_and_loses_the_rest(tmp_path: Path) -> None:
    wire = PtyWire(tmp_path / "port")
    fd = os.open(tmp_path / "port", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    sent = b"".join(n.to_bytes(4) for n in range(100_000))
    for start in range(0, len(sent), 1000):
        wire.write(sent[start : start + 1000])
    assert wire.has_unwritten and len(wire._unwritten) <= MOST_UNREAD
    got = b""
    for _ in range(10_000):
        wire.write(b"")
        try:
            got += os.read(fd, 65536)
        except BlockingIOError:
            if not wire.has_unwritten:
                break
    os.close(fd)
    wire.close()
    assert len(got) >= MOST_UNREAD and sent.startswith(got)


def test_a_link_of_an_earlier_simulator_is_replaced_and_anothers_is_left_alone(tmp_path: Path) -> None:
    link = tmp_path / "port"
    link.symlink_to(tmp_path / "gone")
    first = PtyWire(link)
    assert str(link.readlink()) == first.device
    second = PtyWire(link)
    first.close()
    assert str(link.readlink()) == second.device, "the first takes away only its own link"
    second.close()
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_stays(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("mine")
    with pytest.raises(SimulatorError, match="not a link"):
        PtyWire(tmp_path / "port")
    assert (tmp_path / "port").read_text() == "mine"
