"""What can be done to a running simulator, by name, and when it is refused (docs/simulator.md, "Control")."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from protocol.errors import NotUnderstood
from protocol.events import Replied
from protocol.messages import (
    DepositReturn,
    DeviceEvent,
    DeviceInfoQuery,
    Error,
    ErrorCode,
    Fee,
    RequestState,
    Result,
    Sale,
    Settle,
    SettleReply,
    Stage,
    SyncReply,
    TariffNotice,
    Transaction,
)
from protocol.money import Money
from simulator.cards import NOBODY_MS
from simulator.cli import sim
from simulator.commands import COMMANDS, UNTIL, parse_command
from simulator.control import Control, ControlRefused, Killed
from simulator.crashes import TerminalCrashed
from simulator.errors import SimulatorError
from simulator.host import PATIENCE_MS
from tests.simulator.lanes import Lane, play

PAGE = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
NEVER = 2**53 - 1
SALE = "0192e5a0c1d27abc8def012345678901"
HOUR = 3_600_000


class Room:
    """A terminal in memory with an agent that is there, commanded by name. Speed 1000: an hour is 3.6 s of the wire."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.ledger = folder / "ledger.jsonl"
        folder.mkdir()
        settings = {"transactions": 0, "speed": 1_000, "ledger": self.ledger, **options}
        self.lane = Lane(folder, **settings)
        self.control = Control(self.lane.station, ledger=self.ledger)
        self.terminal = self.lane.terminal
        self.pass_by(0)

    def do(self, text: str, **more: Any) -> dict[str, Any]:
        name, args = parse_command(text)
        answer = self.control.do(name, {**args, **more}, self.lane.now)
        self.lane.turn(self.lane.now)
        json.dumps(answer)
        return answer

    def refused(self, text: str, **more: Any) -> ControlRefused:
        """It is, with the state, and nothing was done."""
        before = (self.state, self.terminal.log.last_written, self.terminal.book.host.deeds(), self.lines())
        with pytest.raises(ControlRefused) as refused:
            name, args = parse_command(text)
            self.control.do(name, {**args, **more}, self.lane.now)
        assert (self.state, self.terminal.log.last_written, self.terminal.book.host.deeds(), self.lines()) == before
        assert refused.value.state == before[0]
        assert refused.value.what.endswith(".") and refused.value.todo.endswith((".", "}"))
        return refused.value

    def pass_by(self, simulated_ms: int) -> None:
        play([self.lane], -(-simulated_ms // 1_000))
        self.lane.turn(self.lane.now)

    def until(self, word: str, most_ms: int = 300_000) -> None:
        play([self.lane], most_ms, until=lambda: self.control.holds(word, self.lane.now))
        assert self.control.holds(word, self.lane.now), word

    @property
    def state(self) -> dict[str, Any]:
        return self.control.do("state", {}, self.lane.now)

    def events(self, *kinds: type) -> list[Any]:
        log, decode = self.terminal.log, self.lane.agent.dialect.decode
        found = [decode(log.event(n)) for n in range(1, log.last_written + 1)]
        return [event for event in found if not kinds or isinstance(event, kinds)]

    def lines(self, *kinds: str) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in self.ledger.read_text("utf-8").splitlines()]
        return [line for line in found if not kinds or line["kind"] in kinds]

    def sale(self, amount: int = 12_300, reference: str = SALE) -> None:
        """A register asks."""
        self.lane.ask(Sale(reference=reference, amount=Money(amount), deadline=NEVER))

    def answers(self) -> list[Any]:
        """What the register was told, but for its SYNC."""
        told = [e.message for e in self.lane.told if isinstance(e, Replied)]
        return [one for one in told if not isinstance(one, SyncReply)]

    def results(self) -> list[tuple[RequestState, str | None]]:
        return [(one.state, one.response_code) for one in self.answers() if isinstance(one, Result)]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Callable[..., Room]]:
    made: list[Room] = []

    def make(**options: Any) -> Room:
        made.append(Room(tmp_path / f"room{len(made)}", **options))
        return made[-1]

    yield make
    for one in made:
        one.lane.close()


# -- the table ---------------------------------------------------------------------------------------------------------


def told(command) -> str:
    """A command's row on the page."""

    def argument(one) -> str:
        name = f"`{one.name}={one.default}`" if one.default is not None else f"`{one.name}`"
        return name if one.required else f"[{name}]"

    arguments = [*map(argument, command.arguments), *(["its own"] if command.more else [])]
    refused = [*(["not awake"] if command.awake else []), *([command.refused] if command.refused else [])]
    what = command.what.rstrip(".")
    return f"| `{command.name}` | {', '.join(arguments) or '–'} | {what} | {'; '.join(refused) or '–'} |"


