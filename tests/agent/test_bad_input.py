"""Files that are not what they should be, given to every command on the record: one sentence of what happened, one of what to
do, exit 3 or 1, and nothing is written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.cli import main
from agent.custody.backup import back_up
from agent.journal import keys
from tests.agent.custody.shop import Shop
from tests.agent.journal.tampers import files, sql

PASSPHRASE = "床前明月光"


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """run(home, *arguments): the command line, without a terminal."""

    class Nobody:
        def isatty(self) -> bool:
            return False

    def run(home: Path, *arguments: str) -> Said:
        monkeypatch.setattr("sys.stdin", Nobody())
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main(["--home", str(home), "--lang", "en", *arguments])
        said = capfd.readouterr()
        return Said(int(left.value.code or 0), said.out, said.err)

    return run


def lines(said: Said) -> list[str]:
    """What was said on stderr, less progress and what every answer of a simulated home begins with."""
    passed_by = ("DEMO", "Verifying", "Copying", "Exporting", "Rebuilding")
    return [
        line for line in said.err.replace("\r", "\n").splitlines() if line.strip() and not line.startswith(passed_by)
    ]


def held(folder: Path) -> dict[str, str]:
    """All but what SQLite lays beside a journal of one's own that it looks at: an empty log and its index."""
    empty = {p.relative_to(folder).as_posix() for p in folder.rglob("*-wal") if p.stat().st_size == 0}
    return {k: v for k, v in files(folder).items() if k not in empty and not k.endswith("-shm")}


def refused(said: Said, codes: set[int]) -> None:
    assert said.code in codes, said
    assert "Traceback" not in said.err and "unforeseen" not in said.err
    if said.code == 1 and said.out:  # verify: a finding, and what to do
        found = said.out.splitlines()
        assert len(found) >= 2 and found[0].endswith(".") and found[1].startswith("  ")
    else:
        what, todo = lines(said)
        assert what.endswith(".") and todo


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """home: some entries, no passphrase; locked: with one; copy.db: a backup of home; other: another journal's home."""
    folder = tmp_path_factory.mktemp("made")
    shop = Shop(folder / "home")
    shop.trade(1, 4)
    back_up(shop.home.journal, shop.key, folder / "copy.db")
    Shop(folder / "other").trade(2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "SCRYPT_N", 2**10)
        Shop(folder / "locked", PASSPHRASE).trade(1)
    (folder / "right").write_text(PASSPHRASE)
    (folder / "wrong").write_text("open sesame")
    (folder / "photo").write_bytes(b"GIF89a" + bytes(5_000))
    (folder / "essay").write_text("Three lines\nof which none\nis a number.\n")
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "place", ignore=shutil.ignore_patterns("*-shm"))
    return tmp_path / "place"


# -- the home's own journal --------------------------------------------------------------------------------------------


def _foreign(journal: Path) -> None:
    journal.write_bytes(b"GIF89a" + bytes(5_000))


def _newer(journal: Path) -> None:
    sql(journal, "PRAGMA user_version = 3")


