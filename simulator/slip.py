"""A step of the plan or of the counter as the transaction that is logged."""

from __future__ import annotations

from protocol.messages import SettlementMode, Transaction
from protocol.money import Money
from simulator.identity import Plate
from simulator.plan import Step


def transaction_of(step: Step, number: int, now: Plate, mode: SettlementMode) -> Transaction:
    """number: of its event. now: the terminal's plate at that moment. mode: how its acquirer settles."""
    return Transaction(
        number=number,
        at=step.at,
        reference=step.reference,
        kind=step.kind,
        outcome=step.outcome,
        amount=Money(step.amount_minor, step.currency),
        product=step.product,
        trace=step.trace,
        batch=step.batch,
        mid=now.mid,
        tid=now.tid,
        terminal_time=step.at,
        entry_mode=step.entry_mode,
        settlement_mode=mode,
        response_code=step.response_code,
        scheme=step.scheme,
        masked_pan=step.masked_pan,
        card_token=step.card_token,
        rrn=step.rrn,
        auth_code=step.auth_code,
        mcc=now.mcc,
        merchant_name=now.merchant_name,
        operator=step.operator,
        original_reference=step.original_reference,
    )
