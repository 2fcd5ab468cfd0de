"""A home that asks for money, and its day as a seed has it: three orders, faults, and calm until all is at its end.

`MoneyWorld(seed, scenario).run()` raises `Broken` at the first promise that is not kept; `money_stage` is what it plays on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum

from agent import actions as a
from agent.orders import MoneyState
from agent.views import LaneState
from protocol.money import Money
from simulator.cards import customer
from simulator.crashes import Crash, TerminalCrashed
from tests.dst.cashier import Wish
from tests.dst.money_promises import judge_events, judge_money
from tests.dst.money_stage import Killed, MoneyParts, MoneyStage
from tests.dst.promises import Broken
from tests.dst.shop_terminal import PowerCut
from tests.dst.stage import MOST_ACTS, Act, Stage

ACTS = (30, 60, 100)
"""Acts with faults, one of these."""
FAULT_IN = 9
"""One act in so many is a fault, beside what befalls sends and disks."""
TIME_WEIGHT = 10
RESCUE_MS = 130_000
"""In the calm: how long a terminal may be in progress for ever, or an outcome unknown, until somebody does something."""
LOG_RESCUE_MS = 10_000
"""The same where the terminal's log was taken: nothing but a person can help."""
_CUSTOMERS = ("cancels", "nobody", "wechat", "wrong_pin_once", "declined")


class MoneyScenario(StrEnum):
    MONEY = "money"
    LOG = "money-log"
    """The terminal's log is put back, or lost and replaced."""


