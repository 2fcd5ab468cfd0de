"""Faults by name: what each does, its parameters, and how one is written down: `NAME[:KEY=VALUE,…]`.

Times are ms of the wire's own clock, the one that the link's timers go by, not of the simulated day. Shares are ppm of what
passes. What is counted are pieces (what one end wrote in one go) or single bytes: the table in docs/simulator.md says which.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from simulator.errors import SimulatorError
from simulator.written import read_written

ALL = 1_000_000
"""ppm: every one."""


class To(StrEnum):
    """Where bytes go."""

    AGENT = "agent"
    TERMINAL = "terminal"
    BOTH = "both"


class FaultName(StrEnum):
    DROP = "drop"
    """Pieces are lost: the link says them again, the merchant waits a second longer."""
    DUPLICATE = "duplicate"
    """Pieces come twice, the second time `gap` ms later (of an earlier session, if that is long): nothing happens twice."""
    FLIP = "flip"
    """A bit of a byte is wrong, and of those that follow in a `burst`; `byte=0` hits delimiters alone."""
    LOSE = "lose"
    """A byte is missing, or a `burst` of them."""
    INSERT = "insert"
    """A byte that nobody sent comes before one that somebody did."""
    SPLIT = "split"
    """Pieces come in parts of `size` bytes, `gap` ms apart."""
    MERGE = "merge"
    """What is said within `window` ms comes in one piece."""
    DELAY = "delay"
    """Pieces come `ms` later, and up to `jitter` more, in order: a slow converter or network."""
    HOLD = "hold"
    """Nothing comes, and then all of it at once: a buffer that was stuck. The session is lost meanwhile."""
    MUTE = "mute"
    """Nothing comes, ever: one wire of the cable is broken. The screens say that the terminal does not answer."""
    GARBAGE = "garbage"
    """Noise between the pieces at the line's full `rate`, as from a wrong device or a loose shield."""
    ECHO = "echo"
    """What an end says comes back to it too, as on a two-wire line."""
    WRONG_RATE = "wrong_rate"
    """Bits `sent` at one rate are `heard` at another: bytes that nobody meant. The agent asks after the line's settings."""
    WRONG_PARITY = "wrong_parity"
    """7E1 is heard as 8N1: the eighth bit is an even parity. The agent asks after the line's settings."""
    FORGE = "forge"
    """A bit of a session's frame is another and its check sum is right, as of somebody on the cable: a security notice."""
    MALFORM = "malform"
    """What a frame holds is nonsense, of a handshake too, and its check sum is right: a security notice."""
    REPLAY = "replay"
    """With a piece comes the one that was said `back` pieces before, recorded by somebody: nothing happens twice."""
    HANG_UP = "hang_up"
    """The cable is pulled, and back after `for` ms: the port fails (EIO), is gone, and comes again under its name."""
    MOVE = "move"
    """The device is numbered anew: the port's name leads to another device, and the old one lives on, silent."""
    CLOCK_JUMP = "clock_jump"
    """The terminal's clock shows `by` ms more from now on; its timers and its trade do not: order is by number."""
    SUSPEND = "suspend"
    """The terminal sleeps for so long of the simulated day, deaf and mute, and its uptime stands still."""


class Unit(StrEnum):
    """What a fault works on, and what its `share`, `count` and `skip` count."""

    PIECE = "piece"
    BYTE = "byte"
    LINE = "line"
    """A way of the line as such."""
    DEVICE = "device"
    """Wire or terminal, once, `after` so many ms."""


@dataclass(frozen=True, slots=True)
class Kind:
    """keys: every parameter and its value where none is given; besides, all but a DEVICE's have `to`."""

    unit: Unit
    keys: Mapping[str, int]


_WINDOW = {"after": 0, "for": 0}
_CHOICE = _WINDOW | {"share": ALL, "count": 0, "skip": 0}
_SOME = _CHOICE | {"share": 100_000}
_BYTES = _CHOICE | {"share": 1_000}

