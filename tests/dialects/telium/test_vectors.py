"""tests/vectors/telium/: nothing moved; what foreign packages wrote means what they were asked for; ours, read by slices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from protocol import messages as m
from protocol.dialects.telium import codec
from protocol.dialects.telium.framing import Body, Scanner, encode
from protocol.errors import NotUnderstood
from protocol.money import Money
from protocol.tickets import NO_TICKET, reference_of
from tests.vectors import build_telium

FOLDER = Path(build_telium.__file__).parent / "telium"
CARD_DEBITS = "debit"


def load(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


THEIRS, OTHERS, OURS = (load(name) for name in ("pyTeliumManager-2.4.2", "pypostelium-0.0.5", "counterfoil"))


def body_of(frame: str) -> bytes:
    """By hand: STX, text, ETX, and the XOR of what is between them and the ETX."""
    raw = bytes.fromhex(frame)
    check = 0
    for byte in raw[1:-1]:
        check ^= byte
    assert (raw[0], raw[-2], raw[-1]) == (2, 3, check)
    return raw[1:-2]


def test_nothing_moved() -> None:
    made = build_telium.build()
    assert {path.name for path in FOLDER.glob("*.json")} == {*made, "pypostelium-0.0.5.json"}
    for name, text in made.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, f"{name}: python -m tests.vectors.build_telium"


@pytest.mark.parametrize("vector", THEIRS["asks"] + OTHERS["asks"], ids=lambda vector: vector["call"][:60])
def test_an_ask_of_theirs(vector: dict[str, Any]) -> None:
    body = body_of(vector["hex"])
    assert Scanner().feed(bytes.fromhex(vector["hex"])) == [Body(body)]
    assert codec.is_ask(body)
    if vector["kind"] != CARD_DEBITS:
        with pytest.raises(NotUnderstood):
            codec.decode(body)
        return
    asked = codec.decode(body)
    assert isinstance(asked, m.Sale)
    assert asked.amount == Money(*vector["amount"])
    assert asked.reference == NO_TICKET


@pytest.mark.parametrize("vector", THEIRS["answers"], ids=lambda vector: vector["name"])
def test_an_answer_of_theirs(vector: dict[str, Any]) -> None:
    body = body_of(vector["hex"])
    assert Scanner().feed(bytes.fromhex(vector["hex"])) == [Body(body)]
    told = codec.decode(body)
    assert isinstance(told, m.Result)
    assert (told.state, told.amount) == (vector["state"], Money(*vector["amount"]))
    assert told.reference == (reference_of(vector["private"]) if vector["private"] else NO_TICKET)
    assert "4111111111111111" not in repr(told)


@pytest.mark.parametrize("vector", OURS["messages"], ids=lambda vector: vector["name"])
def test_a_message_of_ours(vector: dict[str, Any]) -> None:
    body = body_of(vector["hex"]).decode("ascii")
    ((kind, fields),) = vector["message"].items()
    if kind == "Sale":
        assert len(body) == 34
        amount, currency, rest = int(body[2:10]), int(body[13:16]), body[:2] + body[10:13] + body[26:]
        assert rest == "01" + "110" + "A010" + "B010"
        assert [amount, currency] == fields["amount"]
    else:
        assert len(body) == 80
        digit = {"approved": "0", "in_progress": "9"}.get(fields.get("state", "declined"), "7")
        assert body[:3] + body[11] == f"01{digit}1"
        assert [int(body[3:11]), int(body[67:70])] == fields.get("amount", [0, 0])
        assert body[12:67].rstrip() == fields.get("masked_pan", "")


def test_the_exchange() -> None:
    """ENQ and EOT to see that somebody is there, then the sale of docs/dialects.md."""
    said = [(step["by"][0], step["hex"]) for step in OURS["exchange"]]
    ask, answer = OURS["messages"][0]["hex"], OURS["messages"][2]["hex"]
    assert said == [
        *(("a", "05"), ("t", "06"), ("a", "04")),
        *(("a", "05"), ("t", "06"), ("a", ask), ("t", "06"), ("a", "04")),
        *(("t", "05"), ("a", "06"), ("t", answer), ("a", "06"), ("t", "04")),
    ]
    for _, frame in said:
        if len(frame) > 2:
            assert encode(body_of(frame)).hex() == frame
