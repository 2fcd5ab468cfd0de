"""Another key for the same record: who can follow, who is refused, and what a crash leaves (docs/journal.md, "Keys")."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.custody.rotation import rotate
from agent.errors import CounterfoilError, JournalDamaged, JournalError, KeyRefused
from agent.journal import engine, heads, keys
from agent.journal.checkpoint import Checkpoint, Note, VerifyingKey
from agent.journal.entries import Draft, encode
from agent.journal.heads import Verdict
from agent.journal.key_chain import KeyChain
from agent.journal.keys import Signer
from agent.journal.proof import Proof, prove
from agent.journal.reader import open_reader
from agent.journal.store import Journal
from tests.agent.custody.shop import NONE, Shop, at_every_step, bodies, said
from tests.agent.journal.conftest import opened_by, sales
from tests.agent.journal.tampers import append, files, judged, rewrite


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path / "home")
    shop.trade(1, 3, 1)
    return shop


def test_whoever_holds_either_key_follows(shop: Shop, tmp_path: Path) -> None:
    first = shop.key
    with shop.journal() as journal:
        early = prove(journal, 2)
        before, raw, token = journal.head.note, journal.raw_entry(2), journal.signer.token_key
    at = shop.rotate()
    second = shop.key
    shop.trade(2)
    shop.rotate()
    shop.trade(1, 1)
    third = shop.key
    assert len({first, second, third}) == 3 and len({key.name for key in (first, second, third)}) == 1
    for key in (first, second, third):
        assert shop.verified(key).ok
    assert not judged(shop.home.journal, keys.create(tmp_path / "other", origin=first.name).key).ok

    signers = [(name, key_id) for name, key_id, _s in Note.parse(at.note).signatures]
    assert signers == [(second.name, second.key_id), (first.name, first.key_id)]
    for key in (first, second):  # by each of the two, as a stranger does it
        assert Checkpoint.verify(at.note, key).size == at.size
    assert early.verify(raw, first).size == 6
    with shop.journal() as journal:
        assert journal.signer.token_key == token, "a card is known again"
        late = Proof.parse(prove(journal, 2).text)
        assert late.verify(raw, third).size == journal.size
        entry = journal.entry(at.size - 1)
        body = {"old_vkey": str(first), "new_vkey": str(second)}
        assert entry.kind == "key.rotated" and entry.body | body == entry.body
        for note, verdict in ((before, Verdict.EXTENDS), (at.note, Verdict.EXTENDS), (journal.head.note, Verdict.SAME)):
            assert heads.compare(journal, note) is verdict
    for key in (first, second, third):
        with closing(open_reader(shop.home.journal, key)) as reader:
            assert heads.compare(reader, before) is Verdict.EXTENDS
            assert reader.head.vkey == str(third)
    assert files(shop.path / "keys").keys() == {"journal.vkey", "link.key", "signing.key", "wrapping.secret"}


@pytest.mark.parametrize("known", ["the old key", "the new key"])
def test_the_rotation_itself_is_the_last_head(shop: Shop, known: str) -> None:
    """Both signed it: whoever asks by the old key is told all the same which one is in force."""
    old = shop.key
    head = shop.rotate()
    with closing(open_reader(shop.home.journal, old if known == "the old key" else shop.key)) as reader:
        assert (reader.head.vkey, reader.head.note) == (head.vkey, head.note) == (str(shop.key), head.note)
        assert heads.compare(reader, head.note) is Verdict.SAME


# -- thieves and forgers -----------------------------------------------------------------------------------------------


@dataclass
class Thieves:
    """first: the key before a rotation, second: the one after it. thief, other: keys of nobody's. early: the record as it
    was before the rotation."""

    path: Path
    early: Path
    first: Signer
    second: Signer
    thief: Signer
    other: Signer

    def entry(self, more: int, old: Signer, new: Signer, kind: str = "key.rotated") -> bytes:
        body: dict[str, Any] = {"old_vkey": old.vkey, "new_vkey": new.vkey}
        if kind == "journal.restored":
            body |= {"generation": 2, "old_head": "", "because": "backup"}
        return encode(self.size + more, 1, kind, body)

    def seen(self, more: int) -> bytes:
        return encode(self.size + more, 1, "security.seen", {"what": "bad_tag", "count": more})

    @property
    def size(self) -> int:
        with closing(engine.connect_reader(self.path)) as connection:
            return int(connection.execute("SELECT count(*) FROM entry").fetchone()[0])

    def back(self) -> None:
        """To what stood before the rotation."""
        shutil.copyfile(self.early, self.path)


@pytest.fixture
def thieves(tmp_path: Path) -> Thieves:
    home = tmp_path / "home"
    first = keys.create(home)
    second, thief, other = (keys.create(tmp_path / name, origin=first.name) for name in ("second", "thief", "other"))
    journal = Journal.create(home / "journal.db", first, opened_by(first), 1)
    journal.append([sales(first)(n) for n in range(1, 5)], 2)
    journal.close()
    early = tmp_path / "early.db"
    shutil.copyfile(home / "journal.db", early)
    journal = Journal.open(home / "journal.db", first)
    named = Draft("key.rotated", {"old_vkey": first.vkey, "new_vkey": second.vkey})
    journal.hand_over(named, second, 3, old=first)
    journal.append([sales(first)(5)], 4)
    journal.close()
    return Thieves(home / "journal.db", early, first, second, thief, other)


Crime = Callable[[Thieves], None]

CRIMES: dict[str, tuple[Crime, dict[str, bool]]] = {
    # what is done → who is told that all is well: "first" and "second" trust these keys, "thief" has been handed the thief's
    "nothing": (lambda t: None, {"first": True, "second": True, "thief": False}),
    "by the new key alone": (
        lambda t: append(t.path, [t.entry(0, t.second, t.thief)], t.thief),
        {"first": False, "second": False, "thief": False},
    ),
    "by the new key alone, entries after it in the same commit": (
        lambda t: append(t.path, [t.entry(0, t.second, t.thief), t.seen(1), t.seen(2)], t.thief),
        {"first": False, "second": False, "thief": False},
    ),
    "by the new key alone, more commits after it": (
        lambda t: append(t.path, [t.entry(0, t.second, t.thief), t.seen(1), t.seen(2)], t.thief, heads_at=(0, 1, 2)),
        {"first": False, "second": False, "thief": False},
    ),
    "as a restore by the new key alone": (  # as after a key that was lost: nobody vouches, and docs/journal.md says so
        lambda t: append(
            t.path, [t.entry(0, t.second, t.thief, "journal.restored"), t.seen(1)], t.thief, heads_at=(0, 1)
        ),
        {"first": False, "second": False, "thief": True},
    ),
    "by the old key alone": (
        lambda t: append(t.path, [t.entry(0, t.second, t.thief)], t.second),
        {"first": False, "second": False, "thief": False},
    ),
    "both signatures, in the other order": (
        lambda t: append(t.path, [t.entry(0, t.second, t.thief)], t.second, t.thief),
        {"first": False, "second": False, "thief": False},
    ),
    "with a third signature": (
        lambda t: append(t.path, [t.entry(0, t.second, t.thief)], t.thief, t.second, t.other),
        {"first": False, "second": False, "thief": False},
    ),
    "from a key that was never in force, both of the thief's": (
        lambda t: append(t.path, [t.entry(0, t.other, t.thief), t.seen(1)], t.thief, t.other, heads_at=(0,)),
        {"first": False, "second": False, "thief": False},
    ),
    "from a key that was never in force, and on from there": (
        lambda t: (
            append(t.path, [t.entry(0, t.other, t.thief)], t.thief, t.other),
            append(t.path, [t.seen(0)], t.thief),
        )[0],
        {"first": False, "second": False, "thief": False},
    ),
    "a restore from a key that was never in force": (
        lambda t: append(
            t.path, [t.entry(0, t.other, t.thief, "journal.restored"), t.seen(1)], t.thief, heads_at=(0, 1)
        ),
        {"first": False, "second": False, "thief": False},
    ),
    "from the retired key, vouched by it": (
        lambda t: append(t.path, [t.entry(0, t.first, t.thief)], t.thief, t.first),
        {"first": False, "second": False, "thief": False},
    ),
    "the retired key signs on": (
        lambda t: append(t.path, [t.seen(0)], t.first),
        {"first": False, "second": False, "thief": False},
    ),
    "the retired key forks the record before its rotation": (  # against that: a head remembered since
        lambda t: (t.back(), append(t.path, [t.seen(0), t.seen(1), t.seen(2)], t.first))[0],
        {"first": True, "second": False, "thief": False},
    ),
    "the retired key hands over to the thief": (
        lambda t: (t.back(), append(t.path, [t.entry(0, t.first, t.thief)], t.thief, t.first))[0],
        {"first": True, "second": False, "thief": True},
    ),
    "two rotations in one commit": (
        lambda t: append(
            t.path, [t.entry(0, t.second, t.other), t.entry(1, t.other, t.thief)], t.thief, t.other, t.second
        ),
        {"first": False, "second": False, "thief": False},
    ),
    "two rotations, the second not vouched for": (
        lambda t: (
            append(t.path, [t.entry(0, t.second, t.other)], t.other, t.second),
            append(t.path, [t.entry(0, t.other, t.thief)], t.thief),
        )[0],
        {"first": False, "second": False, "thief": False},
    ),
    "two rotations as they should be": (
        lambda t: (
            append(t.path, [t.entry(0, t.second, t.other)], t.other, t.second),
            append(t.path, [t.entry(0, t.other, t.thief)], t.thief, t.other),
        )[0],
        {"first": True, "second": True, "thief": True},
    ),
    "a rotation that names no key": (
        lambda t: append(t.path, [encode(t.size, 1, "key.rotated", {})], t.thief),
        {"first": False, "second": False, "thief": False},
    ),
    "a rotation that names nonsense": (
        lambda t: append(t.path, [encode(t.size, 1, "key.rotated", {"old_vkey": 7, "new_vkey": "x"})], t.thief),
        {"first": False, "second": False, "thief": False},
    ),
    "the rotation taken out": (
        lambda t: rewrite(t.path, lambda _seq, raw: raw.replace(b"key.rotated", b"key.retired")),
        {"first": False, "second": False, "thief": False},
    ),
    "the whole history by the thief, his key as the second": (
        lambda t: rewrite(
            t.path, lambda _seq, raw: raw.replace(t.second.vkey.encode(), t.thief.vkey.encode()), t.thief
        ),
        {"first": False, "second": False, "thief": True},
    ),
}


FORKS = {
    "the retired key forks the record before its rotation",
    "the retired key hands over to the thief",
    "the whole history by the thief, his key as the second",
}
"""What a head remembered since tells of."""


@pytest.mark.parametrize("crime", CRIMES)
def test_a_forged_hand_over(thieves: Thieves, crime: str) -> None:
    with closing(open_reader(thieves.path, thieves.second.key)) as reader:
        note = reader.head.note
    commit, expected = CRIMES[crime]
    commit(thieves)
    for name, well in expected.items():
        key: VerifyingKey = getattr(thieves, name).key
        assert judged(thieves.path, key).ok is well, name
        if well and crime in FORKS:
            assert not judged(thieves.path, key, {"a head of before": note}).ok, name
    if not expected["second"] and crime != "by the old key alone":  # nor does the shop's own agent go on with it
        with pytest.raises(CounterfoilError):
            Journal.open(thieves.path, thieves.second)
        if crime != "the rotation taken out":  # whose last head is as it was
            with pytest.raises(CounterfoilError), closing(open_reader(thieves.path, thieves.second.key)) as reader:
                _ = reader.head


def test_an_agent_whose_key_was_retired_does_not_sign_on(thieves: Thieves) -> None:
    """All is well with the record: it went on under another key than this home has."""
    CRIMES["two rotations as they should be"][0](thieves)
    for signer in (thieves.first, thieves.second):
        with pytest.raises(JournalDamaged, match="key"):
            Journal.open(thieves.path, signer)
    Journal.open(thieves.path, thieves.thief).close()


def test_a_key_made_and_never_taken_into_force(shop: Shop) -> None:
    """As a crash before the commit leaves it."""
    old = shop.key
    keys.create_next(shop.path, NONE, old.name)
    assert shop.key == old, "for whoever only reads, too"
    shop.trade(1)
    assert shop.key == old and not list((shop.path / "keys").glob("*.next"))
    assert shop.verified().ok


def test_a_thief_of_the_first_key_cannot_spoil_the_second(tmp_path: Path) -> None:
    """A bogus hand-over that he had signed before the rotation leads nowhere, and costs nobody the way to the true one."""
    home = tmp_path / "home"
    first = keys.create(home)
    second, bogus, other = (keys.create(tmp_path / name, origin=first.name) for name in ("second", "bogus", "other"))
    journal = Journal.create(home / "journal.db", first, opened_by(first), 1)
    journal.append([Draft("key.rotated", {"old_vkey": bogus.vkey, "new_vkey": other.vkey})], 2)
    assert judged(home / "journal.db", first.key).ok
    journal.hand_over(Draft("key.rotated", {"old_vkey": first.vkey, "new_vkey": second.vkey}), second, 3, old=first)
    journal.append([sales(first)(1)], 4)
    journal.close()
    for signer in (first, second):
        assert judged(home / "journal.db", signer.key).ok
    Journal.open(home / "journal.db", second).close()
    assert KeyChain((), bogus.key).over(1) == (bogus.key,)
    assert not judged(home / "journal.db", other.key).ok


def test_what_the_retired_key_signed_later_is_told_from_what_it_signed_before(thieves: Thieves) -> None:
    with closing(open_reader(thieves.path, thieves.second.key)) as reader:
        for size, verdict in ((5, Verdict.EXTENDS), (6, Verdict.EXTENDS), (7, Verdict.FORKED), (9, Verdict.FORKED)):
            root = reader.root_at(min(size, reader.size))
            note = thieves.first.signed(Checkpoint(thieves.first.name, size, root).text)
            assert heads.compare(reader, note) is verdict, size
        stranger = thieves.thief.signed(Checkpoint(thieves.first.name, 5, reader.root_at(5)).text)
        assert heads.compare(reader, stranger) is Verdict.BAD_SIGNATURE


# -- passphrases -------------------------------------------------------------------------------------------------------


@pytest.fixture
def quick_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second for every guess is for thieves."""
    monkeypatch.setattr(keys, "SCRYPT_N", 2**10)


