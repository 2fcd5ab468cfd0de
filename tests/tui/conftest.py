"""A desk on paper: fixed values of DOMAIN-like tables, in memory. The desks that really work are tested with the agent."""

from __future__ import annotations

import asyncio
import threading
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from textual.pilot import Pilot

from agent.errors import CounterfoilError
from agent.views import (
    Capability,
    EchoReport,
    Head,
    LinkState,
    LinkView,
    PairingFailed,
    PairingStage,
    PairingView,
    ProductLine,
    RememberedHead,
    SelfTestItem,
    SelfTestReport,
    Status,
    SyncResult,
    TerminalInfo,
    Today,
    TransactionDetail,
    TransactionPage,
    TransactionRow,
    choose_language,
)
from tui.app import CounterfoilApp
from tui.widgets.panel import Panel

NOON = 1_772_424_309_000
"""2026-03-02 12:05:09 in Shanghai, a Monday (`date -u -d @1772424309`)."""

# (kind, outcome, product, amount, fee, card, voided).
# Fees by docs/domain.md §3: 6000 ppm cap 2000 credit, 5000 cap 2000 debit, 3800 QR.
DAY: tuple[tuple[str, str, str, int, int | None, str | None, bool], ...] = (
    ("sale", "approved", "credit", 100000, 600, "622848******1234", False),
    ("sale", "approved", "debit", 400000, 2000, "621700******9988", False),
    ("sale", "approved", "qr_wallet", 9999, 38, None, False),
    ("sale", "declined", "credit", 36800, 0, "622575******0007", False),
    ("sale", "approved", "credit", 500000, 2000, "625965******4321", False),
    ("sale", "approved", "qr_credit", 2500, 10, None, False),
    ("refund", "approved", "credit", 36800, 0, "622848******1234", False),
    ("sale", "approved", "debit", 300, 2, "621700******5566", True),
    ("void", "approved", "debit", 300, -2, "621700******5566", False),
    ("sale", "approved", "debit", 1000000, 2000, "621226******7702", False),
    ("sale", "approved", "qr_wallet", 100000, 380, None, False),
    ("sale", "approved", "credit", 12345, None, "622848******6161", False),
)


def a_row(
    index: int, kind: str, outcome: str, product: str, minor: int, fee: int | None, pan: str | None, voided: bool
) -> TransactionRow:
    return TransactionRow(
        seq=2 * index + 1,
        reference=f"{index:032x}",
        kind=kind,
        outcome=outcome,
        product=product,
        amount_minor=minor,
        currency=156,
        fee_minor=fee,
        masked_pan=pan,
        trace=f"{index + 41:06d}",
        batch="000001",
        rrn=f"{index:012d}",
        at=NOON - (len(DAY) - index) * 411_000,
        voided=voided,
    )  # fmt: skip


def a_day() -> Today:
    """Totals added up by hand from DAY: sales 100000+400000+9999+500000+2500+1000000+100000+12345, and so on."""
    return Today(
        date="2026-03-02",
        simulated=False,
        currency=156,
        transactions=12,
        events=23,
        approved=11,
        declined=1,
        sales_count=8,
        sales_minor=2124844,
        refunds_count=1,
        refunds_minor=36800,
        voids_count=1,
        voids_minor=300,
        fees_minor=7028,
        net_minor=2081016,
        products=(
            ProductLine("credit", 3, 612345, 2600),
            ProductLine("debit", 2, 1400000, 4000),
            ProductLine("qr_wallet", 2, 109999, 418),
            ProductLine("qr_credit", 1, 2500, 10),
        ),
        recent=tuple(reversed([a_row(i, *one) for i, one in enumerate(DAY)])),
    )


def an_empty_day() -> Today:
    return Today(
        date="2026-03-02", simulated=False, currency=156, transactions=0, events=0, approved=0, declined=0, sales_count=0,
        sales_minor=0, refunds_count=0, refunds_minor=0, voids_count=0, voids_minor=0, fees_minor=0, net_minor=0,
        products=(), recent=(),
    )  # fmt: skip


