"""The link's timers and limits, each against its sentence in docs/protocol.md §2. One end, time by hand; the other end is keys."""

from __future__ import annotations

import pytest

from protocol.dialect import ClockTold, LinkClosed, LinkOpened, Role
from protocol.dialects.native.framing import Direction, Frame, FrameType, encode
from protocol.dialects.native.link import NativeLink
from protocol.dialects.native.link_states import SessionState
from protocol.dialects.native.session import SessionKeys
from protocol.events import CloseReason, LineSuspected
from tests.protocol.pair import STATIC, conversations, frames_of, link, links
from tests.protocol.stranger import Noise

AGENT, TERMINAL = Role.AGENT, Role.TERMINAL
START = 1_000_000


class Peer:
    """The terminal's part, played by hand: it says only what a test wants said."""

    def __init__(self, line_rate: int = 115_200) -> None:
        self.agent = link(AGENT, line_rate=line_rate)
        self.agent.open(START)
        self.agent.tick(START)
        (hello,) = frames_of(self.agent.outgoing(START))
        noise = Noise("KK", initiator=False, own=STATIC[TERMINAL].private, peer=STATIC[AGENT].public)
        self.number = int.from_bytes(noise.read(hello.body))
        reply = noise.write(b"hello")
        keys = noise.keys(self.number)
        self.keys = SessionKeys(self.number, keys.to_terminal, keys.to_agent)
        self.counter = 0
        self.agent.receive(
            encode(Frame(FrameType.HELLO_REPLY, Direction.TO_AGENT, 0, 0, self.number, body=reply)), START
        )
        assert self.agent.is_open
        self.agent.take()

    def says(self, kind: FrameType, now: int, *, ack: int = 0, body: bytes = b"", more: bool = False) -> None:
        self.counter += 1
        frame = Frame(kind, Direction.TO_AGENT, self.number, self.counter, ack, more, body)
        self.agent.receive(encode(self.keys.seal(frame)), now)

    def heard(self, now: int) -> list[Frame]:
        return frames_of(self.agent.outgoing(now))


def due_times(end: NativeLink, until: int, now: int = START) -> list[tuple[int, bytes]]:
    """When the end speaks by itself, and what. After every tick its deadline lies in the future, or it has none."""
    spoken = []
    while (due := end.deadline) is not None and due <= until:
        assert due > now or not spoken
        now = max(now, due)
        end.tick(now)
        assert end.deadline is None or end.deadline > now
        if wire := end.outgoing(now):
            spoken.append((now - START, wire))
    return spoken


def t_ack(frame_bytes: int, line_rate: int) -> int:
    """T_ack = 1.25·(t_frame + t_ack) + 300 ms; 10 bits a byte on the line, an acknowledgement is 27 bytes."""
    return round(1.25 * 10_000 * (frame_bytes + 27) / line_rate + 300)


@pytest.mark.parametrize("line_rate", [1_200, 9_600, 115_200])
@pytest.mark.parametrize("size", [1, 60, 256])
def test_acknowledgement_timer_follows_the_line_rate(line_rate: int, size: int) -> None:
    peer = Peer(line_rate)
    peer.agent.send(b"x" * size, urgent=True)
    wire = peer.agent.outgoing(START)
    assert abs(peer.agent.deadline - START - t_ack(len(wire), line_rate)) <= 2


def test_five_tries_each_waiting_twice_as_long_all_the_same_bytes() -> None:
    peer = Peer()
    peer.agent.send(b"ask", urgent=True)
    first = peer.agent.outgoing(START)
    wait = t_ack(len(first), 115_200)
    spoken = due_times(peer.agent, START + 60_000)
    again = [(at, wire) for at, wire in spoken if wire == first]
    assert len(again) == 4
    for (at, _), due in zip(again, [wait, 3 * wait, 7 * wait, 15 * wait], strict=True):
        assert abs(at - due) <= 30
    (closed,) = [event for event in peer.agent.take() if isinstance(event, LinkClosed)]
    assert closed.reason is CloseReason.PEER_SILENT
    assert peer.agent.counters.resent == 4
    hellos = [at for at, wire in spoken if frames_of(wire)[0].type is FrameType.HELLO]
    assert abs(hellos[0] - 31 * wait) <= 62  # about 9 s: the session ends and the seeking begins at once
    assert 9_000 < hellos[0] < 10_500


