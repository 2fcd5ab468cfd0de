"""tests/vectors/native/: nothing moved, and the files are true by a reading that shares no code with the product."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from protocol.dialects.native import codec, wire
from protocol.dialects.native.framing import FrameDecoder, encode
from protocol.errors import NotUnderstood
from tests.protocol.stranger import Noise, heard, number
from tests.vectors import build_native

FOLDER = Path(build_native.__file__).parent / "native"


def load(name: str) -> Any:
    return json.loads((FOLDER / f"counterfoil-v1-{name}.json").read_text(encoding="utf-8"))


def test_nothing_moved() -> None:
    made = build_native.build()
    assert {path.name for path in FOLDER.glob("counterfoil-v1-*.json")} == set(made)
    for name, text in made.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, f"{name}: run python tests/vectors/build_native.py"


def test_every_message_type_has_a_vector() -> None:
    have = {name for vector in load("messages")["messages"] for name in vector["message"]}
    assert have == {layout.message.__name__ for layout in (*wire.LAYOUTS, wire.HELLO_FIELDS)}


@pytest.mark.parametrize("vector", load("messages")["messages"], ids=lambda vector: vector["name"])
def test_message(vector: dict[str, Any]) -> None:
    raw = bytes.fromhex(vector["hex"])
    decode = codec.decode_hello if "TerminalHello" in vector["message"] else codec.decode
    assert build_native.readable(decode(raw)) == vector["message"]


@pytest.mark.parametrize("vector", load("messages")["refused"], ids=lambda vector: vector["why"])
def test_refused_message(vector: dict[str, Any]) -> None:
    with pytest.raises(NotUnderstood):
        codec.decode(bytes.fromhex(vector["hex"]))


@pytest.mark.parametrize(
    "vector", load("frames")["frames"] + load("session")["steps"] + load("pairing")["steps"], ids=lambda v: v["type"]
)
def test_frame(vector: dict[str, Any]) -> None:
    line = bytes.fromhex(vector["wire"])
    (frame,) = heard(line)
    shown = {name: getattr(frame, name) for name in ("type", "direction", "more", "session", "counter", "ack")}
    assert shown.items() <= vector.items()
    assert (frame.body.hex(), frame.tag.hex()) == (vector["body"], vector["tag"])
    (ours,) = FrameDecoder().feed(line)
    assert encode(ours) == line


def by_noiseprotocol(pattern: str, told: dict[str, Any]) -> tuple[Noise, Noise]:
    """Agent and terminal with the vector's keys."""
    keys = {name: bytes.fromhex(told[name]) for name in told if name.endswith(("static", "public", "ephemeral"))}
    agent, terminal = (
        Noise(
            pattern,
            initiator=role == "agent",
            own=keys[f"{role}_static"],
            peer=keys[f"{other}_static_public"] if pattern == "KK" else None,
            ephemeral=keys[f"{role}_ephemeral"],
        )
        for role, other in (("agent", "terminal"), ("terminal", "agent"))
    )
    return agent, terminal


def test_the_session_by_the_page_alone() -> None:
    """noiseprotocol writes the recorded handshake byte for byte; under its keys every tag is true and the messages come out."""
    told = load("session")
    agent, terminal = by_noiseprotocol("KK", told)
    hello, reply, *sealed = [heard(bytes.fromhex(step["wire"]))[0] for step in told["steps"]]
    number = told["session"].to_bytes(2, "big")
    assert (hello.type, hello.session, reply.type, reply.session) == ("HELLO", 0, "HELLO_REPLY", 0)
    assert agent.write(number) == hello.body
    assert terminal.read(hello.body) == number
    assert reply.ack == told["session"]
    payload = bytes.fromhex(told["terminal_hello"])
    assert terminal.write(payload) == reply.body
    assert agent.read(reply.body) == payload
    keys = agent.keys(told["session"])
    assert keys == terminal.keys(told["session"])
    said, parts = [], b""
    for frame in sealed:
        body = keys.open(frame)
        if frame.type == "DATA":
            parts += body
            if not frame.more:
                said.append(parts.hex())
                parts = b""
        else:
            assert body == b""
    assert said == told["messages"]
    assert [frame.type for frame in sealed if frame.more] == ["DATA"]  # one message went in two fragments


def test_the_pairing_by_the_page_alone() -> None:
    """noiseprotocol writes the three of the handshake byte for byte; the promise holds, and the number is the page's."""
    told = load("pairing")
    agent, terminal = by_noiseprotocol("XX", told)
    frames = [heard(bytes.fromhex(step["wire"]))[0] for step in told["steps"]]
    assert [frame.type for frame in frames] == [f"PAIR_{n}" for n in range(1, 7)]
    assert [step["by"] for step in told["steps"]] == ["agent", "terminal"] * 3
    assert [frame.direction for frame in frames] == [0, 1] * 3
    assert {(frame.session, frame.counter, frame.ack, frame.tag) for frame in frames} == {(0, 0, 0, bytes(8))}
    one, two, three, promise, agent_fresh, terminal_fresh = [frame.body for frame in frames]
    for writer, reader, body in ((agent, terminal, one), (terminal, agent, two), (agent, terminal, three)):
        assert writer.write() == body
        assert reader.read(body) == b""
    assert agent.hash == terminal.hash == bytes.fromhex(told["handshake_hash"])
    assert agent.peer.hex() == told["terminal_static_public"]
    assert terminal.peer.hex() == told["agent_static_public"]
    assert (agent_fresh.hex(), terminal_fresh.hex()) == (told["agent_fresh"], told["terminal_fresh"])
    assert promise == sha256(agent.hash + terminal_fresh).digest()
    assert number(agent.hash, agent_fresh, terminal_fresh) == told["number"]
