"""`python -m simulator run` as a process on a real pty, with an agent at its other end through pyserial."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from protocol.dialect import LinkKeys

DAY = ("--seed", "7", "--speed", "0", "--transactions", "60", "--then", "exit")


def events_of(simulator) -> list[str]:
    return [line["m"] for line in simulator.logged() if "m" in line]


def cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "simulator", *arguments], capture_output=True, text=True, timeout=20, check=False
    )


def test_the_same_seed_gives_the_same_day_byte_for_byte(tmp_path: Path, simulate, take) -> None:
    runs = []
    for name, seed in (("a", "7"), ("b", "7"), ("c", "8")):
        s = simulate(tmp_path / name, *DAY, "--seed", seed)
        taken = take(s.port, s.keys, 1, until=lambda t: False)
        assert s.process.wait(10) == 0
        assert taken.left and list(taken.events) == list(range(1, 122))
        runs.append((s.ledger.read_bytes(), events_of(s), taken.events))
    assert runs[0] == runs[1]
    assert runs[0][0] != runs[2][0] and runs[0][2] != runs[2][2]
    assert len(runs[0][0].splitlines()) == 62 and len(runs[0][1]) == 121


def test_killed_at_random_points_it_goes_on_with_the_same_ledger(tmp_path: Path, simulate, take) -> None:
    quiet = simulate(tmp_path / "quiet", *DAY)
    take(quiet.port, quiet.keys, 1, until=lambda t: False)
    assert quiet.process.wait(10) == 0

    rng = Random(5)
    journal: dict[int, bytes] = {}
    kills = 0
    while True:
        s = simulate(tmp_path / "killed", *DAY)
        more = rng.randrange(1, 40)
        taken = take(
            s.port,
            s.keys,
            len(journal) + 1,
            until=lambda t, more=more: len(t.events) >= more,
            batch=rng.randrange(1, 33),
        )
        assert taken.hello is not None and taken.hello.last_written >= len(journal), "nothing that was sent is lost"
        journal |= taken.events
        if s.process.poll() is not None or taken.left:
            break
        s.kill()
        kills += 1
    assert s.process.wait(10) == 0
    assert kills >= 3
    assert list(journal) == list(range(1, 121 + kills + 1)), "each event once; a reboot's event for each kill"
    assert s.ledger.read_bytes() == quiet.ledger.read_bytes()
    assert sum("boot" in line for line in s.logged()) == kills + 1


def test_600_events_a_day_pass_in_well_under_five_seconds(tmp_path: Path, simulate, take) -> None:
    s = simulate(tmp_path, "--seed", "7", "--speed", "0", "--transactions", "300", "--then", "exit")
    began = time.monotonic()
    times: list[float] = []

    def note(taken) -> bool:
        if len(taken.events) == 600 and not times:
            times.append(time.monotonic())
        return False

    take(s.port, s.keys, 1, until=note)
    assert s.process.wait(10) == 0
    took = times[0] - began
    assert took < 4, f"{took:.2f} s"


def test_at_a_real_pace_the_day_is_the_same_as_at_once(tmp_path: Path, simulate, take) -> None:
    fast = simulate(tmp_path / "fast", *DAY)
    take(fast.port, fast.keys, 1, until=lambda t: False)
    paced = simulate(tmp_path / "paced", *DAY, "--speed", "30000")  # twelve hours in 1.44 s
    took = time.monotonic()
    taken = take(paced.port, paced.keys, 1, until=lambda t: False)
    took = time.monotonic() - took
    assert paced.process.wait(10) == fast.process.wait(10) == 0
    assert len(taken.events) == 121 and took > 1
    assert paced.ledger.read_bytes() == fast.ledger.read_bytes() and events_of(paced) == events_of(fast)


def test_sigterm_sigint_and_sighup_end_it_with_a_goodbye_and_no_link(tmp_path: Path, simulate, take) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        s = simulate(tmp_path, "--seed", "7", "--speed", "0", "--transactions", "60")
        assert s.port.is_symlink()

        def stop(taken, s=s, number=number) -> bool:
            if taken.events:
                s.process.send_signal(number)
            return False

        taken = take(s.port, s.keys, 1, until=stop)
        assert s.process.wait(10) == 0
        assert taken.left, "a BYE came before the hang-up"
        assert not s.port.is_symlink()


def test_under_nohup_it_stays(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "simulator", "run", "--link", str(tmp_path / "port"), "--transactions", "0"]
    ignore = "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    with subprocess.Popen([sys.executable, "-c", ignore, *command], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None and process.stdout.readline()
            process.send_signal(signal.SIGHUP)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.5)
            process.terminate()
            assert process.wait(10) == 0
        finally:
            process.kill()
    assert not (tmp_path / "port").is_symlink()


def test_an_agent_may_come_and_go(tmp_path: Path, simulate, take) -> None:
    s = simulate(tmp_path, *DAY)
    first = take(s.port, s.keys, 1, until=lambda t: len(t.events) >= 30)
    rest = take(s.port, s.keys, len(first.events) + 1, until=lambda t: False)
    assert s.process.wait(10) == 0
    assert list(first.events) + list(rest.events) == list(range(1, 122))


def test_noise_on_the_line_harms_nothing(tmp_path: Path, simulate, take) -> None:
    s = simulate(tmp_path, *DAY)
    fd = os.open(s.port, os.O_RDWR | os.O_NOCTTY)
    noise = Random(3)
    for _ in range(100):
        os.write(fd, noise.randbytes(997))
    os.close(fd)
    taken = take(s.port, s.keys, 1, until=lambda t: False)
    assert s.process.wait(10) == 0 and len(taken.events) == 121


def test_its_key_is_its_owners_alone_and_stays_the_same(tmp_path: Path, simulate, take) -> None:
    s = simulate(tmp_path, *DAY)
    own = s.state / "link.key"
    before = own.read_text()
    assert stat.S_IMODE(own.stat().st_mode) == 0o600
    assert re.fullmatch(r"[0-9a-f]{64}\n", before)
    s.kill()
    again = simulate(tmp_path, *DAY)
    assert own.read_text() == before
    assert len(take(again.port, again.keys, 1, until=lambda t: False).events) == 121 + 1, "and a reboot's"
    other = simulate(tmp_path / "other", *DAY)
    assert (other.state / "link.key").read_text() != before


def test_an_agent_with_another_key_gets_nothing(tmp_path: Path, simulate, take) -> None:
    s = simulate(tmp_path, *DAY)
    stop = time.monotonic() + 1.5
    stranger = LinkKeys(bytes([7]) * 32, s.keys.peer)
    assert take(s.port, stranger, 1, until=lambda t: time.monotonic() > stop).hello is None
    assert len(take(s.port, s.keys, 1, until=lambda t: False).events) == 121


def test_a_second_simulator_on_one_state_is_refused(tmp_path: Path, simulate) -> None:
    s = simulate(tmp_path, *DAY)
    second = cli("run", "--link", str(tmp_path / "other"), "--state", str(tmp_path / "port.state"), *DAY)
    assert second.returncode == 3 and second.stdout == ""
    assert second.stderr.count("\n") == 1 and "Another simulator is using" in second.stderr
    assert s.process.poll() is None and not (tmp_path / "other").exists()


def test_what_it_cannot_do_is_two_sentences_and_exit_3(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for name, file in (("s3", "link.key"), ("s4", "agent.pub")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text("nonsense")
    for arguments, words in (
        (("--link", f"{tmp_path}/file", "--state", f"{tmp_path}/s1"), "not a link"),
        (("--link", f"{tmp_path}/no/where", "--state", f"{tmp_path}/s2"), "cannot be made"),
        (("--link", f"{tmp_path}/l", "--state", f"{tmp_path}/s3"), "s3/link.key does not hold 64 hexadecimal digits"),
        (("--link", f"{tmp_path}/l", "--state", f"{tmp_path}/s4"), "s4/agent.pub does not hold 64 hexadecimal digits"),
        (("--link", f"{tmp_path}/l", "--dialect", "klingon"), "native, telium, transbank"),
        (("--link", f"{tmp_path}/l", "--dialect", "telium"), "Leave --transactions out"),
        (("--link", f"{tmp_path}/l", "--dialect", "telium", "--pairing", "ask"), "no pairing"),
        (("--link", f"{tmp_path}/l", "--ledger", f"{tmp_path}/no/where"), "ledger"),
        (("--link", f"{tmp_path}/l", "--profile", "nobody"), "classic, esign, instant, market, smart, umi"),
        (("--link", f"{tmp_path}/l", "--state", f"{tmp_path}/file"), "cannot be used"),
    ):
        said = cli("run", *arguments, *DAY)
        assert said.returncode == 3, said
        assert words in said.stderr and "Traceback" not in said.stderr and said.stdout == ""
    assert (tmp_path / "file").read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_symlink()) == []


def test_wrong_usage_is_exit_2() -> None:
    for arguments in (
        ("run",),
        ("run", "--link", "x", "--seed", "-1"),
        ("run", "--link", "x", "--date", "2.3.2026"),
        ("run", "--link", "x", "--then", "dance"),
        ("run", "--link", "x", "--pairing", "perhaps"),
        ("run", "--link", "x", "--ledger", "./x"),
        ("run", "--link", "x", "--state", "s", "--control", "s"),
        ("nothing",),
    ):
        assert cli(*arguments).returncode == 2


def test_a_state_of_another_seed_is_refused(tmp_path: Path, simulate) -> None:
    simulate(tmp_path, *DAY).kill()
    said = cli("run", "--link", str(tmp_path / "port"), *DAY, "--seed", "8")
    assert said.returncode == 3 and "SIM-CLASSIC-000007" in said.stderr


def test_no_full_card_number_is_in_any_file_or_word(tmp_path: Path, simulate, take) -> None:
    s = simulate(tmp_path, *DAY)
    take(s.port, s.keys, 1, until=lambda t: False)
    assert s.process.wait(10) == 0
    ledger = [json.loads(line) for line in s.ledger.read_text().splitlines()]
    texts = [str(v) for line in ledger for k, v in line.items() if "reference" not in k]
    texts += [t for m in events_of(s) for t in re.findall(r"[\x20-\x7e]{8,}", bytes.fromhex(m).decode("latin-1"))]
    assert any("******" in text for text in texts), "masked ones are there to be found"
    assert not [t for t in texts if re.search(r"\d{16}", t)]


def test_profiles_are_listed_with_their_sources() -> None:
    said = cli("profiles", "--json")
    assert said.returncode == 0
    listed = {p["name"]: p for p in json.loads(said.stdout)}
    assert {name: p["title"] for name, p in listed.items()} == {
        "classic": "传统大POS",
        "esign": "电签版",
        "instant": "秒到机",
        "market": "市场机",
        "smart": "智能POS",
        "umi": "智慧u米",
    }
    assert all(t["source"] for p in listed.values() for t in p["tariffs"])
    assert "6000 ppm" in cli("profiles").stdout
