"""A copy of the whole record, made beside a writing agent and verified (`journal backup`)."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from agent.custody import backup as backup_module
from agent.custody.backup import back_up, beside
from agent.errors import JournalDamaged, JournalError
from agent.journal import engine, heads, keys
from agent.journal.checkpoint import Checkpoint, VerifyingKey
from agent.journal.reader import open_reader
from agent.journal.verify import verify_path
from tests.agent.custody.shop import Shop
from tests.agent.journal.conftest import sales
from tests.agent.journal.tampers import content, files, judged, sql
from tests.conftest import until

WRITER = """
    import sys
    from pathlib import Path
    from tests.agent.custody.shop import Shop
    from tests.agent.journal.conftest import sales
    shop = Shop(Path(sys.argv[1]), make=False)
    with shop.journal() as journal:
        make, number = sales(journal.signer), journal.last_events().get(("T1", "e1"), 0)
        while True:
            number += 1
            print(journal.append([make(number)], number).size, flush=True)
"""


def held(folder: Path) -> dict[str, str]:
    """All but what SQLite lays beside a journal that is read in place: an empty log and its index."""
    return {name: digest for name, digest in files(folder).items() if not name.endswith(("journal.db-wal", "-shm"))}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path / "home")
    shop.trade(1, 30, 1)
    return shop


def test_a_copy_holds_everything_and_verifies_with_what_stands_beside_it(shop: Shop, tmp_path: Path) -> None:
    before = held(shop.path)
    made = back_up(shop.home.journal, shop.key, tmp_path / "copy.db")
    assert held(shop.path) == before
    assert content(made.path)[:3] == content(shop.home.journal)[:3]
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert made.sha256 == sha256(made.path.read_bytes()).hexdigest()
    assert sorted(p.name for p in tmp_path.glob("copy*")) == ["copy.db", "copy.db.note", "copy.db.vkey"]
    key = VerifyingKey.parse(beside(made.path, "vkey").read_text().strip())
    note = beside(made.path, "note").read_text()
    assert Checkpoint.verify(note, key).size == made.size == 33
    assert (made.note, made.vkey) == (note, str(key))
    kept = files(tmp_path)
    report = judged(made.path, key, {"its note": note}, own=False, strict=True)
    assert (report.ok, report.size) == (True, 33)
    assert files(tmp_path) == kept


def test_what_stands_in_a_killed_agents_log_is_in_the_copy(shop: Shop, tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(shop.path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    sizes = [int(writer.stdout.readline()) for _ in range(20)]
    writer.kill()
    writer.wait()
    assert shop.home.journal.with_name("journal.db-wal").stat().st_size > 20 * engine.PAGE_SIZE
    made = back_up(shop.home.journal, shop.key, tmp_path / "copy.db")
    assert made.size >= sizes[-1]
    assert judged(made.path, shop.key).ok


def test_a_copy_beside_a_writing_agent(shop: Shop, tmp_path: Path) -> None:
    """Another process appends all the while; every copy is the record as it was at one moment."""
    writer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(shop.path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout is not None
        first = int(writer.stdout.readline())
        made = [back_up(shop.home.journal, shop.key, tmp_path / f"copy-{n}.db") for n in range(4)]
        until(lambda: shop_size(shop) > made[-1].size)  # it was never held up for good
    finally:
        writer.kill()
        writer.wait()
    assert [each.size for each in made] == sorted(each.size for each in made) and made[0].size >= first
    for each in made:
        assert judged(each.path, shop.key, {"its note": each.note}).ok
        with closing(open_reader(shop.home.journal, shop.key)) as reader:
            assert heads.compare(reader, each.note).fits


def shop_size(shop: Shop) -> int:
    with closing(open_reader(shop.home.journal, shop.key)) as reader:
        return reader.size


def test_a_busy_agent_does_not_begin_the_copy_anew(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit between any two pages that are copied: the copy still comes to its end, with the moment it began at."""
    monkeypatch.setattr(engine, "COPIED_AT_ONCE", 1)
    with shop.journal() as journal:
        make, steps = sales(journal.signer), []

        def meanwhile(done: int, total: int) -> None:
            assert len(steps) < 500, "it never ends"
            steps.append((done, total))
            journal.append([make(journal.size + 100)], 9)

        size = journal.size
        made = back_up(shop.home.journal, shop.key, tmp_path / "copy.db", meanwhile)
        assert made.size == size < journal.size
    assert [done for done, _total in steps] == sorted(done for done, _total in steps) and len(steps) > 3
    assert judged(made.path, shop.key).ok


