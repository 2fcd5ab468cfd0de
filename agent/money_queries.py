"""When a terminal is asked what became of a money request, and what may be done with "not found" (docs/protocol.md §4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.money import MoneyCase
from protocol.messages import Message, TerminalHello

QUERY_FIRST_MS, QUERY_MOST_MS = 5_000, 60_000
"""Between two STATUS of one session: from the first to the second, and twice as long each time up to this."""
QUERY_LONG_MS = 600_000
"""For so long; then, and for what was put aside, every QUERY_SELDOM_MS."""
QUERY_SELDOM_MS = 1_800_000


@dataclass(frozen=True, slots=True)
class Told:
    """A session, as far as the lane asks. hello: None where the dialect has none."""

    hello: TerminalHello | None

    @property
    def epoch(self) -> str:
        return "" if self.hello is None else self.hello.log_epoch

    @property
    def boot_id(self) -> str | None:
        return None if self.hello is None else self.hello.boot_id


@dataclass(frozen=True, slots=True)
class Moment:
    """When something happens, and what the line can do then.

    now: ms that never go back; wall: ms UTC; uptime: what the terminal's clock shows (ms). last_event: the last event number
    recorded. records: facts are being written. fits: the dialect has words for such a message, values and all.
    """

    now: int
    wall: int
    uptime: int
    last_event: int
    records: bool
    fits: Callable[[Message], bool]


def begin_queries(case: MoneyCase, now: int) -> None:
    """In a new session, or once nobody knows: at once."""
    case.queried_since, case.query_wait, case.query_due = now, QUERY_FIRST_MS, now


def query_later(case: MoneyCase, now: int) -> None:
    """The terminal's answer was none that decides."""
    if case.parked or now - case.queried_since >= QUERY_LONG_MS:
        case.query_due = now + QUERY_SELDOM_MS
    else:
        case.query_due = now + case.query_wait
        case.query_wait = min(2 * case.query_wait, QUERY_MOST_MS)


def may_fence(case: MoneyCase, session: Told | None) -> bool:
    """The log that it was asked in answers, and neither was put back since nor is shorter than it was then."""
    if session is None or session.epoch != case.intent.log_epoch or case.doubtful:
        return False
    return session.hello is None or session.hello.last_written >= case.intent.last_event


def may_send(case: MoneyCase, session: Told | None, at: Moment) -> bool:
    """The session, the log and the boot that it was made for stand when its intent is durable, and its time is not over."""
    if session is None or session.epoch != case.intent.log_epoch or session.boot_id != case.boot_id:
        return False
    return at.uptime < case.deadline


def may_resend(case: MoneyCase, session: Told | None, at: Moment) -> bool:
    """Still waited for; the terminal's clock is the one that this process told its deadline in."""
    same_boot = session is not None and session.boot_id == case.boot_id
    return bool(case.waiting and not case.parked and same_boot and at.uptime < case.deadline)
