"""`NAME[:KEY=VALUE,…]`: how faults, lies and commands are written on a command line. One reading for all three."""

from __future__ import annotations

from protocol.masking import mask_text
from simulator.errors import SimulatorError

FIRST = ""
"""The key of a first value that stands without one."""


def read_written(text: str, kind: str, *, bare: bool = False) -> tuple[str, dict[str, str]]:
    """The name, and the values by their keys. kind: what it is, for the error: "fault", "lie", "command".

    bare: the first value may stand without its key, and is found under FIRST. A value holds no comma. SimulatorError.
    """
    name, _, rest = text.partition(":")
    values: dict[str, str] = {}
    for place, part in enumerate(rest.split(",") if rest else []):
        key, equals, value = part.partition("=")
        if bare and place == 0 and not equals and part:
            key, equals, value = FIRST, "=", part
        if not equals or key in values:
            raise SimulatorError(
                f"In the {kind} {mask_text(text)!r} stands {mask_text(part)!r}.",
                "Write NAME:KEY=VALUE,KEY=VALUE, and each key once.",
            )
        values[key] = value
    return name, values
