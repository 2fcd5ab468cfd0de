"""What an agent promises of money: at every word that it says, and in the end, against the book of the acquirer's host."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from agent.journal.kinds import ResultUnasked, TerminalSaid
from agent.journal.money_kinds import MoneyFact, MoneyIntent, MoneyOutcome, MoneyParked
from agent.orders import LearnedBy, MoneyAction, MoneyOrder, MoneyState
from protocol.messages import (
    Confirm,
    Message,
    MoneyRequest,
    Refund,
    Result,
    Sale,
    StatusQuery,
    Transaction,
    TransactionKind,
    Void,
)
from simulator.host import Action
from tests.dst.memory_storage import DurableJournal
from tests.dst.promises import Broken, judge_order, judge_words
from tests.dst.shop_terminal import NATIVE, ShopTerminal

_ACTIONS = {Sale: MoneyAction.SALE, Refund: MoneyAction.REFUND, Void: MoneyAction.VOID}


class Witness:
    """Hears all that the agent says and shows of money, and knows what is durable: it reads the journal itself.

    intents, outcomes: by reference, as the journal holds them. unsure: references of requests that the terminal's log may
    have forgotten.
    """

    def __init__(self, journal: DurableJournal) -> None:
        self._journal = journal
        self._read = 0
        self.intents: dict[str, MoneyIntent] = {}
        self.outcomes: dict[str, MoneyOutcome] = {}
        self._all_outcomes: dict[str, list[MoneyOutcome]] = {}
        self._told_failed: list[MoneyOutcome] = []
        self.parked: set[str] = set()
        self.unsure: set[str] = set()
        self._orders: dict[str, MoneyOrder] = {}
        self._waiting: dict[str, set[int]] = {}
        self._left: set[int] = set()
        self._process = 0
        self._made: dict[str, int] = {}  # reference -> the process that recorded its intent
        self._refused: set[str] = set()
        self._answers: set[str] = set()  # references that a Result named
        self._deadlines: dict[str, int] = {}  # of what was asked, on the terminal's clock
        self._told = False
        self._unheard: set[str] = set()
        """Intents on the disk of which this process was told that they are not."""

    @property
    def open(self) -> set[str]:
        """Requests that have no outcome."""
        return self.intents.keys() - self.outcomes.keys()

    @property
    def known(self) -> list[str]:
        """Requests that the agent that lives must know."""
        return [reference for reference in self.intents if reference not in self._unheard]

    def look(self, *, failed: bool = False) -> None:
        """Read on in the journal. failed: the agent was told that what is new there is not."""
        for fact in self._journal.facts[self._read :]:
            match fact:
                case MoneyIntent(reference=reference):
                    if reference not in self._orders:
                        raise Broken(f"an intent of nobody: {reference}")
                    if reference in self.intents and _ordered(fact) != _ordered(self.intents[reference]):
                        raise Broken(f"two orders for one reference: {reference}")
                    if reference in self._refused:
                        raise Broken(f"recorded after it was refused: {reference}")
                    self.intents[reference] = fact
                    self._made[reference] = self._process
                    self._unheard = self._unheard | {reference} if failed else self._unheard - {reference}
                case MoneyOutcome(reference=reference):
                    self._judge_contradiction(fact)
                    if fact.learned_by is LearnedBy.RESULT and reference not in self._answers:
                        raise Broken(f"another request's answer was taken for its own: {reference}")
                    self.outcomes[reference] = fact
                    self._all_outcomes.setdefault(reference, []).append(fact)
                    if failed:
                        self._told_failed.append(fact)
                case MoneyParked(reference=reference):
                    self.parked.add(reference)
        self._read = len(self._journal.facts)

    def _judge_contradiction(self, outcome: MoneyOutcome) -> None:
        """A second outcome says what it contradicts."""
        before = self.outcomes.get(outcome.reference)
        if outcome in self._told_failed:
            return  # recorded by a commit that was said to have failed, and then again
        if outcome.contradicts != (None if before is None else before.state):
            raise Broken(
                f"an outcome contradicts {outcome.contradicts}, and the one before was {before and before.state}"
            )
        if before is None or before.state is outcome.state or before.learned_by is LearnedBy.MANUAL:
            return
        if outcome.reference not in self.unsure:
            raise Broken(f"{outcome.reference} was told to be {before.state}, and is {outcome.state}")

    # -- people --------------------------------------------------------------------------------------------------------

    def started(self) -> None:
        """Another process of the agent."""
        self.look()
        self._process += 1
        self._unheard.clear()
        self._waiting.clear()

    def ordered(self, order: MoneyOrder, token: int) -> None:
        self._orders.setdefault(order.reference, order)
        self._refused.discard(order.reference)
        self._waiting.setdefault(order.reference, set()).add(token)

    def left(self, token: int) -> None:
        """Whoever gave that order is gone."""
        self._left.add(token)
        for waiting in self._waiting.values():
            waiting.discard(token)

    def refused(self, reference: str) -> None:
        """A person is told that nothing of an order was done; unless it is known from before, nothing is left behind."""
        self.look()
        if reference not in self.intents:
            self._refused.add(reference)

    def has_left(self, token: int) -> bool:
        return token in self._left

    def shown(self, outcome: MoneyOutcome) -> None:
        """A person is told an outcome: one that the journal has."""
        self.look()
        if outcome not in self._all_outcomes.get(outcome.reference, ()):
            raise Broken(f"shown before durable: {outcome.state} of {outcome.reference}")

    def log_taken(self, references: set[str]) -> None:
        """What the terminal's log knew of these may be gone."""
        self.unsure |= references

    # -- what the agent says -------------------------------------------------------------------------------------------

    def spoke_of_money(self) -> bool:
        """Since the last call."""
        told, self._told = self._told, False
        return told

    def put(self, note: str) -> None:
        """The terminal is given a head to remember: one that was signed."""
        if note not in self._journal.heads.values():
            raise Broken("a head was put that the journal never had")

    def heard(self, message: Message) -> None:
        """What the terminal says."""
        if isinstance(message, Result):
            self._answers.add(message.reference)

    def said(self, message: Message) -> None:
        """Something without a reply."""
        if isinstance(message, Confirm):
            self._told = True
            self.look()
            if message.reference not in self.outcomes:
                raise Broken(f"confirmed before durable: {message.reference}")

    def asked(self, message: Message, uptime: int, epoch: str) -> None:
        """A request. uptime: of the terminal, ms; epoch: of its log."""
        if not isinstance(message, MoneyRequest | StatusQuery):
            return
        self._told = True
        self.look()
        reference = message.reference
        intent = self.intents.get(reference)
        if intent is None:
            raise Broken(f"asked without a durable intent: {type(message).__name__} {reference}")
        if isinstance(message, StatusQuery):
            if message.fence and intent.log_epoch != epoch:
                raise Broken(f"fenced in another log: {reference}")
            return
        if (_ACTIONS[type(message)], message.amount, getattr(message, "original_reference", None)) != (
            intent.action,
            intent.amount,
            intent.original_reference,
        ):
            raise Broken(f"two orders for one reference: {reference} is asked for otherwise than it was meant")
        if reference in self.outcomes:
            raise Broken(f"asked after its outcome: {reference}")
        if others := self.open - self.parked - self._unheard - {reference}:
            raise Broken(f"asked while another outcome is unknown: {reference}, {sorted(others)}")
        if self._made[reference] != self._process:
            raise Broken(f"asked by another process than meant it: {reference}")
        if reference not in self._deadlines:
            self._deadlines[reference] = message.deadline
            return
        if intent.log_epoch != epoch:
            raise Broken(f"asked again in another log: {reference}")
        if message.deadline > self._deadlines[reference] or uptime >= self._deadlines[reference]:
            raise Broken(f"asked again after its deadline: {reference}")
        if not self._waiting.get(reference):
            raise Broken(f"asked again though nobody waits: {reference}")