KINDS: Mapping[FaultName, Kind] = {
    FaultName.DROP: Kind(Unit.PIECE, _SOME),
    FaultName.DUPLICATE: Kind(Unit.PIECE, _SOME | {"gap": 0}),
    FaultName.FLIP: Kind(Unit.BYTE, _BYTES | {"burst": 1, "byte": -1}),
    FaultName.LOSE: Kind(Unit.BYTE, _BYTES | {"burst": 1, "byte": -1}),
    FaultName.INSERT: Kind(Unit.BYTE, _BYTES | {"burst": 1, "byte": -1}),
    FaultName.SPLIT: Kind(Unit.PIECE, _CHOICE | {"size": 1, "gap": 1}),
    FaultName.MERGE: Kind(Unit.PIECE, _CHOICE | {"window": 50}),
    FaultName.DELAY: Kind(Unit.PIECE, _CHOICE | {"ms": 200, "jitter": 0}),
    FaultName.HOLD: Kind(Unit.LINE, {"after": 0, "for": 120_000}),
    FaultName.MUTE: Kind(Unit.LINE, _WINDOW),
    FaultName.GARBAGE: Kind(Unit.LINE, _WINDOW | {"rate": 115_200}),
    FaultName.ECHO: Kind(Unit.PIECE, _CHOICE),
    FaultName.WRONG_RATE: Kind(Unit.PIECE, _CHOICE | {"sent": 115_200, "heard": 9_600}),
    FaultName.WRONG_PARITY: Kind(Unit.PIECE, _CHOICE),
    FaultName.FORGE: Kind(Unit.PIECE, _SOME),
    FaultName.MALFORM: Kind(Unit.PIECE, _SOME),
    FaultName.REPLAY: Kind(Unit.PIECE, _SOME | {"back": 1}),
    FaultName.HANG_UP: Kind(Unit.DEVICE, {"after": 0, "for": 2_000}),
    FaultName.MOVE: Kind(Unit.DEVICE, {"after": 0}),
    FaultName.CLOCK_JUMP: Kind(Unit.DEVICE, {"after": 0, "by": 86_400_000}),
    FaultName.SUSPEND: Kind(Unit.DEVICE, {"after": 0, "for": 28_800_000}),
}
"""`after`: ms from when it is armed. `for`: how long (0: without an end). `skip`: not the first so many. `share`: of the
others, ppm. `count`: at most so often (0: no limit). `byte`: only this value (-1: any). Others: in the names' own words."""

_LEAST = {
    "by": -(10**11),
    "byte": -1,
    "size": 1,
    "window": 1,
    "back": 1,
    "rate": 300,
    "sent": 50,
    "heard": 50,
    "burst": 1,
}
_MOST = {
    "share": ALL,
    "byte": 255,
    "rate": 4_000_000,
    "sent": 4_000_000,
    "heard": 4_000_000,
    "burst": 65_536,
    "back": 1_024,
}
_LARGEST = 10**11


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault and its parameters, all of them. `fault["ms"]` is one; text: as it can be written down again."""

    name: FaultName
    to: To
    values: Mapping[str, int]

    @property
    def unit(self) -> Unit:
        return KINDS[self.name].unit

    @property
    def text(self) -> str:
        given = [f"{key}={value}" for key, value in self.values.items() if value != KINDS[self.name].keys[key]]
        given += [f"to={self.to}"] if self.to is not To.BOTH else []
        return self.name + (":" + ",".join(given) if given else "")

    def __getitem__(self, key: str) -> int:
        return self.values[key]


def make_fault(name: str, settings: Mapping[str, object]) -> Fault:
    """A fault from its name and what is said of it, as a scenario has them. Raises SimulatorError: what is not so."""
    try:
        known = FaultName(name)
    except ValueError:
        raise SimulatorError(f"There is no fault {name!r}.", f"Choose one of: {', '.join(FaultName)}.") from None
    kind = KINDS[known]
    values, to = dict(kind.keys), To.BOTH
    for key, value in settings.items():
        if key == "to" and kind.unit is not Unit.DEVICE:
            if value not in set(To):
                raise SimulatorError(f"A fault cannot go to {value!r}.", f"Choose one of: {', '.join(To)}.")
            to = To(str(value))
        elif key not in values:
            keys = [*values, *([] if kind.unit is Unit.DEVICE else ["to"])]
            raise SimulatorError(f"The fault {known} has no {key!r}.", f"Choose from: {', '.join(keys)}.")
        else:
            values[key] = _number(known, key, value)
    return Fault(known, to, values)


def parse_fault(text: str) -> Fault:
    """`NAME[:KEY=VALUE,…]`. Raises SimulatorError."""
    return make_fault(*read_written(text, "fault"))


def _number(name: FaultName, key: str, value: object) -> int:
    least, most = _LEAST.get(key, 0), _MOST.get(key, _LARGEST)
    try:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError
        number = int(value)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise SimulatorError(
            f"The {key} of the fault {name} cannot be {value!r}.", f"Give a whole number, {least}..{most}."
        )
    return number
