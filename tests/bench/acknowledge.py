"""Event in, acknowledgement out, against the bare durable commit of the same bytes: one process, no threads, interleaved.

The way measured is the product's: a sealed frame off the line, CRC, tag, codec, the pump's step, entry, tree, signature, durable
commit, the pump's step again, and the sealed EVENT_ACK. Once with the hot path, once with construct in its place.
"""

from __future__ import annotations

import itertools
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter

from agent import actions as a
from agent.journal import engine, keys
from agent.journal.drafting import to_draft
from agent.journal.kinds import JournalOpened
from agent.journal.store import Journal
from agent.pump import Pump
from protocol.conversation import Conversation
from protocol.dialect import LinkKeys, Role
from protocol.dialects.native import framing
from protocol.dialects.native.noise import KeyPair
from protocol.dialects.native.wire import reference_decode, reference_encode
from protocol.events import Received
from protocol.messages import (
    EntryMode,
    EventAck,
    HeadGet,
    HeadReply,
    Outcome,
    Product,
    SettlementMode,
    Sync,
    SyncReply,
    TerminalHello,
    Transaction,
    TransactionKind,
)
from protocol.money import Money

EVENTS = 200
ROUNDS = 9
AGENT_KEYS, TERMINAL_KEYS = (KeyPair.from_private(bytes([n]) * 32) for n in (1, 2))


def sale(number: int) -> Transaction:
    """A card sale of 20 fields."""
    return Transaction(
        number=number,
        at=1_772_420_000_000 + number,
        reference=f"{number:032x}",
        kind=TransactionKind.SALE,
        outcome=Outcome.APPROVED,
        amount=Money(36_800),
        product=Product.CREDIT,
        trace=f"{number % 1_000_000:06d}",
        batch="000012",
        mid="848290053110001",
        tid="10000001",
        terminal_time=1_772_420_000_000 + number,
        entry_mode=EntryMode.CHIP,
        settlement_mode=SettlementMode.T1,
        response_code="00",
        scheme="UNIONPAY",
        masked_pan="622848******1234",
        rrn=f"{number:012d}",
        auth_code="123456",
        operator="01",
    )


class Line:
    """A terminal's end and a pump, joined in memory; the journal is a real one on the disk."""

    def __init__(self, folder: Path, *, construct: bool) -> None:
        signer = keys.create(folder)
        opened = JournalOpened(software="bench", version="0", terminal="SN1", nature="simulated", generation=1)
        self.signer = signer
        self.journal = Journal.create(folder / "journal.db", signer, to_draft(opened, signer.token_hmac), 1)
        hello = TerminalHello(
            terminal="SN1",
            log_epoch="e",
            boot_id="b",
            oldest_retained=1,
            last_written=0,
            last_acknowledged=0,
            clock=1,
            uptime=0,
            simulated=True,
        )
        counter = itertools.count(1)
        fresh = lambda n: next(counter).to_bytes(n)  # noqa: E731
        paired = LinkKeys(TERMINAL_KEYS.private, AGENT_KEYS.public)
        self.terminal = Conversation("native", Role.TERMINAL, keys=paired, random=fresh, hello=lambda: hello)

        def converse(peer: bytes | None) -> Conversation:
            agent = Conversation("native", Role.AGENT, keys=LinkKeys(AGENT_KEYS.private, peer), random=fresh)
            if construct:
                agent.dialect = replace(agent.dialect, encode=reference_encode, decode=reference_decode)
            return agent

        head = self.journal.head
        self.pump = Pump(
            converse,
            pinned=TERMINAL_KEYS.public,
            terminal="SN1",
            simulated=True,
            last_events={},
            head_size=head.size,
            head_note=head.note,
        )
        self.acknowledged = 0
        self.wire: list[bytes] = []
        self.terminal.open(0)
        self.give(a.PortOpened())
        for _turn in range(8):
            self.take()

    def give(self, given: a.Input) -> None:
        """One step of the pump and all that follows from it, but what goes to the terminal."""
        for action in self.pump.step(0, 0, given):
            match action:
                case a.Write(data):
                    self.wire.append(data)
                case a.Record(_, at, facts):
                    head = self.journal.append([to_draft(f, self.signer.token_hmac) for f in facts], at)
                    last = facts[-1].event  # type: ignore[union-attr]
                    self.give(a.Recorded((last.log_epoch, last.number or 0), head.size, head.note))

    def take(self) -> None:
        """The terminal's turn."""
        while self.wire:
            self.terminal.receive(self.wire.pop(0), 0)
        for happened in self.terminal.events():
            if isinstance(happened, Received):
                match happened.message:
                    case HeadGet(request_id=number):
                        self.terminal.send(HeadReply(request_id=number), 0)
                    case Sync(request_id=number):
                        self.terminal.send(SyncReply(oldest_retained=1, last_written=0, request_id=number), 0)
                    case EventAck(up_to=number):
                        self.acknowledged = number
        if wire := self.terminal.outgoing(0):
            self.give(a.LineBytes(wire))

    def event(self, number: int) -> float:
        """Seconds from the frame on the line to the EVENT_ACK on the line."""
        self.terminal.send(sale(number), 0)
        wire = self.terminal.outgoing(0)
        began = perf_counter()
        self.give(a.LineBytes(wire))
        seconds = perf_counter() - began
        assert len(self.wire) == 2, "the link's acknowledgement, then the EVENT_ACK"
        while self.acknowledged < number or self.terminal.backlog:
            self.take()
        return seconds


def measure() -> dict[str, float]:
    """Medians in µs, and the ratios to the bare commit."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = {kind: Line(folder / kind, construct=kind == "construct") for kind in ("hot", "construct")}
        bare = engine.connect_writer(folder / "bare.db", create=True)
        bare.execute("CREATE TABLE entry (seq INTEGER PRIMARY KEY, body TEXT, leaf BLOB) STRICT")
        body, number = "x" * len(lines["hot"].journal.raw_entry(0)) * 4, 0
        times: dict[str, list[float]] = {"hot": [], "construct": [], "bare": []}
        for _round in range(ROUNDS):
            for _event in range(EVENTS // ROUNDS + 1):
                number += 1
                for kind, line in lines.items():
                    times[kind].append(line.event(number))
                began = perf_counter()
                bare.execute("BEGIN IMMEDIATE")
                bare.execute("INSERT INTO entry VALUES (?, ?, ?)", (number, body, bytes(32)))
                bare.execute("COMMIT")
                times["bare"].append(perf_counter() - began)
        size = len(lines["hot"].journal.raw_entry(5))
        bare.close()
        for line in lines.values():
            line.journal.close()
    found = {f"{kind}_us": median(seconds) * 1e6 for kind, seconds in times.items()}
    found["hot_ratio"] = found["hot_us"] / found["bare_us"]
    found["construct_ratio"] = found["construct_us"] / found["bare_us"]
    found["entry_bytes"], found["bare_bytes"] = size, len(body)
    return found


if __name__ == "__main__":
    assert framing.LARGEST == 280
    print(measure())
