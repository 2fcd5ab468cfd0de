"""A day carried out: the same log and ledger however often it is cut off, at whatever byte of the log."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from random import Random

import pytest

from protocol.dialect import dialect
from protocol.messages import DeviceEvent
from simulator.book import Book
from simulator.clock import SimulatedClock, closing, iso, opening
from simulator.errors import SimulatorError
from simulator.host import Host
from simulator.identity import identity
from simulator.ledger import Ledger
from simulator.log import TerminalLog
from simulator.profile import load_profile
from simulator.trade import Calendar, Trade

DAY = date(2026, 3, 2)
NATIVE = dialect("native")


class Shop:
    """A trade without a line: the log is acknowledged as soon as it is written."""

    def __init__(self, folder: Path, *, transactions: int = 30, days: int = 2, first: date = DAY) -> None:
        who = identity("classic", 7)
        self.log = TerminalLog(folder / "state", who.terminal, who.log_epoch)
        self.ledger = Ledger(folder / "ledger")
        self.clock = SimulatedClock(0)
        self.host = Host(folder / "state" / "host.jsonl", self.log, self.ledger, self.clock)
        self.book = Book(
            profile=load_profile("classic"),
            seed=7,
            identity=who,
            log=self.log,
            ledger=self.ledger,
            encode=NATIVE.encode,
            decode=NATIVE.decode,
            host=self.host,
        )
        self.trade = Trade(
            profile=load_profile("classic"),
            seed=7,
            calendar=Calendar(first, days, transactions),
            log=self.log,
            ledger=self.ledger,
            book=self.book,
            clock=self.clock,
        )

    def play(self) -> None:
        self.trade.start("b", 0)
        while not self.trade.finished:
            self.trade.run(0)
            self.log.acknowledge(self.log.last_written)

    def close(self) -> None:
        self.log.close()
        self.ledger.close()
        self.host.close()


def played(folder: Path, **settings: object) -> tuple[bytes, list[object]]:
    """Plays to the end; the ledger, and the events but for numbers and reboots."""
    shop = Shop(folder, **settings)  # type: ignore[arg-type]
    shop.play()
    messages = [NATIVE.decode(shop.log.event(n)) for n in range(1, shop.log.last_written + 1)]
    assert [m.number for m in messages] == list(range(1, len(messages) + 1))
    facts = [repr(m).replace(f"number={m.number},", "") for m in messages if not isinstance(m, DeviceEvent)]
    shop.close()
    return (folder / "ledger").read_bytes(), facts


def test_cut_off_anywhere_in_the_log_the_days_come_out_the_same(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    expected = played(tmp_path / "whole")
    whole = (tmp_path / "whole" / "state" / "log.jsonl").read_bytes()
    rng = Random(11)
    cuts = {0, 1, len(whole) - 1, *(rng.randrange(len(whole)) for _ in range(40))}
    fee_lines = [i for i in range(len(whole)) if whole.startswith(b'"m":"0102', i)]
    cuts |= {fee_lines[0], fee_lines[len(fee_lines) // 2], fee_lines[-1]}  # between a transaction and its fee line
    for cut in sorted(cuts):
        folder = tmp_path / str(cut)
        (folder / "state").mkdir(parents=True)
        (folder / "state" / "log.jsonl").write_bytes(whole[:cut])
        assert played(folder) == expected, f"cut at {cut}"


def test_a_second_run_of_what_is_done_changes_nothing_but_the_boots(tmp_path: Path) -> None:
    once = played(tmp_path)
    assert played(tmp_path) == once


def test_later_days_may_follow_in_another_run(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    whole = played(tmp_path / "one", days=3)
    for first in (DAY, date(2026, 3, 3), date(2026, 3, 4)):
        pieces = played(tmp_path / "two", days=1, first=first)
    assert pieces == whole


@pytest.mark.parametrize(
    "other", [{"transactions": 31}, {"first": date(2026, 3, 1), "days": 1}, {"first": date(2026, 3, 4)}]
)
def test_a_calendar_that_the_log_contradicts_is_refused(tmp_path: Path, other: dict[str, object]) -> None:
    shop = Shop(tmp_path)
    shop.trade.start("b", 0)
    shop.trade.run(0)
    shop.close()
    with pytest.raises(SimulatorError):
        Shop(tmp_path, **other)  # type: ignore[arg-type]


def test_the_ledgers_totals_are_the_sums_of_its_lines(tmp_path: Path) -> None:
    ledger, _ = played(tmp_path, transactions=400, days=1)
    *lines, settlement, closed = [json.loads(line) for line in ledger.splitlines()]
    assert settlement["kind"] == "settlement"
    approved = [x for x in lines if x["outcome"] == "approved"]
    voided = {x["original_reference"] for x in approved if x["kind"] == "void"}
    sales = [x for x in approved if x["kind"] == "sale" and x["reference"] not in voided]
    assert len(lines) == closed["transactions"] == closed["approved"] + closed["declined"] == 400
    assert closed["sales_minor"] == sum(x["amount_minor"] for x in sales)
    assert closed["fees_minor"] == sum(x["fee_minor"] for x in lines) == sum(x["fee_minor"] for x in sales)
    refunds = sum(x["amount_minor"] for x in approved if x["kind"] == "refund")
    assert closed["net_minor"] == closed["sales_minor"] - refunds - closed["fees_minor"]
    assert voided and refunds and closed["declined"]
    # docs/domain.md A1, 传统大POS, as whole cents of exact rates: half up, at most ¥20 on cards
    rates = {"credit": (60, 2000), "debit": (55, 2000), "qr_wallet": (38, None), "qr_credit": (38, None)}
    for sale in [x for x in approved if x["kind"] == "sale"]:
        rate, cap = rates[sale["product"]]
        fee = (sale["amount_minor"] * rate + 5_000) // 10_000
        assert sale["fee_minor"] == (min(fee, cap) if cap else fee)


def test_opening_hours_are_those_of_shanghai() -> None:
    # 09:00 and 21:00 at UTC+8
    assert iso(opening(DAY)) == "2026-03-02T01:00:00.000Z"
    assert iso(closing(DAY)) == "2026-03-02T13:00:00.000Z"


def test_the_clock_runs_only_forwards_and_says_when_a_time_is_due() -> None:
    clock = SimulatedClock(7)
    clock.jump(1_000, 50, 10_000)
    assert clock.time(50) == 1_000 and clock.time(51) == 1_007
    for at in (1_000, 1_001, 1_007, 1_008, 9_999, 10_000):
        due = clock.due(at)
        assert due is not None and clock.time(due) >= at
        assert due == 50 or clock.time(due - 1) < at
    assert clock.due(10_001) is None and clock.time(10**9) == 10_000
    with pytest.raises(ValueError, match="time cannot go"):
        clock.jump(999, 60, 10_000)
    still = SimulatedClock(0)
    still.jump(1_000, 50, 10_000)
    assert still.time(10**9) == 1_000 and still.due(1_001) is None
