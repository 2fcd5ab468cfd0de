"""views.db says what the journal says, however it came there: at one go, step by step, after an erasure, after damage."""

from __future__ import annotations

import random
import shutil
import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent import projection as projecting
from agent import views_schema
from agent.journal.keys import verifying_key
from agent.journal.kinds import TerminalSaid
from agent.journal.reader import open_reader
from agent.projection import FINDING_KINDS, Projection
from agent.reading import _NOTICE_OF_KIND
from protocol.messages import Fee, FeeType, Transaction, TransactionKind
from protocol.money import Money
from tests.agent.odd_days import MIDNIGHT, ZONE, Shop, dump, facts, reference, said, shop, transaction
from tests.conftest import run_counterfoil


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path) as made:
        yield made


def rebuilt(journal_folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """Views made at one go, somewhere else."""
    with tempfile.TemporaryDirectory() as folder:
        views = Path(folder) / "views.db"
        journal = open_reader(journal_folder / "journal.db", verifying_key(journal_folder))
        with closing(journal), closing(Projection(views, ZONE)) as projection:
            projection.rebuild(journal)
        return dump(views)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("facts"), st.integers(1, 12), st.integers(0, 2**20)),
        st.tuples(st.just("catch up"), st.integers(0, 40), st.integers(0, 1)),
        st.tuples(st.just("erase"), st.integers(0, 30), st.integers(0, 15)),
        st.tuples(st.just("open anew"), st.just(0), st.just(0)),
    ),
    min_size=3,
    max_size=14,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps, st.sampled_from([1, 3, 1024]), st.integers(1, 3))
def test_however_the_way_was_divided_the_views_hold_the_same(
    way: list[tuple[str, int, int]], chunk: int, chunks: int
) -> None:
    number = 1
    with (
        tempfile.TemporaryDirectory() as folder,
        shop(Path(folder)) as here,
        pytest.MonkeyPatch.context() as patched,
    ):
        patched.setattr(projecting, "_CHUNK", chunk)
        patched.setattr(projecting, "_COMMIT", chunk * chunks)
        for step, one, other in way:
            if step == "facts":
                here.record(*facts(random.Random(other), one, number))
                number += one
            elif step == "catch up":
                here.catch_up(until=None if other else here.projection.size + one)
            elif step == "erase":
                here.erase(one, one + other, (None, "merchant_name", "description", "detail")[other % 4])
            else:
                here.projection.close()
                here.projection = Projection(here.views, ZONE)
        here.catch_up()
        found = dump(here.views)
        assert found["built"] == [(1, here.journal.size, here.journal.head.root)]
        assert found == rebuilt(here.folder)


@pytest.mark.parametrize("seed", [3, 11])
def test_what_an_agent_made_while_it_recorded_is_what_a_rebuild_makes(tmp_path: Path, seed: int) -> None:
    home = tmp_path / "H"
    played = run_counterfoil("--home", str(home), "demo", "--headless", "--transactions", "30", "--seed", str(seed))
    assert played.returncode == 0, played.stderr
    assert run_counterfoil("--home", str(home), "transactions", "list").returncode == 0
    live = dump(home / "views.db")
    assert len(live["transactions"]) == 30 and len(live["fees"]) >= 30 and len(live["transactions_search"]) > 500
    assert live == rebuilt(home)
    chance, views = random.Random(seed), tmp_path / "by-steps.db"
    journal = open_reader(home / "journal.db", verifying_key(home))
    with closing(journal), closing(Projection(views, ZONE)) as projection:
        while projection.size < journal.size:
            projection.catch_up(journal, until=projection.size + chance.randint(1, 9))
    assert dump(views) == live


def test_what_is_voided_and_what_was_charged_by_a_count_of_the_facts_alone(here: Shop) -> None:
    told = facts(random.Random(7), 400)
    here.record(*told)
    here.catch_up()
    messages = [(seq, fact.message) for seq, fact in enumerate(told, 1) if isinstance(fact, TerminalSaid)]
    sales = [(seq, m) for seq, m in messages if isinstance(m, Transaction)]
    voids = {m.original_reference for _, m in sales if m.kind is TransactionKind.VOID and m.outcome.value == "approved"}
    first = {m.reference: seq for seq, m in reversed(sales)}
    charged: dict[int, int] = defaultdict(int)
    for _, m in messages:
        if isinstance(m, Fee) and m.transaction in first:
            charged[first[m.transaction]] += m.amount.minor
    expected = [(seq, int(m.reference in voids), charged.get(seq)) for seq, m in sales]
    assert here.rows("SELECT seq, voided, fee_minor FROM transactions_with_fees ORDER BY seq") == expected
    assert 0 < sum(voided for _, voided, _ in expected) < len(expected) and len(charged) > 5