class MoneyWorld(MoneyStage):
    """One seed's schedule of three orders. parts: what to build it of."""

    def __init__(
        self,
        seed: int,
        scenario: MoneyScenario = MoneyScenario.MONEY,
        parts: MoneyParts | None = None,
        *,
        traced: bool = True,
    ) -> None:
        super().__init__(seed, parts or MoneyParts(), traced=traced)
        self._scenario = scenario
        self._last_token = 0
        self._helped = 0
        self._calm = [self._fitted(act) for act in self._acts_of_calm()] + self._acts_of_people()
        self._faults = self._acts_of_faults()
        self._log_faults = 1 if scenario is MoneyScenario.LOG else 0
        self.shop.terminal.start(self.now)
        self._start_agent()

    def run(self) -> None:
        """Faults, then calm until all is at its end. Raises Broken."""
        self._stormy = True
        for _ in range(ACTS[self._draw.randrange(len(ACTS))]):
            self._act(self._faults if self._draw.randrange(FAULT_IN) == 0 else self._calm)
        self._stormy = False
        while self._log_faults:
            self._take_log()
        self._settle()
        judge_money(self.witness, self.shop)
        self._judge_journal()

    def _judge_journal(self) -> None:
        if self._scenario is MoneyScenario.MONEY:
            judge_events(self.journal, self.shop)

    # -- the schedule --------------------------------------------------------------------------------------------------

    def _fitted(self, act: Act) -> Act:
        """Time passes by `_wait` above all; a disk that does nothing does not commit."""
        if act.name == "time":
            return replace(act, weight=TIME_WEIGHT)
        if act.name == "commit":
            return replace(act, possible=lambda: bool(self.storage.queue) and self._disk_at <= self.now)
        return act

    def _acts_of_people(self) -> list[Act]:
        return [
            Act("order", 40, lambda: self.cashier.ready(self.now), lambda: self._order(self.cashier.next(self.now))),
        ]

    def _acts_of_faults(self) -> list[Act]:
        line, shop = self.line, self.shop
        crashes = list(Crash)
        return [
            Act("repeat", 4, lambda: bool(self.cashier.wishes), lambda: self._order(self._some_wish())),
            Act("contradict", 2, lambda: bool(self.witness.known), self._contradict),
            Act("abandon", 3, lambda: bool(self._given), self._abandon),
            Act("given up", 10, lambda: self._unknown is not None and bool(self._given), self._abandon),
            Act("somebody comes", 4, lambda: True, lambda: self.shop.counter.present(customer(self._one(_CUSTOMERS)))),
            Act("lose to terminal", 8, lambda: bool(line.to_terminal), lambda: _drop(line.to_terminal)),
            Act("lose to agent", 8, lambda: bool(line.to_agent), lambda: _drop(line.to_agent)),
            Act("damage", 4, lambda: bool(line.to_agent), lambda: _change(line.to_agent, self._damaged)),
            Act(
                "damage to terminal",
                4,
                lambda: bool(line.to_terminal),
                lambda: _change(line.to_terminal, self._damaged),
            ),
            Act("twice to terminal", 4, lambda: bool(line.to_terminal), lambda: _twice(line.to_terminal)),
            Act("twice to agent", 4, lambda: bool(line.to_agent), lambda: _twice(line.to_agent)),
            Act("hold to terminal", 4, lambda: bool(line.to_terminal), lambda: self._hold(line.to_terminal)),
            Act("hold to agent", 4, lambda: bool(line.to_agent), lambda: self._hold(line.to_agent)),
            Act("release", 12, lambda: bool(self._held), self._release),
            Act("unplug", 3, lambda: line.open, self._unplug),
            Act("agent stalls", 3, lambda: True, lambda: self._stall(2_000)),
            Act("disk stalls", 3, lambda: self._disk_at <= self.now, self._stall_disk),
            Act("silence", 6, lambda: not (line.to_terminal or line.to_agent), lambda: self._pass(6_000)),
            Act("reboot", 2, lambda: True, self._reboot),
            Act("crash armed", 6, lambda: shop.crashes.armed is None, lambda: shop.crashes.arm(self._one(crashes))),
            Act(
                "stale answer armed",
                30,
                lambda: self._unknown is not None and shop.crashes.armed is None,
                lambda: shop.crashes.arm(Crash.STALE_NOT_FOUND),
            ),
            Act("clock jumps", 1, lambda: True, self._jump_clock),
            Act("kill", 1, lambda: True, self._kill),
            Act("park", 3, lambda: self._unknown is not None, lambda: self._park(self._unknown or "")),
            Act("resolve", 1, lambda: self._unknown is not None, self._guess),
            Act("log taken", 2, lambda: bool(self._log_faults), self._take_log),
        ]

    def _act(self, acts: list[Act]) -> None:
        self._bear(lambda: Stage._act(self, acts))

    def _bear(self, happen: Callable[[], None]) -> None:
        """What may end the agent's process, or the terminal's."""
        try:
            happen()
        except Killed:
            self._start_agent()
        except (PowerCut, TerminalCrashed):
            self._power_off()
        if self._cable_out and self._draw.randrange(2) == 0:
            self._cable_out = False
            if self.line.open:
                self._unplug()
            if self._draw.randrange(2):
                self.shop.crashes.arm(Crash.STALE_NOT_FOUND)

    def _settle(self) -> None:
        """Without faults, until nothing is left to do. Somebody helps where only a person can."""
        self._release_all()
        self._disk_at = 0
        patience = LOG_RESCUE_MS if self._scenario is MoneyScenario.LOG else RESCUE_MS
        rescue = self.now + patience
        for _ in range(MOST_ACTS):
            if self._settled:
                if not self.witness.open:
                    return
                self._bear(self._help)
            if self._under_way or self.cashier.ready(self.now):
                self._act(self._calm)
            else:
                self._bear(self._wait)
            if self.now >= rescue:
                rescue = self.now + patience
                self._bear(self._rescue)
        raise Broken(f"never ends: {self._what_is_left()}")

    def _wait(self) -> None:
        """Until something is due."""
        self._pass(self._until_due())
        self._turn_terminal()

    def _until_due(self) -> int:
        again = self.cashier.due
        until = super()._until_due()
        return until if again is None else max(0, min(until, again - self.now))

    @property
    def _settled(self) -> bool:
        terminal, log = self.shop.terminal, self.shop.log
        return (
            not self._under_way
            and self._boots_at is None
            and terminal.in_session
            and self.cashier.done
            and not self._chores
            and not self.shop.counter.busy
            and self.lane.state is LaneState.IDLE
            and log.acknowledged == log.last_written
            and self._head_told()
        )

    def _what_is_left(self) -> str:
        log = self.shop.log
        return (
            f"lane {self.lane.state}, {len(self.witness.open)} requests without an outcome, "
            f"{log.acknowledged} of {log.last_written} acknowledged, {len(self.cashier.wishes)} orders"
        )

    def _head_told(self) -> bool:
        head = self.shop.log.head()
        return head is not None and head.note == self.journal.note

    # -- people --------------------------------------------------------------------------------------------------------

    @property
    def _given(self) -> list[tuple[Wish, int]]:
        """Orders that somebody waits for, with their tokens."""
        return [(wish, token) for wish in self.cashier.wishes.values() for token in sorted(wish.tokens)]

    @property
    def _unknown(self) -> str | None:
        return self.lane.reference if self.lane.state is LaneState.UNKNOWN else None

    def _some_wish(self) -> Wish:
        return self._one(list(self.cashier.wishes.values()))

    def _token(self) -> int:
        self._last_token += 1
        return self._last_token

    def _order(self, wish: Wish) -> None:
        token = self._token()
        wish.tokens.add(token)
        self.witness.ordered(wish.order, token)
        self._give(a.Order(token, wish.order))

    def _contradict(self) -> None:
        """The same reference, for another amount."""
        order, token = self.cashier.wishes[self._one(self.witness.known)].order, self._token()
        minor = 1 if order.amount is None else order.amount.minor + 100
        self._contrary.add(token)
        self._give(a.Order(token, replace(order, amount=Money(minor))))

    def _abandon(self) -> None:
        wish, token = self._one(self._given)
        wish.tokens.discard(token)
        wish.over = wish.over or not wish.tokens
        self.witness.left(token)
        self._give(a.Abandon(token))

    def _chore(self) -> int:
        token = self._token()
        self._chores.add(token)
        return token

    def _park(self, reference: str) -> None:
        self._give(a.Park(self._chore(), reference, "chief", "the queue is long"))

    def _guess(self) -> None:
        """A person decides in haste, and may be wrong."""
        self._resolve(self._unknown or "", self._one(list(MoneyState)))

    def _resolve(self, reference: str, state: MoneyState) -> None:
        self._give(a.Resolve(self._chore(), reference, state, "chief", "the customer's statement"))

    def _rescue(self) -> None:
        """What only people can do: switch the terminal off and on, look into a log that was put back, ask the bank."""
        if self.shop.counter.busy:
            self._reboot()
        if self._chores or not self.line.open:
            return
        if self.lane.rolled_back:
            self._give(a.AcceptRollback(self._chore(), "chief", "compared with the bank's statement"))
        for reference in sorted(self.witness.open):
            if self._scenario is MoneyScenario.LOG:
                charged = self.shop.host.charged(reference)
                self._resolve(reference, MoneyState.APPROVED if charged else MoneyState.VOIDED)
            elif reference not in {self.lane.reference}:
                self._unplug()
                break

    def _help(self) -> None:
        """Everything rests, and a request has no outcome: it was put aside; or the agent was told that its intent is not on
        the disk, where it is all the same, and finds it at its next start."""
        self._helped += 1
        if self._helped > 4:
            raise Broken(f"never ends: {len(self.witness.open)} requests without an outcome, and nobody can help")
        if self._helped == 2:
            self._start_agent()
        else:
            self._rescue()

    def _take_log(self) -> None:
        """An older copy is put back, or an empty log of another epoch."""
        self._log_faults = 0
        self.witness.log_taken(set(self.cashier.wishes))
        self.line.to_terminal.clear()
        self._boots_at = None
        try:
            if self._draw.randrange(2):
                self.shop.terminal.replace_log(self.now)
            else:
                last = self.shop.log.last_written
                self.shop.terminal.roll_back_log(max(0, last - 1 - self._draw.randrange(4)), self.now)
        except (PowerCut, TerminalCrashed):
            self._power_off()


def _drop(pieces: deque[bytes]) -> None:
    pieces.popleft()


def _change(pieces: deque[bytes], change: Callable[[bytes], bytes]) -> None:
    pieces[0] = change(pieces[0])


def _twice(pieces: deque[bytes]) -> None:
    pieces.appendleft(pieces[0])
