"""What happens at the counter when a register asks for money: stages on the display, an entry in the book, a Result.

Somebody comes (simulator/cards.py; a bank card, if nobody was told to), and the host decides (simulator/host.py). Before it
is asked, BEGIN stands in the log; what then has no outcome is reversed: after PATIENCE_MS, or at the next boot. Until
then a fence takes the request back. Money goes back by the rules of `Book.refusal`. One thing at a time: what is asked
meanwhile is refused, and nothing of it is done.

A reference that the log holds gets its stored Result again, for ever; one that was fenced is VOIDED. On a wire that has
room only for tickets nothing tells a question asked twice from two questions: each is one of its own there, as it is with
the vendors' terminals.
"""

from __future__ import annotations

from dataclasses import replace

from protocol.messages import (
    EntryMode,
    Error,
    ErrorCode,
    MoneyRequest,
    Progress,
    RequestState,
    Result,
    Sale,
    Stage,
    StatusQuery,
    StatusReply,
    Transaction,
)
from protocol.money import Money
from protocol.tickets import NO_TICKET
from simulator.answers import repeats, result_of, same_question, status_of, voided
from simulator.book import INVALID_AMOUNT, Book
from simulator.cards import CANCELLED, Customer, Visit, visit_of
from simulator.clock import SimulatedClock
from simulator.crashes import Crash, Crashes
from simulator.host import APPROVED, PATIENCE_MS, RESPONSES, Host
from simulator.log import TerminalLog
from simulator.plan import Step
from simulator.profile import Profile
from simulator.under_way import IN_PROGRESS, UnderWay, shown_now

NO_SUCH_ORIGINAL = "25"
"""ISO 8583: to a vendor's register, whose wire has no Error."""

NOTHING_BUT_A_TICKET = 8
"""Leading hexadecimal digits that are zero in a reference made of a ticket (protocol/tickets.py). A ticket may come again,
so the book puts the event's number there: a reference is one of a kind."""

SHOWN_MS = 5_000
"""How long an outcome stays on the display. FIXTURE."""
_DECIDES_MS = 2_000
"""How long the terminal itself takes to refuse. FIXTURE."""
Said = Progress | Result | Error


