"""A power cut, and nobody there to type the passphrase: the agent starts, keeps what it is told, and says what it waits for."""

from __future__ import annotations

import json
import os
import pty
import select
import stat
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from agent.desk_socket import SocketDesk
from agent.errors import HomeError, LinkError
from agent.home import Home
from agent.journal.keys import PassphraseSources
from agent.journal.verify import verify_path
from agent.opening import make_home
from agent.settings import Settings
from agent.views import Credential, LinkState, Money, MoneyAction, MoneyOrder, MoneyState, NoticeCode
from tests.conftest import Agent, Simulator, entries_of, know, refused, run_counterfoil, until

PASSPHRASE = "床前明月光 open sesame"
TRADE = ("--seed", "21", "--transactions", "20", "--speed", "0", "--then", "stay")


@pytest.fixture
def passphrase(tmp_path: Path) -> Path:
    path = tmp_path / "passphrase"
    path.write_text(PASSPHRASE + "\n", encoding="utf-8")
    return path


@pytest.fixture
def terminal(simulator: Callable[..., Simulator]) -> Simulator:
    return simulator(*TRADE)


@pytest.fixture
def home(terminal: Simulator, passphrase: Path, tmp_path: Path) -> Home:
    """Of that terminal, its key locked with the passphrase."""
    home = Home(tmp_path / "home")
    settings = Settings(terminal=terminal.terminal, simulated=True, port=str(terminal.link))
    make_home(home, settings, PassphraseSources(file=passphrase), 1_772_380_800_000)
    know(home, terminal)
    return home


def unsigned(home: Home) -> list[list[dict[str, Any]]]:
    """The lines of every file of what could not be signed, oldest first."""
    files = sorted((home.path / "unsigned").glob("*.jsonl")) if (home.path / "unsigned").is_dir() else []
    return [[json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] for file in files]


def events_in(lines: list[dict[str, Any]]) -> list[int]:
    return [line["body"]["event"]["number"] for line in lines if "event" in line["body"]]


def acknowledged(terminal: Simulator) -> list[int]:
    """Every EVENT_ACK that the terminal took, by its own log (simulator/log.py: `{"ack":64}`)."""
    return [json.loads(line)["ack"] for line in _log(terminal) if line.startswith('{"ack"')]


def _log(terminal: Simulator) -> list[str]:
    return (terminal.state / "log.jsonl").read_text(encoding="utf-8").splitlines()


def waits(home: Home) -> bool:
    """An agent serves the socket, and waits for the key."""
    try:
        return NoticeCode.LOCKED in {notice.code for notice in SocketDesk(home.socket).status().notices}
    except HomeError:
        return False


def unlock(home: Home, passphrase: Path | None, **environment: str) -> Any:
    given = () if passphrase is None else ("--passphrase-file", str(passphrase))
    return run_counterfoil("--home", str(home.path), "unlock", *given, **environment)


def events_signed(home: Home) -> list[int]:
    return [entry.body["event"]["number"] for entry in entries_of(home) if "event" in entry.body]


