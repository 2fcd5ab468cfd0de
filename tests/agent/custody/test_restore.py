"""A record that goes on from a copy, or after its key was lost (docs/journal.md, "Restore")."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from agent import actions as a
from agent.custody.backup import back_up, beside
from agent.custody.restore import Restored
from agent.errors import CounterfoilError, HomeError, JournalDamaged, JournalError, KeyRefused
from agent.journal import engine, heads, keys
from agent.journal.checkpoint import Checkpoint
from agent.journal.heads import Verdict
from agent.journal.proof import prove
from agent.journal.reader import open_reader
from agent.journal.store import Journal
from agent.journal.verify import verify_path
from agent.storage import compared
from protocol.messages import HeadPut
from tests.agent.custody.shop import Shop, at_every_step, bodies
from tests.agent.journal.conftest import sales
from tests.agent.journal.tampers import files, judged, sql
from tests.agent.pump_bench import Bench


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path / "home")
    shop.trade(1, 4)  # entries 1 … 5
    return shop


def backup(shop: Shop, name: str = "copy.db") -> Path:
    copy = shop.path.parent / name
    back_up(shop.home.journal, shop.key, copy)
    return copy


def fact(shop: Shop, seq: int) -> dict[str, object]:
    with closing(open_reader(shop.home.journal, shop.key)) as reader:
        entry = reader.entry(seq)
    assert entry.kind == "journal.restored"
    return entry.body


def die(shop: Shop, *commits: int) -> str:
    """Trade on and be killed: what was acknowledged stands in the log. The last head."""
    program = """
        import os, sys
        from pathlib import Path
        from tests.agent.custody.shop import Shop
        from tests.agent.journal.conftest import sales
        shop = Shop(Path(sys.argv[1]), make=False)
        with shop.journal() as journal:
            for count in map(int, sys.argv[2:]):
                number = journal.last_events().get(("T1", "e1"), 0)
                head = journal.append([sales(journal.signer)(number + n) for n in range(1, count + 1)], journal.size)
            print(head.note, end="", flush=True)
            os._exit(9)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(shop.path), *map(str, commits)]
    note = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout
    heads.remember(shop.path, note)
    return note


# -- the way it should go ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_hand", [True, False])
def test_the_record_goes_on_from_a_copy(shop: Shop, at_hand: bool) -> None:
    copy, old = backup(shop), shop.key
    held = shop.bodies()
    with shop.journal() as journal:
        early, short = prove(journal, 3), journal.head.note
    later = shop.trade(1, 2).note  # entries 6 … 8, which the copy lacks
    if not at_hand:
        shutil.rmtree(shop.path / "keys")
        (shop.path / "keys").mkdir()
    before = shop.home.journal.read_bytes()
    restored = shop.restore(copy)
    stem, _slash, generation = old.name.rpartition("/")
    assert (generation, shop.key.name) == ("1", f"{stem}/2")
    assert (restored.entries, restored.lost, restored.head.size) == (6, 3, 7)
    assert shop.bodies()[:6] == held
    told = fact(shop, 6)
    assert told | {"generation": 2, "old_vkey": str(old), "new_vkey": str(shop.key), "because": "backup"} == told
    assert (told["old_head"], told["highest_head"]) == (short, later)

    assert shop.verified().ok
    assert shop.verified(old).ok is at_hand  # the old key vouched for the new one, or nobody did
    assert early.verify(held[3], old).size == 6
    assert restored.aside == shop.path / "generation-1"
    assert (restored.aside / "journal.db").read_bytes() == before
    assert (restored.aside / "journal.db").stat().st_mode & 0o777 == 0o400
    with shop.journal() as journal:
        verdicts = [heads.compare(journal, note) for note in (short, later, journal.head.note)]
        assert verdicts == [Verdict.EXTENDS, Verdict.LOST, Verdict.SAME]
        forged = keys.create(shop.path.parent / "x", origin=old.name)
        liar = forged.signed(Checkpoint(old.name, 9, bytes(32)).text)
        assert heads.compare(journal, liar) is Verdict.BAD_SIGNATURE
    assert not judged(shop.home.journal, shop.key, {"a witness": later}).ok, "a person who asks is told of the loss"
    shop.trade(1)
    assert shop.verified().ok


