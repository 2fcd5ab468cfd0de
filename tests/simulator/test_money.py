"""BEGIN, fences, reversals and Status at the simulated terminal, and the host beyond it (docs/protocol.md §4)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from protocol import messages as m
from protocol.events import Replied
from protocol.messages import ErrorCode, RequestState, Stage
from protocol.money import Money
from simulator.errors import SimulatorError
from simulator.host import Action, Host
from tests.simulator.conftest import MemoryBench

NEVER = 2**53 - 1
SALE, REFUND, OTHER = (f"0192e5a0c1d27abc8def0123456789{n}" for n in ("01", "02", "ff"))
HOST_AT, HOST_TAKES, GIVES_UP, LATE = 8_000, 2_000, 60_000, 75_000
"""docs/simulator.md, "At the counter": simulated ms."""


def sale(amount: int = 12_300, reference: str = SALE, **fields: Any) -> m.Sale:
    return m.Sale(reference=reference, amount=Money(amount), deadline=fields.pop("deadline", NEVER), **fields)


def refund(amount: int, reference: str = REFUND) -> m.Refund:
    return m.Refund(reference=reference, original_reference=SALE, amount=Money(amount), deadline=NEVER)


def opened(bench, **settings: Any) -> MemoryBench:
    b = bench(**{"transactions": 0, "speed": 1, **settings})
    b.start()
    return b


def asked(b: MemoryBench, request: m.Request) -> int:
    number = b.agent.request(request, b.now)
    b.exchange()
    return number


def answer(b: MemoryBench, number: int) -> m.Reply | None:
    found = [e.message for e in b.happened if isinstance(e, Replied) and e.request_id == number]
    assert len(found) <= 1
    return found[0] if found else None


def status(b: MemoryBench, reference: str = SALE, *, fence: bool = False) -> m.StatusReply:
    reply = b.ask(m.StatusQuery(reference=reference, fence=fence))
    assert isinstance(reply, m.StatusReply) and reply.reference == reference and reply.log_epoch == b.log.epoch
    return reply


def lines(b: MemoryBench) -> list[dict[str, Any]]:
    return [json.loads(x) for x in (b.folder / "state" / "log.jsonl").read_text().splitlines()]


def transactions(b: MemoryBench) -> list[m.Transaction]:
    found = [b.agent.dialect.decode(b.log.event(n)) for n in range(1, b.log.last_written + 1)]
    return [x for x in found if isinstance(x, m.Transaction)]


def deeds(b: MemoryBench) -> list[tuple[str, int]]:
    """What the host did, as the ledger tells it."""
    return [(x["action"], x["amount_minor"]) for x in b.lines() if x["kind"] == "host"]


def come_back(b: MemoryBench) -> None:
    """The agent finds its session gone, and makes another."""
    for _ in range(60):
        b.later(500)
    assert b.agent.is_open and b.terminal.in_session


# -- BEGIN -------------------------------------------------------------------------------------------------------------


def test_begin_stands_in_the_log_before_the_host_is_asked_and_the_outcome_after(bench) -> None:
    b = opened(bench)
    number = asked(b, sale())
    b.later(HOST_AT - 1)
    assert not any("begin" in x for x in lines(b)) and deeds(b) == []
    b.later(1)
    assert "begin" in lines(b)[-1] and lines(b)[-1]["begin"]["reference"] == SALE
    assert deeds(b) == [("authorised", 12_300)] and transactions(b) == []
    b.later(HOST_TAKES)
    assert [x.reference for x in transactions(b)] == [SALE]
    reply = answer(b, number)
    assert isinstance(reply, m.Result) and reply.state is RequestState.APPROVED
    assert b.host.charged(SALE) == 12_300


def test_begin_is_written_before_the_host_hears_of_it(bench, monkeypatch) -> None:
    """In this order, and not merely in the same millisecond."""
    b = opened(bench)
    seen: list[bool] = []
    ask = b.host.ask

    def watched(*args: Any) -> Any:
        seen.append(any("begin" in x for x in lines(b)))
        return ask(*args)

    monkeypatch.setattr(b.host, "ask", watched)
    asked(b, sale())
    b.later(HOST_AT)
    assert seen == [True]


@pytest.mark.parametrize("kind", ["sale", "refund"])
def test_a_begin_without_an_outcome_is_reversed_at_boot(bench, kind: str) -> None:
    b = opened(bench)
    asked(b, sale())
    b.later(HOST_AT + HOST_TAKES)
    request: m.MoneyRequest = sale(500, OTHER) if kind == "sale" else refund(500, OTHER)
    asked(b, request)
    b.later(HOST_AT if kind == "sale" else 0)
    assert b.host.charged(OTHER) == 500
    b = opened(bench)  # killed and started again
    _, reversal = transactions(b)
    assert (reversal.kind, reversal.original_reference) == (m.TransactionKind.REVERSAL, OTHER)
    assert (reversal.amount, reversal.outcome) == (Money(500), m.Outcome.APPROVED)
    assert len(reversal.reference) == 32 and reversal.reference not in (OTHER, SALE)
    assert b.host.charged(OTHER) == 0 and b.host.charged(SALE) == 12_300
    assert deeds(b)[-2:] == [("authorised", 500), ("reversed", 500)]
    told = status(b, OTHER)
    assert (told.state, told.fenced, told.event) == (RequestState.VOIDED, True, reversal.number)
    again = b.ask(request)
    assert isinstance(again, m.Result) and again.state is RequestState.VOIDED and again.amount is None
    assert status(b).state is RequestState.APPROVED
    before = b.log.last_written
    b = opened(bench)
    assert len(transactions(b)) == 2 and b.log.last_written == before + 1, "reversed once: only the boot is new"
    if kind == "refund":
        b.later(5_000)
        asked(b, refund(12_300))
        b.later(HOST_TAKES)
        assert b.host.charged(REFUND) == 12_300, "what was reversed can still go back"


def test_a_reversal_costs_nothing_and_is_in_no_batch(bench) -> None:
    b = opened(bench)
    asked(b, sale())
    b.later(HOST_AT)
    b = opened(bench)
    (line,) = [x for x in b.lines() if x["kind"] == "reversal"]
    assert line["fee_minor"] == 0 and b.book.totals == (0, 0)
    # of a void that was never settled and of a sale that never was there is nothing to refund
    reply = b.ask(refund(1))
    assert isinstance(reply, m.Error) and reply.code is ErrorCode.OUT_OF_BOUNDS


def test_what_goes_back_is_reserved_while_the_host_thinks(bench) -> None:
    """A planned refund meanwhile would take the sale's last fen a second time."""
    b = opened(bench)
    asked(b, sale(10_000))
    b.later(HOST_AT + HOST_TAKES)
    asked(b, refund(6_000))
    original = b.book.find(SALE)
    assert original is not None
    assert b.book.refusal(m.TransactionKind.REFUND, original, Money(4_001)) == "13"
    assert b.book.refusal(m.TransactionKind.REFUND, original, Money(4_000)) is None
    b.later(HOST_TAKES)
    assert b.book.refusal(m.TransactionKind.REFUND, original, Money(4_001)) == "13"


