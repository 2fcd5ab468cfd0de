"""Private values erased: gone from the disk, told in an entry, and the tree as it was."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from agent.custody.backup import back_up
from agent.custody.erasure import erase
from agent.errors import JournalError, NotFound
from agent.journal import engine
from agent.journal.proof import prove
from agent.journal.reader import Head, open_reader
from agent.journal.store import Journal
from agent.projection import Projection
from tests.agent.custody.shop import Shop, bodies
from tests.agent.custody.test_rotation import FailingCommit
from tests.agent.journal.conftest import sales
from tests.agent.journal.tampers import content

NAMES = {1: "玉兰路一号甲", 2: "白杨里二号乙", 3: "青石巷三号丙", 4: "月牙弯四号丁", 5: "落霞街五号戊"}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Entry n holds event n of the merchant NAMES[n]."""
    shop = Shop(tmp_path / "home")
    with shop.journal() as journal:
        for n, name in NAMES.items():
            journal.append([sales(journal.signer)(n, merchant=name)], n)
    return shop


def erased(journal: Journal, first: int, last: int, field: str | None = None) -> Head:
    return erase(journal, 99, first=first, last=last, field=field, operator="王", reason="客户要求")


def on_disk(shop: Shop) -> set[int]:
    """Whose names stand in any byte of the journal's files."""
    raw = b"".join(p.read_bytes() for p in shop.path.glob("journal.db*") if not p.name.endswith("-shm"))
    return {n for n, name in NAMES.items() if name.encode() in raw}


@pytest.mark.parametrize("closed_before", [True, False])
def test_a_value_is_gone_from_every_byte_of_the_files(shop: Shop, closed_before: bool) -> None:
    """From the file's freed cells, and from the log, where its page was written before."""
    assert on_disk(shop) == set(NAMES)
    with shop.journal() as journal:
        if not closed_before:
            journal.append([sales(journal.signer)(6, merchant=NAMES[3])], 6)
            assert NAMES[3].encode() in shop.home.journal.with_name("journal.db-wal").read_bytes()
            erased(journal, 3, 6)
            assert on_disk(shop) == {1, 2}
        else:
            erased(journal, 3, 3)
            assert on_disk(shop) == {1, 2, 4, 5}
    assert 3 not in on_disk(shop)
    assert shop.verified().ok


def test_an_entry_says_so_and_everything_else_stands(shop: Shop) -> None:
    held, before = shop.bodies(), content(shop.home.journal)
    with shop.journal() as journal:
        proof, raw = prove(journal, 2), journal.raw_entry(2)
        head = erased(journal, 2, 3, "merchant_name")
        entry = journal.entry(head.size - 1)
        body = {"first": 2, "last": 3, "field": "merchant_name", "count": 2, "operator": "王"}
        assert entry.kind == "private.erased" and entry.body | body == entry.body
        assert entry.private == {"reason": "客户要求"} and "reason" not in entry.body
        assert [dict(journal.entry(n).private) for n in (1, 2, 3, 4)] == [
            {"merchant_name": NAMES[1]}, {}, {}, {"merchant_name": NAMES[4]},
        ]  # fmt: skip
        proof.verify(raw, journal.key)
    assert shop.bodies()[: len(held)] == held
    after = content(shop.home.journal)
    assert after[0][: len(held)] == before[0] and len(after[0]) == len(held) + 1
    assert shop.verified().ok


@pytest.mark.parametrize(
    ("first", "last", "field", "count"),
    [(1, 5, None, 5), (0, 10**9, None, 5), (4, 4, "merchant_name", 1), (5, 5, None, 1)],
)
def test_a_range_and_a_field(shop: Shop, first: int, last: int, field: str | None, count: int) -> None:
    with shop.journal() as journal:
        head = erased(journal, first, last, field)
        assert journal.entry(head.size - 1).body["count"] == count
    assert on_disk(shop) == {n for n in NAMES if not first <= n <= last}
    assert shop.verified().ok


def test_what_is_not_there_cannot_be_erased(shop: Shop) -> None:
    with shop.journal() as journal:
        erased(journal, 3, 3)
        size = journal.size
        for first, last, field in ((3, 3, None), (0, 0, None), (90, 99, None), (1, 5, "description"), (5, 1, None)):
            with pytest.raises(NotFound) as caught:
                erased(journal, first, last, field)
            assert caught.value.exit_code == 1
        assert journal.size == size
    assert on_disk(shop) == {1, 2, 4, 5}


def test_the_words_of_an_erasure_can_be_erased_too(shop: Shop) -> None:
    with shop.journal() as journal:
        seq = erased(journal, 3, 3).size - 1
        assert dict(journal.entry(seq).private) == {"reason": "客户要求"}
        erased(journal, seq, seq)
        assert dict(journal.entry(seq).private) == {}
    assert shop.verified().ok


@pytest.mark.parametrize("kept", [True, False])
def test_value_and_entry_go_together_or_not_at_all(shop: Shop, kept: bool) -> None:
    with shop.journal() as journal:
        size = journal.size
        journal._connection = FailingCommit(journal._connection, kept=kept)
        with pytest.raises(JournalError):
            erased(journal, 3, 3)
        assert journal.size == size + kept and bool(journal.entry(3).private) is not kept
        journal.append([sales(journal.signer)(7)], 7)
        assert bool(journal.entry(3).private) is not kept, "a later commit erases nothing"
    assert shop.verified().ok


def test_the_views_forget_it(shop: Shop) -> None:
    views = Projection(shop.home.views, "Asia/Shanghai")
    with closing(open_reader(shop.home.journal, shop.key)) as reader:
        views.catch_up(reader)

    def names() -> list[str | None]:
        with closing(engine.connect_views(shop.home.views)) as connection:
            return [name for (name,) in connection.execute("SELECT merchant_name FROM transactions ORDER BY seq")]

    assert names() == list(NAMES.values())
    with shop.journal() as journal:
        erased(journal, 2, 4)
        views.catch_up(journal)
    assert names() == [NAMES[1], None, None, None, NAMES[5]]
    views.close()
    raw = b"".join(p.read_bytes() for p in shop.path.glob("views.db*") if not p.name.endswith("-shm"))
    assert {n for n, name in NAMES.items() if name.encode() in raw} == {1, 5}
    rebuilt = Projection(shop.home.views, "Asia/Shanghai")
    with closing(open_reader(shop.home.journal, shop.key)) as reader:
        rebuilt.rebuild(reader)
    rebuilt.close()
    assert names() == [NAMES[1], None, None, None, NAMES[5]]


def test_a_value_erased_here_still_stands_in_a_copy_made_before(shop: Shop, tmp_path: Path) -> None:
    """And says no more than it did: both verify, under the same heads."""
    made = back_up(shop.home.journal, shop.key, tmp_path / "copy.db")
    with shop.journal() as journal:
        erased(journal, 1, 5)
    assert NAMES[3].encode() in made.path.read_bytes()
    assert bodies(made.path, shop.key) == shop.bodies()[: made.size]
    shop.restore(made.path)
    with shop.journal() as journal:
        assert journal.entry(3).private == {"merchant_name": NAMES[3]}
    assert shop.verified().ok
