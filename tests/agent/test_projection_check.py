"""`journal verify --views`: whatever was changed in views.db is named, and nothing is where nothing was."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.projection_check import ViewsReport, check_views
from tests.agent.odd_days import ZONE, Shop, facts, said, shop, transaction
from tests.conftest import run_counterfoil


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Shop]:
    told = [said(transaction(n, n, merchant_name=f"店 {n}")) for n in range(1, 40)]
    with shop(tmp_path, [*told, *facts(random.Random(9), 200, 40)]) as made:
        made.catch_up()
        yield made


def checked(here: Shop) -> ViewsReport:
    return check_views(here.views, here.journal, ZONE)


def changed(here: Shop, sql: str) -> ViewsReport:
    with closing(sqlite3.connect(here.views, isolation_level=None)) as views:
        views.execute("PRAGMA writable_schema=ON")
        assert views.execute(sql).rowcount != 0
    return checked(here)


def test_views_as_they_should_be(here: Shop) -> None:
    done: list[tuple[int, int]] = []
    report = check_views(here.views, here.journal, ZONE, lambda entries, of: done.append((entries, of)))
    assert report == ViewsReport(240) and report.ok and done[-1] == (240, 240)


@pytest.mark.parametrize(
    ("sql", "table", "row"),
    [
        ("UPDATE transactions SET amount_minor = amount_minor + 1 WHERE seq = 7", "transactions", 7),
        ("UPDATE transactions SET voided = 1 - voided WHERE seq = 30", "transactions", 30),
        ("UPDATE transactions SET merchant_name = NULL WHERE seq = 8", "transactions", 8),
        ("DELETE FROM transactions WHERE seq = 9", "transactions", 9),
        ("DELETE FROM transactions WHERE seq = (SELECT max(seq) FROM transactions)", "transactions", None),
        ("INSERT INTO fees (seq, amount_minor) VALUES (3, 5)", "fees", 3),
        ("UPDATE fees SET description = ''", "fees", None),
        ("DELETE FROM findings WHERE seq = (SELECT min(seq) FROM findings)", "findings", None),
        ("UPDATE about SET meaning = 'x' WHERE id = 2", "about", 2),
        ("DROP INDEX idx_transactions_date", "sqlite_schema", "idx_transactions_date"),
        ("CREATE TABLE more (a)", "sqlite_schema", "more"),
        ("CREATE VIEW a_view AS SELECT 1", "sqlite_schema", "a_view"),
        (
            "INSERT INTO transactions_search (transactions_search, rowid, masked_pan, trace, rrn, auth_code)"
            " SELECT 'delete', seq, masked_pan, trace, rrn, auth_code FROM transactions WHERE seq = 12",
            "transactions_search",
            None,
        ),
        ("INSERT INTO transactions_search (rowid, trace) VALUES (5, 'xyz')", "transactions_search", "xyz"),
    ],
)
def test_the_first_place_that_differs_is_named(here: Shop, sql: str, table: str, row: object) -> None:
    report = changed(here, sql)
    assert not report.ok and report.table == table
    if row is not None:
        assert report.row == row
    assert table in (report.what or "") and "journal rebuild" in report.todo


def test_views_that_are_not_of_this_journal(here: Shop) -> None:
    for sql in ("UPDATE built SET root = x'00'", "UPDATE built SET size = 100000", "PRAGMA user_version=1"):
        assert not changed(here, sql).ok
    here.projection.close()
    here.views.write_bytes(b"not a database at all" * 1000)
    for end in ("-wal", "-shm"):
        here.views.with_name(f"views.db{end}").unlink(missing_ok=True)
    assert not checked(here).ok
    here.views.unlink()
    assert checked(here).what == "There are no views."


def test_views_that_are_behind_are_held_to_what_they_were_built_from(here: Shop) -> None:
    here.record(*facts(random.Random(2), 50, 300))
    assert checked(here) == ViewsReport(240)


@pytest.mark.parametrize("field", [None, "merchant_name", "description"])
def test_an_erasure_that_the_views_do_not_know_yet_is_no_difference(here: Shop, field: str | None) -> None:
    assert here.erase(5, 200, field)
    assert checked(here) == ViewsReport(240)
    assert changed(here, "UPDATE transactions SET merchant_name = 'x' WHERE seq = 4").row == 4, "outside of it, still"


def test_nothing_is_written_where_the_views_stand(here: Shop) -> None:
    before = {file.name: file.read_bytes() for file in here.folder.glob("views.db*") if file.suffix != ".db-shm"}
    names = sorted(file.name for file in here.folder.iterdir())
    assert checked(here).ok
    assert {name: (here.folder / name).read_bytes() for name in before} == before
    assert sorted(file.name for file in here.folder.iterdir()) == names


def test_the_command(tmp_path: Path) -> None:
    home = tmp_path / "H"
    played = run_counterfoil("--home", str(home), "demo", "--headless", "--transactions", "20", "--seed", "5")
    assert played.returncode == 0, played.stderr
    verify = ("--home", str(home), "journal", "verify", "--views")
    good = run_counterfoil(*verify)
    assert good.returncode == 0 and "The views say what" in good.stdout, good
    with closing(sqlite3.connect(home / "views.db", isolation_level=None)) as views:
        (seq,) = views.execute("SELECT min(seq) FROM transactions").fetchone()
        views.execute("UPDATE transactions SET trace = '777777' WHERE seq = ?", (seq,))
    bad = run_counterfoil(*verify)
    assert bad.returncode == 1 and f"table transactions, row {seq}" in bad.stdout and "journal rebuild" in bad.stdout
    document = json.loads(run_counterfoil(*verify, "--json").stdout)
    assert document["ok"] is True and document["views"]["ok"] is False
    assert (document["views"]["table"], document["views"]["row"]) == ("transactions", seq)
    assert run_counterfoil("--home", str(home), "journal", "rebuild").returncode == 0
    assert run_counterfoil(*verify).returncode == 0
    copy = tmp_path / "journal.db"
    shutil.copy(home / "journal.db", copy)
    elsewhere = run_counterfoil(*verify, str(copy))
    assert elsewhere.returncode == 2 and "--views" in elsewhere.stderr
