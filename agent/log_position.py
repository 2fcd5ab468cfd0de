"""Where the journal stands in the terminal's log: which event comes next, what is missing, what was told before.

A gap is signed only on the log's own word: a SYNC answered with "oldest retained" above it; or a SYNC on a quiet line that
brings again what lies beyond the gap, and not what is missing. What was under way when a SYNC went out proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

from agent.journal.kinds import EventGap, Fact, LogReplaced, LogRolledBack
from protocol.messages import TerminalHello
from protocol.money import LARGEST_MINOR

QUIET_MS = 10_000
"""Longer than the link tries one frame: after such a silence nothing sent before is still under way."""


class Arrival(Enum):
    TAKE = auto()
    IGNORE = auto()
    """Beyond what is asked for; it comes again."""
    ASK = auto()
    """The first sign of a gap: ask for what is missing."""


class LogPosition:
    """last_events: (terminal, log epoch) -> the last event number the journal holds or signed as lost, newest epoch last.

    next: the event number that comes next. durable: the last one recorded, of the log epoch in force. quiet_due: when a SYNC
    on a quiet line is to ask for a missing event (ms), or None.
    """

    def __init__(self, terminal: str, last_events: Mapping[tuple[str, str], int]) -> None:
        self._terminal = terminal
        self._last = {epoch: number for (name, epoch), number in last_events.items() if name == terminal}
        self._epoch = next(reversed(self._last), None)
        self._rolled_to: int | None = None
        self._asked_for = 0
        self._probing = False
        self._beyond = 0  # the highest number heard beyond a gap
        self.next = 1
        self.durable = 0
        self.quiet_due: int | None = None

    def begin(self, hello: TerminalHello) -> list[Fact]:
        """Take the log's bounds at the start of a session; answers what they say of the log.

        It begins after what both ends know to be acknowledged: what is told again is compared, so that a log that was rolled
        back and written on is found by its contradictions even where it has grown past the journal.
        """
        facts: list[Fact] = []
        if self._epoch is not None and self._epoch != hello.log_epoch:
            self._rolled_to = None
            replaced = LogReplaced(terminal=self._terminal, old_log_epoch=self._epoch, new_log_epoch=hello.log_epoch)
            facts.append(replaced)
        known = self._last.get(hello.log_epoch, 0)
        if hello.last_written >= known:
            self._rolled_to = None
        elif self._rolled_to is None or hello.last_written < self._rolled_to:
            self._rolled_to = hello.last_written
            rolled = LogRolledBack(
                terminal=self._terminal,
                log_epoch=hello.log_epoch,
                last_written=hello.last_written,
                journal_has=known,
            )
            facts.append(rolled)
        self._epoch = hello.log_epoch
        self.durable = min(known, hello.last_acknowledged, hello.last_written)
        self._start_over()
        return facts

    def ask(self, *, on_quiet_line: bool = False) -> int:
        """The number to begin a SYNC with, which goes out now."""
        self._asked_for, self._probing, self.quiet_due = self.next, on_quiet_line, None
        return min(self.next, LARGEST_MINOR)

    def arrive(self, number: int, now: int) -> tuple[Arrival, EventGap | None]:
        """What to do with an event of that number; with it, the gap that it proves."""
        gap = None
        if number > self.next:
            if not self._probing or number > self._beyond:  # under way already, or traded since
                self._beyond = max(self._beyond, number)
                self.quiet_due = now + QUIET_MS
                return (Arrival.IGNORE if self._asked_for == self.next else Arrival.ASK), None
            gap = self.lost_below(number, "skipped, and not sent when asked for")
        self._probing, self._beyond, self.quiet_due = False, 0, None
        self.next = max(self.next, number + 1)
        return Arrival.TAKE, gap

    def lost_below(self, first_there: int, reason: str) -> EventGap | None:
        """The gap from the next event to the one before `first_there`, if that is one; the position moves past it."""
        first = max(
            self.next, self._last.get(self._epoch or "", 0) + 1
        )  # what is below was recorded, or signed as lost
        self.next = max(self.next, first_there)
        if first_there <= first:
            return None
        return EventGap(
            terminal=self._terminal, log_epoch=self._epoch or "", first=first, last=first_there - 1, reason=reason
        )

    def recorded(self, log_epoch: str, number: int) -> bool:
        """Everything up to there is durable; True if that may be acknowledged in the session in force.

        Not what only an earlier session told: the log may have been put back since, and hold another event there.
        """
        self._last[log_epoch] = max(number, self._last.get(log_epoch, 0))
        if log_epoch != self._epoch or number >= self.next:
            return False
        self.durable = max(self.durable, number)
        return True

    def failed(self) -> None:
        """Nothing after `durable` was recorded."""
        self._start_over()

    def _start_over(self) -> None:
        self.next = self.durable + 1
        self._asked_for, self._probing, self._beyond, self.quiet_due = 0, False, 0, None