@pytest.mark.usefixtures("quick_scrypt")
def test_a_passphrase_comes_and_goes_with_the_key(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "home", "床前明月光")
    first = shop.key
    shop.trade(2)
    for passphrase in (None, "疑是地上霜", "举头望明月", None):
        old = shop.passphrase
        shop.rotate(passphrase)
        assert (shop.path / "keys" / "wrapping.secret").exists() is (passphrase is None)
        assert keys.needs_no_passphrase(shop.path) is (passphrase is None)
        shop.trade(1)
        if passphrase is not None:
            for wrong in (old, ""):
                with pytest.raises(KeyRefused):
                    keys.unlock(shop.path, said(wrong))
    assert shop.verified().ok and shop.verified(first).ok


@pytest.mark.usefixtures("quick_scrypt")
def test_a_refused_rotation_changes_nothing(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "home", "床前明月光")
    shop.trade(1)
    before = files(shop.path)
    with pytest.raises(KeyRefused):
        keys.unlock(shop.path, said("wrong"))
    with shop.journal() as journal, pytest.raises(KeyRefused, match="empty"):
        rotate(shop.path, journal, 1, new=said(""), operator="李", reason=None)
    with shop.journal() as journal:
        journal._connection.execute("PRAGMA max_page_count=1")  # no room for another page
        with pytest.raises(JournalError, match="full"):
            while True:
                rotate(shop.path, journal, 1, new=NONE, operator="李", reason="x" * 20_000)
        signer = journal.signer
    after = files(shop.path)
    assert signer.vkey == str(shop.key)
    assert {k: v for k, v in after.items() if k.startswith("keys/")} == {
        k: v for k, v in before.items() if k.startswith("keys/")
    }
    assert shop.verified().ok
    shop.trade(1)


