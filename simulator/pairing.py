"""How a simulated terminal comes to know its agent: the key files in its state folder, and whom it asks.

STATE/link.key    the terminal's own static X25519 key, private half, 64 hexadecimal digits, for its owner alone
STATE/agent.pub   the paired agent's public key, 64 hexadecimal digits; no such file: not paired
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path

from protocol.dialect import LinkKeys
from simulator.errors import SimulatorError

KEY_SIZE = 32
OWN, AGENT = "link.key", "agent.pub"
LONGEST_ANSWER = 1024
"""Of a line on standard input; what is longer was no answer."""


class PairingMode(StrEnum):
    AUTO = "auto"
    """It confirms by itself, whatever the number: for demos and CI."""
    ASK = "ask"
    """It shows the number and waits for a person's yes."""
    OFF = "off"


def link_keys(state: Path) -> LinkKeys:
    """The keys in a state folder; the terminal's own is made where there is none. SimulatorError if they are damaged."""
    own = state / OWN
    try:
        if not own.exists():
            _write_key(own, os.urandom(KEY_SIZE))
        agent = state / AGENT
        return LinkKeys(_read_key(own), _read_key(agent) if agent.exists() else None)
    except OSError as error:
        raise _unusable(state, error) from error


def keep_agent(state: Path, public: bytes) -> None:
    """Remember the agent that was paired, in place of any before it. Raises SimulatorError."""
    try:
        _write_key(state / AGENT, public)
    except OSError as error:
        raise _unusable(state, error) from error


def _write_key(path: Path, key: bytes) -> None:
    """Whole or not at all, and never for other eyes."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
        file.write(key.hex() + "\n")
    new.replace(path)


def _read_key(path: Path) -> bytes:
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii"))
    except ValueError:
        key = b""
    if len(key) != KEY_SIZE:
        raise SimulatorError(
            f"The key file {path} does not hold 64 hexadecimal digits.", "Remove it, and pair again with the agent."
        )
    return key


def _unusable(state: Path, error: OSError) -> SimulatorError:
    return SimulatorError(
        f"The keys in {state} cannot be used: {error.strerror}.", "Give a --state folder that can be read and written."
    )


class Word(StrEnum):
    """What a person can type."""

    YES = "yes"
    NO = "no"
    PAIR = "pair"
    """Take part in another pairing."""


class Answers:
    """Lines off a descriptor: a person's words. Other lines say nothing."""

    def __init__(self) -> None:
        self._line = b""

    def take(self, data: bytes) -> list[Word]:
        """The words in these bytes, in order."""
        *lines, self._line = (self._line + data).split(b"\n")
        self._line = self._line[-LONGEST_ANSWER:]
        words = [line.strip().lower().decode(errors="replace") for line in lines]
        return [Word(word) for word in words if word in set(Word)]
