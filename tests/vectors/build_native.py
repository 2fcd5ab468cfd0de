"""Builds the vectors of the native wire, version 1: `python tests/vectors/build_native.py` writes tests/vectors/native/*.json.

Other implementations read them; here a test holds the code to them, so a changed byte is a changed file in a commit.
The keys and all randomness are fixed and written out in the files: nothing of theirs is ever used on a line.
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any

from protocol import messages as m
from protocol.dialect import LinkKeys, LinkSettings, Role
from protocol.dialects.native import codec
from protocol.dialects.native.framing import Direction, Frame, FrameDecoder, FrameType, encode
from protocol.dialects.native.link import NativeLink
from protocol.dialects.native.noise import KeyPair
from protocol.events import PairingShown
from protocol.money import Money

FOLDER = Path(__file__).parent / "native"
REFERENCE = "0192f3a4b5c67d8e9fa0b1c2d3e4f506"
ORIGINAL = "0192f3a40000700080000000000000ff"
AT = 1_772_409_600_000
DAY = 86_400_000
NOTICE = "自2026年4月1日起，信用卡费率调整为0.60%。\n如不同意，可以终止合同。\n"
CHECKPOINT = (
    "counterfoil/00112233445566778899aabbccddeeff/1\n2\nqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=\n\n"
    "\N{EM DASH} counterfoil/00112233445566778899aabbccddeeff/1 AAAAAA==\n"
)
AGENT_STATIC = KeyPair.from_private(bytes(range(32)))
TERMINAL_STATIC = KeyPair.from_private(bytes(range(0x20, 0x40)))
AGENT_EPHEMERAL = bytes(range(0x40, 0x60))
TERMINAL_EPHEMERAL = bytes(range(0x80, 0xA0))
AGENT_FRESH = bytes(range(0xC0, 0xE0))
TERMINAL_FRESH = bytes(range(0xE0, 0x100))
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
    "tariff notice": m.TariffNotice(
        number=7, at=AT, notice="公告2026-05", product=m.Product.CREDIT, rate_ppm=6_000, effective_from=AT + 30 * DAY,
        published=AT - DAY, text=NOTICE, text_sha256=sha256(NOTICE.encode()).digest(), cap=Money(2_000), minimum=Money(1),
    ),
    "settlement, a page of one line": m.Settlement(
        number=8, at=AT + DAY, batch="000007", date="20260302", page=2, pages=2, sales_count=2, refunds_count=1,
        gross=Money(22_345), refunds=Money(345), fees=Money(132), deductions=Money(2_400), adjustments=Money(-1),
        carried=Money(500), credited=Money(19_967), due_date="20260303", lines=(
            m.SettlementLine(
                kind=m.TransactionKind.SALE, amount=Money(12_345), fee=Money(74), trace="000123", rrn="060200000123",
                reference=REFERENCE,
            ),
        ),
    ),
    "settlement without lines": m.Settlement(
        number=9, at=AT + DAY, batch="8", date="20240229", page=1, pages=1, sales_count=0, refunds_count=0, gross=Money(0),
        refunds=Money(0), fees=Money(-5), deductions=Money(0), adjustments=Money(0), carried=Money(-10), credited=Money(-5),
    ),
    "deposit update": m.DepositUpdate(
        number=10, at=AT, ticket="YJ-2026-0001", state=m.DepositState.NEED_MORE, amount=Money(25_000), deductions=(
            m.Deduction(cause=m.DeductionCause.DAMAGE, amount=Money(4_000), reason="外壳损坏", clause="4.2"),
            m.Deduction(cause=m.DeductionCause.OTHER, amount=Money(900), reason="清洁"),
        ),
        documents=("收据照片", "营业执照"), note="请补件",
    ),
    "confirm": m.Confirm(reference=REFERENCE),
    "tariff query": m.TariffQuery(product=m.Product.DEBIT, request_id=5),
    "tariff query for all": m.TariffQuery(request_id=5),
    "tariffs": m.Tariffs(
        request_id=5,
        tariffs=(
            m.TariffLine(product=m.Product.CREDIT, rate_ppm=6_000, effective_from=0),
            m.TariffLine(product=m.Product.DEBIT, rate_ppm=5_000, effective_from=AT, cap=Money(2_000), minimum=Money(0)),
        ),
    ),
    "self-test": m.SelfTest(request_id=6),
    "self-test reply": m.SelfTestReply(
        request_id=6,
        items=(
            m.SelfTestItem(name="printer", passed=False, detail="缺纸"), m.SelfTestItem(name="reader", passed=True),
        ),
    ),
    "echo": m.Echo(data=bytes(range(8)), request_id=7),
    "echo reply": m.EchoReply(data=bytes(range(8)), request_id=7),
    "sale asked for": m.Sale(reference=REFERENCE, amount=Money(12_345), deadline=30_000, operator="01", request_id=8),
    "progress": m.Progress(reference=REFERENCE, stage=m.Stage.PRESENT_CARD, text="请刷卡", request_id=8),
    "result, approved": m.Result(
        reference=REFERENCE, state=m.RequestState.APPROVED, amount=Money(12_345), response_code="00",
        product=m.Product.CREDIT, trace="000123", batch="000007", rrn="060200000123", auth_code="A1B2C3", scheme="UNIONPAY",
        masked_pan="625094******8599", entry_mode=m.EntryMode.CHIP, terminal_time=AT - 1_000, event=1, request_id=8,
    ),
    "result, declined": m.Result(
        reference=REFERENCE, state=m.RequestState.DECLINED, response_code="51", event=11, request_id=8,
    ),
    "refund asked for": m.Refund(
        reference=ORIGINAL, original_reference=REFERENCE, original_trace="000123", amount=Money(345), deadline=60_000,
        operator="02", request_id=9,
    ),
    "void asked for": m.Void(
        reference=ORIGINAL, original_reference=REFERENCE, amount=Money(12_345), deadline=60_000, request_id=10,
    ),
    "status": m.StatusQuery(reference=REFERENCE, fence=False, request_id=11),
    "status, approved": m.StatusReply(
        reference=REFERENCE, state=m.RequestState.APPROVED, log_epoch="e7", fenced=False, amount=Money(12_345),
        response_code="00", trace="000123", rrn="060200000123", auth_code="A1B2C3", event=1, request_id=11,
    ),
    "status with fence": m.StatusQuery(reference=ORIGINAL, fence=True, request_id=12),
    "status, not found and fenced": m.StatusReply(
        reference=ORIGINAL, state=m.RequestState.NOT_FOUND, log_epoch="e7", fenced=True, request_id=12,
    ),
    "settle": m.Settle(request_id=13),
    "settled": m.SettleReply(settled=True, batch="000007", response_code="00", request_id=13),
    "deposit query": m.DepositQuery(ticket="YJ-2026-0001", request_id=14),
    "deposit return": m.DepositReturn(
        reference=ORIGINAL, amount=Money(29_900), application="押金退还申请\n张三便利店\n", request_id=15,
    ),
    "deposit status": m.DepositStatus(
        ticket="YJ-2026-0001", state=m.DepositState.SUBMITTED, amount=Money(29_900), request_id=15,
    ),
    "terminal hello": m.TerminalHello(
        terminal="T-0001", log_epoch="e7", boot_id="b42", oldest_retained=1, last_written=6, last_acknowledged=2,
        clock=AT, uptime=3_600_000, simulated=True, oldest_unresolved=REFERENCE,
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
    "currency 0": bytes.fromhex("0210" "0003000101" "80100010" + REFERENCE + "809100030000" "01" "8090000101"),
    "currency 1000": bytes.fromhex("0210" "0003000101" "80100010" + REFERENCE + "8091000303e801" "8090000101"),
    "an amount of nothing asked for": bytes.fromhex("0210" "0003000101" "80100010" + REFERENCE + "80910003009c00" "8090000101"),
    "a record longer than its value": bytes.fromhex("0287" "0003000105" "80a90002" "0010"),
    "a record without its fields": bytes.fromhex("0287" "0003000105" "80a90002" "0000"),
    "an unknown critical tag in a record": bytes.fromhex(
        "0287" "0003000105" "80a90016" "0014" "80a8000102" "80a100021388" "80a2000100" "fabc0000"
    ),
    "a text that is not UTF-8": bytes.fromhex("0291" "0003000108" "80100010" + REFERENCE + "0097000101" "00980001ff"),
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
    if isinstance(value, tuple):
        return [readable(each) for each in value]
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
        "HELLO": Frame(FrameType.HELLO, to_terminal, 0, 0, body=bytes(range(0x40, 0x72))),
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
        LinkSettings(
            Role.AGENT,
            _Fixed((SESSION - 1).to_bytes(2), AGENT_EPHEMERAL),
            115_200,
            LinkKeys(AGENT_STATIC.private, TERMINAL_STATIC.public),
            bytes,
        )
    )
    terminal = NativeLink(
        LinkSettings(
            Role.TERMINAL,
            _Fixed(b"\0\0", TERMINAL_EPHEMERAL),
            115_200,
            LinkKeys(TERMINAL_STATIC.private, AGENT_STATIC.public),
            lambda: codec.encode_hello(hello),
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
        "about": "A whole session of the native wire, version 1, by Noise KK (docs/protocol.md, Session).",
        **_private(),
        "session": SESSION,
        "terminal_hello": codec.encode_hello(hello).hex(),
        "messages": [codec.encode(message).hex() for message in said],
        "steps": steps,
    }


def _private() -> dict[str, str]:
    return {
        "agent_static": AGENT_STATIC.private.hex(),
        "agent_static_public": AGENT_STATIC.public.hex(),
        "agent_ephemeral": AGENT_EPHEMERAL.hex(),
        "terminal_static": TERMINAL_STATIC.private.hex(),
        "terminal_static_public": TERMINAL_STATIC.public.hex(),
        "terminal_ephemeral": TERMINAL_EPHEMERAL.hex(),
    }


def pairing() -> dict[str, Any]:
    """A pairing between the two ends: its six frames, the handshake's hash and the number that both show."""
    agent = NativeLink(
        LinkSettings(
            Role.AGENT,
            _Fixed(b"\0\0", AGENT_EPHEMERAL, AGENT_FRESH),
            115_200,
            LinkKeys(AGENT_STATIC.private),
            bytes,
        )
    )
    terminal = NativeLink(
        LinkSettings(
            Role.TERMINAL,
            _Fixed(b"\0\0", TERMINAL_EPHEMERAL, TERMINAL_FRESH),
            115_200,
            LinkKeys(TERMINAL_STATIC.private),
            bytes,
        )
    )
    for end in (terminal, agent):
        end.open(0)
        end.pair(0)
    steps, ends, hashes = [], {"agent": agent, "terminal": terminal}, set()
    for _ in range(3):
        for by, to in (("agent", "terminal"), ("terminal", "agent")):
            wire = ends[by].outgoing(0)
            (frame,) = FrameDecoder().feed(wire)
            steps.append({"by": by, "wire": wire.hex(), **_shown(frame)})
            ends[to].receive(wire, 0)
    shown = {event for end in ends.values() for event in end.take() if isinstance(event, PairingShown)}
    for end in ends.values():
        assert end._pairing._noise is not None
        hashes.add(end._pairing._noise.hash.hex())
    (number,), (handshake_hash,) = {event.number for event in shown}, hashes
    return {
        "about": "A pairing of the native wire, version 1, by Noise XX (docs/protocol.md, Pairing).",
        **_private(),
        "agent_fresh": AGENT_FRESH.hex(),
        "terminal_fresh": TERMINAL_FRESH.hex(),
        "handshake_hash": handshake_hash,
        "number": number,
        "steps": steps,
    }


def build() -> dict[str, str]:
    """File name -> its text."""
    made = {"messages": messages(), "frames": frames(), "session": session(), "pairing": pairing()}
    return {
        f"counterfoil-v1-{name}.json": json.dumps(content, ensure_ascii=False, indent=1) + "\n"
        for name, content in made.items()
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in build().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
