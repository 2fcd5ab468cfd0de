"""The control socket of a simulator process, and the command that speaks to it (docs/simulator.md, "Control")."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from protocol.conversation import Conversation
from protocol.dialect import LinkKeys, Role
from protocol.events import Paired, PairingFailed, PairingShown
from simulator.control_socket import MOST_CLIENTS, MOST_LINE

DAYLESS = ("--transactions", "0", "--speed", "1000")


class Client:
    """One program on a control socket."""

    def __init__(self, path: Path) -> None:
        self.link = socket.socket(socket.AF_UNIX)
        self.link.connect(str(path))
        self.link.settimeout(10)
        self.lines = self.link.makefile("rb")

    def say(self, **document: Any) -> None:
        self.link.sendall(json.dumps(document).encode() + b"\n")

    def hear(self) -> dict[str, Any]:
        line = self.lines.readline()
        assert line, "it hung up"
        heard: dict[str, Any] = json.loads(line)
        return heard

    def do(self, command: str, **args: Any) -> dict[str, Any]:
        self.say(do=command, **args)
        return self.hear()

    def gone(self) -> bool:
        """It hung up, and said nothing more."""
        try:
            return self.lines.readline() == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self.lines.close()
        self.link.close()


@pytest.fixture
def client() -> Iterator[Callable[[Path], Client]]:
    made: list[Client] = []

    def connect(path: Path) -> Client:
        made.append(Client(path))
        return made[-1]

    yield connect
    for one in made:
        one.close()


def control(path: Path, *commands: str) -> subprocess.CompletedProcess[str]:
    """`sim control` as a person calls it."""
    return subprocess.run(
        [sys.executable, "-m", "simulator", "control", str(path), *commands],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def started(simulate: Callable[..., Any], folder: Path, *options: str) -> tuple[Any, Path]:
    path = folder / "control"
    return simulate(folder, *DAYLESS, "--control", str(path), *options), path


@pytest.mark.parametrize("speed", ["0", "60", "1000000"])
def test_at_every_speed_and_without_a_session_it_does_what_it_is_told(tmp_path, simulate, client, speed: str) -> None:
    s, path = started(simulate, tmp_path, "--speed", speed)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    c = client(path)
    assert c.do("sell", amount_minor=12_300, customer="unionpay_credit")["ok"]
    if speed == "60":
        assert c.do("advance", ms=10_000)["ok"]
    assert c.do("wait", until="idle", **{"for": 20_000}) == {"ok": True}
    (line,) = [line for line in c.do("ledger")["lines"] if line["kind"] == "sale"]
    assert (line["amount_minor"], line["outcome"]) == (12_300, "approved")
    refused = c.do("cancel")
    assert refused["ok"] is False and refused["what"] == "There is nothing to cancel." and refused["todo"]
    assert refused["state"]["phase"] == "idle" and refused["state"]["session"] is False
    assert c.do("stop") == {"ok": True}
    assert s.process.wait(10) == 0 and c.gone() and not path.exists() and not s.port.is_symlink()


def test_with_an_agent_on_the_line_the_cable_goes_and_comes_and_events_arrive(tmp_path, simulate, client, take) -> None:
    s, path = started(simulate, tmp_path)
    c = client(path)

    def go_on(taken, seen=[]) -> bool:  # noqa: B006
        if taken.hello is not None and not seen:
            seen.append(c.do("sell", amount_minor=5_000))
        return len(taken.events) == 2

    assert list(take(s.port, s.keys, 1, until=go_on).events) == [1, 2]
    c.do("pull_cable")
    assert not s.port.is_symlink() and c.do("state")["cable"] == "out"
    c.do("plug_cable")
    assert s.port.is_symlink()


def test_a_wait_is_answered_when_it_is_so_and_holds_up_nobody_else(tmp_path, simulate, client, take) -> None:
    s, path = started(simulate, tmp_path, "--speed", "10")
    one, other = client(path), client(path)
    one.say(do="wait", until="session")
    one.say(do="state")
    began = time.monotonic()
    assert other.do("wait", stage="host", **{"for": 300})["what"] == "It is not so: stage:host."
    assert 0.3 <= time.monotonic() - began < 10
    assert other.do("wait", until="no_session") == {"ok": True}
    heard: list[dict[str, Any]] = []

    assert other.do("sell", amount_minor=100)["ok"]

    def met(taken) -> bool:
        if taken.events and not heard:
            heard.extend([one.hear(), one.hear()])
        return bool(heard)

    take(s.port, s.keys, 1, until=met)
    assert heard[0] == {"ok": True} and heard[1]["session"] is True, "its next line was answered after it"
    other.do("wait", until="idle")
    assert other.do("sell", amount_minor=100)["ok"]
    assert other.do("wait", stage="pin", **{"for": 20_000}) == {"ok": True}
    assert other.do("wait", until="idle", **{"for": 0})["ok"] is False, "it is asked, and not waited for"


def test_a_wait_ends_with_another_clients_command_though_nothing_else_happens(tmp_path, simulate, client) -> None:
    _, path = started(simulate, tmp_path, "--speed", "100", "--pairing", "off")
    waits, does = client(path), client(path)
    does.do("sell", amount_minor=10_009)
    assert does.do("wait", stage="host")["ok"]  # in progress for ever
    waits.say(do="wait", until="idle", **{"for": 60_000})
    time.sleep(0.2)
    began = time.monotonic()
    does.do("reboot")
    assert waits.hear() == {"ok": True} and time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b"\xff\xfe\n", "no JSON document"),
        (b"{\n", "no JSON document"),
        (b"[" * 10_000 + b"\n", "no JSON document"),
        (b'["state"]\n', "no command"),
        (b'{"do":7}\n', "no command"),
        (b'{"do":"explode"}\n', "no such command"),
        (b'{"do":"sell","amount_minor":1.5}\n', "no such number"),
        (b'{"do":"sell","amount_minor":' + b"9" * 5_000 + b"}\n", "no"),
        (b'{"do":"wait","until":"doomsday"}\n', "is another"),
    ],
)
def test_a_line_that_says_nothing_is_refused_and_the_next_is_heard(tmp_path, simulate, client, line, what) -> None:
    _, path = started(simulate, tmp_path)
    c = client(path)
    c.link.sendall(b"\n" + line)
    answer = c.hear()
    assert answer["ok"] is False and what in answer["what"] and answer["todo"]
    assert c.do("state")["ok"]


def test_lines_clients_and_answers_are_bounded(tmp_path, simulate, client) -> None:
    s, path = started(simulate, tmp_path)
    long = client(path)
    long.link.sendall(b"x" * (MOST_LINE + 1))
    assert "more than" in long.hear()["what"] and long.gone()
    deaf = client(path)
    deaf.link.settimeout(0.2)
    with pytest.raises((TimeoutError, BrokenPipeError, ConnectionResetError)):
        for _ in range(10_000):
            deaf.link.sendall(b'{"do":"state"}\n' * 100)
    crowd = [client(path) for _ in range(MOST_CLIENTS + 4)]
    for one in crowd:
        one.say(do="screen")
    assert all(one.hear()["ok"] for one in crowd[: MOST_CLIENTS - 2])
    for one in crowd:
        one.close()
    assert client(path).do("state")["ok"] and s.process.poll() is None
    used = int(Path(f"/proc/{s.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    assert used < 200_000_000


def test_many_commands_in_one_piece_and_one_command_in_many(tmp_path, simulate, client) -> None:
    _, path = started(simulate, tmp_path)
    c = client(path)
    c.link.sendall(b'{"do":"crash","name":"after_begin"}\n{"do":"state"}\n' * 300)
    answers = [c.hear() for _ in range(600)]
    assert all(answer["ok"] for answer in answers) and answers[1]["crash"] == "after_begin"
    c.link.sendall(b"\n" * 100 + b'{"do":"offline"}\n{"do":"online"}\n')
    assert [c.hear() for _ in range(2)] == [{"ok": True}] * 2, "lines that say nothing hold nothing up"
    for byte in b'{"do":"screen"}\n':
        c.link.sendall(bytes([byte]))
        time.sleep(0.001)
    assert c.hear()["screen"]
    c.link.sendall(b'{"do":"offline"}\n')
    c.link.shutdown(socket.SHUT_WR)
    assert c.hear() == {"ok": True} and c.gone()


@pytest.mark.parametrize("line", [b'{"do":"screen"}\n', b"\n"])
def test_who_commands_without_end_keeps_neither_the_wire_nor_a_signal_waiting(
    tmp_path, simulate, client, take, line
) -> None:
    s, path = started(simulate, tmp_path)
    client(path).do("sell", amount_minor=5_000)
    flood = client(path)
    over = threading.Event()
    heard = [0]

    def hear() -> None:
        while not over.is_set():
            try:
                heard[0] += len(flood.link.recv(1 << 20))
            except OSError:
                return

    def say() -> None:
        while not over.is_set():
            try:
                flood.link.sendall(line * 500)
            except OSError:
                return

    busy = [threading.Thread(target=work, daemon=True) for work in (hear, say)]
    for thread in busy:
        thread.start()
    try:
        taken = take(s.port, s.keys, 1, until=lambda taken: len(taken.events) == 2)
        assert list(taken.events) == [1, 2]
        assert line == b"\n" or heard[0] > 100_000, "it was a flood"
        s.process.send_signal(signal.SIGTERM)
        assert s.process.wait(5) == 0
    finally:
        over.set()
        s.kill()
        for thread in busy:
            thread.join(10)


def test_kill_is_answered_and_the_process_is_gone(tmp_path, simulate, client) -> None:
    s, path = started(simulate, tmp_path)
    c = client(path)
    c.do("sell", amount_minor=100)
    assert c.do("kill") == {"ok": True}
    assert s.process.wait(10) == -9 and path.exists()
    again, _ = started(simulate, tmp_path)
    assert client(path).do("state")["boots"] == 2, "the socket of a dead simulator is taken over"
    again.kill()


def test_a_crash_by_command_ends_the_process_as_kill_9(tmp_path, simulate, client) -> None:
    s, path = started(simulate, tmp_path)
    c = client(path)
    c.do("crash", name="after_begin")
    c.do("sell", amount_minor=100)
    assert s.process.wait(10) == -9


def test_where_one_listens_or_a_file_lies_the_start_is_refused(tmp_path, simulate, client) -> None:
    _, path = started(simulate, tmp_path / "one")
    other, _ = started(simulate, tmp_path / "two", "--control", str(path))
    assert other.process.wait(10) == 3
    assert "listens on" in other.process.stderr.read()
    assert client(path).do("state")["ok"], "the first one was not disturbed"
    file = tmp_path / "file"
    file.write_text("mine")
    third, _ = started(simulate, tmp_path / "three", "--control", str(file))
    assert third.process.wait(10) == 3 and "is no socket" in third.process.stderr.read()
    assert file.read_text() == "mine"
    fourth, _ = started(simulate, tmp_path / "four", "--control", str(tmp_path / ("long" * 40)))
    assert fourth.process.wait(10) == 3 and "cannot be made" in fourth.process.stderr.read()


def test_a_person_commands_it_and_the_exit_code_says_whether_it_was_done(tmp_path, simulate) -> None:
    _, path = started(simulate, tmp_path / "shown", "--speed", "0")  # its outcome is shown until the next
    sold = ("present:unionpay_debit", "sell:12300", "wait:idle,for=20000")
    done = control(path, *sold, "screen")
    assert done.returncode == 0 and done.stderr == ""
    assert "comes: next" in done.stdout and "¥123.00" in done.stdout and "620000******0047" in done.stdout
    s, path = started(simulate, tmp_path)
    assert control(path, *sold).returncode == 0
    refused = control(path, "repair", "tamper")
    assert refused.returncode == 1 and refused.stdout == ""
    assert refused.stderr.startswith("repair: Nothing is broken. Give it break_down first.\nphase: idle\n")
    document = control(path, '{"do":"change","merchant_name":"演练小馆, 二店"}', "state", "--json")
    assert [json.loads(line)["ok"] for line in document.stdout.splitlines()] == [True, True]
    assert "演练小馆, 二店" in document.stdout
    assert "last_event: 3" in control(path, "state").stdout, "what comes after a refused one was not done: no tamper"
    for wrong in ("sell:1,amount_minor=2", "{", "nothing:x"):
        misused = control(path, wrong)
        assert misused.returncode == 2 and "Traceback" not in misused.stderr, misused.stderr
    assert control(path, "stop").returncode == 0
    assert s.process.wait(10) == 0
    gone = control(path, "state")
    assert gone.returncode == 3 and "Nobody can be commanded" in gone.stderr and "--control" in gone.stderr


def test_a_reader_of_its_answers_that_goes_is_not_taken_for_the_simulator(tmp_path, simulate) -> None:
    _, path = started(simulate, tmp_path)
    command = [sys.executable, "-m", "simulator", "control", str(path), *["state"] * 400]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(20) == 1 and process.stderr.read() == b""


def test_kill_by_hand_is_no_failure_and_what_comes_after_it_is(tmp_path, simulate) -> None:
    _, path = started(simulate, tmp_path)
    killed = control(path, "kill", "state")
    assert killed.returncode == 3 and "Nobody can be commanded" in killed.stderr


# -- pairing -----------------------------------------------------------------------------------------------------------


def test_the_number_is_answered_by_command_with_standard_input_closed(tmp_path, simulate, client) -> None:
    s, path = started(simulate, tmp_path, "--pairing", "ask")
    s.process.stdin.close()
    c = client(path)
    assert c.do("yes")["what"] == "No number is shown."
    private = bytes(range(64, 96))
    for answer, news in (("no", PairingFailed), ("yes", Paired)):
        agent = Conversation("native", Role.AGENT, random=os.urandom, keys=LinkKeys(private, None))
        told = pair(s.port, agent, lambda number, answer=answer: said(c, number, answer))
        assert isinstance(told, news), told
    assert s.state.joinpath("agent.pub").read_text().strip() == (
        X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw().hex()
    )
    assert c.do("pair") == {
        "ok": True,
    }


def said(c: Client, number: str, answer: str) -> bool:
    """The terminal's number is the agent's; a person says so, or no."""
    assert c.do("wait", until="pairing", **{"for": 5_000})["ok"]
    assert c.do("state")["pairing"] == number
    assert c.do("pair")["what"] == f"The number {number} is shown."
    assert c.do(answer) == {"ok": True}
    return answer == "yes"


def pair(port: Path, agent: Conversation, compare: Callable[[str], bool]) -> Any:
    """Pair over a pty; the last word of the pairing."""
    import select

    import serial

    def now() -> int:
        return time.monotonic_ns() // 1_000_000

    end = time.monotonic() + 20
    with serial.Serial(str(port), 115_200, timeout=0, write_timeout=1) as line:
        agent.open(now())
        agent.pair(now())
        while time.monotonic() < end:
            if out := agent.outgoing(now()):
                line.write(out)
            if select.select([line.fileno()], [], [], 0.05)[0]:
                agent.receive(line.read(65536), now())
            agent.tick(now())
            for event in agent.events():
                if isinstance(event, PairingShown):
                    if compare(event.number):
                        agent.confirm_pairing(now())
                    else:
                        agent.cancel_pairing(now())
                elif isinstance(event, Paired | PairingFailed):
                    return event
    return None
