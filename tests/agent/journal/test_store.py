"""Appending: one transaction, one signed head, nothing ever changed, and the state that a start must know."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from base64 import b64decode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from agent.errors import JournalDamaged, JournalError, NotFound
from agent.journal import engine, heads, kinds
from agent.journal.checkpoint import Checkpoint
from agent.journal.drafting import to_draft
from agent.journal.entries import Draft, EntryError, seal
from agent.journal.keys import Signer
from agent.journal.reader import Reader, open_reader
from agent.journal.store import Journal
from agent.journal.verify import verify_path

Sale = Callable[..., Draft]
AT = 1_700_000_000_500


def test_a_new_journal(home: Path, journal: Journal, signer: Signer) -> None:
    assert journal.size == 1
    first = journal.entry(0)
    assert (first.kind, first.seq, first.body["nature"]) == ("journal.opened", 0, "simulated")
    head = journal.head
    leaf = sha256(b"\x00" + journal.raw_entry(0)).digest()
    assert (head.origin, head.size, head.root, head.vkey) == (signer.name, 1, leaf, signer.vkey)
    assert Checkpoint.verify(head.note, signer.key).root == b64decode(head.root_base64)
    assert (home / "journal.db").stat().st_mode & 0o777 == 0o600
    assert [p.name for p in home.glob("*.new*")] == []


def test_a_journal_is_not_made_twice(home: Path, journal: Journal, signer: Signer, opened: Draft) -> None:
    with pytest.raises(JournalError, match="already"):
        Journal.create(home / "journal.db", signer, opened, AT)


def test_a_half_made_journal_is_made_again(home: Path, signer: Signer, opened: Draft) -> None:
    (home / "journal.db.new").write_bytes(b"left by a crash")
    (home / "journal.db.new-wal").write_bytes(b"left by a crash")
    Journal.create(home / "journal.db", signer, opened, AT).close()
    assert sorted(p.name for p in home.iterdir()) == ["heads", "journal.db", "keys"]


def test_entries_come_back(journal: Journal, sale: Sale) -> None:
    head = journal.append([sale(1), sale(2)], AT)
    assert (head.size, journal.size, head.at) == (3, 3, AT)
    read = journal.entry(2)
    assert (read.at, read.kind, read.body["event"]["number"]) == (AT, "terminal.transaction", 2)
    assert read.private == {"merchant_name": "便民超市"}
    salt = journal._connection.execute("SELECT salt FROM private WHERE seq = 2").fetchone()[0]
    assert read.body["merchant_name_sha256"] == seal("便民超市", salt)
    assert "便民超市".encode() not in journal.raw_entry(2)
    with pytest.raises(NotFound):
        journal.entry(3)
    with pytest.raises(NotFound):
        journal.raw_entry(-1)


def test_entries_are_read_in_ranges(journal: Journal, sale: Sale) -> None:
    journal.append([sale(n) for n in range(1, 1200)], AT)
    assert [e.seq for e in journal.entries()] == list(range(1200))
    assert [e.seq for e in journal.entries(510, 515)] == [510, 511, 512, 513, 514]
    assert [e.seq for e in journal.entries(1198, 5000)] == [1198, 1199]


def test_everything_is_there_after_reopening(home: Path, journal: Journal, signer: Signer, sale: Sale) -> None:
    for n in range(1, 40):
        head = journal.append([sale(n)], AT + n)
    journal.close()
    assert sorted(p.name for p in home.iterdir()) == ["heads", "journal.db", "keys"]  # the log is in the file
    again = Journal.open(home / "journal.db", signer)
    assert (again.head, again.last_events()) == (head, {("T1", "e1"): 39})
    again.append([sale(40)], AT)
    again.close()
    assert verify_path(home / "journal.db", own=True).ok


def test_nothing_is_changed_or_deleted(journal: Journal, sale: Sale) -> None:
    journal.append([sale(1), sale(2), sale(3)], AT)
    for statement in (
        "UPDATE entry SET body = '{}' WHERE seq = 1",
        "DELETE FROM entry WHERE seq = 3",
        "INSERT INTO entry VALUES (9, x'00', NULL, '{}')",
        "INSERT OR REPLACE INTO entry VALUES (1, x'00', NULL, '{}')",
        "INSERT INTO entry (hashes, body) SELECT x'00', '{}' FROM entry WHERE 0 UNION SELECT x'00', '{}'",
        "UPDATE entry SET hashes = x'00'",
        "UPDATE entry SET note = NULL",
        "UPDATE private SET value = 'x'",
        "INSERT OR REPLACE INTO private SELECT seq, field, salt, 'x' FROM private",
        "UPDATE stretch SET terminal = 'x'",
        "DELETE FROM stretch",
        "INSERT OR REPLACE INTO stretch VALUES (1, 'x', 'y')",
    ):
        with pytest.raises(engine.Error, match=r"append|never|only|once"):
            journal._connection.execute(statement)
    journal._connection.execute("DELETE FROM private WHERE seq = 1")  # erasing a person's data
    assert journal.entry(1).private == {}
    assert journal.append([sale(4)], AT).size == 5


def test_a_draft_that_cannot_be_recorded_leaves_no_trace(home: Path, journal: Journal, sale: Sale) -> None:
    before = journal.head
    for bad in (Draft("a.b", {"x": 0.5}), Draft("a.b", {"x": "e\u0301"}), Draft("a.b", {"x": "x" * 70_000})):
        with pytest.raises(EntryError):
            journal.append([sale(1), bad], AT)
    assert journal.head == before
    assert journal.last_events() == {}
    journal.append([sale(1)], AT)
    journal.close()
    assert verify_path(home / "journal.db", own=True).ok


def test_an_event_is_recorded_once_and_in_order(journal: Journal, sale: Sale) -> None:
    journal.append([sale(1), sale(2)], AT)
    for again in ([sale(2)], [sale(1)], [sale(4), sale(4)], [sale(4), sale(3)]):
        with pytest.raises(ValueError, match="does not follow"):
            journal.append(again, AT)
    assert journal.size == 3
    journal.append([sale(3), sale(1, "e2"), sale(4)], AT)
    assert journal.last_events() == {("T1", "e1"): 4, ("T1", "e2"): 1}


def test_nothing_to_append(journal: Journal) -> None:
    assert journal.append([], AT) == journal.head
    assert journal._connection.execute("SELECT count(*) FROM head").fetchone() == (1,)


def gap(first: int, last: int, epoch: str = "e1") -> kinds.EventGap:
    return kinds.EventGap(terminal="T1", log_epoch=epoch, first=first, last=last, reason="too old")


def test_the_event_state_survives_a_start(
    home: Path, journal: Journal, signer: Signer, sale: Sale, message_sha: Callable[..., bytes]
) -> None:
    """Epochs that come and go, gaps, other entries between, more events than the memory holds."""
    quiet = to_draft(kinds.LogReplaced(terminal="T1", old_log_epoch="e1", new_log_epoch="e2"), signer.token_hmac)
    journal.append([sale(n) for n in range(1, 1301)], AT)
    journal.append([to_draft(gap(1301, 1310), signer.token_hmac), quiet, quiet], AT)
    journal.append([sale(n, "e2") for n in range(5, 900)] + [quiet], AT)
    journal.append([sale(1311), sale(1, "e1", "T2"), quiet, sale(1312)], AT)
    journal.append([quiet] * 1100, AT)
    expected = {("T1", "e1"): 1312, ("T1", "e2"): 899, ("T2", "e1"): 1}
    assert journal.last_events() == expected
    journal.close()
    reader = open_reader(home / "journal.db", signer.key)
    for number in [*range(1, 1301), 1311, 1312]:  # by bisection: a reader remembers nothing
        assert reader.event_sha256("T1", "e1", number) == message_sha(number).hex()
    reader.close()
    again = Journal.open(home / "journal.db", signer)
    for journal_ in (again, Reader(again._connection, signer.key)):
        assert journal_.last_events() == expected
        for number, epoch in [(1, "e1"), (2, "e1"), (650, "e1"), (1300, "e1"), (1311, "e1"), (5, "e2"), (899, "e2")]:
            assert journal_.event_sha256("T1", epoch, number) == message_sha(number, epoch).hex()
        for number, epoch in [(1301, "e1"), (1310, "e1"), (1313, "e1"), (4, "e2"), (900, "e2"), (1, "e9"), (0, "e1")]:
            assert journal_.event_sha256("T1", epoch, number) is None
        assert journal_.event_sha256("T2", "e1", 1) == message_sha(1).hex()
        assert journal_.event_sha256("T2", "e1", 2) is None
    with pytest.raises(ValueError, match="does not follow"):
        again.append([sale(899, "e2")], AT)
    again.append([sale(900, "e2")], AT)
    again.close()
    assert verify_path(home / "journal.db", own=True, strict=True).ok


def test_unreadable_without_a_number_is_recorded(journal: Journal, signer: Signer) -> None:
    event = kinds.EventId(terminal="T1", log_epoch="e1", number=None, at=None, sha256=bytes(32))
    fact = kinds.EventUnreadable(event=event, message_type=9, reason="unknown type")
    journal.append([to_draft(fact, signer.token_hmac)] * 2, AT)
    assert journal.size == 3
    assert journal.last_events() == {}


def test_a_reader_beside_the_writer(home: Path, journal: Journal, signer: Signer, sale: Sale) -> None:
    if engine.has_wal_reset_bug():
        pytest.skip("this SQLite must hold the file alone")
    journal.append([sale(1)], AT)
    reader = open_reader(home / "journal.db", signer.key)
    assert reader.head == journal.head
    journal.append([sale(2)], AT)
    assert reader.size == 3
    assert reader.root_at(3) == journal.head.root
    with pytest.raises(ValueError, match="not that long"):
        reader.inclusion_proof(0, 4)
    reader.close()


def test_another_writer_waits_outside(home: Path, journal: Journal, sale: Sale) -> None:
    if engine.has_wal_reset_bug():
        pytest.skip("this SQLite must hold the file alone")
    other = engine.connect_writer(home / "journal.db")
    other.execute("BEGIN IMMEDIATE")
    journal._connection.execute("PRAGMA busy_timeout=50")
    with pytest.raises(JournalError, match="could not be written"):
        journal.append([sale(1)], AT)
    other.execute("ROLLBACK")
    other.close()
    assert not journal.stopped
    assert journal.append([sale(1)], AT).size == 2


def test_a_full_disk(home: Path, journal: Journal, sale: Sale) -> None:
    """SQLITE_FULL from SQLite itself (max_page_count): nothing acknowledged, and it goes on when there is room."""
    before = journal.head
    pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
    journal._connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(JournalError, match="disk is full") as refused:
        journal.append([sale(n) for n in range(1, 400)], AT)
    assert refused.value.exit_code == 3
    assert (journal.head, journal.stopped, journal.last_events()) == (before, False, {})
    journal._connection.execute("PRAGMA max_page_count=1000000")
    assert journal.append([sale(n) for n in range(1, 400)], AT).size == 400
    journal.close()
    assert verify_path(home / "journal.db", own=True).ok


IO_ERROR = """
    import resource, signal, sys
    from pathlib import Path
    from agent.errors import JournalError
    from agent.journal import keys
    from agent.journal.entries import Draft
    from agent.journal.store import Journal
    home = Path(sys.argv[1])
    journal = Journal.open(home / "journal.db", keys.unlock(home))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    note = Draft("test.note", {"text": "x" * 2000})
    journal.append([note], 1)
    acknowledged = journal.head
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    for n in range(100):
        try:
            acknowledged = journal.append([note], 2)
        except JournalError as error:
            print("refused", journal.stopped, acknowledged.size, journal.head.size)
            break
    try:
        journal.append([note], 3)
        print("again")
    except JournalError:
        print("refused again", journal.stopped)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    try:
        journal.append([note], 4)
        print("recorded")
    except JournalError:
        print("stays stopped")
