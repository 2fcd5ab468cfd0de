"""The journal's head as the terminal remembers it: when it is put there, and when it is left alone."""

from __future__ import annotations

from agent import actions as a
from protocol import messages as m

# "HEAD_PUT when idle, at least every 60 s"
IDLE_MS = 300
FRAME_BYTES = 280
HEAD_EVERY_MS = 60_000

_NEVER = 1 << 62


class HeadAtTerminal:
    """size, note: the journal's head. line_rate: bits a second. Times are ms that never go back."""

    def __init__(self, size: int, note: str, line_rate: int) -> None:
        # On a slow line an event takes as long as a pause on a quick one: idle is what three frames would have filled.
        self._idle_ms = max(IDLE_MS, 3 * FRAME_BYTES * 10_000 // line_rate)
        self._size, self._note = size, note
        self._put_size = -1
        self._put_at = 0
        self._heard_at = 0

    def begin(self) -> None:
        """A new session: what the terminal remembers is not known."""
        self._put_size = -1

    def heard(self, now: int) -> None:
        """The line is not idle."""
        self._heard_at = now

    def grown(self, size: int, note: str) -> None:
        """The journal has a new head."""
        self._size, self._note = size, note

    def leave(self) -> None:
        """The terminal keeps what it has in this session: its proof, or nothing, where it cannot."""
        self._put_size = _NEVER

    def due(self, *, busy: bool) -> int | None:
        """When the head is to be put; None if the terminal has it."""
        if self._size <= self._put_size:
            return None
        latest = self._put_at + HEAD_EVERY_MS
        return latest if busy else min(latest, self._heard_at + self._idle_ms)

    def put(self, now: int) -> m.HeadPut:
        """The request, which goes out now."""
        self._put_size, self._put_at = self._size, now
        return m.HeadPut(checkpoint=self._note)

    def answered(self, reply: m.Reply | None) -> list[a.Action]:
        """Take the answer to it."""
        if isinstance(reply, m.HeadReply):
            refused = not reply.accepted and reply.checkpoint is not None
            return [a.CompareHead(reply.checkpoint)] if refused and reply.checkpoint else []
        if reply is None:
            self._put_size = -1
        else:
            self.leave()  # an Error: it cannot remember heads, and is not asked again in this session
        return []
