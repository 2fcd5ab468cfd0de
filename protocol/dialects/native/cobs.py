"""Consistent Overhead Byte Stuffing (Cheshire & Baker, 1999): no 00 inside, at most one byte more in every 254."""

from __future__ import annotations

_LONGEST_RUN = 254


def stuff(data: bytes) -> bytes:
    """data without a single 00."""
    out = bytearray()
    runs = data.split(b"\0")
    for run in runs:
        start = 0
        while len(run) - start >= _LONGEST_RUN:
            out.append(0xFF)
            out += run[start : start + _LONGEST_RUN]
            start += _LONGEST_RUN
        if start and start == len(run) and run is runs[-1]:
            break  # a full run at the very end says by itself that no 00 follows
        out.append(len(run) - start + 1)
        out += run[start:]
    return bytes(out)


def unstuff(stuffed: bytes) -> bytes | None:
    """The data again, or None where the code bytes point past the end. `stuffed` holds no 00."""
    out = bytearray()
    at, end = 0, len(stuffed)
    while at < end:
        code = stuffed[at]
        stop = at + code
        if stop > end:
            return None
        out += stuffed[at + 1 : stop]
        if code != 0xFF and stop != end:
            out.append(0)
        at = stop
    return bytes(out)
