"""Who a simulated terminal is: everything follows from its profile's name and its seed, so a demo is the same each time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from itertools import count

from protocol.masking import mask_text
from simulator.profile import Profile

LARGEST_SEED = 10**12 - 1
"""Twelve digits: a terminal's name never looks like a card number."""


@dataclass(frozen=True, slots=True)
class Identity:
    """terminal: its name on the wire; log_epoch: of its event log; mid (15 digits), tid (8), serial_number: its plate's."""

    terminal: str
    log_epoch: str
    mid: str
    tid: str
    serial_number: str


@dataclass(frozen=True, slots=True)
class Plate:
    """What the device says of itself and of its shop, as it is now; all but the model may change (simulator/device.py)."""

    serial_number: str
    mid: str
    tid: str
    model: str
    firmware: str
    merchant_name: str
    mcc: str


def plate(who: Identity, profile: Profile, changed: dict[str, str]) -> Plate:
    """As it was made, and what was changed since."""
    made = {
        "serial_number": who.serial_number,
        "mid": who.mid,
        "tid": who.tid,
        "model": profile.model,
        "firmware": profile.firmware,
        "merchant_name": profile.merchant_name,
        "mcc": profile.mcc,
    }
    return Plate(**made | changed)


def identity(profile: str, seed: int) -> Identity:
    """The identity of one profile's terminal with one seed (0..LARGEST_SEED)."""
    terminal = f"SIM-{profile.upper()}-{seed:06d}"
    return Identity(
        terminal=terminal,
        log_epoch=_hash(terminal, "log epoch").hex()[:12],
        mid=_digits(terminal, "mid", 15),
        tid=_digits(terminal, "tid", 8),
        serial_number=f"{profile[:2].upper()}{_digits(terminal, 'serial number', 10)}",
    )


def another_mid(terminal: str) -> str:
    """The MID of a merchant that is not this terminal's, where its acquirer names one."""
    return _digits(terminal, "another mid", 15)


def _hash(terminal: str, what: str) -> bytes:
    return sha256(f"{terminal}/{what}".encode()).digest()


@cache
def _digits(terminal: str, what: str, length: int) -> str:
    """Digits in which no run passes for a card number: a masked MID would be no MID."""
    for attempt in count():
        digits = str(
            int.from_bytes(_hash(terminal, f"{what}/{attempt}")) % (9 * 10 ** (length - 1)) + 10 ** (length - 1)
        )
        if mask_text(digits) == digits:
            break
    return digits