class Counter:
    """currency: ISO 4217, the terminal's one. tickets: the wire carries no whole references. Every `now` is monotonic ms,
    which is the clock that requests' deadlines are told in."""

    def __init__(
        self,
        *,
        profile: Profile,
        seed: int,
        book: Book,
        log: TerminalLog,
        host: Host,
        crashes: Crashes,
        clock: SimulatedClock,
        currency: int,
        tickets: bool,
    ) -> None:
        self._profile = profile
        self._seed = seed
        self._book = book
        self._log = log
        self._host = host
        self._crashes = crashes
        self._clock = clock
        self.currency = currency
        self.tickets = tickets
        self.regular: Customer | None = None
        """Who comes when nobody else was told to; None: somebody with a bank card."""
        self._next: Customer | None = None
        self.pauses = self.paused = False
        """pauses: wait at every stage until somebody has looked, and says that it is paused no more."""
        self._under_way: UnderWay | None = None
        self._said: list[Said] = []
        self.last_done: Transaction | None = None
        """The last outcome, while the display shows it: SHOWN_MS, and at speed 0 until the next."""
        self._shown_until: int | None = None

    @property
    def busy(self) -> bool:
        return self._under_way is not None

    @property
    def by_hand(self) -> bool:
        """What is under way was keyed at the terminal itself."""
        return self._under_way is not None and self._under_way.by_hand

    @property
    def doing(self) -> tuple[Stage, Money] | None:
        """What is under way: its stage and amount, for the display."""
        under_way = self._under_way
        return None if under_way is None else (under_way.stage, under_way.amount)

    @property
    def reference(self) -> str | None:
        """Of what is under way, as whoever asked calls it."""
        return None if self._under_way is None else self._under_way.request.reference

    @property
    def coming(self) -> Customer | None:
        """Who comes for the next sale, if somebody was told to."""
        return self._next or self.regular

    @property
    def deadline(self) -> int | None:
        """When `run` has something to do, or None."""
        due = [self._host.deadline, self._shown_until]
        if self._under_way is not None:
            due.append(self._under_way.deadline)
        return min((d for d in due if d is not None), default=None)

    def present(self, customer: Customer) -> None:
        """Who comes for the next sale."""
        self._next = customer

    def arrive(self, customer: Customer, now: int) -> bool:
        """This customer shows a card or a code now; False where none is waited for."""
        under_way = self._under_way
        if under_way is None or not under_way.waits_for_customer:
            return False
        under_way.customer = customer
        under_way.plan(shown_now(visit_of(customer, codes=not self.tickets)), now, self._clock)
        return True

    def cancel(self, now: int) -> bool:
        """The customer presses cancel: declined, unless the host was asked already (False, as where nothing is asked)."""
        under_way = self._under_way
        if under_way is None or under_way.stage is Stage.HOST:
            return False
        under_way.end(CANCELLED, now)
        self.run(now)
        return True

    def forget(self) -> None:
        """A reboot: what was under way is known from the log alone."""
        self._under_way = self._next = self.last_done = self._shown_until = None
        self._said.clear()

    def take(self) -> list[Said]:
        """What is to be told to the register, in order."""
        said, self._said = self._said, []
        return said

    def ask(self, request: MoneyRequest, now: int) -> None:
        """A register asks. Not taken: an Error, or where the wire has none a Result that is declined."""
        under_way = self._under_way
        if not self.tickets and (stored := self._stored(request)) is not None:
            self._said.append(stored)
        elif under_way is not None:
            if self.tickets or request.reference != under_way.request.reference:
                self._refuse(request, ErrorCode.NOT_NOW, IN_PROGRESS)
            elif not same_question(request, under_way.request):
                self._refuse(request, ErrorCode.OUT_OF_BOUNDS, INVALID_AMOUNT)
            else:  # asked again, in another session perhaps: from now on the answer is to this one
                under_way.request = request
                self._say_stage(under_way)
        elif request.deadline <= now:
            self._refuse(request, ErrorCode.NOT_NOW, CANCELLED)
        else:
            self._begin(request, now)
            self.run(now)

    def _stored(self, request: MoneyRequest) -> Result | Error | None:
        """What the log says of that reference already."""
        reference, known = request.reference, self._book.find(request.reference)
        reversal, asked = self._book.reversal(reference), self._book.begun(reference)
        first = asked or known
        if first is not None and (known or reversal) and not repeats(request, first):
            return Error(code=ErrorCode.OUT_OF_BOUNDS, request_id=request.request_id)
        if known is not None:
            return result_of(known, reference, request.request_id)
        if reversal is not None or self._log.is_fenced(reference):
            return voided(reference, request.request_id, reversal)
        return None

    def status(self, query: StatusQuery) -> StatusReply:
        """What became of a reference. A fence is in the log before the answer, and takes back what no host was asked yet."""
        epoch = self._log.epoch
        if (stale := self._crashes.stale(query.reference, epoch, query.request_id)) is not None:
            return stale
        known, reversal = self._book.find(query.reference), self._book.reversal(query.reference)
        under_way = self._under_way
        doing = under_way is not None and not self.tickets and under_way.request.reference == query.reference
        if doing and under_way is not None and query.fence and under_way.draft is None:
            self._log.fence(query.reference)
            self._under_way, doing = None, False
            self._said.append(voided(query.reference, under_way.request.request_id))
        if query.fence and known is None and reversal is None and not doing:
            self._log.fence(query.reference)
        return status_of(
            query, epoch, known=known, reversal=reversal, doing=doing, fenced=self._log.is_fenced(query.reference)
        )

    def key_in(self, request: MoneyRequest, customer: Customer | None, now: int) -> None:
        """Somebody asks at the terminal's own menu: the same in all but that no register hears of it.

        customer: who comes, None: as to any sale. The caller sees to it that nothing is under way, and that an original
        is known. `run` goes on with it.
        """
        self._next = customer or self._next
        self._begin(request, now, by_hand=True)

    def _begin(self, request: MoneyRequest, now: int, *, by_hand: bool = False) -> None:
        original, amount = None, request.amount
        if not isinstance(request, Sale):
            original = self._original(request.original_reference, request.original_trace)
            if original is None:
                self._refuse(request, ErrorCode.OUT_OF_BOUNDS, NO_SUCH_ORIGINAL)
                return
            amount = original.amount if amount is None else amount  # a void that names none is of the whole
        if amount is None or amount.currency != self.currency or amount.minor <= 0:
            self._refuse(request, ErrorCode.OUT_OF_BOUNDS, INVALID_AMOUNT)
            return
        customer = None
        if original is None:
            customer, self._next = self._next or self.regular, None
        visit = Visit((0,), (Stage.HOST,)) if original is not None else visit_of(customer, codes=not self.tickets)
        self._under_way = UnderWay(request, original, amount, customer, by_hand)
        self._under_way.plan(visit, now, self._clock)

    def run(self, now: int) -> None:
        """Go on with what is under way, as far as it is due. TerminalCrashed where that was armed."""
        self._go_on(now)
        for reference in self._host.run(now):  # a terminal that was late itself had given up before
            self._told_late(reference, now)

    def _go_on(self, now: int) -> None:
        if self._shown_until is not None and self._shown_until <= now:
            self.last_done = self._shown_until = None
        under_way = self._under_way
        if under_way is None or self.paused:
            return
        while under_way.stages and under_way.stages[0][0] <= now:
            _, under_way.stage = under_way.stages.popleft()
            self._say_stage(under_way)
            if self.pauses:
                self.paused = True
                return
        if under_way.asks_host is not None and under_way.asks_host <= now:
            due, under_way.asks_host = under_way.asks_host, None
            self._ask_host(under_way, due, now)
        if under_way.ends is not None and under_way.ends <= now and self._answer_is_lost(under_way):
            under_way.lose_answer(self._clock)
        if under_way.ends is not None and under_way.ends <= now:
            self._clock.pass_by(under_way.took, now)
            self._end(under_way, now)

    def _answer_is_lost(self, under_way: UnderWay) -> bool:
        """The host answered, and cannot be reached."""
        answer = under_way.answer
        return answer is not None and answer.after is not None and not self._host.reachable

    def sooner(self, ms: int) -> None:
        """So much time (monotonic ms) is over at once: the clock was advanced."""
        if self._under_way is not None:
            self._under_way.sooner(ms)
        if self._shown_until is not None:
            self._shown_until -= ms
        self._host.sooner(ms)

    def _ask_host(self, under_way: UnderWay, due: int, now: int) -> None:
        """Refuse what is against the rules; log BEGIN, and then ask. due: when it was planned for."""
        self._crashes.reach(Crash.BEFORE_BEGIN)
        step = self._step(under_way, now)
        refusal = self._refusal(under_way, step)
        if refusal is not None:
            under_way.code, took = refusal, _DECIDES_MS
        elif not self._host.reachable:
            under_way.code, took = RESPONSES[91].code, _DECIDES_MS
        elif (
            draft := self._book.begin(step)
        ) is None:  # fenced: `ask` and `status` see to it that this does not happen
            under_way.code, took = CANCELLED, 0
        else:
            under_way.draft = draft
            self._crashes.reach(Crash.AFTER_BEGIN)
            chosen, lie, excess = under_way.customer.response if under_way.customer else None, None, 0
            if under_way.original is None and (lie := self._book.charged_late(draft)) is not None:
                chosen = RESPONSES[68]
            if under_way.original is not None:
                excess = self._book.acquirer.falsified.excess(draft, self._book.remaining(under_way.original))
            under_way.answer = answer = self._host.ask(draft, chosen, now, lie, excess)
            if answer.for_ever:
                return
            took = PATIENCE_MS if answer.after is None else answer.after
        under_way.took += took
        under_way.ends = due + self._clock.real(took)

    def _refusal(self, under_way: UnderWay, step: Step) -> str | None:
        """What the terminal does not even send to the host: an ISO 8583 response code, or None."""
        if under_way.original is not None:
            return self._book.refusal(step.kind, under_way.original, under_way.amount)
        return None if step.product in self._profile.products else RESPONSES[58].code

    def _end(self, under_way: UnderWay, now: int) -> None:
        request, draft, answer = under_way.request, under_way.draft, under_way.answer
        at = max(self._clock.time(now), self._book.last_at)
        if draft is None or answer is None:
            done = self._book.enter(replace(self._step(under_way, now), response_code=under_way.code))
            result = result_of(done, request.reference, request.request_id)
        elif answer.after is None:
            done = self._book.reverse(draft, code=answer.code, at=at, now=now)
            result = voided(request.reference, request.request_id, done)
        else:
            self._crashes.reach(Crash.APPROVED_UNLOGGED)
            done = self._book.finish(
                draft, code=answer.code, amount_minor=answer.amount_minor, auth_code=answer.auth_code, at=at
            )
            result = result_of(done, request.reference, request.request_id)
            if under_way.original is None and not self.tickets and done.entry_mode is EntryMode.CHIP:
                under_way.stage = Stage.REMOVE_CARD
                self._say_stage(under_way)
        self._under_way, self.last_done = None, done
        self._shown_until = now + self._clock.real(SHOWN_MS) if self._clock.speed else None
        self._crashes.reach(Crash.LOGGED_UNTOLD)
        if not under_way.by_hand:
            self._said.append(self._crashes.falsify(result))

    def _told_late(self, reference: str, now: int) -> None:
        """The host charges what was reversed: the terminal hears of it, and logs what is true."""
        draft = self._book.begun(reference)
        if draft is not None and not self._book.holds(reference):
            at = max(self._clock.time(now), self._book.last_at)
            self._book.finish(draft, code=APPROVED, amount_minor=draft.amount.minor, auth_code=None, at=at)

    def _say_stage(self, under_way: UnderWay) -> None:
        if under_way.by_hand:
            return
        asked = under_way.request
        self._said.append(Progress(reference=asked.reference, stage=under_way.stage, request_id=asked.request_id))

    def last(self, request_id: int) -> Result:
        """The last sale that was approved, for a register that lost its answer."""
        found = None if self._book.last_sale is None else self._book.find(self._book.last_sale)
        if found is None:
            return Result(reference=NO_TICKET, state=RequestState.NOT_FOUND, request_id=request_id)
        reference = found.reference
        if self.tickets:
            reference = "0" * NOTHING_BUT_A_TICKET + reference[NOTHING_BUT_A_TICKET:]
        result = result_of(found, reference, request_id)
        return replace(result, state=RequestState.VOIDED) if self._book.is_voided(found.reference) else result

    def _original(self, reference: str, trace: str | None) -> Transaction | None:
        if self.tickets:
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
            if self.tickets
            else Error(code=error, request_id=request.request_id)
        )

    # -- what is done --------------------------------------------------------------------------------------------------

    def _step(self, under_way: UnderWay, now: int) -> Step:
        reference = under_way.request.reference
        if self.tickets:
            reference = f"{self._book.next_number:0{NOTHING_BUT_A_TICKET}x}{reference[NOTHING_BUT_A_TICKET:]}"
        return under_way.step(
            reference=reference,
            at=max(self._clock.time(now), self._book.last_at),
            trace=self._book.next_trace,
            batch=self._book.batch,
            seed=f"{self._profile.name}/{self._seed}",
        )
