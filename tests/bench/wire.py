"""A message of 17 TLVs to the line and back, against the same bytes by hand.

    python -m tests.bench.wire

`by hand` is straight-line code for this one message: the same Transaction in, the same bytes out (asserted), `struct` for
every TLV head, no loop, no table, no bounds, no masking, then AESCCM, zlib.crc32 and the product's own COBS on both sides. The
way back ends in the same Transaction; `values` stops before it, at the 17 values, which no program could use as they are.
"""

# ruff: noqa: E702
from __future__ import annotations

import json
from collections.abc import Callable
from statistics import median
from struct import Struct
from time import perf_counter
from zlib import crc32

from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from protocol import messages as m
from protocol.dialects.native import codec, framing
from protocol.dialects.native.cobs import stuff, unstuff
from protocol.dialects.native.framing import Direction, Frame, FrameDecoder, FrameType
from protocol.dialects.native.session import SessionKeys
from protocol.dialects.native.wire import reference_decode, reference_encode
from protocol.money import Money
from tests.bench.acknowledge import sale

ROUNDS = 15
CALLS = 1_000
SESSION = 7


def sealing() -> tuple[SessionKeys, AESCCM]:
    """A session's keys, and the cipher of the terminal's direction for the side made by hand."""
    to_terminal, to_agent = bytes(32), bytes(range(32))
    return SessionKeys(SESSION, to_terminal, to_agent), AESCCM(to_agent, tag_length=framing.TAG_SIZE)


def message() -> m.Transaction:
    """A card sale of 17 TLVs."""
    full = sale(77)
    return m.Transaction(
        **{
            name: getattr(full, name)
            for name in full.__slots__
            if name not in {"operator", "auth_code", "rrn"} and getattr(full, name) is not None
        }
    )


# -- by hand -----------------------------------------------------------------------------------------------------------

_head, _heads = Struct(">HH").pack, Struct(">HH").unpack_from
_frame, _nonce, _crc = Struct(">BBHIHH"), Struct(">BH6xI").pack, Struct(">I").pack
_KINDS, _OUTCOMES, _PRODUCTS = tuple(m.TransactionKind), tuple(m.Outcome), tuple(m.Product)
_ENTRIES, _SETTLEMENTS = tuple(m.EntryMode), tuple(m.SettlementMode)
_KIND, _OUTCOME, _PRODUCT, _ENTRY, _SETTLEMENT = (
    {member: bytes([code]) for code, member in enumerate(members, 1)}
    for members in (_KINDS, _OUTCOMES, _PRODUCTS, _ENTRIES, _SETTLEMENTS)
)


def _integer(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8 or 1)


def pack_by_hand(t: m.Transaction) -> bytes:
    """The message's bytes."""
    number, at, terminal_time = _integer(t.number), _integer(t.at), _integer(t.terminal_time)
    amount = t.amount.currency.to_bytes(2) + _integer(t.amount.minor)
    trace, batch, mid, tid = t.trace.encode(), t.batch.encode(), t.mid.encode(), t.tid.encode()
    response, scheme, pan = t.response_code.encode(), (t.scheme or "").encode(), (t.masked_pan or "").encode()
    # fmt: off
    return b"".join((
        b"\x01\x01", _head(1, len(number)), number, _head(2, len(at)), at,
        b"\x80\x10\0\x10", bytes.fromhex(t.reference), b"\x80\x11\0\1", _KIND[t.kind], b"\x80\x12\0\1", _OUTCOME[t.outcome],
        _head(0x8013, len(amount)), amount, b"\0\x14\0\1", _PRODUCT[t.product], _head(0x15, len(trace)), trace,
        _head(0x16, len(batch)), batch, _head(0x17, len(mid)), mid, _head(0x18, len(tid)), tid,
        _head(0x19, len(terminal_time)), terminal_time, b"\0\x1a\0\1", _ENTRY[t.entry_mode],
        b"\0\x1b\0\1", _SETTLEMENT[t.settlement_mode], _head(0x1C, len(response)), response,
        _head(0x1D, len(scheme)), scheme, _head(0x1E, len(pan)), pan,
    ))
    # fmt: on


def seal_by_hand(cipher: AESCCM, body: bytes, counter: int, ack: int) -> bytes:
    """The frame on the line."""
    header = _frame.pack(0x49, 1, SESSION, counter, ack, len(body))
    plain = header + cipher.encrypt(_nonce(1, SESSION, counter), body, header)
    return b"\0" + stuff(plain + _crc(crc32(plain))) + b"\0"


def open_by_hand(cipher: AESCCM, line: bytes) -> bytes:
    """The authenticated body of a frame off the line."""
    plain = unstuff(line[1:-1]) or b""
    if crc32(plain[:-4]) != int.from_bytes(plain[-4:]):
        raise ValueError
    _first, flags, session, counter, _ack, _length = _frame.unpack_from(plain)
    return cipher.decrypt(_nonce(flags & 1, session, counter), plain[12:-4], plain[:12])


