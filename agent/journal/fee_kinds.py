"""The kinds of entry that fees are judged by, and those that an audit and a claim make; they stand in `agent.fees`."""

from __future__ import annotations

from agent.fees.claim_kinds import Audited, ClaimNoted, FindingRecorded, FindingSuperseded
from agent.fees.contract.tariff import RefundFee, TariffAnswer, TariffVersion, Tier
from agent.fees.contract.terms import (
    BankCredit,
    Cost,
    ListedFee,
    NothingElseAgreed,
    OpeningHours,
    Registration,
    SettlementTerms,
    SimTerms,
    StatementLine,
    StatementPage,
    Ticket,
)

FeeFact = (
    TariffVersion
    | TariffAnswer
    | Registration
    | SimTerms
    | SettlementTerms
    | OpeningHours
    | ListedFee
    | NothingElseAgreed
    | Ticket
    | BankCredit
    | StatementPage
    | Cost
    | FindingRecorded
    | FindingSuperseded
    | Audited
    | ClaimNoted
)
KINDS: dict[str, type] = {fact.kind: fact for fact in FeeFact.__args__}
PARTS = (Tier, RefundFee, StatementLine)
"""Records inside of them."""
PRIVATE: dict[type, frozenset[str]] = {
    Registration: frozenset({"merchant_name"}),
    **dict.fromkeys((TariffAnswer, Ticket, BankCredit, Cost, ClaimNoted), frozenset({"note"})),
}
