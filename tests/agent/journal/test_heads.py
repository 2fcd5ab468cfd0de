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


def three_lines(note: str) -> str:
    return "".join(f"{line}\n" for line in note.split("\n")[:3])


def test_three_lines_that_nobody_signed_are_taken_from_a_person_alone(
    home: Path, journal: Journal, sale: Sale, tmp_path: Path
) -> None:
    """The verdicts are those of the signed head; given in any other way they are no head."""
    first = three_lines(journal.head.note)
    last = three_lines(journal.append([sale(1), sale(2)], 5).note)
    origin, _size, root = last.split()
    stranger = keys.create(tmp_path / "stranger")
    told = {
        "same": (last, Verdict.SAME, 3),
        "extends": (first, Verdict.EXTENDS, 1),
        "cut": (f"{origin}\n4\n{root}\n", Verdict.CUT, 4),
        "forked": (f"{origin}\n2\n{root}\n", Verdict.FORKED, 2),
        "foreign": (f"{stranger.name}\n3\n{root}\n", Verdict.FOREIGN, 3),
    }
    for source, (text, verdict, size) in told.items():
        assert heads.compared(journal, source, text, told=True) == heads.Compared(source, text, verdict, size, True)
        assert heads.compared(journal, source, text).verdict is Verdict.BAD_SIGNATURE
        assert heads.compare(journal, text) is Verdict.BAD_SIGNATURE
    signed = heads.compared(journal, "signed", journal.head.note, told=True)
    assert (signed.verdict, signed.unsigned) == (Verdict.SAME, False)

    heads.remember(home, last, "copied")
    (left,) = (found for found in heads.compare_all(journal, home) if found.source == "copied")
    assert (left.verdict, left.unsigned) == (Verdict.BAD_SIGNATURE, False)
    journal.close()
    report = verify_path(home / "journal.db", own=True, told={name: text for name, (text, *_) in told.items()})
    assert [f.place for f in report.findings] == [f"remembered:{name}" for name in ("cut", "forked", "foreign")]
    assert [each.verdict for each in report.told] == [verdict for _text, verdict, _size in told.values()]
    kept = verify_path(home / "journal.db", own=True, heads={"copied": last})
    assert [f.place for f in kept.findings] == ["remembered:copied"] and kept.told == ()


def test_a_head_with_a_damaged_signature_is_not_taken_as_one_without(journal: Journal) -> None:
    note = journal.head.note
    lines = three_lines(note)
    for damaged in (note.replace("\u2014", "-"), f"{lines}\n", f"{lines}\nsigned by me\n", note[:-10], note + "x"):
        found = heads.compared(journal, "told", damaged, told=True)
        assert found.unsigned is (damaged == f"{lines}\n")
        assert (found.verdict is Verdict.SAME) is found.unsigned


@pytest.mark.parametrize(
    "written",
    [
        "{origin}\n{size}\n{root}\n",
        "{origin}\n{size}\n{root}",
        "\ufeff{origin}\r\n{size}\r\n{root}\r\n",
        "\n {origin} \n\n{size}\n\t{root}\n\n",
        "{origin:.32}\n{rest}\n{size}\n{root:.22}\n{end}\n",
    ],
    ids=["as it is", "no last newline", "Windows", "spaces", "as a slip has it"],
)
def test_three_lines_as_people_write_them(journal: Journal, sale: Sale, written: str) -> None:
    origin, size, root = three_lines(journal.append([sale(1)], 5).note).split()
    parts = {"origin": origin, "rest": origin[32:], "size": size, "root": root, "end": root[22:]}
    assert heads.compared(journal, "told", written.format(**parts), told=True).verdict is Verdict.SAME


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "no head",
        "counterfoil/ab/1",
        "counterfoil/ab/1\n7\n",
        "counterfoil/ab/1\n07\n" + "A" * 43 + "=",
        "counterfoil/ab/1\n-7\n" + "A" * 43 + "=",
        "counterfoil/ab/1\n٧\n" + "A" * 43 + "=",
        "counterfoil/ab/1\n7\n" + "A" * 42 + "=",
        "counterfoil/ab/1\n7\n" + "A" * 43 + "=\nand more",
        "counterfoil/ab/1\n7\n" + "A" * 42 + "B=",
        "counterfoil/ab/1\n99999999999999999999\n" + "A" * 43 + "=",
    ],
)
def test_what_is_no_head_tells_of_none(text: str) -> None:
    assert heads.unsigned(text) is None and not heads.tells_of_a_head(text)


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
