"""What `verify` reports, and how. What is done to a journal and who finds it: tamper_table.py."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from agent.errors import JournalError, KeyRefused
from agent.journal import engine, heads, keys
from agent.journal.checkpoint import Checkpoint
from agent.journal.entries import Draft
from agent.journal.keys import Signer
from agent.journal.merkle import Frontier
from agent.journal.store import Journal
from agent.journal.verify import verify_path
from agent.journal.walk import MOST_FINDINGS
from tests.agent.journal.tampers import sql

Sale = Callable[..., Draft]
SIZE = 60


@pytest.fixture
def closed(home: Path, journal: Journal, sale: Sale) -> Path:
    """60 entries, a head after each; entry n holds event n and its head has at = 1000·n (entry 0: the fixture's)."""
    for n in range(1, SIZE):
        journal.append([sale(n)], 1000 * n)
    journal.close()
    return home / "journal.db"


def test_an_untouched_journal(closed: Path, home: Path) -> None:
    told: list[tuple[int, int]] = []
    report = verify_path(
        closed,
        own=True,
        heads=heads.remembered(home),
        strict=True,
        progress=lambda done, total: told.append((done, total)),
    )
    assert (report.ok, report.size, report.first_bad, report.findings) == (True, SIZE, None, ())
    assert report.root == Checkpoint.parse(heads.remembered(home)["local"]).root
    assert told[-1] == (SIZE, SIZE)


def test_one_flaw_is_one_finding(closed: Path) -> None:
    sql(closed, "UPDATE entry SET body = replace(body, '12345', '12346') WHERE seq IN (3, 30)")
    report = verify_path(closed, own=True)
    assert [(f.place, f.seq) for f in report.findings] == [("entry", 3), ("entry", 30)]
    assert report.more == 0


def test_signed_nonsense_is_named(home: Path, journal: Journal, signer: Signer) -> None:
    """An entry in no canonical form, under a good signature: only --strict looks so closely."""
    raw = b'{"at":1, "body":{},"kind":"a.b","seq":1,"v":1}'
    leaf = sha256(b"\x00" + raw).digest()
    frontier = Frontier(1, [journal.head.root])
    hashes = frontier.append(leaf)
    note = signer.signed(Checkpoint(signer.name, 2, frontier.root()).text)
    journal._connection.execute("INSERT INTO entry VALUES (1, ?, ?, ?)", (hashes, note, raw.decode()))
    journal.close()
    assert verify_path(home / "journal.db", own=True).ok
    report = verify_path(home / "journal.db", own=True, strict=True)
    assert [(f.place, f.seq) for f in report.findings] == [("entry", 1)]


def test_findings_are_bounded(closed: Path) -> None:
    sql(closed, "UPDATE entry SET body = '{}', note = 'x'")
    report = verify_path(closed, own=True)
    assert (len(report.findings), report.first_bad) == (MOST_FINDINGS, 0)
    # every entry, every head, every private value, the list of epochs, and that all of it stands under no head
    assert report.more == SIZE + SIZE + (SIZE - 1) + 1 + 1 - MOST_FINDINGS


def test_a_byte_of_a_stored_body_edited_in_the_file(closed: Path) -> None:
    raw = bytearray(closed.read_bytes())
    place = raw.index(b'"trace":"000033"') + len(b'"trace":"0000')
    raw[place] = ord("9")
    closed.write_bytes(raw)
    report = verify_path(closed, own=True)
    assert (report.ok, report.first_bad, report.findings[0].place) == (False, 33, "entry")


def test_a_foreign_path_stays_as_it_is(closed: Path, home: Path, signer: Signer, sale: Sale, tmp_path: Path) -> None:
    """A killed agent's files, log and all: hashed, copied, verified, and byte-identical afterwards."""
    journal = Journal.open(closed, signer)
    journal.append([sale(100)], 99)
    away = tmp_path / "away"
    away.mkdir()
    for name in ("journal.db", "journal.db-wal"):
        shutil.copy(home / name, away / name)
    journal.close()
    before = {p.name: p.read_bytes() for p in away.iterdir()}
    with pytest.raises(KeyRefused):
        verify_path(away / "journal.db", own=False)
    report = verify_path(away / "journal.db", own=False, key=signer.key)
    assert (report.ok, report.size) == (True, SIZE + 1)
    assert {p.name: p.read_bytes() for p in away.iterdir()} == before
    assert report.files == {name: sha256(content).hexdigest() for name, content in before.items()}

    (away / "journal.db-wal").unlink()  # rows vanish silently; only a remembered head knows
    note = heads.remembered(home)["local"]
    report = verify_path(away / "journal.db", own=False, key=signer.key, heads={"local": note})
    assert (report.ok, report.first_bad, report.findings[0].place) == (False, SIZE, "remembered:local")


def test_the_wrong_key_verifies_no_head(closed: Path, tmp_path: Path) -> None:
    other = keys.create(tmp_path / "other").key
    report = verify_path(closed, own=True, key=other)
    assert not report.ok
    assert {f.place for f in report.findings} == {"head"}


def test_what_is_no_journal(home: Path, signer: Signer) -> None:
    with pytest.raises(JournalError, match="no journal"):
        verify_path(home / "journal.db", own=True)
    (home / "journal.db").write_bytes(b"rubbish")
    with pytest.raises(JournalError, match="not a journal"):
        verify_path(home / "journal.db", own=False)
    report = verify_path(home / "journal.db", own=True)
    assert (report.ok, report.findings[0].place) == (False, "file")


def test_while_the_agent_writes(home: Path, journal: Journal, sale: Sale) -> None:
    if engine.has_wal_reset_bug():
        pytest.skip("this SQLite must hold the file alone")
    number = iter(range(1, 100_000))
    journal.append([sale(next(number)) for _ in range(3000)], 1)

    def meanwhile(_done: int, _total: int) -> None:
        journal.append([sale(next(number))], 2)

    report = verify_path(home / "journal.db", own=True, progress=meanwhile)
    assert (report.ok, report.size) == (True, 3001)
    assert journal.size > 3001


def test_a_file_that_another_holds_is_not_called_damaged(closed: Path) -> None:
    holder = engine.connect_writer(closed)
    holder.execute("PRAGMA journal_mode=DELETE")
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(JournalError, match="locked"):
            verify_path(closed, own=True)
    finally:
        holder.close()
