"""Desk: all that a user interface may ask. Two implementations, one contract: in this process, over the home's socket."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from agent import actions as a
from agent.errors import JournalError, LinkError
from agent.home import Home
from agent.journal.entries import Entry
from agent.journal.keys import verifying_key
from agent.journal.kinds import Fact
from agent.journal.money_entries import money_entries
from agent.journal.reader import Head as JournalHead
from agent.journal.reader import Reader, open_reader
from agent.language import _
from agent.link_off import key_damaged, link_off
from agent.money_views import intent_detail, intent_views, money_view
from agent.projection import Projection
from agent.reading import Reading
from agent.refusals import anonymous, lane_refused, not_as_asked, stopped
from agent.runner import Runner
from agent.settings import Settings
from agent.views import (
    DepositView,
    EchoReport,
    Head,
    IntentDetail,
    IntentView,
    LaneView,
    Money,
    MoneyAction,
    MoneyOrder,
    MoneyState,
    MoneyView,
    SelfTestItem,
    SelfTestReport,
    SettleView,
    Status,
    SyncResult,
    TerminalInfo,
    Today,
    TransactionDetail,
    TransactionPage,
)
from protocol.dialect import dialect
from protocol.messages import (
    DepositReturn,
    DepositStatus,
    DeviceInfo,
    DeviceInfoQuery,
    Echo,
    EchoReply,
    SelfTest,
    SelfTestReply,
    Settle,
    SettleReply,
    Sync,
    SyncReply,
)

INFO_MS = 10_000
SYNC_MS = SETTLE_MS = 30_000
DECIDE_MS = 15_000
"""How long a decision about a money request may take: it waits for this computer's disk."""
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

    def money(self, order: MoneyOrder, timeout_ms: int) -> MoneyView:
        """Ask for money, once, and wait so long for the outcome; `unknown` where it, or the agent, does not come in time.

        The same order again answers its outcome, or waits with the first. Raises LinkError where it was refused: then
        nothing of it was sent (unless it was put aside before).
        """
        ...

    def settle(self) -> SettleView:
        """Have the terminal's batch closed (结算); up to 30 s. Raises LinkError, also while a customer pays."""
        ...

    def apply_for_deposit(self, reference: str, amount: Money, application: str) -> DepositView:
        """Apply for the return of the terminal's deposit, once for each reference; up to 30 s. Raises LinkError."""
        ...

    def intents(self) -> tuple[IntentView, ...]:
        """Every money request that the journal holds, oldest first."""
        ...

    def intent(self, reference: str) -> IntentDetail:
        """One whole, by its reference or a unique beginning of it. Raises NotFound."""
        ...

    def park(self, reference: str, operator: str, reason: str) -> None:
        """Put one of unknown outcome aside, after two minutes, durably: the lane is free. Raises LinkError."""
        ...

    def resolve(self, reference: str, state: MoneyState, operator: str, reason: str) -> MoneyView:
        """Say how one of unknown outcome ended, durably. What the terminal says later against it is recorded and shown.

        Raises LinkError.
        """
        ...

    def accept_rollback(self, operator: str, reason: str) -> None:
        """Let money requests go out again after the terminal's log was put back, durably. Raises LinkError."""
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
        if runner is not None:
            self._online()
        try:
            findings = self._reading.findings(now - FINDINGS_MS)
        except JournalError:  # views being made anew say nothing of the line
            findings = ()
        if runner is None:
            link, revision = link_off(self._home, self._settings), 0
            notices = key_damaged(self._home, self._settings, now)
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
            lane=LaneView() if runner is None else runner.shown.lane,
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

    def money(self, order: MoneyOrder, timeout_ms: int, gone: Future[None] | None = None) -> MoneyView:
        """gone: done once whoever ordered it is gone; nobody waits for it then."""
        ended = self._online().money(lambda token: a.Order(token, order), timeout_ms, gone)
        if ended is not None and ended.refusal is not None:
            raise lane_refused(ended.refusal)
        return money_view(order, None if ended is None else ended.outcome)

    def settle(self) -> SettleView:
        reply = self._online().ask(Settle(), SETTLE_MS)
        if not isinstance(reply, SettleReply):
            raise not_as_asked(reply)
        return SettleView(reply.settled, reply.batch, reply.response_code)

    def apply_for_deposit(self, reference: str, amount: Money, application: str) -> DepositView:
        asked = DepositReturn(reference=reference, amount=amount, application=application)
        reply = self._online().ask(asked, SETTLE_MS)
        if not isinstance(reply, DepositStatus):
            raise not_as_asked(reply)
        return DepositView(reply.ticket, reply.state.value, reply.amount.minor, reply.amount.currency, reply.documents)

    def intents(self) -> tuple[IntentView, ...]:
        return intent_views(self._money_entries())

    def intent(self, reference: str) -> IntentDetail:
        return intent_detail(self._money_entries(), reference.lower())

    def park(self, reference: str, operator: str, reason: str) -> None:
        _require_words(operator, reason)
        self._decide(lambda token: a.Park(token, reference, operator, reason))

    def resolve(self, reference: str, state: MoneyState, operator: str, reason: str) -> MoneyView:
        _require_words(operator, reason)
        ended = self._decide(lambda token: a.Resolve(token, reference, MoneyState(state), operator, reason))
        asked = self.intent(reference).row
        amount = None if asked.amount_minor is None else Money(asked.amount_minor, asked.currency or 0)
        return money_view(MoneyOrder(reference, MoneyAction(asked.action), amount), ended.outcome)

    def accept_rollback(self, operator: str, reason: str) -> None:
        _require_words(operator, reason)
        self._decide(lambda token: a.AcceptRollback(token, operator, reason))

    def _decide(self, made: Callable[[int], a.MoneyInput]) -> a.Ended:
        ended = self._online().money(made, DECIDE_MS)
        if ended is None or ended.refusal is not None:
            raise lane_refused(None if ended is None else ended.refusal)
        return ended

    def _money_entries(self) -> Sequence[tuple[Entry, Fact]]:
        return list(money_entries(self._journal)) if self._journal is not None else self._at_work().money_entries()

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

    def _head(self) -> JournalHead:
        return self._journal.head if self._journal is not None else self._at_work().head

    def _entry(self, seq: int) -> Entry:
        return self._journal.entry(seq) if self._journal is not None else self._at_work().entry(seq)

    def _online(self) -> Runner:
        """Raises CounterfoilError where the pump broke: it would answer nobody."""
        runner = self._at_work()
        if runner.broken is not None:
            raise stopped(runner.broken)
        return runner

    def _at_work(self) -> Runner:
        if self._runner is None:
            raise LinkError(
                _("No agent runs on this home, so nobody talks to the terminal."),
                _("Start one with: counterfoil serve"),
            )
        return self._runner


def _require_words(operator: str, reason: str) -> None:
    if not operator.strip() or not reason.strip():
        raise anonymous()


def _head_view(head: JournalHead) -> Head:
    return Head(head.origin, head.size, head.root_base64, head.at, head.note)
