"""What the record holds of bank credits, and of the settlements that they are held against."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from agent.fees.audit.told import ToldSettlement
from agent.fees.contract.terms import BankCredit
from agent.fees.facts import facts
from agent.fees.statements.credit_match import Settled
from agent.journal.reader import Reader


def recorded_credits(journal: Reader) -> list[tuple[int, BankCredit]]:
    """Every credit with its entry, in the record's order. Raises JournalDamaged, ValueError."""
    return [
        (entry.seq, fact) for entry, fact in facts(journal.all_of((BankCredit.kind,))) if isinstance(fact, BankCredit)
    ]


def settlements_of(journal: Reader) -> list[Settled]:
    """Every settlement that came over the wire, as it was told last. Raises JournalDamaged."""
    found: dict[tuple[str, date], Settled] = {}
    for entry in journal.all_of(("terminal.settlement",)):
        if entry.kind != "terminal.settlement":
            continue
        said = msgspec.convert(entry.body, ToldSettlement)
        on = _date(said.date)
        due = None if said.due_date is None else _date(said.due_date)
        found[said.batch, on] = Settled(said.batch, on, due, said.credited_minor, said.currency)
    return list(found.values())


def _date(text: str) -> date:
    return datetime.strptime(text, "%Y%m%d").date()