def test_the_page_lists_every_command_and_no_other(room) -> None:
    section = PAGE.partition("\n## Control\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if re.match(r"\| `\w+` \| .* \| .* \| .* \|$", line)]
    assert rows == [told(command) for command in COMMANDS.values()]
    assert all(f"`{word}`" in section for word in UNTIL)
    assert all(f"`{key}`" in section for key in room().state)


def test_every_command_is_done_by_somebody(room) -> None:
    assert set(room().control._does) == set(COMMANDS)


def test_the_command_lists_them_for_people_and_programs() -> None:
    listed = json.loads(CliRunner().invoke(sim, ["commands", "--json"]).output)
    assert list(listed) == list(COMMANDS)
    assert listed["sell"]["arguments"][0] == {
        "name": "amount_minor",
        "type": "number",
        "required": True,
        "default": None,
        "what": "an amount in the terminal's minor units",
        "least": 1,
        "most": 10**10,
    }
    text = CliRunner().invoke(sim, ["commands"]).output
    assert [line.partition(":")[0] for line in text.splitlines() if not line.startswith(" ")] == list(COMMANDS)


@pytest.mark.parametrize(
    ("text", "name", "args"),
    [
        ("present:visa", "present", {"customer": "visa"}),
        ("sell:12300", "sell", {"amount_minor": "12300"}),
        ("sell:12300,customer=visa", "sell", {"amount_minor": "12300", "customer": "visa"}),
        ("wait:stage=host,for=5000", "wait", {"stage": "host", "for": "5000"}),
        ("fault:drop,share=1000,to=agent", "fault", {"name": "drop", "share": "1000", "to": "agent"}),
        ("change:merchant_name=a=b", "change", {"merchant_name": "a=b"}),
        ("cancel", "cancel", {}),
    ],
)
def test_a_command_is_written_as_faults_and_lies_are(text: str, name: str, args: dict[str, str]) -> None:
    assert parse_command(text) == (name, args)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("sell:amount_minor=1,amount_minor=2", "stands 'amount_minor=2'"),
        ("sell:customer=visa,12300", "stands '12300'"),
        ("sell:12300,amount_minor=1", "no such argument"),
        ("cancel:now", "no such argument"),
        ("explode:now", "no such command"),
    ],
)
def test_what_is_not_written_so_is_refused(text: str, what: str) -> None:
    with pytest.raises(SimulatorError, match=what):
        parse_command(text)


@pytest.mark.parametrize(
    ("text", "what", "todo"),
    [
        ("explode", "There is no such command.", "present, cancel"),
        ("present", "The command present wants customer.", "a customer's name"),
        ("cancel:", "There is nothing to cancel.", "before the host is asked"),
        ("sell:amount_minor=0", "is no such number", "1..10000000000"),
        ("sell:amount_minor=12.30", "is no such number", "whole number"),
        ("sell:100,price=3", "has no 'price'", "amount_minor, customer"),
        ("break_down:severity=awful", "is another", "info, minor, major"),
        ("fault:explode", "is another", "drop, duplicate"),
        ("fault:drop,often=1", "The fault drop has no 'often'.", "share"),
        ("lie:fee_twice,ppm=3", "does not understand 'ppm=3'", "count"),
        ("present:somebody", "There is no such customer.", "unionpay_credit"),
        ("wait", "wants until or stage", "one of the two"),
        ("wait:session,stage=host", "wants until or stage", "one of the two"),
        ("advance", "wants ms or until", "one of the two"),
        ("advance:until=noon", "That is no time.", "2026-03-02T10:00"),
    ],
)
def test_a_command_that_is_wrong_is_refused_with_what_was_expected(room, text: str, what: str, todo: str) -> None:
    refused = room().refused(text)
    assert what in refused.what and todo in refused.todo


@pytest.mark.parametrize("value", [True, None, 1.5, [], {}])
def test_values_are_texts_and_whole_numbers(room, value: object) -> None:
    r = room()
    r.refused("sell", amount_minor=value)
    r.refused("fault:drop", share=value)
    r.refused("present", customer=value)


@pytest.mark.parametrize(
    "text",
    [
        "present:4111111111111112",
        "break_down:4111111111111111",
        "pair:4111111111111111",
        "fault:drop,4111111111111111=1",
        "sell:1,4111111111111111",
    ],
)
def test_no_refusal_repeats_a_card_number(room, text: str) -> None:
    r = room()
    with pytest.raises(SimulatorError) as refused:
        r.control.do(*parse_command(text), r.lane.now)
    assert "411111111111111" not in str(refused.value) + json.dumps(getattr(refused.value, "state", {}))


# -- senseless now -----------------------------------------------------------------------------------------------------

