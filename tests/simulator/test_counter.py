"""At the counter: what a register asks for over the native wire, and what stands in log and ledger then (docs/simulator.md)."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from protocol import messages as m
from protocol.messages import ErrorCode, Outcome, RequestState, Stage
from protocol.money import Money

NEVER = 2**53 - 1
SALE, REFUND, VOID = (f"0192e5a0c1d27abc8def0123456789{n}" for n in ("01", "02", "03"))
OTHER = "0192e5a0c1d27abc8def0123456789ff"


def sale(amount: int = 12_300, reference: str = SALE, **fields: Any) -> m.Sale:
    return m.Sale(reference=reference, amount=Money(amount), deadline=fields.pop("deadline", NEVER), **fields)


def refund(amount: int, reference: str = REFUND, original: str = SALE) -> m.Refund:
    return m.Refund(reference=reference, original_reference=original, amount=Money(amount), deadline=NEVER)


def void(amount: int | None = 12_300, reference: str = VOID, original: str = SALE) -> m.Void:
    money = None if amount is None else Money(amount)
    return m.Void(reference=reference, original_reference=original, amount=money, deadline=NEVER)


def opened(bench, **settings: Any):
    b = bench(**{"transactions": 0, **settings})
    b.start()
    assert b.agent.is_open
    return b


def outcome(b, request: m.MoneyRequest) -> tuple[RequestState, str | None]:
    reply = b.ask(request)
    assert isinstance(reply, m.Result) and reply.reference == request.reference
    return reply.state, reply.response_code


def error(b, request: m.Request) -> ErrorCode:
    reply = b.ask(request)
    assert isinstance(reply, m.Error)
    return reply.code


def logged(b) -> list[m.Message]:
    return [b.agent.dialect.decode(b.log.event(n)) for n in range(1, b.log.last_written + 1)]


def done(b) -> list[dict[str, Any]]:
    """The ledger but for its closings: at speed 0 a day without a calendar is over at once."""
    return [line for line in b.lines() if line["kind"] in ("sale", "refund", "void", "reversal")]


APPROVED = (RequestState.APPROVED, "00")


def test_a_sale_is_told_in_stages_and_then_as_result_event_and_ledger_line(bench) -> None:
    b = opened(bench)
    reply = b.ask(sale(12_300, operator="07"))
    assert b.stages() == [Stage.PRESENT_CARD, Stage.PIN, Stage.HOST]
    transaction, fee = logged(b)
    assert isinstance(reply, m.Result) and isinstance(transaction, m.Transaction) and isinstance(fee, m.Fee)
    assert reply == m.Result(
        reference=SALE,
        state=RequestState.APPROVED,
        amount=Money(12_300),
        response_code="00",
        product=transaction.product,
        trace=transaction.trace,
        batch=transaction.batch,
        rrn=transaction.rrn,
        auth_code=transaction.auth_code,
        scheme="unionpay",
        masked_pan=transaction.masked_pan,
        entry_mode=transaction.entry_mode,
        terminal_time=transaction.at,
        event=1,
        request_id=1,
    )
    assert (transaction.reference, transaction.amount, transaction.operator) == (SALE, Money(12_300), "07")
    assert transaction.masked_pan is not None and transaction.masked_pan[6:12] == "******"
    # docs/domain.md A1, 传统大POS: 0.6% or 0.55% of ¥123.00, half up
    expected = {m.Product.CREDIT: 74, m.Product.DEBIT: 68}[transaction.product]
    assert (fee.transaction, fee.amount) == (SALE, Money(expected))
    (line,) = done(b)
    assert (line["kind"], line["reference"], line["amount_minor"], line["fee_minor"]) == (
        "sale",
        SALE,
        12_300,
        expected,
    )
    assert (line["trace"], line["rrn"], line["outcome"]) == (transaction.trace, transaction.rrn, "approved")
    b.ask(m.Sync(start=1))
    assert b.received() == [1, 2], "and the register hears of them as of any other"


def test_stages_come_with_the_simulated_clock_and_not_at_once(bench) -> None:
    b = opened(bench, speed=10)  # the 10 s of a sale are one
    number = b.agent.request(sale(), b.now)
    b.exchange()
    assert b.stages() == [Stage.PRESENT_CARD]
    assert b.terminal.deadline is not None and b.terminal.deadline <= b.now + 400
    b.later(399)
    assert b.stages() == []
    b.later(1)
    assert b.stages() == [Stage.PIN]
    b.later(400)
    assert b.stages() == [Stage.HOST] and b.log.last_written == 0
    b.later(199)
    assert b.log.last_written == 0
    b.later(1)
    replied = [e for e in b.happened if getattr(e, "request_id", None) == number and hasattr(e.message, "state")]
    assert [e.message.state for e in replied] == [RequestState.APPROVED]
    assert b.log.last_written == 2 and done(b)[0]["at"] == "2026-03-02T01:00:10.000Z"


# docs/simulator.md, "What amounts do": last two digits -> ISO 8583 response code
DECLINES = {
    **{5: "05", 14: "14", 41: "41", 43: "43", 51: "51", 54: "54", 55: "55", 57: "57", 58: "58"},
    **{61: "61", 65: "65", 75: "75", 91: "91", 96: "96"},
}
OTHERWISE = {9, 10, 68, 98}
"""In progress for ever, in part, too late, never: tests/simulator/test_host_money.py."""


@pytest.mark.parametrize("digits", DECLINES)
def test_the_amounts_last_digits_choose_a_decline(bench, digits: int) -> None:
    b = opened(bench)
    assert outcome(b, sale(100 + digits)) == (RequestState.DECLINED, DECLINES[digits])
    (line,) = done(b)
    assert (line["outcome"], line["response_code"], line["fee_minor"]) == ("declined", DECLINES[digits], 0)
    assert outcome(b, refund(1)) == (RequestState.DECLINED, "12"), "nothing was paid that could go back"


@pytest.mark.parametrize("digits", DECLINES)
def test_a_refunds_digits_choose_too(bench, digits: int) -> None:
    b = opened(bench)
    assert outcome(b, sale(10_000)) == APPROVED
    assert outcome(b, refund(100 + digits)) == (RequestState.DECLINED, DECLINES[digits])
    assert outcome(b, refund(10_000, OTHER)) == APPROVED, "nothing of it had gone back"


def test_every_other_amount_is_approved(bench) -> None:
    b = opened(bench)
    for cents in set(range(100)) - OTHERWISE:
        assert (outcome(b, sale(1_000 + cents, f"{cents:032x}")) == APPROVED) == (cents not in DECLINES)


def test_a_reference_is_done_once_for_ever(bench) -> None:
    b = opened(bench)
    first = b.ask(sale())
    assert replace(b.ask(sale()), request_id=first.request_id) == first
    assert b.log.last_written == 2
    for other in (sale(12_301), replace(sale(), amount=Money(12_300, 978)), refund(12_300, SALE), void(12_300, SALE)):
        assert error(b, other) is ErrorCode.OUT_OF_BOUNDS
    b = opened(bench)  # killed and started again
    assert replace(b.ask(sale(deadline=0)), request_id=first.request_id) == first
    assert error(b, sale(12_301)) is ErrorCode.OUT_OF_BOUNDS
    assert [t.reference for t in logged(b) if isinstance(t, m.Transaction)] == [SALE]


def test_a_declined_one_stays_declined(bench) -> None:
    b = opened(bench)
    first = b.ask(sale(151))
    assert first.state is RequestState.DECLINED
    assert replace(b.ask(sale(151)), request_id=first.request_id) == first and b.log.last_written == 2


def test_asked_again_while_it_is_under_way_there_is_one_sale_and_one_answer(bench) -> None:
    b = opened(bench, speed=10)
    first = b.agent.request(sale(), b.now)
    b.exchange()
    b.later(450)
    b.stages()
    again = b.agent.request(sale(deadline=b.now + 60_000), b.now)
    b.exchange()
    assert b.stages() == [Stage.PIN], "where it stands"
    different = b.agent.request(sale(1), b.now)
    second = b.agent.request(sale(500, OTHER), b.now)
    b.exchange()
    b.later(550)
    answers = {
        e.request_id: e.message for e in b.happened if isinstance(getattr(e, "message", None), m.Result | m.Error)
    }
    assert first not in answers and answers[again].state is RequestState.APPROVED
    assert answers[different].code is ErrorCode.OUT_OF_BOUNDS and answers[second].code is ErrorCode.NOT_NOW
    assert [line["reference"] for line in done(b)] == [SALE]
    b.later(5_000)
    assert len(done(b)) == 1


def test_a_sale_goes_on_when_its_register_has_gone(bench) -> None:
    b = opened(bench, speed=10)
    b.agent.request(sale(), b.now)
    b.exchange()
    b.agent.leave(b.now)
    b.exchange()
    b.later(1_000)
    assert not b.agent.is_open and [line["reference"] for line in done(b)] == [SALE]


def test_what_came_too_late_is_not_begun(bench) -> None:
    b = opened(bench)
    assert error(b, sale(deadline=b.now)) is ErrorCode.NOT_NOW
    assert b.log.last_written == 0
    assert outcome(b, sale(deadline=b.now + 1)) == APPROVED


def test_a_deadline_that_comes_before_the_host_ends_it_declined(bench) -> None:
    b = opened(bench, speed=10)
    b.agent.request(sale(deadline=b.now + 800), b.now)
    b.exchange()
    b.later(799)
    assert b.stages() == [Stage.PRESENT_CARD, Stage.PIN] and done(b) == []
    b.later(1)
    assert b.stages() == []
    (line,) = done(b)
    assert (line["outcome"], line["response_code"], line["fee_minor"]) == ("declined", "17", 0)
    assert outcome(b, sale()) == (RequestState.DECLINED, "17"), "for ever"


def test_refunds_never_exceed_the_sale(bench) -> None:
    b = opened(bench)
    assert outcome(b, sale(10_000)) == APPROVED
    amounts = (10_001, 6_000, 4_001, 4_000, 1)
    told = [outcome(b, refund(amount, f"{n:032x}")) for n, amount in enumerate(amounts, 1)]
    declined = (RequestState.DECLINED, "13")
    assert told == [declined, APPROVED, declined, APPROVED, declined]
    assert outcome(b, void(10_000)) == declined, "what is refunded is not voided too"
    refunds = [line for line in done(b) if line["kind"] == "refund" and line["outcome"] == "approved"]
    assert [line["amount_minor"] for line in refunds] == [6_000, 4_000]
    assert {line["original_reference"] for line in refunds} == {SALE}
    assert {line["fee_minor"] for line in refunds} == {0}, "the sale's fee is kept (FIXTURE)"
    b = opened(bench)
    assert outcome(b, refund(1, OTHER)) == declined, "a restart forgets nothing"


def test_a_void_is_whole_once_and_of_the_open_batch(bench) -> None:
    b = opened(bench)
    assert outcome(b, sale()) == APPROVED
    assert outcome(b, void(12_299)) == (RequestState.DECLINED, "13")
    assert outcome(b, void(12_300, OTHER)) == APPROVED
    sold, partial, undone = done(b)
    assert (undone["kind"], undone["amount_minor"], undone["original_reference"]) == ("void", 12_300, SALE)
    assert undone["fee_minor"] == -sold["fee_minor"] < 0 == partial["fee_minor"]
    card = [(t.masked_pan, t.card_token, t.product) for t in logged(b) if isinstance(t, m.Transaction)]
    assert len(set(card)) == 1, "by the way it came"
    assert outcome(b, void(12_300, REFUND)) == (RequestState.DECLINED, "12")
    assert outcome(b, refund(1, "a" * 32)) == (RequestState.DECLINED, "12")
    old = sale(700, "b" * 32)
    assert outcome(b, old) == APPROVED
    assert b.ask(m.Settle()).settled
    assert outcome(b, void(700, "c" * 32, "b" * 32)) == (RequestState.DECLINED, "12"), "its batch is closed"
    assert outcome(b, refund(700, "d" * 32, "b" * 32)) == APPROVED


def test_a_void_that_names_no_amount_is_of_the_whole(bench) -> None:
    b = opened(bench)
    assert outcome(b, sale()) == APPROVED
    reply = b.ask(void(None))
    assert isinstance(reply, m.Result) and (reply.state, reply.amount) == (RequestState.APPROVED, Money(12_300))
    assert replace(b.ask(void(None)), request_id=reply.request_id) == reply


def test_what_cannot_be_done_is_an_error_and_leaves_nothing(bench) -> None:
    b = opened(bench)
    assert error(b, refund(1)) is ErrorCode.OUT_OF_BOUNDS
    assert error(b, void(1)) is ErrorCode.OUT_OF_BOUNDS
    assert error(b, replace(sale(), amount=Money(100, 840))) is ErrorCode.OUT_OF_BOUNDS
    assert b.log.last_written == 0 and done(b) == []
    assert outcome(b, sale()) == APPROVED
    assert outcome(b, refund(10_000)) == APPROVED
    assert outcome(b, refund(1, OTHER, REFUND)) == (RequestState.DECLINED, "12"), "a refund is not refunded"


def test_settle_closes_the_batch_and_the_next_number_is_open(bench) -> None:
    b = opened(bench)
    assert outcome(b, sale()) == APPROVED
    first = b.ask(m.Settle())
    assert isinstance(first, m.SettleReply) and first.settled and first.response_code == "00"
    assert outcome(b, sale(100, OTHER)) == APPROVED
    second = b.ask(m.Settle())
    batches = [t.batch for t in logged(b) if isinstance(t, m.Transaction)]
    assert batches == [first.batch, second.batch] and int(second.batch) == int(first.batch) + 1
    b = opened(bench)
    third = b.ask(m.Settle())
    assert int(third.batch) == int(first.batch) + 2, "a restart forgets none"


def test_settle_waits_for_the_customer(bench) -> None:
    b = opened(bench, speed=10)
    b.agent.request(sale(), b.now)
    b.exchange()
    reply = b.ask(m.Settle())
    assert isinstance(reply, m.SettleReply) and not reply.settled and reply.batch is None
    b.later(1_000)
    assert b.ask(m.Settle()).settled


def test_the_calendar_and_the_counter_share_one_book(bench) -> None:
    """Traces, batches and totals of a day with both; money that went back at the counter does not go back once more."""
    plain = bench(transactions=200, seed=5)
    plain.start()
    while not plain.trade.finished:
        plain.acknowledge(plain.log.last_written)
    planned = done(plain)
    back = [line for line in planned if line["kind"] in ("refund", "void") and line["outcome"] == "approved"]
    places = {line["reference"]: place for place, line in enumerate(planned)}
    late = next(x for x in back if places[x["reference"]] - places[x["original_reference"]] > 64)
    target = planned[places[late["original_reference"]]]

    b = plain
    b.close()
    for file in ("ledger.jsonl", "state/log.jsonl", "state/host.jsonl"):
        (b.folder / file).unlink()
    b = bench(transactions=200, seed=5)
    b.start()
    assert outcome(b, sale(7_700, OTHER)) == APPROVED
    stolen = False
    while not b.trade.finished:
        if not stolen and b.book.holds(target["reference"]):
            stolen = True
            assert outcome(b, refund(target["amount_minor"], REFUND, target["reference"])) == APPROVED
        b.acknowledge(b.log.last_written)
    lines = done(b)
    (closed,) = (line for line in b.lines() if line["kind"] == "day.closed")
    assert len(lines) == 202 == closed["transactions"] and closed["events"] == 404
    assert len({(line["batch"], line["trace"]) for line in lines}) == 202
    found = {line["reference"]: line for line in lines}
    assert found[late["reference"]]["outcome"] == "declined"
    untouched = [line for line in planned if line["original_reference"] != target["reference"]]
    assert [found[line["reference"]] for line in untouched] == untouched, "the rest of the day is as planned"
    approved = [line for line in lines if line["outcome"] == "approved"]
    voided = {line["original_reference"] for line in approved if line["kind"] == "void"}
    sold = [line for line in approved if line["kind"] == "sale" and line["reference"] not in voided]
    assert closed["sales_minor"] == sum(line["amount_minor"] for line in sold)
    assert closed["fees_minor"] == sum(line["fee_minor"] for line in lines)


def test_after_the_last_day_the_counter_still_sells_on_nobodys_account(bench) -> None:
    b = opened(bench, transactions=3)
    b.acknowledge(b.log.last_written)
    assert b.trade.finished
    assert outcome(b, sale()) == APPROVED
    before = (b.folder / "ledger.jsonl").read_bytes()
    closing, *after = b.lines()[[line["kind"] for line in b.lines()].index("day.closed") :]
    assert closing["transactions"] == 3 and [line["kind"] for line in after] == ["host", "sale"]
    b = opened(bench, transactions=3, days=2)  # and the next day's totals are its own
    b.acknowledge(b.log.last_written)
    assert (b.folder / "ledger.jsonl").read_bytes().startswith(before)
    assert [line["transactions"] for line in b.lines() if line["kind"] == "day.closed"] == [3, 3]


def test_killed_anywhere_in_its_log_a_day_at_the_counter_comes_out_the_same(bench, tmp_path) -> None:
    """But where BEGIN is the last that it holds: that request is voided, whatever the host has done."""
    requests = [sale(5_000), void(5_000), sale(6_000, OTHER), refund(1_000, REFUND, OTHER), sale(151, "e" * 32)]

    def play(b) -> bytes:
        for request in requests:
            b.ask(request)
        facts = [replace(t, number=0) for t in logged(b) if not isinstance(t, m.DeviceEvent)]
        return sha256(repr(facts).encode() + (b.folder / "ledger.jsonl").read_bytes()).digest()

    b = opened(bench)
    expected = play(b)
    b.close()
    log, host = tmp_path / "state" / "log.jsonl", tmp_path / "state" / "host.jsonl"
    whole, deeds = log.read_bytes(), host.read_bytes().splitlines(keepends=True)
    lines = whole.splitlines(keepends=True)
    voided = 0
    for held in range(3, len(lines)):
        for torn in (b"", lines[held][:-7]):
            log.write_bytes(b"".join(lines[:held]) + torn)
            begun = sum(line.startswith(b'{"begin"') for line in lines[:held])
            host.write_bytes(b"".join(deeds[:begun]))
            b = opened(bench)
            if lines[held - 1].startswith(b'{"begin"'):
                request = requests[begun - 1]
                assert b.ask(request).state is RequestState.VOIDED
                assert b.host.charged(request.reference) == 0
                voided += 1
            else:
                assert play(b) == expected, f"{held} lines and {len(torn)} bytes"
            b.close()
    assert voided == 2 * len(requests)


def test_a_confirmed_result_is_still_known(bench) -> None:
    b = opened(bench)
    first = b.ask(sale())
    b.agent.send(m.Confirm(reference=SALE), b.now)
    b.exchange()
    assert replace(b.ask(sale()), request_id=first.request_id) == first


def test_the_same_questions_give_the_same_log_and_ledger(bench, tmp_path) -> None:
    runs = []
    for _ in range(2):
        b = opened(bench, transactions=20, seed=9)
        for request in (sale(5_000), void(5_000), sale(6_000, OTHER)):
            b.ask(request)
        runs.append(([b.log.event(n) for n in range(1, b.log.last_written + 1)], done(b)))
        b.close()
        (tmp_path / "state" / "log.jsonl").unlink()
    assert runs[0] == runs[1]
    assert any(t.get("outcome") == Outcome.APPROVED and t["reference"] == OTHER for t in runs[0][1])
