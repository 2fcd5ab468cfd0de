"""The agent's memory while it records: VmRSS of `counterfoil serve`, sampled as the day goes on."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRANSACTIONS = 10_000


def measure() -> dict[str, object]:
    """{samples: [(transactions recorded, VmRSS in MB)], steady_mb, after_idle_mb, baseline_mb}."""
    from agent.desk_socket import SocketDesk
    from agent.home import Home
    from agent.journal.keys import PassphraseSources
    from agent.opening import make_home
    from agent.settings import Settings
    from tests.conftest import Simulator, know, until

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "sim").mkdir()
        terminal = Simulator(folder / "sim", ("--seed", "1", "--transactions", str(TRANSACTIONS), "--speed", "0"))
        terminal.pair_with_homes()
        terminal.start()
        home = Home(folder / "home")
        settings = Settings(terminal=terminal.terminal, simulated=True, port=str(terminal.link))
        make_home(home, settings, PassphraseSources(), 1_772_380_800_000)
        know(home, terminal)
        command = [sys.executable, "-m", "agent", "--home", str(home.path), "serve", "--simulated"]
        agent = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            until(home.socket.exists)
            desk, samples, began = SocketDesk(home.socket), [], time.monotonic()
            for mark in range(TRANSACTIONS // 10, TRANSACTIONS + 1, TRANSACTIONS // 10):
                until(lambda mark=mark: desk.transactions(limit=1).total >= mark, 300)
                samples.append((mark, resident_mb(agent.pid)))
            seconds = time.monotonic() - began
            time.sleep(2)
            idle = resident_mb(agent.pid)
        finally:
            agent.terminate()
            agent.wait()
            terminal.stop()
    return {
        "samples": samples,
        "steady_mb": samples[-1][1],
        "after_idle_mb": idle,
        "baseline_mb": bare_mb(),
        "seconds": seconds,
    }


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def bare_mb() -> float:
    """A Python that imports pyserial, construct, cryptography and a SQLite, and does nothing."""
    code = "import serial,construct,sqlite3,cryptography.hazmat.primitives.ciphers.aead,sys;print(1);sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    found = resident_mb(process.pid)
    process.communicate()
    return found


if __name__ == "__main__":
    print(measure())
