"""Keys of the native wire, the same for every test: with them the two ends know each other without a pairing.

X25519 (RFC 7748), raw, 32 bytes. They are published here: never for a terminal that takes real money.
"""

from __future__ import annotations

import os
from pathlib import Path

REGISTER_PRIVATE = bytes(range(32))
"""The register's own half. Its public half is what the simulated terminal was paired with."""
REGISTER_PUBLIC = bytes.fromhex("8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f")
TERMINAL_PRIVATE = bytes(range(32, 64))
TERMINAL_PUBLIC = bytes.fromhex("358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254")
"""What the register is to know the terminal by."""


def write_paired(state: Path) -> None:
    """The terminal's folder as after a pairing: its own key, and the register's. Keys that are there stay."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, key in (("link.key", TERMINAL_PRIVATE), ("agent.pub", REGISTER_PUBLIC)):
        if not (path := state / name).exists():
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
                file.write(key.hex() + "\n")