def test_a_retransmission_is_byte_identical_with_the_acknowledgement_it_had() -> None:
    peer = Peer()
    peer.agent.send(b"ask", urgent=True)
    first = peer.agent.outgoing(START)
    peer.says(FrameType.DATA, START + 10, body=b"event")
    (ack,) = peer.heard(START + 10)
    assert (ack.type, ack.ack) == (FrameType.ACK, 1)
    due = peer.agent.deadline
    peer.agent.tick(due)
    assert peer.agent.outgoing(due) == first


def test_one_outstanding_frame_and_the_next_at_its_acknowledgement() -> None:
    peer = Peer()
    for n in range(3):
        peer.agent.send(b"ask%d" % n, urgent=True)
    (first,) = peer.heard(START)
    assert peer.heard(START + 1) == []
    peer.says(FrameType.ACK, START + 2, ack=first.counter + 1)  # not the outstanding counter: ignored
    assert peer.heard(START + 2) == []
    peer.says(FrameType.ACK, START + 3, ack=first.counter)
    (second,) = peer.heard(START + 3)
    assert second.counter == first.counter + 1
    peer.says(FrameType.DATA, START + 4, ack=second.counter, body=b"and an event")  # an acknowledgement rides on data
    (third,) = peer.heard(START + 4)
    assert (third.type, third.ack) == (FrameType.DATA, peer.counter)


def test_a_repeated_data_frame_is_acknowledged_again_and_not_delivered() -> None:
    peer = Peer()
    sealed = encode(peer.keys.seal(Frame(FrameType.DATA, Direction.TO_AGENT, peer.number, 1, body=b"event")))
    acks = []
    for now in (START, START + 1, START + 2):
        peer.agent.receive(sealed, now)
        (ack,) = peer.heard(now)
        acks.append((ack.type, ack.ack))
    assert acks == [(FrameType.ACK, 1)] * 3
    assert len(peer.agent.take()) == 1
    assert peer.agent.counters.repeated == 2


@pytest.mark.parametrize("end", [AGENT, TERMINAL])
def test_a_frame_said_again_is_no_sign_of_life(end: Role) -> None:
    """The peer is gone; somebody repeats its last data frame every 4 s for an hour: acknowledged each time, dead after 20 s."""
    pair = links().join()
    other = TERMINAL if end is AGENT else AGENT
    pair.ends[other].send(b"the last words", urgent=True)
    pair.run(20)
    (recorded,) = [wire for wire in pair.wire[other] if frames_of(wire)[0].type is FrameType.DATA]
    alone, heard_at = pair.ends[end], pair.now
    alone.take()
    closed, acknowledged = [], 0
    for now in range(heard_at + 4_000, heard_at + 3_600_000, 4_000):
        while alone.deadline is not None and alone.deadline <= now and not closed:
            at = alone.deadline
            alone.tick(at)
            alone.outgoing(at)
            closed += [(event.reason, at) for event in alone.take() if isinstance(event, LinkClosed)]
        if closed:
            break
        alone.receive(recorded, now)
        acknowledged += [frame.type for frame in frames_of(alone.outgoing(now))].count(FrameType.ACK)
        assert alone.take() == []  # and it is delivered once
    ((reason, at),) = closed
    assert reason is CloseReason.PEER_SILENT and not alone.is_open
    assert 20_000 - 20 <= at - heard_at <= 20_000
    assert acknowledged == alone.counters.repeated == 4


