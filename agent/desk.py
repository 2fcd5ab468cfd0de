"""Desk: all that a user interface may ask. Two implementations, one contract: in this process, over the home's socket."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from agent import actions as a
from agent import link_keys
from agent.capabilities import capabilities
from agent.errors import CounterfoilError, HomeError, JournalError, LinkError
from agent.home import Home
from agent.journal.entries import Entry
from agent.journal.keys import verifying_key
from agent.journal.reader import Head as JournalHead
from agent.journal.reader import Reader, open_reader
from agent.language import _
from agent.projection import Projection
from agent.reading import Reading
from agent.refusals import not_as_asked
from agent.runner import Runner
from agent.settings import Settings
from agent.views import (
    EchoReport,
    Head,
    LinkState,
    LinkView,
    Notice,
    NoticeCode,
    SelfTestItem,
    SelfTestReport,
    Status,
    SyncResult,
    TerminalInfo,
    Today,
    TransactionDetail,
    TransactionPage,
)
from protocol.dialect import dialect
from protocol.messages import (
    DeviceInfo,
    DeviceInfoQuery,
    Echo,
    EchoReply,
    SelfTest,
    SelfTestReply,
    Sync,
    SyncReply,
)

INFO_MS = 10_000
SYNC_MS = 30_000
LONGEST_ECHO = 1_024
"""Bytes of an echo."""
FINDINGS_MS = 7 * 86_400_000
"""How long a finding stands among what needs a person now."""


class Desk(Protocol):
    """Every method may raise `agent.errors.CounterfoilError` (two sentences for a person); none blocks beyond its time-out.

    Methods may be called from any thread.
    """

    def status(self) -> Status: ...

    def today(self, date: str | None = None, recent: int = 50) -> Today:
        """One day (ISO date in the merchant's time zone; None: the day of the home's clock) and its newest transactions."""
        ...

    def transactions(
        self, date: str | None = None, text: str | None = None, limit: int = 100, offset: int = 0
    ) -> TransactionPage:
        """Newest first. text: part of a trace, RRN, reference, last four digits, or an amount in yuan (12.00)."""
        ...

    def transaction(self, reference: str) -> TransactionDetail:
        """One transaction whole, by its reference or a unique beginning of it. Raises NotFound."""
        ...

    def terminal_info(self) -> TerminalInfo:
        """Asks the terminal; up to 10 s. Raises LinkError."""
        ...

    def sync(self) -> SyncResult:
        """Asks the terminal for what the journal lacks, and waits until it is durable; up to 30 s. Raises LinkError."""
        ...

    def self_test(self) -> SelfTestReport:
        """The terminal tests itself; up to 10 s. Raises LinkError."""
        ...

    def echo(self, size: int = 64) -> EchoReport:
        """How long so many bytes (1 to 1024) take to the terminal and back; up to 10 s. Raises LinkError."""
        ...

    def pair(self) -> None:
        """Begin a pairing, and return at once; `status().link.pairing` shows how it goes. Raises LinkError, PortError.

        What stands is not touched by it until a person has confirmed the number.
        """
        ...

    def confirm_pairing(self, number: str, replace: bool = False) -> None:
        """A person saw this number at both ends: pin the key, and wait until that is durable.

        Raises LinkError where no pairing waits for it, where another number is shown, or, without `replace`, where
        `PairingView.changed`; nothing is pinned then.
        """
        ...

    def cancel_pairing(self) -> None:
        """Give up the pairing under way, if any. Raises LinkError where the protocol has none."""
        ...

    def unpair(self) -> None:
        """Forget the pinned key, and wait until that is durable; nothing is sought until a new pairing. Raises LinkError."""
        ...

    def wait(self, revision: int, timeout_ms: int) -> int:
        """Blocks until `Status.revision` is above `revision`, or the time is over; answers the revision in force."""
        ...

    def close(self) -> None: ...


class HomeDesk:
    """The desk in the process that owns the home. runner: None where no agent runs and the home is only looked at."""

    def __init__(self, home: Home, settings: Settings, runner: Runner | None = None) -> None:
        self._settings, self._runner, self._home = settings, runner, home
        self._zone = ZoneInfo(settings.time_zone)
        self._journal: Reader | None = None
        if runner is None:
            self._journal = open_reader(home.journal, verifying_key(home.path))
            projection = Projection(home.views, settings.time_zone)
            try:
                projection.catch_up(self._journal)
            finally:
                projection.close()
        self._reading = Reading(home.views, self._entry, simulated=settings.simulated)

    def status(self) -> Status:
        runner, now = self._runner, self._now()
        if runner is not None and runner.broken is not None:
            raise CounterfoilError(
                _("The agent has stopped recording: {reason}.").format(reason=runner.broken),
                _("Start it again, and report this; the terminal keeps its events until then."),
            )
        try:
            findings = self._reading.findings(now - FINDINGS_MS)
        except JournalError:  # views being made anew say nothing of the line
            findings = ()
        if runner is None:
            link, revision = self._link_off(), 0
            notices = self._key_damaged(now)
        else:
            link, notices, revision = runner.link(), runner.shown.notices, runner.revision
        return Status(
            simulated=self._settings.simulated,
            terminal=self._settings.terminal,
            now=now,
            link=link,
            head=_head_view(self._head()),
            notices=(*notices, *findings),
            revision=revision,
        )

    def today(self, date: str | None = None, recent: int = 50) -> Today:
        if date is None:
            date = datetime.fromtimestamp(self._now() // 1000, self._zone).date().isoformat()
        return self._reading.today(date, recent)

    def transactions(
        self, date: str | None = None, text: str | None = None, limit: int = 100, offset: int = 0
    ) -> TransactionPage:
        return self._reading.transactions(date, text, limit, offset)

    def transaction(self, reference: str) -> TransactionDetail:
        return self._reading.transaction(reference.lower())

    def terminal_info(self) -> TerminalInfo:
        runner = self._online()
        info, hello = runner.ask(DeviceInfoQuery(), INFO_MS), runner.shown.hello
        if not isinstance(info, DeviceInfo):
            raise not_as_asked(info)
        return TerminalInfo(
            terminal=self._settings.terminal if hello is None else hello.terminal,
            serial_number=info.serial_number,
            model=info.model,
            firmware=info.firmware,
            mid=info.mid,
            tid=info.tid,
            merchant_name=info.merchant_name,
            mcc=info.mcc,
            clock=info.clock,
            log_epoch=None if hello is None else hello.log_epoch,
            simulated=self._settings.simulated if hello is None else hello.simulated,
        )

    def sync(self) -> SyncResult:
        runner = self._online()
        before, until = runner.last_event, time.monotonic() + SYNC_MS / 1000
        reply = runner.ask(Sync(start=before + 1), SYNC_MS)
        if not isinstance(reply, SyncReply):
            raise not_as_asked(reply)
        while (last := runner.last_event) < reply.last_written:
            if time.monotonic() > until:
                raise LinkError(
                    _("The terminal sent its events only up to {last}.").format(last=last),
                    _("Leave it connected; the rest is recorded as it comes."),
                )
            runner.wait(runner.revision, 200)
        return SyncResult(last_event=last, received=last - before)

    def self_test(self) -> SelfTestReport:
        reply = self._online().ask(SelfTest(), INFO_MS)
        if not isinstance(reply, SelfTestReply):
            raise not_as_asked(reply)
        return SelfTestReport(tuple(SelfTestItem(item.name, item.passed, item.detail) for item in reply.items))

    def echo(self, size: int = 64) -> EchoReport:
        runner, data = self._online(), os.urandom(min(max(size, 1), LONGEST_ECHO))
        began = time.perf_counter_ns()
        reply = runner.ask(Echo(data=data), INFO_MS)
        took = (time.perf_counter_ns() - began) // 1_000
        if not isinstance(reply, EchoReply):
            raise not_as_asked(reply)
        if reply.data != data:
            raise LinkError(
                _("The terminal sent back something else than it was sent."),
                _("Report it to whoever made its application."),
            )
        return EchoReport(len(data), took)

    def pair(self) -> None:
        self._online().order(a.Pair)

    def confirm_pairing(self, number: str, replace: bool = False) -> None:
        self._online().order(lambda token: a.ConfirmPairing(number, replace, token))

    def cancel_pairing(self) -> None:
        self._online().order(a.CancelPairing)

    def unpair(self) -> None:
        self._online().order(a.Unpair)

    def wait(self, revision: int, timeout_ms: int) -> int:
        return 0 if self._runner is None else self._runner.wait(revision, timeout_ms)

    def close(self) -> None:
        self._reading.close()
        if self._journal is not None:
            self._journal.close()

    def _now(self) -> int:
        if self._runner is not None:
            return self._runner.now()
        by_terminal = self._settings.simulated and dialect(self._settings.dialect).hello is not None
        if not by_terminal:
            return time.time_ns() // 1_000_000
        return self._reading.last_at() or self._head().at

    def _link_off(self) -> LinkView:
        """The line of a home on which no agent runs: what the settings and the keys say of it."""
        settings, pinned = self._settings, None
        spoken = dialect(settings.dialect)
        with suppress(HomeError):  # `_key_damaged` tells
            pinned = link_keys.pinned(self._home.terminal_key) if spoken.pairs else None
        return LinkView(
            LinkState.OFF,
            settings.port,
            0,
            dialect=spoken.name,
            speaks=capabilities(spoken),
            paired=not spoken.pairs or pinned is not None,
            fingerprint=None if pinned is None else link_keys.fingerprint(pinned),
        )

    def _key_damaged(self, now: int) -> tuple[Notice, ...]:
        try:
            if dialect(self._settings.dialect).pairs:
                link_keys.pinned(self._home.terminal_key)
            return ()
        except HomeError as error:
            return (Notice(NoticeCode.KEY_DAMAGED, now, {"what": error.what, "todo": error.todo}),)

    def _head(self) -> JournalHead:
        return self._journal.head if self._journal is not None else self._online().head

    def _entry(self, seq: int) -> Entry:
        return self._journal.entry(seq) if self._journal is not None else self._online().entry(seq)

    def _online(self) -> Runner:
        if self._runner is None:
            raise LinkError(
                _("No agent runs on this home, so nobody talks to the terminal."),
                _("Start one with: counterfoil serve"),
            )
        return self._runner


def _head_view(head: JournalHead) -> Head:
    return Head(head.origin, head.size, head.root_base64, head.at, head.note)