def test_a_day_of_trade_before_anybody_types_the_passphrase(
    terminal: Simulator, home: Home, agent: Callable[..., Agent], passphrase: Path, tmp_path: Path
) -> None:
    worker = agent(home)
    until(lambda: waits(home))
    (day,) = until(terminal.closed_days)
    last = day["events"] + 1  # the settlement is told after the day's transactions and fees
    until(lambda: unsigned(home) and last in events_in(unsigned(home)[0]))
    desk = SocketDesk(home.socket)

    # Nothing is signed, nothing acknowledged; all that the terminal told stands in one file, once, chained line to line.
    assert [entry.kind for entry in entries_of(home)] == ["journal.opened"]
    assert acknowledged(terminal) == []
    (file,) = (home.path / "unsigned").iterdir()
    raw = file.read_bytes()
    (lines,) = unsigned(home)
    assert events_in(lines) == list(range(1, last + 1))
    assert [line["n"] for line in lines] == list(range(len(lines)))
    before = [""] + [sha256(line).hexdigest() for line in raw.splitlines()]
    assert [line["previous"] for line in lines] == before[:-1]
    assert lines[0]["body"]["head"] == desk.status().head.note
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700

    # What it waits for is said; what would need a signed entry is refused, and never comes to the terminal.
    said = run_counterfoil("--home", str(home.path), "terminal", "status")
    assert "Waiting for the passphrase" in said.stdout and "counterfoil unlock" in said.stdout
    chinese = run_counterfoil("--home", str(home.path), "terminal", "status", "--json")
    assert "locked" in [notice["code"] for notice in json.loads(chinese.stdout)["notices"]]
    order = MoneyOrder("ab" * 16, MoneyAction.SALE, Money(1200, 156))
    for asked in (
        lambda: desk.money(order, 5_000),
        lambda: desk.settle(),
        lambda: desk.apply_for_deposit("cd" * 16, Money(1000, 156), "please"),
        lambda: desk.resolve("ab" * 16, MoneyState.VOIDED, Credential("zhang", ""), "it never came"),
        lambda: desk.sync(),
    ):
        with pytest.raises(LinkError, match="Waiting for the passphrase"):
            asked()
    assert "ab" * 16 not in terminal.ledger.read_text(encoding="utf-8")
    assert desk.intents() == ()
    assert desk.status().link.state is LinkState.UP  # not for want of a terminal

    # A wrong passphrase changes nothing.
    wrong = tmp_path / "wrong"
    wrong.write_text("open barley\n")
    refused(unlock(home, wrong), 3, "does not open the signing key", "goes on waiting")
    assert waits(home) and file.read_bytes() == raw and len(entries_of(home)) == 1

    # The right one: first the gap is signed, then the terminal tells all of it again.
    opened = unlock(home, passphrase)
    assert opened.returncode == 0, opened
    until(lambda: acknowledged(terminal)[-1:] == [last])
    until(lambda: not waits(home))
    entries = entries_of(home)
    assert [entry.kind for entry in entries[:2]] == ["journal.opened", "recording.unsigned"]
    gap = entries[1].body
    assert gap["sha256"] == sha256(raw).hexdigest() and gap["file"] == file.name
    assert (gap["because"], gap["events"]) == ("locked", last) and gap["since"] <= gap["until"]
    assert events_signed(home) == list(range(1, last + 1))
    assert [entry.kind for entry in entries].count("recording.unsigned") == 1
    assert file.read_bytes() == raw and stat.S_IMODE(file.stat().st_mode) == 0o400
    again = unlock(home, passphrase)
    assert again.returncode == 0 and "signs already" in again.stdout
    with pytest.raises(HomeError, match="signs already"):
        desk.unlock(PASSPHRASE.encode())
    today = desk.today(day["date"])
    assert (today.transactions, today.net_minor) == (day["transactions"], day["net_minor"])

    heard = worker.stop()
    assert heard.count("Waiting for the passphrase") == 1 and "signed again" in heard
    assert "everything is recorded" not in heard.split("signed again")[0]
    report = verify_path(home.journal, own=True)
    assert report.ok, report.findings
    holds = [path for path in home.path.rglob("*") if path.is_file() and PASSPHRASE.encode() in path.read_bytes()]
    assert not holds and PASSPHRASE not in heard
    # Each sealed event and its unsigned copy are one: the hash of the message as it came.
    told = {
        line["body"]["event"]["number"]: line["body"]["event"]["sha256"] for line in lines if "event" in line["body"]
    }
    signed = {e.body["event"]["number"]: e.body["event"]["sha256"] for e in entries_of(home) if "event" in e.body}
    assert told == signed


def test_nothing_private_stands_in_the_unsigned_file(
    terminal: Simulator, home: Home, agent: Callable[..., Agent], passphrase: Path
) -> None:
    agent(home)
    until(lambda: terminal.closed_days() and waits(home) and unsigned(home))
    until(lambda: len(events_in(unsigned(home)[0])) == terminal.closed_days()[0]["events"] + 1)
    (lines,) = unsigned(home)
    assert unlock(home, passphrase).returncode == 0
    until(lambda: len(events_signed(home)) == len(events_in(lines)))
    signed = entries_of(home)
    names = {value for entry in signed for value in entry.private.values()}
    tokens = {entry.body["card_token_hmac"] for entry in signed if "card_token_hmac" in entry.body}
    assert names and tokens  # there was something to leave out
    text = json.dumps(lines, ensure_ascii=False)
    assert not any(name in text for name in names)
    assert not any("card_token" in field for line in lines for field in line["body"])


def test_kill_9_while_waiting_and_a_start_with_the_key(
    terminal: Simulator, home: Home, agent: Callable[..., Agent], passphrase: Path
) -> None:
    worker = agent(home)
    (day,) = until(terminal.closed_days)
    last = day["events"] + 1
    until(lambda: unsigned(home) and last in events_in(unsigned(home)[0]))
    worker.kill()
    (first,) = (home.path / "unsigned").iterdir()
    kept = first.read_bytes()

    # Locked again: it is told the same events again, and what is kept already is not written twice.
    worker.start().await_session()
    until(lambda: waits(home))
    until(lambda: SocketDesk(home.socket).status().link.good_frames > last)
    worker.kill()
    files = sorted((home.path / "unsigned").iterdir())
    assert sum(len(events_in(lines)) for lines in unsigned(home)) == last and first.read_bytes() == kept
    assert acknowledged(terminal) == []

    hashes = {path.name: sha256(path.read_bytes()).hexdigest() for path in files}
    starter = agent(home, "--passphrase-file", str(passphrase))
    until(lambda: acknowledged(terminal)[-1:] == [last])
    starter.kill()
    agent(home, "--passphrase-file", str(passphrase)).await_session().stop()  # and never twice

    gaps = [entry for entry in entries_of(home) if entry.kind == "recording.unsigned"]
    assert {gap.body["file"]: gap.body["sha256"] for gap in gaps} == hashes and len(gaps) == len(files)
    assert [gap.seq for gap in gaps] == list(range(1, len(gaps) + 1))  # before anything else
    assert events_signed(home) == list(range(1, last + 1))
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o400 for path in files)
    assert verify_path(home.journal, own=True).ok


