"""One contract for every dialect on every transport: what is asked is answered once and truly, or the asker is told that it failed.

A new dialect joins by its row in DIALECTS and its currency in `exchanges`.
"""

from __future__ import annotations

import os
import pty
import select
import socket
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest

from protocol import messages as m
from protocol.conversation import Conversation
from protocol.dialect import DIALECTS, Role, dialect
from protocol.events import Received, Replied, RequestFailed, SessionOpened
from protocol.money import Money
from tests.dialects.exchanges import CURRENCY, reply, requests
from tests.protocol.pair import HELLO, Fault, Pair, clean, paired

AGENT, TERMINAL = Role.AGENT, Role.TERMINAL
CHATTER = b"\xff\xfeAT+CGMI\r\n~\x80 +++ "
"""What a modem manager, or a terminal that boots, says on a line; no byte of it is a control character of any dialect."""


def end(name: str, role: Role, seed: int = 1) -> Conversation:
    return Conversation(
        name,
        role,
        random=Random(f"{role}/{seed}").randbytes,
        line_rate=dialect(name).line_rate,
        keys=paired(role),
        hello=(lambda: HELLO) if role is TERMINAL else None,
    )


class Counter(Pair):
    """A pair whose terminal answers what it is asked, at once, as `exchanges.reply` says; `asked` keeps what it understood."""

    def __init__(self, name: str, **line: Any) -> None:
        super().__init__(end(name, AGENT), end(name, TERMINAL), **line)
        self.asked: list[m.Message] = []

    def _collect(self, role: Role) -> None:
        super()._collect(role)
        if role is TERMINAL:
            told, self.told[role] = self.told[role], []
            for event in told:
                if isinstance(event, Received):
                    self.asked.append(event.message)
                    if not isinstance(event.message, m.EventAck | m.Confirm):
                        self.terminal.send(reply(event.message), self.now)  # type: ignore[arg-type]

    def await_session(self) -> None:
        self.open()
        for _ in range(60):
            self.run(1_000)
            if self.agent.is_open:
                return
        raise AssertionError("no session within a minute")

    def ask(self, message: m.Request) -> Replied | RequestFailed:
        number = self.agent.request(message, self.now)
        for _ in range(600):
            self.run(500)
            for event in self.told[AGENT]:
                if isinstance(event, Replied | RequestFailed) and event.request_id == number:
                    self.told[AGENT].remove(event)
                    return event
        raise AssertionError(f"{message} has no end")


def split(data: bytes, _: Random) -> Iterator[bytes]:
    return (data[i : i + 1] for i in range(len(data)))


def chatter_before(data: bytes, _: Random) -> list[bytes]:
    return [CHATTER + data]


def chatter_between(data: bytes, _: Random) -> list[bytes]:
    return [CHATTER, data, CHATTER]


def pieces(data: bytes, random: Random) -> list[bytes]:
    at = random.randrange(len(data))
    return [piece for piece in (data[:at], data[at:]) if piece]


def lossy(share: float) -> Fault:
    return lambda data, random: [] if random.random() < share else [data]


SOUND_LINES: dict[str, dict[str, Any]] = {
    "plain": {"fault": clean},
    "one byte at a time": {"fault": split},
    "in two pieces": {"fault": pieces, "delay": 40},
    "merged": {"fault": clean, "delay": 1, "merge_ms": 250},
    "chatter before": {"fault": chatter_before},
    "chatter between": {"fault": chatter_between},
    "delayed": {"fault": clean, "delay": 120},
}