SENSELESS = [
    # what was done before, then the command that makes no sense, and a word of the refusal
    (["sell:12300", "advance:ms=8000"], "present:visa", "waited for"),
    ([], "cancel", "nothing to cancel"),
    (["sell:12300", "advance:ms=8000"], "cancel", "nothing to cancel"),
    (["sell:12300"], "sell:100", "under way"),
    (["sell:12300"], "settle", "under way"),
    ([], "settle", "Nothing is in the batch"),
    ([], "refund:000001", "no such sale"),
    ([], "void:000001", "no such sale"),
    (["pull_cable"], "fault:hang_up", "cable is out"),
    (["suspend"], "fault:suspend", "asleep"),
    ([], "clear_faults", "No such fault"),
    (["fault:drop"], "clear_faults:flip", "No such fault"),
    (["pull_cable"], "pull_cable", "cable is out"),
    ([], "plug_cable", "cable is in"),
    (["pull_cable"], "move_cable", "cable is out"),
    (["other_terminal:8"], "other_terminal:8", "SIM-CLASSIC-000008 already"),
    ([], "other_terminal", "SIM-CLASSIC-000007 already"),
    (["power_off"], "power_off", "power is off"),
    ([], "power_on", "power is on"),
    ([], "repair", "Nothing is broken"),
    ([], "change:mcc=5812", "says already"),
    ([], "change:merchant_name=4111 1111 1111 1111", "That is no merchant_name"),
    ([], "change:mcc=58123", "cannot carry"),
    ([], "roll_back_log:1", "last event is 0"),
    ([], "pair", "Nobody can pair"),
    ([], "yes", "No number"),
    ([], "no", "No number"),
    (["offline"], "offline", "out of reach"),
    ([], "online", "in reach"),
    (["offline"], "settle", "cannot be reached"),
    (["lie:fee_twice"], "lie:fee_twice", "already"),
    ([], "honest", "no such lie"),
    (["lie:fee_twice"], "honest:rounded_up", "no such lie"),
    ([], "notice:foreign_card,rate_ppm=6000", "does not take"),
    ([], "advance:until=2026-03-02T08:00", "already"),
    (["advance:until=2026-03-03T08:00"], "advance:ms=1", "calendar is over"),
    ([], "wait:busy", "not so"),
]


@pytest.mark.parametrize(("before", "text", "what"), SENSELESS, ids=[f"{row[1]} {len(row[0])}" for row in SENSELESS])
def test_what_makes_no_sense_now_is_refused_with_the_state(room, before: list[str], text: str, what: str) -> None:
    r = room()
    for one in before:
        r.do(one)
    assert what in r.refused(text).what


ASLEEP = [name for name, command in COMMANDS.items() if command.awake]


@pytest.mark.parametrize("name", ASLEEP)
def test_what_wants_a_terminal_that_is_awake_is_refused_without_power_and_while_it_sleeps(room, name: str) -> None:
    needed = {
        one.name: one.least or 1 if one.number else (one.choices or ("unionpay_credit",))[0]
        for one in COMMANDS[name].arguments
        if one.required
    }
    r = room()
    r.do("suspend")
    assert r.refused(name, **needed).what == "The terminal is suspended." and r.state["suspended"]
    r.do("power_off")
    assert r.refused(name, **needed).what == "The terminal is off." and r.state["phase"] == "off"


def test_every_command_that_can_be_senseless_is_among_these() -> None:
    senseless = {parse_command(text)[0] for _, text, _ in SENSELESS}
    never = {name for name, command in COMMANDS.items() if not command.refused}
    assert senseless | never | {"ledger"} >= set(COMMANDS)


def test_without_a_ledger_there_are_no_lines(room) -> None:
    r = room()
    with pytest.raises(ControlRefused, match="No ledger is kept"):
        Control(r.lane.station).do("ledger", {}, r.lane.now)


# -- at the counter ----------------------------------------------------------------------------------------------------


def test_a_sale_keyed_by_hand_is_an_event_and_a_ledger_line_that_no_register_hears_of(room) -> None:
    r = room()
    reference = r.do("sell:12300,customer=unionpay_credit")["reference"]
    assert r.state["phase"] == "paying" and r.state["reference"] == reference and r.state["amount_minor"] == 12_300
    r.until("idle")
    transaction, fee = r.events()
    assert isinstance(transaction, Transaction) and isinstance(fee, Fee)
    assert (transaction.reference, transaction.amount, transaction.masked_pan) == (
        reference,
        Money(12_300),
        "620000******0005",
    )
    assert fee.amount == Money(74), "docs/domain.md A1, 传统大POS: 0.6% of ¥123.00, half up"
    assert [line["action"] for line in r.lines("host")] == ["authorised"]
    assert [(line["reference"], line["fee_minor"]) for line in r.lines("sale")] == [(reference, 74)]
    assert any("begin" in line for line in r.lane.terminal.log._path.read_text().splitlines())
    r.until("acknowledged")
    assert len(r.lane.events) == 2 and r.answers() == [], (
        "the agent has the events, and no answer that it did not ask for"
    )


