"""The audit beside the work, over a real journal: what it signs by itself, when, and what it tells whoever looks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import pytest

from agent.custody.witnesses import OwnRecord
from agent.errors import JournalError
from agent.fees.audit import watch as watching
from agent.fees.audit.thresholds import Thresholds
from agent.fees.audit.watch import FeeWatch
from agent.fees.claim_kinds import Audited, ClaimEvent, ClaimNoted, FindingRecorded
from agent.fees.contract.tariff import TariffAnswer, TariffVersion
from agent.fees.contract.terms import NothingElseAgreed
from agent.fees.facts import facts_of
from agent.fees.findings import Confidence, Rule, SettledBy, Verdict
from agent.fees.noting import note, noted
from agent.home import Home
from agent.journal import keys
from agent.journal.drafting import to_draft
from agent.journal.entries import Entry
from agent.journal.fee_kinds import FeeFact
from agent.journal.keys import PassphraseSources, verifying_key
from agent.journal.kinds import Fact, TerminalSaid
from agent.journal.reader import Head, Reader, open_reader
from agent.journal.store import Journal
from agent.notice_types import NoticeCode
from agent.notices import words
from agent.opening import make_home
from agent.settings import Settings
from protocol.messages import Product, Settlement, TariffNotice
from protocol.money import CNY, Money
from tests.agent.fees.month_record import TERMINAL, ZONE, Record, shanghai, tariff
from tests.conftest import until

T = TypeVar("T")
DAY = 86_400_000
MONDAY = "2026-03-02"


class Owner:
    """The one who writes the journal, as the watch sees it: an own record with a clock and a count of its changes."""

    def __init__(self, home: Home) -> None:
        make_home(
            home,
            Settings(terminal=TERMINAL, simulated=True, port="-"),
            PassphraseSources(),
            shanghai(f"{MONDAY} 08:00"),
        )
        self.home, self.trade = home, Record()
        signer = keys.unlock(home.path, PassphraseSources())
        self._journal = Journal.open(home.journal, signer)
        self._own = OwnRecord(self._journal, signer, simulated=True)
        self._changed = threading.Condition()
        self._told = self._batches = 0
        self.revision, self.looks, self.at = 0, 0, shanghai(f"{MONDAY} 08:00")
        self.broken: Exception | None = None

    # -- what the watch asks -------------------------------------------------------------------------------------------

    def wait(self, revision: int, timeout_ms: int) -> int:
        with self._changed:
            self.looks += 1
            self._changed.wait_for(lambda: self.revision > revision, min(timeout_ms, 50) / 1000)
            return self.revision

    def now(self) -> int:
        return self.at

    def read(self, question: Callable[[Reader], T]) -> T:
        with self._changed:
            return self._own.read(question)

    def record(self, facts: Sequence[Fact]) -> Head:
        with self._changed:
            if self.broken is not None:
                raise self.broken
            return self._moved(self._own.record(facts))

    # -- what the shop does --------------------------------------------------------------------------------------------

    def say(self, *facts: FeeFact) -> None:
        with self._changed:
            self._moved(note(self._journal, self.at, noted(facts), time_zone=ZONE))

    def sell(self, *fees: int, on: str = MONDAY) -> None:
        """Sales of 500.00 with these fees; then their batch is settled."""
        begins, self._batches = len(self.trade.drafts), self._batches + 1
        for fee in fees:
            self.trade.trade(50_000, fee, on=f"{on} 12:00")
        batch = f"{self._batches:06d}"
        for place, draft in enumerate(self.trade.drafts[begins:], begins):
            if "batch" in draft.body:
                self.trade.drafts[place] = replace(draft, body={**draft.body, "batch": batch})
        self._settle(on, batch, len(fees), sum(fees))
        self.at = max(self.at, shanghai(f"{on} 23:05"))
        self.tell()

    def tell(self) -> None:
        """What the terminal has said since the last time."""
        with self._changed:
            self._moved(self._journal.append(self.trade.drafts[self._told :], self.at))
            self._told = len(self.trade.drafts)

    def _settle(self, on: str, batch: str, count: int, fees: int) -> None:
        self.trade.number += 1
        nothing = Money(0)
        said = Settlement(
            number=self.trade.number, at=shanghai(f"{on} 23:00"), batch=batch, date=on.replace("-", ""), page=1, pages=1,
            sales_count=count, refunds_count=0, gross=Money(count * 50_000), refunds=nothing, fees=Money(fees),
            deductions=nothing, adjustments=nothing, carried=nothing, credited=Money(count * 50_000 - fees),
        )  # fmt: skip
        fact = TerminalSaid(terminal=TERMINAL, log_epoch="e1", sha256=bytes(32), message=said)
        self.trade.drafts.append(to_draft(fact, lambda _token: bytes(32)))

    def _moved(self, head: Head) -> Head:
        self.revision += 1
        self._changed.notify_all()
        return head

    def close(self) -> None:
        self._journal.close()

    # -- what the record says then -------------------------------------------------------------------------------------

    def of(self, kind: str) -> list[Entry]:
        with closing(open_reader(self.home.journal, verifying_key(self.home.path))) as journal:
            return list(journal.all_of((kind,)))

    def looked(self, times: int = 3) -> None:
        """Until the watch has looked so often again, at all that is there now."""
        seen = self.looks
        until(lambda: self.looks >= seen + times)


def contract() -> tuple[FeeFact, ...]:
    """Credit at 0.6% since 2025, and the merchant's word that nothing else was agreed."""
    return tariff("credit", 6000), NothingElseAgreed(valid_from=date(2025, 1, 1), operator="Zhang")


