"""Pairing at the terminal's end: who is asked, what is shown, what is kept (docs/simulator.md, Pairing)."""

from __future__ import annotations

import json
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
from simulator.pairing import Answers, PairingMode, Word, keep_agent, link_keys
from tests.protocol.stranger import Noise, heard, say

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

    def until(self, kind: type, within_s: float = 30) -> Any:
        """The next event of that kind."""
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            for place, event in enumerate(self.happened):
                if isinstance(event, kind):
                    del self.happened[: place + 1]
                    return event
            self._turn()
        pytest.fail(f"no {kind.__name__} within {within_s} s; {self.happened}")

    def until_it_says(self, s: Any, within_s: float = 30) -> str:
        """The next line of that simulator's standard output."""
        end = time.monotonic() + within_s
        while not select.select([s.stdout], [], [], 0)[0]:
            assert time.monotonic() < end, "the simulator says nothing"
            self._turn()
        return str(s.stdout.readline())

    def _turn(self) -> None:
        if out := self.agent.outgoing(self.now):
            self._line.write(out)
        if select.select([self._line.fileno()], [], [], 0.05)[0]:
            self.agent.receive(self._line.read(65536), self.now)
        self.agent.tick(self.now)
        self.happened += self.agent.events()

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
        assert "pairing" in json.loads(r.until_it_says(s.process))
        assert s.says() == {
            "pairing_failed": "cancelled"
        }  # before the number's last part was sent: the agent shows none
        with pytest.raises(pytest.fail.Exception):
            r.until(PairingShown, within_s=0.5)
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
            r.agent.pair(r.now)  # anew, while the number is shown
            assert r.until_it_says(process) == "Not paired: cancelled.  Type pair to allow another.\n"
            process.stdin.write("yes\n")  # too late, and for nothing that comes
            process.stdin.flush()
            with pytest.raises(pytest.fail.Exception):
                r.until(PairingShown, within_s=1.5)
            process.stdin.write("pair\n")
            process.stdin.flush()
            again = r.until(PairingShown).number
            assert again != number and process.stdout.readline().startswith(f"Pairing: {again[:3]} {again[3:]} ")
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


def test_an_agent_that_begins_anew_makes_the_number_void_and_a_person_allows_the_next(bench) -> None:
    b = bench(transactions=0, paired=False, pairing=PairingMode.ASK)
    b.start()
    b.agent.pair(b.now)
    b.exchange()
    assert shown_in(b) == ["PairingShown"]
    b.agent.pair(b.now)
    b.exchange()
    assert shown_in(b) == ["PairingFailed"]
    for yes in (True, False):  # to a number that is no more, and to none
        b.terminal.answer_pairing(yes, b.now)
    b.later(5_000)
    assert shown_in(b) == []
    b.terminal.allow_pairing(b.now)
    b.later(1_000)  # the agent says its word again
    assert shown_in(b) == ["PairingShown"]
    b.terminal.answer_pairing(True, b.now)
    assert shown_in(b) == ["Paired"]
    b.terminal.answer_pairing(True, b.now)
    b.terminal.answer_pairing(False, b.now)
    assert shown_in(b) == [], "the question is over"


class Attacker:
    """Whoever is on the line, with a key of his own, in the agent's name. Time stands."""

    def __init__(self, b) -> None:
        self._b, self._noise = b, None

    def knock(self) -> bool:
        """True if the terminal answers."""
        self._noise = Noise("XX", initiator=True, own=os.urandom(32))
        answer = self._says("PAIR_1", self._noise.write())
        if answer is not None:
            self._noise.read(answer)
        return answer is not None

    def go_on(self, body: bytes | None = None) -> None:
        """To the number. body: of PAIR_3, in the place of the true one."""
        assert self._noise is not None
        self._says("PAIR_3", self._noise.write() if body is None else body)
        self._says("PAIR_5", os.urandom(32))

    def _says(self, kind: str, body: bytes) -> bytes | None:
        self._b.terminal.receive(say(kind, 0, body), self._b.now)
        answer = heard(self._b.terminal.outgoing(self._b.now))
        return answer[0].body if answer else None


