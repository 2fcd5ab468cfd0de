"""The terminal's key through mishaps: killed before it was recorded, changed by hand, damaged, refused, a pairing left half way."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from agent import link_keys
from agent.desk_socket import SocketDesk
from agent.home import Home
from agent.journal.entries import Entry
from agent.journal.keys import PassphraseSources, verifying_key
from agent.journal.reader import open_reader
from agent.opening import agent_at_work, make_home, open_desk
from agent.pairing_steps import await_answer
from agent.projection import Projection
from agent.settings import Settings
from agent.views import LinkState, NoticeCode, PairingFailed, PairingStage
from protocol.dialects.native.noise import KeyPair
from tests.conftest import Agent, Simulator, entries_of, know, refused, run_counterfoil, until
from tests.scenarios.test_pairing import counterfoil, pair

STRANGER = KeyPair.from_private(bytes([3]) * 32).public
MADE_AT = 1_772_380_800_000
"""When `home_for` makes a home: 2026-03-02 00:00 in Shanghai."""
STAYING = ("--seed", "5", "--transactions", "2", "--speed", "0", "--then", "stay")


def pairings(home: Home) -> list[tuple[str, str, object, object]]:
    """Every entry about the key: its kind, the key, the one before, whether it was found."""
    return [
        (e.kind, e.body["public_key"], e.body.get("replaced"), e.body.get("found"))
        for e in entries_of(home)
        if e.kind in {"terminal.paired", "terminal.unpaired"}
    ]


def look(home: Home, entries: int) -> list[NoticeCode]:
    """Start an agent until it has so many entries; what needs a person then. What it has yet to commit comes at its end."""
    with agent_at_work(home, home.settings(), PassphraseSources(), patient=True) as desk:
        until(lambda: desk.status().head.size == entries)
        return [notice.code for notice in desk.status().notices]


def home_without_port(tmp_path: Path, dialect: str = "native") -> Home:
    home = Home(tmp_path / "H")
    make_home(
        home,
        Settings(terminal="SN1", simulated=True, port="/dev/no-such-port", dialect=dialect),
        PassphraseSources(),
        MADE_AT,
    )
    return home


# -- key and journal ---------------------------------------------------------------------------------------------------

KILLED_BETWEEN = """
import os, sys
from agent import link_keys
pin = link_keys.pin
def pin_and_die(*given):
    pin(*given)
    os._exit(9)
link_keys.pin = pin_and_die
from agent.cli import main
main(sys.argv[1:])
"""


def test_a_key_that_was_pinned_just_before_the_kill_is_recorded_at_the_next_start(tmp_path: Path) -> None:
    arguments = ["--home", str(tmp_path / "H"), "demo", "--headless", "--transactions", "40"]  # a day that stays open
    killed = subprocess.run([sys.executable, "-c", KILLED_BETWEEN, *arguments], capture_output=True, check=False)
    home = Home(tmp_path / "H")
    assert killed.returncode == 9 and home.terminal_key.exists() and pairings(home) == []
    assert run_counterfoil(*arguments).returncode == 0
    assert pairings(home) == [("terminal.paired", home.terminal_key.read_text().strip(), None, True)]


def test_a_key_changed_by_hand_is_recorded_once_and_said(tmp_path: Path) -> None:
    home = home_without_port(tmp_path)
    one, two = STRANGER, KeyPair.from_private(bytes([4]) * 32).public
    link_keys.pin(home.terminal_key, one)
    assert NoticeCode.KEY_FOUND not in look(home, 2), "none was recorded before"
    link_keys.pin(home.terminal_key, two)
    assert NoticeCode.KEY_FOUND in look(home, 3)
    look(home, 3)
    said = run_counterfoil("--home", str(home.path), "terminal", "status").stdout
    assert "another terminal key stood in the home" in said
    home.views.unlink()
    look(home, 3)
    home.terminal_key.unlink()
    look(home, 4)
    look(home, 4)
    assert pairings(home) == [
        ("terminal.paired", one.hex(), None, True),
        ("terminal.paired", two.hex(), one.hex(), True),
        ("terminal.unpaired", two.hex(), None, True),
    ]


def test_the_last_word_on_the_key_is_found_wherever_the_views_stand(
    simulator: Callable[..., Simulator], home_for: Callable[..., Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = simulator(*STAYING)
    home = home_for(terminal)
    with agent_at_work(home, home.settings(), PassphraseSources()) as desk:
        until(lambda: desk.today("2026-03-02").events == 4)
    journal = open_reader(home.journal, verifying_key(home.path))
    asked: list[int] = []
    last_of = journal.last_of

    def looked(kinds: Iterable[str], start: int) -> Entry | None:
        asked.append(start)
        return last_of(kinds, start)

    monkeypatch.setattr(journal, "last_of", looked)
    for path in (home.views, home.path / "no-views.db"):
        views = Projection(path, "Asia/Shanghai")
        found = views.last_pairing(journal)
        views.close()
        assert found is not None and (found.seq, found.body["public_key"]) == (1, terminal.public_key.hex())
    assert asked == [journal.size, 0], "a whole search only without views"
    journal.close()


# -- a file that holds no key ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", ["", "zz" * 32, "ab" * 31, "00" * 32, "01" + "00" * 31], ids=["empty", "text", "short", "zero", "one"]
)
def test_a_damaged_key_is_said_and_cured_by_unpair(tmp_path: Path, content: str) -> None:
    """Zero and one are points of low order (RFC 7748 §6.1; the list at cr.yp.to/ecdh.html), nobody's key."""
    home = home_without_port(tmp_path)
    link_keys.pin(home.terminal_key, STRANGER)
    look(home, 2)
    home.terminal_key.write_text(content + "\n")
    at = ("--home", str(home.path), "terminal")
    refused(run_counterfoil("--home", str(home.path), "serve", "--simulated"), 3, "cannot be read", "terminal unpair")
    status = run_counterfoil(*at, "status")
    assert status.returncode == 0 and "cannot be read" in status.stdout and "terminal unpair" in status.stdout
    cured = json.loads(run_counterfoil(*at, "unpair", "--json").stdout)
    assert cured == {"simulated": True, "paired": False, "was": None, "damaged": True}
    assert not home.terminal_key.exists()
    assert pairings(home)[1:] == [("terminal.unpaired", STRANGER.hex(), None, True)]
    again = run_counterfoil(*at, "unpair")
    assert again.returncode == 0 and "was not paired" in again.stdout and "DEMO" in again.stderr


