"""Records of any size with their exports, and what a stranger is handed of one."""

from __future__ import annotations

import random
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from agent.home import Home
from agent.journal import keys, tiles
from agent.journal.drafting import to_draft
from agent.journal.entries import Draft
from agent.journal.keys import PassphraseSources, Signer
from agent.journal.kinds import TerminalSaid
from agent.journal.store import Journal
from agent.opening import make_home
from agent.settings import Settings
from protocol.messages import EntryMode, Outcome, Product, SettlementMode, Transaction, TransactionKind
from protocol.money import Money

AT = 1_772_380_800_000


@dataclass(frozen=True)
class Record:
    """home: with its keys. folder: the export, not to be changed. heads: every signed head on the way, by size."""

    home: Path
    folder: Path
    signer: Signer
    heads: dict[int, str]

    @property
    def size(self) -> int:
        return max(self.heads)


def build(folder: Path, size: int) -> Record:
    """A home whose record has that many entries, committed in groups, and its export."""
    home = Home(folder / "home")
    make_home(home, Settings(terminal="T1", simulated=True, port="/dev/null"), PassphraseSources(), AT)
    signer = keys.unlock(home.path)
    rng = random.Random(size)
    with closing(Journal.open(home.journal, signer)) as journal:
        found = {1: journal.head.note}
        while journal.size < size:
            group = range(journal.size, min(size, journal.size + rng.randint(1, max(9, size // 20))))
            found[group[-1] + 1] = journal.append([sale(number, signer) for number in group], AT + group[0]).note
        tiles.export(journal, folder / "record", simulated=True)
    return Record(home.path, folder / "record", signer, found)


def sale(number: int, signer: Signer) -> Draft:
    message = Transaction(
        number=number,
        at=AT + number,
        reference=f"{number:032x}",
        kind=TransactionKind.SALE,
        outcome=Outcome.APPROVED,
        amount=Money(38_800 + number),
        product=Product.CREDIT,
        trace=f"{number:06}",
        batch="000001",
        mid="848290053110001",
        tid="10000001",
        terminal_time=AT + number,
        entry_mode=EntryMode.CHIP,
        settlement_mode=SettlementMode.T1,
        response_code="00",
        masked_pan="622848******1234",
        card_token=b"token",
        merchant_name="便民超市" if number % 3 == 0 else None,
        operator="李" if number % 2 else "wang",
    )
    told = TerminalSaid(terminal="T1", log_epoch="e1", sha256=number.to_bytes(32, "big"), message=message)
    return to_draft(told, signer.token_hmac)


@dataclass
class Bench:
    """A case as a stranger gets it: copies in one folder, free to be forged."""

    path: Path
    true: Record
    seq: int

    @property
    def folder(self) -> Path:
        return self.path / "record"

    def arguments(self, job: str) -> list[str]:
        """The files that the verifiers take for a job."""
        named = {
            "note": ["record/checkpoint"],
            "proof": ["entry.tlog-proof", "entry.json"],
            "tiles": ["record"],
            "consistent": ["older", "record/checkpoint", "record"],
        }
        return [job, *(str(self.path / name) for name in ["journal.vkey", *named[job]])]

    def first(self, level: str) -> Path:
        """The first file of a level."""
        return min(each for each in (self.folder / "tile" / level).rglob("*") if each.is_file())

    def last(self, level: str) -> Path:
        """The last one, which holds fewer than 256."""
        return next(each for each in (self.folder / "tile" / level).rglob("*.p/*"))

    def sign(self, size: int, root: bytes, origin: str | None = None) -> str:
        """A head that the record's own key signs, whatever it says."""
        return self.true.signer.signed(f"{origin or self.true.signer.name}\n{size}\n{b64encode(root).decode()}\n")

    def root(self, size: int) -> bytes:
        """The root of a head on the way."""
        return b64decode(self.true.heads[size].split("\n")[2])


@dataclass(frozen=True)
class Answer:
    """refused: None, or the word for what is wrong; told: the whole line."""

    refused: str | None
    told: str


Verifier = Callable[..., Answer]
Command = Callable[..., subprocess.CompletedProcess[str]]
