"""A simulator in somebody's test: what can be done to it, what a failure shows, and that it outlives nobody."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

from tests.plugin.elsewhere import COUNTERFOIL, Elsewhere, gone
from tests.plugin.test_example import FILES

REGISTER = FILES["register__py"]
HEAD = """
import os, pathlib, time
import pytest
from pytest_counterfoil import ControlRefused, SimulatorError
from register import Register

pytestmark = pytest.mark.terminal_scenario(dialect="transbank", seed=7)

def tell(simulator):
    pathlib.Path("pids").open("a").write(f"{simulator._process.pid}\\n")
"""


def pids(elsewhere: Elsewhere) -> list[int]:
    return [int(line) for line in (elsewhere.folder / "pids").read_text().splitlines()]


def run(elsewhere: Elsewhere, body: str, *arguments: str) -> tuple[int, str]:
    elsewhere.write(register=REGISTER, test_x=HEAD + body)
    return elsewhere.run(*arguments)


def test_commands_and_answers(elsewhere: Elsewhere) -> None:
    code, said = run(
        elsewhere,
        """
def test_refused(terminal_simulator):
    with pytest.raises(ControlRefused) as refused:
        terminal_simulator.plug_cable()
    assert refused.value.what and refused.value.todo
    assert refused.value.state == terminal_simulator.state()

def test_unknown(terminal_simulator):
    with pytest.raises(ControlRefused, match="no such command"):
        terminal_simulator.control("dance")

def test_cable(terminal_simulator):
    terminal_simulator.pull_cable()
    with pytest.raises(OSError):
        Register(terminal_simulator.port)
    terminal_simulator.plug_cable()
    assert Register(terminal_simulator.port).sell(15000, "000042")[1] == "00"

def test_wait(terminal_simulator):
    Register(terminal_simulator.port).sell(15000, "000042")
    terminal_simulator.wait("idle")
    with pytest.raises(ControlRefused):
        terminal_simulator.wait("busy", within_ms=100)

def test_display(terminal_simulator):
    shown = terminal_simulator.screen()
    assert shown and all(isinstance(line, str) for line in shown)
    terminal_simulator.stop()
    assert terminal_simulator.screen()

def test_offline(terminal_simulator):
    terminal_simulator.offline()
    assert Register(terminal_simulator.port).sell(15000, "000042")[1] != "00"
    terminal_simulator.online()
    assert Register(terminal_simulator.port).sell(15000, "000043")[1] == "00"
""",
    )
    assert code == 0, said


def test_killed_and_started_again(elsewhere: Elsewhere) -> None:
    """What was sold is not lost, and the register finds the terminal where it was."""
    code, said = run(
        elsewhere,
        """
@pytest.mark.parametrize("wire", ["tcp", "pty"])
def test_it(terminal_simulators, wire):
    simulator = terminal_simulators(wire=wire)
    before = simulator.url
    simulator.kill()
    with pytest.raises(SimulatorError):
        simulator.state()
    simulator.start()
    assert simulator.url == before
    with pytest.raises(SimulatorError, match="runs already"):
        simulator.start()

def test_sale_is_kept(terminal_simulator):
    Register(terminal_simulator.port).sell(15000, "000042")
    terminal_simulator.kill()
    terminal_simulator.start()
    answer = Register(terminal_simulator.port).last_sale()
    assert (answer[0], answer[1], "15000" in answer) == ("0260", "00", True)
    assert [sale["amount_minor"] for sale in terminal_simulator.sales()] == [15000]
""",
    )
    assert code == 0, said


def test_on_a_pty(elsewhere: Elsewhere) -> None:
    code, said = run(
        elsewhere,
        """
import select

@pytest.mark.terminal_scenario(wire="pty")
def test_poll(terminal_simulator):
    line = os.open(terminal_simulator.url, os.O_RDWR | os.O_NOCTTY)
    import tty
    tty.setraw(line)
    os.write(line, bytes.fromhex("02 30 31 30 30 03 02"))
    assert select.select([line], [], [], 10)[0]
    assert os.read(line, 1) == b"\\x06"
    os.close(line)
""",
    )
    assert code == 0, said


def test_what_a_failure_shows(elsewhere: Elsewhere) -> None:
    code, said = run(
        elsewhere,
        """
def test_x(terminal_simulator):
    terminal_simulator.present("unionpay_debit")
    terminal_simulator.control("change", merchant_name="演练小馆, 二店", mcc="5812")
    Register(terminal_simulator.port).sell(15000, "000042")
    assert False, "as it happens"
