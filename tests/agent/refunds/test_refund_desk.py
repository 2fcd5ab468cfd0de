"""Money back through the desk, on the simulator's own terminal: the rows of docs/refunds.md from gate to settlement."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from agent.desk import Desk
from agent.desk_socket import SocketDesk
from agent.errors import LinkError, PeopleError, RefundRefusal
from agent.home import Home
from agent.journal.keys import PassphraseSources
from agent.opening import agent_at_work, await_session
from agent.orders import new_reference
from agent.refunds.refund_kinds import Delay, NoteOf, OwedWhy
from agent.views import (
    AddOperator,
    Credential,
    Money,
    MoneyAction,
    MoneyOrder,
    MoneyState,
    NoteRefund,
    OweCustomer,
    RefundAsked,
    RefundView,
    Role,
)
from tests.conftest import Simulator, entries_of, until

CHIEF, CASHIER, TECHNICIAN = Credential("01", "271828"), Credential("02", "314159"), Credential("03", "161803")
SALE = 38_800


@pytest.fixture
def terminal(simulator: Callable[..., Simulator]) -> Simulator:
    return simulator("--seed", "7", "--transactions", "2", "--speed", "0", "--then", "stay")


@pytest.fixture
def home(terminal: Simulator, home_for: Callable[..., Home]) -> Home:
    return home_for(terminal)


@pytest.fixture(params=["in process", "over the socket"])
def desk(request: pytest.FixtureRequest, home: Home) -> Iterator[Desk]:
    with agent_at_work(home, home.settings(), PassphraseSources()) as owner:
        found: Desk = owner if request.param == "in process" else SocketDesk(home.socket)
        await_session(found)
        found.add_operator(AddOperator("01", Role.MANAGER, CHIEF.pin))
        found.add_operator(AddOperator("02", Role.CASHIER, CASHIER.pin, by=CHIEF))
        found.add_operator(AddOperator("03", Role.TECHNICIAN, TECHNICIAN.pin, by=CHIEF))
        yield found


def fresh(desk: Desk) -> str:
    return new_reference(desk.status().now)


def sold(desk: Desk, minor: int = SALE) -> str:
    """A sale at the register, in the record and its views."""
    reference = fresh(desk)
    view = desk.money(MoneyOrder(reference, MoneyAction.SALE, Money(minor)), 20_000)
    assert view.state == "approved"
    until(lambda: desk.transactions(text=reference).total)
    return reference


def give(desk: Desk, sale: str, minor: int | None = None, *persons: Credential, **more: object) -> RefundView:
    asked = RefundAsked(fresh(desk), sale, None if minor is None else Money(minor), **more)  # type: ignore[arg-type]
    return desk.refund(asked, persons or (CHIEF,), 20_000)


def refused(desk: Desk, home: Home, asked: RefundAsked, *persons: Credential) -> str:
    """The first code; the refusal is in the journal, and nothing went out."""
    intents = len(desk.intents())
    with pytest.raises(RefundRefusal) as why:
        desk.refund(asked, persons or (CHIEF,), 20_000)
    assert why.value.what and why.value.todo
    assert len(desk.intents()) == intents
    told = [entry for entry in entries_of(home) if entry.kind == "refund.refused"][-1]
    assert told.body["reasons"] == list(why.value.reasons) and told.body["reference"] == asked.reference[:32]
    return str(why.value.reasons[0])


@pytest.mark.requirement("2-01", "2-03")
def test_a_whole_sale_of_the_open_batch_is_voided_and_part_of_one_refunded(desk: Desk, home: Home) -> None:
    first, second = sold(desk), sold(desk)
    quote = desk.refund_quote(RefundAsked(fresh(desk), first))
    assert (quote.action, quote.why, quote.amount_minor, quote.reasons) == ("void", "same_batch_whole", SALE, ())
    voided = give(desk, first)
    assert (voided.action, voided.state, voided.amount_minor) == ("void", "succeeded", SALE)
    part = give(desk, second, 36_800, goods_returned=None, reason="price tag")
    assert (part.action, part.state, part.amount_minor, part.sale) == ("refund", "succeeded", 36_800, second)
    assert desk.refund_quote(RefundAsked(fresh(desk), second)).remaining_minor == 2_000
    kinds = [entry.kind for entry in entries_of(home) if entry.kind.startswith(("refund.", "money."))]
    assert kinds[-3:] == ["refund.confirmed", "money.intent", "money.outcome"]
    at = [entry for entry in entries_of(home) if entry.kind == "refund.confirmed"][-1]
    assert (at.body["operator"], at.body["sale"], at.body["amount_minor"]) == ("01", second, 36_800)


def test_bad_orders_are_refused_with_their_reason_and_nothing_is_sent(desk: Desk, home: Home) -> None:
    sale = sold(desk)
    give(desk, sale, 10_000)
    for asked, code in (
        (RefundAsked(fresh(desk), sale, Money(0)), "amount"),
        (RefundAsked(fresh(desk), sale, Money(-5)), "amount"),
        (RefundAsked("019caea255ac7820964753648f78ac41", sale, Money(0)), "amount"),  # no card's number in it
        (RefundAsked(fresh(desk), sale, Money(SALE - 10_000 + 1)), "over_remaining"),
        (RefundAsked(fresh(desk), sale, Money(100, 840)), "currency"),
        (RefundAsked(fresh(desk), "f" * 32, Money(100)), "original_not_here"),
        (RefundAsked(fresh(desk), "", Money(100)), "original_not_here"),
        (RefundAsked(fresh(desk), sale, None, MoneyAction.VOID), "no_void"),
        (RefundAsked("no reference", sale, Money(100)), "other_order"),
        (RefundAsked(sale[::-1], sale[:31] + "x", Money(100)), "original_not_here"),
    ):
        assert refused(desk, home, asked) == code, asked
    give(desk, sale)
    assert refused(desk, home, RefundAsked(fresh(desk), sale)) == "nothing_left"
    of_refund = desk.refunds()[0].reference
    until(lambda: desk.transactions(text=of_refund).total)
    assert refused(desk, home, RefundAsked(fresh(desk), of_refund, Money(100))) == "not_a_sale"


def test_388_against_368_is_blocked_before_the_wire(desk: Desk, home: Home) -> None:
    """李女士's case: what was paid is ¥368.00."""
    sale = sold(desk, 36_800)
    assert refused(desk, home, RefundAsked(fresh(desk), sale, Money(38_800))) == "over_remaining"