@pytest.fixture
def owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Owner]:
    """The watch looks at once, and again without a rest."""
    monkeypatch.setattr(watching, "FIRST_S", 0)
    monkeypatch.setattr(watching, "CALM_S", 0)
    monkeypatch.setattr(watching, "CHANGE_MS", 100)
    one = Owner(Home(tmp_path / "H"))
    yield one
    one.close()


@pytest.fixture
def watch(owner: Owner) -> Iterator[Callable[[], FeeWatch]]:
    started: list[FeeWatch] = []

    def start() -> FeeWatch:
        started.append(FeeWatch(owner.home, Thresholds(time_zone=ZONE), owner))
        started[-1].start()
        return started[-1]

    yield start
    for each in started:
        each.stop()
    ended()


def ended() -> None:
    until(lambda: not any(thread.name == "fees" for thread in threading.enumerate()))


def bodies(entries: Sequence[Entry], *fields: str) -> list[tuple[Any, ...]]:
    return [tuple(entry.body[field] for field in fields) for entry in entries]


FOUND = ("rule", "verdict", "expected_minor", "charged_minor", "difference_minor")
RAISED = ("D01", "OVER", 900, 945, 45)
"""Three sales of 500.00 at 315 instead of 300."""


@pytest.mark.requirement("4-03", "D01")
def test_a_raised_rate_is_signed_the_evening_it_happens_and_once(owner: Owner, watch: Callable[[], FeeWatch]) -> None:
    owner.say(*contract())
    owner.sell(300, 300)  # an honest evening
    watch()
    owner.looked()
    assert owner.of("fees.finding") == []
    owner.sell(315, 315, 315)
    (found,) = until(lambda: owner.of("fees.finding"))
    assert bodies([found], *FOUND) == [RAISED]
    assert found.body["first"] == MONDAY and len(found.body["entries"]) == 6
    owner.sell(300, on="2026-03-03")
    owner.looked()
    assert len(owner.of("fees.finding")) == 1, "it is known: no second entry"
    assert owner.of("fees.superseded") == []


@pytest.mark.requirement("4-03", "D01")
def test_what_it_finds_again_after_a_start_is_no_news(owner: Owner, watch: Callable[[], FeeWatch]) -> None:
    owner.say(*contract())
    owner.sell(315, 315, 315)
    first = watch()
    until(lambda: owner.of("fees.finding"))
    first.stop()
    ended()
    watch()
    owner.looked()
    assert len(owner.of("fees.finding")) == 1
    owner.sell(315, on="2026-03-03")  # one more of the same run: the same finding, of more
    until(lambda: len(owner.of("fees.finding")) == 2)
    one, more = owner.of("fees.finding")
    assert one.body["finding"] == more.body["finding"]
    assert bodies([more], *FOUND) == [("D01", "OVER", 1200, 1260, 60)]


@pytest.mark.requirement("4-03", "D01")
def test_a_finding_that_later_facts_remove_is_superseded_visibly(owner: Owner, watch: Callable[[], FeeWatch]) -> None:
    owner.say(*contract())
    owner.sell(315, 315, 315)
    watch()
    (found,) = until(lambda: owner.of("fees.finding"))
    paper = TariffVersion(
        version="raise", product=Product.CREDIT, effective_from=date(2026, 3, 1), rate_ppm=6300, currency=CNY,
        published=date(2026, 1, 1), consent_at=date(2026, 2, 1), consent_by="Zhang", source="a letter that was found",
    )  # fmt: skip
    owner.say(paper)
    (gone,) = until(lambda: owner.of("fees.superseded"))
    assert gone.body == {"finding": found.body["finding"]}
    owner.looked()
    assert len(owner.of("fees.finding")) == len(owner.of("fees.superseded")) == 1


