"""The tamper table, on real files: every attack ends in one of three verdicts, and the test says in which."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from agent.errors import CounterfoilError
from agent.journal import keys, sweep, sweep_jobs
from agent.journal.entries import encode
from agent.journal.store import Journal
from tests.agent.journal.conftest import OPENED_AT, opened_by, sales
from tests.agent.journal.tamper_table import SIZE, TABLE
from tests.agent.journal.tampers import Case, Found, append, content, judged, sql, started, verdict

SHAPES = {"one by one": [1] * SIZE, "in groups": [1, 17, 14, 16, 12]}


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    """A closed journal of each shape; it is copied for every attack."""
    return {name: made(tmp_path_factory.mktemp("case"), commits) for name, commits in SHAPES.items()}


def made(folder: Path, commits: list[int]) -> Case:
    home = folder / "home"
    signer = keys.create(home)
    sale = sales(signer)
    journal = Journal.create(home / "journal.db", signer, opened_by(signer), OPENED_AT)
    older = folder / "older"
    for n in commits[1:]:
        if journal.size >= 40 and not older.exists():
            journal.close()
            older.mkdir()
            shutil.copyfile(home / "journal.db", older / "journal.db")
            journal = Journal.open(home / "journal.db", signer)
        journal.append(
            [sale(number) for number in range(journal.size, journal.size + n)], 1000 * (journal.size + n - 1)
        )
    journal.close()
    shutil.rmtree(home / "heads")
    return Case(home, older, journal.head.note, content(home / "journal.db"))


@pytest.fixture(params=["whole", "in stretches"])
def pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep takes a short journal in one piece; in stretches it meets the same joints as in a long one."""
    if request.param == "in stretches":
        monkeypatch.setattr(sweep, "BLOCK", 8)
        monkeypatch.setattr(sweep_jobs, "STRETCH", 16)


@pytest.mark.parametrize("what", TABLE)
def test_an_attack_on_single_entries(cases: dict[str, Case], what: str, tmp_path: Path) -> None:
    attack, case = TABLE[what], cases["one by one"].copy(tmp_path / "home")
    attack(case)
    found, report = verdict(case.home, keys.verifying_key(case.home), case.note, case.content)
    assert found is attack.found
    if found is Found.ALONE:
        assert report is not None
        first = report.findings[0]
        assert (first.place, first.seq, first.since) == (attack.place, attack.seq, attack.since)
        if isinstance(attack.do, str):  # one flaw, or ten: and not one more for every head after it
            assert len(report.findings) + report.more <= 10
    assert started(case.home, case.note, case.content) == attack.started


@pytest.mark.usefixtures("pieces")
@pytest.mark.parametrize("what", TABLE)
def test_an_attack_on_groups(cases: dict[str, Case], what: str, tmp_path: Path) -> None:
    attack, case = TABLE[what], cases["in groups"].copy(tmp_path / "home")
    attack(case)
    found, _report = verdict(case.home, keys.verifying_key(case.home), case.note, case.content)
    assert found is (Found.ALONE if what in UNDER_NO_HEAD else attack.found)
    assert started(case.home, case.note, case.content) == attack.started


UNDER_NO_HEAD = {"tail cut", "last entry cut"}
"""In groups these cut a commit in two."""


SIGNED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "an event told twice": (lambda raw: raw.replace(b'"seq":5,', b'"seq":60,'), "out of order"),
    "an event of another epoch told twice": (
        lambda raw: raw.replace(b'"seq":5,', b'"seq":60,').replace(b'"log_epoch":"e1"', b'"log_epoch":"e0"'), "epochs",
    ),
    "a gap that leads back": (
        lambda _raw: encode(60, 1, "event.gap", {"terminal": "T1", "log_epoch": "e1", "first": 2, "last": 59}), "out of order",
    ),
    "an event without its hash": (lambda raw: raw.replace(b'"seq":5,', b'"seq":60,').replace(b'"sha256"', b'"sha257"'), "form"),
    "another entry's number": (
        lambda _raw: encode(61, 1, "security.seen", {"what": "x", "count": 1}), "its own number",
    ),
    "no entry at all": (lambda _raw: b"[]", "its own number"),
}  # fmt: skip


