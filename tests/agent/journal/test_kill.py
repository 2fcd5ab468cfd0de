"""kill -9 at random moments: what was acknowledged is there, every event once, and it verifies. Seeded."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

from agent.journal import heads, keys
from agent.journal.store import Journal
from agent.journal.verify import verify_path

WRITER = """
    import sys
    from pathlib import Path
    from agent.journal import keys
    from agent.journal.entries import Draft
    from agent.journal.store import Journal
    home = Path(sys.argv[1])
    journal = Journal.open(home / "journal.db", keys.unlock(home))
    number = journal.last_events().get(("T1", "e1"), 0)
    sizes = [1, 1, 1, 3, 40]
    print("ready", flush=True)
    while True:
        group = []
        for _ in range(sizes[number % len(sizes)]):
            number += 1
            event = {"terminal": "T1", "log_epoch": "e1", "number": number, "at": number, "sha256": "%064x" % number}
            group.append(Draft("terminal.fee", {"event": event, "type": "mdr"}, {"description": "x"}))
        journal.append(group, number)
        print(number, flush=True)
"""


def test_killed_at_any_moment(home: Path, journal: Journal) -> None:
    journal.close()
    chance = random.Random(20)
    signer = keys.unlock(home)
    acknowledged = 0
    for _ in range(12):
        writer = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), str(home)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        time.sleep(chance.random() * 0.15)
        writer.send_signal(signal.SIGKILL)
        told = [line for line in writer.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        writer.wait()
        acknowledged = int(told[-1]) if told else acknowledged

        again = Journal.open(home / "journal.db", signer)
        last = again.last_events().get(("T1", "e1"), 0)
        assert last >= acknowledged
        numbers = [e.body["event"]["number"] for e in again.entries(1)]
        assert numbers == list(range(1, last + 1))
        assert all(found.verdict.fits for found in heads.compare_all(again, home))
        again.close()
        report = verify_path(home / "journal.db", own=True, heads=heads.remembered(home), strict=True)
        assert (report.ok, report.findings) == (True, ())
    assert acknowledged > 100
