"""Builds the vectors of the native wire, version 1: `python tests/vectors/build_native.py` writes tests/vectors/native/*.json.

Other implementations read them; here a test holds the code to them, so a changed byte is a changed file in a commit.
The secret and all randomness are fixed and written out in the file: nothing of theirs is ever used on a line.
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from protocol import messages as m
from protocol.dialect import LinkSettings, Role
from protocol.dialects.native import codec
from protocol.dialects.native.framing import Direction, Frame, FrameDecoder, FrameType, encode
from protocol.dialects.native.link import NativeLink
from protocol.money import Money

FOLDER = Path(__file__).parent / "native"
REFERENCE = "0192f3a4b5c67d8e9fa0b1c2d3e4f506"
ORIGINAL = "0192f3a40000700080000000000000ff"
AT = 1_772_409_600_000
CHECKPOINT = (
    "counterfoil/00112233445566778899aabbccddeeff/1\n2\nqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=\n\n"
    "\N{EM DASH} counterfoil/00112233445566778899aabbccddeeff/1 AAAAAA==\n"
)
SECRET = bytes(range(32))
AGENT_RANDOM = bytes(range(0x40, 0x60))
TERMINAL_RANDOM = bytes(range(0x80, 0xA0))
SESSION = 0x1234

SALE = m.Transaction(
    number=1, at=AT, reference=REFERENCE, kind=m.TransactionKind.SALE, outcome=m.Outcome.APPROVED, amount=Money(12_345),
    product=m.Product.CREDIT, trace="000123", batch="000007", mid="822290053110007", tid="10000001",
    terminal_time=AT - 1_000, entry_mode=m.EntryMode.CHIP, settlement_mode=m.SettlementMode.T1, response_code="00",
    scheme="UNIONPAY", masked_pan="625094******8599", card_token=bytes(range(16)), rrn="060200000123", auth_code="A1B2C3",
    mcc="5411", merchant_name="张三便利店", operator="01",
)  # fmt: skip
MESSAGES: dict[str, m.Message | m.TerminalHello] = {
    "transaction with every field but the original's": SALE,
    "transaction with required fields alone": m.Transaction(
        number=2**53 - 1, at=0, reference="00" * 16, kind=m.TransactionKind.REVERSAL, outcome=m.Outcome.DECLINED,
        amount=Money(0, 999), product=m.Product.PREPAID, trace="0", batch="0", mid="1", tid="1", terminal_time=0,
        entry_mode=m.EntryMode.QR_CUSTOMER_SCANS, settlement_mode=m.SettlementMode.D1, response_code="51",
    ),
    "refund": m.Transaction(
        number=3, at=AT + 60_000, reference=ORIGINAL, kind=m.TransactionKind.REFUND, outcome=m.Outcome.APPROVED,
        amount=Money(345), product=m.Product.QR_WALLET, trace="000124", batch="000007", mid="822290053110007",
        tid="10000001", terminal_time=AT + 59_000, entry_mode=m.EntryMode.QR_MERCHANT_SCANS,
        settlement_mode=m.SettlementMode.D0, response_code="00", original_reference=REFERENCE,
    ),
    "fee line of a transaction": m.Fee(
        number=2, at=AT, type=m.FeeType.MDR, amount=Money(74), transaction=REFERENCE, rule="credit 0.60%",
    ),
    "fee of zero": m.Fee(number=4, at=AT, type=m.FeeType.MDR, amount=Money(0), transaction=ORIGINAL),
    "fee corrected": m.Fee(number=5, at=AT, type=m.FeeType.SIM, amount=Money(-2_400), description="流量卡费退回"),
    "device event": m.DeviceEvent(
        number=6, at=AT, kind=m.DeviceEventKind.FAULT, severity=m.Severity.MINOR, code="PRN-1", detail="缺纸",
    ),
    "event acknowledgement": m.EventAck(up_to=300),
    "sync": m.Sync(start=1, request_id=1),
    "sync reply of an empty log": m.SyncReply(oldest_retained=1, last_written=0, request_id=1),
    "device info query": m.DeviceInfoQuery(request_id=2),
    "device info": m.DeviceInfo(
        serial_number="NP1234567890", model="A930", firmware="1.2.3", mid="822290053110007", tid="10000001", clock=AT,
        merchant_name="张三便利店", mcc="5411", request_id=2,
    ),
    "head get": m.HeadGet(request_id=3),
    "head put": m.HeadPut(checkpoint=CHECKPOINT, request_id=0xFFFF_FFFF),
    "head reply": m.HeadReply(checkpoint=CHECKPOINT, accepted=False, request_id=0xFFFF_FFFF),
    "head reply without a head": m.HeadReply(request_id=3),
    "error": m.Error(code=m.ErrorCode.NOT_UNDERSTOOD, tag=0x8051, request_id=4),
    "terminal hello": m.TerminalHello(
        terminal="T-0001", log_epoch="e7", boot_id="b42", oldest_retained=1, last_written=6, last_acknowledged=2,
        clock=AT, simulated=True, oldest_unresolved=REFERENCE,
    ),
}  # fmt: skip
REFUSED: dict[str, bytes] = {
    "no type": b"\x01",
    "unknown type": bytes.fromhex("7701" "0001000105"),
    "required fields missing": bytes.fromhex("0201"),
    "unknown critical tag": bytes.fromhex("0201" "8050000105" "fabc0000"),
    "a tag twice": bytes.fromhex("0201" "8050000105" "8050000105"),
    "a TLV longer than its message": bytes.fromhex("0201" "8050000205"),
    "a truncated TLV": bytes.fromhex("0201" "8050000105" "7a"),
    "an integer that is not minimal": bytes.fromhex("0201" "805000020005"),
    "an integer of 2^53": bytes.fromhex("0201" "8050000720000000000000"),
    "an integer of no bytes": bytes.fromhex("0201" "80500000"),
}  # fmt: skip


def readable(value: Any) -> Any:
    """A message's fields as JSON has them: bytes in hex, amounts by minor units and currency."""
    if isinstance(value, Money):
        return {"minor": value.minor, "currency": value.currency}
    if is_dataclass(value) and not isinstance(value, type):
        given = {f.name: getattr(value, f.name) for f in fields(value)}
        return {type(value).__name__: {k: readable(v) for k, v in given.items() if v is not None}}
    if isinstance(value, StrEnum):
        return str(value)
    return value.hex() if isinstance(value, bytes) else value


