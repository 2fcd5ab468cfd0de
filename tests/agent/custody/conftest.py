"""Heads to draw: signed by a key made for the test. And a home of its own for every test, as the journal's own tests have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.journal import keys
from agent.journal.checkpoint import Checkpoint
from agent.views import Head
from tests.agent.journal.conftest import home, journal, opened, sale, signer

__all__ = ["home", "journal", "opened", "sale", "signer"]


@pytest.fixture
def head_of(tmp_path: Path) -> Callable[..., Head]:
    """head_of(size) → a head of so many entries, of a journal of its own, signed at 2026-03-02 13:00:00 UTC."""
    signer = keys.create(tmp_path / "of a head")

    def make(size: int = 1234) -> Head:
        checkpoint = Checkpoint(signer.name, size, bytes(range(32)))
        note = signer.signed(checkpoint.text)
        # base64 of the bytes 0 … 31, by coreutils' base64
        return Head(signer.name, size, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 1_772_456_400_000, note)

    return make
