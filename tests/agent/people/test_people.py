"""People at the counter, through the desk and the command line: what docs/people.md says of roles, PINs and lock-outs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.desk_server import DeskServer
from agent.desk_socket import SocketDesk
from agent.errors import PeopleError
from agent.home import Home
from agent.home_desk import HomeDesk
from agent.journal.entries import Entry
from agent.journal.keys import PassphraseSources, verifying_key
from agent.journal.reader import open_reader
from agent.opening import make_home, open_desk
from agent.people import pins
from agent.settings import Settings
from agent.views import AddOperator, Credential, RemoveOperator, Role, SetPin

CHIEF = Credential("01", "271828")
MINUTE_MS = 60_000


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "shop")
    settings = Settings(terminal="T-1", simulated=False, port="/dev/ttyUSB0")
    make_home(made, settings, PassphraseSources(), time.time_ns() // 1_000_000)
    return made


@pytest.fixture
def desk(home: Home) -> Iterator[HomeDesk]:
    with open_desk(home, record=True) as opened:
        assert isinstance(opened, HomeDesk)
        opened.add_operator(AddOperator("01", Role.MANAGER, CHIEF.pin, "王芳"))
        yield opened


def later(desk: HomeDesk, minutes: float) -> None:
    """As if so much time had gone by since now: for who asks, and for what is recorded."""
    now = desk._people._now = lambda: time.time_ns() // 1_000_000 + int(minutes * MINUTE_MS)
    desk._people._write = lambda work: desk._writing(lambda journal, _at: work(journal, now()))


def wrong(desk: HomeDesk, times: int, operator: str = "01") -> list[str]:
    said = []
    for _each in range(times):
        with pytest.raises(PeopleError) as refused:
            desk._people.authenticate(Credential(operator, "135790"))
        said.append(refused.value.what)
    return said


def people_entries(home: Home) -> list[Entry]:
    with closing(open_reader(home.journal, verifying_key(home.path))) as journal:
        return list(journal.all_of(("people.",)))


@pytest.mark.parametrize(
    ("pin", "allowed"),
    [
        ("271828", True),
        ("112233", True),
        ("27182", False),
        ("2718281828459", False),
        ("271828182845", True),
        ("111111", False),
        ("123456", False),
        ("987654321", False),
        ("27182a", False),
        ("２７１８２８", False),
        ("", False),
    ],
)
def test_a_pin_is_six_digits_and_no_row(pin: str, allowed: bool) -> None:
    assert pins.is_allowed(pin) is allowed


def test_the_first_operator_is_a_manager_and_is_shown_a_recovery_code(home: Home) -> None:
    with open_desk(home, record=True) as desk:
        with pytest.raises(PeopleError, match="first operator of a shop is a manager"):
            desk.add_operator(AddOperator("02", Role.CASHIER, "314159"))
        code = desk.add_operator(AddOperator("01", Role.MANAGER, "271828"))
        assert code is not None and len(code.replace("-", "")) == 16
        with pytest.raises(PeopleError, match="Only a manager"):
            desk.add_operator(AddOperator("02", Role.CASHIER, "314159"))
        assert desk.add_operator(AddOperator("02", Role.CASHIER, "314159", "李", CHIEF)) is None
        assert [(one.operator, one.role, one.name, one.works) for one in desk.people()] == [
            ("01", "manager", None, True),
            ("02", "cashier", "李", True),
        ]


def test_who_may_not_is_told_so_and_nothing_is_changed(desk: HomeDesk) -> None:
    desk.add_operator(AddOperator("02", Role.CASHIER, "314159", by=CHIEF))
    cashier = Credential("02", "314159")
    for asked, words in (
        (AddOperator("03", Role.CASHIER, "314160", by=cashier), "may not do that"),
        (SetPin("01", "161803", cashier), "may not do that"),
        (RemoveOperator("01", cashier), "may not do that"),
        (AddOperator("02", Role.CASHIER, "314160", by=CHIEF), "already, or was"),
        (AddOperator("a b", Role.CASHIER, "314160", by=CHIEF), "no short name"),
        (AddOperator("03", Role.CASHIER, "111111", by=CHIEF), "not allowed"),
        (SetPin("09", "161803", CHIEF), "no operator 09"),
        (RemoveOperator("01", CHIEF), "only manager"),
    ):
        with pytest.raises(PeopleError, match=words):
            desk._people.change(asked)
    assert [one.operator for one in desk.people()] == ["01", "02"]
    assert desk._people.authenticate(CHIEF).role is Role.MANAGER


def test_five_wrong_tries_lock_for_5_then_50_then_500_minutes_and_never_for_ever(desk: HomeDesk) -> None:
    passed = 0.0
    for lasts in (5, 50, 500, 500):
        said = wrong(desk, 5)
        assert all("not the PIN" in words for words in said[:4]) and f"for {lasts} more" in said[4], said
        with pytest.raises(PeopleError, match="is locked"):
            desk._people.authenticate(CHIEF)  # the right one opens nothing while it lasts
        later(desk, passed + lasts - 0.5)
        with pytest.raises(PeopleError, match="for 1 more"):
            desk._people.authenticate(CHIEF)
        passed += lasts + 0.5
        later(desk, passed)
    assert desk._people.authenticate(CHIEF).operator == "01"
    assert "not the PIN" in wrong(desk, 1)[0], "the right one has wiped out the wrong ones"


def test_wrong_tries_stand_in_the_journal_and_a_new_process_knows_them(home: Home, desk: HomeDesk) -> None:
    wrong(desk, 5)
    desk.close()
    home.disown()
    with open_desk(home, record=True) as again:
        assert again.people()[0].locked_until > time.time_ns() // 1_000_000
        with pytest.raises(PeopleError, match="is locked"):
            again.add_operator(AddOperator("02", Role.CASHIER, "314159", by=CHIEF))
    assert sum(entry.kind == "people.pin_wrong" for entry in people_entries(home)) == 5


def test_a_manager_or_the_recovery_code_lets_a_locked_person_in_again(home: Home) -> None:
    with open_desk(home, record=True) as desk:
        assert isinstance(desk, HomeDesk)
        code = desk.add_operator(AddOperator("01", Role.MANAGER, CHIEF.pin))
        assert code is not None
        desk.add_operator(AddOperator("02", Role.CASHIER, "314159", by=CHIEF))
        wrong(desk, 5, "02")
        desk.set_pin(SetPin("02", "141421", CHIEF, reason="forgot it"))
        assert desk._people.authenticate(Credential("02", "141421")).operator == "02"
        wrong(desk, 5)
        with pytest.raises(PeopleError, match="recovery code is for managers"):
            desk.set_pin(SetPin("02", "141422", recovery=code))
        with pytest.raises(PeopleError, match="not this home's recovery code"):
            desk.set_pin(SetPin("01", "161803", recovery="AAAA-AAAA-AAAA-AAAA"))
        new = desk.set_pin(SetPin("01", "161803", recovery=code.lower().replace("-", " ")))
        assert new is not None and new != code
        assert desk._people.authenticate(Credential("01", "161803")).operator == "01"
        with pytest.raises(PeopleError, match="not this home's recovery code"):
            desk.set_pin(SetPin("01", "271828", recovery=code))
    assert [(e.body["how"], e.body["by"]) for e in people_entries(home) if e.kind == "people.pin_set"] == [
        ("manager", "01"),
        ("recovery", "01"),
    ]


def test_whoever_was_removed_opens_nothing_and_his_short_name_is_nobody_elses(desk: HomeDesk) -> None:
    desk.add_operator(AddOperator("02", Role.CASHIER, "314159", by=CHIEF))
    desk.remove_operator(RemoveOperator("02", CHIEF, "moved away"))
    with pytest.raises(PeopleError, match="no operator 02"):
        desk._people.authenticate(Credential("02", "314159"))
    with pytest.raises(PeopleError, match="already, or was"):
        desk.add_operator(AddOperator("02", Role.CASHIER, "314160", by=CHIEF))
    assert [(one.operator, one.works) for one in desk.people()] == [("01", True), ("02", False)]


def test_a_role_that_is_asked_for_is_needed(desk: HomeDesk) -> None:
    desk.add_operator(AddOperator("03", Role.TECHNICIAN, "314159", by=CHIEF))
    with pytest.raises(PeopleError, match="may not do that"):
        desk._people.authenticate(Credential("03", "314159"), Role.CASHIER, Role.MANAGER)
    assert desk._people.authenticate(CHIEF, Role.CASHIER, Role.MANAGER).operator == "01"


def test_no_pin_stands_anywhere_in_the_home(home: Home, desk: HomeDesk) -> None:
    wrong(desk, 1)
    for entry in people_entries(home):
        assert "verifier" not in entry.body, "no leaf holds what checks a PIN"
    for file in home.path.rglob("*"):
        if file.is_file():
            raw = file.read_bytes()
            assert b"271828" not in raw and b"135790" not in raw, file


def counterfoil(home: Home, *given: str, pins: str = "", expect: int = 0) -> tuple[str, str]:
    """The command, with PINs on a descriptor of its own."""
    ours, theirs = os.pipe()
    os.write(theirs, pins.encode())
    os.close(theirs)
    command = [sys.executable, "-m", "agent", "--home", str(home.path), "--lang", "en", *given, "--pin-fd", str(ours)]
    ran = subprocess.run(
        command if pins else command[:-2],
        capture_output=True,
        text=True,
        check=False,
        pass_fds=(ours,),
        stdin=subprocess.DEVNULL,
    )
    os.close(ours)
    assert ran.returncode == expect, ran.stderr
    return ran.stdout, ran.stderr


def test_the_commands_do_as_their_help_says(home: Home) -> None:
    said = json.loads(
        counterfoil(home, "operator", "add", "01", "--role", "manager", "--name", "王芳", "--json", pins="271828\n")[0]
    )
    code = said["recovery_code"]
    counterfoil(home, "operator", "add", "02", "--role", "cashier", "--operator", "01", pins="271828\n314159\n")
    counterfoil(home, "operator", "pin", "02", pins="314159\n141421\n")
    counterfoil(home, "operator", "reset", "02", "--operator", "01", pins="271828\n173205\n")
    out, _err = counterfoil(home, "operator", "reset", "01", "--recovery", pins=f"{code}\n161803\n")
    assert "Recovery code: " in out and code not in out
    counterfoil(home, "operator", "remove", "02", "--operator", "01", pins="161803\n")
    rows = json.loads(counterfoil(home, "operator", "list", "--json")[0])["operators"]
    assert [(row["operator"], row["role"], row["name"], row["works"]) for row in rows] == [
        ("01", "manager", "王芳", True),
        ("02", "cashier", None, False),
    ]
    _out, err = counterfoil(home, "operator", "pin", "01", pins="135790\n141421\n", expect=1)
    assert err.splitlines()[0] == "That is not the PIN of operator 01."
    _out, err = counterfoil(home, "operator", "pin", "01", expect=1)
    assert "no terminal to ask on" in err
    counterfoil(home, "operator", "reset", "01", pins="135790\n", expect=2)


def test_the_desk_over_the_socket_does_the_same(home: Home, desk: HomeDesk) -> None:
    server = DeskServer(home.socket, desk)
    try:
        guest = SocketDesk(home.socket)
        assert guest.add_operator(AddOperator("02", Role.CASHIER, "314159", by=CHIEF)) is None
        assert guest.set_pin(SetPin("02", "141421", Credential("02", "314159"))) is None
        with pytest.raises(PeopleError, match="not the PIN"):
            guest.remove_operator(RemoveOperator("02", Credential("01", "135790")))
        guest.remove_operator(RemoveOperator("02", CHIEF))
        assert guest.people() == desk.people() and [one.works for one in guest.people()] == [True, False]
    finally:
        server.close()


def test_the_tries_of_a_clock_that_was_set_back_lock_nobody_for_longer(desk: HomeDesk) -> None:
    wrong(desk, 5)
    later(desk, -24 * 60)
    assert desk._people.authenticate(CHIEF).operator == "01"
