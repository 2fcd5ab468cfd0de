"""Hands on a journal's files, and how what they did is judged.

The attacker has the disk, SQLite and all the time in the world; triggers and tables are put back as they were. Some have the
signing key too.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from enum import Enum, auto
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.errors import CounterfoilError, JournalError
from agent.home import Home
from agent.journal import engine, heads, keys
from agent.journal.checkpoint import Checkpoint, VerifyingKey
from agent.journal.keys import Signer
from agent.journal.merkle import Frontier
from agent.journal.reader import open_reader
from agent.journal.store import Journal
from agent.journal.verify import Report, verify_path
from agent.opening import open_journal
from agent.settings import Settings
from agent.storage import compared

Content = list[list[Any]]


class Found(Enum):
    """The three verdicts of docs/journal.md, "What is found, and against what"."""

    ALONE = auto()
    """`journal verify` says so with nothing but the file and the key."""
    REMEMBERED = auto()
    """It says that all is well, until it is shown a head that was remembered elsewhere: then it says no."""
    HARMLESS = auto()
    """Entries, hashes, heads, private values, epochs and schema read back identical."""


def content(path: Path) -> Content:
    """All that a journal says, read by SQLite alone: entries, private values, epochs, schema. Raises engine.Error."""
    with closing(engine.connect_reader(path)) as connection:
        return [
            connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2").fetchall()
            for columns, table in (*[("*", name) for name in ("entry", "private", "stretch")], ("type, name, tbl_name, sql", "sqlite_schema"))
        ]  # fmt: skip


def judged(
    path: Path,
    key: VerifyingKey,
    remembered: Mapping[str, str] | None = None,
    *,
    strict: bool = False,
    own: bool = True,
) -> Report:
    """What verify says, quick and slow: both must say the same, in whole sentences."""
    quick = verify_path(path, own=own, key=key, heads=remembered, strict=strict)
    slow = verify_path(path, own=own, key=key, heads=remembered, strict=strict, quick=False)
    assert quick == slow
    assert slow.ok is not bool(slow.findings)
    assert all(f.what.endswith(".") and f.todo.endswith(".") for f in slow.findings), slow.findings
    assert all(f.seq is None or type(f.seq) is int for f in slow.findings)
    return slow


def verdict(home: Path, key: VerifyingKey, note: str, before: Content) -> tuple[Found | None, Report | None]:
    """How what was done to the home's journal is found. note: its last head, as others remember it; every one of them must
    find what verify alone does not. None: nobody finds it, and that must never be. The report: verify's, alone.
    """
    path = home / "journal.db"
    try:
        alone = judged(path, key)
    except JournalError:  # no journal at all any more, and said so
        return Found.ALONE, None
    if not alone.ok:
        return Found.ALONE, alone
    if content(path) == before:
        return Found.HARMLESS, alone
    each = {name: judged(path, key, {name: kept}) for name, kept in kept_elsewhere(note).items()}
    with closing(open_reader(path, key)) as reader:
        terminal = compared(reader, home, note)
    found = [not report.ok for report in each.values()] + [not terminal.verdict.fits]
    assert len(set(found)) == 1, (each, terminal)
    for name, report in each.items():
        assert [f.place for f in report.findings] == ([f"remembered:{name}"] if found[0] else [])
    return (Found.REMEMBERED if found[0] else None), alone


def kept_elsewhere(note: str) -> dict[str, str]:
    """The head as the home keeps it, and with a witness's signature (c2sp.org/tlog-cosignature, by hand)."""
    witness = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    name, text = "witness.example/w1", note.rpartition("\n\n")[0] + "\n"
    key_id = sha256(f"{name}\n".encode() + b"\x04" + witness.public_key().public_bytes_raw()).digest()[:4]
    blob = key_id + struct.pack(">Q", 1_772_380_800) + witness.sign(f"cosignature/v1\ntime 1772380800\n{text}".encode())
    return {"local": note, "witness-0a1b2c3d": f"{note}\u2014 {name} {b64encode(blob).decode()}\n"}


def started(home: Path, note: str, before: Content) -> str:
    """What the agent's own start makes of the home: `refused`, in two sentences; `right`; or `wrong`.

    right: the entries, their hashes and the last head are those that stood there before, and the last event of every epoch
    is the one that the entries tell of. (A start does not look at heads in between, nor at private values: verify does.)
    """
    shutil.rmtree(home / "heads", ignore_errors=True)
    heads.remember(home, note)
    try:
        signer = keys.unlock(home)
        journal = open_journal(Home(home), Settings(terminal="T1", simulated=True, port="-"), signer, accept_loss=False)
    except CounterfoilError as error:
        assert error.what.endswith(".") and error.todo
        return "refused"
    try:
        held = [(e.seq, journal.raw_entry(e.seq).decode()) for e in journal.entries()]
        right = held == [(seq, body) for seq, _hashes, _note, body in before[0]]
        right = right and journal.head.note == note and journal.last_events() == last_events(before[0])
    finally:
        journal.close()
    return "right" if right else "wrong"