def _encoded(message: Any) -> bytes:
    return codec.encode_hello(message) if isinstance(message, m.TerminalHello) else codec.encode(message)


def messages() -> dict[str, Any]:
    said = [
        {"name": name, "hex": _encoded(message).hex(), "message": readable(message)}
        for name, message in MESSAGES.items()
    ]
    skipped = bytes.fromhex("0201" "7abc0003616263" "8050000105")  # fmt: skip
    said.append({"name": "an unknown tag is skipped", "hex": skipped.hex(), "message": readable(codec.decode(skipped))})
    return {
        "about": "Messages of the native wire, version 1 (docs/protocol.md, Messages).",
        "messages": said,
        "refused": [{"why": why, "hex": raw.hex()} for why, raw in REFUSED.items()],
    }


def _shown(frame: Frame) -> dict[str, Any]:
    return {
        "type": frame.type.name,
        "direction": int(frame.direction),
        "more": frame.more,
        "session": frame.session,
        "counter": frame.counter,
        "ack": frame.ack,
        "body": frame.body.hex(),
        "tag": frame.tag.hex(),
    }


def frames() -> dict[str, Any]:
    to_agent, to_terminal = Direction.TO_AGENT, Direction.TO_TERMINAL
    made = {
        "ACK": Frame(FrameType.ACK, to_agent, 1, 2, 3, tag=bytes(range(1, 9))),
        "HELLO": Frame(FrameType.HELLO, to_terminal, 0, 0, body=AGENT_RANDOM + SESSION.to_bytes(2)),
        "NO_SESSION": Frame(FrameType.NO_SESSION, to_agent, 0xFFFF, 0),
        "DATA, the largest": Frame(
            FrameType.DATA,
            to_terminal,
            0xFFFF,
            0xFFFF_FFFF,
            0xFFFF,
            True,
            bytes(b or 255 for b in range(256)),
            b"\xff" * 8,
        ),
        "DATA, zeros alone": Frame(FrameType.DATA, to_agent, 1, 1, body=bytes(256)),
    }
    return {
        "about": "Frames of the native wire, version 1 (docs/protocol.md, Frame). wire: as on the line, delimiters and all.",
        "frames": [{"name": name, "wire": encode(frame).hex(), **_shown(frame)} for name, frame in made.items()],
    }


