"""The wires: pty, TCP, pipes and memory, each against a peer that comes, goes, and does not read."""

from __future__ import annotations

import os
import select
import socket
import time
from pathlib import Path

import pytest

from simulator.errors import SimulatorError
from simulator.wires.memory import memory_wire
from simulator.wires.pty import PtyWire
from simulator.wires.stdio import StdioWire
from simulator.wires.tcp import TcpWire
from simulator.wires.wire import MOST_UNREAD, Wire

EVERY = bytes(range(256))


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
    assert wire.writers and len(wire._unwritten) <= MOST_UNREAD
    got = b""
    for _ in range(10_000):
        wire.write(b"")
        try:
            got += os.read(fd, 65536)
        except BlockingIOError:
            if not wire.writers:
                break
    os.close(fd)
    wire.close()
    assert len(got) >= MOST_UNREAD and sent.startswith(got[:MOST_UNREAD]), "only what comes on top is lost"


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


@pytest.mark.parametrize("target", ["/dev/null", __file__, "/"])
def test_a_link_to_a_real_port_or_file_is_nobodys_to_take(tmp_path: Path, target: str) -> None:
    (tmp_path / "port").symlink_to(target)
    with pytest.raises(SimulatorError, match="not a link of a simulator"):
        PtyWire(tmp_path / "port")
    assert str((tmp_path / "port").readlink()) == target and len(list(tmp_path.iterdir())) == 1


def test_a_file_in_the_way_stays(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("mine")
    with pytest.raises(SimulatorError, match="not a link"):
        PtyWire(tmp_path / "port")
    assert (tmp_path / "port").read_text() == "mine"


def open_port(path: Path | str) -> int:
    return os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)


