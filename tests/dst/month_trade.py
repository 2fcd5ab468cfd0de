"""A month of the simulated terminal without a wire: its log's messages in order, and the ledger, which is the truth.

All parts are the simulator's own, put together as its `run` does, on a log in memory. The messages become the entries that
the agent makes of them, after the practice contract of the profile and beside what the bank credited.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from hashlib import sha256
from typing import Any, cast

import msgspec

from agent.fees.contract.tariff import TariffAnswer
from agent.fees.contract.terms import BankCredit
from agent.journal.drafting import to_draft
from agent.journal.entries import Draft, Entry
from agent.journal.fee_kinds import FeeFact
from agent.journal.kinds import TerminalSaid
from protocol.dialect import dialect
from protocol.messages import DepositReturn, TariffNotice, UnsolicitedEvent
from protocol.money import CNY, Money
from simulator.book import Book
from simulator.clock import SimulatedClock, opening
from simulator.host import Host
from simulator.identity import identity
from simulator.ledger import Ledger
from simulator.log import TerminalLog
from simulator.profile import load_profile
from simulator.trade import Calendar, Trade
from tests.dst.shop_terminal import NOWHERE, MemoryKept

NATIVE = dialect("native")
ZONE = "Asia/Shanghai"
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """What is played. lies: as `sim run --lie` has them. transactions: a day. consents: the profile's own notices are agreed to.

    credits: what the bank credited is recorded. returns: the deposit's return is applied for on the second day.
    """

    seed: int
    profile: str
    first: date
    days: int = 30
    transactions: int = 24
    lies: tuple[str, ...] = ()
    consents: bool = True
    credits: bool = True
    returns: bool = False

    @property
    def again(self) -> str:
        """The command that plays it as the simulator does."""
        lies = "".join(f" --lie {lie}" for lie in self.lies)
        return (
            f"counterfoil sim run --profile {self.profile} --seed {self.seed} --date {self.first} --days {self.days} "
            f"--transactions {self.transactions}{lies}"
        )


@dataclass(frozen=True, slots=True)
class Played:
    """messages: of the terminal's log, in order, with the bytes of each. ledger: the rows, in order."""

    month: Month
    terminal: str
    log_epoch: str
    messages: tuple[tuple[UnsolicitedEvent, bytes], ...]
    ledger: tuple[Row, ...]


@dataclass(slots=True)
class _Rows(Ledger):
    """The ledger's rows, kept instead of written."""

    rows: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        Ledger.__init__(self, None)

    def _write(self, record: dict[str, object]) -> None:
        self.rows.append(json.loads(json.dumps(record)))  # as a reader of the file has them


def play(month: Month) -> Played:
    """The month from its first opening to its last closing. Raises SimulatorError for lies that the profile cannot tell."""
    profile, who = load_profile(month.profile), identity(month.profile, month.seed)
    log, clock, ledger = TerminalLog(NOWHERE, who.terminal, who.log_epoch, MemoryKept()), SimulatedClock(0), _Rows()
    book = Book(
        profile=profile,
        seed=month.seed,
        identity=who,
        log=log,
        ledger=ledger,
        encode=NATIVE.encode,
        decode=NATIVE.decode,
        host=Host(NOWHERE, log, ledger, clock, MemoryKept()),
        lies=month.lies,
    )
    calendar = Calendar(month.first, month.days, month.transactions)
    trade = Trade(profile=profile, seed=month.seed, calendar=calendar, log=log, ledger=ledger, book=book, clock=clock)
    applied = not month.returns
    trade.start("boot", 0)
    while not trade.finished:
        log.acknowledge(log.last_written)
        trade.run(0)
        if not applied and len(log.days) > 1 and not trade.finished:
            amount = Money(profile.deposit.amount_minor, CNY)
            asked = DepositReturn(reference="ab" * 16, amount=amount, application="演练", request_id=1)
            applied = book.apply(asked, opening(log.days[-1].day)) is not None
    raw = [log.event(number) for number in range(1, log.last_written + 1)]
    messages = tuple((cast(UnsolicitedEvent, NATIVE.decode(one)), one) for one in raw)
    return Played(month, who.terminal, who.log_epoch, messages, tuple(ledger.rows))


# -- entries -----------------------------------------------------------------------------------------------------------


def drafts(played: Played, contract: Iterable[FeeFact]) -> Iterator[tuple[int, Draft]]:
    """(ms UTC, draft) of every entry: the contract, then what the terminal said, with credits and answers where they fall."""
    month = played.month
    agreed = {notice.number for notice in load_profile(month.profile).notices} if month.consents else set()
    start = opening(month.first) - 86_400_000
    for fact in contract:
        yield start, to_draft(fact, _token)
    banked = [
        (opening(date.fromisoformat(row["date"])), row)
        for row in sorted(played.ledger, key=lambda row: str(row.get("date")))
        if month.credits and row["kind"] == "credit" and row["credited_minor"]
    ]
    last = start
    for message, raw in played.messages:
        last = max(last, message.at)
        while banked and banked[0][0] <= last:
            at, row = banked.pop(0)
            yield at, to_draft(_credit(row), _token)
        said = TerminalSaid(
            terminal=played.terminal, log_epoch=played.log_epoch, sha256=sha256(raw).digest(), message=message
        )
        yield last, to_draft(said, _token)
        if isinstance(message, TariffNotice) and message.notice in agreed:
            answer = TariffAnswer(target=f"{message.notice}/{message.product}", accepted=True, operator="01")
            yield last, to_draft(answer, _token)


def entries(played: Played, contract: Iterable[FeeFact]) -> list[Entry]:
    """The same as a journal numbers them, after its entry 0; private values stand in them."""
    made = [Entry(0, 0, "journal.opened", 1, {})]
    for seq, (at, draft) in enumerate(drafts(played, contract), 1):
        body = msgspec.json.decode(msgspec.json.encode(draft.body))  # as it is read back
        body |= {f"{name}_sha256": sha256(value.encode()).hexdigest() for name, value in draft.private.items()}
        made.append(Entry(seq, at, draft.kind, 1, body, draft.private))
    return made


def _credit(row: Row) -> BankCredit:
    return BankCredit(
        on=date.fromisoformat(row["date"]),
        amount=Money(row["credited_minor"], CNY),
        batch=row.get("batch"),
        source="bank.csv",
        line=1,
    )


@cache
def _token(token: bytes) -> bytes:
    return sha256(b"months" + token).digest()
