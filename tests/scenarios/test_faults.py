"""What goes wrong at a counter, one test each: one sentence of what happened, one of what to do, the right exit code, no traceback."""

from __future__ import annotations

import errno
import json
import os
import pty
import shutil
import time
import tty
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from agent import link_keys
from agent.errors import PortError
from agent.home import Home
from agent.journal import heads
from agent.journal.keys import PassphraseSources, verifying_key
from agent.journal.reader import open_reader
from agent.opening import agent_at_work, await_session, make_home, open_desk
from agent.port import Port, describe
from agent.settings import Settings
from agent.views import LinkState, NoticeCode
from tests.conftest import LEFT, Agent, Simulator, entries_of, know, refused, run_counterfoil, until


def test_no_home(tmp_path: Path) -> None:
    refused(run_counterfoil("--home", str(tmp_path / "none"), "journal", "head"), 3, "There is no counterfoil home")


def test_no_port(recorded: tuple[Home, Simulator]) -> None:
    home, _terminal = recorded
    result = run_counterfoil("--home", str(home.path), "serve", "--simulated", "--port", "/dev/no-such-port")
    refused(result, 3, "There is no port /dev/no-such-port", "--port")


@pytest.mark.parametrize(
    ("code", "word"),
    [(errno.EACCES, "may not open"), (errno.EBUSY, "Another program"), (errno.EIO, "cannot be opened")],
)
def test_a_port_that_the_system_refuses(code: int, word: str) -> None:
    said: PortError = describe("/dev/ttyUSB0", OSError(code, os.strerror(code)))
    assert word in said.what and said.todo and said.exit_code == 3


def test_a_second_agent_on_the_home(recorded: tuple[Home, Simulator], agent: Callable[..., Agent]) -> None:
    home, _terminal = recorded
    agent(home)
    until(lambda: home.socket.exists())
    refused(run_counterfoil("--home", str(home.path), "serve", "--simulated"), 3, "Another agent", "already owns")


def test_a_second_agent_on_the_port(
    recorded: tuple[Home, Simulator], agent: Callable[..., Agent], home_for: Callable[..., Home]
) -> None:
    home, terminal = recorded
    agent(home)
    until(lambda: home.socket.exists())
    other = home_for(terminal, "other")
    refused(run_counterfoil("--home", str(other.path), "serve", "--simulated"), 3, "already talks on")


def test_a_wrong_passphrase(tmp_path: Path) -> None:
    for name, words in (("right", "相逢何必曾相识"), ("wrong", "open sesame")):
        (tmp_path / name).write_text(words + "\n", encoding="utf-8")
    home = ["--home", str(tmp_path / "home")]
    made = run_counterfoil(
        *home, "init", "--terminal", "SN1", "--port", "/dev/null",
        "--passphrase-file", str(tmp_path / "right"),
    )  # fmt: skip
    assert made.returncode == 0, made
    result = run_counterfoil(*home, "serve", "--passphrase-file", str(tmp_path / "wrong"))
    refused(result, 3, "passphrase does not open")
    refused(run_counterfoil(*home, "serve", "--no-wait"), 3, "locked with a passphrase")


def test_demo_and_serve_keep_to_homes_of_their_nature(recorded: tuple[Home, Simulator], tmp_path: Path) -> None:
    simulated, _terminal = recorded
    refused(run_counterfoil("--home", str(simulated.path), "serve"), 3, "demo and practice")
    real = ["--home", str(tmp_path / "real")]
    made = run_counterfoil(*real, "init", "--terminal", "SN1", "--port", "/dev/ttyUSB0")
    assert made.returncode == 0, made
    refused(run_counterfoil(*real, "demo", "--headless"), 3, "real record")
    refused(run_counterfoil(*real, "serve", "--simulated"), 3, "real record")


def test_a_simulated_terminal_on_a_real_home_is_refused(recorded: tuple[Home, Simulator], tmp_path: Path) -> None:
    _simulated, terminal = recorded
    home = Home(tmp_path / "real")
    settings = Settings(terminal=terminal.terminal, simulated=False, port=str(terminal.link))
    make_home(home, settings, PassphraseSources(), 1)
    know(home, terminal)
    with agent_at_work(home, settings, PassphraseSources()) as desk:
        status = until(lambda: (s := desk.status()).link.state is LinkState.REFUSED and s)
        assert [n.code for n in status.notices] == [NoticeCode.WRONG_NATURE]
        until(lambda: desk.status().head.size == 2)  # journal.opened, and the key that `know` put there