def test_a_frame_said_again_answers_no_ping_and_clears_no_hint() -> None:
    peer = Peer()
    data = encode(peer.keys.seal(Frame(FrameType.DATA, Direction.TO_AGENT, peer.number, 1, body=b"event")))
    peer.agent.receive(data, START)
    peer.heard(START)
    peer.agent.tick(START + 5_000)
    assert [frame.type for frame in peer.heard(START + 5_000)] == [FrameType.PING]
    due = peer.agent.deadline
    peer.agent.receive(data, START + 5_100)
    assert [frame.type for frame in peer.heard(START + 5_100)] == [FrameType.ACK]
    assert peer.agent.deadline == due == START + 10_000


# -- the counter behind 16 bits of acknowledgement -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("next_counter", "last_sent", "data"),
    [
        (1, 0, 1),
        (65_535, 7, 65_535),
        (65_536, 7, 65_537),  # low bits 0: "none yet"
        (65_543, 7, 65_544),  # those of the frame before
        (65_536, 1, 65_538),  # both, one after the other
        (131_072, 65_537, 131_074),
        (2 * 65_536 + 7, 65_536 + 7, 2 * 65_536 + 8),
        (65_542, 7, 65_542),
    ],
)
def test_a_data_frame_takes_no_counter_that_an_old_acknowledgement_fits(
    next_counter: int, last_sent: int, data: int
) -> None:
    keys = SessionKeys(7, bytes(32), bytes([1]) * 32)
    state = SessionState(keys, next_counter=next_counter, last_sent=last_sent)
    counter, wire = state.seal(FrameType.DATA, Direction.TO_AGENT, b"event")
    (frame,) = frames_of(wire)
    assert counter == frame.counter == data
    assert (state.last_sent, state.next_counter) == (data, data + 1)
    assert keys.open(frame) == b"event"
    control = SessionState(keys, next_counter=next_counter, last_sent=last_sent)
    assert control.seal(FrameType.PING, Direction.TO_AGENT, b"")[0] == next_counter  # control frames take any
    assert control.last_sent == last_sent


@pytest.mark.parametrize("round_the_counter", [1, 2, 1_000])
def test_an_old_acknowledgement_is_not_taken_for_that_of_a_frame_that_was_lost(round_the_counter: int) -> None:
    """Days of keepalives lie between two data frames, and the second one is lost: what the terminal says next acknowledges the first."""
    peer = Peer()
    peer.agent.send(b"first", urgent=True)
    (first,) = peer.heard(START)
    peer.says(FrameType.ACK, START + 10, ack=first.counter & 0xFFFF)
    assert peer.agent.backlog == 0
    peer.agent._session.next_counter = first.counter + 65_536 * round_the_counter
    peer.agent.send(b"second", urgent=True)
    lost = peer.agent.outgoing(START + 20)
    peer.says(FrameType.PING, START + 30, ack=first.counter & 0xFFFF)
    peer.heard(START + 30)
    assert peer.agent.backlog == 1
    assert lost in [wire for _, wire in due_times(peer.agent, START + 1_000, START + 30)]
    (second,) = frames_of(lost)
    peer.says(FrameType.ACK, START + 1_100, ack=second.counter & 0xFFFF)
    assert peer.agent.backlog == 0


def test_an_acknowledgement_of_nothing_yet_is_not_taken_for_one() -> None:
    """The first data frame after 65535 control frames: every frame of a terminal that had none says 0."""
    peer = Peer()
    peer.agent._session.next_counter = 65_536
    peer.agent.send(b"first", urgent=True)
    peer.agent.outgoing(START)  # lost
    peer.says(FrameType.PING, START + 10, ack=0)
    assert peer.agent.backlog == 1


