"""Says which foreign clients the run had to do without."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.dialects.peers import NEEDS


@pytest.mark.parametrize("package", NEEDS)
def test_the_foreign_client_is_here(package: str) -> None:
    assert all((Path(__file__).parent / path).is_file() for path in NEEDS[package])
    if find_spec(package) is None:
        pytest.skip(f"left out: {', '.join(NEEDS[package])}; fetch the client with: make peers")