def test_another_terminal_or_another_key(recorded: tuple[Home, Simulator], tmp_path: Path) -> None:
    home, terminal = recorded
    settings = msgspec.structs.replace(home.settings(), terminal="SIM-OTHER")
    other = Home(tmp_path / "other")
    make_home(other, settings, PassphraseSources(), 1)
    know(other, terminal)
    with agent_at_work(other, settings, PassphraseSources()) as desk:
        status = until(lambda: (s := desk.status()).notices and s)
        assert [n.code for n in status.notices] == [NoticeCode.WRONG_TERMINAL]
    stranger = Home(tmp_path / "stranger")
    make_home(stranger, home.settings(), PassphraseSources(), 1)
    link_keys.pin(stranger.terminal_key, terminal.public_key)  # and the terminal pinned another home's key
    with agent_at_work(stranger, home.settings(), PassphraseSources()) as desk:
        status = until(lambda: (s := desk.status()).notices and s)
        assert [n.code for n in status.notices] == [NoticeCode.KEY_REFUSED]
        assert status.link.state is LinkState.CONNECTING
        until(lambda: desk.status().head.size == 2)  # journal.opened, and the refusal: told before it is committed


def test_one_byte_of_a_stored_entry(recorded: tuple[Home, Simulator]) -> None:
    home, _terminal = recorded
    assert run_counterfoil("--home", str(home.path), "journal", "verify", "--json").returncode == 0
    reader = open_reader(home.journal, verifying_key(home.path))
    body = reader.raw_entry(17)
    reader.close()
    raw = home.journal.read_bytes()
    at = raw.index(body) + body.index(b"amount_minor") + 15
    home.journal.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
    result = run_counterfoil("--home", str(home.path), "journal", "verify", "--json")
    assert result.returncode == 1
    assert json.loads(result.stdout)["first_bad"] == 17
    refused(run_counterfoil("--home", str(home.path), "serve", "--simulated"), 1, "Entry 17")


def test_an_older_copy_put_back(recorded: tuple[Home, Simulator], agent: Callable[..., Agent]) -> None:
    """Found against the note in the home by `verify` and at the start; and, that note gone too, by the terminal's."""
    home, terminal = recorded
    before = len(entries_of(home))
    older = home.journal.read_bytes()
    terminal.stop()
    # one more event: the terminal boots again, and says so
    terminal.start()
    with agent_at_work(home, home.settings(), PassphraseSources()) as desk:
        size = until(lambda: (s := desk.status().head.size) > before and s)
        until(lambda: terminal.remembered_size() >= size)  # it gets the head when the line is idle
    home.journal.write_bytes(older)
    result = run_counterfoil("--home", str(home.path), "journal", "verify", "--json")
    assert result.returncode == 1
    assert json.loads(result.stdout)["findings"][0]["place"].startswith("remembered:")
    refused(run_counterfoil("--home", str(home.path), "serve", "--simulated"), 1, "ends at entry", "--accept-loss")

    shutil.rmtree(home.path / "heads")
    home.views.unlink()
    with agent_at_work(home, home.settings(), PassphraseSources()) as desk:
        until(lambda: NoticeCode.HEAD_MISMATCH in {n.code for n in desk.status().notices})
        until(lambda: "head.mismatch" in {e.kind for e in entries_of(home)})  # told before it is committed
        until(lambda: desk.status().head.size > before)
    kinds = [e.kind for e in entries_of(home)]
    assert kinds.count("head.mismatch") == 1


def test_going_on_after_a_loss_is_signed_first(recorded: tuple[Home, Simulator], agent: Callable[..., Agent]) -> None:
    home, terminal = recorded
    note = heads.remembered(home.path)["local"]
    home.journal.unlink()
    signer_home = Home(home.path)
    from agent.journal import keys
    from agent.journal.drafting import to_draft
    from agent.journal.kinds import JournalOpened
    from agent.journal.store import Journal

    signer = keys.unlock(home.path)
    opened = JournalOpened(
        software="counterfoil", version="0", terminal=terminal.terminal, nature="simulated", generation=1
    )
    Journal.create(signer_home.journal, signer, to_draft(opened, signer.token_hmac), 1).close()
    heads.remember(home.path, note)
    result = run_counterfoil("--home", str(home.path), "serve", "--simulated")
    refused(result, 1, "--accept-loss")
    agent(home, "--accept-loss").await_session().stop()
    mismatch = next(e for e in entries_of(home) if e.kind == "head.mismatch")
    assert mismatch.body["verdict"] == "cut" and mismatch.body["remembered"] == note
    worker = agent(home).await_session()  # accepted once; the next start asks no more
    said = worker.stop()
    assert worker.process.returncode in LEFT, said
    assert [e.kind for e in entries_of(home)].count("head.mismatch") <= 2


