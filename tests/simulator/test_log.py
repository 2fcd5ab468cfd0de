"""The terminal's log: what it keeps, what it drops, whom it refuses."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from simulator.errors import SimulatorError
from simulator.log import MAX_ORIGINS, RememberedHead, TerminalLog

DAY = date(2026, 3, 2)


def opened(folder: Path) -> TerminalLog:
    return TerminalLog(folder, "SIM-CLASSIC-000007", "0123456789ab")


def filled(folder: Path) -> TerminalLog:
    log = opened(folder)
    log.boot("b1")
    log.open_day(DAY, 2)
    log.add(b"one", b"two")
    log.add(b"three")
    log.acknowledge(2)
    log.remember(RememberedHead("counterfoil/a/0", 5, "counterfoil/a/0\n5\nroot\n\n— sig\n"))
    return log


def holds_what_was_filled(log: TerminalLog) -> bool:
    return (
        [log.event(n) for n in range(1, log.last_written + 1)] == [b"one", b"two", b"three"]
        and (log.oldest_retained, log.acknowledged, log.boots) == (1, 2, 1)
        and [(d.day, d.transactions, d.before, d.closed) for d in log.days] == [(DAY, 2, 0, False)]
        and log.head("counterfoil/a/0") == log.head()
        and log.head() == RememberedHead("counterfoil/a/0", 5, "counterfoil/a/0\n5\nroot\n\n— sig\n")
    )


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    log = filled(tmp_path)
    assert holds_what_was_filled(log)
    log.close()
    again = opened(tmp_path)
    assert holds_what_was_filled(again)
    again.close_day()
    again.close()
    last = opened(tmp_path)
    assert last.days[0].closed
    last.close()


@pytest.mark.parametrize("torn", [b"{", b'{"n":4,"m":"74', b'{"ack":3}', b'{"n":4,"m":"aa"}'])
def test_a_torn_last_line_is_dropped_and_written_over(tmp_path: Path, torn: bytes) -> None:
    filled(tmp_path).close()
    with (tmp_path / "log.jsonl").open("ab") as file:
        file.write(torn)
    log = opened(tmp_path)
    assert holds_what_was_filled(log)
    log.add(b"four")
    log.close()
    again = opened(tmp_path)
    assert again.event(4) == b"four" and again.last_written == 4
    again.close()


def test_a_log_torn_at_every_byte_opens_with_a_prefix_of_its_lines(tmp_path: Path) -> None:
    filled(tmp_path).close()
    file = tmp_path / "log.jsonl"
    whole = file.read_bytes()
    for cut in range(len(whole)):
        file.write_bytes(whole[:cut])
        log = opened(tmp_path)
        events = [log.event(n) for n in range(1, log.last_written + 1)]
        assert events == [b"one", b"two", b"three"][: sum(x.startswith(b'{"n"') for x in whole[:cut].split(b"\n")[:-1])]
        log.close()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"n":2', b'"n":3'),
        (b'{"ack":2}', b'{"ack":9}'),
        (b'{"n":1', b'["n":1'),
        (b'"m":"6f6e65"', b'"m":"6f6e6"'),
        (b'{"v":1', b'{"v":2'),
        (b'{"boot"', b'{"boat"'),
        (b'"2026-03-02"', b'"2026-13-02"'),
    ],
)
def test_damage_inside_is_said_with_its_line_not_guessed_away(tmp_path: Path, old: bytes, new: bytes) -> None:
    filled(tmp_path).close()
    file = tmp_path / "log.jsonl"
    data = file.read_bytes()
    assert old in data
    file.write_bytes(data.replace(old, new, 1))
    with pytest.raises(SimulatorError, match="damaged at line"):
        opened(tmp_path)
    file.write_bytes(data)
    opened(tmp_path).close()  # and the refused opening gave the folder back


def test_one_owner_at_a_time(tmp_path: Path) -> None:
    first = filled(tmp_path)
    with pytest.raises(SimulatorError, match="Another simulator"):
        opened(tmp_path)
    first.close()
    second = opened(tmp_path)
    assert holds_what_was_filled(second)
    second.close()


def test_another_terminals_log_is_refused(tmp_path: Path) -> None:
    filled(tmp_path).close()
    with pytest.raises(SimulatorError, match="SIM-CLASSIC-000007"):
        TerminalLog(tmp_path, "SIM-ESIGN-000007", "0123456789ab")


def test_an_acknowledgement_only_grows_and_never_passes_the_log(tmp_path: Path) -> None:
    log = filled(tmp_path)
    for up_to, then in ((1, 2), (4, 2), (3, 3), (0, 3)):
        log.acknowledge(up_to)
        assert log.acknowledged == then
    log.close()
    again = opened(tmp_path)
    assert again.acknowledged == 3
    again.close()


def test_heads_are_bounded_and_the_last_put_comes_first(tmp_path: Path) -> None:
    log = filled(tmp_path)
    for i in range(MAX_ORIGINS):
        log.remember(RememberedHead(f"o{i}", i, f"o{i}\n{i}\nroot\n"))
    log.remember(RememberedHead("o0", 9, "o0\n9\nroot\n"))
    log.close()
    again = opened(tmp_path)
    head = again.head()
    assert head is not None and (head.origin, head.size) == ("o0", 9)
    assert again.head("counterfoil/a/0") is None, "the one not put for the longest gave way"
    assert again.head("o1") is not None
    again.close()


def test_events_have_numbers_from_one(tmp_path: Path) -> None:
    log = filled(tmp_path)
    for number in (0, -1, 4):
        with pytest.raises(IndexError):
            log.event(number)
    log.close()


def test_a_folder_that_cannot_be_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SimulatorError, match="cannot be used"):
        opened(tmp_path / "file" / "state")


def test_begin_is_refused_in_the_same_write_that_would_make_it(tmp_path: Path) -> None:
    log = filled(tmp_path)
    log.fence("f" * 32)
    before = (tmp_path / "log.jsonl").read_bytes()
    assert not log.begin("f" * 32, b"draft") and (tmp_path / "log.jsonl").read_bytes() == before
    assert log.begin("a" * 32, b"draft") and not log.begin("a" * 32, b"another")
    log.confirm("a" * 32)
    log.change({"mid": "1"})
    log.change({"mid": "2", "firmware": "3"})
    log.close()
    again = opened(tmp_path)
    assert (again.begins, again.begun("a" * 32), again.begun("f" * 32)) == (["a" * 32], b"draft", None)
    assert again.is_fenced("f" * 32) and not again.is_fenced("a" * 32)
    assert (again.confirmed, again.changed) == ({"a" * 32}, {"mid": "2", "firmware": "3"})
    assert not again.begin("a" * 32, b"draft") and not again.begin("f" * 32, b"draft"), "for ever"
    again.close()


@pytest.mark.parametrize("number", range(4))
def test_rolled_back_it_holds_what_it_held_then(tmp_path: Path, number: int) -> None:
    log = filled(tmp_path)
    log.begin("a" * 32, b"draft")
    log.rolled_back_to(number, played=1)
    for _ in range(2):
        assert [log.event(n) for n in range(1, log.last_written + 1)] == [b"one", b"two", b"three"][:number]
        assert log.acknowledged == 0 and log.begins == [] and log.head() is None
        assert (log.played, log.epoch) == (1, "0123456789ab")
        log.close()
        log = opened(tmp_path)
    log.close()