""",
    )
    assert code == 1
    assert "1 failed" in said and "error" not in said.splitlines()[-1], said
    for title in ("display", "ledger", "commands", "run it again"):
        assert said.count(f"- counterfoil SIM-CLASSIC-000007: {title} -") == 1, said
    assert '"amount_minor":15000' in said.split("SIM-CLASSIC-000007: ledger")[1].replace(" ", "")
    (given,) = re.findall(r": commands -+\n(.+)\n", said)
    change = """'{"do": "change", "merchant_name": "演练小馆, 二店", "mcc": "5812"}'"""
    assert given == f"{COUNTERFOIL} sim control ./control present:customer=unionpay_debit {change}"
    # the one line starts the same terminal
    (line,) = re.findall(r"run it again -+\n(.+)\n", said)
    assert line.startswith(f"{COUNTERFOIL} sim run ") and "--seed 7" in line and "--dialect transbank" in line
    shell = subprocess.Popen(
        ["/bin/sh", "-c", f"exec {line.replace(':4000', ':0')}"],
        cwd=elsewhere.folder,
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    assert shell.stdout is not None
    try:
        assert shell.stdout.readline().startswith("SIM-CLASSIC-000007 is on socket://127.0.0.1:")
        subprocess.run(["/bin/sh", "-c", given], cwd=elsewhere.folder, check=True, timeout=60)
    finally:
        shell.terminate()
        shell.communicate(timeout=20)


def interrupted(elsewhere: Elsewhere, body: str, how: signal.Signals) -> tuple[int, str, float]:
    """pytest, once the test has written `ready`; the signal goes to its group, as from a keyboard. Seconds it took then."""
    elsewhere.write(register=REGISTER, two_sales__toml=FILES["two_sales__toml"], test_x=HEAD + body)
    process = elsewhere.start()
    until = time.monotonic() + 60
    while not (elsewhere.folder / "ready").exists():
        assert process.poll() is None and time.monotonic() < until, process.communicate()[0]
        time.sleep(0.05)
    for pid in pids(elsewhere):
        os.kill(pid, 0)
    asked = time.monotonic()
    said = ""
    for patience in (5, 55):  # an interrupt that comes while Python clears an object away is lost: one presses again
        os.killpg(process.pid, how)
        try:
            said, _ = process.communicate(timeout=patience)
            break
        except subprocess.TimeoutExpired:
            continue
    return process.returncode, said, time.monotonic() - asked


def test_killed_pytest_leaves_nothing_behind(elsewhere: Elsewhere) -> None:
    """It cannot clean up any more: the simulators leave by themselves."""
    body = """
def test_x(terminal_simulators):
    for wire in ("tcp", "pty"):
        tell(terminal_simulators(wire=wire))
    open("ready", "w").close()
    time.sleep(600)
"""
    code, _, _ = interrupted(elsewhere, body, signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert len(found := pids(elsewhere)) == 2
    assert all(gone(pid) for pid in found)


def test_ctrl_c(elsewhere: Elsewhere) -> None:
    """The simulators are there until pytest's own clearing up ends them, at once: no verdict is waited for."""
    body = """
@pytest.fixture
def register_program(terminal_simulator):
    yield
    pathlib.Path("then").write_text(terminal_simulator.state()["phase"])

@pytest.mark.terminal_scenario("two_sales.toml")
def test_x(terminal_simulator, register_program):
    tell(terminal_simulator)
    open("ready", "w").close()
    time.sleep(600)
"""
    code, said, took = interrupted(elsewhere, body, signal.SIGINT)
    assert code == 2, said
    assert (elsewhere.folder / "then").read_text() == "idle"
    assert took < 15  # its patience for a scenario's end is 30 s
    assert all(gone(pid, seconds=0.1) for pid in pids(elsewhere))


def test_after_every_end_of_a_test(elsewhere: Elsewhere) -> None:
    code, said = run(
        elsewhere,
        """
def test_passes(terminal_simulator):
    tell(terminal_simulator)

def test_fails(terminal_simulator):
    tell(terminal_simulator)
    assert False

def test_skips(terminal_simulator):
    tell(terminal_simulator)
    pytest.skip("for once")

@pytest.fixture
def broken(terminal_simulator):
    tell(terminal_simulator)
    raise ValueError

def test_errs(broken):
    pass

@pytest.mark.terminal_scenario(verdict=False)
def test_killed(terminal_simulator):
    tell(terminal_simulator)
    terminal_simulator.kill()

def test_stopped(terminal_simulator):
    tell(terminal_simulator)
    terminal_simulator.stop()
""",
    )
    assert code == 1
    assert "1 failed, 3 passed, 1 skipped, 1 error" in said, said
    assert len(found := pids(elsewhere)) == 6
    assert all(gone(pid, seconds=0.1) for pid in found)


def test_workers_have_their_own(elsewhere: Elsewhere) -> None:
    code, said = run(
        elsewhere,
        """
@pytest.mark.parametrize("number", range(6))
def test_x(terminal_simulator, number, worker_id):
    tell(terminal_simulator)
    pathlib.Path("workers").open("a").write(f"{worker_id}\\n")
    assert Register(terminal_simulator.port).sell(100 * (number + 1), "000001")[1] == "00"
    assert [sale["amount_minor"] for sale in terminal_simulator.sales()] == [100 * (number + 1)]
""",
        "-n",
        "2",
    )
    assert code == 0, said
    assert set(Path(elsewhere.folder / "workers").read_text().split()) == {"gw0", "gw1"}
    assert all(gone(pid, seconds=0.1) for pid in pids(elsewhere))