def test_the_same_reference_again_is_the_same_refund_and_another_amount_is_none(desk: Desk, home: Home) -> None:
    asked = RefundAsked(fresh(desk), sold(desk), Money(10_000))
    first = desk.refund(asked, (CHIEF,), 20_000)
    assert desk.refund(asked, (CHIEF,), 20_000) == first
    assert sum(entry.kind == "refund.confirmed" for entry in entries_of(home)) == 1
    other = RefundAsked(asked.reference, asked.sale, Money(10_001))
    assert refused(desk, home, other) == "other_order"


def test_who_may_give_back_how_much(desk: Desk, home: Home) -> None:
    """Above ¥500 a manager confirms too, above ¥5000 two people, or the only one twice with a reason; technicians nothing."""
    sale = sold(desk, 2_000_000)

    def asked(minor: int, reason: str = "") -> RefundAsked:
        return RefundAsked(fresh(desk), sale, Money(minor), reason=reason)

    assert refused(desk, home, asked(100), TECHNICIAN) == "role"
    assert desk.refund(asked(50_000), (CASHIER,), 20_000).operator == "02"
    assert refused(desk, home, asked(50_001), CASHIER) == "second_person"
    assert desk.refund(asked(50_001), (CASHIER, CHIEF), 20_000).second == "01"
    assert refused(desk, home, asked(500_001), CHIEF) == "second_person"
    assert refused(desk, home, asked(500_001, "a reason"), CHIEF, CHIEF) == "second_person", "there are two people here"
    assert desk.refund(asked(500_001), (CHIEF, CASHIER), 20_000).state == "succeeded"
    with pytest.raises(PeopleError):
        desk.refund(asked(100), (Credential("02", "999990"),), 20_000)


