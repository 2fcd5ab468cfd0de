"""Money back through the gate of `agent.refunds`, on the real journal and its views, with two registers at one sale.

All of `money_world` happens here too, faults and all; but refunds and voids are asked of `RefundsAtDesk`, as the desk does,
and the terminal gives back whatever it is asked for: that no sale is given back twice is the gate's doing alone.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue

from agent import actions as a
from agent.errors import LinkError, RefundRefusal
from agent.following import Following
from agent.home import Home
from agent.journal.money_kinds import MoneyOutcome
from agent.money_views import money_view
from agent.orders import LearnedBy, MoneyAction, MoneyOrder, MoneyState
from agent.people.people import Operator, People
from agent.people.people_kinds import Role
from agent.people.people_types import Credential
from agent.reading import Reading
from agent.refunds.at_desk import RefundsAtDesk
from agent.refunds.case import RefundState
from agent.refunds.record import FOLLOWED, RefundRecord
from agent.refunds.refund_kinds import RefundFact
from agent.refunds.refund_types import Reason, RefundAsked, RefundView
from agent.refusals import lane_refused
from agent.settings import Settings
from agent.views import MoneyView
from protocol.messages import Transaction
from protocol.money import Money
from simulator.book import Book
from tests.dst.cashier import AGAIN_MS, Cashier, Wish
from tests.dst.disk import ANSWER_S, DiskWorld
from tests.dst.money_stage import MoneyParts
from tests.dst.promises import Broken
from tests.dst.shop_terminal import Rooms
from tests.dst.stage import WALL, Act

WISHES = 6
AT_ONCE = 2
"""Registers."""
PARK_AFTER_MS = 125_000
PASSING = {Reason.ORIGINAL_NOT_HERE, Reason.NOTHING_LEFT, Reason.OVER_REMAINING, Reason.TIMES}
"""What may be otherwise in a while: its sale is told of, another refund is declined."""
_ENDS = {
    MoneyState.APPROVED: RefundState.SUCCEEDED,
    MoneyState.DECLINED: RefundState.DECLINED,
    MoneyState.VOIDED: RefundState.VOIDED,
}
_LI = Operator("li", Role.MANAGER)


class Generous(Book):
    """Gives back whatever it is asked for."""

    def remaining(self, sale: Transaction) -> int:
        return 10**9


class TwoRegisters(Cashier):
    """Sales one after the other; what goes back on them is asked for at two registers at once."""

    transactions = WISHES

    def ready(self, now: int) -> bool:
        return self._waiting(now) is not None or self._another_fits

    def next(self, now: int) -> Wish:
        return self._waiting(now) or self.another(now)

    def _waiting(self, now: int) -> Wish | None:
        wishes = self.wishes.values()
        return next((w for w in wishes if not w.over and not w.tokens and w.again_at <= now), None)

    @property
    def _another_fits(self) -> bool:
        under_way = [wish for wish in self.wishes.values() if not wish.over]
        selling = any(wish.order.action is MoneyAction.SALE for wish in under_way)
        return len(self.wishes) < self.transactions and len(under_way) < AT_ONCE and not selling


class Staff:
    """One manager, and nobody asks for a PIN: scrypt is not what is tried here."""

    def authenticate(self, given: Credential, *_roles: Role) -> Operator:
        return _LI

    def known(self) -> People:
        return People({_LI.operator: _LI})


class AgentGone(Exception):
    """The process in which somebody waited is no more."""


@dataclass(eq=False)
class Register:
    """Somebody waits at the desk, in a thread of his own that runs only while the world waits for it."""

    wish: Wish
    ended: Future[a.Ended | None] = field(default_factory=Future)
    said: SimpleQueue[tuple[MoneyOrder, tuple[RefundFact, ...]] | RefundView | BaseException] = field(
        default_factory=SimpleQueue
    )

    def send(
        self, order: MoneyOrder, beside: tuple[RefundFact, ...], _timeout_ms: int, _gone: Future[None] | None
    ) -> MoneyView:
        self.said.put((order, beside))
        ended = self.ended.result(ANSWER_S)
        if ended is not None and ended.refusal is not None:
            raise lane_refused(ended.refusal)
        return money_view(order, None if ended is None else ended.outcome)

    def ask(self, gate: RefundsAtDesk, asked: RefundAsked) -> None:
        def run() -> None:
            try:
                self.said.put(gate.refund(asked, [Credential("li", "")], self.send, 0))
            except BaseException as error:
                self.said.put(error)

        threading.Thread(target=run, daemon=True).start()


@dataclass(frozen=True, slots=True)
class GateParts:
    """What the gate is built of; a test plants its bugs here."""

    gate: type[RefundsAtDesk] = RefundsAtDesk
    record: type[RefundRecord] = RefundRecord


class RefundWorld(DiskWorld):
    """folder: of this world alone, and empty."""

    def __init__(self, seed: int, folder: Path, gates: GateParts | None = None, *, traced: bool = True) -> None:
        self._gates = gates or GateParts()
        self._at_desk: dict[int, Register] = {}
        self._reading: Reading | None = None
        parts = MoneyParts(rooms=Rooms(book=Generous), cashier=TwoRegisters)
        super().__init__(seed, folder, parts, traced=traced)

    # -- the gate of the process that lives ----------------------------------------------------------------------------

    def _start_agent(self) -> None:
        for register in self._at_desk.values():
            register.ended.set_exception(AgentGone())
            register.said.get(timeout=ANSWER_S)
        self._at_desk.clear()
        self._close_reading()
        super()._start_agent()
        self._disk.rest()
        settings = Settings(terminal=self.shop.name, simulated=True, port="none")
        home = Home(self._disk.home)
        self._reading = Reading(home.views, self._disk.entry, simulated=True)
        following = Following(home, FOLLOWED, self._disk.read)
        self._gate = self._gates.gate(
            settings,
            following,
            self._reading,
            Staff(),  # type: ignore[arg-type]
            write=self._write,
            now=lambda: self.shop.clock.time(self.now),
        )
        self._gate._record = self._gates.record(following, settings.time_zone)

    def _close_reading(self) -> None:
        if self._reading is not None:
            self._reading.close()
            self._reading = None

    def _write(self, work):  # type: ignore[no-untyped-def]
        head, answer = self._disk.write(work, WALL + self.now)
        self._answers.append(answer)
        return head

    # -- the counter ---------------------------------------------------------------------------------------------------

    def _acts_of_faults(self) -> list[Act]:
        """More of what leaves a refund open while others are asked for."""
        more = {"repeat": 12, "resolve": 4, "contradict": 6}
        acts = [replace(act, weight=more.get(act.name, act.weight)) for act in super()._acts_of_faults()]
        return [*acts, Act("put aside", 20, lambda: self._unknown is not None, self._put_aside)]

    def _put_aside(self) -> None:
        """The line is down for longer than a queue waits."""
        reference = self._unknown or ""
        if self.line.open:
            self._unplug()
        self._pass(PARK_AFTER_MS)
        self._park(reference)

    def _order(self, wish: Wish) -> None:
        if wish.order.action is MoneyAction.SALE:
            super()._order(wish)
            return
        register = Register(wish)
        said = self._ask(register, _asked(wish.order))
        if not isinstance(said, tuple):
            self._was_refused(wish, said)
            return
        order, beside = said
        if order.reference != wish.order.reference or [each.reference for each in beside] not in (
            [],
            [order.reference],
        ):
            raise Broken(f"{wish.order.reference} goes out under another reference: {order.reference}")
        if order.reference not in self.witness.intents:
            self._judge_passed(order)
        token = self._token()
        wish.tokens.add(token)
        self._at_desk[token] = register
        self.witness.ordered(order, token)
        self._give(a.Order(token, order, beside))

    def _judge_passed(self, order: MoneyOrder) -> None:
        """What the gate lets pass is left of its sale, whatever becomes of what is open."""
        sale = order.original_reference or ""
        whole = self.shop.host.charged(sale)
        spent = 0
        for reference, intent in self.witness.intents.items():
            if intent.original_reference == sale:
                outcome = self.witness.outcomes.get(reference)
                if outcome is None or outcome.state is MoneyState.APPROVED:
                    spent += whole if intent.amount is None else intent.amount.minor
        asked = whole if order.amount is None else order.amount.minor
        if spent + asked > whole:
            raise Broken(f"the gate lets {asked} pass, of {whole} are {spent} gone or unknown: {order.reference}")

    def _ask(self, register: Register, asked: RefundAsked):  # type: ignore[no-untyped-def]
        """What comes first: an order for the lane, or the end."""
        self._disk.rest()
        register.ask(self._gate, asked)
        return register.said.get(timeout=ANSWER_S)

    def _was_refused(self, wish: Wish, said: object) -> None:
        if not isinstance(said, RefundRefusal):
            raise Broken(f"the gate says {said!r}") from said if isinstance(said, BaseException) else None
        if wish.order.reference in self.witness.intents:
            raise Broken(f"the gate refuses what it let pass before: {said}")
        passing = PASSING.issuperset(said.reasons)
        told_yet = Reason.ORIGINAL_NOT_HERE not in said.reasons
        wish.over = wish.over or not passing or (told_yet and not self._stormy)
        wish.again_at = self.now + AGAIN_MS

    def _take_end(self, token: int, outcome: MoneyOutcome | None, refusal: a.LaneRefusal | None) -> None:
        self._let_go(token, a.Ended(token, outcome, refusal))
        super()._take_end(token, outcome, refusal)

    def _let_go(self, token: int, ended: a.Ended | None) -> None:
        """Whoever waits under it is told, and says what it comes to."""
        register = self._at_desk.pop(token, None)
        if register is None:
            return
        self._disk.rest()
        register.ended.set_result(ended)
        said, outcome = register.said.get(timeout=ANSWER_S), None if ended is None else ended.outcome
        if ended is not None and ended.refusal is not None:
            if not isinstance(said, LinkError):
                raise Broken(f"the lane refuses, and the gate says {said!r}")
        elif not isinstance(said, RefundView):
            raise Broken(f"the gate says {said!r}") from said if isinstance(said, BaseException) else None
        elif outcome is not None and said.state not in {_ENDS[outcome.state], RefundState.CONFLICT}:
            raise Broken(f"the gate shows {said.state} of what is {outcome.state}")

    def _abandon(self) -> None:
        given = set(self._at_desk)
        super()._abandon()
        for token in given - {token for _, token in self._given}:
            self._let_go(token, None)

    def _contradict(self) -> None:
        """The same reference, for another amount."""
        wish = self.cashier.wishes[self._one(self.witness.known)]
        if wish.order.action is MoneyAction.SALE:
            super()._contradict()
            return
        asked = RefundAsked(wish.order.reference, wish.order.original_reference or "", Money(1))
        said = self._ask(Register(wish), asked)
        if not isinstance(said, RefundRefusal) or Reason.OTHER_ORDER not in said.reasons:
            raise Broken(f"a reference was taken for two orders: {said!r}")

    # -- in the end ----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        try:
            super().run()
        finally:
            self._close_reading()

    def _settle(self) -> None:
        super()._settle()
        self._disk.rest()
        self._judge_gate()

    def _judge_gate(self) -> None:
        """What the gate shows is what became of it; and what is left of a sale can still be given back."""
        views = {view.reference: view for view in self._gate.views()}
        back = {n: i for n, i in self.witness.intents.items() if i.action is not MoneyAction.SALE}
        if views.keys() != back.keys():
            raise Broken(f"lost: {sorted(back.keys() - views.keys())}, shown of nobody: {views.keys() - back.keys()}")
        for reference, view in views.items():
            outcome = self.witness.outcomes[reference]
            if view.state not in {_ENDS[outcome.state], RefundState.CONFLICT}:
                raise Broken(f"the gate shows {view.state} of what is {outcome.state}: {reference}")
            asked = self.cashier.wishes[reference].order
            charged = self.shop.host.charged(reference)
            if (
                asked.action is MoneyAction.REFUND
                and asked.amount is not None
                and charged not in {0, asked.amount.minor}
            ):
                raise Broken(f"{asked.amount.minor} was to be given back, {charged} was: {reference}")
        if any(outcome.learned_by is LearnedBy.MANUAL for outcome in self.witness.outcomes.values()):
            return  # a person's word may have been wrong, and the gate goes by it until the terminal's is heard
        for reference, intent in self.witness.intents.items():
            if intent.action is MoneyAction.SALE and (charged := self.shop.host.charged(reference)):
                self._judge_rest(reference, charged)

    def _judge_rest(self, sale: str, charged: int) -> None:
        given = {n for n, i in self.witness.intents.items() if i.original_reference == sale}
        rest = charged - sum(self.shop.host.charged(name) for name in given)
        if rest:
            quote = self._gate.quote(RefundAsked("0" * 32, sale))
            if quote.reasons or quote.remaining_minor != rest:
                raise Broken(f"{rest} of {sale} is left, the gate says {quote.remaining_minor} {quote.reasons}")


def _asked(order: MoneyOrder) -> RefundAsked:
    """The whole for a void: the gate chooses the way."""
    amount = None if order.action is MoneyAction.VOID else order.amount
    return RefundAsked(order.reference, order.original_reference or "", amount, reason="bought twice")