class _Fixed:
    """A random source that gives what is written here, once each."""

    def __init__(self, *given: bytes) -> None:
        self._given = list(given)

    def __call__(self, size: int) -> bytes:
        value = self._given.pop(0)
        assert len(value) == size
        return value


def session() -> dict[str, Any]:
    """A session between the two ends, every byte of it: handshake, a request, its reply, an event of two fragments, goodbye."""
    hello = MESSAGES["terminal hello"]
    assert isinstance(hello, m.TerminalHello)
    agent = NativeLink(
        LinkSettings(Role.AGENT, SECRET, _Fixed((SESSION - 1).to_bytes(2), AGENT_RANDOM), 115_200, bytes)
    )
    terminal = NativeLink(
        LinkSettings(
            Role.TERMINAL, SECRET, _Fixed(b"\0\0", TERMINAL_RANDOM), 115_200, lambda: codec.encode_hello(hello)
        )
    )
    agent.open(0)
    terminal.open(0)
    agent.tick(0)
    wires: list[tuple[str, bytes]] = []

    def settle() -> None:
        while to_terminal := agent.outgoing(0):
            wires.append(("agent", to_terminal))
            terminal.receive(to_terminal, 0)
            if to_agent := terminal.outgoing(0):
                wires.append(("terminal", to_agent))
                agent.receive(to_agent, 0)

    settle()
    void = replace(SALE, kind=m.TransactionKind.VOID, original_reference=ORIGINAL)
    said: list[m.Message] = [m.HeadGet(request_id=1), m.HeadReply(request_id=1), void]
    agent.send(codec.encode(said[0]), urgent=True)
    settle()
    for message in said[1:]:
        terminal.send(codec.encode(message), urgent=isinstance(message, m.HeadReply))
        to_agent = terminal.outgoing(0)
        wires.append(("terminal", to_agent))
        agent.receive(to_agent, 0)
        settle()
    agent.leave(0)
    settle()
    steps = []
    for by, wire in wires:
        for frame in FrameDecoder().feed(wire):
            steps.append({"by": by, "wire": encode(frame).hex(), **_shown(frame)})
    return {
        "about": "A whole session of the native wire, version 1, from a pre-shared secret (docs/protocol.md, Session).",
        "secret": SECRET.hex(),
        "agent_random": AGENT_RANDOM.hex(),
        "terminal_random": TERMINAL_RANDOM.hex(),
        "session": SESSION,
        "terminal_hello": codec.encode_hello(hello).hex(),
        "messages": [codec.encode(message).hex() for message in said],
        "steps": steps,
    }


def build() -> dict[str, str]:
    """File name -> its text."""
    made = {"messages": messages(), "frames": frames(), "session": session()}
    return {
        f"counterfoil-v1-{name}.json": json.dumps(content, ensure_ascii=False, indent=1) + "\n"
        for name, content in made.items()
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in build().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
