"""tests/vectors/native/: nothing moved, and the files are true by a reading that shares no code with the product."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from cobs import cobs as oracle
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from protocol.dialects.native import codec, wire
from protocol.dialects.native.framing import FrameDecoder, encode
from protocol.errors import NotUnderstood
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


def by_hand(line: bytes) -> dict[str, Any]:
    """A frame off the line as the page draws it, by the oracle's COBS and slices."""
    assert line[0] == line[-1] == 0
    plain = oracle.decode(line[1:-1])
    assert crc32(plain[:-4]) == int.from_bytes(plain[-4:], "big")
    names = [
        "HELLO",
        "HELLO_REPLY",
        "PAIR_1",
        "PAIR_2",
        "PAIR_3",
        "PAIR_4",
        "PAIR_5",
        "PAIR_6",
        "DATA",
        "ACK",
        "PING",
        "PONG",
        "BYE",
        "NO_SESSION",
    ]
    assert plain[0] >> 6 == 1
    assert int.from_bytes(plain[10:12], "big") == len(plain) - 24
    return {
        "type": names[(plain[0] & 63) - 1],
        "direction": plain[1] & 1,
        "more": bool(plain[1] & 2),
        "session": int.from_bytes(plain[2:4], "big"),
        "counter": int.from_bytes(plain[4:8], "big"),
        "ack": int.from_bytes(plain[8:10], "big"),
        "body": plain[12:-12].hex(),
        "tag": plain[-12:-4].hex(),
    }


@pytest.mark.parametrize("vector", load("frames")["frames"] + load("session")["steps"], ids=lambda v: v["type"])
def test_frame(vector: dict[str, Any]) -> None:
    line = bytes.fromhex(vector["wire"])
    assert by_hand(line).items() <= vector.items()
    (frame,) = FrameDecoder().feed(line)
    assert encode(frame) == line


def test_the_session_by_the_page_alone() -> None:
    """HKDF by hmac, AES-CCM by cryptography: the messages come out of the recorded frames, every tag is true."""
    told = load("session")
    secret, a, t = (bytes.fromhex(told[name]) for name in ("secret", "agent_random", "terminal_random"))
    extracted = hmac.new(a + t, secret, hashlib.sha256).digest()
    ciphers = [
        AESCCM(hmac.new(extracted, b"counterfoil v1 " + way + b"\x01", hashlib.sha256).digest(), tag_length=8)
        for way in (b"a2t", b"t2a")
    ]
    hello, reply, *sealed = told["steps"]
    number = told["session"].to_bytes(2, "big")
    assert bytes.fromhex(hello["body"]) == a + number
    assert bytes.fromhex(reply["body"])[:32] == t
    payload = ciphers[1].decrypt(b"\x01" + number + bytes(10), bytes.fromhex(reply["body"])[32:], a + number)
    assert payload.hex() == told["terminal_hello"]
    said, parts = [], b""
    for step in sealed:
        plain = oracle.decode(bytes.fromhex(step["wire"])[1:-1])
        nonce = bytes([step["direction"]]) + number + bytes(6) + step["counter"].to_bytes(4, "big")
        body = ciphers[step["direction"]].decrypt(nonce, plain[12:-4], plain[:12])
        if step["type"] == "DATA":
            parts += body
            if not step["more"]:
                said.append(parts.hex())
                parts = b""
        else:
            assert body == b""
    assert said == told["messages"]
    assert [step["type"] for step in sealed if step["more"]] == ["DATA"]  # one message went in two fragments