def test_each_head_beyond_the_copy_is_lost_and_none_before_it(shop: Shop) -> None:
    copy = backup(shop)
    shop.trade(1, 1)  # entries 6 and 7, which the copy lacks
    with shop.journal() as journal:
        heads_of = {size: journal.signer.signed(text) for size, text in texts(journal)}
    assert max(heads_of) == 8
    shop.restore(copy)
    with shop.journal() as journal:
        for size, note in heads_of.items():
            assert heads.compare(journal, note) is (Verdict.LOST if size > 6 else Verdict.EXTENDS), size


def texts(journal: Journal) -> list[tuple[int, str]]:
    return [(n, Checkpoint(journal.key.name, n, journal.root_at(n)).text) for n in range(1, journal.size + 1)]


def test_the_key_is_lost_and_nothing_else(shop: Shop) -> None:
    old, held = shop.key, shop.bodies()
    (shop.path / "keys" / "signing.key").unlink()
    restored = shop.restore(None)
    assert (restored.entries, restored.lost) == (6, 0)
    assert shop.bodies()[:6] == held
    told = fact(shop, 6)
    assert told["because"] == "key_lost" and "highest_head" not in told
    assert shop.verified().ok and not shop.verified(old).ok
    report = judged(shop.home.journal, old)
    assert [(f.place, f.seq) for f in report.findings] == [("head", 6)]
    shop.trade(2)


def test_what_stood_in_the_log_is_not_lost_with_the_key(shop: Shop) -> None:
    die(shop, 1, 1)
    held = shop.bodies()
    (shop.path / "keys" / "signing.key").unlink()
    restored = shop.restore(None)
    assert (restored.entries, restored.lost) == (8, 0) and len(held) == 8
    assert shop.bodies()[:8] == held and shop.verified().ok


def test_what_was_put_aside_verifies_and_can_be_put_back(shop: Shop) -> None:
    copy, first = backup(shop), shop.key
    note = die(shop, 1, 2)
    held = shop.bodies()
    aside = shop.restore(copy).aside
    assert aside is not None
    before = files(aside)
    report = judged(aside / "journal.db", first, heads.remembered(aside), own=False)
    assert (report.ok, report.size) == (True, 9)
    assert heads.remembered(aside) == {"local": note}
    again = shop.restore(aside / "journal.db")  # it turned up again: what was lost is there
    assert (again.entries, shop.key.name[-2:]) == (9, "/3")
    assert shop.bodies()[:9] == held
    assert files(aside) == before
    assert shop.verified().ok


def test_the_same_copy_restored_again_is_another_generation(shop: Shop) -> None:
    """Two histories under one origin never arise."""
    copy, first = backup(shop), shop.key
    one = shop.restore(copy)
    second, note = shop.key, shop.trade(1, 5).note
    assert (one.head.size, second.name[-2:]) == (7, "/2")
    two = shop.restore(copy)
    assert shop.key.name[-2:] == "/3" and (two.entries, two.lost) == (6, 7)
    told = fact(shop, 6)
    assert told["generation"] == 3 and told["highest_head"] == note
    assert two.aside is not None and judged(two.aside / "journal.db", second, own=False).ok
    assert (shop.path / "generation-1").is_dir() and two.aside.name == "generation-2"
    shop.trade(1)
    assert shop.verified().ok
    three = shop.restore(None)
    assert shop.key.name[-2:] == "/4" and three.entries == 8
    assert shop.verified().ok and shop.verified(first).ok is False