def a_head() -> Head:
    """As long as a real one, with a signature of no key; the screens verify none. root: SHA-256 of "test" (FIPS 180-4)."""
    origin, size = f"counterfoil/{'7f3a' * 8}/1", 1234
    root = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="
    signature = b64encode(bytes.fromhex("1c8dca11") + bytes(range(64))).decode()
    note = f"{origin}\n{size}\n{root}\n\n\u2014 {origin} {signature}\n"
    return Head(origin, size, root, NOON - 2000, note)


def a_status() -> Status:
    return Status(
        simulated=False,
        terminal="LK-A920-00017",
        now=NOON,
        link=LinkView(
            LinkState.UP,
            "/dev/ttyUSB0",
            NOON - 7_200_000,
            sessions=1,
            speaks=tuple(Capability),
            paired=True,
            fingerprint="1f0a 22c4 9e31 b7d0",
        ),
        head=a_head(),
        notices=(),
        revision=1,
    )


@dataclass
class PaperDesk:
    """What it is given is what it answers. `publish` is the agent's commit; `error` is raised by every question."""

    now: Status = field(default_factory=a_status)
    day: Today = field(default_factory=a_day)
    error: Exception | None = None
    merchant: str | None = "张记餐馆"
    asked: list[str] = field(default_factory=list)
    sync_result: SyncResult | CounterfoilError = field(default_factory=lambda: SyncResult(23, 0))
    hold_sync: threading.Event | None = None
    self_test_result: SelfTestReport | CounterfoilError = field(
        default_factory=lambda: SelfTestReport((SelfTestItem("printer", True), SelfTestItem("reader", True)))
    )
    refuses: CounterfoilError | None = None
    """What `pair` and `confirm_pairing` raise."""
    remembered: tuple[RememberedHead, ...] = (
        RememberedHead("local", 1234, "same", True),
        RememberedHead("terminal", 1230, "extends", True),
    )
    hold_pair: threading.Event | None = None
    hold_confirm: threading.Event | None = None
    changed: threading.Condition = field(default_factory=threading.Condition)

    def publish(self, day: Today | None = None, **status: Any) -> None:
        with self.changed:
            self.day = day or self.day
            self.now = replace(self.now, **status, revision=self.now.revision + 1)
            self.changed.notify_all()

    def status(self) -> Status:
        self._say("status")
        return self.now

    def today(self, date: str | None = None, recent: int = 50) -> Today:
        self._say("today")
        return self.day

    def transactions(
        self, date: str | None = None, text: str | None = None, limit: int = 100, offset: int = 0
    ) -> TransactionPage:
        return TransactionPage(self.day.recent[offset : offset + limit], len(self.day.recent))

    def transaction(self, reference: str) -> TransactionDetail:
        return TransactionDetail(next(row for row in self.day.recent if row.reference.startswith(reference)), ())

    def terminal_info(self) -> TerminalInfo:
        self._say("terminal_info")
        return TerminalInfo(
            terminal=self.now.terminal,
            serial_number="SN1",
            model="A920",
            firmware="1.0",
            mid="822290058120001",
            tid="10000001",
            merchant_name=self.merchant,
            mcc="5812",
            clock=NOON,
            log_epoch="00" * 8,
            simulated=self.now.simulated,
        )

    def sync(self) -> SyncResult:
        self._say("sync")
        if self.hold_sync is not None:
            self.hold_sync.wait(10)
        if isinstance(self.sync_result, CounterfoilError):
            raise self.sync_result
        return self.sync_result

    def self_test(self) -> SelfTestReport:
        self._say("self_test")
        if isinstance(self.self_test_result, CounterfoilError):
            raise self.self_test_result
        return self.self_test_result

    def echo(self, size: int = 64) -> EchoReport:
        self._say("echo")
        return EchoReport(size, 12_345)

    def pair(self) -> None:
        self._say("pair")
        if self.hold_pair is not None:
            self.hold_pair.wait(10)
        if self.refuses is not None:
            raise self.refuses
        self.publish_pairing(PairingStage.STARTED)

    def confirm_pairing(self, number: str, replace: bool = False) -> None:
        self._say(f"confirm {number}{' replace' if replace else ''}")
        if self.hold_confirm is not None:
            self.hold_confirm.wait(10)
        if self.refuses is not None:
            raise self.refuses
        self.publish_pairing(PairingStage.DONE, paired=True, state=LinkState.CONNECTING)

    def cancel_pairing(self) -> None:
        self._say("cancel")
        self.publish_pairing(PairingStage.FAILED, reason=PairingFailed.CANCELLED)

    def unpair(self) -> None:
        self._say("unpair")

    def publish_pairing(
        self,
        stage: PairingStage,
        number: str | None = None,
        *,
        changed: bool = False,
        reason: PairingFailed | None = None,
        **link: Any,
    ) -> None:
        """What the pump shows of a pairing."""
        told = PairingView(stage, number, changed, reason=reason)
        self.publish(link=replace(self.now.link, pairing=told, **link))

    def remembered_heads(self) -> tuple[RememberedHead, ...]:
        self._say("remembered_heads")
        return self.remembered

    def wait(self, revision: int, timeout_ms: int) -> int:
        with self.changed:
            self.changed.wait_for(lambda: self.now.revision > revision or self.error is not None, timeout_ms / 1000)
        self._say("wait")
        return self.now.revision

    def close(self) -> None:
        self.asked.append("close")

    def _say(self, question: str) -> None:
        self.asked.append(question)
        if self.error is not None:
            raise self.error


