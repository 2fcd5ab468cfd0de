"""The same terminal on the vendors' wires, which have no events, no whole references and no pairing."""

from __future__ import annotations

import json
import os
import select
import time
from pathlib import Path
from typing import Any

import pytest
import serial

from protocol import messages as m
from protocol.conversation import Conversation
from protocol.dialect import Role
from protocol.events import Progressed, Replied, SessionOpened
from protocol.messages import RequestState, Stage
from protocol.money import Money

REFERENCES = [f"0192e5a0c1d27abc8def0123456789{n:02x}" for n in range(20)]
EUR, CLP = 978, 152
WIRES = [("telium", EUR), ("transbank", CLP)]


class Desk:
    """A register of ours at a bench, on one of these wires."""

    def __init__(self, bench, dialect: str, currency: int, **settings: Any) -> None:
        self.currency = currency
        self.b = bench(dialect_name=dialect, currency=currency, transactions=0, **settings)
        self.b.start()
        self._step(lambda: self.b.agent.is_open)

    def _step(self, over) -> None:
        """Time goes on by what either end waits for: these wires have pauses."""
        for _ in range(200):
            if over():
                return
            due = [d for d in (self.b.agent.deadline, self.b.terminal.deadline) if d is not None]
            self.b.later(max(1, min(due, default=self.b.now + 100) - self.b.now))
        pytest.fail(f"nothing came of it: {self.b.happened}")

    def ask(self, request: m.Request) -> m.Reply:
        number = self.b.agent.request(request, self.b.now)
        self.b.exchange()

        def replies() -> list[m.Reply]:
            return [e.message for e in self.b.happened if isinstance(e, Replied) and e.request_id == number]

        self._step(replies)
        return replies()[0]

    def sell(self, amount: int, reference: str = REFERENCES[0]) -> m.Result:
        reply = self.ask(m.Sale(reference=reference, amount=Money(amount, self.currency), deadline=2**53 - 1))
        assert isinstance(reply, m.Result) and reply.reference == reference
        return reply

    def done(self) -> list[dict[str, Any]]:
        return [line for line in self.b.lines() if line["kind"] not in ("day.closed", "host")]


@pytest.mark.parametrize(("dialect", "currency"), WIRES)
def test_a_sale_and_a_decline_stand_in_the_ledger_in_the_wires_currency(bench, dialect: str, currency: int) -> None:
    desk = Desk(bench, dialect, currency)
    first, second = desk.sell(1_500), desk.sell(1_551, REFERENCES[1])
    assert (first.state, first.amount) == (RequestState.APPROVED, Money(1_500, currency))
    assert second.state is RequestState.DECLINED
    lines = desk.done()
    assert [(x["amount_minor"], x["outcome"], x["response_code"]) for x in lines] == [
        (1_500, "approved", "00"),
        (1_551, "declined", "51"),
    ]
    assert {x["currency"] for x in lines} == {currency}
    assert int(lines[1]["trace"]) == int(lines[0]["trace"]) + 1


@pytest.mark.parametrize(("dialect", "currency"), WIRES)
def test_the_same_ticket_twice_is_two_sales(bench, dialect: str, currency: int) -> None:
    """As at the vendors' terminals: nothing on the wire tells a register's second question from a second customer's."""
    desk = Desk(bench, dialect, currency)
    assert desk.sell(1_500).state is desk.sell(1_500).state is RequestState.APPROVED
    first, second = desk.done()
    assert first["reference"] != second["reference"] and first["trace"] != second["trace"]
    before = (desk.b.folder / "ledger.jsonl").read_bytes()
    again = Desk(bench, dialect, currency)
    assert (again.b.folder / "ledger.jsonl").read_bytes() == before
    assert again.sell(1_500).state is RequestState.APPROVED and len(again.done()) == 3


def test_another_currency_than_the_terminals_is_declined(bench) -> None:
    desk = Desk(bench, "telium", EUR)
    desk.currency = 840
    assert desk.sell(1_500).state is RequestState.DECLINED
    assert desk.done() == []


def test_stages_where_the_wire_has_words_for_them(bench) -> None:
    desk = Desk(bench, "transbank", CLP, speed=10)
    desk.sell(2_000)
    stages = [e.message.stage for e in desk.b.happened if isinstance(e, Progressed)]
    assert stages == [Stage.PRESENT_CARD, Stage.PIN, Stage.HOST]
    telium = Desk(bench, "telium", EUR, speed=10)
    telium.sell(2_000)
    assert [e for e in telium.b.happened if isinstance(e, Progressed)] == []


