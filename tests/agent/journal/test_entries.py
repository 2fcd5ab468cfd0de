"""The canonical form, held to RFC 8785 by the independent `rfc8785` package."""

from __future__ import annotations

import json
import unicodedata
from hashlib import sha256
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from agent.journal import entries
from agent.journal.entries import Draft, EntryError

TEXT = st.text(st.characters(exclude_categories=["Cs"])).map(lambda s: unicodedata.normalize("NFC", s))
ASCII = st.text(st.characters(max_codepoint=0x7F))
NUMBER = st.integers(-(2**53) + 1, 2**53 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(ASCII, inner, max_size=5),
    max_leaves=20,
)


@given(JSON)
def test_canonical_is_rfc_8785(value: Any) -> None:
    assert entries.canonical(value) == rfc8785.dumps(value)


@given(st.dictionaries(ASCII, JSON, max_size=6), st.integers(0, 2**53 - 1), st.integers(0, 2**53 - 1))
def test_an_entry_is_rfc_8785_of_its_members(body: dict[str, Any], seq: int, at: int) -> None:
    raw = entries.encode(seq, at, "terminal.fee", body)
    assert raw == rfc8785.dumps({"at": at, "body": body, "kind": "terminal.fee", "seq": seq, "v": 1})
    assert entries.is_canonical(raw)
    read = entries.decode(raw)
    assert (read.seq, read.at, read.kind, read.v) == (seq, at, "terminal.fee", 1)
    assert read.body == json.loads(json.dumps(body))


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        2**53,
        -(2**53),
        "e\u0301",
        {"é": 1},
        {1: 1},
        "\ud800",
        ["\udfff"],
        b"b",
        {"a": {"b": 0.5}},
        {1},
    ],
)
def test_what_no_entry_can_hold(value: Any) -> None:
    with pytest.raises(EntryError):
        entries.canonical(value)


def test_integers_below_2_53_pass() -> None:
    assert entries.canonical([2**53 - 1, -(2**53) + 1]) == b"[9007199254740991,-9007199254740991]"


def test_an_entry_stays_under_64_kib() -> None:
    frame = len(entries.encode(0, 0, "a.b", {"t": ""}))
    assert len(entries.encode(0, 0, "a.b", {"t": "x" * (65535 - frame)})) == 65535
    with pytest.raises(EntryError):
        entries.encode(0, 0, "a.b", {"t": "x" * (65536 - frame)})


@pytest.mark.parametrize("kind", ["", "fee", "Fee.charged", 'a.b"', "a.b,c", "手.续"])
def test_a_kind_is_dotted_words(kind: str) -> None:
    with pytest.raises(EntryError):
        entries.encode(0, 0, kind, {})


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b'{"at":1,"body":{},"kind":"a.b","seq":0}',
        b'{"at":1,"body":{},"kind":"a.b","seq":0,"v":1,"w":1}',
        b'{"at":1.5,"body":{},"kind":"a.b","seq":0,"v":1}',
        b'{"at":1,"body":[],"kind":"a.b","seq":0,"v":1}',
        b'{"at":true,"body":{},"kind":"a.b","seq":0,"v":1}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_entry(raw: bytes) -> None:
    with pytest.raises(EntryError):
        entries.decode(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"at":1,"body":{}, "kind":"a.b","seq":0,"v":1}',
        b'{"body":{},"at":1,"kind":"a.b","seq":0,"v":1}',
        b'{"at":1,"body":{"a":1,"a":1},"kind":"a.b","seq":0,"v":1}',
        b'{"at":1,"body":{"a":"\\u0041"},"kind":"a.b","seq":0,"v":1}',
        b'{"at":1,"body":{"a":1e0},"kind":"a.b","seq":0,"v":1}',
        b'{"at":1,"body":{"a":-0},"kind":"a.b","seq":0,"v":1}',
    ],
)
def test_what_is_not_canonical(raw: bytes) -> None:
    assert not entries.is_canonical(raw)


def test_private_values_leave_only_their_seal() -> None:
    draft = Draft("terminal.fee", {"a": 1}, {"description": "流量费"})
    body, [(name, salt, value)] = entries.sealed(draft)
    assert body == {"a": 1, "description_sha256": sha256(salt + "流量费".encode()).hexdigest()}
    assert (name, value, len(salt)) == ("description", "流量费", 16)
    assert draft.body == {"a": 1}
    assert entries.sealed(draft)[1][0][1] != salt  # a fresh salt every time