def _halved(journal: Path) -> None:
    journal.write_bytes(journal.read_bytes()[: journal.stat().st_size // 2])


def _of_another(journal: Path) -> None:
    shutil.copyfile(journal.parents[1] / "other" / "journal.db", journal)


def _another_program(journal: Path) -> None:
    sql(journal, "PRAGMA application_id = 7")


def _key_of_another(journal: Path) -> None:
    shutil.copyfile(journal.parents[1] / "other" / "keys" / "journal.vkey", journal.parent / "keys" / "journal.vkey")


def _key_of_nonsense(journal: Path) -> None:
    (journal.parent / "keys" / "journal.vkey").write_text("nonsense\n")


JOURNALS: dict[str, tuple[Callable[[Path], None], set[int]]] = {
    "not there": (Path.unlink, {3}),
    "emptied": (lambda journal: journal.write_bytes(b"") and None, {1, 3}),
    "a foreign file": (_foreign, {1, 3}),
    "another program's": (_another_program, {1, 3}),
    "a newer schema": (_newer, {1, 3}),
    "half copied": (_halved, {1}),
    "of another journal": (_of_another, {1}),
    "another's verifying key": (_key_of_another, {1}),
    "no verifying key": (_key_of_nonsense, {3}),
}
LOOKING = {
    "verify": ["verify"],
    "head": ["head"],
    "log": ["log"],
    "show": ["show", "0"],
    "proof": ["proof", "0"],
    "export": ["export", "--tiles", "{place}/tiles"],
    "rebuild": ["rebuild"],
    "backup": ["backup", "{place}/new.db"],
}
WRITING = {
    "rotate-key": ["rotate-key"],
    "erase": ["erase", "1", "--reason", "x", "--yes"],
}


@pytest.mark.parametrize("command", {**LOOKING, **WRITING})
@pytest.mark.parametrize("journal", JOURNALS)
def test_a_journal_that_is_none(run: Run, place: Path, journal: str, command: str) -> None:
    spoil, codes = JOURNALS[journal]
    signs = "verifying key" in journal and command in WRITING
    spoil(place / "home" / "journal.db")
    before = held(place)
    said = run(place / "home", "journal", *[word.format(place=place) for word in {**LOOKING, **WRITING}[command]])
    if (
        command == "show"
        and said.code == 0
        and journal in {"half copied", "of another journal", "another's verifying key"}
    ):
        return  # bytes as they stand there: it claims no more for them
    if signs and said.code == 0:
        return  # whoever signs needs no verifying key
    refused(said, codes)
    assert held(place) == before


@pytest.mark.parametrize("command", WRITING)
@pytest.mark.parametrize("passphrase", ["wrong", "photo", "nothing", None])
def test_a_wrong_passphrase(run: Run, place: Path, command: str, passphrase: str | None) -> None:
    before = held(place)
    given = () if passphrase is None else ("--passphrase-file", str(place / passphrase))
    new = ("--no-passphrase",) if command == "rotate-key" else ()
    refused(run(place / "locked", "journal", *WRITING[command], *given, *new), {3})
    assert held(place) == before
    right = ("--passphrase-file", str(place / "right"), *new)
    assert run(place / "locked", "journal", *WRITING[command], *right).code == 0


def test_nobody_chooses_no_passphrase_by_leaving_a_word_out(run: Run, place: Path) -> None:
    before = held(place)
    refused(run(place / "locked", "journal", "rotate-key", "--passphrase-file", str(place / "right")), {3})
    for bad in ("nothing", "empty"):
        (place / "empty").write_text("")
        new = ("--new-passphrase-file", str(place / bad))
        refused(run(place / "locked", "journal", "rotate-key", "--passphrase-file", str(place / "right"), *new), {3})
    after = held(place)  # the views were brought up to date, as by every command
    assert {k for k in before | after if before.get(k) != after.get(k)} == {"empty", "locked/views.db"}


@pytest.mark.parametrize("command", WRITING)
@pytest.mark.parametrize("key", ["signing.key", "wrapping.secret"])
@pytest.mark.parametrize("how", ["gone", "foreign", "another's"])
def test_a_signing_key_that_is_none(run: Run, place: Path, command: str, key: str, how: str) -> None:
    path = place / "home" / "keys" / key
    path.unlink()
    if how == "foreign":
        path.write_bytes(b"GIF89a" + bytes(5_000))
    elif how == "another's":
        shutil.copyfile(place / "other" / "keys" / key, path)
    before = held(place)
    new = ("--no-passphrase",) if command == "rotate-key" else ()
    refused(run(place / "home", "journal", *WRITING[command], *new), {3})
    assert held(place) == before


# -- files that are named ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["nothing", "photo", "essay", ".", "home/journal.db"])
def test_a_head_file_that_is_none(run: Run, place: Path, file: str) -> None:
    before = held(place)
    refused(run(place / "home", "journal", "verify", "--head", str(place / file)), {3})
    assert held(place) == before


def test_a_head_of_another_origin(run: Run, place: Path) -> None:
    head = place / "other" / "heads" / "local.note"
    before = held(place)
    said = run(place / "home", "journal", "verify", "--head", str(head))
    refused(said, {1})
    assert "another journal" in said.out
    shutil.copyfile(head, place / "home" / "heads" / "kept.note")
    refused(run(place / "home", "journal", "verify"), {1})
    refused(run(place / "home", "journal", "rotate-key"), {1})  # a start: it is not the record that was remembered
    (place / "home" / "heads" / "kept.note").unlink()
    assert held(place) == before
    assert run(place / "home", "journal", "verify").code == 0


def test_a_remembered_file_that_is_no_head(run: Run, place: Path) -> None:
    shutil.copyfile(place / "photo", place / "home" / "heads" / "kept.note")
    before = held(place)
    refused(run(place / "home", "journal", "verify"), {1})
    refused(run(place / "home", "journal", "rotate-key"), {1})
    assert held(place) == before


def test_a_copy_is_verified_by_the_key_that_stands_beside_it(run: Run, place: Path) -> None:
    before = held(place)
    said = run(place / "nobody", "journal", "verify", str(place / "copy.db"), "--json")
    assert (said.code, json.loads(said.out)["ok"], json.loads(said.out)["size"]) == (0, True, 6)
    assert json.loads(said.out)["files"].keys() == {"copy.db"}
    for head, code in (("copy.db.note", 0), ("other/heads/local.note", 1)):
        said = run(place / "nobody", "journal", "verify", str(place / "copy.db"), "--head", str(place / head))
        assert said.code == code, said
    said = run(place / "nobody", "journal", "verify", str(place / "other" / "journal.db"))  # a home's, as before
    assert said.code == 0
    (place / "copy.db.vkey").write_text((place / "other" / "keys" / "journal.vkey").read_text())
    refused(run(place / "nobody", "journal", "verify", str(place / "copy.db")), {1})
    (place / "copy.db.vkey").unlink()
    refused(run(place / "nobody", "journal", "verify", str(place / "copy.db")), {3})
    vkey = (place / "home" / "keys" / "journal.vkey").read_text()
    assert run(place / "nobody", "journal", "verify", str(place / "copy.db"), "--vkey", vkey).code == 0
    assert run(place / "nobody", "journal", "verify", str(place / "copy.db"), "--vkey", "nonsense").code == 2
    after = held(place)
    assert {k for k in before | after if before.get(k) != after.get(k)} == {"copy.db.vkey"}


FILES: dict[str, tuple[Callable[[Path], object], set[int]]] = {
    "not there": (Path.unlink, {3}),
    "emptied": (lambda copy: copy.write_bytes(b""), {3}),
    "a foreign file": (_foreign, {3}),
    "another program's": (_another_program, {3}),
    "a newer schema": (_newer, {1}),
    "half copied": (_halved, {1}),
    "its key gone": (lambda copy: copy.with_name("copy.db.vkey").unlink(), {3}),
    "its key nonsense": (lambda copy: copy.with_name("copy.db.vkey").write_text("nonsense"), {3}),
}


@pytest.mark.parametrize("what", FILES)
def test_a_copy_that_is_none(run: Run, place: Path, what: str) -> None:
    spoil, codes = FILES[what]
    copy = place / "copy.db"
    spoil(copy)
    before = held(place)
    new = place / "new"
    refused(run(place / "nobody", "journal", "verify", str(copy)), codes)
    if what != "its key gone":  # then the home's own key verifies it
        refused(run(place / "home", "journal", "restore", str(copy)), codes)
    refused(run(new, "journal", "restore", str(copy), "--port", "-", "--no-passphrase"), codes)
    assert held(place) == before and not new.exists()


def test_a_copy_for_another_home(run: Run, place: Path) -> None:
    """Another terminal's, or a real record into a home of practice; and a new home whose line nobody names."""
    theirs = Shop(place / "theirs", terminal="T2")
    real = Shop(place / "real", simulated=False)
    for shop in (theirs, real):
        back_up(shop.home.journal, shop.key, shop.path.with_suffix(".db"))
    before = held(place)
    for name in ("theirs.db", "real.db"):
        refused(run(place / "home", "journal", "restore", str(place / name)), {3})
    refused(run(place / "new", "journal", "restore", str(place / "copy.db"), "--no-passphrase"), {3})
    refused(run(place / "new", "journal", "restore", str(place / "copy.db"), "--port", "-"), {3})  # what is to lock it?
    refused(run(place / "new", "journal", "restore"), {3})
    full = place / "full"
    full.mkdir()
    (full / "precious.txt").write_text("mine")
    refused(run(full, "journal", "restore", str(place / "copy.db"), "--port", "-", "--no-passphrase"), {3})
    (full / "precious.txt").unlink()
    full.rmdir()
    assert held(place) == before and not (place / "new").exists()


def test_a_target_that_cannot_be_written(run: Run, place: Path) -> None:
    before = held(place)
    for target in ("photo", "nowhere/copy.db", "photo/copy.db"):
        refused(run(place / "home", "journal", "backup", str(place / target)), {3})
    assert held(place) == before
