"""The bench of the lane's tests: the lane alone in virtual time; the test is disk, terminal and clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from agent import actions as a
from agent.journal.kinds import Fact
from agent.lane import Lane
from agent.money import EndedIntent, OpenIntent, Rollbacks
from agent.money_queries import Moment, Told
from agent.orders import MoneyAction, MoneyOrder
from protocol import messages as m
from protocol.events import FailReason
from protocol.money import Money

REF, OTHER_REF, SALE_REF = "0" * 31 + "1", "0" * 31 + "2", "0" * 31 + "9"
WALL = 5_000_000
SALE = MoneyOrder(reference=REF, action=MoneyAction.SALE, amount=Money(38_800), patience_ms=30_000)
HELLO = m.TerminalHello(
    terminal="SN1",
    log_epoch="e1",
    boot_id="b1",
    oldest_retained=1,
    last_written=7,
    last_acknowledged=7,
    clock=1,
    uptime=0,
    simulated=False,
)
_T = TypeVar("_T")


class LaneBench:
    """sent: what went out, with its request id. The terminal's clock is `ahead` of ours."""

    def __init__(
        self,
        *,
        intents: tuple[OpenIntent, ...] = (),
        ended: tuple[EndedIntent, ...] = (),
        rollbacks: Rollbacks | None = None,
        queries: bool = True,
        connected: bool = True,
    ) -> None:
        self.now, self.ahead, self.records, self.last_event = 1_000, 500_000, True, 7
        self.wall = 0
        """How far the date is off."""
        self.fits: Callable[[m.Message], bool] = lambda message: True
        self.lane = Lane("SN1", intents, ended, rollbacks, queries=queries)
        self.facts: list[Fact] = []
        self.sent: list[tuple[int, m.Message]] = []
        self.ended: list[a.Ended] = []
        self._ids = iter(range(1, 10_000))
        if connected:
            self.session()

    @property
    def moment(self) -> Moment:
        return Moment(
            self.now, WALL + self.now + self.wall, self.now + self.ahead, self.last_event, self.records, self.fits
        )

    def turn(self) -> None:
        """What the lane gives back, as the pump carries it out; nothing is recorded yet."""
        while True:
            self.lane.by_the_clock(self.moment)
            sends, self.lane.sends = self.lane.sends, []
            for case, message in sends:
                number = 0
                if not isinstance(message, m.Confirm):
                    number = next(self._ids)
                    self.lane.sent(case, message, number)
                self.sent.append((number, message))
            if not sends:
                break
        self.facts += self.lane.facts
        self.ended += self.lane.answers
        self.lane.facts, self.lane.answers = [], []

    def give(self, given: a.MoneyInput) -> None:
        self.lane.take(given, self.moment)
        self.turn()

    def order(self, order: MoneyOrder = SALE, token: int = 1) -> None:
        self.give(a.Order(token, order))

    def record(self) -> list[Fact]:
        """The disk takes everything asked for."""
        facts, self.facts = self.facts, []
        self.lane.recorded(facts, self.moment)
        self.turn()
        return facts

    def fail(self) -> list[Fact]:
        """The disk takes none of it; what is to be recorded later comes back."""
        facts, self.facts = self.facts, []
        kept = self.lane.not_recorded(facts)
        self.turn()
        return kept

    def session(self, hello: m.TerminalHello | None = HELLO) -> None:
        self.lane.begin(Told(hello), self.moment)
        self.turn()

    def cut(self) -> None:
        """The session is over; so is every request."""
        for number in [n for n, _ in self.sent if n]:
            self.lane.answered(number, FailReason.SESSION_LOST, self.moment)
        self.lane.closed(self.moment)
        self.turn()

    def answer(self, reply: m.Reply | FailReason, number: int | None = None) -> None:
        """To the last request that went out, or to that one."""
        last = next(n for n, _ in reversed(self.sent) if n)
        self.lane.answered(last if number is None else number, reply, self.moment)
        self.turn()

    def result(self, told: m.Result) -> bool:
        taken = self.lane.result(told, self.moment)
        self.turn()
        return taken

    def log(self, told: m.Transaction, epoch: str = "e1") -> None:
        """The terminal tells an event of its log."""
        self.lane.transaction(told, epoch)
        self.turn()

    def wait(self, ms: int) -> None:
        self.now += ms
        self.turn()

    def asked(self) -> None:
        """An order whose request is on the line."""
        self.order()
        self.record()

    def unknown(self) -> None:
        """An order whose session was lost after its request went out."""
        self.asked()
        self.cut()

    def said(self, kind: type[_T]) -> list[_T]:
        return [message for _, message in self.sent if isinstance(message, kind)]

    def made(self, kind: type[_T]) -> list[_T]:
        """Facts not yet recorded, of that kind."""
        return [fact for fact in self.facts if isinstance(fact, kind)]


def result(state: m.RequestState = m.RequestState.APPROVED, **more: Any) -> m.Result:
    told = {"reference": REF, "amount": Money(38_800), "response_code": "00", "trace": "000123", **more}
    return m.Result(state=state, **told)


def status(state: m.RequestState, *, fenced: bool = False, epoch: str = "e1", **more: Any) -> m.StatusReply:
    return m.StatusReply(reference=REF, state=state, log_epoch=epoch, fenced=fenced, **more)


def transaction(number: int = 8, **more: Any) -> m.Transaction:
    told: dict[str, Any] = {
        "reference": REF,
        "kind": m.TransactionKind.SALE,
        "outcome": m.Outcome.APPROVED,
        "amount": Money(38_800),
        "product": m.Product.DEBIT,
        "trace": "000123",
        "batch": "000001",
        "mid": "M1",
        "tid": "T1",
        "terminal_time": 2,
        "entry_mode": m.EntryMode.CHIP,
        "settlement_mode": m.SettlementMode.T1,
        "response_code": "00",
    }
    return m.Transaction(number=number, at=number, **(told | more))
