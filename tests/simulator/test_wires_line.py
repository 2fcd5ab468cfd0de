"""The line: its rate to the byte, and every fault that works on bytes, against what it is said to do."""

from __future__ import annotations

from random import Random

import pytest

from simulator.errors import SimulatorError
from simulator.wires.changes import resampled
from simulator.wires.faults import KINDS, FaultName, To, Unit, make_fault, parse_fault
from simulator.wires.line import MOST_ON_THE_WAY, WAYS, Line
from simulator.wires.throttle import Throttle

EVERY = bytes(range(256))


def line(*faults: str, seed: int = 1, rate: int | None = None) -> Line:
    made = Line(seed, rate)
    for fault in faults:
        made.arm(parse_fault(fault), 0)
    return made


def arrivals(of: Line, to: To, until: int = 10**7) -> list[tuple[int, bytes]]:
    """What arrives there and when, waiting for no more than the line says."""
    came = []
    now = 0
    while True:
        for way in WAYS:
            if (data := of.take(way, now)) and way is to:
                came.append((now, data))
        due = of.deadline
        if due is None or due > until:
            return came
        assert due > now, "the line says that something is due, and has nothing"
        now = due


def through(of: Line, data: bytes, to: To = To.AGENT) -> bytes:
    of.put(to, data, 0)
    return b"".join(piece for _, piece in arrivals(of, to))


# -- the rate ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "bits"), [(9600, 10), (115_200, 10), (300, 11), (1200, 10), (4_000_000, 10)])
def test_a_byte_arrives_when_its_last_bit_has(rate: int, bits: int) -> None:
    throttle = Throttle(rate, bits)
    throttle.put(EVERY * 3, 7)
    got = 0
    while (due := throttle.deadline) is not None:
        assert not throttle.take(due - 1), "nothing is early"
        got += len(throttle.take(due))
        # byte n is there once n * bits bit times of 1000 / rate ms are over; and no later than the next ms
        assert got * bits * 1000 <= (due - 7) * rate
        assert got == 768 or (due - 7) * rate < (got + 1) * bits * 1000
    assert got == 768


def test_a_second_of_9600_is_960_bytes_each_way_at_once() -> None:
    both = line(rate=9600)
    for way in WAYS:
        both.put(way, bytes(3000), 0)
    for second in (1, 2, 3):
        assert [len(both.take(way, second * 1000)) for way in WAYS] == [960, 960]
    assert [len(both.take(way, 3125)) for way in WAYS] == [120, 120] and both.deadline is None
    both.put(To.AGENT, b"x", 5000)
    assert both.take(To.AGENT, 5000) == b"" and both.deadline == 5002, (
        "after a pause the line is free: 10 bits are 1.04 ms"
    )


def test_a_line_is_free_when_the_last_byte_has_arrived() -> None:
    throttle = Throttle(1000)  # 10 ms a byte
    for now in (0, 10, 20):
        throttle.put(b"x", now)
        assert throttle.deadline == now + 10 and throttle.take(now + 10) == b"x"
    throttle.put(b"yy", 25)  # the last one was there at 30
    assert throttle.deadline == 40 and throttle.take(50) == b"yy"


def test_what_is_put_in_pieces_takes_as_long_as_in_one() -> None:
    whole, pieces = line(rate=19_200), line(rate=19_200)
    whole.put(To.AGENT, EVERY, 0)
    got_whole, got_pieces = b"", b""
    for now in range(140):
        for byte in EVERY[now * 2 : now * 2 + 2]:  # faster than 1.92 bytes a ms
            pieces.put(To.AGENT, bytes([byte]), now)
        got_whole += whole.take(To.AGENT, now)
        got_pieces += pieces.take(To.AGENT, now)
        assert abs(len(got_whole) - len(got_pieces)) <= 1
    assert got_whole == got_pieces == EVERY


# -- pieces ------------------------------------------------------------------------------------------------------------


def test_without_faults_everything_arrives_at_once_and_unchanged() -> None:
    clean = line()
    for way in WAYS:
        clean.put(way, EVERY, 5)
        assert clean.deadline == 5 and clean.take(way, 5) == EVERY
    assert clean.deadline is None


