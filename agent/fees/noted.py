"""A fact on its way to the record: the form in which it crosses to the record's owner. Nothing else: screens import it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Noted:
    """A fact on its way to the record: kind, body and private values as `agent.journal.drafting` makes them."""

    kind: str
    body: dict[str, Any]
    private: dict[str, str] = field(default_factory=dict)