def test_transbank_totals_last_sale_void_and_close(bench) -> None:
    desk = Desk(bench, "transbank", CLP)
    nothing = desk.ask(m.LastTransactionQuery())
    assert isinstance(nothing, m.Result) and nothing.state is RequestState.NOT_FOUND
    first, second = desk.sell(1_000), desk.sell(2_500, REFERENCES[1])
    assert desk.sell(2_551, REFERENCES[2]).state is RequestState.DECLINED
    last = desk.ask(m.LastTransactionQuery())
    assert isinstance(last, m.Result) and first.trace is not None and second.trace is not None
    assert (last.state, last.amount, last.trace) == (RequestState.APPROVED, Money(2_500, CLP), second.trace)
    assert last.reference != second.reference, "of its own making: the wire has no more than the ticket"

    totals = desk.ask(m.TotalsQuery())
    assert isinstance(totals, m.Totals) and (totals.count, totals.amount) == (2, Money(3_500, CLP))

    def void(trace: str, reference: str) -> m.Reply:
        money = Money(1_000, CLP)
        return desk.ask(
            m.Void(
                reference=reference,
                original_reference=REFERENCES[0],
                original_trace=trace,
                amount=money,
                deadline=2**53 - 1,
            )
        )

    undone = void(first.trace, REFERENCES[3])
    assert isinstance(undone, m.Result) and undone.state is RequestState.APPROVED
    line = desk.done()[-1]
    sale = desk.done()[0]
    assert (line["kind"], line["amount_minor"], line["original_reference"]) == ("void", 1_000, sale["reference"])
    again = void(first.trace, REFERENCES[4])
    assert isinstance(again, m.Result) and again.state is RequestState.DECLINED
    assert len(desk.done()) == 4, "and no sale of that number is in the open batch: nothing is entered"
    totals = desk.ask(m.TotalsQuery())
    assert isinstance(totals, m.Totals) and (totals.count, totals.amount) == (1, Money(2_500, CLP))

    closed = desk.ask(m.Settle())
    assert isinstance(closed, m.SettleReply) and closed.settled
    totals = desk.ask(m.TotalsQuery())
    assert isinstance(totals, m.Totals) and (totals.count, totals.amount) == (0, Money(0, CLP))
    late = void(second.trace, REFERENCES[5])
    assert isinstance(late, m.Result) and late.state is RequestState.DECLINED


@pytest.mark.parametrize(("dialect", "currency"), WIRES)
def test_as_a_process_on_a_pty(tmp_path: Path, simulate, dialect: str, currency: int) -> None:
    s = simulate(tmp_path, "--dialect", dialect, "--seed", "7", "--speed", "0", paired=False)
    assert set(s.ready) == {"link", "terminal"}
    assert not (s.state / "link.key").exists()

    def now() -> int:
        return time.monotonic_ns() // 1_000_000

    agent = Conversation(dialect, Role.AGENT, random=os.urandom, line_rate=9_600)
    result: m.Reply | None = None
    end = now() + 15_000
    with serial.Serial(str(s.port), 9_600, timeout=0, write_timeout=1) as line:
        agent.open(now())
        while result is None:
            assert now() < end
            agent.tick(now())
            if out := agent.outgoing(now()):
                line.write(out)
            due = agent.deadline
            wait = 0.05 if due is None else min(0.05, max(0, due - now()) / 1000)
            if select.select([line.fileno()], [], [], wait)[0]:
                agent.receive(line.read(65536), now())
            for event in agent.events():
                if isinstance(event, SessionOpened):
                    money = Money(4_200, currency)
                    agent.request(m.Sale(reference=REFERENCES[0], amount=money, deadline=now() + 60_000), now())
                elif isinstance(event, Replied):
                    result = event.message
    assert isinstance(result, m.Result) and result.state is RequestState.APPROVED
    lines = [json.loads(x) for x in s.ledger.read_text().splitlines()]
    assert [(x["kind"], x["amount_minor"]) for x in lines] == [("host", 4_200), ("sale", 4_200)]
    s.process.terminate()
    assert s.process.wait(10) == 0


@pytest.mark.parametrize("dialect", ["telium", "transbank"])
def test_days_pass_there_too(tmp_path: Path, simulate, dialect: str) -> None:
    s = simulate(tmp_path, "--dialect", dialect, "--speed", "1000000", "--days", "2", "--then", "exit", paired=False)
    assert s.process.wait(20) == 0
    lines = [json.loads(x) for x in s.ledger.read_text().splitlines()]
    assert [(x["kind"], x["transactions"]) for x in lines] == [("day.closed", 0)] * 2
