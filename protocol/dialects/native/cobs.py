"""Consistent Overhead Byte Stuffing (Cheshire & Baker, 1999): no 00 inside, at most one byte more in every 254."""

from __future__ import annotations

_LONGEST_RUN = 254


def stuff(data: bytes) -> bytes:
    """data without a single 00."""
    out = bytearray()
    runs = data.split(b"\0")
    for run in runs:
        if len(run) < _LONGEST_RUN:  # nearly all
            out.append(len(run) + 1)
            out += run
            continue
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
    data = bytearray(stuffed)
    at, end = 0, len(data)
    after_full_runs = []
    while at < end:
        code = data[at]
        data[at] = 0  # a code stands where the 00 before its run stood
        at += code
        if code == 0xFF:
            after_full_runs.append(at)
    if at != end:
        return None
    for at in reversed(after_full_runs):
        del data[at : at + 1]  # but no 00 follows a full run
    return bytes(data[1:])
