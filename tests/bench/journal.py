"""A journal of a million entries: verified, proved, opened.

    python -m tests.bench.journal [ENTRIES] [FOLDER]

The entries are transactions, a signed head stands over every thousand. FOLDER keeps the files for another run.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from statistics import median
from time import perf_counter

from agent.journal import engine, keys
from agent.journal.drafting import to_draft
from agent.journal.kinds import JournalOpened
from agent.journal.reader import open_reader
from agent.journal.store import Journal
from tests.bench.append import drafts

ENTRIES = 1_000_000
GROUP = 1_000
PAIRS = 3
PROOFS = 500
_VERIFY = """
import resource, sys
from pathlib import Path
from time import perf_counter
from agent.journal.verify import verify_path
path = Path(sys.argv[1])
began = perf_counter()
report = verify_path(path, own=True)
took = perf_counter() - began
assert report.ok, report
own, helpers = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(took, (own + helpers) / 1024)
"""
_START = """
import sys
from pathlib import Path
from time import perf_counter
from agent.home import Home
from agent.journal import keys
from agent.journal.keys import PassphraseSources
from agent.opening import open_journal
from agent.projection import Projection
from agent.settings import Settings
home = Home(Path(sys.argv[1]))
began = perf_counter()
signer = keys.unlock(home.path)
journal = open_journal(home, Settings(terminal="T0000001", simulated=True, port="x"), signer, accept_loss=False)
journal.last_events()
took = perf_counter() - began
journal.close()
print(took)
"""


def _make(home: Path, entries: int) -> None:
    signer = keys.create(home)
    opened = JournalOpened(software="counterfoil", version="0", terminal="T0000001", nature="simulated", generation=1)
    journal = Journal.create(home / "journal.db", signer, to_draft(opened, signer.token_hmac), 0)
    for first in range(1, entries, GROUP):
        journal.append(drafts(first, min(GROUP, entries - first), signer, private=False), 1_760_000_000_000 + first)
    journal.close()


def _bare(path: Path) -> float:
    """One process reads every entry and hashes it: nothing is compared."""
    with closing(engine.connect_reader(path)) as connection:
        began = perf_counter()
        for _seq, body in connection.execute("SELECT seq, CAST(body AS BLOB) FROM entry ORDER BY seq"):
            sha256(body).digest()
        return perf_counter() - began


def _told(program: str, *arguments: str) -> list[float]:
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    return [float(each) for each in done.stdout.split()]


def measure(entries: int = ENTRIES, folder: Path | None = None) -> dict[str, float]:
    """bare_s, verify_s and their ratio (medians of interleaved pairs), verify_mb (all processes), proof_ms (median and
    largest of 500 entries anywhere), start_ms: key, journal, remembered heads, the last event of each log epoch."""
    place = Path("build")
    place.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place) as made:
        home = folder or Path(made)
        if not (home / "journal.db").exists():
            _make(home, entries)
        path = home / "journal.db"
        _bare(path)  # the file cache is warm for both sides
        bare, verified, used = [], [], []
        for _ in range(PAIRS):
            bare.append(_bare(path))
            seconds, megabytes = _told(_VERIFY, str(path))
            verified.append(seconds)
            used.append(megabytes)
        chance = random.Random(3)
        proofs = []
        with closing(open_reader(path, keys.verifying_key(home))) as journal:
            for _ in range(PROOFS):
                seq = chance.randrange(entries)
                began = perf_counter()
                journal.inclusion_proof(seq)
                proofs.append((perf_counter() - began) * 1000)
        return {
            "bare_s": median(bare),
            "verify_s": median(verified),
            "ratio": median(v / b for v, b in zip(verified, bare, strict=True)),
            "verify_mb": max(used),
            "proof_ms": median(proofs),
            "worst_proof_ms": max(proofs),
            "start_ms": median(_told(_START, str(home))[0] for _ in range(5)) * 1000,
        }


def main() -> None:
    """Every figure, as JSON."""
    entries = int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    print(json.dumps({k: round(v, 3) for k, v in measure(entries, folder).items()}, indent=1))


if __name__ == "__main__":
    main()
