"""A request that was taken at the counter, on its way: what it is, how far it came, and when it goes on."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random

from protocol.messages import MoneyRequest, Outcome, Stage, Transaction, TransactionKind, Void
from protocol.money import Money
from simulator.cards import CANCELLED, Customer, Visit, held, of_sale
from simulator.clock import SimulatedClock
from simulator.host import PATIENCE_MS, RESPONSES, Answer
from simulator.plan import Step, operator_at, rrn_of

IN_PROGRESS = "09"
"""ISO 8583: a request is in progress."""
NEVER = 2**53 - 1
"""The deadline of what is keyed by hand: there is none. The largest number that every JSON reader keeps."""
_CARD_OR_CODE = (Stage.PRESENT_CARD, Stage.PRESENT_CODE)


@dataclass(slots=True)
class UnderWay:
    """Times are monotonic ms; took: simulated ms so far, by plan. by_hand: no register hears of it."""

    request: MoneyRequest
    original: Transaction | None
    amount: Money
    customer: Customer | None
    by_hand: bool = False
    stages: deque[tuple[int, Stage]] = field(default_factory=deque)
    stage: Stage = Stage.HOST
    asks_host: int | None = None  # when; None: it never comes to that, or was
    ends: int | None = None  # None: not known yet, or never
    took: int = 0
    code: str = CANCELLED  # of the terminal's own decision
    draft: Transaction | None = None
    answer: Answer | None = None

    @property
    def deadline(self) -> int | None:
        """When it goes on, or None."""
        due = [self.ends, self.asks_host, self.stages[0][0] if self.stages else None]
        return min((d for d in due if d is not None), default=None)

    @property
    def waits_for_customer(self) -> bool:
        """A card or a code is to be shown still."""
        return self.original is None and self.draft is None and self.stage in _CARD_OR_CODE

    def plan(self, visit: Visit, now: int, clock: SimulatedClock) -> None:
        """Go this way, from now on."""
        times = [now + clock.real(after) for after in visit.times]
        self.asks_host, self.ends, self.code = times[-1], None, visit.refusal or CANCELLED
        if times[-1] >= self.request.deadline:
            self.asks_host, self.ends, self.code = None, self.request.deadline, CANCELLED
        elif visit.refusal is not None:
            self.asks_host, self.ends = None, times[-1]
        ends = self.ends
        self.stages = deque(
            (at, stage)
            for at, stage in zip(times, visit.stages, strict=False)
            if ends is None or at < ends or at == now
        )
        self.stage = visit.stages[0] if visit.stages else self.stage
        self.took += visit.times[-1]

    def end(self, code: str, now: int) -> None:
        """The terminal declines, now."""
        self.stages.clear()
        self.asks_host, self.ends, self.code = None, now, code

    def lose_answer(self, clock: SimulatedClock) -> None:
        """What the host answered does not come: it is waited for as long as for one that is silent."""
        assert self.ends is not None and self.answer is not None and self.answer.after is not None
        more = PATIENCE_MS - self.answer.after
        self.answer = Answer(RESPONSES[98].code, None)
        self.took += more
        self.ends += clock.real(more)

    def sooner(self, ms: int) -> None:
        """So much time is over at once."""
        self.stages = deque((at - ms, stage) for at, stage in self.stages)
        self.asks_host = None if self.asks_host is None else self.asks_host - ms
        self.ends = None if self.ends is None else self.ends - ms

    def step(self, *, reference: str, at: int, trace: str, batch: str, seed: str) -> Step:
        """What is known of it before the host has decided: declined, until somebody says otherwise. at: ms UTC."""
        kind = TransactionKind.SALE
        if self.original is not None:
            kind = TransactionKind.VOID if isinstance(self.request, Void) else TransactionKind.REFUND
        rng = Random(f"{seed}/counter/{reference}")  # noqa: S311  reproducible on purpose
        card = held(self.customer, rng) if self.original is None else of_sale(self.original)
        return Step(
            at=at,
            kind=kind,
            outcome=Outcome.DECLINED,
            response_code=IN_PROGRESS,
            product=card.product,
            amount_minor=self.amount.minor,
            currency=self.amount.currency,
            reference=reference,
            original_reference=self.original.reference if self.original else None,
            trace=trace,
            batch=batch,
            rrn=rrn_of(at, trace),
            auth_code=None,
            operator=self.request.operator or operator_at(at),
            entry_mode=card.entry_mode,
            scheme=card.scheme or "unionpay",
            masked_pan=card.masked_pan,
            card_token=card.token,
        )


def shown_now(visit: Visit) -> Visit:
    """The visit from where the card or the code is shown."""
    first = visit.times[1]
    return Visit(tuple(at - first for at in visit.times[1:]), visit.stages[1:], visit.refusal)


def reference_by_hand(what: str, at: int) -> str:
    """A reference for what no register asked for, laid out as a UUIDv7 (RFC 9562 §5.7). what: nothing else is called so."""
    low = int.from_bytes(sha256(f"by hand/{what}".encode()).digest()[:10])
    return f"{at << 80 | 7 << 76 | (low >> 62 & 0xFFF) << 64 | 2 << 62 | low & (1 << 62) - 1:032x}"