def test_data_and_control_counters_are_kept_apart() -> None:
    """A PING overtaken in the counter by nothing: data 1, control 2, data 1 again is a repeat, not stale."""
    peer = Peer()
    data = encode(peer.keys.seal(Frame(FrameType.DATA, Direction.TO_AGENT, peer.number, 1, body=b"event")))
    peer.agent.receive(data, START)
    peer.heard(START)
    peer.counter = 1
    peer.says(FrameType.PING, START + 1)
    (pong,) = peer.heard(START + 1)
    assert pong.type is FrameType.PONG
    peer.agent.receive(data, START + 2)
    (ack,) = peer.heard(START + 2)
    assert (ack.type, ack.ack) == (FrameType.ACK, 1)
    assert peer.agent.counters.stale == 0


def test_keepalive_every_five_seconds_and_dead_after_three_unanswered() -> None:
    peer = Peer()
    spoken = due_times(peer.agent, START + 25_000)
    kinds = [(at, frames_of(wire)[0].type) for at, wire in spoken]
    assert kinds[:3] == [(5_000, FrameType.PING), (10_000, FrameType.PING), (15_000, FrameType.PING)]
    assert kinds[3] == (20_000, FrameType.HELLO)
    (closed,) = [event for event in peer.agent.take() if isinstance(event, LinkClosed)]
    assert closed.reason is CloseReason.PEER_SILENT


def test_an_answer_starts_the_keepalive_anew() -> None:
    peer = Peer()
    now = START
    for _ in range(20):
        now = peer.agent.deadline
        peer.agent.tick(now)
        assert [frame.type for frame in peer.heard(now)] == [FrameType.PING]
        peer.says(FrameType.PONG, now + 40)
        assert peer.agent.deadline == now + 40 + 5_000
    assert peer.agent.is_open


def test_the_terminals_pong_tells_its_uptime_and_the_agents_tells_nothing() -> None:
    """The terminal's clock that never goes back, u64 ms: each PING's answer sets the agent's reckoning right again."""
    pair = links().join()
    pair.run(11_000)
    pongs = [frame for wire in pair.wire[TERMINAL] for frame in frames_of(wire) if frame.type is FrameType.PONG]
    told = pair.of(AGENT, ClockTold)
    assert len(pongs) == len(told) >= 1
    assert all(5_000 < clock.uptime < pair.now for clock in told)  # the ends of `links` have one clock
    assert pair.told[TERMINAL] == []
    peer = Peer()
    peer.says(FrameType.PING, START + 1)
    (pong,) = peer.heard(START + 1)
    assert (pong.type, pong.body) == (FrameType.PONG, b"")
    for body in (b"", b"1234567", b"123456789"):
        peer.says(FrameType.PONG, START + 2, body=body)
        assert peer.agent.take() == []
    peer.says(FrameType.PONG, START + 3, body=(987_654_321).to_bytes(8))
    assert peer.agent.take() == [ClockTold(987_654_321)]
    for beyond in (2**53, 2**63, 2**64 - 1):  # no number of this wire: it could not be told as a deadline
        peer.says(FrameType.PONG, START + 3, body=beyond.to_bytes(8))
        assert peer.agent.take() == []
    peer.says(FrameType.PONG, START + 3, body=(2**53 - 1).to_bytes(8))
    assert peer.agent.take() == [ClockTold(2**53 - 1)]
    sealed = encode(peer.keys.seal(Frame(FrameType.PONG, Direction.TO_AGENT, peer.number, peer.counter, body=bytes(8))))
    peer.agent.receive(sealed, START + 4)
    assert peer.agent.take() == []  # late: an old clock is no clock


def test_an_agent_that_tells_a_clock_tells_the_terminal_nothing() -> None:
    pair = links().join()
    session = pair.agent._session
    _, wire = session.seal(FrameType.PONG, Direction.TO_TERMINAL, (987_654_321).to_bytes(8))
    good = pair.terminal.counters.good
    pair.terminal.receive(wire, pair.now)
    assert pair.terminal.counters.good == good + 1 and pair.terminal.take() == []
    assert pair.terminal.is_open


