"""The independent witness, for scenarios too."""

from __future__ import annotations

from tests.witness.conftest import start_witness, witness

__all__ = ["start_witness", "witness"]
