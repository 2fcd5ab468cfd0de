"""The desk in the process that owns the home: the agent's answers, or those of databases that are only looked at."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import date, datetime
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

from agent import actions as a
from agent.custody.erasure import erase
from agent.custody.remembered import remembered_heads
from agent.custody.rotation import rotate
from agent.custody.upkeep import Upkeep
from agent.custody.witnesses import Record, Witnesses
from agent.errors import JournalError
from agent.fees.noting import claims_before, note
from agent.following import Following
from agent.home import Home
from agent.journal import heads
from agent.journal.entries import Entry
from agent.journal.keys import Told, verifying_key
from agent.journal.kinds import Fact
from agent.journal.money_entries import money_entries
from agent.journal.reader import Head as JournalHead
from agent.journal.reader import Reader, open_reader
from agent.journal.store import Journal
from agent.link_off import key_damaged, link_off
from agent.money_views import intent_detail, intent_views, money_view
from agent.notices import words
from agent.people.at_desk import PeopleAtDesk
from agent.people.people import BEGINNINGS
from agent.projection import Projection
from agent.reading import Reading
from agent.refunds.at_desk import RefundsAtDesk
from agent.refunds.record import FOLLOWED
from agent.refunds.refund_kinds import RefundFact
from agent.refusals import anonymous, lane_refused, not_without_rules, signs_already
from agent.runner import Runner
from agent.settings import Settings
from agent.terminal_at_desk import TerminalAtDesk
from agent.views import (
    AddOperator,
    Credential,
    Head,
    IntentDetail,
    IntentView,
    KeyView,
    LaneView,
    Money,
    MoneyAction,
    MoneyOrder,
    MoneyState,
    MoneyView,
    Noted,
    NoteRefund,
    OperatorView,
    OweCustomer,
    OwedView,
    RefundAsked,
    RefundDay,
    RefundQuote,
    RefundView,
    RememberedHead,
    RemoveOperator,
    Role,
    SetPin,
    Status,
    Today,
    TransactionDetail,
    TransactionPage,
    WitnessAnswer,
)
from protocol.dialect import dialect

if TYPE_CHECKING:
    from agent.fees.audit.watch import FeeWatch

T = TypeVar("T")

DECIDE_MS = 15_000
"""How long a decision about a money request may take: it waits for this computer's disk."""
FINDINGS_MS = 7 * 86_400_000
"""How long a finding stands among what needs a person now."""