# -- a disk that fails, a crash ----------------------------------------------------------------------------------------


class FailingCommit:
    """The connection's cursors report an I/O error at COMMIT: after it reached the disk (`kept`), or instead of it."""

    def __init__(self, connection: Any, *, kept: bool) -> None:
        self._real, self._kept = connection, kept

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def cursor(self) -> Any:
        cursor, kept = self._real.cursor(), self._kept

        class Cursor:
            def __getattr__(self, name: str) -> Any:
                return getattr(cursor, name)

            def execute(self, sql: str, *given: Any) -> Any:
                if sql != "COMMIT":
                    return cursor.execute(sql, *given)
                if kept:
                    cursor.execute("COMMIT")
                error = engine.OperationalError("disk I/O error")
                error.sqlite_errorcode = 10  # SQLITE_IOERR
                raise error

        return Cursor()


@pytest.mark.parametrize("kept", [True, False])
def test_an_io_error_at_the_commit_leaves_the_key_that_the_disk_asks_for(shop: Shop, kept: bool) -> None:
    """After a failed fsync the commit may stand on the disk all the same: then the new key is the one in force."""
    old = shop.key
    with shop.journal() as journal:
        size = journal.size
        journal._connection = FailingCommit(journal._connection, kept=kept)
        with pytest.raises(JournalError):
            rotate(shop.path, journal, 5, new=NONE, operator="李", reason=None)
        assert not journal.stopped and journal.size == size + kept
        assert (journal.signer.key == old) is not kept
        journal.append([sales(journal.signer)(90)], 6)
    assert (shop.key == old) is not kept
    assert shop.verified().ok and shop.verified(old).ok
    shop.trade(1)