@pytest.mark.usefixtures("pieces")
@pytest.mark.parametrize("what", SIGNED)
def test_nonsense_under_a_good_signature_is_named(cases: dict[str, Case], what: str, tmp_path: Path) -> None:
    """Only whoever has the key can sign it, a faulty program too."""
    change, words = SIGNED[what]
    case = cases["in groups"].copy(tmp_path / "home")
    append(case.path, [change(case.content[0][5][3].encode())], case.signer)
    report = judged(case.path, case.signer.key, {"local": case.note})
    assert words in report.findings[0].what, report.findings
    assert not [f for f in report.findings if f.place == "head"], "what it is said to be signed with is good"
    with suppress(CounterfoilError):  # in words, if it is refused
        Journal.open(case.path, case.signer).close()


@pytest.mark.usefixtures("pieces")
def test_an_event_told_twice_in_pieces_that_are_swept_apart(cases: dict[str, Case], tmp_path: Path) -> None:
    case = cases["in groups"].copy(tmp_path / "home")
    between = [encode(seq, 1, "security.seen", {"what": "x", "count": 1}) for seq in range(60, 64)]
    again = case.content[0][5][3].encode().replace(b'"seq":5,', b'"seq":64,')
    append(case.path, [*between, again], case.signer)
    report = judged(case.path, case.signer.key)
    assert [(f.place, f.seq) for f in report.findings] == [("entry", 64)]


def test_what_an_erasure_and_a_head_in_between_leave_behind_is_no_flaw(cases: dict[str, Case], tmp_path: Path) -> None:
    """A private value may go, and the entry keeps its seal; a head may go where a later one covers the same entries."""
    case = cases["one by one"].copy(tmp_path / "home")
    sql(case.path, "DELETE FROM private WHERE seq < 30", "UPDATE entry SET note = NULL WHERE seq IN (0, 17, 40)")
    key = keys.verifying_key(case.home)
    assert judged(case.path, key, {"local": case.note}, strict=True).ok
    held = content(case.path)
    assert [row[1::2] for row in held[0]] == [row[1::2] for row in case.content[0]]
    assert started(case.home, case.note, case.content) == "right"


def test_a_start_meets_an_old_entry_that_nobody_signed(tmp_path: Path) -> None:
    """Beyond the last 1,000 entries a start trusts the tree, and must refuse in words where it has to read such an entry."""
    home = tmp_path / "home"
    signer = keys.create(home)
    sale = sales(signer)
    journal = Journal.create(home / "journal.db", signer, opened_by(signer), OPENED_AT)
    journal.append([sale(n) for n in range(1, 40)], 1)  # entries 1 … 39
    journal.append([sale(n, "e2") for n in range(1, 1_200)], 2)
    journal.close()
    case = Case(home, home, journal.head.note, content(home / "journal.db"))
    for n, change in enumerate(
        ('"event":[]', '"event":{"number":39}', '"event":{"number":"x","sha256":1}', '"event":7')
    ):
        again = case.copy(tmp_path / f"again-{n}")
        body = f'{{"at":1,"body":{{{change}}},"kind":"terminal.transaction","seq":39,"v":1}}'
        sql(again.path, ("UPDATE entry SET body = ? WHERE seq = 39", (body,)))
        assert started(again.home, case.note, case.content) == "refused"
        report = judged(again.path, signer.key)
        assert (report.findings[0].place, report.first_bad, report.more) == ("entry", 39, 0)
    again = case.copy(tmp_path / "unseen")  # where it reads none of them, it starts, and only verify knows
    sql(again.path, "UPDATE entry SET body = replace(body, '12345', '12346') WHERE seq = 20")
    assert Journal.open(again.path, signer).close() is None
    assert judged(again.path, signer.key).first_bad == 20
