"""Who stands at the register: three orders, one after the other, by the seed; repeated, abandoned, contradicted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from agent.orders import MoneyAction, MoneyOrder, MoneyState
from protocol.money import Money

TRANSACTIONS = 3
AGAIN_MS = 1_500
"""After a refusal, the same order again."""
_DIGITS = (0, 0, 0, 0, 0, 0, 5, 51, 9, 10, 68, 98)
"""Last two digits of an amount, which choose the host's answer (simulator/host.py); 0: approved."""


@dataclass(slots=True)
class Wish:
    """An order that was thought of. tokens: under which it was given to the agent that lives, and is not answered yet."""

    order: MoneyOrder
    tokens: set[int] = field(default_factory=set)
    again_at: int = 0
    over: bool = False
    """Nobody wants to hear of it any more."""


class Cashier:
    """draw: the schedule's. nonces: for references. approved: a reference -> what was taken under it, None if nothing was."""

    transactions = TRANSACTIONS

    def __init__(self, draw: Random, nonces: Random, approved: Callable[[str], Money | None]) -> None:
        self._draw, self._nonces, self._approved = draw, nonces, approved
        self.wishes: dict[str, Wish] = {}

    @property
    def done(self) -> bool:
        return len(self.wishes) == self.transactions and all(wish.over for wish in self.wishes.values())

    def ready(self, now: int) -> bool:
        """There is an order to be given."""
        all_over = True
        for wish in self.wishes.values():
            if not wish.over:
                all_over = False
                if not wish.tokens and wish.again_at <= now:
                    return True
        return all_over and len(self.wishes) < self.transactions

    @property
    def due(self) -> int | None:
        """When somebody asks again."""
        waits = [wish.again_at for wish in self.wishes.values() if not wish.over and not wish.tokens]
        return min(waits, default=None)

    def next(self, now: int) -> Wish:
        """What is given now: what was refused before, or the next order."""
        for wish in self.wishes.values():
            if not wish.over and not wish.tokens and wish.again_at <= now:
                return wish
        return self.another(now)

    def another(self, now: int) -> Wish:
        """A new order: of the first, a sale; later also what goes back on a sale that was approved."""
        draw = self._draw
        sales = [w.order for w in self.wishes.values() if w.order.action is MoneyAction.SALE]
        taken = [(sale, amount) for sale in sales if (amount := self._approved(sale.reference)) is not None]
        reference = self._reference(now)
        patience = (500, 30_000, 30_000)[draw.randrange(3)]
        operator = (None, "01")[draw.randrange(2)]
        if taken and draw.randrange(4):
            sale, amount = taken[draw.randrange(len(taken))]
            if draw.randrange(3) == 0:
                void = MoneyOrder(reference, MoneyAction.VOID, amount, sale.reference, None, operator, patience)
                order = replace(void, amount=None) if draw.randrange(2) else void
            else:
                minor = (amount.minor, amount.minor // 2, amount.minor * 2 // 3 + 1)[draw.randrange(3)]
                back = Money(max(1, minor), amount.currency)
                order = MoneyOrder(reference, MoneyAction.REFUND, back, sale.reference, None, operator, patience)
        else:
            amount = Money((1 + draw.randrange(90)) * 1_000 + _DIGITS[draw.randrange(len(_DIGITS))])
            order = MoneyOrder(reference, MoneyAction.SALE, amount, None, None, operator, patience)
        self.wishes[reference] = wish = Wish(order)
        return wish

    def _reference(self, now: int) -> str:
        """A UUIDv7 (RFC 9562): 48 bits of time, and random ones."""
        raw = bytearray(now.to_bytes(6) + self._nonces.randbytes(10))
        raw[6], raw[8] = raw[6] & 0x0F | 0x70, raw[8] & 0x3F | 0x80
        return raw.hex()

    def agent_gone(self, now: int) -> None:
        """Nobody answers any more: it is asked again, or given up."""
        for wish in self.wishes.values():
            if wish.tokens:
                wish.tokens.clear()
                wish.again_at = now
                wish.over = wish.over or self._draw.randrange(4) == 0

    def asked_with(self, token: int) -> str:
        """The reference of the order that was given under it."""
        return next(reference for reference, wish in self.wishes.items() if token in wish.tokens)

    def ended(self, token: int, state: MoneyState | None, now: int) -> None:
        """An answer; None: refused."""
        for wish in self.wishes.values():
            if token in wish.tokens:
                wish.tokens.discard(token)
                wish.again_at = now + AGAIN_MS
                wish.over = wish.over or state is not None