"""


def run_io_error(home: Path, limit: int) -> list[str]:
    program = [sys.executable, "-c", textwrap.dedent(IO_ERROR), str(home), str(limit)]
    return subprocess.run(program, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()


def test_a_write_error_stops_the_acknowledgements_and_heals_from_the_disk(
    home: Path, journal: Journal, signer: Signer
) -> None:
    """The kernel refuses writes beyond a size (RLIMIT_FSIZE): SQLITE_IOERR from the real file system.

    The log cannot grow, the database can: the journal is opened anew, holds what was acknowledged, and goes on.
    """
    journal.close()
    lines = run_io_error(home, 60_000)
    refused, stopped, acknowledged, size = lines[0].split()
    assert (refused, stopped) == ("refused", "False")
    assert int(size) >= int(acknowledged) > 2
    assert lines[-1] == "recorded"
    again = Journal.open(home / "journal.db", signer)
    assert again.size > int(acknowledged)
    again.close()
    assert verify_path(home / "journal.db", own=True, heads=heads.remembered(home)).ok


def test_a_write_error_that_stays_leaves_the_journal_stopped(home: Path, journal: Journal) -> None:
    journal.append([Draft("test.note", {"text": "x" * 2000})] * 100, AT)
    journal.close()
    lines = run_io_error(home, 45_000)  # below the database's own size: the log cannot be moved into it
    assert lines[0].startswith("refused True")
    assert lines[1:] == ["refused again True", "stays stopped"]
    assert verify_path(home / "journal.db", own=True).ok


def test_open_refuses_what_is_not_as_written(home: Path, journal: Journal, signer: Signer, sale: Sale) -> None:
    journal.append([sale(n) for n in range(1, 50)], AT)
    journal.close()
    whole = home / "journal.db"
    for statement in (
        "UPDATE entry SET body = replace(body, '12345', '12346') WHERE seq = 7",
        "UPDATE entry SET hashes = zeroblob(32) WHERE seq = 6",
        "UPDATE entry SET hashes = CAST(substr(hashes, 1, 32) || zeroblob(32) AS BLOB) WHERE seq = 5",
        "UPDATE entry SET hashes = substr(hashes, 1, 32) WHERE seq = 7",
        "UPDATE entry SET note = replace(note, '50', '49') WHERE seq = 49",
        "UPDATE entry SET note = NULL WHERE seq = 49",
        "UPDATE entry SET note = NULL",
        "DELETE FROM entry WHERE seq = 49",
        "DELETE FROM entry WHERE seq = 20",
        "DROP TRIGGER entry_stays_",
        "PRAGMA user_version = 9",
    ):
        shutil.copy(whole, home / "kept.db")
        tamper(whole, statement)
        with pytest.raises(JournalError) as refused:
            Journal.open(whole, signer)
        assert isinstance(refused.value, JournalDamaged) or "format 9" in refused.value.what, statement
        shutil.copy(home / "kept.db", whole)
    Journal.open(whole, signer).close()


def tamper(path: Path, statement: str) -> None:
    connection = engine.connect_writer(path)
    triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for name, _sql in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    dropping = statement.startswith("DROP TRIGGER")
    if not dropping:
        connection.execute(statement)
    for _name, sql in triggers[1:] if dropping else triggers:
        connection.execute(sql)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def test_another_key_does_not_open_it(home: Path, journal: Journal, tmp_path: Path) -> None:
    journal.close()
    from agent.journal import keys

    with pytest.raises(JournalDamaged, match="signature"):
        Journal.open(home / "journal.db", keys.create(tmp_path / "other"))
