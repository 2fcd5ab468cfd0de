"""Stop and wait: the one data frame of a direction that is out, and when it is said again."""

from __future__ import annotations

from dataclasses import dataclass

# "T_ack = 1.25·(t_frame + t_ack) + 300 ms, ×2, 5 tries"
ACK_MARGIN_MS = 300
TRIES = 5
ACK_FRAME_BYTES = 27
BITS_PER_BYTE = 10


@dataclass(slots=True)
class Outstanding:
    """A data frame that waits for its acknowledgement. wire: the same bytes each time. wait, due: ms."""

    counter: int
    wire: bytes
    wait: int
    due: int
    tries: int = 1

    @classmethod
    def sent(cls, counter: int, wire: bytes, line_rate: int, now: int) -> Outstanding:
        """Sent for the first time. line_rate: bits a second."""
        line_ms = (len(wire) + ACK_FRAME_BYTES) * BITS_PER_BYTE * 1000 // line_rate
        wait = line_ms * 5 // 4 + ACK_MARGIN_MS
        return cls(counter, wire, wait, now + wait)

    def again(self, now: int) -> bool:
        """Its time is up: say it again, or, False, give up."""
        if self.tries >= TRIES:
            return False
        self.tries += 1
        self.wait *= 2
        self.due = now + self.wait
        return True
