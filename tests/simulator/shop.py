"""A trade without a line: the log is acknowledged as soon as it is written."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from protocol.dialect import dialect
from protocol.messages import DepositReturn, DepositStatus, DepositUpdate
from protocol.money import Money
from simulator.book import Book
from simulator.clock import SimulatedClock
from simulator.host import Host
from simulator.identity import identity
from simulator.ledger import Ledger
from simulator.log import TerminalLog
from simulator.profile import load_profile
from simulator.trade import Calendar, Trade

DAY = date(2026, 3, 2)
NATIVE = dialect("native")


class Shop:
    """profile, seed, days, transactions: as `sim run` has them. lies, deposit: as there."""

    def __init__(
        self,
        folder: Path,
        *,
        profile: str = "classic",
        seed: int = 7,
        transactions: int = 40,
        days: int = 2,
        first: date = DAY,
        lies: tuple[str, ...] = (),
        deposit: str | None = None,
    ) -> None:
        who = identity(profile, seed)
        self.folder = folder
        self.log = TerminalLog(folder / "state", who.terminal, who.log_epoch)
        self.ledger = Ledger(folder / "ledger")
        self.clock = SimulatedClock(0)
        self.host = Host(folder / "state" / "host.jsonl", self.log, self.ledger, self.clock)
        self.book = Book(
            profile=load_profile(profile),
            seed=seed,
            identity=who,
            log=self.log,
            ledger=self.ledger,
            encode=NATIVE.encode,
            decode=NATIVE.decode,
            host=self.host,
            lies=lies,
            deposit_plan=deposit,
        )
        self.trade = Trade(
            profile=load_profile(profile),
            seed=seed,
            calendar=Calendar(first, days, transactions),
            log=self.log,
            ledger=self.ledger,
            book=self.book,
            clock=self.clock,
        )
        self.trade.start("b", 0)

    def play(self) -> Shop:
        """To the end of the calendar."""
        while not self.trade.finished:
            self.trade.run(0)
            self.log.acknowledge(self.log.last_written)
        return self

    def apply(self, reference: str, minor: int, text: str = "请退还押金") -> DepositStatus | None:
        asked = DepositReturn(reference=reference, amount=Money(minor), application=text)
        return self.book.apply(asked, self.clock.time(0))

    def close(self) -> None:
        self.log.close()
        self.ledger.close()
        self.host.close()

    def events(self) -> list[Any]:
        return [NATIVE.decode(self.log.event(n)) for n in range(1, self.log.last_written + 1)]

    def words(self) -> list[DepositUpdate]:
        return [event for event in self.events() if isinstance(event, DepositUpdate)]

    def lines(self, *kinds: str) -> list[dict[str, Any]]:
        """The ledger, or its lines of these kinds."""
        found = [json.loads(line) for line in (self.folder / "ledger").read_text("utf-8").splitlines()]
        return [line for line in found if not kinds or line["kind"] in kinds]