def test_a_copy_older_than_a_rotation(shop: Shop) -> None:
    """The heads beyond it were signed by a key that the copy never heard of: that they were is told all the same."""
    copy, first = backup(shop), shop.key
    shop.rotate()
    note = shop.trade(1, 1).note
    restored = shop.restore(copy)
    assert (restored.entries, restored.lost) == (6, 3)
    told = fact(shop, 6)
    assert (told["old_vkey"], told["highest_head"]) == (str(first), note)
    assert shop.verified().ok
    shop.trade(1)


def test_a_copy_made_just_after_a_rotation_verified_by_either_key(shop: Shop) -> None:
    first = shop.key
    shop.rotate()
    second, copy = shop.key, backup(shop)
    restored = shop.restore(copy, key=first)
    assert fact(shop, 7)["old_vkey"] == str(second)
    assert restored.entries == 7
    for key in (first, second, shop.key):
        assert shop.verified(key).ok


def test_a_restore_into_a_new_folder(shop: Shop, tmp_path: Path) -> None:
    copy = backup(shop)
    held, new = shop.bodies(), Shop(tmp_path / "new" / "home", make=False)
    with pytest.raises(HomeError, match="--home") as caught:
        new.restore(copy)
    assert "--port" in caught.value.todo and not new.path.exists()
    restored = new.restore(copy, port="/dev/ttyUSB7")
    settings = new.home.settings()
    assert (settings.terminal, settings.simulated, settings.port) == ("T1", True, "/dev/ttyUSB7")
    assert (restored.entries, restored.lost, restored.aside) == (6, 0, None)
    assert (new.path / "keys" / "link.key").exists() and not (new.path / "keys" / "terminal.pub").exists()
    assert new.bodies()[:6] == held
    new.trade(1)
    assert new.verified().ok and not new.verified(shop.key).ok


def test_an_event_recorded_before_is_not_recorded_twice(shop: Shop) -> None:
    copy = backup(shop)
    with shop.journal() as journal:
        old_token = journal.signer.token_hmac(b"card")
    shop.trade(2)
    shop.restore(copy)
    with shop.journal() as journal:
        make = sales(journal.signer)
        assert journal.last_events() == {("T1", "e1"): 5}
        with pytest.raises(ValueError, match="follow"):
            journal.append([make(5)], 1)
        assert journal.event_sha256("T1", "e1", 4) == b"e1/4".ljust(32, b"\0").hex()
        assert journal.event_sha256("T1", "e1", 6) is None  # it was lost, and is taken when it is told again
        journal.append([make(6), make(7)], 1)
        assert journal.signer.token_hmac(b"card") == old_token
    assert shop.verified().ok


def test_the_terminals_head_from_before_is_no_alarm(shop: Shop) -> None:
    """It remembers more than the copy had, and that was said; nothing is recorded, no notice is shown."""
    copy = backup(shop)
    remembered = shop.trade(1, 1).note
    shop.restore(copy)

    with shop.journal() as journal:
        told = compared(journal, shop.path, remembered)
    assert told == a.HeadCompared(remembered, Verdict.LOST)
    bench = Bench()
    bench.remembered = remembered
    bench.connect()
    bench.give(told)
    bench.turn()
    assert not bench.facts and (bench.shown is None or not bench.shown.notices)
    bench.wait(120_000)
    assert any(isinstance(heard, HeadPut) for heard in bench.heard), "the terminal is given the head of now"
    shop.trade(1)


# -- what cannot be restored -------------------------------------------------------------------------------------------

Bad = Callable[[Shop, Path], Path]


def _foreign(shop: Shop, folder: Path) -> Path:
    path = folder / "photo.db"
    path.write_bytes(b"GIF89a" + bytes(5_000))
    return path


def _empty(shop: Shop, folder: Path) -> Path:
    path = folder / "empty.db"
    path.write_bytes(b"")
    return path