def test_two_registers_that_refund_one_sale_at_once_give_it_back_once(desk: Desk, home: Home) -> None:
    sale = sold(desk)
    ended: list[str] = []

    def register() -> None:
        try:
            ended.append(give(desk, sale, SALE - 1).state)
        except Exception as error:
            ended.append(type(error).__name__)

    both = [threading.Thread(target=register) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sorted(ended)[-1] == "succeeded" and ended.count("succeeded") == 1, ended
    back = [e for e in entries_of(home) if e.kind == "money.outcome" and e.body.get("amount_minor") == SALE - 1]
    assert len(back) == 1


@pytest.mark.requirement("2-04", "2-06", "2-07")
def test_what_becomes_of_it_afterwards(desk: Desk, home: Home) -> None:
    sale = sold(desk)
    view = give(desk, sale, 10_000)
    assert view.due is not None and not view.late
    view = desk.note_refund(NoteRefund(view.reference, NoteOf.DELAYED, delay=Delay.BANK_PROCESSING), CASHIER)
    assert (view.state, view.delay) == ("succeeded", "bank_processing")
    settled = desk.settle()
    assert settled.settled
    until(lambda: desk.refund_view(view.reference).state == "settled")
    view = desk.note_refund(NoteRefund(view.reference, NoteOf.ARRIVED), CASHIER)
    assert view.state == "arrived"
    view = desk.note_refund(NoteRefund(view.reference, NoteOf.RETURNED), CASHIER)
    assert view.state == "returned"
    with pytest.raises(RefundRefusal, match="cannot be noted"):
        desk.note_refund(NoteRefund(view.reference, NoteOf.ARRIVED), CASHIER)
    assert desk.refund_quote(RefundAsked(fresh(desk), sale)).action == "refund"


def test_a_shop_without_people_gives_nothing_back(home: Home) -> None:
    with agent_at_work(home, home.settings(), PassphraseSources()) as desk:
        await_session(desk)
        sale = sold(desk)
        with pytest.raises(RefundRefusal, match="Nobody is registered"):
            desk.refund(RefundAsked(fresh(desk), sale), (), 20_000)


def test_a_new_process_knows_what_was_given_back(home: Home) -> None:
    with agent_at_work(home, home.settings(), PassphraseSources()) as desk:
        await_session(desk)
        desk.add_operator(AddOperator("01", Role.MANAGER, CHIEF.pin))
        sale = sold(desk)
        give(desk, sale, 30_000)
        before = desk.refunds()
    with agent_at_work(home, home.settings(), PassphraseSources()) as desk:
        await_session(desk)
        assert desk.refunds() == before
        quote = desk.refund_quote(RefundAsked(fresh(desk), sale, Money(8_801)))
        assert (quote.remaining_minor, quote.reasons) == (8_800, ("over_remaining",))
        lone = sold(desk, 600_000)
        two = RefundAsked(fresh(desk), lone)
        with pytest.raises(RefundRefusal) as why:
            desk.refund(two, (CHIEF, CHIEF), 20_000)
        assert why.value.reasons == ("second_reason",)
        again = RefundAsked(fresh(desk), lone, reason="the owner is alone here")
        assert desk.refund(again, (CHIEF, CHIEF), 20_000).state == "succeeded"


def test_what_the_lane_refuses_is_in_the_record_too(terminal: Simulator, desk: Desk, home: Home) -> None:
    sale = sold(desk)
    terminal.stop()
    until(lambda: desk.status().link.state != "online")
    asked = RefundAsked(fresh(desk), sale, Money(100))
    with pytest.raises(LinkError, match="not connected"):
        desk.refund(asked, (CHIEF,), 20_000)
    told = [entry for entry in entries_of(home) if entry.kind == "refund.refused"][-1]
    assert (told.body["reasons"], told.body["sale"]) == (["not_connected"], sale)
    assert desk.refund_quote(RefundAsked(fresh(desk), sale)).remaining_minor == SALE, "nothing is reserved by it"


def test_decisions_are_a_managers_where_anybody_is_registered(desk: Desk) -> None:
    for given, words in (
        (CASHIER, "may not"),
        (Credential("01", "000000"), "not the PIN"),
        (Credential("Wang", ""), "no operator"),
    ):
        with pytest.raises(PeopleError, match=words):
            desk.park("ab" * 16, given, "because")
        with pytest.raises(PeopleError, match=words):
            desk.resolve("ab" * 16, MoneyState.VOIDED, given, "because")
        with pytest.raises(PeopleError, match=words):
            desk.accept_rollback(given, "because")
    with pytest.raises(LinkError, match="decide about"):
        desk.park("ab" * 16, CHIEF, "because")


def test_a_refund_keyed_as_a_sale_is_owed_until_it_went_back(desk: Desk, home: Home) -> None:
    """李女士's scarf: ¥20.00 were taken once more instead of given back."""
    wrong = sold(desk, 2_000)
    asked = OweCustomer(wrong, OwedWhy.REFUND_AS_SALE, finding="0123456789ab", note="we apologised")
    opened = desk.owe(asked, CASHIER)
    assert (opened.state, opened.amount_minor, opened.repaid_minor, opened.operator) == ("open", 2_000, 0, "02")
    assert desk.owe(asked, CASHIER) == opened and desk.owed() == (opened,)
    give(desk, wrong, reason="keyed as a sale")
    (ended,) = desk.owed()
    assert (ended.state, ended.repaid_minor, ended.why) == ("repaid", 2_000, "refund_as_sale")
    (told,) = [entry for entry in entries_of(home) if entry.kind == "refund.owed"]
    assert (told.body["sale"], told.body["finding"], "note" in told.body) == (wrong, "0123456789ab", False)


def test_what_went_back_before_pays_no_debt(desk: Desk) -> None:
    sale = sold(desk)
    give(desk, sale, 10_000)
    desk.owe(OweCustomer(sale[:31], OwedWhy.AMOUNT_TOO_HIGH, Money(2_000)), CHIEF)
    assert [(one.state, one.repaid_minor) for one in desk.owed()] == [("open", 0)]
    give(desk, sale, 500)
    assert [(one.state, one.repaid_minor) for one in desk.owed()] == [("open", 500)]
    give(desk, sale, 1_500)
    assert [(one.state, one.repaid_minor) for one in desk.owed()] == [("repaid", 2_000)]


def test_what_nobody_is_owed_is_refused(desk: Desk) -> None:
    sale = sold(desk)
    give(desk, sale, 10_000)
    for asked, code in (
        (OweCustomer("f" * 32, OwedWhy.OTHER), "original_not_here"),
        (OweCustomer(sale, OwedWhy.OTHER, Money(28_801)), "over_remaining"),
        (OweCustomer(sale, OwedWhy.OTHER, Money(0)), "amount"),
        (OweCustomer(sale, OwedWhy.OTHER, Money(100, 840)), "currency"),
    ):
        with pytest.raises(RefundRefusal) as why:
            desk.owe(asked, CHIEF)
        assert why.value.reasons[0] == code
    desk.owe(OweCustomer(sale, OwedWhy.OTHER, Money(100)), CHIEF)
    with pytest.raises(RefundRefusal):
        desk.owe(OweCustomer(sale, OwedWhy.OTHER, Money(200)), CHIEF)
    for given in (TECHNICIAN, Credential("01", "000000")):
        with pytest.raises(PeopleError):
            desk.owe(OweCustomer(sale, OwedWhy.OTHER, Money(100)), given)
    assert [one.amount_minor for one in desk.owed()] == [100]


def test_a_days_refunds_what_was_refused_and_what_is_open(desk: Desk, home: Home) -> None:
    first, second = sold(desk), sold(desk, 5_000)
    voided, part = give(desk, first), give(desk, second, 2_000, CASHIER)
    refused(desk, home, RefundAsked(fresh(desk), second, Money(3_001)), CASHIER)
    desk.owe(OweCustomer(second, OwedWhy.TAKEN_TWICE, Money(1_000)), CHIEF)
    day = desk.refund_day()
    assert [view.reference for view in day.refunds] == [voided.reference, part.reference]
    assert [(one.sale, one.amount_minor, one.reasons, one.operator) for one in day.refused] == [
        (second, 3_001, ("over_remaining",), "02")
    ]
    assert (day.open, [one.sale for one in day.owed]) == ((), [second])
    other = desk.refund_day(day.day - timedelta(days=1))
    assert (other.refunds, other.refused, [one.sale for one in other.owed]) == ((), (), [second])