def test_nothing_of_what_is_keyed_in_is_said_to_a_register(room) -> None:
    r = room(present=False)
    counter = r.terminal.counter
    r.control.do("sell", {"amount_minor": 100}, r.lane.now)
    for seconds in range(12):  # an hour is 3.6 s: stages and outcome are over after 10 ms
        counter.run(r.lane.now + seconds)
        assert counter.take() == []
    assert r.lines("sale")


def test_references_by_hand_are_uuids_of_version_7_and_never_the_same(room) -> None:
    r = room()
    references = []
    for amount in (100, 100, 151, 100):
        references.append(r.do(f"sell:{amount}")["reference"])
        r.until("idle")
    r.do("roll_back_log:0")
    references.append(r.do("sell:100")["reference"])
    assert len(set(references)) == 5
    still = room(speed=0)  # the day is over at once, and time stands at its closing
    again = []
    for _ in range(2):
        still.do("roll_back_log:0")
        again.append(still.do("sell:100")["reference"])
    assert still.state["finished"] and len(set(again)) == 2, "the host knows the first, though the log does not"
    assert all(re.fullmatch(r"[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}", one) for one in references)


def test_money_goes_back_by_hand_on_a_sale_of_either_kind(room) -> None:
    r = room()
    r.sale(20_000)
    r.until("idle")
    by_hand = r.do("sell:10000")["reference"]
    r.until("idle")
    sold = {event.reference: event for event in r.events(Transaction)}
    r.do(f"refund:{SALE},amount_minor=5000")
    r.until("idle")
    r.do(f"void:{int(sold[by_hand].trace)}")  # leading zeros may be left out
    r.until("idle")
    assert [
        (line["original_reference"], line["amount_minor"], line["outcome"]) for line in r.lines("refund", "void")
    ] == [
        (SALE, 5_000, "approved"),
        (by_hand, 10_000, "approved"),
    ]
    r.do(f"refund:{SALE},amount_minor=15001")
    r.until("idle")
    r.do(f"void:{by_hand}")
    r.until("idle")
    assert [line["response_code"] for line in r.lines("refund", "void")][2:] == ["13", "12"], "the terminal's own rules"
    assert r.refused(f"refund:{r.lines('refund')[0]['reference']}").what == "The terminal has no such sale."
    r.do(f"refund:{SALE}")
    r.until("idle")
    assert r.lines("refund")[-1]["amount_minor"] == 20_000, "whole, if nobody says how much"


def test_a_register_that_asks_while_somebody_keys_in_is_told_to_wait(room) -> None:
    r = room()
    r.do("sell:10000")
    r.sale()
    (told,) = r.answers()
    assert isinstance(told, Error) and told.code is ErrorCode.NOT_NOW
    r.until("idle")
    r.sale()
    r.until("idle")
    assert r.results() == [(RequestState.APPROVED, "00")]


def test_a_sale_by_hand_that_a_crash_ends_is_reversed_at_boot(room) -> None:
    r = room()
    r.do("crash:after_begin")
    assert r.state["crash"] == "after_begin"
    reference = r.do("sell:10000")["reference"]
    r.pass_by(20_000)
    assert r.state["boots"] == 2 and r.state["crash"] is None
    assert [(line["kind"], line["original_reference"]) for line in r.lines("sale", "reversal")] == [
        ("reversal", reference)
    ]