class HomeDesk(TerminalAtDesk):
    """The desk in the process that owns the home. runner: None where no agent runs; journal: the home's is then given, or
    opened to be looked at. `close` closes it. record, witnesses: None where nothing can be recorded.
    """

    def __init__(
        self,
        home: Home,
        settings: Settings,
        runner: Runner | None = None,
        *,
        journal: Reader | None = None,
        record: Record | None = None,
        witnesses: Witnesses | None = None,
        upkeep: Upkeep | None = None,
        fees: FeeWatch | None = None,
    ) -> None:
        super().__init__(settings, runner)
        self._home = home
        self._zone = ZoneInfo(settings.time_zone)
        self._journal, self._record, self._witnesses = journal, runner or record, witnesses
        self._upkeep, self._fees = upkeep, fees
        if runner is None:
            if self._journal is None:
                self._journal = open_reader(home.journal, verifying_key(home.path))
            projection = Projection(home.views, settings.time_zone)
            try:
                projection.catch_up(self._journal)
            finally:
                projection.close()
        self._people = PeopleAtDesk(Following(home, BEGINNINGS, self._read), self._writing, self._now)
        self._reading = Reading(home.views, self._entry, simulated=settings.simulated)
        followed = Following(home, FOLLOWED, self._read)
        self._refunds = RefundsAtDesk(
            settings, followed, self._reading, self._people, write=self._writing, now=self._now
        )

    def status(self) -> Status:
        runner, now = self._runner, self._now()
        if runner is not None:
            self._online()
        try:
            findings = self._reading.findings(now - FINDINGS_MS)
        except JournalError:  # views being made anew say nothing of the line
            findings = ()
        if runner is None:
            link, revision = link_off(self._home, self._settings), 0
            notices = key_damaged(self._home, self._settings, now)
        else:
            link, revision = runner.link(), runner.revision
            waiting = None if (unsigned := runner.unsigned) is None else unsigned.notice
            hindered = None if self._upkeep is None else self._upkeep.notice(now)
            of_fees = () if self._fees is None else self._fees.notices(now)
            notices = (*(one for one in (waiting, hindered) if one is not None), *runner.shown.notices, *of_fees)
        return Status(
            simulated=self._settings.simulated,
            terminal=self._settings.terminal,
            now=now,
            link=link,
            head=_head_view(self._head()),
            notices=(*notices, *findings),
            revision=revision,
            lane=LaneView() if runner is None else runner.shown.lane,
        )

    def today(self, date: str | None = None, recent: int = 50) -> Today:
        if date is None:
            date = datetime.fromtimestamp(self._now() // 1000, self._zone).date().isoformat()
        return self._reading.today(date, recent)

    def transactions(
        self, date: str | None = None, text: str | None = None, limit: int = 100, offset: int = 0
    ) -> TransactionPage:
        return self._reading.transactions(date, text, limit, offset)

    def transaction(self, reference: str) -> TransactionDetail:
        return self._reading.transaction(reference.lower())

    def money(self, order: MoneyOrder, timeout_ms: int, gone: Future[None] | None = None) -> MoneyView:
        """gone: done once whoever ordered it is gone; nobody waits for it then."""
        if order.action is not MoneyAction.SALE and not self._settings.simulated:
            raise not_without_rules()
        return self._order(order, (), timeout_ms, gone)

    def _order(
        self, order: MoneyOrder, beside: tuple[RefundFact, ...], timeout_ms: int, gone: Future[None] | None
    ) -> MoneyView:
        runner = self._signing()
        if self._upkeep is not None and (hindered := self._upkeep.notice(0)) is not None:
            raise JournalError(*words(hindered))
        ended = runner.money(lambda token: a.Order(token, order, beside), timeout_ms, gone)
        if ended is not None and ended.refusal is not None:
            raise lane_refused(ended.refusal)
        return money_view(order, None if ended is None else ended.outcome)

    def intents(self) -> tuple[IntentView, ...]:
        return intent_views(self._money_entries())

    def intent(self, reference: str) -> IntentDetail:
        return intent_detail(self._money_entries(), reference.lower())

    def park(self, reference: str, given: Credential, reason: str) -> None:
        operator = self._decider(given, reason)
        self._decide(lambda token: a.Park(token, reference, operator, reason))

    def resolve(self, reference: str, state: MoneyState, given: Credential, reason: str) -> MoneyView:
        operator = self._decider(given, reason)
        ended = self._decide(lambda token: a.Resolve(token, reference, MoneyState(state), operator, reason))
        asked = self.intent(reference).row
        amount = None if asked.amount_minor is None else Money(asked.amount_minor, asked.currency or 0)
        return money_view(MoneyOrder(reference, MoneyAction(asked.action), amount), ended.outcome)

    def accept_rollback(self, given: Credential, reason: str) -> None:
        operator = self._decider(given, reason)
        self._decide(lambda token: a.AcceptRollback(token, operator, reason))

    def _decider(self, given: Credential, reason: str) -> str:
        """A manager's name. Where nobody is registered, anybody's: a shop without people must get its lane free too."""
        _require_words(given.operator, reason)
        if not self._people.known().at_work():
            return given.operator
        return self._people.authenticate(given, Role.MANAGER).operator

    def _decide(self, made: Callable[[int], a.MoneyInput]) -> a.Ended:
        ended = self._signing().money(made, DECIDE_MS)
        if ended is None or ended.refusal is not None:
            raise lane_refused(None if ended is None else ended.refusal)
        return ended

    def _money_entries(self) -> Sequence[tuple[Entry, Fact]]:
        return list(money_entries(self._journal)) if self._journal is not None else self._at_work().money_entries()

    def remembered_heads(self) -> tuple[RememberedHead, ...]:
        def question(journal: Reader) -> list[heads.Compared]:
            return heads.compare_all(journal, self._home.path)

        return remembered_heads(self._read(question))

    def ask_witnesses(self) -> tuple[WitnessAnswer, ...]:
        if self._runner is not None or self._witnesses is None:
            self._signing()
        return () if self._witnesses is None else self._witnesses.ask()

    def rotate_key(self, passphrase: bytes | None, operator: str, reason: str | None) -> KeyView:
        if not operator.strip():
            raise anonymous()
        old, sources = self._head().vkey, Told(said=passphrase)
        head = self._writing(
            lambda journal, at: rotate(self._home.path, journal, at, new=sources, operator=operator, reason=reason)
        )
        return KeyView(old, head.vkey, head.size, head.note)

    def erase(self, first: int, last: int, field: str | None, operator: str, reason: str) -> Head:
        _require_words(operator, reason)
        return _head_view(
            self._writing(
                lambda journal, at: erase(
                    journal, at, first=first, last=last, field=field, operator=operator, reason=reason
                )
            )
        )

    def note(self, facts: tuple[Noted, ...]) -> Head:
        settings, known = self._settings, claims_before(self._home, facts)
        zone, verified = settings.time_zone, settings.fees.adjusted_after
        return _head_view(
            self._writing(
                lambda journal, at: note(journal, at, facts, time_zone=zone, adjusted_after=verified, known=known)
            )
        )

    def people(self) -> tuple[OperatorView, ...]:
        return self._people.views()

    def add_operator(self, asked: AddOperator) -> str | None:
        return self._people.change(asked)

    def set_pin(self, asked: SetPin) -> str | None:
        return self._people.change(asked)

    def remove_operator(self, asked: RemoveOperator) -> None:
        self._people.change(asked)

    def refund_quote(self, asked: RefundAsked) -> RefundQuote:
        return self._refunds.quote(asked)

    def refund(
        self, asked: RefundAsked, given: tuple[Credential, ...], timeout_ms: int, gone: Future[None] | None = None
    ) -> RefundView:
        """gone: as of `money`."""
        return self._refunds.refund(asked, given, self._order, timeout_ms, gone)

    def refunds(self) -> tuple[RefundView, ...]:
        return self._refunds.views()

    def refund_view(self, reference: str) -> RefundView:
        return self._refunds.view(reference)

    def note_refund(self, asked: NoteRefund, given: Credential) -> RefundView:
        return self._refunds.note(asked, given)

    def refund_day(self, day: date | None = None) -> RefundDay:
        return self._refunds.day(day)

    def owe(self, asked: OweCustomer, given: Credential) -> OwedView:
        return self._refunds.owe(asked, given)

    def owed(self) -> tuple[OwedView, ...]:
        return self._refunds.owed()

    def _read(self, question: Callable[[Reader], list[T]]) -> list[T]:
        return question(self._journal) if self._journal is not None else self._at_work().read(question)

    def _writing(self, work: Callable[[Journal, int], JournalHead]) -> JournalHead:
        if self._runner is not None or self._record is None:
            self._signing()
        assert self._record is not None
        return self._record.write(work)

    def unlock(self, passphrase: bytes) -> bool:
        if (unsigned := self._online().unsigned) is None:
            raise signs_already()
        opened = unsigned.unlock(passphrase)
        if opened and self._witnesses is not None:
            self._witnesses.start()
        return opened

    def wait(self, revision: int, timeout_ms: int) -> int:
        return 0 if self._runner is None else self._runner.wait(revision, timeout_ms)

    def close(self) -> None:
        self._reading.close()
        if self._journal is not None:
            self._journal.close()

    def _now(self) -> int:
        if self._runner is not None:
            return self._runner.now()
        by_terminal = self._settings.simulated and dialect(self._settings.dialect).hello is not None
        if not by_terminal:
            return time.time_ns() // 1_000_000
        return self._reading.last_at() or self._head().at

    def _head(self) -> JournalHead:
        return self._journal.head if self._journal is not None else self._at_work().head

    def _entry(self, seq: int) -> Entry:
        return self._journal.entry(seq) if self._journal is not None else self._at_work().entry(seq)


def _require_words(operator: str, reason: str) -> None:
    if not operator.strip() or not reason.strip():
        raise anonymous()


def _head_view(head: JournalHead) -> Head:
    return Head(head.origin, head.size, head.root_base64, head.at, head.note)
