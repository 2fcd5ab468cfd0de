"""A durable signed append against a bare insert of the same bytes: same engine, same pragmas, interleaved pairs.

    python -m tests.bench.append

`single` is bare time ÷ signed time for one entry a commit; `group` is entries a second in groups of 100 ÷ one by one. The
signed side makes the entry from its draft, hashes, signs, stores and keeps heads/local.note; the bare side inserts (seq,
body, leaf) of the same lengths into one STRICT table and commits.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

from agent.journal import engine, keys
from agent.journal.drafting import to_draft
from agent.journal.entries import Draft
from agent.journal.kinds import JournalOpened, TerminalSaid
from agent.journal.store import Journal
from protocol.messages import EntryMode, Outcome, Product, SettlementMode, Transaction, TransactionKind
from protocol.money import Money

PAIRS = 15
COMMITS = 200
GROUP, GROUPS = 100, 5


def drafts(first: int, count: int, signer: keys.Signer, *, private: bool) -> list[Draft]:
    """Card sales as a terminal tells them."""
    return [
        to_draft(
            TerminalSaid(
                terminal="T0000001",
                log_epoch="0190b3c5a7f07d2c8f2e5a6b7c8d9e0f",
                sha256=bytes(32),
                message=Transaction(
                    number=number,
                    at=1_760_000_000_000 + number,
                    reference=f"{number:032x}",
                    kind=TransactionKind.SALE,
                    outcome=Outcome.APPROVED,
                    amount=Money(12_345),
                    product=Product.CREDIT,
                    trace=f"{number % 1_000_000:06}",
                    batch="000012",
                    mid="848290053110001",
                    tid="10000001",
                    terminal_time=1_760_000_000_000 + number,
                    entry_mode=EntryMode.CHIP,
                    settlement_mode=SettlementMode.T1,
                    response_code="00",
                    scheme="UnionPay",
                    masked_pan="622848******1234",
                    rrn=f"{number:012}",
                    auth_code="123456",
                    merchant_name="便民超市" if private else None,
                ),
            ),
            signer.token_hmac,
        )
        for number in range(first, first + count)
    ]


def _bare(path: Path) -> engine.Connection:
    connection = engine.connect_writer(path, create=True)
    connection.execute("CREATE TABLE entry (seq INTEGER PRIMARY KEY, body TEXT NOT NULL, leaf BLOB NOT NULL) STRICT")
    return connection


def measure(pairs: int = PAIRS, commits: int = COMMITS, *, private: bool = False) -> dict[str, float]:
    """Medians over interleaved pairs: µs a commit, the two ratios, and the group's gain."""
    bare_us, signed_us, group_us, ratios = [], [], [], []
    place = Path("build")  # on the disk of the checkout (a temporary folder may be memory), and out of git's sight
    place.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place) as folder:
        home = Path(folder)
        signer = keys.create(home)
        opened = JournalOpened(
            software="counterfoil", version="0", terminal="T0000001", nature="simulated", generation=1
        )
        journal = Journal.create(home / "journal.db", signer, to_draft(opened, signer.token_hmac), 0)
        bare = _bare(home / "bare.db")
        seq, number = 0, 1
        body = str(journal.raw_entry(0), "utf-8")
        for _ in range(pairs):
            one_by_one = drafts(number, commits, signer, private=private)
            number += commits
            groups = [drafts(number + i * GROUP, GROUP, signer, private=private) for i in range(GROUPS)]
            number += GROUPS * GROUP

            started = perf_counter()
            for draft in one_by_one:
                journal.append((draft,), 1_760_000_000_000)
            signed_us.append((perf_counter() - started) / commits * 1e6)
            body = str(journal.raw_entry(journal.size - 1), "utf-8")

            rows = [(seq + i, body, bytes(32)) for i in range(commits)]
            seq += commits
            started = perf_counter()
            for row in rows:
                bare.execute("BEGIN IMMEDIATE")
                bare.execute("INSERT INTO entry (seq, body, leaf) VALUES (?, ?, ?)", row)
                bare.execute("COMMIT")
            bare_us.append((perf_counter() - started) / commits * 1e6)
            ratios.append(bare_us[-1] / signed_us[-1])

            started = perf_counter()
            for group in groups:
                journal.append(group, 1_760_000_000_000)
            group_us.append((perf_counter() - started) / (GROUPS * GROUP) * 1e6)
        journal.close()
        bare.close()
    return {
        "bare_us": median(bare_us),
        "signed_us": median(signed_us),
        "single": median(ratios),
        "group_us": median(group_us),
        "group": median(s / g for s, g in zip(signed_us, group_us, strict=True)),
        "bytes": len(body.encode()),
        "pairs": pairs,
    }


if __name__ == "__main__":
    for private in (False, True):
        answer = measure(private=private)
        print(json.dumps({"private": private} | {k: round(v, 3) for k, v in answer.items()}))