def test_after_a_rotation_the_new_key_stands_beside_the_copy(shop: Shop, tmp_path: Path) -> None:
    first = shop.key
    shop.rotate()
    made = back_up(shop.home.journal, shop.key, tmp_path / "copy.db")
    assert made.vkey == str(shop.key) != str(first)
    assert judged(made.path, shop.key).ok and judged(made.path, first).ok
    again = back_up(shop.home.journal, first, tmp_path / "by-the-old-key.db")
    assert again.vkey == str(shop.key), "the key in force, whichever was asked by"


def test_a_backup_replaces_nothing(shop: Shop, tmp_path: Path) -> None:
    taken, folder = tmp_path / "taken.db", tmp_path / "folder"
    taken.write_text("my only copy")
    folder.mkdir()
    before = held(tmp_path)
    for target in (taken, folder):
        with pytest.raises(JournalError, match="already") as caught:
            back_up(shop.home.journal, shop.key, target)
        assert caught.value.exit_code == 3
    with pytest.raises(JournalError, match="cannot be written"):
        back_up(shop.home.journal, shop.key, tmp_path / "nowhere" / "copy.db")
    assert held(tmp_path) == before and not (tmp_path / "nowhere").exists()


def test_a_half_made_copy_is_made_again(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "copy.db.new").write_text("killed half way")
    assert back_up(shop.home.journal, shop.key, tmp_path / "copy.db").size == 33
    assert not (tmp_path / "copy.db.new").exists()


def test_a_damaged_record_makes_no_backup(shop: Shop, tmp_path: Path) -> None:
    sql(shop.home.journal, "UPDATE entry SET body = replace(body, '12345', '12346') WHERE seq = 7")
    with pytest.raises(JournalDamaged, match="Entry 7"):
        back_up(shop.home.journal, shop.key, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists() and (tmp_path / "copy.db.new").exists()
    with pytest.raises(JournalDamaged):
        back_up(shop.home.journal, keys.create(tmp_path / "x").key, tmp_path / "copy.db")


def test_a_copy_that_the_disk_garbled_is_not_called_a_backup(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verified after it was made, on the file itself."""
    real = verify_path

    def verify(path: Path, **given: object) -> object:
        raw = bytearray(path.read_bytes())
        at = raw.index(b'"trace":"000009"') + 12
        raw[at] ^= 1
        path.write_bytes(raw)
        return real(path, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(backup_module, "verify_path", verify)
    with pytest.raises(JournalDamaged, match="copy"):
        back_up(shop.home.journal, shop.key, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists() and not (tmp_path / "copy.db.vkey").exists()


def test_from_a_folder_that_can_only_be_read(shop: Shop, tmp_path: Path) -> None:
    """A copy needs no log beside it: it opens where nothing can be written."""
    made = back_up(shop.home.journal, shop.key, tmp_path / "copy.db")
    alone = tmp_path / "disc"
    alone.mkdir()
    shutil.copyfile(made.path, alone / "copy.db")
    alone.chmod(0o500)
    (alone / "copy.db").chmod(0o400)
    assert judged(alone / "copy.db", shop.key).ok
    assert [p.name for p in alone.iterdir()] == ["copy.db"]
