"""How a field of an entry says what it means: the texts of docs/journal.md's table."""

from __future__ import annotations

from dataclasses import MISSING, field
from typing import Any


def means(text: str, default: Any = MISSING) -> Any:
    """A dataclass field; without a default it must be given."""
    return field(metadata={"means": text}) if default is MISSING else field(default=default, metadata={"means": text})