def values_by_hand(raw: bytes) -> tuple[object, ...]:
    """The 17 values, in the order of the wire."""
    # fmt: off
    _, n = _heads(raw, 2); end = 6 + n; number = int.from_bytes(raw[6:end])
    _, n = _heads(raw, end); at = end + 4; end = at + n; told = int.from_bytes(raw[at:end])
    _, n = _heads(raw, end); at = end + 4; end = at + n; reference = raw[at:end].hex()
    _, n = _heads(raw, end); at = end + 4; end = at + n; kind = _KINDS[raw[at] - 1]
    _, n = _heads(raw, end); at = end + 4; end = at + n; outcome = _OUTCOMES[raw[at] - 1]
    _, n = _heads(raw, end); at = end + 4; end = at + n
    currency = int.from_bytes(raw[at:at + 2]); minor = int.from_bytes(raw[at + 2:end])
    _, n = _heads(raw, end); at = end + 4; end = at + n; product = _PRODUCTS[raw[at] - 1]
    _, n = _heads(raw, end); at = end + 4; end = at + n; trace = raw[at:end].decode()
    _, n = _heads(raw, end); at = end + 4; end = at + n; batch = raw[at:end].decode()
    _, n = _heads(raw, end); at = end + 4; end = at + n; mid = raw[at:end].decode()
    _, n = _heads(raw, end); at = end + 4; end = at + n; tid = raw[at:end].decode()
    _, n = _heads(raw, end); at = end + 4; end = at + n; time = int.from_bytes(raw[at:end])
    _, n = _heads(raw, end); at = end + 4; end = at + n; entry = _ENTRIES[raw[at] - 1]
    _, n = _heads(raw, end); at = end + 4; end = at + n; settlement = _SETTLEMENTS[raw[at] - 1]
    _, n = _heads(raw, end); at = end + 4; end = at + n; response = raw[at:end].decode()
    _, n = _heads(raw, end); at = end + 4; end = at + n; scheme = raw[at:end].decode()
    _, n = _heads(raw, end); at = end + 4; end = at + n; pan = raw[at:end].decode()
    # fmt: on
    return (
        *(number, told, reference, kind, outcome, currency, minor, product, trace, batch, mid, tid),
        *(time, entry, settlement, response, scheme, pan),
    )


def unpack_by_hand(raw: bytes) -> m.Transaction:
    """The message of those bytes."""
    number, at, reference, kind, outcome, currency, minor, product, trace, *rest = values_by_hand(raw)
    batch, mid, tid, time, entry, settlement, response, scheme, pan = rest
    return m.Transaction(
        number=number,
        at=at,
        reference=reference,
        kind=kind,
        outcome=outcome,
        amount=Money(minor, currency),
        product=product,
        trace=trace,
        batch=batch,
        mid=mid,
        tid=tid,
        terminal_time=time,
        entry_mode=entry,
        settlement_mode=settlement,
        response_code=response,
        scheme=scheme,
        masked_pan=pan,
    )


# -- the two ways, side by side ----------------------------------------------------------------------------------------


def messages(rounds: int = ROUNDS, calls: int = CALLS) -> dict[str, float]:
    """Medians in µs of interleaved rounds, and the ratios to the side made by hand."""
    keys, cipher = sealing()
    said, decoder = message(), FrameDecoder()

    def ours() -> bytes:
        return seal(codec.encode(said))

    def seal(body: bytes) -> bytes:
        return framing.encode(keys.seal(Frame(FrameType.DATA, Direction.TO_AGENT, SESSION, 0x1234, 5, body=body)))

    def opened() -> bytes:
        (frame,) = decoder.feed(line)
        body = keys.open(frame)
        assert body is not None
        return body

    line = ours()
    raw = codec.encode(said)
    assert line == seal_by_hand(cipher, pack_by_hand(said), 0x1234, 5)
    assert codec.decode(opened()) == said == unpack_by_hand(open_by_hand(cipher, line))
    timed: dict[str, Callable[[], object]] = {
        "encode_us": ours,
        "encode_hand_us": lambda: seal_by_hand(cipher, pack_by_hand(said), 0x1234, 5),
        "decode_us": lambda: codec.decode(opened()),
        "decode_hand_us": lambda: unpack_by_hand(open_by_hand(cipher, line)),
        "decode_values_us": lambda: values_by_hand(open_by_hand(cipher, line)),
        "construct_encode_us": lambda: seal(reference_encode(said)),
        "construct_decode_us": lambda: reference_decode(opened()),
    }
    times: dict[str, list[float]] = {name: [] for name in timed}
    for _round in range(rounds):
        for name, call in timed.items():
            count = calls // 20 if name.startswith("construct") else calls
            began = perf_counter()
            for _ in range(count):
                call()
            times[name].append((perf_counter() - began) / count * 1e6)
    found = {name: median(spent) for name, spent in times.items()}
    for way in ("encode", "decode"):
        hand = times[f"{way}_hand_us"]
        for prefix in ("", "construct_"):
            pairs = zip(times[f"{prefix}{way}_us"], hand, strict=True)
            found[f"{prefix}{way}"] = median(our / by_hand for our, by_hand in pairs)
    values = zip(times["decode_us"], times["decode_values_us"], strict=True)
    found["decode_values"] = median(our / by_hand for our, by_hand in values)
    return found | {"message_bytes": len(raw), "frame_bytes": len(line)}


if __name__ == "__main__":
    print(json.dumps({name: round(value, 2) for name, value in messages().items()}))
