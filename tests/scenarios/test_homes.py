from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

from agent.journal.engine import connect_views
from agent.journal.keys import PassphraseSources
from agent.opening import agent_at_work
from agent.views import LinkState
from tests.conftest import Agent, Simulator, agent, home_for, run_counterfoil, simulator, until  # noqa: F401
from tests.scenarios.test_faults import recorded, refused  # noqa


def test_an_empty_local_note_after_a_power_cut_does_not_keep_the_agent_from_starting(recorded, agent):
    """A rename without a sync may leave an empty file (XFS, F2FS, ext4 with noauto_da_alloc): no head, no accusation."""
    home, _t = recorded
    (home.path / "heads" / "local.note").write_bytes(b"")
    worker = agent(home)
    until(lambda: home.socket.exists() or worker.process.poll() is not None)
    said = worker.stop()
    assert worker.process.returncode == 0, said


def test_views_that_lose_a_table_do_not_end_the_agent(recorded, agent):
    home, _t = recorded
    worker = agent(home)
    until(lambda: home.socket.exists())
    db = connect_views(home.views)
    db.execute("DROP TABLE findings")
    db.close()
    time.sleep(2)
    code = worker.process.poll()
    said = worker.stop()
    assert code is None, said


def test_a_number_too_large_for_the_views_is_refused_in_words_and_nothing_is_said_on_the_agents_side(recorded, agent):
    home, _t = recorded
    worker = agent(home)
    until(lambda: home.socket.exists())
    result = run_counterfoil("--home", str(home.path), "transactions", "list", "--offset", str(10**22))
    said = worker.stop()
    assert "Traceback" not in said, said[-400:] + result.stderr


def test_wait_over_the_socket_may_be_as_long_as_in_the_process(recorded, agent):
    from agent.desk_socket import SocketDesk

    home, _t = recorded
    agent(home)
    until(lambda: home.socket.exists())
    time.sleep(1)
    desk = SocketDesk(home.socket)
    assert desk.wait(desk.status().revision + 10, 42_000) >= 1


def test_a_port_lock_that_cannot_be_made_does_not_end_the_pump(recorded, tmp_path, monkeypatch):
    home, terminal = recorded
    with agent_at_work(home, home.settings(), PassphraseSources()) as desk:
        until(lambda: desk.status().link.state is LinkState.UP)
        bad = tmp_path / "tmp"
        bad.mkdir()
        (bad / f"counterfoil-{os.getuid()}").write_text("")
        monkeypatch.setattr(tempfile, "tempdir", str(bad))
        terminal.kill()
        until(lambda: desk.status().link.state is LinkState.PORT_LOST)
        time.sleep(1)
        monkeypatch.setattr(tempfile, "tempdir", None)
        terminal.start()
        until(lambda: desk.status().link.state is LinkState.UP, 5)


CRASH = """
import sys, os, agent.opening, agent.commands.demo as d
def crash(*a): os._exit(9)
agent.opening.write_settings = crash
from agent.cli import main
main(sys.argv[1:])
"""


def test_a_demo_killed_while_it_makes_its_home_can_be_played_again(tmp_path):
    home = str(tmp_path / "H")
    arguments = ["--home", home, "demo", "--headless", "--transactions", "3", "--seed", "1"]
    assert subprocess.run([sys.executable, "-c", CRASH, *arguments], capture_output=True).returncode == 9
    result = run_counterfoil(*arguments)
    assert result.returncode == 0, result.stderr


CRASH2 = CRASH.replace("agent.opening.write_settings = crash", "d.make_home = crash")


def test_a_demo_killed_before_its_home_stands_gives_way_to_another_play(tmp_path):
    home = str(tmp_path / "H")
    arguments = ["--home", home, "demo", "--headless", "--transactions", "3", "--seed"]
    assert subprocess.run([sys.executable, "-c", CRASH2, *arguments, "1"], capture_output=True).returncode == 9
    time.sleep(1)
    result = run_counterfoil(*arguments, "2")
    assert result.returncode == 0, result.stderr


def test_init_killed_before_its_settings_can_be_repeated(tmp_path):
    (tmp_path / "secret").write_text("ab" * 32)
    arguments = [
        "--home",
        str(tmp_path / "H"),
        "init",
        "--terminal",
        "SN1",
        "--port",
        "/dev/ttyUSB0",
        "--secret",
        str(tmp_path / "secret"),
    ]
    assert subprocess.run([sys.executable, "-c", CRASH, *arguments], capture_output=True).returncode == 9
    result = run_counterfoil(*arguments)
    assert result.returncode == 0, result.stderr


def test_demo_leaves_a_home_of_practice_alone(tmp_path):
    (tmp_path / "secret").write_text("ab" * 32)
    home = ["--home", str(tmp_path / "H")]
    assert (
        run_counterfoil(
            *home,
            "init",
            "--simulated",
            "--terminal",
            "SN1",
            "--port",
            "/dev/ttyUSB0",
            "--secret",
            str(tmp_path / "secret"),
        ).returncode
        == 0
    )
    before = (tmp_path / "H" / "keys" / "journal.vkey").read_text()
    run_counterfoil(*home, "demo", "--headless", "--transactions", "2")
    assert (tmp_path / "H" / "keys" / "journal.vkey").read_text() == before


def test_a_demo_puts_aside_only_what_is_its_own(tmp_path):
    (tmp_path / "precious.txt").write_text("my only copy")
    for seed in ("1", "2"):
        run_counterfoil("--home", str(tmp_path), "demo", "--headless", "--transactions", "2", "--seed", seed)
    assert (tmp_path / "precious.txt").exists()


def test_two_demos_at_once_on_one_home(tmp_path):
    home = str(tmp_path / "H")
    arguments = ["--home", home, "demo", "--headless", "--transactions", "30", "--json", "--seed"]
    assert run_counterfoil(*arguments, "1").returncode == 0
    from concurrent.futures import ThreadPoolExecutor

    def later(pair):
        time.sleep(pair[1])
        return run_counterfoil(*arguments, pair[0])

    bad = []
    for gap in (0.0, 0.1, 0.2, 0.3, 0.4):
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(later, (("2", 0), ("3", gap))))
        codes = [r.returncode for r in found]
        print(gap, codes, [r.stderr.strip().splitlines()[-2:] for r in found if r.returncode])
        if codes.count(0) < 1 or any("unforeseen" in r.stderr for r in found):
            bad.append((gap, codes))
    assert not bad


def test_commands_at_once_on_a_home_without_an_agent(recorded):
    home, _t = recorded
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(3) as pool:
        codes = list(
            pool.map(lambda _n: run_counterfoil("--home", str(home.path), "transactions", "list").returncode, range(9))
        )
    assert codes == [0] * 9
