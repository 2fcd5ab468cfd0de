"""What each fault does to bytes: functions from (bytes, when, random, fault) to pieces with due times."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import NamedTuple

from protocol.dialects.native.framing import TAG_SIZE, Frame, FrameType, decode, encode
from simulator.wires.faults import Fault, FaultName


class Piece(NamedTuple):
    """Bytes that arrive at `due` (ms). A copy is not in the order of what was said: it may come when its time has come."""

    due: int
    data: bytes
    copy: bool = False


Change = Callable[[bytes, int, Random, Fault], list[Piece]]
ByteChange = Callable[[int, Random], bytes]


def drop(data: bytes, due: int, random: Random, fault: Fault) -> list[Piece]:
    return []


def duplicate(data: bytes, due: int, random: Random, fault: Fault) -> list[Piece]:
    return [Piece(due, data), Piece(due + fault["gap"], data, copy=True)]


def split(data: bytes, due: int, random: Random, fault: Fault) -> list[Piece]:
    size, gap = fault["size"], fault["gap"]
    return [Piece(due + start // size * gap, data[start : start + size]) for start in range(0, len(data), size)]


def merge(data: bytes, due: int, random: Random, fault: Fault) -> list[Piece]:
    return [Piece(due + -due % fault["window"], data)]


def delay(data: bytes, due: int, random: Random, fault: Fault) -> list[Piece]:
    return [Piece(due + fault["ms"] + (random.randint(0, fault["jitter"]) if fault["jitter"] else 0), data)]


def wrong_rate(data: bytes, due: int, random: Random, fault: Fault) -> list[Piece]:
    return [Piece(due, resampled(data, fault["sent"], fault["heard"]))]


def wrong_parity(data: bytes, due: int, random: Random, fault: Fault) -> list[Piece]:
    return [Piece(due, bytes(byte & 0x7F | ((byte & 0x7F).bit_count() & 1) << 7 for byte in data))]


SEALED = frozenset({FrameType.DATA, FrameType.ACK, FrameType.PING, FrameType.PONG, FrameType.BYE})
"""Frames of a session on the native wire: their tag is of its keys."""


def forge(data: bytes, due: int, random: Random, fault: Fault) -> list[Piece]:
    def forged(frame: Frame) -> Frame:
        bit = 1 << random.randrange(8 * TAG_SIZE)
        return replace(frame, tag=(int.from_bytes(frame.tag) ^ bit).to_bytes(TAG_SIZE))

    return [Piece(due, _reframed(data, lambda frame: forged(frame) if frame.type in SEALED else frame))]


def malform(data: bytes, due: int, random: Random, fault: Fault) -> list[Piece]:
    def malformed(frame: Frame) -> Frame:
        tag = random.randbytes(TAG_SIZE) if frame.type in SEALED else frame.tag
        return replace(frame, body=random.randbytes(len(frame.body)), tag=tag)

    return [Piece(due, _reframed(data, malformed))]


def _reframed(data: bytes, change: Callable[[Frame], Frame]) -> bytes:
    """Each whole frame changed, its CRC right again; what is no frame of the native wire stays as it is."""
    runs = data.split(b"\0")
    for place, run in enumerate(runs):
        if run and (frame := decode(run)) is not None:
            runs[place] = encode(change(frame)).strip(b"\0")
    return b"\0".join(runs)


def same(data: bytes, due: int, random: Random, fault: Fault) -> list[Piece]:
    return [Piece(due, data)]


def flip(byte: int, random: Random) -> bytes:
    return bytes([byte ^ 1 << random.randrange(8)])


def lose(byte: int, random: Random) -> bytes:
    return b""


def insert(byte: int, random: Random) -> bytes:
    return bytes([random.randrange(256), byte])


def resampled(data: bytes, sent: int, heard: int) -> bytes:
    """What a receiver at `heard` bits a second makes of 8N1 at `sent`, the line idle before and after.

    It begins at a low line, looks at the middle of each of its bits, and where the stop bit is low says 00, as Linux does
    of a framing error, and waits for a high line.
    """
    levels = [bit for byte in data for bit in (0, *(byte >> place & 1 for place in range(8)), 1)]
    end, out, at = (
        len(levels) * heard,
        bytearray(),
        0,
    )  # time in units of which a sent bit has `heard`, a heard one `sent`

    def level(when: int) -> int:
        return levels[when // heard] if when < end else 1

    def wait_for(wanted: int, when: int) -> int:
        while when < end and level(when) != wanted:
            when = (when // heard + 1) * heard
        return when

    while (at := wait_for(0, at)) < end:
        bits = [level(at + place * sent + sent // 2) for place in range(1, 10)]
        at += 9 * sent + sent // 2
        if bits[8]:
            out.append(sum(bit << place for place, bit in enumerate(bits[:8])))
        else:
            out.append(0)
            at = wait_for(1, at)
    return bytes(out)


CHANGES: Mapping[FaultName, Change] = {
    FaultName.DROP: drop,
    FaultName.DUPLICATE: duplicate,
    FaultName.SPLIT: split,
    FaultName.MERGE: merge,
    FaultName.DELAY: delay,
    FaultName.MUTE: drop,
    FaultName.ECHO: same,
    FaultName.GARBAGE: same,
    FaultName.FORGE: forge,
    FaultName.MALFORM: malform,
    FaultName.WRONG_RATE: wrong_rate,
    FaultName.WRONG_PARITY: wrong_parity,
}
BYTE_CHANGES: Mapping[FaultName, ByteChange] = {FaultName.FLIP: flip, FaultName.LOSE: lose, FaultName.INSERT: insert}
