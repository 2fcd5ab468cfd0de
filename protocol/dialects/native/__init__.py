"""The native dialect: for terminals whose application we can extend, and for the simulator (docs/protocol.md)."""

from __future__ import annotations

from protocol.dialect import Dialect, HelloCodec
from protocol.dialects.native.codec import decode, decode_hello, encode, encode_hello, too_long
from protocol.dialects.native.exchange import REPLIES, answer
from protocol.dialects.native.link import NativeLink
from protocol.dialects.native.wire import LAYOUTS

DIALECT = Dialect(
    name="native",
    speaks=frozenset(layout.message for layout in LAYOUTS),
    link=NativeLink,
    encode=encode,
    decode=decode,
    too_long=too_long,
    replies=REPLIES,
    answer=answer,
    hello=HelloCodec(encode_hello, decode_hello),
    pairs=True,
)
