"""The hot path of the codec and its declaration in construct say the same of every message and of all other bytes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.dialects.native import wire
from protocol.dialects.native.codec import decode, decode_hello, encode, encode_hello
from protocol.errors import NotUnderstood
from tests.properties.strategies import EVERY_LAYOUT, almost_messages, messages, of_layout


def hot_encode(message: Any) -> bytes:
    return encode_hello(message) if type(message) is wire.HELLO_FIELDS.message else encode(message)


def hot_decode(raw: bytes) -> Any:
    return decode_hello(raw) if raw[:2] == wire.HELLO_FIELDS.code.to_bytes(2) else decode(raw)


@pytest.mark.parametrize("layout", EVERY_LAYOUT, ids=lambda layout: layout.message.__name__)
def test_every_message_there_and_back_both_ways(layout: wire.Layout) -> None:
    @settings(max_examples=60)
    @given(of_layout(layout))
    def there_and_back(message: Any) -> None:
        raw = hot_encode(message)
        assert raw == wire.reference_encode(message)
        assert hot_decode(raw) == message
        assert wire.reference_decode(raw) == message

    there_and_back()


def judged(decoder: Any, raw: bytes) -> Any:
    try:
        return decoder(raw)
    except NotUnderstood:
        return NotUnderstood


@settings(max_examples=600)
@given(almost_messages())
def test_almost_messages_are_judged_alike(raw: bytes) -> None:
    assert judged(hot_decode, raw) == judged(wire.reference_decode, raw)


@given(
    st.one_of(
        st.binary(max_size=60),
        st.tuples(st.sampled_from(EVERY_LAYOUT), st.binary(max_size=60)).map(
            lambda made: made[0].code.to_bytes(2) + made[1]
        ),
    )
)
def test_any_bytes_are_judged_alike(raw: bytes) -> None:
    assert judged(hot_decode, raw) == judged(wire.reference_decode, raw)


@settings(max_examples=300)
@given(almost_messages())
def test_what_was_understood_can_be_said_again(raw: bytes) -> None:
    """A message that came off the wire is inside the wire's own bounds."""
    message = judged(hot_decode, raw)
    if message is not NotUnderstood:
        assert hot_decode(hot_encode(message)) == message


@given(messages, st.data())
def test_no_truncation_of_a_message_is_that_message(message: Any, data: st.DataObject) -> None:
    raw = encode(message)
    assert judged(decode, raw[: data.draw(st.integers(0, len(raw) - 1))]) != message