@pytest.mark.parametrize(
    ("fault", "arrives"),
    [
        ("drop:share=1000000", []),
        ("mute", []),
        ("hold:for=0", []),
        ("duplicate:share=1000000", [(0, b"abcdeabcde")]),
        ("duplicate:share=1000000,gap=5000", [(0, b"abcde"), (5000, b"abcde")]),
        ("split:size=2,gap=3", [(0, b"ab"), (3, b"cd"), (6, b"e")]),
        ("delay:ms=250", [(250, b"abcde")]),
        ("hold", [(120_000, b"abcde")]),
        ("hold:for=40", [(40, b"abcde")]),
        ("flip:share=1000000,byte=99,count=1", None),
        ("lose:share=1000000,byte=99", [(0, b"abde")]),
        ("lose:share=1000000,byte=98,burst=3", [(0, b"ae")]),
        ("lose:share=1000000,count=2,skip=1", [(0, b"ade")]),
        ("drop:share=1000000,to=terminal", [(0, b"abcde")]),
        ("drop:share=1000000,after=1", [(0, b"abcde")]),
        ("drop:share=0", [(0, b"abcde")]),
        ("drop:share=1000000,skip=1", [(0, b"abcde")]),
        ("wrong_parity", [(0, b"\xe1\xe2\x63\xe4\x65")]),  # even parity of 1100001, 1100010, 1100011, 1100100, 1100101
        ("echo", [(0, b"abcde")]),
    ],
)
def test_what_becomes_of_a_piece(fault: str, arrives: list[tuple[int, bytes]] | None) -> None:
    faulty = line(fault)
    faulty.put(To.AGENT, b"abcde", 0)
    came = arrivals(faulty, To.AGENT)
    if arrives is None:
        ((_, data),) = came
        assert len(data) == 5 and (data[2] ^ ord("c")).bit_count() == 1 and data[:2] + data[3:] == b"abde"
    else:
        assert came == arrives


def test_faults_work_in_the_order_in_which_they_are_armed() -> None:
    cut_then_lose = line("split:size=2,gap=1", "drop:share=1000000,count=1")
    lose_then_cut = line("drop:share=1000000,count=1", "split:size=2,gap=1")
    assert through(cut_then_lose, b"abcdef") == b"cdef"
    assert through(lose_then_cut, b"abcdef") == b""


def test_a_count_is_of_both_ways_together_and_a_window_has_an_end() -> None:
    once = line("drop:share=1000000,count=1")
    once.put(To.AGENT, b"a", 0)
    once.put(To.TERMINAL, b"b", 0)
    assert [once.take(way, 0) for way in WAYS] == [b"", b"b"] and once.armed == []
    window = line("mute:after=10,for=5")
    said = b""
    for now in range(20):
        window.put(To.AGENT, bytes([now]), now)
        said += window.take(To.AGENT, now)
    assert said == bytes([*range(10), *range(15, 20)]) and window.armed == []


def test_what_is_held_comes_at_once_and_later_words_do_not_overtake_it() -> None:
    held = line("hold:for=120000")
    for now in range(0, 120_000, 1000):
        held.put(To.AGENT, b"early ", now)
        assert held.take(To.AGENT, now) == b""
    assert held.deadline == 120_000
    held.put(To.AGENT, b"late", 120_000)
    assert held.take(To.AGENT, 120_000) == b"early " * 120 + b"late"


def test_a_delay_keeps_the_order_even_when_it_ends_or_jitters() -> None:
    jitter = line("delay:ms=100,jitter=90,for=1000")
    sent = b""
    for now in range(0, 2000, 3):
        jitter.put(To.AGENT, now.to_bytes(2), now)
        sent += now.to_bytes(2)
    came = arrivals(jitter, To.AGENT)
    assert b"".join(data for _, data in came) == sent
    times = {int.from_bytes(data[i : i + 2]): at for at, data in came for i in range(0, len(data), 2)}
    assert all(times[said] - said >= 100 for said in times if said < 1000)
    assert len({times[said] - said for said in times if said < 900}) > 20


def test_merged_pieces_come_in_one() -> None:
    merged = line("merge:window=50")
    for now in range(0, 120, 10):
        merged.put(To.AGENT, bytes([now]), now)
    assert arrivals(merged, To.AGENT) == [
        (0, b"\0"),
        (50, bytes([10, 20, 30, 40, 50])),
        (100, bytes([60, 70, 80, 90, 100])),
        (150, bytes([110])),
    ]