def test_a_void_and_a_fee_told_before_their_transaction_find_it_later(here: Shop) -> None:
    fee = Fee(number=2, at=MIDNIGHT, type=FeeType.MDR, amount=Money(60), transaction=reference(1))
    here.record(said(transaction(1, 50, kind=TransactionKind.VOID, original_reference=reference(1))), said(fee))
    here.catch_up()
    assert here.rows("SELECT transaction_seq FROM fees") == [(None,)]
    here.record(said(transaction(3, 1)), said(transaction(4, 1)))
    here.catch_up()
    assert here.rows("SELECT transaction_seq FROM fees") == [(3,)], "the first of that reference"
    assert here.rows("SELECT seq, voided FROM transactions") == [(1, 0), (3, 1), (4, 1)]


# -- erasures ----------------------------------------------------------------------------------------------------------


def test_an_erased_value_is_forgotten_by_the_views_and_leaves_no_trace_in_their_files(here: Shop) -> None:
    secret, kept = "青石桥海鲜市场十七号铺", "便民超市"
    private = {f"ZQ{n:03}": f"{secret}{n}" for n in range(60)}
    sales = [transaction(n, n, merchant_name=kept if n % 2 else private[f"ZQ{n:03}"]) for n in range(1, 60)]
    for one in sales:  # one by one, with other work between: pages are filled, split and written again
        here.record(said(one))
        here.catch_up()
    fee = Fee(
        number=100,
        at=MIDNIGHT,
        type=FeeType.OTHER,
        amount=Money(1),
        transaction=reference(2),
        description=f"an {secret}",
    )
    here.record(said(fee))
    here.catch_up()
    assert secret.encode() in here.views.read_bytes() + here.views.with_name("views.db-wal").read_bytes()

    assert here.erase(1, 30, "merchant_name") and here.erase(0, 10**6, "description")
    here.catch_up()
    assert here.rows("SELECT merchant_name FROM transactions WHERE seq <= 30") == [(None,)] * 30
    assert here.rows("SELECT count(*) FROM transactions WHERE seq > 30 AND merchant_name IS NOT NULL") == [(29,)]
    assert here.rows("SELECT description FROM fees") == [(None,)]
    assert here.erase(31, 59, None)
    here.catch_up()
    with closing(here.read()) as reading:
        assert (
            reading.transactions(None, kept, 100, 0).total == reading.transactions(None, secret[:3], 100, 0).total == 0
        )
        assert reading.transactions(None, "000017", 100, 0).total == 1, "the rest of it is found as before"
    for file in here.folder.glob("views.db*"):
        raw = file.read_bytes()
        for piece in (secret, secret[2:5], kept):
            assert piece.encode() not in raw, (file.name, piece)
    assert dump(here.views) == rebuilt(here.folder)


def test_an_erasure_never_reaches_what_is_recorded_after_it(here: Shop) -> None:
    here.record(said(transaction(1, 1, merchant_name="甲店")))
    assert here.erase(0, 10**9, None)
    here.record(said(transaction(2, 2, merchant_name="乙店")))
    here.catch_up()
    assert here.rows("SELECT merchant_name FROM transactions") == [(None,), ("乙店",)]


# -- damage, other versions, other files -------------------------------------------------------------------------------


def filled(here: Shop) -> dict[str, list[tuple[object, ...]]]:
    here.record(*facts(random.Random(1), 300))
    here.catch_up()
    here.projection.close()
    return dump(here.views)