@pytest.mark.requirement("4-03", "4-11")
def test_every_day_is_audited_once(owner: Owner, watch: Callable[[], FeeWatch]) -> None:
    owner.say(*contract())
    owner.sell(315, 315, 315)
    watch()
    told = ("first", "last", "transactions", "findings", "claimed_minor", "unknown")
    until(lambda: owner.of("fees.audited"))
    owner.looked()
    assert bodies(owner.of("fees.audited"), *told) == [("2026-03-01", "2026-03-01", 3, 1, 45, 0)]
    for hours in (1, 2):  # past midnight, and two hours on: one day more
        owner.at = shanghai(f"2026-03-03 0{hours}:00")
        owner.looked()
    assert bodies(owner.of("fees.audited"), *told)[1:] == [(MONDAY, MONDAY, 3, 1, 45, 0)]
    by_hand = Audited(
        first=date(2026, 3, 2), last=date(2026, 3, 3), size=9, transactions=3, findings=1, claimed_minor=45, currency=CNY,
        unknown=0, operator="Zhang",
    )  # fmt: skip
    owner.say(by_hand)  # at noon: the day goes on, and is audited none the less
    owner.at = shanghai("2026-03-04 01:00")
    owner.looked()
    owner.at = shanghai("2026-03-08 01:00")  # the shop was closed for some days
    owner.looked()
    spans = bodies([entry for entry in owner.of("fees.audited") if "operator" not in entry.body], "first", "last")
    assert spans[2:] == [("2026-03-03", "2026-03-03"), ("2026-03-04", "2026-03-07")]


def test_without_a_contract_nothing_is_said_daily_and_nobody_is_reminded(
    owner: Owner, watch: Callable[[], FeeWatch]
) -> None:
    owner.sell(315, 315, 315)
    one = watch()
    owner.looked()
    owner.at += 30 * DAY
    owner.looked()
    assert owner.of("fees.") == [] and one.notices(owner.at) == ()


@pytest.mark.requirement("4-12", "4-01")
def test_what_was_found_is_a_notice_until_it_is_claimed(owner: Owner, watch: Callable[[], FeeWatch]) -> None:
    owner.say(*contract())
    one = watch()
    owner.looked()
    assert one.notices(owner.at) == ()
    owner.sell(315, 315, 315)
    (notice,) = until(lambda: one.notices(owner.at))
    assert (notice.code, notice.at) == (NoticeCode.FEES_OVER, owner.at)
    assert notice.facts == {"count": "1", "minor": "45", "currency": "156"}
    (found,) = owner.of("fees.finding")
    claim = ClaimNoted(
        claim="0" * 12, event=ClaimEvent.OPENED, on=date(2026, 3, 3), operator="Zhang",
        findings=(found.body["finding"],), amount=Money(45),
    )  # fmt: skip
    owner.at = shanghai("2026-03-03 08:00")
    owner.say(claim)
    until(lambda: one.notices(owner.at) == ())


def over(subject: str, minor: int, currency: int) -> FindingRecorded:
    return FindingRecorded(
        finding=subject * 12, rule=Rule.D19, verdict=Verdict.OVER, confidence=Confidence.CERTAIN, subject=subject,
        first=date(2026, 3, 1), last=date(2026, 3, 1), difference_minor=minor, currency=currency, entries=(),
        settled_by=SettledBy.NOTHING,
    )  # fmt: skip


def test_amounts_of_two_currencies_are_two_notices(owner: Owner, watch: Callable[[], FeeWatch]) -> None:
    owner.broken = JournalError("The disk is full.", "Make room.")  # else what no audit finds is superseded
    owner.say(over("a", 100, CNY), over("b", 30, 840), over("c", 7, CNY))
    one = watch()
    until(lambda: one.notices(owner.at))
    assert [notice.facts for notice in one.notices(owner.at)] == [
        {"count": "2", "minor": "107", "currency": "156"},
        {"count": "1", "minor": "30", "currency": "840"},
    ]


def propose(owner: Owner, ppm: int, cap: int | None, published: str = "2026-03-01", begins: str = "2026-03-10") -> None:
    owner.trade.number += 1
    said = TariffNotice(
        number=owner.trade.number, at=owner.at, notice="2026-07", product=Product.CREDIT, rate_ppm=ppm,
        cap=None if cap is None else Money(cap), effective_from=shanghai(f"{begins} 00:00"),
        published=shanghai(f"{published} 09:00"), text="Rates change",
        text_sha256=bytes(32),
    )  # fmt: skip
    fact = TerminalSaid(terminal=TERMINAL, log_epoch="e1", sha256=bytes(32), message=said)
    owner.trade.drafts.append(to_draft(fact, lambda _token: bytes(32)))
    owner.tell()


