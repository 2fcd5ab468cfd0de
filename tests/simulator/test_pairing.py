"""Pairing at the terminal's end: who is asked, what is shown, what is kept (docs/simulator.md, Pairing)."""

from __future__ import annotations

import os
import re
import select
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import serial

from protocol.conversation import Conversation
from protocol.dialect import LinkKeys, Role
from protocol.events import Paired, PairingFailed, PairingFailure, PairingShown, SessionOpened
from protocol.messages import SelfTest, SelfTestReply
from simulator.errors import SimulatorError
from simulator.pairing import Answers, PairingMode, keep_agent, link_keys

QUIET = ("--speed", "0", "--transactions", "5")


class Register:
    """An agent that wants to pair, on a real port."""

    def __init__(self, port: Path, own: bytes) -> None:
        self.happened: list[Any] = []
        self.agent = Conversation("native", Role.AGENT, random=os.urandom, keys=LinkKeys(own))
        self._line = serial.Serial(str(port), 115_200, timeout=0, write_timeout=1)
        self.agent.open(self.now)
        self.agent.pair(self.now)

    @property
    def now(self) -> int:
        return time.monotonic_ns() // 1_000_000

    def until(self, kind: type, within_s: float = 8) -> Any:
        """The next event of that kind."""
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            for place, event in enumerate(self.happened):
                if isinstance(event, kind):
                    del self.happened[: place + 1]
                    return event
            if out := self.agent.outgoing(self.now):
                self._line.write(out)
            if select.select([self._line.fileno()], [], [], 0.05)[0]:
                self.agent.receive(self._line.read(65536), self.now)
            self.agent.tick(self.now)
            self.happened += self.agent.events()
        pytest.fail(f"no {kind.__name__} within {within_s} s; {self.happened}")

    def close(self) -> None:
        self._line.close()


@contextmanager
def register(port: Path, own: bytes = bytes(range(32))) -> Iterator[Register]:
    made = Register(port, own)
    try:
        yield made
    finally:
        made.close()


def kept(s) -> str | None:
    file = s.state / "agent.pub"
    return file.read_text().strip() if file.exists() else None


def test_auto_shows_the_number_confirms_it_and_keeps_the_key(tmp_path: Path, simulate: Callable[..., Any]) -> None:
    s = simulate(tmp_path, *QUIET, paired=False)
    assert set(s.ready) == {"link", "terminal"} and kept(s) is None
    with register(s.port) as r:
        shown = r.until(PairingShown)
        told = s.says()
        assert told["pairing"] == shown.number and re.fullmatch(r"\d{6}", shown.number)
        assert s.says() == {"paired": told["agent"]}
        assert kept(s) == told["agent"] and stat.S_IMODE((s.state / "agent.pub").stat().st_mode) == 0o600
        r.agent.confirm_pairing(r.now)
        r.until(SessionOpened)
        assert shown.peer == s.keys.peer, "the key in STATE/link.key is the one that was shown"


def test_the_pinned_key_is_good_for_the_next_start_without_another_pairing(tmp_path: Path, simulate, take) -> None:
    s = simulate(tmp_path, *QUIET, paired=False)
    with register(s.port) as r:
        r.until(PairingShown)
        r.agent.confirm_pairing(r.now)
        r.until(SessionOpened)
    s.kill()
    again = simulate(tmp_path, *QUIET, "--pairing", "off", "--then", "exit", paired=False)
    assert take(again.port, again.keys, 1, until=lambda t: len(t.events) >= 11).hello is not None


def test_ask_waits_for_a_persons_yes(tmp_path: Path, simulate) -> None:
    s = simulate(tmp_path, *QUIET, "--pairing", "ask", paired=False)
    s.type("yes\n")  # to nothing: it is not kept for what comes
    with register(s.port) as r:
        shown = r.until(PairingShown)
        assert s.says()["pairing"] == shown.number
        r.agent.confirm_pairing(r.now)
        r.until(Paired)
        s.type("perhaps\n")
        with pytest.raises(pytest.fail.Exception):
            r.until(SessionOpened, within_s=1.5)
        assert kept(s) is None, "the agent's own word is not enough"
        s.type("YES\n")
        r.until(SessionOpened)
        assert s.says()["paired"] == kept(s)


def test_a_persons_no_pairs_nothing_and_the_next_one_may_try(tmp_path: Path, simulate) -> None:
    s = simulate(tmp_path, *QUIET, "--pairing", "ask", paired=False)
    with register(s.port) as r:
        r.until(PairingShown)
        s.says()
        s.type("no\n")
        assert s.says() == {"pairing_failed": "cancelled"} and kept(s) is None
    with register(s.port, bytes(reversed(range(32)))) as r:
        shown = r.until(PairingShown)
        assert s.says()["pairing"] == shown.number
        s.type("yes\n")
        r.agent.confirm_pairing(r.now)
        r.until(SessionOpened)


def test_where_nobody_can_answer_the_answer_is_no(tmp_path: Path, simulate) -> None:
    s = simulate(tmp_path, *QUIET, "--pairing", "ask", paired=False)
    s.process.stdin.close()
    with register(s.port) as r:
        r.until(PairingShown)
        assert "pairing" in s.says()
        assert s.says() == {"pairing_failed": "cancelled"}
    assert kept(s) is None and s.process.poll() is None