def test_an_echo_goes_back_and_is_not_echoed_again() -> None:
    mirror = line("echo:to=agent")
    mirror.put(To.AGENT, b"hello", 3)
    assert mirror.take(To.AGENT, 3) == b"hello" and mirror.take(To.TERMINAL, 3) == b"hello"
    mirror.put(To.TERMINAL, b"reply", 4)
    assert mirror.take(To.TERMINAL, 4) == b"reply" and mirror.take(To.AGENT, 4) == b""


# -- bytes -------------------------------------------------------------------------------------------------------------


def test_flips_losses_and_insertions_keep_to_their_share() -> None:
    data = Random(5).randbytes(200_000)
    flipped = through(line("flip:share=10000"), data)
    wrong = [a ^ b for a, b in zip(data, flipped, strict=True) if a != b]
    # 1% of 200,000: 2,000, five standard deviations are 222
    assert 1778 < len(wrong) < 2222 and {bits.bit_count() for bits in wrong} == {1} and len(set(wrong)) == 8
    assert 1778 < len(data) - len(through(line("lose:share=10000"), data)) < 2222
    more = through(line("insert:share=10000"), data)
    rest = iter(more)
    assert 1778 < len(more) - len(data) < 2222 and all(byte in rest for byte in data), "what was sent is still there"


def test_a_burst_hits_bytes_that_follow_each_other() -> None:
    data = bytes(10_000)
    wrong = [n for n, byte in enumerate(through(line("flip:share=1000000,skip=5000,count=1,burst=40"), data)) if byte]
    assert wrong == list(range(5000, 5040))


def test_chances_do_not_hang_on_how_bytes_are_cut() -> None:
    data = Random(6).randbytes(5000)
    for fault in ("flip:share=50000,burst=3", "lose:share=50000", "insert:share=50000"):
        whole, cut = line(fault), line(fault)
        expected = through(whole, data)
        for start in range(0, len(data), 7):
            cut.put(To.AGENT, data[start : start + 7], 0)
        assert cut.take(To.AGENT, 0) == expected != data


def test_the_same_seed_gives_the_same_line_and_another_one_does_not() -> None:
    def run(seed: int) -> list[tuple[int, bytes]]:
        faulty = line(
            "drop", "duplicate:gap=30", "flip:share=20000", "delay:jitter=50", "garbage:for=500", seed=seed, rate=19_200
        )
        for now in range(0, 900, 9):
            faulty.put(To.AGENT, now.to_bytes(2) * 8, now)
        return arrivals(faulty, To.AGENT)

    assert run(3) == run(3) != run(4)


def test_a_fault_that_is_armed_beside_another_leaves_its_chances_alone() -> None:
    alone, beside = line("flip:share=9000,to=agent"), line("flip:share=9000,to=agent", "drop:to=terminal")
    for now in range(50):
        beside.put(To.TERMINAL, b"xxxx", now)
        beside.take(To.TERMINAL, now)
    assert through(alone, EVERY * 20) == through(beside, EVERY * 20)


# -- wrong settings ----------------------------------------------------------------------------------------------------


def test_bytes_heard_at_the_rate_at_which_they_were_sent_are_themselves() -> None:
    for rate in (300, 9600, 115_200):
        assert resampled(EVERY, rate, rate) == EVERY
    assert resampled(EVERY, 9600, 9700) == resampled(EVERY, 9700, 9600) == EVERY, "1% off is no harm to a UART"


def test_a_byte_heard_at_twice_the_rate() -> None:
    # By hand: 0x55 is 0 10101010 1 on the line, each bit twice as long as the receiver's: 00 1100110011001100 11. The receiver
    # takes 0, 01100110 and finds the stop bit low: a framing error, 00; waits for the line to rise, begins at the next fall,
    # and has 0, 01100111 (least first: E6), 1.
    assert resampled(b"\x55", 9600, 19_200) == b"\x00\xe6"
    # 0x00 is low for 9 bits, 18 of the receiver's: one framing error.
    assert resampled(b"\x00", 9600, 19_200) == b"\x00"
    # 0xff is low for one bit, two of the receiver's: 0, 01111111, 1.
    assert resampled(b"\xff", 9600, 19_200) == b"\xfe"
    # At half the rate 0xff's start bit is half a bit, seen low when it begins: 0 then all high.
    assert resampled(b"\xff", 19_200, 9600) == b"\xff"