@pytest.mark.requirement("4-09", "D01")
@pytest.mark.parametrize("accepted", [True, False])
def test_a_raise_that_waits_is_told_until_it_is_answered(
    owner: Owner, watch: Callable[[], FeeWatch], accepted: bool
) -> None:
    owner.say(tariff("credit", 6000, cap_minor=2_000))
    propose(owner, 6300, 3_000)
    one = watch()
    (asks,) = until(lambda: one.notices(owner.at))
    assert asks.code is NoticeCode.TARIFF_ASKS and asks.facts["target"] == "2026-07/credit"
    what, todo = words(asks)
    # published 1 March: 30 whole days, so 1 April (docs/domain.md §3)
    for part in ("Credit card", "0.6%, at most ¥20.00 now", "0.63%, at most ¥30.00 then", "2026-04-01"):
        assert part in what
    assert "counterfoil fees tariff refuse 2026-07/credit" in todo and "consent" in todo
    owner.say(TariffAnswer(target="2026-07/credit", accepted=accepted, operator="Zhang"))
    until(lambda: one.notices(owner.at) == ())


def test_a_price_that_is_no_higher_asks_for_nothing(owner: Owner, watch: Callable[[], FeeWatch]) -> None:
    owner.say(tariff("credit", 6000))
    propose(owner, 5500, None)
    one = watch()
    owner.looked()
    assert one.notices(owner.at) == ()


@pytest.mark.requirement("4-03")
def test_after_a_week_without_a_look_somebody_is_reminded(owner: Owner, watch: Callable[[], FeeWatch]) -> None:
    owner.say(*contract())
    one = watch()
    owner.looked()
    begun = shanghai(f"{MONDAY} 08:00")
    assert one.notices(begun + 7 * DAY - 1) == ()
    (due,) = one.notices(begun + 7 * DAY)
    assert (due.code, due.facts) == (NoticeCode.AUDIT_DUE, {"days": "7"})
    assert one.notices(begun + 9 * DAY - 1)[0].facts == {"days": "8"}
    owner.at = begun + 8 * DAY
    owner.looked()
    assert len(owner.of("fees.audited")) >= 1 and one.notices(owner.at), (
        "the agent's own audits are no look of a person"
    )
    by_hand = Audited(
        first=date(2026, 3, 2), last=date(2026, 3, 10), size=9, transactions=0, findings=0, claimed_minor=0, currency=CNY,
        unknown=0, operator="Zhang",
    )  # fmt: skip
    owner.say(by_hand)
    until(lambda: one.notices(owner.at) == ())
    assert one.notices(owner.at + 7 * DAY - 1) == () and one.notices(owner.at + 7 * DAY) != ()


@pytest.mark.parametrize("why", [JournalError("The disk is full.", "Make room."), TimeoutError()])
def test_what_cannot_be_written_is_tried_again_and_not_lost(
    owner: Owner, watch: Callable[[], FeeWatch], why: Exception
) -> None:
    owner.broken = why
    owner.say(*contract())
    owner.sell(315, 315, 315)
    watch()
    owner.looked()
    assert owner.of("fees.") == []
    owner.broken = None
    (found,) = until(lambda: owner.of("fees.finding"))
    assert bodies([found], *FOUND) == [RAISED]
    owner.looked()
    assert len(owner.of("fees.finding")) == len(owner.of("fees.audited")) == 1


def test_what_it_writes_is_what_is_read_again(owner: Owner, watch: Callable[[], FeeWatch]) -> None:
    """Every entry of its own is a fact of fees, and stands in the signed tree."""
    owner.say(*contract())
    owner.sell(315, 315, 315)
    watch()
    until(lambda: owner.of("fees.audited"))
    with closing(open_reader(owner.home.journal, verifying_key(owner.home.path))) as journal:
        kinds = [entry.kind for entry, _fact in facts_of(journal) if entry.kind.startswith("fees.")]
        assert sorted(kinds) == ["fees.audited", "fees.finding"]
        assert journal.head.size == journal.size


def test_a_watch_that_was_stopped_ends_and_writes_nothing_more(owner: Owner, watch: Callable[[], FeeWatch]) -> None:
    owner.say(*contract())
    one = watch()
    owner.looked()
    one.stop()
    ended()
    size = len(owner.of("fees."))
    owner.sell(315, 315, 315)
    assert len(owner.of("fees.")) == size and owner.of("fees.finding") == []