def test_a_customer_comes_to_the_next_sale_or_to_the_one_that_waits(room) -> None:
    r = room()
    assert r.do("present:unionpay_debit") == {"comes": "next"} and r.state["coming"] == "unionpay_debit"
    r.sale(10_000)
    r.until("idle")
    r.do("present:nobody")
    r.sale(10_000, SALE[:-1] + "2")
    r.pass_by(NOBODY_MS // 2)
    assert r.state["stage"] == Stage.PRESENT_CARD
    assert r.do("present:insufficient_funds") == {"comes": "now"}
    assert r.state["stage"] == Stage.PIN, "the card is in"
    r.until("idle")
    products = [event.product for event in r.events(Transaction)]
    assert products == ["debit", "credit"]
    assert r.results() == [(RequestState.APPROVED, "00"), (RequestState.DECLINED, "51")]
    r.do("sell:10000,customer=nobody")
    assert r.refused("present:nobody").what == "Somebody who never comes cannot come now."
    r.do("present:cancels")
    r.until("idle")
    assert r.lines("sale")[-1]["response_code"] == "17"


def test_the_customer_presses_cancel(room) -> None:
    r = room()
    r.sale()
    r.do("cancel")
    assert r.results() == [(RequestState.DECLINED, "17")] and r.state["phase"] == "idle"


def test_the_batch_is_closed_by_hand(room) -> None:
    r = room()
    r.do("sell:10000")
    r.until("idle")
    batch = r.state["batch"]
    assert r.do("settle") == {"batch": batch}
    assert r.state["batch"] != batch and r.state["sales_count"] == 0
    (line,) = r.lines("settlement")
    assert (line["batch"], line["gross_minor"]) == (batch, 10_000)


@pytest.mark.parametrize("wire", ["telium", "transbank"])
def test_on_a_wire_with_tickets_what_is_keyed_by_hand_has_none(room, wire: str) -> None:
    r = room(dialect=wire, present=False)
    assert r.do("sell:10000") == {"reference": "0" * 32}
    r.until("idle")
    (sale,) = r.lines("sale")
    assert (sale["outcome"], sale["amount_minor"]) == ("approved", 10_000)
    assert r.refused(f"void:{sale['reference']}").what == "The terminal has no such sale.", (
        "such a terminal knows traces"
    )
    r.do(f"void:{sale['trace']}")
    r.until("idle")
    assert r.lines("void")[0]["outcome"] == "approved"
    assert r.refused("pair").what == "Nobody can pair here."
    assert "native" in r.refused("fault:forge").what


# -- wire --------------------------------------------------------------------------------------------------------------


def test_faults_are_armed_and_cleared_while_it_runs(room) -> None:
    r = room()
    assert r.do("fault:drop,share=1000000,to=agent") == {"fault": "drop:share=1000000,to=agent"}
    r.do("fault:delay")
    assert r.state["faults"] == ["drop:share=1000000,to=agent", "delay"]
    r.until("no_session")
    assert r.do("clear_faults:drop") == {"cleared": ["drop:share=1000000,to=agent"]}
    r.until("session")
    assert r.do("clear_faults") == {"cleared": ["delay"]} and r.state["faults"] == []


def test_the_cable_is_pulled_for_a_while_or_until_it_is_plugged_in(room) -> None:
    r = room()
    r.do("pull_cable:for=5000")
    assert r.state["cable"] == "out" and r.lane.end.hung_up
    play([r.lane], 4_999)
    assert r.lane.end.hung_up
    play([r.lane], 1)
    assert r.state["cable"] == "in" and not r.lane.end.hung_up
    r.do("pull_cable:for=5000")
    r.do("plug_cable")
    r.do("pull_cable")
    play([r.lane], 60_000)
    assert r.lane.end.hung_up, "what was to end the pull before ends no later one"
    assert r.state["session"] is False
    r.do("plug_cable")
    r.until("session")


def test_the_cable_moves_to_another_device(room) -> None:
    r = room()
    r.do("move_cable")
    assert r.lane.end.stale
    r.lane.end.reopen()
    r.until("session")


def test_the_cable_leads_to_another_terminal_and_back(room) -> None:
    r = room()
    for text, name in (("other_terminal:8", "SIM-CLASSIC-000008"), ("other_terminal", "SIM-CLASSIC-000007")):
        assert r.do(text) == {"terminal": name}
        hellos = len(r.lane.hellos)
        play([r.lane], 60_000, until=lambda hellos=hellos: len(r.lane.hellos) > hellos)
        assert r.lane.hellos[-1].terminal == name


# -- device ------------------------------------------------------------------------------------------------------------


def test_a_reboot_ends_the_session_and_what_was_under_way(room) -> None:
    r = room()
    r.sale(10_009)  # in progress for ever
    r.pass_by(HOUR)
    assert r.state["stage"] == "host"
    r.do("reboot")
    assert r.state["boots"] == 2 and r.state["phase"] == "idle"
    assert [line["action"] for line in r.lines("host")] == ["unanswered", "reversed"]


def test_a_crash_that_ends_the_process_leaves_do_where_nothing_reboots(room) -> None:
    r = room()
    r.lane.station.reboots = False
    r.do("crash:logged_untold")
    r.sale()
    with pytest.raises(TerminalCrashed):
        r.do("cancel")
    r = room()
    r.do("crash:logged_untold")
    r.sale()
    assert r.do("cancel") == {} and r.state["boots"] == 2


def test_without_power_nothing_is_heard_said_or_sold(room) -> None:
    r = room(transactions=60)
    r.pass_by(HOUR)
    r.sale()
    r.do("power_off")
    state = r.state
    assert (state["phase"], state["power"], state["screen"], state["suspended"]) == ("off", "off", [], False)
    events, clock = r.terminal.log.last_written, state["clock"]
    play([r.lane], 600_000)
    assert r.terminal.log.last_written == events and r.state["clock"] == clock and not r.lane.agent.is_open
    r.do("power_on")
    assert r.state["boots"] == 2 and r.state["clock"] == clock and r.state["screen"]
    r.until("session")
    r.until("finished")
    assert sum(line["kind"] in ("sale", "refund", "void") for line in r.lines()) == 60
    assert SALE not in r.ledger.read_text(), "the customer was at the card yet"


def test_a_sleep_that_power_cut_short_does_not_end_the_next_one(room) -> None:
    r = room()
    uptime = r.lane.station.uptime(r.lane.now)
    r.do(f"suspend:for={HOUR}")
    play([r.lane], 1_000)
    r.do("power_off")
    play([r.lane], 1_000)
    r.do("power_on")
    assert r.lane.station.uptime(r.lane.now) == uptime, "it stood still"
    clock = r.state["clock"]
    r.do(f"suspend:for={8 * HOUR}")
    play([r.lane], 3_600)
    assert r.state["phase"] == "suspended"
    play([r.lane], 7 * 3_600)
    assert r.state["phase"] == "idle" and (clock, r.state["clock"]) == (
        "2026-03-02T01:00:00.000Z",
        "2026-03-02T09:00:00.000Z",
    )


def test_kill_leaves_do_and_nothing_was_done(room) -> None:
    r = room()
    with pytest.raises(Killed):
        r.do("kill")


def test_something_breaks_and_is_mended(room) -> None:
    r = room()
    r.do("break_down:PRINTER_PAPER,severity=major,detail=no paper")
    assert r.state["broken"] == "PRINTER_PAPER" and any("PRINTER_PAPER" in line for line in r.state["screen"])
    r.do("repair")
    assert r.state["broken"] is None and not any("PRINTER_PAPER" in line for line in r.state["screen"])
    r.do("tamper")
    events = r.events(DeviceEvent)
    assert [(e.kind, e.severity, e.code, e.detail) for e in events] == [
        ("fault", "major", "PRINTER_PAPER", "no paper"),
        ("tamper", "major", "TAMPER", "case opened"),
    ]
    r.refused("break_down", code="X" * 33)
    r.refused("break_down", detail="字" * 86)  # 258 bytes of 256


def test_the_plate_changes_for_ever(room) -> None:
    r = room()
    r.do("change:serial_number=SN-2,merchant_name=" + "长" * 32)
    r.do("change:merchant_name=" + "短" * 32 + ",mid=898000000000001,tid=90000001,mcc=5411")  # 256 bytes are not enough
    kinds = [e.kind for e in r.events(DeviceEvent)]
    assert kinds == ["serial_changed", "merchant_changed", "merchant_changed"]
    r.do("reboot")
    r.until("session")
    r.lane.ask(DeviceInfoQuery())
    play([r.lane], 100)
    info = r.lane.told[-1].message
    assert (info.serial_number, info.mid, info.tid, info.mcc) == ("SN-2", "898000000000001", "90000001", "5411")
    r.do("sell:100")
    r.until("idle")
    assert r.events(Transaction)[0].merchant_name == "短" * 32


def test_an_event_that_nobody_understands_is_told_like_any_other_and_survives_a_boot(room) -> None:
    r = room(present=False)
    r.do("sell:100")
    r.until("idle")
    assert r.do("unreadable") == {"event": 3}
    r.do("sell:100")
    r.until("idle")
    ledger = r.ledger.read_text()
    with pytest.raises(NotUnderstood, match="unknown critical tag") as refused:
        r.lane.agent.dialect.decode(r.terminal.log.event(3))
    assert (refused.value.number, refused.value.tag) == (3, 0xFFF0)
    r.do("reboot")
    assert r.ledger.read_text() == ledger and r.state["sales_count"] == 2
    r.do("sell:100")
    r.until("idle")
    assert r.state["sales_count"] == 3


def test_the_log_goes_back_or_is_lost(room) -> None:
    r = room()
    for _ in range(3):
        r.do("sell:100")
        r.until("idle")
    epoch = r.state["log_epoch"]
    r.do("roll_back_log:2")
    assert (r.state["last_event"], r.state["log_epoch"], r.state["sales_count"]) == (3, epoch, 1), (
        "and the boot's event"
    )
    answer = r.do("replace_log")
    assert r.state["log_epoch"] == answer["log_epoch"] != epoch and r.state["sales_count"] == 0
    assert r.state["last_event"] == 0


def test_the_clock_is_wrong_and_right_again(room) -> None:
    r = room()
    for by, shown in ((-HOUR, "00:00"), (2 * HOUR, "03:00"), (0, "01:00")):
        r.do("wrong_clock", by=by)
        assert r.state["clock"][11:16] == "01:00" and r.state["terminal_clock"][11:16] == shown


# -- host, acquirer, provider ------------------------------------------------------------------------------------------


def test_offline_the_terminal_declines_and_the_host_hears_nothing(room) -> None:
    r = room()
    r.do("offline")
    r.sale()
    r.until("idle")
    assert r.results() == [(RequestState.DECLINED, "91")] and r.lines("host") == []
    r.lane.ask(Settle())
    play([r.lane], 100)
    assert replace(r.lane.told[-1].message, request_id=0) == SettleReply(settled=False, response_code="91")
    r.do("online")
    r.sale(reference=SALE[:-1] + "2")
    r.until("idle")
    assert r.results()[-1] == (RequestState.APPROVED, "00")


@pytest.mark.parametrize("boots", [False, True])
def test_an_answer_that_cannot_come_is_reversed_and_the_host_hears_of_it_once_it_can(room, boots: bool) -> None:
    r = room()
    r.sale()
    r.until("stage:host")
    assert [line["action"] for line in r.lines("host")] == ["authorised"]
    r.do("offline")
    r.pass_by(PATIENCE_MS // 2)
    assert r.state["phase"] == "paying", "it is waited for"
    r.pass_by(PATIENCE_MS)
    assert r.results() == [(RequestState.VOIDED, "98")]
    assert r.terminal.book.host.charged(SALE) == 12_300, "the customer is charged, and the terminal says that he is not"
    if boots:
        r.do("reboot")
        assert r.terminal.book.host.charged(SALE) == 12_300
    r.do("online")
    assert r.terminal.book.host.charged(SALE) == 0
    assert [line["action"] for line in r.lines("host")] == ["authorised", "reversed"]
    r.do("reboot")
    assert [line["action"] for line in r.lines("host")] == ["authorised", "reversed"], "told once"


def test_what_was_taken_back_offline_is_told_at_the_first_boot_of_a_start_anew(room) -> None:
    r = room()
    r.sale()
    r.until("stage:host")
    r.do("offline")
    r.do("reboot")  # BEGIN without an outcome: reversed, and the host cannot hear it
    assert r.terminal.book.host.charged(SALE) == 12_300
    r.terminal.book.host.reachable = True  # as in a new process
    r.do("reboot")
    assert r.terminal.book.host.charged(SALE) == 0


def test_offline_the_calendar_declines_too(room) -> None:
    r = room(transactions=60)
    r.do("offline")
    r.until("finished")
    rows = r.lines("sale", "refund", "void")
    assert (
        len(rows) == 60
        and {row["response_code"] for row in rows} == {"91"}
        and {row["fee_minor"] for row in rows} == {0}
    )


def test_lies_are_armed_and_given_up_by_name(room) -> None:
    r = room()
    r.do("lie:fee_twice")
    assert r.do("lie:raised_rate,ppm=400,from=2026-03-02") == {
        "lies": ["fee_twice", "raised_rate:ppm=400,from=2026-03-02"]
    }
    r.do("sell:10000,customer=unionpay_credit")
    r.until("idle")
    assert (r.lines("sale")[0]["fee_minor"], r.lines("sale")[0]["should_minor"]) == (2 * 64, 60), (
        "6000 + 400 ppm, twice"
    )
    r.do("reboot")
    assert r.state["lies"] == ["fee_twice", "raised_rate:ppm=400,from=2026-03-02"], "they stand in the log"
    assert r.do("honest:fee_twice") == {"lies": ["raised_rate:ppm=400,from=2026-03-02"]}
    assert r.do("honest") == {"lies": []}
    r.do("sell:10000,customer=unionpay_credit")
    r.until("idle")
    assert r.lines("sale")[1]["fee_minor"] == 60


def test_the_deposit_goes_as_planned_even_after_a_boot(room) -> None:
    r = room(days=14)
    r.do("deposit:rejected")
    r.do("reboot")
    assert r.state["deposit"] == "rejected"
    r.until("session")
    r.lane.ask(DepositReturn(reference=SALE, amount=Money(19_900), application="请退还押金"))
    r.do("advance:until=2026-03-15T20:00")
    assert r.lines("deposit")[-1]["state"] == "rejected"


def test_a_notice_is_announced_now_and_after_a_boot_it_was(room) -> None:
    r = room()
    r.pass_by(HOUR)
    answer = r.do("notice:credit,rate_ppm=6500,cap_minor=2500,days=10")
    assert answer["effective_from"] == "2026-03-12"
    (notice,) = r.events(TariffNotice)
    assert (notice.product, notice.rate_ppm, notice.cap) == ("credit", 6_500, Money(2_500))
    assert "2026年3月12日" in notice.text and notice.notice == answer["notice"]
    (line,) = r.lines("notice")
    assert (line["published"], line["effective_from"], line["at"][:13]) == ("2026-03-02", "2026-03-12", "2026-03-02T02")
    before = r.ledger.read_bytes()
    r.do("reboot")
    assert r.ledger.read_bytes() == before
    r.refused("notice:credit,rate_ppm=1,text=卡号 4111 1111 1111 1111")


# -- time --------------------------------------------------------------------------------------------------------------


def test_time_goes_on_at_once_and_what_is_planned_is_done_at_its_own_times(room) -> None:
    quiet, jumped = room(transactions=60, days=3), room(transactions=60, days=3)
    quiet.until("finished")
    assert jumped.do(f"advance:ms={HOUR}") == {"clock": "2026-03-02T02:00:00.000Z", "passed_ms": HOUR}
    answer = jumped.do("advance:until=2026-03-03T12:00")
    assert answer["clock"] == "2026-03-03T04:00:00.000Z" and jumped.state["day"] == "2026-03-03"
    assert jumped.lane.now == 0, "none of the wire's time"
    assert jumped.do("advance:until=2026-03-09T00:00:00Z")["clock"] == "2026-03-04T13:00:00.000Z", "the last closing"
    assert jumped.ledger.read_bytes() == quiet.ledger.read_bytes()


def test_a_customer_a_host_and_a_time_out_come_sooner(room) -> None:
    r = room(speed=1)
    r.sale()
    r.do("advance:ms=9999")
    assert r.state["stage"] == "host"
    r.do("advance:ms=1")
    assert r.results() == [(RequestState.APPROVED, "00")], "docs/simulator.md: the outcome after 10 s"
    r.sale(10_098, SALE[:-1] + "2")
    r.do("advance:ms=67999")
    assert r.state["phase"] == "paying"
    r.do("advance:ms=1")
    assert r.results()[-1] == (RequestState.VOIDED, "98"), "8 s to the host, and 60 s of patience"


def test_a_late_approval_comes_sooner_too(room) -> None:
    r = room(speed=1)
    r.do("lie:late_approval")
    r.sale()
    r.do("advance:ms=8000")
    r.do("advance:ms=74999")
    assert r.terminal.book.host.charged(SALE) == 0
    r.do("advance:ms=1")
    assert r.terminal.book.host.charged(SALE) == 12_300, "75 s after the host was asked"


def test_at_speed_0_time_goes_on_too_and_planned_steps_wait_for_the_line(room) -> None:
    r = room(speed=0, transactions=300, present=False)
    was = r.state["clock"]
    written = r.terminal.log.last_written
    assert r.do("advance:until=2026-03-02T20:00")["clock"] == "2026-03-02T12:00:00.000Z" > was
    assert r.terminal.log.last_written == written, "64 are unacknowledged"
    assert r.do("advance:until=2026-03-09T20:00")["clock"] == "2026-03-02T13:00:00.000Z", (
        "this day's closing waits for them"
    )
    assert not r.state["finished"]


# -- what a person would ask -------------------------------------------------------------------------------------------


def test_the_state_tells_what_is_going_on(room) -> None:
    r = room()
    r.do("sell:12300,customer=unionpay_credit")
    r.until("idle")
    r.until("acknowledged")
    state = r.state
    assert {key: state[key] for key in state if key not in ("clock", "terminal_clock", "screen", "log_epoch")} == {
        "phase": "idle",
        "power": "on",
        "suspended": False,
        "cable": "in",
        "host": "online",
        "session": True,
        "pairing": None,
        "speed": 1_000,
        "day": "2026-03-02",
        "finished": False,
        "stage": None,
        "amount_minor": None,
        "reference": None,
        "coming": None,
        "batch": "002252",
        "sales_count": 1,
        "sales_minor": 12_300,
        "boots": 1,
        "last_event": 2,
        "acknowledged": 2,
        "broken": None,
        "crash": None,
        "faults": [],
        "lies": [],
        "deposit": "paid",
    }
    assert r.do("screen")["screen"] == state["screen"] and any("¥123.00" in line for line in state["screen"])


def test_the_ledger_is_read_in_pieces(room) -> None:
    r = room(transactions=300, first=date(2026, 3, 3))
    r.until("finished")
    first = r.do("ledger")
    assert len(first["lines"]) == 200 and first["next"] == 201
    rest = r.do("ledger", since=first["next"])
    assert [*first["lines"], *rest["lines"]] == r.lines()
    assert r.do("ledger", since=rest["next"]) == {"lines": [], "next": rest["next"]}


def test_stop_is_told_to_whoever_turns_the_loop(room) -> None:
    r = room()
    assert not r.control.stopped
    r.do("stop")
    assert r.control.stopped