def test_traffic_needs_no_keepalive() -> None:
    peer = Peer()
    for n in range(1, 20):
        peer.says(FrameType.DATA, START + n * 4_000, body=b"event")
        assert [frame.type for frame in peer.heard(START + n * 4_000)] == [FrameType.ACK]
        assert peer.agent.deadline == START + n * 4_000 + 5_000


def test_a_hello_every_second_and_always_the_same_one() -> None:
    agent = link(AGENT)
    agent.open(START)
    spoken = due_times(agent, START + 10_000, START - 1)
    assert [at for at, _ in spoken] == list(range(0, 10_001, 1_000))
    assert len({wire for _, wire in spoken}) == 1


def test_no_session_at_most_once_a_second() -> None:
    terminal = link(TERMINAL)
    terminal.open(START)
    stranger = encode(Frame(FrameType.DATA, Direction.TO_TERMINAL, 77, 1, body=b"?", tag=b"12345678"))
    answers = []
    for now in range(START, START + 5_000, 50):
        terminal.receive(stranger, now)
        answers += [(now - START, frame) for frame in frames_of(terminal.outgoing(now))]
    assert [at for at, _ in answers] == [0, 1_000, 2_000, 3_000, 4_000]
    for _, frame in answers:
        assert (frame.type, frame.session, frame.tag) == (FrameType.NO_SESSION, 77, bytes(8))


def no_session(number: int) -> bytes:
    return encode(Frame(FrameType.NO_SESSION, Direction.TO_AGENT, number, 0))


def test_no_session_never_ends_a_session() -> None:
    peer = Peer()
    for now in range(START, START + 3_000, 100):
        peer.agent.receive(no_session(peer.number), now)
        assert peer.agent.outgoing(now) == b""
    assert peer.agent.is_open and peer.agent.take() == []
    peer.agent.send(b"ask", urgent=True)
    (asked,) = peer.heard(START + 3_000)
    peer.says(FrameType.ACK, START + 3_010, ack=asked.counter)
    assert peer.agent.is_open and peer.agent.backlog == 0


def test_no_session_hastens_a_hello_where_something_stays_unanswered() -> None:
    peer = Peer()
    peer.agent.send(b"ask", urgent=True)
    first = peer.agent.outgoing(START)
    peer.agent.receive(no_session(peer.number), START + 5)
    spoken = due_times(peer.agent, START + 800)
    kinds = [frame.type for _, wire in spoken for frame in frames_of(wire)]
    assert kinds == [FrameType.DATA, FrameType.HELLO]
    assert abs(spoken[0][0] - t_ack(len(first), 115_200)) <= 2
    assert peer.agent.is_open  # until the new one stands
    peer.says(FrameType.PONG, START + 850)  # and if the old one lives after all, nobody says HELLO again
    assert [f.type for _, w in due_times(peer.agent, START + 4_000, START + 850) for f in frames_of(w)] == [
        FrameType.DATA
    ] * 2


def test_no_session_of_another_session_hastens_nothing() -> None:
    peer = Peer()
    peer.agent.send(b"ask", urgent=True)
    peer.agent.outgoing(START)
    peer.agent.receive(no_session(peer.number % 0xFFFF + 1), START + 5)
    kinds = [f.type for _, w in due_times(peer.agent, START + 3_000) for f in frames_of(w)]
    assert set(kinds) == {FrameType.DATA}


def test_a_restarted_terminal_has_a_session_again_within_two_seconds_of_a_request() -> None:
    pair = links().join()
    fresh = link(TERMINAL, seed=5)
    fresh.open(pair.now)
    pair.ends[TERMINAL] = pair.terminal = fresh
    pair.agent.send(b"ask", urgent=True)
    asked_at = pair.now
    while not pair.of(AGENT, LinkOpened):
        pair.run(50)
        assert pair.now - asked_at < 2_000
    assert [event.reason for event in pair.of(AGENT, LinkClosed)] == [CloseReason.REPLACED]


