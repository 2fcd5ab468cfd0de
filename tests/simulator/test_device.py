"""What befalls the device, and what its display shows (docs/simulator.md, "The device", "The display")."""

from __future__ import annotations

import json
from pathlib import Path
from unicodedata import east_asian_width

import pytest

from protocol import messages as m
from protocol.messages import DeviceEventKind, Severity, Stage, TransactionKind
from protocol.money import Money
from simulator.cards import CUSTOMERS
from simulator.device import CHANGES
from simulator.errors import SimulatorError
from simulator.screen import WIDTH, Done, Faulty, Idle, Pairing, Paying, Showing, draw, money
from tests.simulator.conftest import MemoryBench
from tests.simulator.test_money import OTHER, asked, opened, sale, transactions


def events(b: MemoryBench) -> list[m.DeviceEvent]:
    found = [b.agent.dialect.decode(b.log.event(n)) for n in range(1, b.log.last_written + 1)]
    return [x for x in found if isinstance(x, m.DeviceEvent)]


def test_faults_and_tampering_are_events(bench) -> None:
    b = opened(bench)
    b.later(5_000)
    b.terminal.device.break_down("PRINTER_PAPER", Severity.MINOR, b.now, "no paper")
    b.terminal.device.tamper(b.now)
    fault, tamper = events(b)
    assert (fault.kind, fault.severity, fault.code, fault.detail) == ("fault", "minor", "PRINTER_PAPER", "no paper")
    assert (tamper.kind, tamper.severity, tamper.code) == ("tamper", "major", "TAMPER")
    assert fault.at == b.clock.time(b.now)
    b.ask(m.Sync(start=1))
    assert b.received() == [fault.number, tamper.number], "and the register hears of them"


def test_what_changes_on_the_plate_is_told_once_and_stays(bench) -> None:
    b = opened(bench, speed=0)
    b.ask(sale())
    before = b.ask(m.DeviceInfoQuery())
    b.terminal.device.change({"mid": "898110153110003", "merchant_name": "李记百货", "firmware": "9.9"}, b.now)
    b.terminal.device.change({"serial_number": "CL0000000001"}, b.now)
    b.terminal.device.change({"serial_number": "CL0000000001"}, b.now)
    kinds = [e.kind for e in events(b)]
    assert kinds == [
        DeviceEventKind.MERCHANT_CHANGED,
        DeviceEventKind.FIRMWARE_CHANGED,
        DeviceEventKind.SERIAL_CHANGED,
    ]
    told = events(b)[0]
    assert told.detail == f"mid {before.mid} -> 898110153110003; merchant_name {before.merchant_name} -> 李记百货"
    for _ in range(2):
        now = b.ask(m.DeviceInfoQuery())
        assert (now.mid, now.merchant_name, now.firmware) == ("898110153110003", "李记百货", "9.9")
        assert (now.serial_number, now.tid, now.mcc) == ("CL0000000001", before.tid, before.mcc)
        b = opened(bench, speed=0)  # killed and started again
    b.ask(sale(500, OTHER))
    old, new = transactions(b)
    assert (old.mid, new.mid) == (before.mid, "898110153110003")
    assert (old.merchant_name, new.merchant_name) == (before.merchant_name, "李记百货")


@pytest.mark.parametrize("what", [{"colour": "red"}, {"mid": " "}, {"merchant_name": "4242 4242 4242" + " 4242"}])
def test_what_cannot_be_on_a_plate_is_refused_whole(bench, what: dict[str, str]) -> None:
    b = opened(bench)
    with pytest.raises(SimulatorError):
        b.terminal.device.change({"firmware": "9.9", **what}, b.now)
    assert events(b) == [] and b.log.changed == {}


def test_every_field_that_can_change_is_one_of_the_plate(bench) -> None:
    b = opened(bench)
    for name in CHANGES:
        b.terminal.device.change({name: "X1"}, b.now)
        assert getattr(b.terminal.device.plate, name) == "X1"


# -- the display -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("showing", "shown"),
    [
        (Idle("张记餐馆", "002252", 3, Money(123_450)), ["张记餐馆", "Welcome", "002252", "3 笔  ¥1,234.50"]),
        (Paying(Stage.PRESENT_CARD, Money(5)), ["¥0.05", "请刷卡/插卡/挥卡", "Present card"]),
        (Paying(Stage.PIN, Money(12_300)), ["¥123.00", "请输入密码", "******"]),
        (
            Done(TransactionKind.SALE, True, Money(100), "00", "622848******1234"),
            ["消费成功", "APPROVED", "******1234"],
        ),
        (Done(TransactionKind.REFUND, False, Money(100), "51", None), ["退货失败", "DECLINED", "51"]),
        (Done(TransactionKind.REVERSAL, True, Money(100), "98", None), ["交易已冲正", "VOIDED", "98"]),
        (Pairing("123456"), ["配对", "123 456"]),
        (Faulty("PRINTER"), ["设备故障", "OUT OF ORDER", "PRINTER"]),
    ],
)
def test_the_display_in_both_languages_and_in_its_frame(showing: Showing, shown: list[str]) -> None:
    text = draw(showing)
    assert [word for word in shown if word not in text] == []
    widths = {sum(2 if east_asian_width(c) in "WF" else 1 for c in line) for line in text.split("\n")}
    assert widths == {WIDTH + 4}


def test_every_stage_has_its_words() -> None:
    assert len({draw(Paying(stage, Money(100))) for stage in Stage}) == len(Stage)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (Money(0), "¥0.00"),
        (Money(1_000_000_01), "¥1,000,000.01"),
        (Money(4_200, 978), "€42.00"),
        (Money(42, 152), "$42"),
    ],
)
def test_money_on_the_display(amount: Money, text: str) -> None:
    assert money(amount) == text


def test_what_a_sale_shows_from_beginning_to_end(bench) -> None:
    b = opened(bench)
    b.counter.present(CUSTOMERS["unionpay_debit"])
    idle = b.terminal.showing()
    assert isinstance(idle, Idle) and (idle.count, idle.total) == (0, Money(0))
    asked(b, sale())
    seen = []
    for _ in range(18):
        if b.terminal.showing() not in seen:
            seen.append(b.terminal.showing())
        b.later(1_000)
    assert [type(x) for x in seen] == [Paying, Paying, Paying, Done, Idle]
    assert [x.stage for x in seen if isinstance(x, Paying)] == [Stage.PRESENT_CARD, Stage.PIN, Stage.HOST]
    assert seen[3] == Done(TransactionKind.SALE, True, Money(12_300), "00", "620000******0047")
    assert isinstance(seen[4], Idle) and (seen[4].count, seen[4].total) == (1, Money(12_300))


def test_a_major_fault_stays_until_a_boot(bench) -> None:
    b = opened(bench)
    b.terminal.device.break_down("PAPER", Severity.MINOR, b.now)
    assert isinstance(b.terminal.showing(), Idle)
    b.terminal.device.break_down("READER", Severity.MAJOR, b.now)
    assert b.terminal.showing() == Faulty("READER")
    b.terminal.reboot(b.now)
    assert isinstance(b.terminal.showing(), Idle)


def test_a_process_says_what_its_display_shows(tmp_path: Path, simulate) -> None:
    s = simulate(tmp_path, "--transactions", "0", "--pairing", "off", "--screen")
    first = s.says()["screen"]
    assert any("欢迎光临" in line for line in first) and len({len(line) for line in first}) > 1
    assert json.dumps(first)
