"""Facts of trade in any order a terminal may tell them: voids before what they void, fees before, without and beside their
transaction, references told twice, names that change; a journal and its views in a folder to put them into."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from agent.journal import engine, keys
from agent.journal.custody_kinds import PrivateErased
from agent.journal.drafting import to_draft
from agent.journal.kinds import (
    EventGap,
    Fact,
    JournalOpened,
    LogReplaced,
    TerminalPaired,
    TerminalSaid,
    TerminalUnpaired,
)
from agent.journal.store import Journal
from agent.projection import Projection
from agent.projection_check import content
from agent.reading import Reading
from protocol.messages import (
    DeviceEvent,
    DeviceEventKind,
    EntryMode,
    Fee,
    FeeType,
    Outcome,
    Product,
    SettlementMode,
    Severity,
    Transaction,
    TransactionKind,
)
from protocol.money import Money

ZONE = "Asia/Shanghai"
MIDNIGHT = 1_772_380_800_000
"""2026-03-02 00:00 in Shanghai."""
DAY = 86_400_000
NAMES = ("便民超市（春熙路店）", "四季生鲜 Fresh%", "Old_Shop ~ 老店", None)
WORDS = ("", "手续费", "fee 0.60%")


def reference(n: int) -> str:
    return f"0195532{n % 16:x}b0007{n:04x}8000{n * 7919 % 2**48:012x}"


def transaction(number: int, about: int, **told: Any) -> Transaction:
    """about: which reference it has."""
    chance = random.Random(about)
    usual: dict[str, Any] = {
        "kind": TransactionKind.SALE,
        "outcome": Outcome.APPROVED,
        "amount": Money(chance.choice([100, 8_800, 38_800, 138_800, 5])),
        "product": Product.CREDIT,
        "trace": f"{about:06}",
        "batch": "000001",
        "terminal_time": MIDNIGHT + number * DAY // 5,
        "masked_pan": chance.choice([None, f"622848******{chance.randint(0, 9999):04}"]),
        "rrn": chance.choice([None, f"R{chance.randint(0, 10**11):011}", f"{chance.randint(0, 10**12):012}"]),
        "auth_code": chance.choice([None, f"A{chance.randint(0, 99999):05}"]),
        "merchant_name": chance.choice(NAMES),
    }
    return Transaction(
        number=number,
        at=MIDNIGHT + number,
        reference=reference(about),
        mid="M",
        tid="T",
        entry_mode=EntryMode.CHIP,
        settlement_mode=SettlementMode.T1,
        response_code="00",
        **{**usual, **told},
    )


def facts(chance: random.Random, count: int, first_number: int = 1) -> list[Fact]:
    """count facts, of which the events are numbered from first_number on."""
    made: list[Fact] = []
    for number in range(first_number, first_number + count):
        about = chance.randint(0, 12)
        match chance.randint(0, 9):
            case 0 | 1 | 2:
                made.append(said(transaction(number, about)))
            case 3:
                outcome = chance.choice([*Outcome])
                made.append(
                    said(
                        transaction(
                            number,
                            100 + chance.randint(0, 3),
                            kind=TransactionKind.VOID,
                            outcome=outcome,
                            original_reference=chance.choice([None, reference(about)]),
                        )
                    )
                )
            case 4 | 5 | 6:
                fee = Fee(
                    number=number,
                    at=MIDNIGHT + number * DAY // 7,
                    type=chance.choice([FeeType.MDR, FeeType.OTHER]),
                    amount=Money(chance.randint(-50, 50)),
                    transaction=chance.choice([None, reference(about), reference(about)]),
                    description=chance.choice(WORDS) or None,
                )
                made.append(said(fee))
            case 7:
                kind, severity = chance.choice([*DeviceEventKind]), chance.choice([*Severity])
                detail = chance.choice(["door", None])
                made.append(said(DeviceEvent(number=number, at=MIDNIGHT, kind=kind, severity=severity, detail=detail)))
            case 8:
                paired = TerminalPaired(terminal="SN1", public_key=bytes([about]) * 32, replaced=bytes(32), found=True)
                unpaired = TerminalUnpaired(terminal="SN1", public_key=bytes(32))
                made.append(paired if chance.random() < 0.5 else unpaired)
            case _:
                gap = EventGap(terminal="SN1", log_epoch="e1", first=number, last=number, reason="overwritten")
                replaced = LogReplaced(terminal="SN1", old_log_epoch="e1", new_log_epoch="e2")
                made.append(gap if chance.random() < 0.5 else replaced)
    return made


def said(message: Transaction | Fee | DeviceEvent) -> TerminalSaid:
    return TerminalSaid(terminal="SN1", log_epoch="e1", sha256=bytes(32), message=message)


class Shop:
    """A journal and its views, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.views = folder, folder / "views.db"
        self.signer = keys.create(folder)
        opened = JournalOpened(software="c", version="0", terminal="SN1", nature="real", generation=1)
        self.journal = Journal.create(folder / "journal.db", self.signer, to_draft(opened, self.signer.token_hmac), 1)
        self.projection = Projection(self.views, ZONE)

    def record(self, *told: Fact) -> None:
        self.journal.append([to_draft(fact, self.signer.token_hmac) for fact in told], MIDNIGHT + self.journal.size)

    def erase(self, first: int, last: int, field: str | None) -> bool:
        """False where there was nothing to erase."""

        def draft(count: int) -> Any:
            fact = PrivateErased(first=first, last=last, field=field, count=count, operator="Wang", reason="asked")
            return to_draft(fact, self.signer.token_hmac)

        try:
            self.journal.erase(first, last, field, draft, MIDNIGHT + self.journal.size)
        except LookupError:
            return False
        return True

    def catch_up(self, until: int | None = None) -> None:
        self.projection.catch_up(self.journal, until=until)

    def read(self, entry: Any = None) -> Reading:
        return Reading(self.views, entry or self.journal.entry, simulated=False)

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(engine.connect_reader(self.views)) as views:
            return [tuple(row) for row in views.execute(sql, values)]

    def close(self) -> None:
        self.projection.close()
        self.journal.close()


@contextmanager
def shop(folder: Path, told: Sequence[Fact] = ()) -> Iterator[Shop]:
    made = Shop(folder)
    try:
        if told:
            made.record(*told)
        yield made
    finally:
        made.close()


def dump(views: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that a views.db holds: its version, its schema, every row, every trigram of every row."""
    with closing(engine.connect_reader(views)) as found:
        version = [tuple(found.execute("PRAGMA user_version").fetchone())]
        return {"user_version": version} | {
            table: [tuple(row) for row in rows] for table, rows in content(found, terms="instance")
        }
