"""tests/vectors/transbank/: nothing moved, and what the vendor's clients write means what the files say."""

from __future__ import annotations

import json
from functools import reduce
from operator import xor
from typing import Any

import pytest

from protocol.dialects.transbank import codec, wire
from protocol.dialects.transbank.framing import Scanner
from tests.dialects.transbank.node_client import needs_node
from tests.vectors import build_transbank as vectors
from tests.vectors.build_native import readable


def load(name: str) -> Any:
    return json.loads((vectors.FOLDER / name).read_text(encoding="utf-8"))


def test_nothing_moved() -> None:
    made = vectors.build()
    assert {path.name for path in vectors.FOLDER.glob("*.json")} == {*made, vectors.NODE}
    for name, text in made.items():
        kept = (vectors.FOLDER / name).read_text(encoding="utf-8")
        assert kept == text, f"{name}: run python -m tests.vectors.build_transbank"


@needs_node
def test_the_node_client_still_writes_so() -> None:
    assert (vectors.FOLDER / vectors.NODE).read_text(encoding="utf-8") == vectors.text_of(vectors.node())


CALLS = [vector for name in (vectors.PYTHON, vectors.NODE) for vector in load(name)["vectors"]]


@pytest.mark.parametrize("vector", CALLS, ids=lambda vector: vector["call"])
def test_a_call_of_the_vendors_clients(vector: dict[str, Any]) -> None:
    (text,) = Scanner().feed(bytes.fromhex(vector["wire"]))
    assert isinstance(text, bytes)
    if "message" in vector:
        assert readable(codec.decode(text)) == vector["message"]
    else:
        assert not codec.understood(text)
        assert text[:4] in {wire.POLL, wire.NORMAL_MODE, *wire.REFUSALS}


@pytest.mark.parametrize("vector", load(vectors.PUBLISHED)["vectors"], ids=lambda vector: vector["text"])
def test_a_published_answer(vector: dict[str, Any]) -> None:
    text = vector["text"].encode()
    assert readable(codec.decode(text)) == vector["message"]
    reckoned = reduce(xor, text, 0x03)
    # The .NET client's tests of some years gave the self-service models' LRC, which reckons STX in.
    assert vector.get("lrc", reckoned) in {reckoned, reckoned ^ 0x02 if ".NET" in vector["by"] else reckoned}
    assert Scanner().feed(b"\x02" + text + b"\x03" + bytes([reckoned])) == [text]


@pytest.mark.parametrize("vector", load(vectors.OURS)["answers"], ids=lambda vector: vector["name"])
def test_an_answer_of_ours_answers_its_command(vector: dict[str, Any]) -> None:
    (text,) = Scanner().feed(bytes.fromhex(vector["wire"]))
    assert isinstance(text, bytes)
    codec.decode(text)
    stage = text.startswith(wire.STATUS)
    assert stage or wire.answers(text, vector["to"].encode())