def test_views_with_damaged_pages_can_be_made_anew(here: Shop) -> None:
    good = filled(here)
    with closing(sqlite3.connect(here.views)) as views:
        views.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw = bytearray(here.views.read_bytes())
    for page in range(1, len(raw) // 4096):  # all but the first, which has the schema
        raw[page * 4096 : page * 4096 + 200] = b"\xff" * 200
    here.views.write_bytes(raw)
    here.projection = Projection(here.views, ZONE)
    here.projection.rebuild(here.journal)
    assert dump(here.views) == good


@pytest.mark.parametrize(
    "harm",
    [
        "PRAGMA user_version=2",
        "PRAGMA user_version=4",
        "DROP TABLE built",
        "UPDATE built SET root = x'00'",
        "UPDATE built SET size = 10000",
        "UPDATE built SET size = 'x'",
        "DELETE FROM built",
    ],
)
def test_views_of_another_version_or_another_journal_are_made_anew(here: Shop, harm: str) -> None:
    good = filled(here)
    with closing(sqlite3.connect(here.views, isolation_level=None)) as views:
        views.execute('CREATE TABLE "an old ""one""" (a)')
        views.execute("CREATE VIEW of_old AS SELECT * FROM fees")
        views.execute(harm)
    here.projection = Projection(here.views, ZONE)
    here.catch_up()
    assert dump(here.views) == good


@pytest.mark.parametrize("at", ["search_sql", "about_rows"])
def test_a_making_that_was_cut_short_begins_again(here: Shop, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    good = filled(here)
    here.projection = Projection(here.views, ZONE)

    def killed() -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(views_schema, at, killed)
    with pytest.raises(KeyboardInterrupt):
        here.projection.rebuild(here.journal)
    here.projection.close()
    monkeypatch.undo()
    here.projection = Projection(here.views, ZONE)
    here.catch_up()
    assert dump(here.views) == good


def test_a_busy_agent_leaves_the_rest_for_another_time(here: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projecting, "_CHUNK", 10)
    here.record(*facts(random.Random(1), 95))
    asked: list[int] = []

    def busy() -> bool:
        asked.append(here.projection.size)
        return len(asked) == 3

    here.projection.catch_up(here.journal, busy=busy)
    assert here.projection.size == 30 and here.rows("SELECT size FROM built") == [(30,)]
    here.catch_up()
    assert dump(here.views) == rebuilt(here.folder)


def test_every_kind_of_finding_has_its_notice() -> None:
    assert set(_NOTICE_OF_KIND) >= FINDING_KINDS


# -- foreign tools -----------------------------------------------------------------------------------------------------


def test_the_database_tells_of_itself(here: Shop) -> None:
    filled(here)
    here.projection = Projection(here.views, ZONE)
    about = {(table, column): means for _, table, column, means in here.rows("SELECT * FROM about")}
    assert all(means.strip() for means in about.values())
    names = here.rows("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")
    own = {name for (name,) in names if not name.startswith(("transactions_search_", "sqlite_"))}
    assert own == {table for table, column in about if not column}
    for table in own - {"transactions_search"}:
        columns = {row[1] for row in here.rows(f"PRAGMA table_info({table})")}
        assert columns == {column for of, column in about if of == table and column}, table


def test_sqlite_utils_finds_tables_keys_and_the_search(here: Shop) -> None:
    from sqlite_utils import Database

    filled(here)
    here.projection = Projection(here.views, ZONE)
    found = Database(here.views)
    transactions = found.table("transactions")
    assert transactions.pks == ["seq"] and transactions.detect_fts() == "transactions_search"
    (key,) = found.table("fees").foreign_keys
    assert (key.column, key.other_table, key.other_column) == ("transaction_seq", "transactions", "seq")
    trace = here.rows("SELECT trace FROM transactions LIMIT 1")[0][0]
    assert {row["trace"] for row in transactions.search(trace)} == {trace}
    assert found.execute("PRAGMA foreign_key_check").fetchall() == []
    assert found.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    found.execute("INSERT INTO transactions_search (transactions_search, rank) VALUES ('integrity-check', 1)")
    found.close()


def test_the_debian_command_line_of_sqlite_reads_it(here: Shop, tmp_path: Path) -> None:
    """The standard library's SQLite stands for it: another, older library than the one that wrote the file."""
    filled(here)
    here.projection = Projection(here.views, ZONE)
    copy = tmp_path / "copy.db"
    shutil.copy(here.views, copy)
    with closing(sqlite3.connect(copy)) as views:
        found = views.execute("SELECT count(*) FROM transactions_search WHERE transactions_search MATCH '000'")
        assert found.fetchone()[0] > 10
