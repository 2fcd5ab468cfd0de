"""views.db over a million transactions: how fast it is made anew, how fast it answers, how big it is.

    python -m tests.bench.views [TRANSACTIONS] [FOLDER]

The journal holds a transaction and its fee line each time, as a terminal tells them. Every question is asked by a process of
its own (file cache warm, nothing else), the median of five is told; FOLDER keeps the files for another run.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from statistics import median
from time import perf_counter
from zoneinfo import ZoneInfo

from agent.journal import keys
from agent.journal.drafting import to_draft
from agent.journal.kinds import JournalOpened, TerminalSaid
from agent.journal.reader import open_reader
from agent.journal.store import Journal
from agent.projection import Projection
from protocol.messages import (
    EntryMode,
    Fee,
    FeeType,
    Outcome,
    Product,
    SettlementMode,
    Transaction,
    TransactionKind,
)
from protocol.money import Money

TRANSACTIONS = 1_000_000
A_DAY = 300
GROUP = 500
BEGAN = 1_500_000_000_000
EARLIER, LATER = "便民超市（春熙路店）", "四季生鲜便利店"
"""The shop's name on the first tenth of its transactions, and after that."""
ASKED = 5
ZONE = "Asia/Shanghai"
_EPOCH = "0190b3c5a7f07d2c8f2e5a6b7c8d9e0f"

SALE = Transaction(
    number=1,
    at=BEGAN,
    reference="",
    kind=TransactionKind.SALE,
    outcome=Outcome.APPROVED,
    amount=Money(0),
    product=Product.CREDIT,
    trace="",
    batch="",
    mid="848290053110001",
    tid="10000001",
    terminal_time=BEGAN,
    entry_mode=EntryMode.CHIP,
    settlement_mode=SettlementMode.T1,
    response_code="00",
    scheme="UnionPay",
)


def _said(message: Transaction | Fee) -> TerminalSaid:
    return TerminalSaid(terminal="T0000001", log_epoch=_EPOCH, sha256=bytes(32), message=message)


def told(count: int) -> Iterator[TerminalSaid]:
    """`count` transactions, the fee of each after it: 300 a day, one in thirty declined, references as of UUIDv7."""
    chance = random.Random(5)
    for n in range(count):
        at = BEGAN + n // A_DAY * 86_400_000 + n % A_DAY * 120_000
        amount = chance.randint(100, 200_000)
        reference = f"{at:012x}7{chance.getrandbits(76):019x}"
        yield _said(
            replace(
                SALE,
                number=2 * n + 1,
                at=at,
                terminal_time=at,
                reference=reference,
                outcome=Outcome.DECLINED if n % 30 == 7 else Outcome.APPROVED,
                amount=Money(amount),
                product=(Product.CREDIT, Product.DEBIT)[n % 2],
                trace=f"{n % 1_000_000:06}",
                batch=f"{n // A_DAY % 1_000_000:06}",
                masked_pan=f"622{chance.randint(100, 999)}******{chance.randint(0, 9999):04}",
                rrn=f"{chance.randint(0, 10**12 - 1):012}",
                auth_code=f"{chance.randint(0, 999_999):06}",
                merchant_name=EARLIER if n < count // 10 else LATER,
            )
        )
        fee = Fee(number=2 * n + 2, at=at, type=FeeType.MDR, amount=Money(amount * 60 // 10_000), transaction=reference)
        yield _said(replace(fee, rule="R1"))


def make_journal(folder: Path, transactions: int) -> None:
    """A journal of that many transactions and their fees, in groups of a thousand entries."""
    signer = keys.create(folder)
    opened = JournalOpened(software="counterfoil", version="0", terminal="T0000001", nature="simulated", generation=1)
    journal = Journal.create(folder / "journal.db", signer, to_draft(opened, signer.token_hmac), BEGAN)
    group = []
    for said in told(transactions):
        group.append(to_draft(said, signer.token_hmac))
        if len(group) == 2 * GROUP:
            journal.append(group, said.message.at)
            group = []
    journal.append(group, BEGAN)
    journal.close()


QUESTIONS = {
    "the last four digits": "transactions(None, '4821', 50, 0)",
    "an amount": "transactions(None, '388.00', 50, 0)",
    "part of a name, two characters, in a tenth of all rows": "transactions(None, '超市', 50, 0)",
    "part of a name in nine tenths of all rows": "transactions(None, '四季生鲜', 50, 0)",
    "three digits of every card, in all rows": "transactions(None, '622', 50, 0)",
    "how many references begin, the newest": "transactions(None, '01a', 50, 0)",
    "how many references begin, the oldest": "transactions(None, '015', 50, 0)",
    "two digits (the newest 50,000 entries)": "transactions(None, '48', 50, 0)",
    "nothing that there is": "transactions(None, '31415926535', 50, 0)",
    "a day": "today(DATE, 50)",
    "the newest page of all": "transactions(None, None, 50, 0)",
    "a page in the middle": "transactions(None, None, 50, COUNT // 2)",
    "one transaction whole": "transaction(REFERENCE)",
    "the newest time": "last_at()",
}
LEAST = "the newest time"
"""The question with the least to do: what opening the views costs."""
_ASK = """
import sys
from pathlib import Path
from time import perf_counter
from zoneinfo import ZoneInfo
from agent.journal.keys import verifying_key
from agent.journal.reader import open_reader
from agent.reading import Reading
folder, DATE, COUNT, REFERENCE = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
journal = open_reader(folder / "journal.db", verifying_key(folder))
began = perf_counter()
reading = Reading(folder / "views.db", journal.entry, simulated=False)
reading.QUESTION
print((perf_counter() - began) * 1000)
"""


def measure(count: int = TRANSACTIONS, folder: Path | None = None) -> dict[str, float]:
    """entries_s, read_s (the same entries read and decoded only), views_mb, journal_mb; for every question its ms."""
    place = Path("build")
    place.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place) as made:
        home = folder or Path(made)
        if not (home / "journal.db").exists():
            home.mkdir(parents=True, exist_ok=True)
            make_journal(home, count)
        found: dict[str, float] = {}
        with closing(open_reader(home / "journal.db", keys.verifying_key(home))) as journal:
            began = perf_counter()
            entries = sum(1 for _ in journal.entries())
            found["read_s"] = entries / (perf_counter() - began)
            with closing(Projection(home / "views.db", ZONE)) as projection:
                began = perf_counter()
                projection.rebuild(journal)
                found["entries_s"] = entries / (perf_counter() - began)
            middle = journal.entry(entries // 2 - entries // 2 % 2 + 1)
            reference = str(middle.body["reference"])
        found["views_mb"] = (home / "views.db").stat().st_size / 1e6
        found["journal_mb"] = (home / "journal.db").stat().st_size / 1e6
        at = BEGAN + count // 2 // A_DAY * 86_400_000
        date = datetime.fromtimestamp(at // 1000, ZoneInfo(ZONE)).date().isoformat()
        for question, asked in QUESTIONS.items():
            found[question] = ask(asked, home, date, str(count), reference)
    return found


def ask(asked: str, home: Path, *facts: str) -> float:
    """Median ms of a process's first question, from opening the views to the answer."""
    command = [sys.executable, "-c", _ASK.replace("QUESTION", asked), str(home), *facts]
    return median(
        float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(ASKED)
    )


def main() -> None:
    """Every figure, as JSON."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else TRANSACTIONS
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    print(json.dumps({k: round(v, 1) for k, v in measure(count, folder).items()}, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
