"""The terminal's rules, against an agent's own Conversation in memory (docs/protocol.md §3)."""

from __future__ import annotations

from hashlib import sha256

from protocol.events import Received
from protocol.messages import (
    DeviceEvent,
    DeviceEventKind,
    DeviceInfo,
    DeviceInfoQuery,
    Error,
    ErrorCode,
    Fee,
    HeadGet,
    HeadPut,
    HeadReply,
    Settlement,
    Sync,
    SyncReply,
    Transaction,
)


def note(origin: str, size: int, root: str = "AAAA") -> str:
    return f"{origin}\n{size}\n{root}\n\n— name c2ln\n"


def test_no_event_comes_before_it_was_asked_for(bench) -> None:
    b = bench()
    b.start()
    assert b.agent.is_open and b.log.last_written >= 64
    b.ask(HeadGet())
    b.ask(DeviceInfoQuery())
    b.acknowledge(0)
    assert b.received() == []


def test_sync_is_answered_first_and_then_the_events_in_order(bench) -> None:
    b = bench()
    b.start()
    assert b.ask(Sync(start=3)) == SyncReply(oldest_retained=1, last_written=64, request_id=1)
    first_event = next(i for i, e in enumerate(b.happened) if isinstance(e, Received))
    assert any("SyncReply" in repr(e) for e in b.happened[:first_event]), "the reply goes before the events"
    assert b.received() == list(range(3, 65))


def test_the_window_holds_64_events_beyond_the_last_acknowledgement(bench) -> None:
    b = bench(transactions=300, speed=1_000_000)
    b.start()
    b.now += 60_000  # the whole day is over; nothing was acknowledged
    b.terminal.tick(b.now)
    b.exchange()
    assert b.log.last_written == 605 and b.trade.finished  # 300 transactions, their fee lines, five pages of settlement
    b.ask(Sync(start=1))
    assert b.received() == list(range(1, 65))
    b.acknowledge(10)
    assert b.received() == list(range(65, 75))
    b.acknowledge(10)
    assert b.received() == []
    while b.log.acknowledged < 458:
        before = b.log.acknowledged
        b.acknowledge(before + 64)
        assert b.received() == list(range(before + 65, before + 129))
    last = b.log.acknowledged + 64
    b.acknowledge(600)  # the pages are long: the window's bytes decide how many come
    b.acknowledge(605)
    assert b.received() == list(range(last + 1, 606))
    assert b.terminal.settled


def test_the_window_holds_32_kib_beyond_the_last_acknowledgement(bench) -> None:
    b = bench(transactions=0)
    b.start()
    big = bytes.fromhex("01990777") + (3000).to_bytes(2) + bytes(3000)  # an unknown event: 3,006 bytes; 10 are 30,060
    b.log.add(*[big] * 30)
    b.ask(Sync(start=1))
    assert b.unreadable() == 10
    b.acknowledge(1)
    assert b.unreadable() == 11


def test_speed_0_writes_no_further_than_64_events_ahead(bench) -> None:
    b = bench(transactions=300)
    b.start()
    assert b.log.last_written == 64
    b.ask(Sync(start=1))
    b.acknowledge(2)
    assert b.log.last_written == 66


def test_acknowledged_events_are_sent_again_byte_for_byte(bench) -> None:
    b = bench()
    b.start()
    b.ask(Sync(start=1))
    first = {e.message.number: e.sha256 for e in b.happened if isinstance(e, Received)}
    b.acknowledge(64)
    b.received()
    b.ask(Sync(start=1))
    again = {e.message.number: e.sha256 for e in b.happened if isinstance(e, Received)}
    assert {n: again[n] for n in first} == first
    assert sorted(again) == list(range(1, 129)) and b.log.acknowledged == 64
    assert all(sha256(b.log.event(n)).digest() == digest for n, digest in again.items())


def test_each_transaction_has_its_fee_line_next_and_nothing_else_happens(bench) -> None:
    b = bench(transactions=40, speed=1_000_000)
    b.start()
    b.now += 60_000
    b.terminal.tick(b.now)
    b.ask(Sync(start=1))
    b.acknowledge(64)
    *messages, settlement = [e.message for e in b.happened if isinstance(e, Received)]
    assert len(messages) == 80 and isinstance(settlement, Settlement)
    for transaction, fee in zip(messages[::2], messages[1::2], strict=True):
        assert isinstance(transaction, Transaction) and isinstance(fee, Fee)
        assert fee.transaction == transaction.reference and fee.number == transaction.number + 1
        assert transaction.at == transaction.terminal_time < fee.at