def test_a_restarted_terminal_is_found_at_an_unanswered_ping() -> None:
    """A PING is something of ours too: its NO_SESSION hastens the HELLO, or an idle agent is deaf for 20 s."""
    pair = links().join()
    fresh = link(TERMINAL, seed=5)
    fresh.open(pair.now)
    pair.ends[TERMINAL] = pair.terminal = fresh
    pair.run(11_000)
    assert pair.of(AGENT, LinkOpened)


def test_line_settings_are_suspected_once_after_sixteen_damaged_frames() -> None:
    agent = link(AGENT)
    agent.open(START)
    for n in range(1, 50):
        agent.receive(b"\0garbage at the wrong rate\0", START + n)
        told = agent.take()
        assert told == ([LineSuspected(16)] if n == 16 else [])
    assert agent.counters.damaged == 49


def test_garbage_without_a_single_delimiter_is_suspected_too() -> None:
    """A modem, or another make's terminal, speaks text: not one 00 in it, and no frame either."""
    agent = link(AGENT)
    agent.open(START)
    for n in range(2_000):
        agent.receive(b"AT+CGMI\r\nOK\r\n" * 20, START + n)
    assert [type(event) for event in agent.take()] == [LineSuspected]


def test_a_good_frame_clears_the_suspicion_and_it_may_rise_again() -> None:
    peer = Peer()
    for n in range(15):
        peer.agent.receive(b"\0garbage\0", START + n)
    peer.says(FrameType.PONG, START + 20)
    for n in range(15):
        peer.agent.receive(b"\0garbage\0", START + 30 + n)
    assert peer.agent.take() == []
    peer.agent.receive(b"\0garbage\0", START + 50)
    assert peer.agent.take() == [LineSuspected(16)]


@pytest.mark.parametrize("end", [AGENT, TERMINAL])
def test_a_counter_near_its_end_makes_a_new_session(end: Role, monkeypatch: pytest.MonkeyPatch) -> None:
    from protocol.dialects.native import link as module

    assert module.LAST_COUNTER + 1_000 < 2**32  # room for what is on its way
    pair = links().join()
    monkeypatch.setattr(module, "LAST_COUNTER", 30)
    told = 0
    for _ in range(60):
        if pair.ends[end].is_open:
            pair.ends[end].send(b"word", urgent=True)
            told += 1
        pair.run(500)
    monkeypatch.undo()
    pair.run(30_000)
    assert [event.reason for event in pair.of(end, LinkClosed)][0] is CloseReason.COUNTER_SPENT
    assert pair.of(end, LinkOpened) and pair.agent.is_open and pair.terminal.is_open
    counters = [frame.counter for written in pair.wire[end] for frame in frames_of(written)]
    assert max(counters) <= 31


def test_nothing_polls() -> None:
    """At rest both ends wake for the keepalive alone: a minute takes a few dozen steps."""
    pair = links().join()
    pair.run(60_000, steps=80)
    assert pair.agent.is_open
    down = link(AGENT)
    assert down.deadline is None
    waiting = link(TERMINAL)
    waiting.open(START)
    assert waiting.deadline is None


@pytest.mark.parametrize("late", [1, 400, 2_000, 6_000, 30_000, 8 * 3_600_000])
def test_after_a_late_tick_nothing_is_overdue(late: int) -> None:
    """A machine that slept: one tick does all that is due, so that its owner can wait for the next deadline."""
    peer = Peer()
    peer.agent.send(b"ask", urgent=True)
    peer.agent.outgoing(START)
    now = peer.agent.deadline + late
    peer.agent.tick(now)
    assert peer.agent.deadline is None or peer.agent.deadline > now


def test_the_owner_of_a_conversation_never_sees_a_deadline_in_the_past() -> None:
    pair = conversations().open()
    now = 0
    for step in (0, 10, 500, 1_700, 6_000, 12_000, 100_000, 3):
        now += step
        for end in pair.ends.values():
            end.tick(now)
            assert end.deadline is None or end.deadline > now
            end.outgoing(now)
