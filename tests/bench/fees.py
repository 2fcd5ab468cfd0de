"""An audit of a million transactions, and what one more costs: `python -m tests.bench.fees [TRANSACTIONS]`.

The journal is that of `tests.bench.views`, with a contract before it. The audit runs in a process of its own, so that its memory
can be told; one more transaction is audited while the record grows, against the durable commit of the same two entries.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
from contextlib import closing
from datetime import date
from pathlib import Path
from statistics import median
from time import perf_counter

from agent.fees.audit.auditor import Auditor
from agent.fees.audit.thresholds import Thresholds
from agent.fees.contract.tariff import Rounding, TariffVersion
from agent.fees.contract.terms import NothingElseAgreed, OpeningHours, SettlementTerms, SimTerms
from agent.journal import keys
from agent.journal.drafting import to_draft
from agent.journal.keys import verifying_key
from agent.journal.kinds import JournalOpened
from agent.journal.reader import open_reader
from agent.journal.store import Journal
from protocol.messages import Product, SettlementMode
from tests.bench.views import BEGAN, told

TRANSACTIONS = 1_000_000
GROUP = 2_000
MORE = 300
_FROM = date(2012, 1, 1)


def _contract() -> list[object]:
    def rate(product: Product) -> TariffVersion:
        return TariffVersion(
            version=product.value[:12], product=product, effective_from=_FROM, rate_ppm=6000, rounding=Rounding.DOWN,
            currency=156, source="bench",
        )  # fmt: skip

    return [
        rate(Product.CREDIT),
        rate(Product.DEBIT),
        OpeningHours(valid_from=_FROM, days=("00:00-23:59",) * 7, source="bench"),
        SettlementTerms(valid_from=_FROM, mode=SettlementMode.T1, t0_agreed=False, source="bench"),
        SimTerms(activated=_FROM, free_days=90, period_days=365, amount_minor=3600, currency=156, source="bench"),
        NothingElseAgreed(valid_from=_FROM, operator="bench"),
    ]


def make(folder: Path, transactions: int) -> None:
    """A journal of that many transactions and their fees, one in fifty charged at a rate a twentieth higher."""
    signer, chance = keys.create(folder), random.Random(6)
    opened = JournalOpened(software="counterfoil", version="0", terminal="T0000001", nature="simulated", generation=1)
    journal = Journal.create(folder / "journal.db", signer, to_draft(opened, signer.token_hmac), BEGAN)
    journal.append([to_draft(fact, signer.token_hmac) for fact in _contract()], BEGAN)  # type: ignore[arg-type]
    group, amount, approved = [], 0, False
    for said in told(transactions):
        draft = to_draft(said, signer.token_hmac)
        if draft.kind == "terminal.transaction":
            amount, approved = draft.body["amount_minor"], draft.body["outcome"] == "approved"
        elif not approved:  # costs nothing, and its fee line says so
            draft.body["amount_minor"] = 0  # type: ignore[index]
        elif chance.randrange(50) == 0:
            draft.body["amount_minor"] = amount * 63 // 10_000  # type: ignore[index]
        group.append(draft)
        if len(group) == GROUP:
            journal.append(group, said.message.at)
            group = []
    journal.append(group, BEGAN)
    journal.close()


def audit(folder: Path) -> dict[str, float]:
    """In this process: s, the peak's MB, findings."""
    auditor = Auditor(Thresholds())
    began = perf_counter()
    with closing(open_reader(folder / "journal.db", verifying_key(folder))) as journal:
        auditor.catch_up(journal)
        read_s = _read(folder)
        took = perf_counter() - began - read_s
        found = auditor.findings(journal.entry(journal.size - 1).at)
    assert auditor.audit is not None
    return {
        "audit_s": took,
        "read_s": read_s,
        "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "transactions": auditor.audit.transactions,
        "findings": len(found),
    }


def _read(folder: Path) -> float:
    """The same entries read and nothing else."""
    began = perf_counter()
    with closing(open_reader(folder / "journal.db", verifying_key(folder))) as journal:
        for _raw in journal.raw_entries(0, journal.size):
            pass
    return perf_counter() - began


def one_more() -> dict[str, float]:
    """Medians, µs: the durable commit of a transaction and its fee; the audit's own work for them, its reading included."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, 5_000)
        signer = keys.unlock(folder)
        auditor, commits, audits = Auditor(Thresholds()), [], []
        more = list(told(5_000 + MORE))[2 * 5_000 :]
        with closing(Journal.open(folder / "journal.db", signer)) as journal:
            auditor.catch_up(journal)
            for sale, fee in zip(more[::2], more[1::2], strict=True):
                drafts = [to_draft(said, signer.token_hmac) for said in (sale, fee)]
                began = perf_counter()
                journal.append(drafts, sale.message.at)
                commits.append(perf_counter() - began)
                began = perf_counter()
                auditor.catch_up(journal)
                audits.append(perf_counter() - began)
    return {"commit_us": median(commits) * 1e6, "audit_us": median(audits) * 1e6}


def measure(transactions: int = TRANSACTIONS) -> dict[str, float]:
    """`audit` in a process of its own, and `one_more`."""
    with tempfile.TemporaryDirectory() as name:
        make(Path(name), transactions)
        command = [sys.executable, "-m", "tests.bench.fees", "--audit", name]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {**found, **one_more()}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--audit"]:
        print(json.dumps(audit(Path(sys.argv[2]))))
    else:
        print(json.dumps(measure(int(sys.argv[1]) if len(sys.argv) > 1 else TRANSACTIONS), indent=1))