# -- fences and Status -------------------------------------------------------------------------------------------------


def test_status_without_a_fence_promises_nothing(bench) -> None:
    b = opened(bench)
    told = status(b)
    assert (told.state, told.fenced) == (RequestState.NOT_FOUND, False)
    assert not any("fence" in x for x in lines(b))
    number = asked(b, sale())
    b.later(HOST_AT + HOST_TAKES)
    reply = answer(b, number)
    assert isinstance(reply, m.Result) and reply.state is RequestState.APPROVED


@pytest.mark.parametrize("restart", [False, True])
def test_a_fenced_reference_is_never_done(bench, restart: bool) -> None:
    b = opened(bench)
    told = status(b, fence=True)
    assert (told.state, told.fenced) == (RequestState.NOT_FOUND, True)
    assert {"fence": SALE} in lines(b), "before the answer"
    if restart:
        b = opened(bench)
    for _ in range(2):
        reply = b.ask(sale())
        assert reply == m.Result(reference=SALE, state=RequestState.VOIDED, request_id=reply.request_id)
    b.later(200_000)
    assert transactions(b) == [] and deeds(b) == [] and not b.counter.busy
    assert status(b).fenced and status(b, OTHER).fenced is False


def test_the_fence_is_in_the_log_before_it_is_told(bench, monkeypatch) -> None:
    b = opened(bench)
    monkeypatch.setattr(b.log, "fence", lambda reference: (_ for _ in ()).throw(OSError("the disk is full")))
    with pytest.raises(OSError, match="disk"):
        status(b, fence=True)
    assert not [e for e in b.happened if isinstance(getattr(e, "message", None), m.StatusReply)]


