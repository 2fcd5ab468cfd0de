"""Whether there is a recorder here, and one recording of each scenario for every test of this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.crash.judge import hasten
from tests.crash.recording import NoRecorder, Record, record, recorder, scratch


@pytest.fixture(scope="session", autouse=True)
def _recorder() -> None:
    try:
        recorder()
    except NoRecorder as why:
        pytest.skip(str(why))
    hasten()


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty folder, in memory where there is such a place."""
    with scratch() as folder:
        yield folder


@pytest.fixture
def recorded(place: Path) -> Callable[..., Sequence[Record]]:
    """recorded(scenario, control="") → what it did."""
    return lambda scenario, control="": record(place, scenario, control)
