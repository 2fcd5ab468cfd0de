"""What the journal promises of the terminal's log once everything is at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from agent.journal.kinds import EventContradicted, EventGap, Fact, LogRolledBack, TerminalSaid
from tests.dst.terminal import Logged

Log = Sequence[Logged | None]


class Broken(AssertionError):
    """A promise that was not kept."""


def judge_journal(facts: Sequence[Fact], log: Log, former: Log, *, rollbacks: int) -> None:
    """The facts recorded against the terminal's log. former: the log before an older copy took its place. Raises Broken."""
    judge_order(facts, len(log))
    _judge_gaps(facts, log)
    judge_words(facts, _words(log), _words(former))
    _judge_kinds(facts, rollbacks)


def judge_order(facts: Sequence[Fact], last_written: int) -> None:
    """Every number once and in order, as an event or in a gap."""
    last = 0
    for fact in facts:
        match fact:
            case TerminalSaid():
                first, end = fact.message.number, fact.message.number
            case EventGap(first=first, last=end):
                pass
            case _:
                continue
        if first != last + 1:
            raise Broken(f"events lost or out of order: {first} follows {last}")
        last = end
    if last < last_written:
        raise Broken(f"events lost or out of order: the journal ends at {last} of {last_written}")


def _judge_gaps(facts: Sequence[Fact], log: Log) -> None:
    """Each hole of the log is one signed gap, and there is no other."""
    missing = [number for number, logged in enumerate(log, 1) if logged is None]
    runs = [[n for _, n in run] for _, run in groupby(enumerate(missing), lambda pair: pair[1] - pair[0])]
    holes = [(run[0], run[-1]) for run in runs]
    gaps = [(fact.first, fact.last) for fact in facts if isinstance(fact, EventGap)]
    if gaps != holes:
        raise Broken(f"gaps signed: {gaps}, holes of the log: {holes}")


def judge_words(facts: Sequence[Fact], now: dict[int, bytes], before: dict[int, bytes]) -> None:
    """The journal has each event in its first words; and as contradicted, once, what the log tells in others now."""
    again = {number: digest for number, digest in now.items() if before.get(number, digest) != digest}
    contradicted = Counter((f.event.number, f.event.sha256) for f in facts if isinstance(f, EventContradicted))
    if contradicted != Counter(again.items()):
        numbers = sorted(number or 0 for number, _ in contradicted.elements())
        raise Broken(f"contradicted: {numbers}, told in other words: {sorted(again)}")
    said = {fact.message.number: fact.sha256 for fact in facts if isinstance(fact, TerminalSaid)}
    if said != now | before:
        raise Broken("the journal's words are not the log's")


def _judge_kinds(facts: Sequence[Fact], rollbacks: int) -> None:
    """The rollbacks that were, and nothing that never happened: no security event, no mismatch of heads, no other log."""
    kinds = Counter(type(fact) for fact in facts)
    if kinds[LogRolledBack] != rollbacks:
        raise Broken(f"log.rolled_back is signed {kinds[LogRolledBack]} times, not {rollbacks}")
    allowed = {TerminalSaid, EventGap, EventContradicted, LogRolledBack}
    if strange := [kind.__name__ for kind in kinds if kind not in allowed]:
        raise Broken(f"the journal tells of what never happened: {strange}")


def _words(log: Log) -> dict[int, bytes]:
    """number -> SHA-256 of what the log holds."""
    return {number: logged.sha256 for number, logged in enumerate(log, 1) if logged is not None}