def _of(terminal: str, *, simulated: bool) -> Bad:
    def make(shop: Shop, folder: Path) -> Path:
        return backup(Shop(folder / "theirs", terminal=terminal, simulated=simulated), "theirs.db")

    return make


def _changed(statement: str) -> Bad:
    def make(shop: Shop, folder: Path) -> Path:
        copy = backup(shop)
        sql(copy, statement)
        return copy

    return make


def _halved(shop: Shop, folder: Path) -> Path:
    copy = backup(shop)
    copy.write_bytes(copy.read_bytes()[: copy.stat().st_size // 2])
    return copy


def _without_key(shop: Shop, folder: Path) -> Path:
    copy = backup(shop)
    beside(copy, "vkey").write_text("nonsense")
    return copy


def _another_key(shop: Shop, folder: Path) -> Path:
    copy = backup(shop)
    beside(copy, "vkey").write_text(str(keys.create(folder / "x").key))
    return copy


BAD: dict[str, tuple[Bad, int, type[CounterfoilError]]] = {
    "nothing there": (lambda shop, folder: folder / "nothing.db", 3, JournalError),
    "a folder": (lambda shop, folder: folder, 3, JournalError),
    "empty": (_empty, 3, JournalError),
    "a foreign file": (_foreign, 3, JournalError),
    "another database": (_changed("PRAGMA application_id = 7"), 3, JournalError),
    "a newer schema": (_changed("PRAGMA user_version = 3"), 1, JournalDamaged),
    "half a file": (_halved, 1, JournalDamaged),
    "an entry changed": (_changed("UPDATE entry SET body = replace(body, '12345', '12346') WHERE seq = 3"), 1, JournalDamaged),
    "an entry cut off": (_changed("UPDATE entry SET note = NULL WHERE seq = 5"), 1, JournalDamaged),
    "no key": (_without_key, 3, KeyRefused),
    "another key": (_another_key, 1, JournalDamaged),
    "another terminal's": (_of("T2", simulated=True), 3, HomeError),
    "a real record": (_of("T1", simulated=False), 3, HomeError),
}  # fmt: skip


@pytest.mark.parametrize(
    ("what", "into"),
    [*((what, "its home") for what in BAD), *((what, "a new home") for what in BAD if BAD[what][2] is not HomeError)],
)  # a copy of another terminal is welcome in a new home
def test_a_copy_that_cannot_be_restored_changes_nothing(shop: Shop, tmp_path: Path, what: str, into: str) -> None:
    make, code, error = BAD[what]
    copy = make(shop, tmp_path)
    target = shop if into == "its home" else Shop(tmp_path / "new", make=False)
    before = files(tmp_path)
    with pytest.raises(error) as caught:
        target.restore(copy, port="-")
    assert caught.value.exit_code == code
    assert caught.value.what.endswith(".") and caught.value.todo
    assert files(tmp_path) == before
    assert target.path.exists() is (into == "its home")
    shop.trade(1)
    assert shop.verified().ok


def test_a_database_without_its_log_is_only_shorter(shop: Shop, tmp_path: Path) -> None:
    """Half copied, and nobody can tell by the file alone: the heads that the home remembers do, and the loss is recorded."""
    die(shop, 1, 1, 1)
    half = tmp_path / "half.db"
    shutil.copyfile(shop.home.journal, half)
    restored = shop.restore(half)
    assert (restored.entries, restored.lost) == (6, 3)
    assert fact(shop, 6)["highest_head"]


def test_the_log_of_a_file_that_is_past_help_does_not_reach_the_restored_one(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old file cannot be opened any more: its log would be laid over the new one's pages."""
    copy, real = backup(shop), engine.connect_writer
    held = shop.bodies()
    die(shop, *[1] * 20)
    log = shop.home.journal.with_name("journal.db-wal").read_bytes()

    def connect(path: Path, *, create: bool = False) -> engine.Connection:
        if path == shop.home.journal:
            raise engine.OperationalError("disk I/O error")
        return real(path, create=create)

    monkeypatch.setattr(engine, "connect_writer", connect)
    restored = shop.restore(copy)
    monkeypatch.undo()
    assert (restored.entries, restored.lost) == (6, 20)
    assert shop.bodies()[:6] == held and shop.verified().ok
    assert restored.aside is not None and (restored.aside / "journal.db-wal").read_bytes() == log
    shop.trade(1)


def test_a_disk_without_room_for_the_last_step(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new file is not whole without its log: then the old one stays."""
    copy, before = backup(shop), shop.bodies()
    shop.trade(1)
    real = Journal.close

    def close(self: Journal) -> None:  # its checkpoint fails, and the log stays beside it
        other = engine.connect_reader(self.path)
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM entry").fetchone()
        real(self)
        monkeypatch.setattr(Journal, "close", real)
        kept.append(other)

    kept: list[engine.Connection] = []
    monkeypatch.setattr(Journal, "close", close)
    with pytest.raises(JournalError, match="whole"):
        shop.restore(copy)
    kept.pop().close()
    assert shop.bodies()[:6] == before and len(shop.bodies()) == 7
    assert shop.verified().ok and not (shop.path / "restoring").exists()
    assert not list((shop.path / "keys").glob("*.next"))


# -- a crash at every step ---------------------------------------------------------------------------------------------

FROM_COPY = "Shop(home, make=False).restore(folder.parent / 'copy.db')"
KEY_LOST = "Shop(home, make=False).restore(None)"


@pytest.mark.parametrize("how", ["killed", "failed"])
@pytest.mark.parametrize("work", [FROM_COPY, KEY_LOST], ids=["from a copy", "the key lost"])
def test_a_restore_interrupted_at_every_step(shop: Shop, tmp_path: Path, work: str, how: str) -> None:
    """The home holds the record of before or the restored one, under one key; what was signed stands here or aside."""
    backup(shop)
    die(shop, 1, 1)
    first = shop.key
    held = bodies(copy_of(shop.path, tmp_path / "read"), first)
    assert len(held) == 8
    if work == KEY_LOST:
        (shop.path / "keys" / "wrapping.secret").unlink()
    codes, ends = set(), set()
    for home, code in at_every_step(shop.path, tmp_path / "steps", work, how):
        codes.add(code)
        again = Shop(home, make=False)
        gone_over = again.key != first
        ends.add(gone_over)
        if gone_over:
            report = verify_path(again.home.journal, own=True)  # a reader's, before any start
            assert report.ok and report.size == (7 if work == FROM_COPY else 9)
            if work == FROM_COPY:
                aside = home / "generation-1" / "journal.db"
                assert bodies(copy_of(aside.parent, home / "read"), first) == held
                assert judged(aside, first, own=False).ok
            again.trade(1)
            assert again.verified().ok
        else:
            assert code in {8, 9}
            assert bodies(again.home.journal, first) == held
            assert judged(again.home.journal, first, heads.remembered(home)).ok
            if work == FROM_COPY:
                again.trade(1)
            keys.settle(home)
            again.restore(tmp_path / "copy.db" if work == FROM_COPY else None)  # and it can be done again
            assert again.verified().ok and again.key != first
        assert not list((home / "keys").glob("*.next"))
        keys.unlock(home)
    assert ends == {True, False}
    assert codes == ({0, 9} if how == "killed" else {0, 6, 8}), codes


def copy_of(folder: Path, to: Path) -> Path:
    to.mkdir()
    for name in ("journal.db", "journal.db-wal"):
        if (folder / name).exists():
            shutil.copyfile(folder / name, to / name)
    return to / "journal.db"


def test_what_is_told_of_a_restore_is_typed(shop: Shop) -> None:
    assert isinstance(shop.restore(backup(shop)), Restored)
