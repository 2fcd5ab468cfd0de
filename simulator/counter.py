"""What happens at the counter when a register asks for money: stages on the display, an entry in the book, a Result.

Somebody always comes with a card. A sale is approved unless the last two digits of its amount choose a decline
(DECLINES); money goes back by the rules of `Book.refusal`. One thing at a time: what is asked meanwhile is refused, and
nothing of it is done.

A reference that the book holds gets its stored Result again, for ever. On a wire that has room only for tickets nothing
tells a question asked twice from two questions: each is one of its own there, as it is with the vendors' terminals.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from random import Random

from protocol.messages import (
    Error,
    ErrorCode,
    MoneyRequest,
    Outcome,
    Product,
    Progress,
    Refund,
    RequestState,
    Result,
    Sale,
    Stage,
    Transaction,
    TransactionKind,
    Void,
)
from protocol.money import Money
from protocol.tickets import NO_TICKET
from simulator.book import APPROVED, INVALID_AMOUNT, Book
from simulator.clock import SimulatedClock
from simulator.plan import CARD_BINS, CARD_MODES, SCHEMES, Step, operator_at, rrn_of, weighted
from simulator.profile import Profile

DECLINES = {5: "05", 51: "51", 54: "54", 55: "55", 61: "61", 91: "91"}
"""Last two digits of a sale's amount -> ISO 8583 response code: 05 do not honour, 51 insufficient funds, 54 expired card,
55 wrong PIN, 61 over the limit, 91 issuer not available."""
TOO_LATE = "17"
"""ISO 8583: cancelled at the terminal. The deadline came before the card."""
# Answers to a vendor's register, whose wire has no Error
UNDER_WAY, NO_SUCH_ORIGINAL = "09", "25"

NOTHING_BUT_A_TICKET = 8
"""Leading hexadecimal digits that are zero in a reference made of a ticket (protocol/tickets.py). A ticket may come again,
so the book puts the event's number there: a reference is one of a kind."""

_SALE_STAGES = ((0, Stage.PRESENT_CARD), (4_000, Stage.PIN), (8_000, Stage.HOST))
_SALE_TAKES = 10_000
_BACK_STAGES = ((0, Stage.HOST),)
_BACK_TAKES = 2_000
"""Simulated ms from the question to the stages and to the end. FIXTURE."""
_CARDS = ((2, Product.CREDIT), (1, Product.DEBIT))
"""FIXTURE."""

Said = Progress | Result | Error


@dataclass(slots=True)
class _UnderWay:
    request: MoneyRequest
    original: Transaction | None
    amount: Money
    stages: deque[tuple[int, Stage]]  # monotonic ms
    ends: int
    stage: Stage
    too_late: bool


