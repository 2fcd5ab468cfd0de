"""A register of the native wire, which has the plugin's keys, is known to the simulated terminal without a pairing."""

from __future__ import annotations

import importlib
import os
import time
from pathlib import Path
from types import ModuleType

import pytest
import serial
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from protocol.conversation import Conversation
from protocol.dialect import LinkKeys, Role
from protocol.events import Replied, SessionOpened
from protocol.messages import Echo, EchoReply
from tests.plugin.elsewhere import COUNTERFOIL


def test_the_public_halves_belong_to_the_private_ones(plugin: ModuleType) -> None:
    """Reckoned by another library."""
    keys = importlib.import_module("pytest_counterfoil.keys")
    for private, public in (
        (keys.REGISTER_PRIVATE, keys.REGISTER_PUBLIC),
        (keys.TERMINAL_PRIVATE, keys.TERMINAL_PUBLIC),
    ):
        assert X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw() == public


@pytest.mark.parametrize("paired", [True, False])
def test_a_session(plugin: ModuleType, tmp_path: Path, paired: bool) -> None:
    options = plugin.Options(paired=paired, pairing="off")
    simulator = plugin.TerminalSimulator([str(COUNTERFOIL)], options, tmp_path)
    try:
        simulator.start()
        keys = LinkKeys(plugin.REGISTER_PRIVATE, plugin.TERMINAL_PUBLIC)
        register = Conversation("native", Role.AGENT, random=os.urandom, keys=keys)
        with serial.serial_for_url(simulator.url, timeout=0.02) as line:
            assert answered(register, line, seconds=20 if paired else 1) is paired
            assert simulator.state()["session"] is paired
    finally:
        simulator.close()
    assert not simulator.runs


def answered(register: Conversation, line: serial.SerialBase, seconds: float) -> bool:
    """A session opens, and the terminal says again in it what it is asked to."""

    def now() -> int:
        return time.monotonic_ns() // 1_000_000

    register.open(now())
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        line.write(register.outgoing(now()))
        register.receive(line.read(4096), now())
        register.tick(now())
        for event in register.events():
            if isinstance(event, SessionOpened):
                register.request(Echo(data=b"here"), now())
            elif isinstance(event, Replied):
                return isinstance(event.message, EchoReply) and event.message.data == b"here"
    return False


def test_key_files_are_for_their_owner_alone(plugin: ModuleType, tmp_path: Path) -> None:
    keys = importlib.import_module("pytest_counterfoil.keys")
    keys.write_paired(tmp_path / "state")
    assert {p.name: oct(p.stat().st_mode & 0o777) for p in (tmp_path / "state").iterdir()} == {
        "link.key": "0o600",
        "agent.pub": "0o600",
    }
    os.unlink(tmp_path / "state" / "agent.pub")
    (tmp_path / "state" / "link.key").write_text("kept")
    keys.write_paired(tmp_path / "state")
    assert (tmp_path / "state" / "link.key").read_text() == "kept"