def test_status_on_the_way(bench) -> None:
    """Until the host is asked a fence takes it back; from then on only the outcome ends it."""
    b = opened(bench)
    asked(b, sale())
    assert status(b).state is RequestState.IN_PROGRESS
    b.later(HOST_AT)
    told = status(b, fence=True)
    assert (told.state, told.fenced) == (RequestState.IN_PROGRESS, False)
    assert not any("fence" in x for x in lines(b))
    b.later(HOST_TAKES)
    told = status(b, fence=True)
    assert (told.state, told.fenced, told.amount) == (RequestState.APPROVED, False, Money(12_300))
    assert (told.event, told.response_code, told.trace) == (1, "00", transactions(b)[0].trace)


def test_a_fence_takes_back_what_no_host_was_asked_yet(bench) -> None:
    b = opened(bench)
    number = asked(b, sale())
    b.later(HOST_AT - 1)
    told = status(b, fence=True)
    assert (told.state, told.fenced) == (RequestState.NOT_FOUND, True)
    reply = answer(b, number)
    assert isinstance(reply, m.Result) and reply.state is RequestState.VOIDED
    b.later(200_000)
    assert transactions(b) == [] and deeds(b) == []
    again = asked(b, sale(700, OTHER))
    b.later(HOST_AT + HOST_TAKES)
    done = answer(b, again)
    assert isinstance(done, m.Result) and done.state is RequestState.APPROVED, "the lane is free"


def test_status_of_a_declined_one(bench) -> None:
    b = opened(bench, speed=0)
    b.ask(sale(151))
    told = status(b)
    assert (told.state, told.response_code, told.fenced) == (RequestState.DECLINED, "51", True)


def test_a_confirmed_one_is_not_reversed_and_neither_is_one_that_nobody_confirmed(bench) -> None:
    b = opened(bench, speed=0)
    b.ask(sale())
    b.ask(sale(700, OTHER))
    b.agent.send(m.Confirm(reference=SALE), b.now)
    b.exchange()
    assert b.log.confirmed == {SALE}
    b = opened(bench, speed=0)
    assert b.log.confirmed == {SALE}
    assert status(b).state is status(b, OTHER).state is RequestState.APPROVED
    assert {t.kind for t in transactions(b)} == {m.TransactionKind.SALE}


# -- the host ----------------------------------------------------------------------------------------------------------


def test_a_host_that_never_answers_is_given_up_and_reversed(bench) -> None:
    b = opened(bench)
    number = asked(b, sale(1_098))
    b.later(HOST_AT)
    b.later(GIVES_UP - 1)
    assert status(b).state is RequestState.IN_PROGRESS and answer(b, number) is None
    b.later(1)
    reply = answer(b, number)
    assert isinstance(reply, m.Result) and (reply.state, reply.response_code) == (RequestState.VOIDED, "98")
    assert [t.kind for t in transactions(b)] == [m.TransactionKind.REVERSAL]
    assert deeds(b) == [("unanswered", 0), ("reversed", 0)] and b.host.charged(SALE) == 0
    assert status(b).state is RequestState.VOIDED


@pytest.mark.parametrize("restart", [False, True])
def test_an_approval_that_comes_too_late_is_reversed_by_the_host(bench, restart: bool) -> None:
    b = opened(bench)
    asked(b, sale(1_068))
    b.later(HOST_AT)
    b.later(GIVES_UP)
    assert deeds(b) == [("reversed", 0)]
    if restart:
        b = opened(bench)
    b.later(LATE - GIVES_UP)
    assert deeds(b) == [("reversed", 0), ("authorised", 1_068), ("reversed", 1_068)]
    assert b.host.charged(SALE) == 0 and status(b).state is RequestState.VOIDED
    before = (b.folder / "ledger.jsonl").read_bytes()
    b = opened(bench)
    assert (b.folder / "ledger.jsonl").read_bytes().startswith(before), "the same bytes after a restart"