class Counter:
    """currency: ISO 4217, the terminal's one. tickets: the wire carries no whole references. Every `now` is monotonic ms,
    which is the clock that requests' deadlines are told in."""

    def __init__(
        self, *, profile: Profile, seed: int, book: Book, clock: SimulatedClock, currency: int, tickets: bool
    ) -> None:
        self._profile = profile
        self._seed = seed
        self._book = book
        self._clock = clock
        self._currency = currency
        self._tickets = tickets
        self._under_way: _UnderWay | None = None
        self._said: list[Said] = []

    @property
    def busy(self) -> bool:
        return self._under_way is not None

    @property
    def deadline(self) -> int | None:
        """When `run` has something to do, or None."""
        under_way = self._under_way
        if under_way is None:
            return None
        return min(under_way.ends, under_way.stages[0][0]) if under_way.stages else under_way.ends

    def take(self) -> list[Said]:
        """What is to be told to the register, in order."""
        said, self._said = self._said, []
        return said

    def ask(self, request: MoneyRequest, now: int) -> None:
        """A register asks. Not taken: an Error, or where the wire has none a Result that is declined."""
        under_way = self._under_way
        known = None if self._tickets else self._book.find(request.reference)
        if known is not None:
            if _repeats(request, known):
                self._said.append(result_of(known, request.reference, request.request_id))
            else:
                self._refuse(request, ErrorCode.OUT_OF_BOUNDS, INVALID_AMOUNT)
        elif under_way is not None:
            if self._tickets or request.reference != under_way.request.reference:
                self._refuse(request, ErrorCode.NOT_NOW, UNDER_WAY)
            elif _bare(request) != _bare(under_way.request):
                self._refuse(request, ErrorCode.OUT_OF_BOUNDS, INVALID_AMOUNT)
            else:  # asked again, in another session perhaps: from now on the answer is to this one
                under_way.request = request
                self._say_stage(under_way)
        elif request.deadline <= now:
            self._refuse(request, ErrorCode.NOT_NOW, TOO_LATE)
        else:
            self._begin(request, now)
            self.run(now)

    def _begin(self, request: MoneyRequest, now: int) -> None:
        original, amount = None, request.amount
        if not isinstance(request, Sale):
            original = self._original(request.original_reference, request.original_trace)
            if original is None:
                self._refuse(request, ErrorCode.OUT_OF_BOUNDS, NO_SUCH_ORIGINAL)
                return
            amount = original.amount if amount is None else amount  # a void that names none is of the whole
        if amount is None or amount.currency != self._currency or amount.minor <= 0:
            self._refuse(request, ErrorCode.OUT_OF_BOUNDS, INVALID_AMOUNT)
            return
        plan, takes = (_SALE_STAGES, _SALE_TAKES) if original is None else (_BACK_STAGES, _BACK_TAKES)
        stages = deque((now + self._clock.real(after), stage) for after, stage in plan)
        ends, host = now + self._clock.real(takes), stages[-1][0]
        too_late = host >= request.deadline
        if too_late:
            ends = request.deadline
            stages = deque((due, stage) for due, stage in stages if due < ends)
        self._under_way = _UnderWay(request, original, amount, stages, ends, plan[0][1], too_late)

    def run(self, now: int) -> None:
        """Go on with what is under way, as far as it is due."""
        under_way = self._under_way
        if under_way is None:
            return
        request = under_way.request
        while under_way.stages and under_way.stages[0][0] <= now:
            _, under_way.stage = under_way.stages.popleft()
            self._say_stage(under_way)
        if under_way.ends <= now:
            self._under_way = None
            self._clock.pass_by(_SALE_TAKES if under_way.original is None else _BACK_TAKES, now)
            done = self._book.enter(self._step(under_way, now))
            self._said.append(result_of(done, request.reference, request.request_id))

    def _say_stage(self, under_way: _UnderWay) -> None:
        asked = under_way.request
        self._said.append(Progress(reference=asked.reference, stage=under_way.stage, request_id=asked.request_id))

    def last(self, request_id: int) -> Result:
        """The last sale that was approved, for a register that lost its answer."""
        found = None if self._book.last_sale is None else self._book.find(self._book.last_sale)
        if found is None:
            return Result(reference=NO_TICKET, state=RequestState.NOT_FOUND, request_id=request_id)
        reference = found.reference
        if self._tickets:
            reference = "0" * NOTHING_BUT_A_TICKET + reference[NOTHING_BUT_A_TICKET:]
        result = result_of(found, reference, request_id)
        return replace(result, state=RequestState.VOIDED) if self._book.is_voided(found.reference) else result

    def _original(self, reference: str, trace: str | None) -> Transaction | None:
        if self._tickets:
            return None if trace is None else self._book.sale_by_trace(trace.rjust(6, "0"))
        return self._book.find(reference)

    def _refuse(self, request: MoneyRequest, error: ErrorCode, response_code: str) -> None:
        self._said.append(
            Result(
                reference=request.reference,
                state=RequestState.DECLINED,
                response_code=response_code,
                request_id=request.request_id,
            )
            if self._tickets
            else Error(code=error, request_id=request.request_id)
        )

    # -- what is done --------------------------------------------------------------------------------------------------

    def _step(self, under_way: _UnderWay, now: int) -> Step:
        request, original, amount = under_way.request, under_way.original, under_way.amount
        at = max(self._clock.time(now), self._book.last_at)
        trace = self._book.next_trace
        if original is None:
            kind, code = TransactionKind.SALE, DECLINES.get(amount.minor % 100, APPROVED)
        else:
            kind = TransactionKind.VOID if isinstance(request, Void) else TransactionKind.REFUND
            code = self._book.refusal(kind, original, amount) or APPROVED
        if under_way.too_late:
            code = TOO_LATE
        reference = request.reference
        if self._tickets:
            reference = f"{self._book.next_number:0{NOTHING_BUT_A_TICKET}x}{reference[NOTHING_BUT_A_TICKET:]}"
        rng = Random(f"{self._profile.name}/{self._seed}/counter/{reference}")  # noqa: S311  reproducible on purpose
        product = original.product if original else weighted(rng, _CARDS)
        auth_code = f"{rng.randrange(1_000_000):06d}"
        last_digits = rng.randrange(10_000)
        return Step(
            at=at,
            kind=kind,
            outcome=Outcome.APPROVED if code == APPROVED else Outcome.DECLINED,
            response_code=code,
            product=product,
            amount_minor=amount.minor,
            currency=amount.currency,
            reference=reference,
            original_reference=original.reference if original else None,
            trace=trace,
            batch=self._book.batch,
            rrn=rrn_of(at, trace),
            auth_code=auth_code if code == APPROVED else None,
            operator=request.operator or operator_at(at),
            entry_mode=original.entry_mode if original else weighted(rng, CARD_MODES),
            scheme=(original.scheme if original else None) or weighted(rng, SCHEMES[product]),
            masked_pan=original.masked_pan
            if original
            else f"{weighted(rng, CARD_BINS[product])}******{last_digits:04d}",
            card_token=original.card_token if original else rng.getrandbits(128).to_bytes(16, "big"),
        )


def _bare(request: MoneyRequest) -> MoneyRequest:
    """What is asked, but for who asks it and until when."""
    return replace(request, request_id=0, deadline=0, operator=None)


def _repeats(request: MoneyRequest, known: Transaction) -> bool:
    """The same question: kind, amount, and the sale that it is about."""
    kinds = {Sale: TransactionKind.SALE, Refund: TransactionKind.REFUND, Void: TransactionKind.VOID}
    original = None if isinstance(request, Sale) else request.original_reference
    same = (kinds[type(request)], original) == (known.kind, known.original_reference)
    return same and request.amount in {known.amount, None}


def result_of(done: Transaction, reference: str, request_id: int) -> Result:
    """What the book says of a transaction, as the Result of the request that calls it by this reference."""
    return Result(
        reference=reference,
        state=RequestState.APPROVED if done.outcome is Outcome.APPROVED else RequestState.DECLINED,
        amount=done.amount,
        response_code=done.response_code,
        product=done.product,
        trace=done.trace,
        batch=done.batch,
        rrn=done.rrn,
        auth_code=done.auth_code,
        scheme=done.scheme,
        masked_pan=done.masked_pan,
        entry_mode=done.entry_mode,
        terminal_time=done.terminal_time,
        event=done.number,
        request_id=request_id,
    )