def test_a_restart_is_told_once_and_what_was_not_acknowledged_comes_again(bench) -> None:
    b = bench()
    b.start()
    b.ask(Sync(start=1))
    b.acknowledge(20)
    before = {e.message.number: e.sha256 for e in b.happened if isinstance(e, Received)}
    assert not any(isinstance(e.message, DeviceEvent) for e in b.happened if isinstance(e, Received))
    written = b.log.last_written

    b = bench()
    b.start()
    assert b.log.acknowledged == 20
    b.ask(Sync(start=21))
    b.acknowledge(30)
    came = {e.message.number: e for e in b.happened if isinstance(e, Received)}
    reboots = [e.message for e in came.values() if isinstance(e.message, DeviceEvent)]
    assert [(r.number, r.kind) for r in reboots] == [(written + 1, DeviceEventKind.REBOOT)]
    assert all(came[n].sha256 == digest for n, digest in before.items() if n > 20)


def test_a_head_that_takes_its_journal_back_is_refused(bench) -> None:
    b = bench()
    b.start()
    assert b.ask(HeadGet()) == HeadReply(checkpoint=None, accepted=True, request_id=1)
    ours, other = "counterfoil/aa/0", "counterfoil/bb/0"

    def put(text: str) -> tuple[bool, str | None]:
        reply = b.ask(HeadPut(checkpoint=text))
        assert isinstance(reply, HeadReply)
        return reply.accepted, reply.checkpoint

    assert put(note(ours, 100)) == (True, note(ours, 100))
    assert put(note(ours, 99)) == (False, note(ours, 100))
    assert put(note(ours, 100, "BBBB")) == (False, note(ours, 100)), "another root of the same size is a fork"
    assert put(note(ours, 100)) == (True, note(ours, 100))
    assert put(note(ours, 101, "BBBB")) == (True, note(ours, 101, "BBBB"))
    assert put(note(other, 3)) == (True, note(other, 3)), "each origin has its own"
    assert put(note(ours, 50)) == (False, note(ours, 101, "BBBB"))
    reply = b.ask(HeadGet())
    assert isinstance(reply, HeadReply) and reply.checkpoint == note(other, 3)

    b = bench()  # it survives a restart
    b.start()
    reply = b.ask(HeadPut(checkpoint=note(ours, 100)))
    assert isinstance(reply, HeadReply) and (reply.accepted, reply.checkpoint) == (False, note(ours, 101, "BBBB"))


def test_what_is_no_checkpoint_is_an_error_and_changes_nothing(bench) -> None:
    b = bench()
    b.start()
    for text in ("", "origin", "origin\nten\nroot\n", "\n1\nroot\n", "origin\n²\nroot\n", "origin\n-1\nroot\n"):
        reply = b.ask(HeadPut(checkpoint=text))
        assert isinstance(reply, Error) and reply.code is ErrorCode.OUT_OF_BOUNDS
    assert b.log.head() is None


def test_it_says_what_it_is_with_the_simulated_time(bench) -> None:
    b = bench()
    b.start()
    info = b.ask(DeviceInfoQuery())
    assert isinstance(info, DeviceInfo)
    assert (info.model, info.mcc, info.merchant_name) == ("SIM-classic", "5812", "演练小馆")
    last = b.agent.dialect.decode(b.log.event(63))
    assert isinstance(last, Transaction) and info.clock == last.at, "at speed 0 it is the time of the last step"


def test_time_runs_with_the_wall_and_stands_when_the_last_day_is_over(bench) -> None:
    b = bench(transactions=10, speed=60, days=2)
    b.start()
    nine = 1_772_413_200_000  # 2026-03-02T09:00+08:00 (date -d 2026-03-02T09:00+08:00 +%s)

    def clock() -> int:
        info = b.ask(DeviceInfoQuery())
        assert isinstance(info, DeviceInfo)
        return info.clock

    assert clock() == nine and b.log.last_written == 0
    b.now += 1_000
    assert clock() == nine + 60_000
    b.now = 1_000 + 12 * 60_000 - 1  # 12 minutes are 12 hours at 60
    assert clock() == nine + 12 * 3_600_000 - 60
    assert b.log.last_written == 20 and not b.log.days[0].closed
    b.now += 1
    b.terminal.tick(b.now)
    assert b.log.days[0].closed and clock() == nine + 24 * 3_600_000, "the next day begins at nine"
    b.now += 1_000_000_000
    b.terminal.tick(b.now)
    assert b.trade.finished and b.log.last_written == 42  # each day's settlement, too
    assert clock() == nine + 36 * 3_600_000, "nobody turns the page when the shop has closed"


def test_an_acknowledgement_of_what_was_never_written_is_not_believed(bench) -> None:
    b = bench()
    b.start()
    b.ask(Sync(start=1))
    b.acknowledge(1_000_000)
    assert b.log.acknowledged == 0 and b.log.last_written == 64


def test_a_sync_beyond_the_end_waits_for_what_comes(bench) -> None:
    b = bench()
    b.start()
    assert b.ask(Sync(start=70)) == SyncReply(oldest_retained=1, last_written=64, request_id=1)
    assert b.received() == []
    b.acknowledge(64)
    assert b.received() == list(range(70, 129))