def test_a_passphrase_that_is_given_and_wrong_ends_at_once(
    terminal: Simulator, home: Home, passphrase: Path, tmp_path: Path
) -> None:
    serve = ("--home", str(home.path), "serve", "--simulated")
    wrong = tmp_path / "wrong"
    wrong.write_text("open barley\n")
    refused(run_counterfoil(*serve, "--passphrase-file", str(wrong)), 3, "does not open the signing key")
    (tmp_path / "counterfoil-passphrase").write_text("open rye\n")
    refused(run_counterfoil(*serve, CREDENTIALS_DIRECTORY=str(tmp_path)), 3, "does not open the signing key")
    refused(run_counterfoil(*serve, "--no-wait"), 3, "locked with a passphrase")
    refused(run_counterfoil(*serve, "--passphrase-file", str(tmp_path / "none")), 3, "cannot be read")
    refused(unlock(home, passphrase), 3, "No agent runs")
    refused(run_counterfoil("--home", str(home.path), "terminal", "echo"), 3, "locked with a passphrase")
    assert not (home.path / "unsigned").exists()


@pytest.mark.parametrize("how", ["gone", "damaged"])
def test_a_key_file_that_is_lost_and_put_back(
    how: str, simulator: Callable[..., Simulator], home_for: Callable[..., Home], agent: Callable[..., Agent]
) -> None:
    """A home without a passphrase, whose key file is lost: nothing is asked, and its return is enough."""
    terminal = simulator(*TRADE)
    home = home_for(terminal)
    key = home.keys / "signing.key"
    saved = key.read_bytes()
    if how == "gone":
        key.unlink()
    else:
        key.write_bytes(saved[: len(saved) // 2])
    worker = agent(home)
    (day,) = until(terminal.closed_days)
    until(lambda: unsigned(home) and len(events_in(unsigned(home)[0])) == day["events"] + 1)
    status = run_counterfoil("--home", str(home.path), "terminal", "status")
    assert "Nothing can be signed" in status.stdout and "counterfoil journal restore" in status.stdout
    refused(unlock(home, None), 3, "cannot be read" if how == "gone" else "is not a signing key")
    key.write_bytes(saved)
    done = unlock(home, None)
    assert done.returncode == 0, done
    until(lambda: acknowledged(terminal)[-1:] == [day["events"] + 1])
    worker.stop()
    (gap,) = [entry.body for entry in entries_of(home) if entry.kind == "recording.unsigned"]
    assert gap["because"] == "key_lost"
    assert verify_path(home.journal, own=True).ok


def test_another_homes_key_with_the_right_passphrase_signs_nothing(
    terminal: Simulator, home: Home, agent: Callable[..., Agent], passphrase: Path, tmp_path: Path
) -> None:
    other = Home(tmp_path / "other")
    make_home(other, home.settings(), PassphraseSources(file=passphrase), 1_772_380_800_000)
    own = (home.keys / "signing.key").read_bytes()
    (home.keys / "signing.key").write_bytes((other.keys / "signing.key").read_bytes())
    agent(home)
    until(lambda: waits(home))
    refused(unlock(home, passphrase), 1, "does not carry this key's signature")
    assert waits(home) and len(entries_of(home)) == 1
    (home.keys / "signing.key").write_bytes(own)
    assert unlock(home, passphrase).returncode == 0
    until(lambda: not waits(home))
    assert entries_of(home)[1].kind == "recording.unsigned"


def test_on_a_terminal_it_records_first_and_asks_then(terminal: Simulator, home: Home) -> None:
    """`serve` where somebody may or may not stand: the prompt holds up nothing, a wrong answer is asked again."""
    child, screen = pty.fork()
    if child == 0:  # the child: its controlling terminal is the pty
        os.environ |= {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
        os.execv(sys.executable, [sys.executable, "-m", "agent", "--home", str(home.path), "serve", "--simulated"])
    shown = bytearray()

    def reads(words: bytes, times: int = 1) -> bool:
        while select.select([screen], [], [], 0.05)[0]:
            try:
                shown.extend(os.read(screen, 4096))
            except OSError:
                break
        return shown.count(words) >= times

    try:
        until(lambda: reads(b"Passphrase: "))
        (day,) = until(terminal.closed_days)
        until(lambda: unsigned(home) and len(events_in(unsigned(home)[0])) == day["events"] + 1)
        os.write(screen, b"open barley\n")
        until(lambda: reads(b"does not open") and reads(b"Passphrase: ", 2))
        assert waits(home)
        os.write(screen, PASSPHRASE.encode() + b"\n")
        until(lambda: acknowledged(terminal)[-1:] == [day["events"] + 1])
        until(lambda: not waits(home))
        assert not reads("床前".encode()) and not reads(b"barley")  # what is typed is not shown
    finally:
        os.kill(child, 15)
        deadline = time.monotonic() + 20
        while os.waitpid(child, os.WNOHANG) == (0, 0) and time.monotonic() < deadline:
            reads(b"")
        os.close(screen)
    assert verify_path(home.journal, own=True).ok