def test_where_nothing_pairs_nothing_is_paired(tmp_path: Path) -> None:
    home = home_without_port(tmp_path, dialect="telium")
    at = ("--home", str(home.path), "terminal", "status")
    assert "Paired: -" in run_counterfoil(*at).stdout.splitlines()
    assert json.loads(run_counterfoil(*at, "--json").stdout)["paired"] is None


def test_an_unpaired_home_of_practice_lives_when_it_was_made(tmp_path: Path) -> None:
    home = home_without_port(tmp_path)
    with open_desk(home) as desk:
        assert desk.status().now == MADE_AT and desk.today().date == "2026-03-02"
    with agent_at_work(home, home.settings(), PassphraseSources(), patient=True) as desk:
        status = until(lambda: (s := desk.status()).notices and s)
        assert (status.now, status.link.since, status.notices[0].at) == (MADE_AT, MADE_AT, MADE_AT)
        assert desk.today().date == "2026-03-02"


# -- a terminal that refuses -------------------------------------------------------------------------------------------


def test_a_refusal_is_said_as_one_and_soon(
    simulator: Callable[..., Simulator], home_for: Callable[..., Home], agent: Callable[..., Agent]
) -> None:
    terminal = simulator(*STAYING)
    home = home_for(terminal)
    link_keys.pin(home.link_key, bytes([7]) * 32)  # not the key that the terminal pinned
    off = run_counterfoil("--home", str(home.path), "terminal", "status")
    assert "No agent looks at the line now" in off.stdout and "counterfoil serve" in off.stdout
    agent(home)
    until(home.socket.exists)
    on = run_counterfoil("--home", str(home.path), "terminal", "status")
    assert "No agent looks" not in on.stdout
    until(lambda: NoticeCode.KEY_REFUSED in {n.code for n in SocketDesk(home.socket).status().notices})
    began = time.monotonic()
    for command in ("info", "echo"):
        refused(
            run_counterfoil("--home", str(home.path), "terminal", command),
            3,
            "does not know this home",
            "terminal pair",
        )
    assert time.monotonic() - began < 18, "two waits of 10 s before"


def test_the_terminal_of_another_id_is_named(
    simulator: Callable[..., Simulator], home_for: Callable[..., Home], tmp_path: Path
) -> None:
    terminal = simulator(*STAYING)
    home = Home(tmp_path / "wrong")
    make_home(home, Settings(terminal="SN-WRONG", simulated=True, port=str(terminal.link)), PassphraseSources(), 1)
    know(home, terminal)
    at = ("--home", str(home.path), "terminal")
    refused(run_counterfoil(*at, "info"), 3, terminal.terminal, "SN-WRONG")
    done = pair(home, terminal)
    assert done.returncode == 0 and not json.loads(done.stdout)["answers"]
    assert f"{terminal.terminal} instead of SN-WRONG" in done.stderr


