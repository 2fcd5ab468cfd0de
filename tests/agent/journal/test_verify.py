"""The tamper table: what is done to a closed journal, and what verify says of it. The attacker has the disk and SQLite, and
puts tables and triggers back as they were."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from agent.errors import JournalError, KeyRefused
from agent.journal import engine, heads, keys
from agent.journal.checkpoint import Checkpoint
from agent.journal.entries import Draft, encode
from agent.journal.keys import Signer
from agent.journal.merkle import Frontier
from agent.journal.store import Journal
from agent.journal.verify import MOST_FINDINGS, verify_path

Sale = Callable[..., Draft]
SIZE = 60


@pytest.fixture
def closed(home: Path, journal: Journal, sale: Sale) -> Path:
    """60 entries, a head after each; entry n holds event n and its head has at = 1000·n (entry 0: the fixture's)."""
    for n in range(1, SIZE):
        journal.append([sale(n)], 1000 * n)
    journal.close()
    return home / "journal.db"


def tamper(path: Path, *statements: str | tuple[str, tuple[object, ...]]) -> None:
    connection = engine.connect_writer(path)
    triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for name, _sql in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        connection.execute(*([statement] if isinstance(statement, str) else statement))
    for _name, sql in triggers:
        connection.execute(sql)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


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


OPENED = 1_700_000_000_000
RESIZE = (
    "UPDATE head SET note = replace(note, char(10) || '18' || char(10), char(10) || '19' || char(10)) WHERE size = 18"
)
RESIGN = "UPDATE head SET note = substr(note, 1, length(note) - 20) || 'AAAA' || substr(note, -16) WHERE size = 18"
TABLE = {
    "body edited": ("UPDATE entry SET body = replace(body, '12345', '12346') WHERE seq = 17", "entry", 17, 17_000),
    "body not UTF-8": (
        "UPDATE entry SET body = CAST(CAST(substr(body, 1, 9) AS BLOB) || x'ff' AS TEXT) WHERE seq = 17",
        "entry", 17, 17_000,
    ),
    "body emptied": ("UPDATE entry SET body = '' WHERE seq = 17", "entry", 17, 17_000),
    "leaf edited": ("UPDATE entry SET leaf = zeroblob(32) WHERE seq = 17", "entry", 17, 17_000),
    "leaf shortened": ("UPDATE entry SET leaf = x'00' WHERE seq = 17", "entry", 17, 17_000),
    "node edited": ("UPDATE node SET hash = zeroblob(32) WHERE level = 1 AND idx = 8", "node", 17, 17_000),
    "node deleted": ("DELETE FROM node WHERE level = 1 AND idx = 8", "node", 17, 17_000),
    "last node deleted": ("DELETE FROM node WHERE pos = (SELECT max(pos) FROM node)", "node", 59, 59_000),
    "node moved": ("UPDATE node SET idx = 9 WHERE level = 1 AND idx = 8", "node", 17, 17_000),
    "node added": ("INSERT INTO node VALUES (999, 1, 99, zeroblob(32))", "node", None, None),
    "head edited": (RESIZE, "head", None, None),
    "head signature edited": (RESIGN, "head", None, None),
    "head swapped": ("UPDATE head SET note = (SELECT note FROM head WHERE size = 17) WHERE size = 18", "head", None, None),
    "head's time edited": ("UPDATE head SET at = 1 WHERE size = 18", "head", None, None),
    "head not UTF-8": ("UPDATE head SET note = CAST(x'ff' AS TEXT) WHERE size = 18", "head", None, None),
    "all heads deleted": ("DELETE FROM head", "head", 0, None),
    "last head deleted": ("DELETE FROM head WHERE size = 60", "head", 59, 58_000),
    "entry deleted": ("DELETE FROM entry WHERE seq = 17", "entry", 17, 17_000),
    "first entry deleted": ("DELETE FROM entry WHERE seq = 0", "entry", 0, OPENED),
    "last entry deleted": ("DELETE FROM entry WHERE seq = 59", "entry", 59, 58_000),
    "entry inserted before": ("INSERT INTO entry SELECT -1, body, leaf FROM entry WHERE seq = 5", "entry", 0, OPENED),
    "entry appended": ("INSERT INTO entry SELECT 60, body, leaf FROM entry WHERE seq = 5", "entry", 60, None),
    "stretch deleted": ("DELETE FROM stretch", "stretch", None, None),
    "stretch edited": ("UPDATE stretch SET log_epoch = 'e9'", "stretch", None, None),
    "private value edited": ("UPDATE private SET value = '别的店' WHERE seq = 17", "private", 17, None),
    "private salt edited": ("UPDATE private SET salt = zeroblob(16) WHERE seq = 17", "private", 17, None),
    "private value added": ("INSERT INTO private VALUES (17, 'x', zeroblob(16), 'y')", "private", 17, None),
    "table added": ("CREATE TABLE extra (a ANY) STRICT", "schema", None, None),
    "trigger added": ("CREATE TRIGGER z BEFORE INSERT ON head BEGIN SELECT 1; END", "schema", None, None),
    "version changed": ("PRAGMA user_version = 2", "schema", None, None),
}  # fmt: skip


@pytest.mark.parametrize("what", TABLE)
def test_tampering_is_found(closed: Path, what: str) -> None:
    statement, place, first_bad, since = TABLE[what]
    tamper(closed, statement)
    report = verify_path(closed, own=True)
    assert not report.ok
    assert (report.findings[0].place, report.first_bad, report.findings[0].since) == (place, first_bad, since)
    assert all(f.what.endswith(".") and f.todo.endswith(".") for f in report.findings)


def test_one_flaw_is_one_finding(closed: Path) -> None:
    tamper(closed, "UPDATE entry SET body = replace(body, '12345', '12346') WHERE seq IN (3, 30)")
    report = verify_path(closed, own=True)
    assert [(f.place, f.seq) for f in report.findings] == [("entry", 3), ("entry", 30)]
    assert report.more == 0


def test_erasing_private_values_is_no_flaw(closed: Path) -> None:
    tamper(closed, "DELETE FROM private WHERE seq < 30")
    assert verify_path(closed, own=True, strict=True).ok


@pytest.mark.parametrize(("one", "other"), [(10, 11), (3, 40)])
@pytest.mark.parametrize("with_leaf", [False, True])
def test_swapped_entries(closed: Path, one: int, other: int, with_leaf: bool) -> None:
    connection = engine.connect_reader(closed)
    rows = dict(connection.execute("SELECT seq, body FROM entry WHERE seq IN (?, ?)", (one, other)).fetchall())
    leaves = dict(connection.execute("SELECT seq, leaf FROM entry WHERE seq IN (?, ?)", (one, other)).fetchall())
    connection.close()
    for seq, source in ((one, other), (other, one)):
        tamper(closed, ("UPDATE entry SET body = ? WHERE seq = ?", (rows[source], seq)))
        if with_leaf:
            tamper(closed, ("UPDATE entry SET leaf = ? WHERE seq = ?", (leaves[source], seq)))
    report = verify_path(closed, own=True)
    assert (report.ok, report.first_bad) == (False, one)


@pytest.mark.parametrize("seq", [0, 1, 16, 17, 31, 32, 58, 59])
def test_a_history_written_anew_without_the_key(closed: Path, signer: Signer, seq: int) -> None:
    """Body, leaf and every stored subtree made to fit: only the signatures are out of reach, and they tell where."""
    connection = engine.connect_reader(closed)
    rows = connection.execute("SELECT seq, body FROM entry ORDER BY seq").fetchall()
    connection.close()
    bodies = [body.encode() for _seq, body in rows]
    bodies[seq] = bodies[seq].replace(b'"terminal":"T1"', b'"terminal":"T2"')
    frontier, nodes = Frontier(), []
    for body in bodies:
        nodes += frontier.append(sha256(b"\x00" + body).digest())
    leaf = sha256(b"\x00" + bodies[seq]).digest()
    tamper(
        closed,
        ("UPDATE entry SET body = ?, leaf = ? WHERE seq = ?", (bodies[seq].decode(), leaf, seq)),
        *[("UPDATE node SET hash = ? WHERE pos = ?", (h, pos)) for pos, (_l, _i, h) in enumerate(nodes)],
    )
    report = verify_path(closed, own=True)
    head = next(f for f in report.findings if f.place == "head")
    assert (report.ok, report.first_bad, head.seq) == (False, seq, seq)
    assert head.since == (None if seq == 0 else 1_700_000_000_000 if seq == 1 else 1000 * (seq - 1))


def test_a_forged_entry_at_the_end_stands_under_no_head(closed: Path) -> None:
    body = encode(
        60, 60_000, "terminal.fee", {"event": {"terminal": "T1", "log_epoch": "e1", "number": 60, "sha256": ""}}
    )
    leaf = sha256(b"\x00" + body).digest()
    tamper(closed, ("INSERT INTO entry VALUES (60, ?, ?)", (body.decode(), leaf)))
    report = verify_path(closed, own=True)
    assert (report.ok, report.first_bad, [f.place for f in report.findings]) == (False, 60, ["head"])


def test_signed_nonsense_is_named(home: Path, journal: Journal, signer: Signer) -> None:
    """An entry in no canonical form, under a good signature: only --strict looks so closely."""
    raw = b'{"at":1, "body":{},"kind":"a.b","seq":1,"v":1}'
    leaf = sha256(b"\x00" + raw).digest()
    frontier = Frontier(1, [journal.head.root])
    [(level, idx, subtree)] = frontier.append(leaf)
    note = signer.signed(Checkpoint(signer.name, 2, frontier.root()).text)
    connection = journal._connection
    connection.execute("INSERT INTO entry VALUES (1, ?, ?)", (raw.decode(), leaf))
    connection.execute("INSERT INTO node VALUES (0, ?, ?, ?)", (level, idx, subtree))
    connection.execute("INSERT INTO head VALUES (2, 1, ?)", (note,))
    journal.close()
    assert verify_path(home / "journal.db", own=True).ok
    report = verify_path(home / "journal.db", own=True, strict=True)
    assert [(f.place, f.seq) for f in report.findings] == [("entry", 1)]


def test_findings_are_bounded(closed: Path) -> None:
    tamper(closed, "UPDATE entry SET body = '{}'", "UPDATE head SET note = 'x'")
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


def test_any_flipped_bit_is_found_or_changes_nothing(closed: Path) -> None:
    """Random bits of the closed file: either verify says no, or entries, nodes, heads and schema read back identical."""
    chance = random.Random(7)
    good = closed.read_bytes()
    before = everything(closed)
    found = 0
    for _ in range(250):
        raw = bytearray(good)
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        closed.write_bytes(raw)
        report = verify_path(closed, own=True, strict=True)
        found += not report.ok
        if report.ok:
            assert everything(closed) == before
    closed.write_bytes(good)
    assert verify_path(closed, own=True).ok
    assert found > 125


def everything(path: Path) -> list[object]:
    connection = engine.connect_reader(path)
    try:
        return [
            connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
            for table in ("entry", "node", "head", "private", "stretch", "sqlite_schema")
        ]
    finally:
        connection.close()


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
