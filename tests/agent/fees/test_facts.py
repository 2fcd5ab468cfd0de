"""Facts of fees: each kind as an entry holds it, and back again; what is none is refused; no card number in any text."""

from __future__ import annotations

import json
from datetime import date

import pytest

from agent.fees.claim_kinds import Audited, ClaimEvent, ClaimNoted, FindingRecorded, FindingSuperseded
from agent.fees.contract.tariff import FeeReturn, RefundFee, TariffAnswer, TariffVersion, Tier, TierMode
from agent.fees.contract.terms import (
    BankCredit,
    Cost,
    CostClass,
    ListedFee,
    NothingElseAgreed,
    OpeningHours,
    Per,
    Registration,
    SettlementTerms,
    SimTerms,
    StatementLine,
    StatementPage,
    Ticket,
    TicketAbout,
)
from agent.fees.facts import fact_of
from agent.fees.findings import Confidence, Rule, SettledBy, Verdict
from agent.fees.noting import noted
from agent.journal import fee_kinds
from agent.journal.drafting import to_draft
from agent.journal.entries import canonical
from protocol.messages import FeeType, Product, SettlementMode
from protocol.money import CNY, Money

DAY = date(2026, 3, 2)
FACTS = [
    TariffVersion(
        version="ab12", product=Product.QR_WALLET, effective_from=DAY, effective_to=date(2027, 1, 1),
        tiers=(Tier(3800, 100_000), Tier(6000)), tier_mode=TierMode.SLAB, refund_fee=RefundFee(ppm=30, free_days=7),
        fee_return=FeeReturn.PRO_RATA, notice_sha256=bytes(range(32)), currency=CNY, source="contract.toml",
    ),
    TariffAnswer(target="2026-07/credit", accepted=False, operator="张", note="从未同意"),
    Registration(valid_from=DAY, mid="848290053110001", merchant_name="演练小馆", source="x"),
    SimTerms(activated=DAY, free_days=90, period_days=365, amount_minor=3600, currency=CNY, source="x"),
    SettlementTerms(valid_from=DAY, mode=SettlementMode.T1, cut_off="22:00", t0_agreed=False, source="x"),
    OpeningHours(valid_from=DAY, days=("09:00-22:00",) * 6 + ("closed",), source="x"),
    ListedFee(type=FeeType.SERVICE, name="n", amount_minor=100, per=Per.MONTH, currency=CNY, valid_from=DAY, source="x"),
    NothingElseAgreed(valid_from=DAY, operator="张"),
    Ticket(ticket="T-1", about=TicketAbout.FAULT, opened=DAY, closed=None, operator="张", note="黑屏"),
    BankCredit(on=DAY, amount=Money(198_000, CNY), batch="000002", proof_sha256=bytes(32), source="typed", note="n"),
    StatementPage(
        provider="p", file="f.csv", file_sha256=bytes(32), page=1, pages=1, first=DAY, last=DAY, currency=CNY,
        lines=(StatementLine(2, "sale", DAY, 50_000, 300, rrn="012345678901"), StatementLine(3, "refund", DAY, 100)),
    ),
    Cost(cost_class=CostClass.HARDWARE, on=DAY, amount=Money(29_900, CNY), operator="张"),
    FindingRecorded(
        finding="0" * 12, rule=Rule.D05, verdict=Verdict.OVER, confidence=Confidence.CERTAIN, subject="s", first=DAY,
        last=DAY, expected_minor=1000, charged_minor=2000, difference_minor=1000, currency=CNY, entries=(3, 4),
        settled_by=SettledBy.NOTHING,
    ),
    FindingSuperseded(finding="0" * 12),
    Audited(first=DAY, last=DAY, size=9, transactions=2, findings=1, claimed_minor=1000, currency=CNY, unknown=0),
    ClaimNoted(
        claim="1" * 12, event=ClaimEvent.OPENED, on=DAY, operator="张", findings=("0" * 12,), amount=Money(1000, CNY)
    ),
    ClaimNoted(claim="1" * 12, event=ClaimEvent.RATED, on=DAY, operator="张", satisfaction=5),
]  # fmt: skip


def test_every_kind_is_here() -> None:
    assert {fact.kind for fact in FACTS} == set(fee_kinds.KINDS)


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.kind)
def test_a_fact_comes_back_from_its_entry_as_it_was(fact: fee_kinds.FeeFact) -> None:
    draft = to_draft(fact, lambda token: token)
    assert fact_of(draft.kind, json.loads(canonical(draft.body)), draft.private) == fact
    assert set(draft.private) <= fee_kinds.PRIVATE.get(type(fact), frozenset())


def test_free_text_stands_outside_the_leaf_and_can_be_erased() -> None:
    draft = to_draft(FACTS[8], lambda token: token)
    assert "note" not in draft.body and draft.private == {"note": "黑屏"}
    erased = fact_of(draft.kind, draft.body, {})
    assert isinstance(erased, Ticket) and erased.note is None and erased.ticket == "T-1"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("terminal.fee", {}),
        ("bank.credited", {"source": "typed"}),
        ("bank.credited", {"on": "yesterday", "amount_minor": 1, "currency": 156, "source": "typed"}),
        ("bank.credited", {"on": "2026-03-02", "amount_minor": 1.5, "currency": 156, "source": "typed"}),
        ("fees.finding", {"finding": "x", "rule": "D99"}),
    ],
)
def test_what_is_no_fact_is_refused(kind: str, body: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=kind):
        fact_of(kind, body)


def test_a_card_number_is_masked_in_every_text_and_a_merchant_id_is_not() -> None:
    number = "4111111111111111"
    told = noted([Ticket(ticket="T", about=TicketAbout.FAULT, opened=DAY, operator=f"op {number}", note=number)])
    assert number not in str(told)
    (registered,) = noted([Registration(valid_from=DAY, mid="411111111111111", source="x")])
    assert registered.body["mid"] == "411111111111111"
