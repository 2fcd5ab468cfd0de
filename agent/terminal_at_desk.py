"""The desk's questions to the terminal itself, in the process whose agent talks to it."""

from __future__ import annotations

import os
import time

from agent import actions as a
from agent.errors import LinkError
from agent.language import _
from agent.notices import words
from agent.refusals import not_as_asked, stopped
from agent.runner import Runner
from agent.settings import Settings
from agent.views import (
    DepositView,
    EchoReport,
    Money,
    SelfTestItem,
    SelfTestReport,
    SettleView,
    SyncResult,
    TerminalInfo,
)
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
LONGEST_ECHO = 1_024
"""Bytes of an echo."""


class TerminalAtDesk:
    """runner: None where no agent runs."""

    def __init__(self, settings: Settings, runner: Runner | None) -> None:
        self._settings, self._runner = settings, runner

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
        runner = self._signing()
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

    def settle(self) -> SettleView:
        reply = self._signing().ask(Settle(), SETTLE_MS)
        if not isinstance(reply, SettleReply):
            raise not_as_asked(reply)
        return SettleView(reply.settled, reply.batch, reply.response_code)

    def apply_for_deposit(self, reference: str, amount: Money, application: str) -> DepositView:
        asked = DepositReturn(reference=reference, amount=amount, application=application)
        reply = self._signing().ask(asked, SETTLE_MS)
        if not isinstance(reply, DepositStatus):
            raise not_as_asked(reply)
        return DepositView(reply.ticket, reply.state.value, reply.amount.minor, reply.amount.currency, reply.documents)

    def _online(self) -> Runner:
        """Raises CounterfoilError where the pump broke: it would answer nobody."""
        runner = self._at_work()
        if runner.broken is not None:
            raise stopped(runner.broken)
        return runner

    def _signing(self) -> Runner:
        """Raises LinkError while nothing can be signed: what needs a signed entry is not even begun."""
        runner = self._online()
        if (unsigned := runner.unsigned) is not None and (notice := unsigned.notice) is not None:
            raise LinkError(*words(notice))
        return runner

    def _at_work(self) -> Runner:
        if self._runner is None:
            raise LinkError(
                _("No agent runs on this home, so nobody talks to the terminal."),
                _("Start one with: counterfoil serve"),
            )
        return self._runner