def test_garbage_on_the_line_is_counted_and_nothing_is_raised(recorded: tuple[Home, Simulator], tmp_path: Path) -> None:
    home, _terminal = recorded
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    settings = msgspec.structs.replace(home.settings(), port=os.ttyname(theirs))
    with agent_at_work(home, settings, PassphraseSources()) as desk:
        for n in range(40):
            os.write(ours, bytes((n * 37 + k * 101) % 256 for k in range(200)) + b"\0")
        status = until(lambda: (s := desk.status()).link.damaged_frames >= 40 and s)
        until(lambda: NoticeCode.LINE_SETTINGS in {n.code for n in desk.status().notices})
        assert status.link.state is LinkState.CONNECTING
        assert status.head.size == 63
    os.close(ours)
    os.close(theirs)


def test_a_full_disk_acknowledges_nothing_and_heals(
    simulator: Callable[..., Simulator], home_for: Callable[..., Home]
) -> None:
    terminal = simulator("--seed", "4", "--transactions", "60", "--speed", "0", "--then", "stay")
    home = home_for(terminal)
    with agent_at_work(home, home.settings(), PassphraseSources()) as desk:
        connection = desk._runner._storage._journal._connection  # type: ignore[union-attr]  # the disk's stand-in: SQLite's own limit
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages + 4}")
        until(lambda: NoticeCode.RECORDING_STOPPED in {n.code for n in desk.status().notices})
        assert desk.status().head.size < 121
        connection.execute("PRAGMA max_page_count=1000000")
        until(lambda: desk.today("2026-03-02").events == 120)
        until(lambda: desk.status().notices == ())
        until(lambda: desk.status().head.size == 123)  # and journal.opened, terminal.paired, the day's settlement
    numbers = [e.body["event"]["number"] for e in entries_of(home) if "event" in e.body]
    assert numbers == list(range(1, 122))


def test_the_pty_pulled_and_put_back_at_any_time(
    simulator: Callable[..., Simulator], home_for: Callable[..., Home]
) -> None:
    terminal = simulator("--seed", "11", "--transactions", "80", "--speed", "0", "--then", "stay")
    home = home_for(terminal)
    with agent_at_work(home, home.settings(), PassphraseSources()) as desk:
        for _pull in range(3):
            time.sleep(0.15)
            terminal.kill()
            until(lambda: desk.status().link.state is LinkState.PORT_LOST)
            terminal.start()
            await_session(desk)
        until(lambda: terminal.closed_days() and desk.today("2026-03-02").transactions == 80)
    numbers = [e.body["event"]["number"] for e in entries_of(home) if "event" in e.body]
    assert numbers == list(range(1, len(numbers) + 1))


def test_screens_wait_for_a_port_that_is_not_there_yet(
    simulator: Callable[..., Simulator], home_for: Callable[..., Home]
) -> None:
    terminal = simulator("--seed", "13", "--transactions", "5", "--speed", "0", "--then", "stay")
    home = home_for(terminal)
    terminal.stop()
    with open_desk(home, work=True, patient=True) as desk:
        until(lambda: desk.status().link.state is LinkState.PORT_LOST)
        terminal.start()
        until(lambda: desk.today("2026-03-02").transactions == 5)


def test_a_line_format_that_the_port_does_not_take_is_said() -> None:
    """A pty takes 7E1 at its first opening, and raises termios.error at the next one (docs/facts.md)."""
    ours, theirs = pty.openpty()
    name = os.ttyname(theirs)
    with pytest.raises(PortError) as refused_at:
        for _opening in range(2):
            Port(name, 9_600, "7E1", lambda _data: None, lambda _reason: None).close()
    assert "settings" in refused_at.value.what and "8N1" in refused_at.value.todo
    Port(name, 9_600, "8N1", lambda _data: None, lambda _reason: None).close()
    os.close(ours)
    os.close(theirs)