def last_events(entries: list[Any]) -> dict[tuple[str, str], int]:
    """By the entries' own words, read as anybody would read JSON."""
    last = {}
    for row in entries:
        body = json.loads(row[3])["body"]
        event = body.get("event", {})
        if event.get("number") is not None:
            last[event["terminal"], event["log_epoch"]] = event["number"]
        elif "log_epoch" in body and "last" in body:
            last[body["terminal"], body["log_epoch"]] = body["last"]
    return last


# -- homes, and hands on them ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """home: to be changed. older: another of the same record, closed after 40 entries. note: the last head of `home`."""

    home: Path
    older: Path
    note: str
    content: Content

    @property
    def path(self) -> Path:
        return self.home / "journal.db"

    @property
    def wal(self) -> Path:
        return self.home / "journal.db-wal"

    @property
    def signer(self) -> Signer:
        return keys.unlock(self.home)

    def copy(self, to: Path) -> Case:
        """Nothing that SQLite left beside the files comes with it."""
        shutil.copytree(self.home, to, ignore=shutil.ignore_patterns("*-shm"))
        return Case(to, self.older, self.note, self.content)


def sql(path: Path, *statements: str | tuple[str, tuple[object, ...]]) -> None:
    """Change rows, and put every trigger back as it was."""
    with closing(engine.connect_writer(path)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _text in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(*([statement] if isinstance(statement, str) else statement))
        for _name, text in triggers:
            connection.execute(text)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def rewrite(path: Path, change: Callable[[int, bytes], bytes], signer: Signer | None = None) -> None:
    """Bodies changed, every leaf and subtree made to fit; with a signer every head too."""
    with closing(engine.connect_reader(path)) as connection:
        rows = connection.execute("SELECT seq, body, note FROM entry ORDER BY seq").fetchall()
    frontier, changed = Frontier(), []
    for seq, body, note in rows:
        raw = change(seq, body.encode())
        hashes = frontier.append(sha256(b"\x00" + raw).digest())
        if note is not None and signer is not None:
            note = signer.signed(Checkpoint(signer.name, seq + 1, frontier.root()).text)
        changed.append(
            ("UPDATE entry SET body = ?, hashes = ?, note = ? WHERE seq = ?", (raw.decode(), hashes, note, seq))
        )
    sql(path, *changed)


def append(path: Path, raws: list[bytes], *signers: Signer, heads_at: tuple[int, ...] = (-1,)) -> None:
    """Entries written by hand after the last; heads over those named (by index among them), of the first signer's origin."""
    with closing(engine.connect_reader(path)) as connection:
        rows = connection.execute("SELECT body FROM entry ORDER BY seq").fetchall()
    frontier, statements = Frontier(), []
    for (body,) in rows:
        frontier.append(sha256(b"\x00" + body.encode()).digest())
    for n, raw in enumerate(raws):
        seq, hashes, note = frontier.size, frontier.append(sha256(b"\x00" + raw).digest()), None
        if signers and n in {at % len(raws) for at in heads_at}:
            text = Checkpoint(signers[0].name, frontier.size, frontier.root()).text
            note = signers[0].signed(text) + "".join(signer.signature(text) for signer in signers[1:])
        statements.append(("INSERT INTO entry VALUES (?, ?, ?, ?)", (seq, hashes, note, raw.decode())))
    sql(path, *statements)


def overwrite(case: Case, older: Path) -> None:
    """The journal's files replaced by those of another folder, its remembered heads and keys left alone."""
    for suffix in ("", "-wal", "-shm"):
        (case.home / f"journal.db{suffix}").unlink(missing_ok=True)
        if suffix != "-shm" and (part := older / f"journal.db{suffix}").exists():
            shutil.copyfile(part, case.home / part.name)


def fork(case: Case, sizes: list[int], make: Callable[[int], Any]) -> None:
    """Go on from the older copy with other entries, by the real program and the true key."""
    overwrite(case, case.older)
    journal = Journal.open(case.path, case.signer)
    for n in sizes:
        journal.append([make(number) for number in range(journal.size, journal.size + n)], 50_000)
    journal.close()
    shutil.rmtree(case.home / "heads")  # what this forger's own agent wrote


def truncate(path: Path, size: int) -> None:
    os.truncate(path, size)


def files(folder: Path) -> dict[str, str]:
    """Every file under a folder → SHA-256 of what it holds. Who holds the lock is no content."""
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "agent.lock"
    }