@pytest.fixture
def desk() -> PaperDesk:
    return PaperDesk()


@pytest.fixture
def empty_day() -> Today:
    return an_empty_day()


def introduces_itself(link: LinkView) -> bool:
    return link.state is LinkState.UP and Capability.DEVICE_INFO in link.speaks


async def settle(pilot: Pilot[None]) -> None:
    """Until the screen shows the desk's last word: 5 s at most."""
    app = pilot.app
    assert isinstance(app, CounterfoilApp)
    desk = app.desk
    assert isinstance(desk, PaperDesk)
    for _ in range(250):
        await pilot.pause()
        known = app.view.trouble is not None or (
            app.view.today == desk.day
            and app.view.status == desk.now
            and (app.view.merchant == desk.merchant or not introduces_itself(desk.now.link))
        )
        drawn = all(
            [line.markup for line in panel.lines(width)] == [line.markup for line in lines]
            for panel in app.screen.query(Panel)
            for width, lines in [panel._drawn]
            if panel.size.height and panel.is_on_screen
        )
        if known and drawn:
            await pilot.pause()
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"the screen did not settle: {app.view}")


def screen_text(app: CounterfoilApp) -> str:
    """What stands on the topmost screen, line by line."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


def words_in(app: CounterfoilApp, selector: str) -> str:
    """The words that stand in the widgets of that kind on the topmost screen, as one line; nothing if there are none."""
    regions = [app.screen.region] if selector == "Screen" else [widget.region for widget in app.screen.query(selector)]
    strips = app.screen._compositor.render_strips()
    lines = [strip.crop(at.x, at.right).text for at in regions for strip in strips[at.y : at.bottom]]
    return " ".join(" ".join(lines).split())


Opened = Callable[..., AbstractAsyncContextManager[Pilot[None]]]


@pytest.fixture
def opened() -> Opened:
    """`async with opened(desk, size=(80, 24), speaking="en") as pilot`: the app over a desk, settled."""

    @asynccontextmanager
    async def open_screens(
        desk: PaperDesk, size: tuple[int, int] = (80, 24), speaking: str = "en"
    ) -> AsyncIterator[Pilot[None]]:
        choose_language(speaking)
        app = CounterfoilApp(desk)
        async with app.run_test(size=size, notifications=True) as pilot:
            await settle(pilot)
            yield pilot

    return open_screens


@pytest.fixture
def settled() -> Callable[[Pilot[None]], Any]:
    return settle


@pytest.fixture
def words_of() -> Callable[[CounterfoilApp, str], str]:
    return words_in


@pytest.fixture
def text_of() -> Callable[[CounterfoilApp], str]:
    return screen_text