def test_a_journal_that_has_stopped_settles_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows which key the disk asks for: both stay until the next start."""
    with shop.journal() as journal:
        journal._connection = FailingCommit(journal._connection, kept=True)
        real = engine.connect_writer
        monkeypatch.setattr(engine, "connect_writer", lambda path: real(path.with_name("nothing")))
        with pytest.raises(JournalError):
            rotate(shop.path, journal, 5, new=NONE, operator="李", reason=None)
        assert journal.stopped
        assert (shop.path / "keys" / "signing.key.next").exists()
        monkeypatch.undo()
    shop.trade(1)
    assert shop.verified().ok
    assert not (shop.path / "keys" / "signing.key.next").exists()


def test_where_sqlite_must_hold_the_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The versions with the WAL-reset bug: no second connection, not even the one that would look at the last head."""
    monkeypatch.setattr(engine, "has_wal_reset_bug", lambda: True)
    shop = Shop(tmp_path / "home")
    shop.trade(1)
    first = shop.key
    with shop.journal() as journal:
        rotate(shop.path, journal, 5, new=NONE, operator="李", reason=None)
        journal.append([sales(journal.signer)(9)], 6)
    assert shop.key != first
    assert shop.verified().ok


WORK = "Shop(home, make=False).rotate()"


@pytest.mark.parametrize("how", ["killed", "failed"])
def test_a_rotation_interrupted_at_every_step(shop: Shop, tmp_path: Path, how: str) -> None:
    """At the next start exactly one key is in force, and it is the one that the last head asks for."""
    old, held = shop.key, shop.bodies()
    codes = set()
    for home, code in at_every_step(shop.path, tmp_path / "steps", WORK, how):
        codes.add(code)
        again = Shop(home, make=False)
        key = again.key  # before any start: readers follow, too
        assert again.verified(key).ok, code
        again.trade(1)
        assert not list((home / "keys").glob("*.next")) and key == again.key
        assert again.verified().ok and again.verified(old).ok
        assert bodies(again.home.journal, key)[: len(held)] == held
        if code == 0:
            assert key != old and again.bodies()[len(held)].find(b"key.rotated") > 0
    assert codes == ({0, 9} if how == "killed" else {0, 8}), codes


def test_the_key_itself_moves_last_and_after_a_sync(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut may keep one rename and lose an earlier one, unless the folder was synced between them."""
    steps: list[str] = []
    rename, fsync = Path.rename, os.fsync
    monkeypatch.setattr(Path, "rename", lambda self, to: (steps.append(self.name), rename(self, to))[1])
    monkeypatch.setattr(os, "fsync", lambda descriptor: (steps.append("sync"), fsync(descriptor))[1])
    with shop.journal() as journal:
        rotate(shop.path, journal, 5, new=NONE, operator="李", reason=None)
    steps = [step for step in steps if not step.startswith("local")]
    last = steps.index("signing.key.next")
    assert set(steps[:last]) >= {"wrapping.secret.next", "journal.vkey.next"}
    assert steps[last - 1] == steps[last + 1] == "sync"


def test_a_damaged_chain_is_refused_in_words(thieves: Thieves) -> None:
    append(thieves.path, [encode(thieves.size, 1, "key.rotated", {"new_vkey": "x"})], thieves.thief)
    with pytest.raises(JournalDamaged), closing(open_reader(thieves.path, thieves.second.key)) as reader:
        _ = reader.head
