"""The register of forgeries, and what they are made with."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.strangers.records import Bench


@dataclass(frozen=True)
class Tamper:
    """job: which check it is put before. word: the programs' refusal. step: of docs/verify.md, the first that does not hold."""

    forge: Callable[[Bench], None]
    job: str
    word: str
    step: int
    needs: int = 2
    """Entries that the record must have."""


TAMPERS: dict[str, Tamper] = {}


def tamper(
    *job: str, word: str, step: int, needs: int = 2
) -> Callable[[Callable[[Bench], None]], Callable[[Bench], None]]:
    def add(forge: Callable[[Bench], None]) -> Callable[[Bench], None]:
        for each in job:
            TAMPERS[f"{each}-{forge.__name__}"] = Tamper(forge, each, word, step, needs)
        return forge

    return add


def flip(path: Path, at: int = -1) -> None:
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)


def flipped(encoded: str) -> str:
    raw = bytearray(b64decode(encoded))
    raw[-1] ^= 1
    return b64encode(raw).decode()


def change(path: Path, number: int, new: Callable[[str], str]) -> None:
    """One line of a text."""
    lines = path.read_text(encoding="utf-8").split("\n")
    before = lines[number]
    lines[number] = new(before)
    assert lines[number] != before
    path.write_text("\n".join(lines), encoding="utf-8")


def lines_of(path: Path, new: Callable[[list[str]], list[str]]) -> None:
    before = path.read_text(encoding="utf-8").split("\n")
    path.write_text("\n".join(new(list(before))), encoding="utf-8")
    assert path.read_text(encoding="utf-8").split("\n") != before


def put_head(path: Path, note: str) -> None:
    lines_of(path, lambda lines: [*lines[:-6], *note.split("\n")])
