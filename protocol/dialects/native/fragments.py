"""A message longer than a frame goes in fragments of 256 bytes; the other end puts them together again, within bounds."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from protocol.dialect import Delivered
from protocol.dialects.native.framing import MAX_BODY

# "a message is at most 16 KiB; reassembly is bounded and dropped with its session"
MAX_MESSAGE = 16 * 1024


def fragments(message: bytes) -> Iterator[tuple[bytes, bool]]:
    """(body, whether more follow) of each frame; an empty message is one empty frame."""
    for start in range(0, len(message) or 1, MAX_BODY):
        yield message[start : start + MAX_BODY], start + MAX_BODY < len(message)


class Reassembler:
    """Holds at most one message and a fragment."""

    def __init__(self) -> None:
        self._parts = bytearray()
        self._given_up = False

    def take(self, body: bytes, more: bool) -> Delivered | None:
        """The message that this fragment ends; or, as soon as it is above the limit, its beginning."""
        whole = None
        if not self._given_up:
            self._parts += body
            if len(self._parts) > MAX_MESSAGE:
                self._given_up = True
                whole = Delivered(bytes(self._parts[:MAX_BODY]), sha256(self._parts).digest(), oversize=True)
                self._parts.clear()
        if not more:
            if not self._given_up:
                message = bytes(self._parts)
                whole = Delivered(message, sha256(message).digest())
            self._parts.clear()
            self._given_up = False
        return whole