# -- noise -------------------------------------------------------------------------------------------------------------


def test_garbage_comes_at_the_lines_rate_and_ends() -> None:
    noisy = line("garbage:rate=9600,for=10000,after=500,to=agent")
    came = arrivals(noisy, To.AGENT)
    assert sum(len(data) for _, data in came) == 9600, "ten seconds of 960 bytes"
    assert came[0][0] > 500 and came[-1][0] == 10_500 and noisy.armed == []
    assert len(set(b"".join(data for _, data in came))) == 256
    seconds = [sum(len(data) for at, data in came if 500 + s * 1000 < at <= 1500 + s * 1000) for s in range(10)]
    assert all(abs(count - 960) <= 9 for count in seconds), "in steps of 10 ms"


def test_slow_noise_does_not_poll() -> None:
    slow = line("garbage:rate=300,for=60000,to=terminal")
    came = arrivals(slow, To.TERMINAL)
    assert sum(len(data) for _, data in came) == 1800 == len(came)


def test_garbage_passes_the_faults_behind_it_and_leaves_words_whole() -> None:
    noisy = line("garbage:rate=9600,for=1000,to=agent", "drop:share=1000000,to=agent")
    assert arrivals(noisy, To.AGENT) == []
    words = line("garbage:rate=9600,for=1000,to=agent")
    words.put(To.AGENT, b"a word that is said in one piece", 500)
    assert b"a word that is said in one piece" in b"".join(data for _, data in arrivals(words, To.AGENT))


# -- bounds ------------------------------------------------------------------------------------------------------------


def test_what_is_held_back_is_bounded() -> None:
    held = line("hold")
    for now in range(100):
        held.put(To.AGENT, bytes(100_000), now)
    assert MOST_ON_THE_WAY - 100_000 < len(held.take(To.AGENT, 120_000)) <= MOST_ON_THE_WAY
    for now in range(200_000, 200_030):  # what has arrived is on the way no more
        held.put(To.AGENT, bytes(100_000), now)
        assert len(held.take(To.AGENT, now)) == 100_000
    slow = line(rate=300)
    for now in range(100):
        slow.put(To.AGENT, bytes(100_000), now)
        slow.take(To.AGENT, now)
    assert slow.waits(To.AGENT) and slow._ways[To.AGENT].throttle.waiting <= MOST_ON_THE_WAY  # type: ignore[union-attr]
    slow.cut()
    assert slow.deadline is None and slow.take(To.AGENT, 10**9) == b""


# -- names -------------------------------------------------------------------------------------------------------------


def test_every_name_is_a_kind_and_can_be_written_down_again() -> None:
    assert set(KINDS) == set(FaultName)
    for name in FaultName:
        fault = parse_fault(name)
        assert fault.values == KINDS[name].keys and fault.text == name
        if fault.unit is not Unit.DEVICE:
            line(name).put(To.AGENT, EVERY, 0)
    assert parse_fault("delay:jitter=7,to=agent,ms=20").text == "delay:ms=20,jitter=7,to=agent"
    assert parse_fault(parse_fault("delay:jitter=7,to=agent,ms=20").text) == make_fault(
        "delay", {"ms": 20, "jitter": "7", "to": "agent"}
    )


@pytest.mark.parametrize(
    ("text", "what", "todo"),
    [
        ("explode", "no fault 'explode'", "drop, duplicate, flip"),
        ("drop:size=4", "The fault drop has no 'size'", "after, for, share, count, skip, to"),
        ("move:to=agent", "The fault move has no 'to'", "Choose from: after."),
        ("drop:share", "stands 'share'", "each key once"),
        ("drop:skip=1,skip=2", "stands 'skip=2'", "each key once"),
        ("drop:share=1000001", "cannot be '1000001'", "0..1000000"),
        ("drop:share=half", "cannot be 'half'", "a whole number"),
        ("split:size=0", "cannot be '0'", "1.."),
        ("drop:to=nobody", "'nobody'", "agent, terminal, both"),
        ("delay:ms=-1", "cannot be '-1'", "0.."),
    ],
)
def test_a_fault_that_cannot_be_is_two_sentences(text: str, what: str, todo: str) -> None:
    with pytest.raises(SimulatorError) as caught:
        parse_fault(text)
    assert what in caught.value.what and todo in caught.value.todo