@pytest.fixture(params=sorted(DIALECTS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def money(message: m.Message) -> Money | None:
    return getattr(message, "amount", None)


def hold(name: str, asked: m.Request, answered: m.Reply) -> None:
    """The answer belongs to the question."""
    assert isinstance(answered, dialect(name).replies[type(asked)]), answered
    if hasattr(asked, "reference") and hasattr(answered, "reference"):
        assert answered.reference == asked.reference
    if isinstance(asked, m.Sale | m.Refund | m.Void):
        assert isinstance(answered, m.Result)
        assert answered.state is m.RequestState.APPROVED
        assert answered.amount in {asked.amount, None}


def spoken(name: str, now: int = 0) -> list[m.Request]:
    """Every request that the dialect has words for."""
    given = requests(name, now)
    missing = [kind for kind in dialect(name).replies if kind not in given]
    assert missing == [], "exchanges.requests has no example of these"
    return [given[kind] for kind in dialect(name).replies]


def test_what_a_dialect_says_of_itself_is_whole(name: str) -> None:
    found = dialect(name)
    assert found.name == name
    assert set(found.replies) <= found.speaks
    assert {answer for answers in found.replies.values() for answer in answers} <= found.speaks
    assert name in CURRENCY


@pytest.mark.parametrize("line", SOUND_LINES)
def test_every_request_is_answered_on_a_line_that_loses_nothing(name: str, line: str) -> None:
    pair = Counter(name, **SOUND_LINES[line])
    pair.await_session()
    for asked in spoken(name, pair.now):
        answered = pair.ask(asked)
        assert isinstance(answered, Replied), (asked, answered)
        hold(name, asked, answered.message)
        understood = pair.asked[-1]
        assert type(understood) is type(asked)
        assert money(understood) in {money(asked), None}
    assert len(pair.asked) == len(spoken(name))
    assert [event for event in pair.told[AGENT] if not isinstance(event, SessionOpened)] == []


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("share", [0.05, 0.3])
def test_on_a_line_that_loses_writes_a_request_ends_and_an_answer_is_true(name: str, share: float, seed: int) -> None:
    pair = Counter(name, fault=lossy(share), delay=20, seed=seed)
    pair.await_session()
    for asked in spoken(name, pair.now):
        if not pair.agent.is_open:
            pair.run(30_000)
        ended = pair.ask(asked)
        if isinstance(ended, Replied):
            hold(name, asked, ended.message)
    pair.fault = clean
    pair.run(120_000)
    for asked in spoken(name, pair.now):
        ended = pair.ask(asked)
        assert isinstance(ended, Replied), (asked, ended)
        hold(name, asked, ended.message)


def test_a_dead_line_is_noticed_and_a_healed_one_found_again(name: str) -> None:
    pair = Counter(name)
    pair.await_session()
    pair.fault = lossy(1)
    pair.run(60_000)
    assert not pair.agent.is_open
    pair.fault = clean
    pair.run(60_000)
    assert pair.agent.is_open
    for asked in spoken(name, pair.now):
        assert isinstance(pair.ask(asked), Replied)


def test_what_the_dialect_cannot_say_is_refused_before_a_byte_leaves(name: str) -> None:
    pair = Counter(name)
    pair.await_session()
    pair.forget()
    for kind, asked in requests(name).items():
        if not pair.agent.speaks(kind):
            with pytest.raises(Exception, match="has no words for"):
                pair.agent.request(asked, pair.now)
    assert pair.agent.outgoing(pair.now) == b""


def test_a_second_question_waits_where_the_wire_has_no_numbers(name: str) -> None:
    pair = Counter(name)
    pair.await_session()
    asked = spoken(name, pair.now)
    first, second = (pair.agent.request(message, pair.now) for message in (asked[0], asked[-1]))
    pair.run(20_000)
    ended = {event.request_id: event for event in pair.told[AGENT] if isinstance(event, Replied | RequestFailed)}
    assert isinstance(ended[first], Replied)
    assert isinstance(ended[second], RequestFailed if dialect(name).one_at_a_time else Replied)


# -- real transports ---------------------------------------------------------------------------------------------------


@contextmanager
def pty_ends() -> Iterator[tuple[int, int]]:
    ends = pty.openpty()
    for fd in ends:
        tty.setraw(fd)
    try:
        yield ends
    finally:
        for fd in ends:
            os.close(fd)


@contextmanager
def socket_ends() -> Iterator[tuple[int, int]]:
    one, other = socket.socketpair()
    with one, other:
        yield one.fileno(), other.fileno()


@pytest.mark.parametrize("transport", [pty_ends, socket_ends], ids=["pty", "socket"])
def test_every_request_is_answered_over_a_real_line(name: str, transport: Callable[[], Any]) -> None:
    ends = {AGENT: end(name, AGENT), TERMINAL: end(name, TERMINAL)}
    with transport() as (a, b):
        lines = {AGENT: a, TERMINAL: b}
        for role in (TERMINAL, AGENT):
            ends[role].open(_now())
        waiting: list[m.Request] | None = None
        number, ended = 0, 0
        until = time.monotonic() + 20
        while waiting is None or waiting or ended < len(spoken(name)):
            assert time.monotonic() < until, (name, waiting, ended)
            for role, fd in lines.items():
                if (due := ends[role].deadline) is not None and due <= _now():
                    ends[role].tick(_now())
                if wire := ends[role].outgoing(_now()):
                    os.write(fd, wire)
                for event in ends[role].events():
                    if role is TERMINAL and isinstance(event, Received):
                        ends[role].send(reply(event.message), _now())  # type: ignore[arg-type]
                    elif isinstance(event, SessionOpened) and role is AGENT:
                        waiting = spoken(name, _now())
                    elif isinstance(event, Replied):
                        assert event.request_id == number
                        ended += 1
                    assert not isinstance(event, RequestFailed), event
            if waiting and ended == len(spoken(name)) - len(waiting):
                number = ends[AGENT].request(waiting.pop(0), _now())
                continue
            readable, _, _ = select.select(list(lines.values()), [], [], 0.01)
            for role, fd in lines.items():
                if fd in readable:
                    ends[role].receive(os.read(fd, 4096), _now())


def _now() -> int:
    return time.monotonic_ns() // 1_000_000
