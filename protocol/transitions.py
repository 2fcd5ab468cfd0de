"""One shape for every state machine of the house: states, events, a table, `advance()`.

Guards are distinct events, not `if`s; a pair that the table does not hold is an `IllegalEvent`. The diagrams in docs/ are
`Table.mermaid()`, and a test holds them to the tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from protocol.errors import IllegalEvent

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True)
class Table(Generic[S, E]):
    """name: for messages and diagrams. start: the first state. rows: (state, event) -> next state."""

    name: str
    start: S
    rows: Mapping[tuple[S, E], S]

    def advance(self, state: S, event: E) -> S:
        """The next state; raises IllegalEvent for a pair without a row."""
        try:
            return self.rows[state, event]
        except KeyError:
            raise IllegalEvent(f"{self.name}: no row for {event} in state {state}") from None

    def mermaid(self) -> str:
        """The table as a Mermaid state diagram."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.start}"]
        lines += [f"    {a} --> {b}: {event}" for (a, event), b in self.rows.items()]
        return "\n".join(lines) + "\n"