@pytest.mark.parametrize("mode", [PairingMode.ASK, PairingMode.OFF])
def test_two_hundred_knocks_show_one_number_at_most(bench, mode: PairingMode) -> None:
    """Each is a chance in a million that it is the one the agent shows: nobody has two before a person allowed it."""
    b = bench(transactions=0, paired=False, pairing=mode)
    b.start()
    attacker, answered = Attacker(b), 0
    for _ in range(200):
        if attacker.knock():
            answered += 1
            attacker.go_on()
    assert shown_in(b) == (["PairingShown", "PairingFailed"] if mode is PairingMode.ASK else [])
    assert answered == (1 if mode is PairingMode.ASK else 0)
    b.terminal.allow_pairing(b.now)
    assert attacker.knock() == (mode is PairingMode.ASK)


@pytest.mark.parametrize("how", ["an attempt too many", "a broken promise"])
def test_a_pairing_that_broke_waits_for_a_persons_word(bench, how: str) -> None:
    b = bench(transactions=0, paired=False, pairing=PairingMode.ASK)
    b.start()
    attacker = Attacker(b)
    if how == "a broken promise":
        assert attacker.knock()
        attacker.go_on(bytes(64))
    else:
        assert [attacker.knock() for _ in range(4)] == [True, True, True, False]
    assert not attacker.knock()
    b.later(300_000)
    assert not attacker.knock(), "time alone allows nothing"
    b.agent.pair(b.now)
    b.exchange()
    assert shown_in(b) == []
    b.terminal.allow_pairing(b.now)
    b.later(1_000)
    assert shown_in(b) == ["PairingShown"]


def test_where_nobody_is_asked_a_broken_pairing_is_followed_by_the_next(bench) -> None:
    b = bench(transactions=0, paired=False, pairing=PairingMode.AUTO)
    b.start()
    attacker = Attacker(b)
    assert [attacker.knock() for _ in range(5)] == [True, True, True, False, True]
    b.agent.pair(b.now)
    b.exchange()
    assert shown_in(b) == ["PairingShown", "Paired"]


def test_the_number_goes_after_two_minutes_and_another_comes_by_a_persons_word_alone(bench) -> None:
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
    assert shown_in(b) == []  # a yes meant for the number that went must find no other
    b.agent.cancel_pairing(b.now)
    b.terminal.allow_pairing(b.now)
    b.agent.pair(b.now)
    b.exchange()
    assert shown_in(b) == ["PairingShown"]


def test_after_a_pairing_a_person_allows_the_next_one(bench) -> None:
    """A second yes, typed by habit, meets no number."""
    b = bench(transactions=0, paired=False, pairing=PairingMode.ASK)
    b.start()
    b.agent.pair(b.now)
    b.exchange()
    b.terminal.answer_pairing(True, b.now)
    b.agent.cancel_pairing(b.now)
    b.agent.pair(b.now)
    b.exchange()
    assert shown_in(b) == ["PairingShown", "Paired"]


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
    ("pieces", "words"),
    [
        ([b"yes\n"], [Word.YES]),
        ([b"n", b"o\r", b"\n"], [Word.NO]),
        ([b" Yes \nno\nPAIR\nyes\n"], [Word.YES, Word.NO, Word.PAIR, Word.YES]),
        ([b"pa", b"ir\n"], [Word.PAIR]),
        ([b"yes"], []),
        ([b"yes please\n", b"\n", b"\xff\xfe\n", b"y\n", b"pairs\n", b"yes\xff\n"], []),
        ([b"x" * 5_000, b"yes\n"], []),
    ],
)
def test_only_three_words_say_anything(pieces: list[bytes], words: list[Word]) -> None:
    typed = Answers()
    assert [word for piece in pieces for word in typed.take(piece)] == words