# -- a pairing left half way -------------------------------------------------------------------------------------------


@contextmanager
def asked(home: Home, terminal: Simulator) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`terminal pair` at its question, and the keyboard."""
    ours, theirs = pty.openpty()
    heeding = {
        "preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)
    }  # also under nohup or `&`
    command = counterfoil(home, "terminal", "pair", stdin=theirs, **heeding)
    try:
        assert command.stderr is not None
        said = ""
        while "[y/N]" not in said:
            piece = command.stderr.read(1)
            assert piece, said
            said += piece
        assert "DEMO" in said
        yield command, ours
    finally:
        command.kill()
        command.communicate()
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize("how", ["Ctrl+C", "Ctrl+D"])
def test_left_at_the_number_the_pairing_is_given_up_in_the_agent_too(
    simulator: Callable[..., Simulator], home_for: Callable[..., Home], agent: Callable[..., Agent], how: str
) -> None:
    terminal = simulator(*STAYING, paired=False)
    home = home_for(terminal, paired=False)
    agent(home)
    until(home.socket.exists)
    desk = SocketDesk(home.socket)
    with asked(home, terminal) as (command, keyboard):
        view = desk.status().link.pairing
        assert view is not None and view.stage is PairingStage.COMPARE
        if how == "Ctrl+D":
            os.write(keyboard, b"\x04")
        for _press in range(10):  # one that comes just before the read blocks is seen only with the next
            if how == "Ctrl+C":
                command.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                command.wait(timeout=2)
                break
        assert command.returncode == 130
        view = desk.status().link.pairing
        assert view is not None and (view.stage, view.reason) == (PairingStage.FAILED, PairingFailed.CANCELLED)


def test_a_descriptor_that_is_none_is_refused_before_anything_begins(
    simulator: Callable[..., Simulator], home_for: Callable[..., Home], agent: Callable[..., Agent], tmp_path: Path
) -> None:
    terminal = simulator(*STAYING, paired=False)
    home = home_for(terminal, paired=False)
    agent(home)
    until(home.socket.exists)
    with (tmp_path / "out").open("w") as written:
        for number, options in ((97, {}), (written.fileno(), {"pass_fds": [written.fileno()]})):
            command = counterfoil(home, "terminal", "pair", "--number-fd", str(number), **options)
            _out, said = command.communicate(timeout=30)
            assert command.returncode == 2 and "not open for reading" in said and "Traceback" not in said
    assert SocketDesk(home.socket).status().link.pairing is None


def test_the_cable_pulled_while_the_number_is_compared(
    simulator: Callable[..., Simulator], home_for: Callable[..., Home]
) -> None:
    terminal = simulator(*STAYING, paired=False)
    home = home_for(terminal, paired=False)
    with asked(home, terminal) as (command, keyboard):
        terminal.kill()
        desk = SocketDesk(home.socket)
        until(lambda: desk.status().link.state is LinkState.PORT_LOST)
        os.write(keyboard, b"y\n")
        _out, said = command.communicate(timeout=20)
    assert command.returncode == 3
    assert "The line to the terminal was lost." in said and "begin the pairing again" in said


def test_after_a_pairing_it_is_said_whether_the_terminal_answers(
    simulator: Callable[..., Simulator], home_for: Callable[..., Home]
) -> None:
    terminal = simulator(*STAYING, paired=False)
    home = home_for(terminal, paired=False)
    with asked(home, terminal) as (command, keyboard):
        os.write(keyboard, b"y\n")
        out, said = command.communicate(timeout=20)
    assert command.returncode == 0 and "The terminal answers." in out
    assert "on the terminal too" in said
    for question in ("info", "echo", "self-test", "sync"):
        done = run_counterfoil("--home", str(home.path), "terminal", question)
        assert done.returncode == 0 and "DEMO" in done.stderr, done
        document = json.loads(run_counterfoil("--home", str(home.path), "terminal", question, "--json").stdout)
        assert document["simulated"] is True


def test_a_terminal_whose_own_question_is_open_is_waited_for_and_named(
    simulator: Callable[..., Simulator], home_for: Callable[..., Home]
) -> None:
    """It says that it does not know this home: here, because another home is the one that it paired."""
    terminal = simulator(*STAYING)
    home = home_for(terminal)
    link_keys.pin(home.link_key, bytes([7]) * 32)
    with agent_at_work(home, home.settings(), PassphraseSources()) as desk:
        began = time.monotonic()
        trouble = await_answer(desk)
        assert 4 < time.monotonic() - began < 10
    assert trouble is not None and "does not know this home" in trouble.what and "on the terminal too" in trouble.todo
