"""A deposit's return, word by word, by a paper calendar: cal 3 2026 (Monday 2, weekends 7/8, 14/15, 21/22, 28/29)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from protocol import messages as m
from protocol.messages import DepositState as S
from protocol.messages import DeviceEvent, ErrorCode
from protocol.money import Money
from simulator.deposits import PLANS
from simulator.errors import SimulatorError
from tests.simulator.shop import Shop

ONE, TWO = "0192e5a0c1d27abc8def012345678901", "0192e5a0c1d27abc8def012345678902"
WHOLE = 19_900  # simulator/profiles/classic.toml
SHANGHAI = timezone(timedelta(hours=8))
FOUR = [(3, S.ACKNOWLEDGED), (4, S.REVIEW_1), (6, S.REVIEW_2)]


def returned(folder: Path, *, plan: str | None = None, lies: tuple[str, ...] = (), days: int = 26) -> Shop:
    """Applied for on Monday the 2nd, before the first sale."""
    shop = Shop(folder, days=days, transactions=6, deposit=plan, lies=lies)
    assert shop.apply(ONE, WHOLE) is not None
    return shop.play()


def days_and_states(words: list[m.DepositUpdate]) -> list[tuple[int, S]]:
    at = [datetime.fromtimestamp(word.at / 1000, SHANGHAI) for word in words]
    assert all((moment.hour, moment.minute, moment.month) == (10, 0, 3) for moment in at)
    return [(moment.day, word.state) for moment, word in zip(at, words, strict=True)]


ENDS = {
    "paid": [*FOUR, (10, S.APPROVED), (11, S.PAYING), (16, S.PAID)],
    "deducted": [*FOUR, (10, S.APPROVED), (11, S.PAYING), (16, S.PAID)],
    "pay_failed": [*FOUR, (10, S.APPROVED), (11, S.PAYING), (13, S.PAY_FAILED), (17, S.PAYING), (20, S.PAID)],
    "partly_paid": [*FOUR, (10, S.APPROVED), (11, S.PAYING), (16, S.PARTLY_PAID), (23, S.PAID)],
    "settled_net": [*FOUR, (10, S.APPROVED), (11, S.PAYING), (16, S.PARTLY_PAID), (23, S.PAID)],
    "withdrawn": [*FOUR[:2], (6, S.WITHDRAWN)],
    "rejected": [*FOUR, (10, S.REJECTED)],
    "forfeited": [*FOUR, (10, S.FORFEITED)],
    "converted": [*FOUR, (10, S.CONVERTED)],
    "need_more": [*FOUR[:2], (5, S.NEED_MORE)],
}


@pytest.mark.parametrize("plan", PLANS)
def test_every_plan_goes_its_way_in_working_days(plan: str, tmp_path: Path) -> None:
    shop = returned(tmp_path, plan=plan)
    assert days_and_states(shop.words()) == ENDS[plan]
    lines = shop.lines("deposit")
    assert [line["state"] for line in lines] == [S.SUBMITTED, *(state for _, state in ENDS[plan])]
    owed = {"deducted": 15_920, "settled_net": 15_920, "rejected": 0, "forfeited": 0, "converted": 0}.get(plan, WHOLE)
    assert shop.words()[-1].amount == Money(owed)
    assert all(line["amount_minor"] == line["should_minor"] and "lie" not in line for line in lines)
    credited = [line for line in shop.lines("credit") if "ticket" in line]
    paid = 0 if plan in {"need_more", "withdrawn"} else owed
    assert sum(line["credited_minor"] for line in credited) == sum(line["should_minor"] for line in credited) == paid
    assert len(credited) == (2 if plan in {"partly_paid", "settled_net"} else 1 if paid else 0)
    shop.close()


def test_a_deduction_has_cause_reason_and_clause(tmp_path: Path) -> None:
    shop = returned(tmp_path, plan="deducted")
    (item,) = shop.words()[-1].deductions
    assert (item.cause, item.amount) == (m.DeductionCause.DAMAGE, Money(3_980)) and item.reason and item.clause
    shop.close()


def test_what_is_outstanding_is_netted_with_the_rest(tmp_path: Path) -> None:
    shop = returned(tmp_path, plan="settled_net")
    assert [len(word.deductions) for word in shop.words()] == [0] * 6 + [1]
    (item,) = shop.words()[-1].deductions
    assert (item.cause, item.amount) == (m.DeductionCause.OUTSTANDING_FEE, Money(3_980)) and item.reason and item.clause
    assert [x["credited_minor"] for x in shop.lines("credit") if "ticket" in x] == [9_950, 5_970]
    shop.close()


def test_every_state_that_the_wire_can_say_is_reached(tmp_path: Path) -> None:
    """protocol.messages.DepositState; ACTIVE and SUBMITTED are told on asking. The merchant's own states are the agent's."""
    reached = {step.state for steps in PLANS.values() for step in steps} | {S.ACTIVE, S.SUBMITTED}
    assert reached == set(S)


def test_what_was_withdrawn_may_be_applied_for_again(tmp_path: Path) -> None:
    shop = returned(tmp_path, plan="withdrawn", days=5)
    assert shop.words()[-1].state is S.WITHDRAWN and shop.words()[-1].amount == Money(WHOLE)
    again = shop.apply(TWO, WHOLE)
    assert again is not None and again.state is S.SUBMITTED and again.ticket != shop.words()[-1].ticket
    shop.close()


def test_while_papers_are_asked_for_the_clock_stands_until_they_come(tmp_path: Path) -> None:
    returned(tmp_path, plan="need_more", days=8).close()
    shop = Shop(tmp_path, days=26, transactions=6, deposit="need_more")  # it opens on Tuesday the 10th
    status = shop.book.acquirer.deposits.status(None, 0)
    assert status is not None and status.state is S.NEED_MORE and status.documents
    with pytest.raises(ValueError, match="amount"):
        shop.apply(TWO, WHOLE - 1)
    answered = shop.apply(TWO, WHOLE, "补件")
    assert answered is not None and (answered.ticket, answered.documents) == (status.ticket, ())
    shop.play()
    words = shop.words()
    after = [(11, S.REVIEW_1), (13, S.REVIEW_2), (17, S.APPROVED), (18, S.PAYING), (23, S.PAID)]
    assert days_and_states(words[3:]) == after
    assert {word.ticket for word in words} == {status.ticket}
    shop.close()


def test_one_application_however_often_it_is_made(tmp_path: Path) -> None:
    shop = Shop(tmp_path, days=12, transactions=6)
    first = shop.apply(ONE, WHOLE)
    assert first is not None and first.state is S.SUBMITTED and shop.apply(ONE, WHOLE) == first
    assert shop.apply(TWO, WHOLE) is None, "one is under way"
    for minor, text in ((WHOLE - 1, "请退还押金"), (WHOLE, "另一份")):
        with pytest.raises(ValueError, match="another application"):
            shop.apply(ONE, minor, text)
    assert len(shop.lines("deposit")) == 1
    shop.close()
    again = Shop(tmp_path, days=12, transactions=6)
    assert again.apply(ONE, WHOLE) == first, "the log remembers it"
    again.play()
    paid = again.apply(ONE, WHOLE)
    assert paid is not None and (paid.ticket, paid.state) == (first.ticket, again.words()[-1].state)
    again.close()


def test_a_refusal_may_be_appealed_under_a_ticket_of_its_own(tmp_path: Path) -> None:
    shop = returned(tmp_path, plan="rejected", days=7)
    shop.close()
    shop = Shop(tmp_path, days=9, transactions=6, deposit="rejected").play()
    shop.close()
    shop = Shop(tmp_path, days=26, transactions=6, deposit="paid")
    appeal = shop.apply(TWO, WHOLE)
    assert appeal is not None and appeal.state is S.SUBMITTED
    shop.play()
    tickets = [word.ticket for word in shop.words()]
    assert len(set(tickets)) == 2 and shop.words()[-1].state is S.PAID
    shop.close()


@pytest.mark.parametrize("minor", [0, WHOLE + 1])
def test_more_than_the_deposit_or_nothing_is_refused(minor: int, tmp_path: Path) -> None:
    shop = Shop(tmp_path, transactions=6)
    with pytest.raises(ValueError, match="amount"):
        shop.apply(ONE, minor)
    assert shop.lines("deposit") == []
    shop.close()


def test_silence_late_papers_and_a_deduction_without_a_reason(tmp_path: Path) -> None:
    silent = returned(tmp_path / "silent", lies=("silent_deposit",))
    assert silent.words() == []
    (line,) = silent.lines("deposit")
    assert (line["lie"], line["should_minor"]) == ("silent_deposit", WHOLE)
    silent.close()

    late = returned(tmp_path / "late", lies=("late_documents",))
    assert days_and_states(late.words()) == [*FOUR, (9, S.NEED_MORE)]
    assert late.words()[-1].documents and {x["lie"] for x in late.lines("deposit")} == {"late_documents"}
    late.close()

    kept = returned(tmp_path / "kept", lies=("unreasoned_deduction:minor=5000",))
    assert kept.words()[-1].state is S.PAID and kept.words()[-1].amount == Money(WHOLE - 5_000)
    (item,) = kept.words()[-1].deductions
    assert item.cause is m.DeductionCause.OTHER and item.clause is None
    (credit,) = [x for x in kept.lines("credit") if "ticket" in x]
    assert (credit["credited_minor"], credit["should_minor"]) == (WHOLE - 5_000, WHOLE)
    assert credit["lie"] == "unreasoned_deduction"
    kept.close()


def test_of_what_is_kept_every_payment_tells_its_part(tmp_path: Path) -> None:
    """Two payments, 5,000 kept: 14,900 come of 19,900, and what is missing adds up to what was kept."""
    shop = returned(tmp_path, plan="partly_paid", lies=("unreasoned_deduction:minor=5000",))
    credited = [x for x in shop.lines("credit") if "ticket" in x]
    assert [x["credited_minor"] for x in credited] == [7_450, 7_450]
    assert [x["should_minor"] for x in credited] == [9_950, 9_950]
    before, after = [[w.deductions for w in shop.words() if (w.state is S.APPROVED) is told] for told in (False, True)]
    assert after[0] and not any(before[:3]), "told with the approval, not before"
    shop.close()


def test_the_rest_is_never_paid(tmp_path: Path) -> None:
    shop = returned(tmp_path, lies=("rest_kept",))
    assert days_and_states(shop.words())[-1] == (16, S.PARTLY_PAID)
    (credit,) = [x for x in shop.lines("credit") if "ticket" in x]
    assert (credit["credited_minor"], credit["should_minor"], credit["lie"]) == (9_950, WHOLE, "rest_kept")
    shop.close()


def test_two_lies_of_one_return_are_both_told_and_one_that_changes_nothing_is_not(tmp_path: Path) -> None:
    shop = returned(tmp_path / "two", lies=("rest_kept", "unreasoned_deduction:minor=900"))
    (credit,) = [x for x in shop.lines("credit") if "ticket" in x]
    assert (credit["credited_minor"], credit["lie"]) == (9_500, "rest_kept+unreasoned_deduction")
    shop.close()
    shop = returned(tmp_path / "none", plan="rejected", lies=("rest_kept", "unreasoned_deduction"))
    assert shop.words()[-1].state is S.REJECTED and not any("lie" in x for x in shop.lines("deposit", "credit"))
    shop.close()


def test_cut_off_anywhere_the_return_goes_on_the_same(tmp_path: Path) -> None:
    def facts(shop: Shop) -> list[str]:
        return [repr(e).replace(f"number={e.number},", "") for e in shop.events() if not isinstance(e, DeviceEvent)]

    shop = returned(tmp_path / "whole", days=18)
    expected, ledger = facts(shop), (tmp_path / "whole" / "ledger").read_bytes()
    shop.close()
    whole = (tmp_path / "whole" / "state" / "log.jsonl").read_bytes()
    words = [i for i in range(len(whole)) if whole.startswith(b'"m":"0106', i)]
    assert len(words) == 6
    after = whole.index(b'{"deposit"')
    after = whole.index(b"\n", after) + 1
    for cut in sorted({after, *words, *(i + 400 for i in words)}):
        folder = tmp_path / str(cut)
        (folder / "state").mkdir(parents=True)
        (folder / "state" / "log.jsonl").write_bytes(whole[:cut])
        again = Shop(folder, days=18, transactions=6).play()
        assert facts(again) == expected, f"cut at {cut}"
        assert (folder / "ledger").read_bytes() == ledger
        again.close()


def test_an_unknown_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match="no plan"):
        Shop(tmp_path, deposit="never")


def test_over_the_wire(bench: Any) -> None:
    b = bench(transactions=0)
    b.start()
    active = b.ask(m.DepositQuery())
    assert (active.state, active.amount) == (S.ACTIVE, Money(WHOLE))
    asked = m.DepositReturn(reference=ONE, amount=Money(WHOLE), application="请退还押金")
    status = b.ask(asked)
    assert status.state is S.SUBMITTED and status.ticket != active.ticket
    assert b.ask(m.DepositQuery(ticket=status.ticket)).state is S.SUBMITTED
    assert b.ask(asked).ticket == status.ticket
    assert b.ask(m.DepositQuery(ticket="DEP-0")).code is ErrorCode.OUT_OF_BOUNDS
    other = m.DepositReturn(reference=TWO, amount=Money(WHOLE), application="再次申请")
    assert b.ask(other).code is ErrorCode.NOT_NOW
    changed = m.DepositReturn(reference=ONE, amount=Money(1), application="请退还押金")
    assert b.ask(changed).code is ErrorCode.OUT_OF_BOUNDS
