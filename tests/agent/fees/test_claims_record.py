"""Claims in a real journal: what its owner asks before anything is appended, and two people who note at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.desk import Desk
from agent.desk_socket import SocketDesk
from agent.errors import ClaimError, CounterfoilError, JournalError
from agent.fees.claim_kinds import ClaimEvent, ClaimNoted
from agent.fees.claims.claim_states import ClaimState
from agent.fees.claims.claims import Claims, claims_of
from agent.fees.noting import note, noted
from agent.home import Home
from agent.journal.drafting import to_draft
from agent.journal.entries import Draft
from agent.journal.fee_kinds import FeeFact
from agent.journal.keys import PassphraseSources, Signer, verifying_key
from agent.journal.kinds import TerminalSaid
from agent.journal.reader import open_reader
from agent.journal.store import Journal
from agent.opening import agent_at_work, make_home
from agent.settings import Settings
from protocol.messages import (
    EntryMode,
    Fee,
    FeeType,
    Outcome,
    Product,
    SettlementMode,
    Transaction,
    TransactionKind,
    UnsolicitedEvent,
)
from protocol.money import Money
from tests.agent.fees.claim_facts import CLAIM, audited, credit, day, event, finding, name, opened, version
from tests.agent.journal.conftest import home, journal, opened_by, signer

__all__ = ["home", "journal", "signer"]
E = ClaimEvent
AT = 1_772_380_800_000  # 2026-03-01 16:00 UTC: the 2nd in Shanghai
DAY_MS = 86_400_000


@pytest.fixture(name="opened")
def _journal_opened(signer: Signer) -> Draft:
    return opened_by(signer)


def told(journal: Journal, *facts: FeeFact, **terms: Any) -> int:
    """The first of the entries that hold them."""
    first = journal.size
    note(journal, AT, noted(facts), **terms)
    return first


def raised(journal: Journal) -> None:
    told(journal, version(), finding())
    told(journal, opened(name(), minor=600))
    told(journal, event(E.RAISED, "03-07"))


def test_a_claims_whole_life_is_read_back_from_the_journal(journal: Journal) -> None:
    raised(journal)
    told(journal, event(E.ADMITTED, "03-10", outcome="refund", note="王小姐 said so, card 4111111111111111"))
    paid = told(journal, credit(600))
    told(journal, event(E.CREDITED, "03-12", 600, entry=paid), event(E.CLOSED, "03-12"))
    claim = claims_of(journal).claims[CLAIM]
    assert (claim.state, claim.credited_minor, claim.paid[0].on) == (ClaimState.CLOSED, 600, day("03-12"))
    admitted = claim.events[2]
    assert journal.entry(admitted.seq).kind == "claim.event"
    assert admitted.fact.note == "王小姐 said so, card 411111******1111"
    assert b"said so" not in journal.raw_entry(admitted.seq)  # a note is private: it can be erased


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        (event(E.CREDITED, "03-10", 600, entry=0), "no credit"),
        (event(E.CLOSED, "03-10"), "cannot follow"),
        (event(E.DENIED, "03-06"), "before the last"),
        (event(E.WITHDRAWN, "03-10"), "reason"),
        (event(E.WITHDRAWN, "03-10", note="  "), "reason"),
        (event(E.NOTED, "03-10"), "words"),
        (event(E.DENIED, "03-10", operator=" "), "who notes it"),
        (event(E.DENIED, "03-10", claim="00000000beef"), "no claim"),
        (opened("0123456789ab", minor=1, claim="00000000beef"), "no finding"),
    ],
)
def test_what_is_refused_leaves_no_entry_nor_what_came_with_it(
    journal: Journal, refused: ClaimNoted, words: str
) -> None:
    raised(journal)
    size = journal.size
    with pytest.raises(CounterfoilError) as error:
        told(journal, credit(5), refused)
    assert words in error.value.what and error.value.exit_code == 1
    assert journal.size == size


def test_a_commit_of_many_is_judged_in_its_order(journal: Journal) -> None:
    told(journal, finding(), opened(name(), minor=600), event(E.RAISED, "03-07"))
    size = journal.size
    with pytest.raises(ClaimError):
        told(journal, event(E.DENIED, "03-08"), event(E.ADMITTED, "03-08"))
    assert journal.size == size


def test_an_erased_note_changes_no_state(journal: Journal) -> None:
    raised(journal)
    seq = told(journal, event(E.WITHDRAWN, "03-10", note="a mistake"))
    journal.erase(seq, seq, None, lambda count: Draft("personal.erased", {"count": count}), AT)
    claims = claims_of(journal)
    assert claims.claims[CLAIM].state is ClaimState.WITHDRAWN and claims.unfit == []


def test_an_entry_that_fits_no_claim_is_passed_by_and_named(journal: Journal, signer: Signer) -> None:
    raised(journal)
    odd = journal.size
    journal.append([to_draft(event(E.CLOSED, "03-08"), signer.token_hmac)], AT)  # as another program would
    told(journal, event(E.DENIED, "03-10"))
    claims = claims_of(journal)
    assert claims.unfit == [odd] and claims.claims[CLAIM].state is ClaimState.DENIED


def test_what_is_no_fact_at_all(journal: Journal) -> None:
    good = noted([event(E.DENIED)])[0]
    with pytest.raises(JournalError):
        note(journal, AT, [type(good)(good.kind, {**good.body, "event": "forgiven"})])
    assert journal.size == 1


# -- adjusted ------------------------------------------------------------------------------------------------------------


def trade(journal: Journal, signer: Signer, days: list[str], product: Product = Product.CREDIT) -> None:
    """One approved sale with its MDR line at noon (UTC+8) of each day."""
    start = journal.size * 2
    said: list[UnsolicitedEvent] = []
    for at, text in enumerate(days):
        noon = AT + (day(text) - day("03-02")).days * DAY_MS + 12 * 3_600_000
        sale, fee = start + 2 * at + 1, start + 2 * at + 2
        reference = f"{sale:032x}"
        said += [
            Transaction(
                number=sale,
                at=noon,
                reference=reference,
                kind=TransactionKind.SALE,
                outcome=Outcome.APPROVED,
                amount=Money(50_000),
                product=product,
                trace=f"{sale:06}",
                batch="000001",
                mid="848290053110001",
                tid="10000001",
                terminal_time=noon,
                entry_mode=EntryMode.CHIP,
                settlement_mode=SettlementMode.T1,
                response_code="00",
            ),
            Fee(number=fee, at=noon, type=FeeType.MDR, amount=Money(300), transaction=reference),
        ]
    journal.append(
        [
            to_draft(TerminalSaid(terminal="T1", log_epoch="e1", sha256=bytes(32), message=each), signer.token_hmac)
            for each in said
        ],
        AT,
    )


def admitted_to_adjust(journal: Journal) -> None:
    raised(journal)
    told(journal, event(E.ADMITTED, "03-10", outcome="adjust"))


@pytest.mark.requirement("4-01")
@pytest.mark.parametrize(
    ("days", "product", "unknown", "enough"),
    [
        (["03-11"] * 10, Product.CREDIT, 0, True),
        (["03-11"] * 9, Product.CREDIT, 0, False),
        (["03-10"] * 5 + ["03-11"] * 9, Product.CREDIT, 0, False),  # the day of the admission is not after it
        (["03-11"] * 10, Product.DEBIT, 0, False),  # another product
        (["03-11"] * 10, Product.CREDIT, 1, False),  # one could not be judged
        (["03-11"] * 11, Product.CREDIT, 1, True),
        (["03-11"] * 9 + ["03-20"], Product.CREDIT, 0, False),  # the audit ends before
    ],
)
def test_adjusted_needs_ten_right_fees_that_the_audit_judged(
    journal: Journal, signer: Signer, days: list[str], product: Product, unknown: int, enough: bool
) -> None:
    admitted_to_adjust(journal)
    trade(journal, signer, days, product)
    audit = told(journal, audited("03-01", "03-15", journal.size, unknown))
    size = journal.size
    if enough:
        told(journal, event(E.ADJUSTED, "03-16", entry=audit))
        assert claims_of(journal).claims[CLAIM].state is ClaimState.ADJUSTED
    else:
        with pytest.raises(ClaimError, match="must be right"):
            told(journal, event(E.ADJUSTED, "03-16", entry=audit))
        assert journal.size == size


def test_how_many_right_fees_is_a_setting_and_later_trade_does_not_count(journal: Journal, signer: Signer) -> None:
    admitted_to_adjust(journal)
    trade(journal, signer, ["03-11"] * 3)
    audit = told(journal, audited("03-01", "03-15", journal.size))
    trade(journal, signer, ["03-12"] * 9)
    with pytest.raises(ClaimError, match="3 fees"):
        told(journal, event(E.ADJUSTED, "03-16", entry=audit), adjusted_after=4)
    told(journal, event(E.ADJUSTED, "03-16", entry=audit), adjusted_after=3)


def test_a_fees_day_is_the_merchants(journal: Journal, signer: Signer) -> None:
    """Noon of the 11th in Shanghai is the 10th at 18:00 in Honolulu."""
    admitted_to_adjust(journal)
    trade(journal, signer, ["03-11"] * 10)
    audit = told(journal, audited("03-01", "03-15", journal.size))
    with pytest.raises(ClaimError, match="0 fees"):
        told(journal, event(E.ADJUSTED, "03-16", entry=audit), time_zone="Pacific/Honolulu")


# -- over the socket ------------------------------------------------------------------------------------------------------


@contextmanager
def shop(path: Path, *, simulated: bool = True) -> Iterator[tuple[Home, Desk]]:
    """A home whose agent is at work, its terminal unplugged; and a guest of it."""
    home = Home(path)
    settings = Settings(terminal="T1", simulated=simulated, port=str(path / "no such port"))
    make_home(home, settings, PassphraseSources(), AT)
    with agent_at_work(home, settings, PassphraseSources(), patient=True):
        yield home, SocketDesk(home.socket)


def claims_in(home: Home) -> Claims:
    with closing(open_reader(home.journal, verifying_key(home.path))) as journal:
        return claims_of(journal)


def test_a_refusal_crosses_the_socket_as_what_it_is(tmp_path: Path) -> None:
    with shop(tmp_path / "H") as (home, guest):
        guest.note(noted([finding(), opened(name(), minor=600)]))
        with pytest.raises(ClaimError, match="cannot follow"):
            guest.note(noted([event(E.CLOSED, "03-10")]))
        assert len(claims_in(home).claims[CLAIM].events) == 1


def test_of_two_guests_at_once_one_is_refused_and_money_is_claimed_once(tmp_path: Path) -> None:
    with shop(tmp_path / "H") as (home, guest):
        guest.note(noted([finding()]))
        names = [f"0000000000{n:02x}" for n in range(6)]
        assert _race(home, [opened(name(), minor=600, claim=n) for n in names]) == 1
        (claim,) = claims_in(home).claims.values()
        guest.note(noted([event(E.RAISED, "03-07", claim=claim.name), event(E.ADMITTED, "03-08", claim=claim.name)]))
        guest.note(noted([credit(600)]))
        (paid,) = claims_in(home).credits
        pays = [event(E.CREDITED, "03-12", 400, entry=paid, claim=claim.name)] * 6
        assert _race(home, pays) == 1
        assert claims_in(home).credit_left(paid) == 200


def _race(home: Home, asked: list[ClaimNoted]) -> int:
    """How many of them were recorded."""
    start, done = threading.Barrier(len(asked)), list[bool]()

    def go(fact: ClaimNoted) -> None:
        desk = SocketDesk(home.socket)
        start.wait()
        try:
            desk.note(noted([fact]))
            done.append(True)
        except ClaimError:
            done.append(False)

    threads = [threading.Thread(target=go, args=(fact,)) for fact in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == len(asked)
    return sum(done)


def test_in_a_real_home_nothing_is_noted_of_days_to_come(tmp_path: Path) -> None:
    with shop(tmp_path / "H", simulated=False) as (_home, guest):
        guest.note(noted([finding(), opened(name(), minor=600)]))
        with pytest.raises(ClaimError, match="still to come"):
            guest.note(
                noted([ClaimNoted(claim=CLAIM, event=E.RAISED, on=day("03-07").replace(year=2962), operator="Z")])
            )
        guest.note(noted([event(E.RAISED, "03-07")]))