def test_a_terminal_that_slept_over_its_patience_and_the_late_answer_has_given_up_first(bench) -> None:
    """tests/dst, seed 161 of money: the approval was logged, and then reversed."""
    b = opened(bench)
    asked(b, sale(1_068))
    b.later(HOST_AT)
    b.later(LATE + 1)
    assert [t.kind for t in transactions(b)] == [m.TransactionKind.REVERSAL]
    assert deeds(b) == [("reversed", 0), ("authorised", 1_068), ("reversed", 1_068)]
    assert b.host.charged(SALE) == 0 and status(b).state is RequestState.VOIDED


def test_a_host_that_lost_the_reversal_charges_and_the_terminal_says_so(bench) -> None:
    b = opened(bench)
    b.host.keeps_late = True
    asked(b, sale(1_068))
    b.later(HOST_AT)
    b.later(GIVES_UP)
    assert status(b).state is RequestState.VOIDED
    b.later(LATE - GIVES_UP)
    assert b.host.charged(SALE) == 1_068
    assert [t.kind for t in transactions(b)] == [m.TransactionKind.REVERSAL, m.TransactionKind.SALE]
    assert status(b).state is RequestState.APPROVED, "a later contrary truth"
    b = opened(bench)
    assert status(b).state is RequestState.APPROVED and b.host.charged(SALE) == 1_068


def test_the_late_approval_of_an_acquirer_that_lies_stands_in_the_ledger_by_its_name(bench) -> None:
    b = opened(bench)
    b.book.arm(("late_approval:count=1",))
    for n, reference in enumerate((SALE, OTHER)):
        asked(b, sale(500, reference))
        b.later(HOST_AT)
        b.later(HOST_TAKES)
        assert b.counter.busy == (n == 0)
        b.later(GIVES_UP)
        b.later(LATE - GIVES_UP)
    assert [b.host.charged(reference) for reference in (SALE, OTHER)] == [500, 500]
    told = [(x["action"], x["reference"], x.get("lie")) for x in b.lines() if x["kind"] == "host"]
    assert told == [("reversed", SALE, None), ("authorised", SALE, "late_approval"), ("authorised", OTHER, None)]
    assert status(b).state is RequestState.APPROVED
    late, honest = [x for x in b.lines() if x["kind"] == "sale"]
    assert (late["lie"], late["should_amount_minor"], late["should_minor"]) == ("late_approval", 0, 0)
    assert late["fee_minor"] == honest["fee_minor"] == honest["should_minor"] > 0 and "lie" not in honest
    b.book.settle(b.clock.time(b.now))
    (settled,) = [x for x in b.lines() if x["kind"] == "settlement"]
    assert (settled["gross_minor"], settled["sales_count"]) == (1_000, 2), "what was charged is paid to the shop"
    assert settled["credited_minor"] == 1_000 - 2 * honest["fee_minor"] == settled["should_minor"]
    assert settled["fees_minor"] - settled["should_fees_minor"] == late["fee_minor"]


def test_a_refund_that_gives_back_too_much_says_so_everywhere(bench) -> None:
    """李女士's ¥20 (docs/domain.md, acceptance scenarios): of 368.00 are 388.00 given back; D07 is 2000."""
    b = opened(bench, speed=0)
    b.book.arm(("over_refund",))
    b.ask(sale(36_800))
    reply = b.ask(refund(36_800))
    assert isinstance(reply, m.Result) and (reply.state, reply.amount) == (RequestState.APPROVED, Money(38_800))
    assert b.host.charged(REFUND) == 38_800 and status(b, REFUND).amount == Money(38_800)
    (line,) = [x for x in b.lines() if x["kind"] == "refund"]
    assert (line["amount_minor"], line["should_amount_minor"], line["lie"]) == (38_800, 36_800, "over_refund")
    (deed,) = [x for x in b.lines() if x["kind"] == "host" and x["of"] == "refund"]
    assert (deed["amount_minor"], deed["asked_minor"], deed["lie"]) == (38_800, 36_800, "over_refund")
    assert b.ask(refund(36_800)).amount == Money(38_800), "the same question, the same answer"
    assert b.ask(refund(1, OTHER)).state is RequestState.DECLINED, "nothing remains"
    before = (b.folder / "ledger.jsonl").read_bytes()
    b = opened(bench, speed=0)
    assert (b.folder / "ledger.jsonl").read_bytes().startswith(before)