def _ordered(intent: MoneyIntent) -> tuple[object, ...]:
    """What was ordered."""
    return intent.action, intent.amount, intent.original_reference, intent.original_trace


# -- in the end --------------------------------------------------------------------------------------------------------


def judge_money(witness: Witness, shop: ShopTerminal) -> None:
    """Everything is at its end. Raises Broken."""
    witness.look()
    told = _told_by(shop)
    for reference in witness.intents:
        _judge_one(reference, witness, shop, told)
    deeds = shop.host.deeds()
    if strange := {deed.reference for deed in deeds} - witness.intents.keys():
        raise Broken(f"the host was asked for what nobody meant: {sorted(strange)}")
    for reference, intent in witness.intents.items():
        if intent.action is MoneyAction.SALE and not witness.unsure:  # a terminal that lost its log refuses nothing
            back = sum(
                shop.host.charged(name)
                for name, each in witness.intents.items()
                if each.original_reference == reference
            )
            if back > shop.host.charged(reference):
                raise Broken(f"over-refund: {back} on {reference}, charged {shop.host.charged(reference)}")


def judge_events(journal: DurableJournal, shop: ShopTerminal) -> None:
    """The journal has the terminal's log, in order and in its words. Raises Broken."""
    log = [shop.log.event(number) for number in range(1, shop.log.last_written + 1)]
    judge_order(journal.facts, len(log))
    judge_words(journal.facts, {n: sha256(raw).digest() for n, raw in enumerate(log, 1)}, {})
    allowed = {TerminalSaid, ResultUnasked, *MoneyFact.__args__}
    if strange := {type(fact).__name__ for fact in journal.facts if type(fact) not in allowed}:
        raise Broken(f"the journal tells of what never happened: {sorted(strange)}")


def _told_by(shop: ShopTerminal) -> dict[str, Transaction]:
    """The last word of the terminal's log on each reference."""
    told: dict[str, Transaction] = {}
    for number in range(1, shop.log.last_written + 1):
        event = NATIVE.decode(shop.log.event(number))
        if isinstance(event, Transaction):
            is_reversal = event.kind is TransactionKind.REVERSAL
            told[(event.original_reference or "") if is_reversal else event.reference] = event
    return told


def _judge_one(reference: str, witness: Witness, shop: ShopTerminal, told: Mapping[str, Transaction]) -> None:
    charges = [
        d for d in shop.host.deeds() if d.reference == reference and d.action is Action.AUTHORISED and not d.late
    ]
    if len(charges) > 1:
        raise Broken(f"charged {len(charges)} times: {reference}")
    charged = shop.host.charged(reference)
    asked = witness.intents[reference].amount
    if asked is not None and not 0 <= charged <= asked.minor:
        raise Broken(f"charged {charged} of {asked.minor}: {reference}")
    outcome = witness.outcomes[reference]
    if reference in witness.unsure or (outcome.learned_by is LearnedBy.MANUAL and reference not in told):
        return  # a person's word, and the terminal has none against it
    taken = outcome.state is MoneyState.APPROVED
    if taken != (charged > 0):
        raise Broken(f"the journal says {outcome.state} of {reference}, the host charged {charged}")
    if taken and (outcome.amount is None or outcome.amount.minor != charged):
        raise Broken(f"the journal says {outcome.amount} of {reference}, the host charged {charged}")