def heard(wire: Wire, within_s: float = 30) -> bytes:
    """What comes next; b"" if the wire has nothing for so long."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        select.select(wire.readers, [], [], 0.05)
        if data := wire.read():
            return data
    return b""


def test_a_pty_that_hangs_up_fails_at_the_other_end_and_comes_back_under_its_name(tmp_path: Path) -> None:
    wire = PtyWire(tmp_path / "port")
    fd = open_port(tmp_path / "port")
    wire.hang_up()
    with pytest.raises(OSError, match="Input/output error"):  # EIO
        os.write(fd, b"x")
    assert not (tmp_path / "port").is_symlink() and wire.readers == [] and wire.read() == b""
    wire.write(b"to nobody")
    wire.hang_up()
    wire.reappear()
    wire.reappear()
    again = open_port(tmp_path / "port")
    os.write(again, b"hello")
    assert wire.read() == b"hello"
    wire.write(b"back")
    assert os.read(again, 100) == b"back"
    for one in (fd, again):
        os.close(one)
    wire.close()
    wire.close()
    assert list(tmp_path.iterdir()) == []


def test_a_pty_that_moves_leaves_the_old_device_alive_and_silent(tmp_path: Path) -> None:
    wire = PtyWire(tmp_path / "port")
    old, name = open_port(tmp_path / "port"), wire.device
    wire.move()
    assert wire.device != name and str((tmp_path / "port").readlink()) == wire.device
    for _ in range(100):  # more than a pty's buffer: whoever has not noticed can go on writing
        assert os.write(old, bytes(1000)) == 1000
        assert wire.read() == b""
    new = open_port(tmp_path / "port")
    wire.write(b"here")
    assert os.read(new, 100) == b"here"
    with pytest.raises(BlockingIOError):
        os.read(old, 100)
    assert len(wire.readers) == 2
    wire.close()
    with pytest.raises(OSError, match="Input/output error"):
        os.write(old, b"x")
    for fd in (old, new):
        os.close(fd)


def test_a_tcp_port_takes_one_client_turns_a_second_away_and_takes_a_later_one() -> None:
    wire = TcpWire("127.0.0.1", 0)
    port = int(wire.name.rpartition(":")[2])
    assert wire.name == f"socket://127.0.0.1:{port}"
    wire.write(b"said to nobody")
    with socket.create_connection(("127.0.0.1", port), 5) as first:
        first.sendall(EVERY)
        assert heard(wire) == EVERY
        with socket.create_connection(("127.0.0.1", port), 5) as second, pytest.raises(ConnectionResetError):
            assert heard(wire, 0.2) == b""
            second.recv(1)
        wire.write(EVERY)
        assert first.recv(1000) == EVERY, (
            "the first one was not disturbed, and hears nothing that was said before it came"
        )
    assert heard(wire, 0.2) == b""
    with socket.create_connection(("127.0.0.1", port), 5) as later:
        later.sendall(b"later")
        assert heard(wire) == b"later"
        wire.hang_up()
        with pytest.raises(ConnectionResetError):
            later.recv(1)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)
    wire.reappear()
    with socket.create_connection(("127.0.0.1", port), 5) as back:
        back.sendall(b"back")
        assert heard(wire) == b"back"
        wire.write(b"the last word")
        wire.wait_until_read(50)
        assert back.recv(100) == b"the last word" and back.recv(100) == b"", "an end, not a failure"
        wire.close()


def test_a_tcp_client_that_does_not_read_costs_a_bounded_buffer() -> None:
    wire = TcpWire("127.0.0.1", 0)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        client.connect(("127.0.0.1", int(wire.name.rpartition(":")[2])))
        while len(wire.readers) < 2:
            heard(wire, 0.1)
        # Else the kernel may grow both ends past ten million bytes.
        with socket.socket(fileno=socket.dup(wire.readers[1])) as ours:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        for _ in range(10_000):
            wire.write(bytes(1000))
        assert wire.writers and len(wire._unwritten) <= MOST_UNREAD
    wire.close()


def test_an_address_that_is_taken_or_not_ours_is_two_sentences() -> None:
    wire = TcpWire("127.0.0.1", 0)
    with pytest.raises(SimulatorError, match=r"another program listens there. Give --listen an address"):
        TcpWire("127.0.0.1", int(wire.name.rpartition(":")[2]))
    wire.close()
    with pytest.raises(SimulatorError, match=r"Nothing can listen on 192.0.2.1:0"):  # RFC 5737: nobody's
        TcpWire("192.0.2.1", 0)


def test_pipes_are_a_wire_that_ends_with_its_input() -> None:
    ours, theirs = socket.socketpair()
    wire = StdioWire(ours.fileno(), ours.fileno())
    theirs.sendall(EVERY)
    assert heard(wire) == EVERY and wire.read() == b"" and not wire.ended
    wire.write(EVERY)
    assert theirs.recv(1000) == EVERY
    wire.hang_up()
    theirs.sendall(b"unheard")
    wire.write(b"unsaid")
    assert heard(wire, 0.1) == b""
    wire.reappear()
    wire.write(b"again")
    assert theirs.recv(100) == b"again"
    theirs.close()
    assert heard(wire, 0.1) == b"" and wire.ended and wire.readers == []
    wire.close()
    assert ours.getblocking()
    ours.close()


def test_a_wire_in_memory_has_two_ends_and_a_bound() -> None:
    terminal, agent = memory_wire()
    terminal.write(b"one")
    terminal.write(b"two")
    agent.write(b"three")
    assert agent.waits and agent.read() == b"onetwo" and not agent.waits and terminal.read() == b"three"
    terminal.write(bytes(MOST_UNREAD + 1000))
    terminal.write(b"lost")
    assert agent.read() == bytes(MOST_UNREAD)
    terminal.write(b"gone")
    terminal.hang_up()
    assert agent.hung_up and agent.read() == b""
    agent.write(b"lost")
    agent.reappear()
    assert terminal.read() == b""
    terminal.move()
    agent.write(b"to the old device")
    terminal.write(b"to the new one")
    assert terminal.read() == agent.read() == b""
    agent.reopen()
    agent.write(b"hello")
    assert terminal.read() == b"hello"
