"""Facts of fees as entries hold them, and back: what a command says crosses to the record's owner in this form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_type_hints

import msgspec

from agent.journal.entries import Entry
from agent.journal.fee_kinds import KINDS, FeeFact
from agent.journal.reader import Reader
from protocol.money import Money

BEGINNINGS = ("tariff.", "contract.", "ticket.", "bank.", "statement.", "cost.", "fees.", "claim.")
"""How the kinds begin that are read here."""

_TYPES = {kind: {name: str(of) for name, of in get_type_hints(shape).items()} for kind, shape in KINDS.items()}
_MONEY = {kind: [name for name, of in types.items() if "money.Money" in of] for kind, types in _TYPES.items()}
_BYTES = {kind: [name for name, of in types.items() if "bytes" in of] for kind, types in _TYPES.items()}


def fact_of(kind: str, body: Mapping[str, Any], private: Mapping[str, str] | None = None) -> FeeFact:
    """The fact that an entry holds. Private values that were erased are None. Raises ValueError for what is none."""
    if kind not in KINDS:
        raise ValueError(f"no kind {kind}")
    values: dict[str, Any] = {**body, **(private or {})}
    try:
        for name in _MONEY[kind]:
            if (minor := values.get(f"{name}_minor")) is not None:
                values[name] = Money(minor, values["currency"])
        values |= {name: bytes.fromhex(values[name]) for name in _BYTES[kind] if name in values}
        return msgspec.convert(values, KINDS[kind], builtin_types=(bytes,))
    except (msgspec.ValidationError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{kind}: {error}") from error


def facts(entries: Iterable[Entry]) -> Iterator[tuple[Entry, FeeFact]]:
    """Those of some entries that are facts of fees. Raises ValueError for one that cannot be read."""
    for entry in entries:
        if entry.kind in KINDS:
            yield entry, fact_of(entry.kind, entry.body, entry.private)


def facts_of(journal: Reader) -> Iterator[tuple[Entry, FeeFact]]:
    """All facts of fees in a journal, in its order. Raises JournalDamaged, ValueError."""
    return facts(journal.all_of(BEGINNINGS))
