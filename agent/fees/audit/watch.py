"""The audit beside the work: what the record gains is judged as it comes, what is found is signed into it the same evening.

Nothing here holds up recording: the journal is read beside its writer, or piece by piece where only the writer may read it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

from agent.errors import CounterfoilError
from agent.fees.audit.auditor import Auditor
from agent.fees.audit.recording import audited, to_record
from agent.fees.audit.thresholds import Thresholds
from agent.fees.claim_kinds import Audited, FindingRecorded
from agent.fees.claims.claims import Claims
from agent.fees.contract.asked import asked
from agent.fees.contract.binding import Terms
from agent.fees.findings import Finding
from agent.home import Home
from agent.journal import engine
from agent.journal.keys import verifying_key
from agent.journal.kinds import Fact
from agent.journal.reader import Head, Reader, open_reader
from agent.notice_types import Notice, NoticeCode
from protocol.money import CNY

log = logging.getLogger(__name__)

FIRST_S = 20
"""How long after its start an agent begins: a command that needs the terminal for a moment does none of it."""
CHANGE_MS = 60_000
"""How long to wait for something new before time itself is looked at."""
CALM_S = 2
"""What comes together is judged together."""

T = TypeVar("T")


class Recorder(Protocol):
    """The record as its owner has it: an `agent.runner.Runner`."""

    @property
    def revision(self) -> int: ...
    def wait(self, revision: int, timeout_ms: int) -> int: ...
    def now(self) -> int: ...
    def read(self, question: Callable[[Reader], T]) -> T: ...
    def record(self, facts: Sequence[Fact]) -> Head: ...


class FeeWatch:
    """Of one home whose agent is at work."""

    def __init__(self, home: Home, thresholds: Thresholds, record: Recorder) -> None:
        self._home, self._zone, self._record = home, ZoneInfo(thresholds.time_zone), record
        self._auditor, self._remind_days = Auditor(thresholds), thresholds.remind_days
        self._claims = Claims()
        self._standing: dict[str, FindingRecorded] = {}
        self._unclaimed: dict[int, tuple[int, int]] = {}
        """Currency: how many findings no claim asks for, and how much they come to."""
        self._asked_of: tuple[Terms, date] | None = None
        self._asked: tuple[Notice, ...] = ()
        self._seen_by_a_person: int | None = None
        self._audited_to: date | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fees", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Nothing is recorded any more."""
        self._stop.set()

    def notices(self, at: int) -> tuple[Notice, ...]:
        """What of the fees needs a person now. at: the home's time, ms UTC."""
        found = [
            Notice(NoticeCode.FEES_OVER, at, {"count": str(count), "minor": str(minor), "currency": str(currency)})
            for currency, (count, minor) in sorted(self._unclaimed.items())
        ]
        found += [replace(one, at=at) for one in self._asked]
        since = self._seen_by_a_person  # a person looks at what is charged; what is asked stands by itself
        if since is not None and at - since >= self._remind_days * 86_400_000:
            found.append(Notice(NoticeCode.AUDIT_DUE, at, {"days": str((at - since) // 86_400_000)}))
        return tuple(found)

    def _run(self) -> None:
        wait = FIRST_S
        while not self._stop.wait(wait):
            wait, revision = CALM_S, self._record.revision
            try:
                if engine.has_wal_reset_bug():  # such an SQLite must hold the file alone
                    self._record.read(self._look)
                else:
                    with closing(open_reader(self._home.journal, verifying_key(self._home.path))) as journal:
                        self._look(journal)
                self._tell()
            except (CounterfoilError, TimeoutError, ValueError):
                # a disk that is full, a key that is locked, an entry of a newer version: tried again
                log.exception("the fees could not be judged")
                wait = CHANGE_MS // 1_000
            self._record.wait(revision, CHANGE_MS)

    def _look(self, journal: Reader) -> None:
        self._auditor.catch_up(journal)
        claims = self._claims.copy()  # one that cannot be read leaves nothing half taken
        claims.catch_up(journal)
        self._claims = claims
        self._standing = {name: one.fact for name, one in claims.findings.items() if one.superseded is None}
        unclaimed: dict[int, tuple[int, int]] = {}
        for name in claims.all_claimable():
            currency = claims.findings[name].fact.currency
            count, minor = unclaimed.get(currency, (0, 0))
            unclaimed[currency] = (count + 1, minor + claims.claimable(name))
        self._unclaimed = unclaimed
        terms = self._auditor.terms
        self._seen_by_a_person = None
        if terms is not None:
            self._ask(terms)
        if terms is not None and terms.versions:
            by_hand = [seq for seq, audit in claims.audits.items() if audit.operator is not None]
            by_itself = [audit.last for audit in claims.audits.values() if audit.operator is None]
            self._audited_to = by_itself[-1] if by_itself else None
            self._seen_by_a_person = journal.entry(by_hand[-1] if by_hand else 0).at

    def _ask(self, terms: Terms) -> None:
        """What waits for an answer today; looked for again when something new is known of the contract, or the day ends."""
        now = self._record.now()
        today = datetime.fromtimestamp(now // 1000, self._zone).date()
        if self._asked_of is None or self._asked_of[0] is not terms or self._asked_of[1] != today:
            self._asked, self._asked_of = asked(terms, today, now), (terms, today)

    def _tell(self) -> None:
        """What the record does not say yet; once a day, that it was looked at."""
        now = self._record.now()
        found = self._auditor.findings(now)
        facts: list[Fact] = [*to_record(found, self._standing)]
        if (daily := self._daily(found, now)) is not None:
            facts.append(daily)
        if facts and not self._stop.is_set():
            self._record.record(facts)

    def _daily(self, found: Sequence[Finding], now: int) -> Audited | None:
        """Of the days since the last one; None where that was yesterday, or nothing is known of the contract."""
        if self._seen_by_a_person is None or self._auditor.audit is None:
            return None
        yesterday = datetime.fromtimestamp(now // 1000, self._zone).date() - timedelta(days=1)
        since = yesterday if self._audited_to is None else self._audited_to + timedelta(days=1)
        if since > yesterday:
            return None
        about = Audited(
            first=since,
            last=yesterday,
            size=self._auditor.size,
            transactions=self._auditor.audit.transactions,
            findings=0,
            claimed_minor=0,
            currency=CNY,
            unknown=self._auditor.audit.unjudged,
        )
        return audited(found, about)
