"""What the fuzzer found worth keeping, through the same functions, without the fuzzer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz.rows import TARGETS

CORPUS = Path(__file__).parent / "corpus"


def test_every_target_has_a_corpus_and_every_corpus_a_target() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} == set(TARGETS)
    assert all(any(folder.iterdir()) for folder in CORPUS.iterdir())


def test_the_corpus_stays_small() -> None:
    sizes = [path.stat().st_size for path in CORPUS.glob("*/*")]
    assert len(sizes) <= 200
    assert sum(sizes) <= 100_000


@pytest.mark.parametrize(("target", "check"), TARGETS.items(), ids=list(TARGETS))
def test_corpus(target: str, check: Callable[[bytes], None]) -> None:
    for path in sorted((CORPUS / target).iterdir()):
        try:
            check(path.read_bytes())
        except Exception as error:
            error.add_note(f"python -m tests.fuzz {target} {path}")
            raise