def test_a_partial_approval_names_what_was_taken(bench) -> None:
    b = opened(bench, speed=0)
    reply = b.ask(sale(1_010))
    assert isinstance(reply, m.Result)
    assert (reply.state, reply.amount, reply.response_code) == (RequestState.APPROVED, Money(505), "10")
    assert b.host.charged(SALE) == 505
    assert [x["asked_minor"] for x in b.lines() if x["kind"] == "host"] == [1_010]
    again = b.ask(sale(1_010))
    assert replace(again, request_id=reply.request_id) == reply, "the same question: it is about what was asked"
    other = b.ask(sale(505))
    assert isinstance(other, m.Error) and other.code is ErrorCode.OUT_OF_BOUNDS
    assert b.ask(refund(506)).response_code == "13" and b.ask(refund(505, OTHER)).response_code == "05"
    b = opened(bench, speed=0)
    assert replace(b.ask(sale(1_010)), request_id=reply.request_id) == reply


def test_in_progress_for_ever_until_a_reboot(bench) -> None:
    b = opened(bench)
    asked(b, sale(1_009))
    b.later(HOST_AT)
    b.later(24 * 3_600_000)
    assert status(b, fence=True).state is RequestState.IN_PROGRESS
    refused = b.ask(sale(500, OTHER))
    assert isinstance(refused, m.Error) and refused.code is ErrorCode.NOT_NOW
    b.terminal.reboot(b.now)
    come_back(b)
    assert status(b).state is RequestState.VOIDED
    assert b.host.charged(SALE) == 0 and not b.counter.busy


def test_the_host_does_not_know_a_reference_again(bench) -> None:
    """A terminal that lost its log charges twice, and the ledger shows it: this is what a judge must find."""
    b = opened(bench, speed=0)
    b.ask(sale())
    b.terminal.replace_log(b.now)
    come_back(b)
    b.ask(sale())
    assert b.host.charged(SALE) == 24_600 and deeds(b) == [("authorised", 12_300)] * 2


def test_ledger_and_hosts_book_agree_after_every_restart(bench) -> None:
    b = opened(bench, speed=0)
    for n, amount in enumerate((5_000, 151, 1_010, 1_068, 1_098, 700)):
        b.ask(sale(amount, f"{n:032x}"))
    before = b.lines()
    b = opened(bench, speed=0)
    assert b.lines() == before
    said = [(x["action"], x["reference"], x["amount_minor"]) for x in before if x["kind"] == "host"]
    assert said == [(d.action, d.reference, d.amount_minor) for d in b.host.deeds() if not d.late]
    sold = {x["reference"]: x["amount_minor"] for x in before if x["kind"] == "sale" and x["outcome"] == "approved"}
    assert {f"{n:032x}": b.host.charged(f"{n:032x}") for n in (0, 2, 5)} == sold
    assert [b.host.charged(f"{n:032x}") for n in (1, 3, 4)] == [0, 0, 0]
    assert Action.UNANSWERED in {d.action for d in b.host.deeds()}


def test_a_torn_or_damaged_book_of_the_host(bench, tmp_path) -> None:
    b = opened(bench, speed=0)
    b.ask(sale())
    b.close()
    book = tmp_path / "state" / "host.jsonl"
    whole = book.read_bytes()
    book.write_bytes(whole + b'{"action":"auth')
    b = opened(bench, speed=0)
    assert b.host.charged(SALE) == 12_300 and book.read_bytes() == whole
    book.write_bytes(whole + b'{"action":"invented"}\n')
    with pytest.raises(SimulatorError, match=r"host's book .* is damaged at line 2\. Move it away"):
        Host(book, b.log, b.ledger, b.clock)


def test_stages_while_it_waits(bench) -> None:
    b = opened(bench)
    asked(b, sale(1_098))
    b.later(GIVES_UP + HOST_AT - 1)
    assert b.stages() == [Stage.PRESENT_CARD, Stage.PIN, Stage.HOST]