def test_another_agent_takes_the_first_ones_place(tmp_path: Path, simulate) -> None:
    first, second = bytes(range(32)), bytes(reversed(range(32)))
    s = simulate(tmp_path, *QUIET, paired=False)
    with register(s.port, first) as r:
        r.until(PairingShown)
        r.agent.confirm_pairing(r.now)
        r.until(SessionOpened)
    known = kept(s)
    with register(s.port, second) as r:
        r.until(PairingShown)
        r.agent.confirm_pairing(r.now)
        r.until(SessionOpened)
    assert known is not None and kept(s) not in {None, known}


def test_a_person_reads_words(tmp_path: Path, simulate) -> None:
    """Without --json: the number in two groups, as the brief at the desk shows it."""
    import subprocess
    import sys

    command = [sys.executable, "-m", "simulator", "run", "--link", str(tmp_path / "port"), "--pairing", "ask", *QUIET]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    try:
        assert process.stdout.readline() == f"SIM-CLASSIC-000001 is on {tmp_path / 'port'}.\n"
        with register(tmp_path / "port") as r:
            number = r.until(PairingShown).number
            said = process.stdout.readline()
            assert said.startswith(f"Pairing: {number[:3]} {number[3:]} ") and "yes" in said
            process.stdin.write("yes\n")
            process.stdin.flush()
            assert process.stdout.readline().startswith("Paired with the agent ")
    finally:
        process.kill()
        process.communicate()


def test_its_end_of_standard_input_still_ends_it_where_that_was_asked(tmp_path: Path, simulate) -> None:
    s = simulate(tmp_path, *QUIET, "--pairing", "ask", "--until-stdin-ends", paired=False)
    s.process.stdin.close()
    assert s.process.wait(10) == 0


# -- in memory: time, and whoever begins anew ----------------------------------------------------------------------------


def shown_in(b) -> list[str]:
    return [type(event).__name__ for event in b.terminal.pairing_news()]


def test_a_pairing_that_comes_late_still_finds_it_listening(bench) -> None:
    b = bench(transactions=0, paired=False, pairing=PairingMode.AUTO)
    b.start()
    for _ in range(5):  # a terminal listens for two minutes at a time
        b.later(120_000)
    assert shown_in(b) == [], "what nobody saw begin is no news"
    b.agent.pair(b.now)
    b.exchange()
    assert shown_in(b) == ["PairingShown", "Paired"]
    b.agent.confirm_pairing(b.now)
    b.later(0)
    assert isinstance(b.ask(SelfTest()), SelfTestReply)


def test_off_takes_part_in_none(bench) -> None:
    for paired in (False, True):
        b = bench(transactions=0, paired=paired, pairing=PairingMode.OFF)
        b.start()
        b.agent.pair(b.now)
        for _ in range(15):
            b.later(1_000)
        failed = [event for event in b.happened if isinstance(event, PairingFailed)]
        assert [event.reason for event in failed] == [PairingFailure.NO_ANSWER]
        assert shown_in(b) == [] and b.agent.is_open == paired


def test_an_agent_that_begins_anew_makes_the_number_shown_void(bench) -> None:
    b = bench(transactions=0, paired=False, pairing=PairingMode.ASK)
    b.start()
    b.agent.pair(b.now)
    b.exchange()
    assert shown_in(b) == ["PairingShown"]
    b.agent.pair(b.now)
    b.exchange()
    assert shown_in(b) == ["PairingFailed", "PairingShown"]
    b.terminal.answer_pairing(True, b.now)
    assert shown_in(b) == ["Paired"]
    b.terminal.answer_pairing(True, b.now)
    b.terminal.answer_pairing(False, b.now)
    assert shown_in(b) == [], "the question is over"


def test_the_number_goes_after_two_minutes_and_another_may_come(bench) -> None:
    b = bench(transactions=0, paired=False, pairing=PairingMode.ASK)
    b.start()
    b.agent.pair(b.now)
    b.exchange()
    assert shown_in(b) == ["PairingShown"]
    b.later(120_000)
    assert shown_in(b) == ["PairingFailed"]
    b.terminal.answer_pairing(True, b.now)
    b.agent.pair(b.now)
    b.exchange()
    assert shown_in(b) == ["PairingShown"]


# -- the files, and what is typed ----------------------------------------------------------------------------------------


def test_keys_are_kept_whole(tmp_path: Path) -> None:
    first = link_keys(tmp_path)
    assert len(first.own) == 32 and first.peer is None
    keep_agent(tmp_path, bytes(32))
    keep_agent(tmp_path, bytes([9]) * 32)
    again = link_keys(tmp_path)
    assert (again.own, again.peer) == (first.own, bytes([9]) * 32)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["agent.pub", "link.key"]
    with pytest.raises(SimulatorError, match="cannot be used"):
        keep_agent(tmp_path / "nowhere", bytes(32))


@pytest.mark.parametrize(
    ("pieces", "answers"),
    [
        ([b"yes\n"], [True]),
        ([b"n", b"o\r", b"\n"], [False]),
        ([b" Yes \nno\nyes\n"], [True, False, True]),
        ([b"yes"], []),
        ([b"yes please\n", b"\n", b"\xff\xfe\n", b"y\n"], []),
        ([b"x" * 5_000, b"yes\n"], []),
    ],
)
def test_only_yes_and_no_are_answers(pieces: list[bytes], answers: list[bool]) -> None:
    typed = Answers()
    assert [answer for piece in pieces for answer in typed.take(piece)] == answers
