"""A home of its own for every test, with a real key and a real journal in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.journal import keys
from agent.journal.drafting import to_draft
from agent.journal.entries import Draft
from agent.journal.kinds import JournalOpened, TerminalSaid
from agent.journal.store import Journal
from protocol.messages import EntryMode, Outcome, Product, SettlementMode, Transaction, TransactionKind
from protocol.money import Money

OPENED_AT = 1_700_000_000_000


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def signer(home: Path) -> keys.Signer:
    return keys.create(home)


@pytest.fixture
def opened(signer: keys.Signer) -> Draft:
    return opened_by(signer)


def opened_by(signer: keys.Signer) -> Draft:
    fact = JournalOpened(software="counterfoil", version="0.1.0", terminal="T1", nature="simulated", generation=1)
    return to_draft(fact, signer.token_hmac)


@pytest.fixture
def journal(home: Path, signer: keys.Signer, opened: Draft) -> Iterator[Journal]:
    journal = Journal.create(home / "journal.db", signer, opened, OPENED_AT)
    yield journal
    journal.close()


@pytest.fixture
def sale(signer: keys.Signer) -> Callable[..., Draft]:
    """sale(number, epoch="e1", terminal="T1") → the draft of an approved card sale; sha256 from number and epoch."""
    return sales(signer)


def sales(signer: keys.Signer) -> Callable[..., Draft]:
    def make(number: int, epoch: str = "e1", terminal: str = "T1", merchant: str | None = "便民超市") -> Draft:
        message = Transaction(
            number=number,
            at=OPENED_AT + number,
            reference=f"{number:032x}",
            kind=TransactionKind.SALE,
            outcome=Outcome.APPROVED,
            amount=Money(12_345),
            product=Product.CREDIT,
            trace=f"{number:06}",
            batch="000001",
            mid="848290053110001",
            tid="10000001",
            terminal_time=OPENED_AT + number,
            entry_mode=EntryMode.CHIP,
            settlement_mode=SettlementMode.T1,
            response_code="00",
            masked_pan="622848******1234",
            card_token=b"token-of-a-card",
            merchant_name=merchant,
        )
        told = TerminalSaid(terminal=terminal, log_epoch=epoch, sha256=sha_of(number, epoch), message=message)
        return to_draft(told, signer.token_hmac)

    return make


def sha_of(number: int, epoch: str = "e1") -> bytes:
    return f"{epoch}/{number}".encode().ljust(32, b"\0")


@pytest.fixture
def message_sha() -> Callable[..., bytes]:
    """The made-up SHA-256 of the message in which `sale` came."""
    return sha_of
