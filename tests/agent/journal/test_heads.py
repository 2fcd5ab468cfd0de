"""A journal against remembered heads: what is the same, what goes on, what was cut, written anew, or is not ours."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.journal import heads, keys
from agent.journal.checkpoint import Checkpoint
from agent.journal.entries import Draft
from agent.journal.heads import Verdict
from agent.journal.keys import Signer
from agent.journal.store import Journal
from agent.journal.verify import verify_path

Sale = Callable[..., Draft]


def test_same_and_extended(journal: Journal, sale: Sale) -> None:
    notes = [journal.head.note] + [journal.append([sale(n)], n).note for n in range(1, 20)]
    assert [heads.compare(journal, note) for note in notes] == [Verdict.EXTENDS] * 19 + [Verdict.SAME]
    assert all(verdict.fits is (verdict in {Verdict.SAME, Verdict.EXTENDS}) for verdict in Verdict)


def test_cut_and_forked(home: Path, journal: Journal, signer: Signer, sale: Sale) -> None:
    """An older copy put back is CUT; another history signed with the true key on top of it is FORKED."""
    journal.append([sale(1), sale(2)], 5)
    journal.close()
    shutil.copy(home / "journal.db", home / "older.db")
    journal = Journal.open(home / "journal.db", signer)
    one_more = journal.append([sale(3)], 6).note
    remembered = journal.append([sale(4)], 6).note
    journal.close()
    shutil.copy(home / "older.db", home / "journal.db")

    report = verify_path(home / "journal.db", own=True, heads={"qr": remembered})
    assert [f.place for f in report.findings] == ["remembered:qr"]
    assert (report.first_bad, report.size, report.findings[0].since) == (3, 3, 5)
    journal = Journal.open(home / "journal.db", signer)
    assert heads.compare(journal, remembered) is Verdict.CUT
    assert heads.compare(journal, one_more) is Verdict.CUT
    journal.append([sale(3, merchant="other"), sale(4), sale(5)], 7)
    assert heads.compare(journal, remembered) is Verdict.FORKED
    journal.close()
    report = verify_path(home / "journal.db", own=True, heads={"qr": remembered})
    assert (report.ok, [f.place for f in report.findings]) == (False, ["remembered:qr"])
    assert verify_path(home / "journal.db", own=True).ok


def test_foreign_and_unsigned(home: Path, journal: Journal, signer: Signer, tmp_path: Path) -> None:
    stranger = keys.create(tmp_path / "stranger")
    foreign = stranger.signed(Checkpoint(stranger.name, 1, journal.head.root).text)
    impostor = stranger.signed(Checkpoint(signer.name, 1, journal.head.root).text)
    bent = journal.head.note.replace("\n1\n", "\n2\n")
    given = {"a": foreign, "b": impostor, "c": bent, "d": "no note", "e": ""}
    verdicts = [heads.compare(journal, note) for note in given.values()]
    assert verdicts == [Verdict.FOREIGN] + [Verdict.BAD_SIGNATURE] * 4
    journal.close()
    report = verify_path(home / "journal.db", own=True, heads=given)
    assert [f.place for f in report.findings] == [f"remembered:{name}" for name in given]


def test_the_local_note_follows_the_commits(home: Path, journal: Journal, sale: Sale) -> None:
    for n in range(1, 30):
        note = journal.append([sale(n)], n).note
    deadline = time.monotonic() + 5
    while heads.remembered(home).get("local") != note and time.monotonic() < deadline:
        time.sleep(0.01)
    assert heads.remembered(home) == {"local": note}
    last = journal.append([sale(30)], 30).note
    journal.close()
    assert (home / "heads" / "local.note").read_text() == last
    assert [p.name for p in (home / "heads").iterdir()] == ["local.note"]


def test_a_lost_folder_costs_no_entry(home: Path, journal: Journal, sale: Sale) -> None:
    journal.append([sale(1)], 1)
    journal._local.close()
    shutil.rmtree(home / "heads")
    (home / "heads").write_text("in the way")
    assert journal.append([sale(2)], 2).size == 3
    journal.close()


def test_heads_are_kept_by_name(home: Path, journal: Journal) -> None:
    note = journal.head.note
    journal.close()
    heads.remember(home, note, "terminal")
    heads.set_aside(home, note)
    heads.set_aside(home, "nonsense")
    (home / "heads" / "torn.note").write_bytes(b"\xff\xfe")
    kept = heads.remembered(home)
    assert sorted(kept) == [
        "local",
        f"mismatch-1-{journal.head.root.hex()[:16]}",
        "mismatch-unreadable",
        "terminal",
        "torn",
    ]
    assert kept["terminal"] == note
    found = {c.source: (c.verdict, c.size) for c in heads.compare_all(journal_again(home), home)}
    assert found["terminal"] == (Verdict.SAME, 1)
    assert found["torn"] == (Verdict.BAD_SIGNATURE, None)
    for bad in ("", "../x", "a/b", "Local", ".x"):
        with pytest.raises(ValueError, match="plain"):
            heads.remember(home, note, bad)


def journal_again(home: Path) -> Journal:
    return Journal.open(home / "journal.db", keys.unlock(home))
