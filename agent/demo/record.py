"""What others do to a record behind the agent's back: lock it, copy it, put the copy back, change a row."""

from __future__ import annotations

import re
import shutil
import threading
import time
from contextlib import closing
from pathlib import Path

from agent.errors import JournalError
from agent.home import Home
from agent.journal import engine
from agent.language import _

_PARTS = ("journal.db", "journal.db-wal", "journal.db-shm", "views.db", "views.db-wal", "views.db-shm", "heads")


def lock(home: Home, ms: int) -> threading.Thread:
    """Hold the journal's write lock for so long, from now on. Raises engine.Error where somebody else holds it."""
    connection = engine.connect_views(home.journal)  # a plain WAL connection that may write
    connection.execute("BEGIN IMMEDIATE")

    def hold() -> None:
        time.sleep(ms / 1000)
        connection.execute("ROLLBACK")
        connection.close()

    holding = threading.Thread(target=hold, name="lock")
    holding.start()
    return holding


def copy(home: Home, aside: Path) -> None:
    """As a backup of the folder does: the journal whole, with the heads that the home remembers."""
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    with (
        closing(engine.connect_reader(home.journal)) as ours,
        closing(engine.connect_views(aside / "journal.db")) as its,
    ):
        ours.backup(its)
        its.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if (home.path / "heads").exists():
        shutil.copytree(home.path / "heads", aside / "heads")


def roll_back(home: Home, aside: Path) -> None:
    """Put the copy in the record's place. Raises JournalError where there is none."""
    if not (aside / "journal.db").exists():
        raise JournalError(_("No copy of the record was put aside."), "")
    for name in _PARTS:
        path = home.path / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    shutil.copyfile(aside / "journal.db", home.journal)
    if (aside / "heads").exists():
        shutil.copytree(aside / "heads", home.path / "heads")


def edit_row(home: Home) -> int:
    """One minor unit more in the last entry with an amount, its trigger out of the way meanwhile; its number.

    Raises JournalError where no entry has one.
    """
    with closing(engine.connect_views(home.journal)) as connection:
        row = connection.execute(
            "SELECT seq, body FROM entry WHERE instr(body, '\"amount_minor\":') ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        if row is None:
            raise JournalError(_("No entry has an amount."), "")
        body = re.sub(r'"amount_minor":(\d+)', lambda found: f'"amount_minor":{int(found[1]) + 1}', row[1], count=1)
        (trigger,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'entry_stays'").fetchone()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DROP TRIGGER entry_stays")
        connection.execute("UPDATE entry SET body = ? WHERE seq = ?", (body, row[0]))
        connection.execute(trigger)
        connection.execute("COMMIT")
        return int(row[0])
