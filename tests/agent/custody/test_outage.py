"""Keeping what is told while nothing can be signed: the file, the storage in the signed one's place, and the way back."""

from __future__ import annotations

import json
import os
import queue
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from agent import actions as a
from agent.custody import unsigned_file
from agent.custody.outage import Outage, UnsignedStorage, ask
from agent.custody.unsigned_file import Line, UnsignedFile, left, line_of, sign
from agent.errors import JournalError, KeyLocked, KeyLost, KeyRefused
from agent.home import Home
from agent.journal import keys
from agent.journal.drafting import to_draft
from agent.journal.keys import PassphraseSources, Signer
from agent.journal.kinds import (
    EventUnreadable,
    HeadMismatch,
    JournalOpened,
    LogReplaced,
    MoneyAction,
    MoneyIntent,
    SecuritySeen,
    TerminalSaid,
)
from agent.journal.reader import open_reader
from agent.journal.store import Journal
from agent.projection import Projection
from agent.storage import StorageAnswer
from agent.views import NoticeCode
from protocol.messages import (
    EntryMode,
    Outcome,
    Product,
    SettlementMode,
    Transaction,
    TransactionKind,
)
from protocol.money import Money
from tests.agent.pump_bench import Bench, event
from tests.conftest import entries_of, until

ANSWER_S = 20
PASSPHRASE = b"\xff open sesame"  # no UTF-8: a passphrase file may hold any bytes
SINCE, NOW = 1_000_000, 2_000_000
SEEN = SecuritySeen(what="bad_tag", count=7, sha256=bytes(32), minute=0)


def said(number: int, words: str = "", epoch: str = "e1") -> TerminalSaid:
    digest = sha256(f"{number}{words}".encode()).digest()
    return TerminalSaid(terminal="SN1", log_epoch=epoch, sha256=digest, message=event(number, words))


class Till:
    """A home whose key is locked, its storage in an outage; what that says to the pump is queued here."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.time = SINCE
        secret = folder / "passphrase"
        secret.write_bytes(PASSPHRASE + b"\n")
        sources = PassphraseSources(file=secret)
        self.signer = keys.create(folder, sources) if not self.home.keys.exists() else keys.unlock(folder, sources)
        if not self.home.journal.exists():
            opened = JournalOpened(software="c", version="0", terminal="SN1", nature="real", generation=1)
            Journal.create(self.home.journal, self.signer, to_draft(opened, self.signer.token_hmac), 1).close()
        self.answers: queue.SimpleQueue[StorageAnswer] = queue.SimpleQueue()
        self.open_journal: Callable[[Signer], Journal] = lambda signer: Journal.open(self.home.journal, signer)
        self.start()

    def start(self, reason: KeyLocked | KeyLost | None = None) -> None:
        reader = open_reader(self.home.journal, self.signer.key)
        views = Projection(self.home.views, "Asia/Shanghai")
        outage = Outage(self.home, reader, reason or KeyLocked("", ""), lambda signer: self.open_journal(signer))
        self.storage = UnsignedStorage(outage, views, self.answers.put, lambda _head: None, lambda: self.time)

    def put(self, *facts: Any, attempt: int = 0, at: int = 5) -> None:
        self.storage.put(a.Record(attempt, at, facts))

    def answer(self) -> Any:
        return self.answers.get(timeout=ANSWER_S)

    def is_quiet(self) -> bool:
        """All that was put is kept, and nothing was answered to it."""
        self.storage.put(a.CompareHead("no head"))
        return isinstance(self.answer(), a.HeadCompared)

    @property
    def files(self) -> list[Path]:
        return sorted((self.home.path / "unsigned").glob("*"))

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for file in self.files for line in file.read_bytes().splitlines()]

    def signed(self) -> list[str]:
        return [entry.kind for entry in entries_of(self.home)]


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    made = Till(tmp_path)
    yield made
    made.storage.close()


# -- what is kept --------------------------------------------------------------------------------------------------------


def test_told_again_is_kept_once_and_in_other_words_both(till: Till) -> None:
    till.put(said(1), said(2))
    till.put(said(2), said(3), LogReplaced(terminal="SN1", old_log_epoch="e0", new_log_epoch="e1"))
    till.put(said(2, "in other words"), said(2, epoch="e2"))
    assert till.is_quiet()
    told = [(x["kind"], x["body"].get("event", {}).get("number")) for x in till.lines()]
    device = "terminal.device"
    assert told == [
        ("outage.began", None),
        *((device, 1), (device, 2), (device, 3)),
        ("log.replaced", None),
        *((device, 2), (device, 2)),
    ]
    assert till.storage.unlock(PASSPHRASE)
    (entry,) = [entry for entry in entries_of(till.home) if entry.kind == "recording.unsigned"]
    assert entry.body == {
        "because": "locked",
        "events": 5,
        "file": f"{SINCE}.jsonl",
        "sha256": sha256(till.files[0].read_bytes()).hexdigest(),
        "since": SINCE,
        "until": SINCE,
    }


def test_what_the_journal_has_signed_is_not_kept_again(tmp_path: Path) -> None:
    till = Till(tmp_path)
    till.storage.close()
    journal = Journal.open(till.home.journal, till.signer)
    journal.append([to_draft(said(1), till.signer.token_hmac), to_draft(said(2), till.signer.token_hmac)], 3)
    journal.close()
    till.start()
    till.put(said(1), said(2, "in other words"), said(3))
    assert till.is_quiet()
    assert [x["body"]["event"]["sha256"] for x in till.lines()[1:]] == [
        said(2, "in other words").sha256.hex(),
        said(3).sha256.hex(),
    ]
    till.storage.close()


def test_a_card_token_and_private_text_are_left_out() -> None:
    sale = Transaction(
        number=1,
        at=1_000,
        reference="0" * 31 + "1",
        kind=TransactionKind.SALE,
        outcome=Outcome.APPROVED,
        amount=Money(100, 156),
        product=Product.DEBIT,
        masked_pan="6251880000002580",  # a dialect that masks nothing
        card_token=b"token of a card",
        merchant_name="好再来饭馆",
        trace="1",
        batch="1",
        mid="1",
        tid="1",
        terminal_time=1,
        entry_mode=EntryMode.CHIP,
        settlement_mode=SettlementMode.T1,
        response_code="00",
    )
    line = line_of(TerminalSaid(terminal="SN1", log_epoch="e1", sha256=bytes(32), message=sale), 9)
    assert "card_token_hmac" not in line.body and "card_token" not in line.body
    assert "merchant_name" not in line.body and line.body["masked_pan"] == "625188******2580"
    raw = EventUnreadable(event=line.event, message_type=7, reason="length", raw="30" * 40)  # type: ignore[arg-type]
    assert "raw" not in line_of(raw, 9).body


def test_text_that_no_entry_can_hold_leaves_its_hash(tmp_path: Path) -> None:
    fact = HeadMismatch(source="terminal", remembered="A\u030a", verdict="cut")  # not NFC
    unreadable = EventUnreadable(event=said(4).event, message_type=7, reason="A\u030a")
    file = UnsignedFile(tmp_path, SINCE, "locked", "note")
    file.write([line_of(fact, 1), line_of(unreadable, 1)])
    file.close()
    (kept,) = left(tmp_path)
    assert kept.events == 1
    last = json.loads(kept.path.read_bytes().splitlines()[-1])
    assert last["body"] == {"event": {"number": 4, "sha256": said(4).sha256.hex()}}


def test_the_file_is_bounded_and_says_so(tmp_path: Path) -> None:
    lines = [line_of(said(number), 1) for number in range(1, 101)]
    file = UnsignedFile(tmp_path, SINCE, "locked", "note", most=8_000)
    for _told_again in range(3):
        for line in lines:
            file.write([line])
    held = file.events
    assert 10 < held < 40 and file.dropped == 100 - held  # each counted once
    file.close()
    (kept,) = left(tmp_path)
    assert kept.events == held and kept.size < 8_000 + 400
    full = [json.loads(x) for x in kept.path.read_bytes().splitlines() if b"outage.full" in x]
    assert [x["body"] for x in full] == [{}, {"dropped": 100 - held}]
    numbers = [json.loads(x)["body"]["event"]["number"] for x in kept.path.read_bytes().splitlines() if b'"event"' in x]
    assert numbers == list(range(1, held + 1))  # no holes
    another = UnsignedFile(tmp_path, SINCE + 1, "locked", "note", most=8_000)
    another.write([line_of(said(100), 1)])
    another.close()
    assert another.events == 0 and another.dropped == 1  # the bound is over all that is not signed yet


def test_a_disk_that_takes_nothing_is_said_and_mended(till: Till) -> None:
    place = till.home.path / "unsigned"
    place.write_text("in the way")
    till.put(said(1), SEEN)
    failed = till.answer()
    assert isinstance(failed, a.RecordFailed) and "neither signed nor kept" in failed.what and failed.todo
    assert failed.facts == (said(1), SEEN) and failed.attempt == 0
    till.put(said(2), attempt=0)  # it was on the way
    stale = till.answer()
    assert isinstance(stale, a.RecordFailed) and stale.facts == (said(2),) and stale.what == ""
    place.unlink()
    till.put(SEEN, said(1), attempt=1)
    mended = till.answer()
    assert isinstance(mended, a.Recorded) and mended.last_event is None  # nothing to be acknowledged
    assert till.is_quiet()
    assert [x["kind"] for x in till.lines()] == ["outage.began", "security.seen", "terminal.device"]


def test_half_a_line_is_taken_back_when_the_disk_fills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = UnsignedFile(tmp_path, SINCE, "locked", "note")
    file.write([line_of(said(1), 1)])
    (path,) = (tmp_path / "unsigned").iterdir()
    before, true_write = path.read_bytes(), unsigned_file._write

    def half(of: Any, raw: bytes) -> None:
        true_write(of, raw[: len(raw) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(unsigned_file, "_write", half)
    with pytest.raises(OSError, match="No space"):
        file.write([line_of(said(2), 1)])
    assert path.read_bytes() == before
    monkeypatch.undo()
    file.write([line_of(said(2), 1)])
    file.close()
    raw = path.read_bytes().splitlines()
    assert [json.loads(x)["previous"] for x in raw[1:]] == [sha256(x).hexdigest() for x in raw[:-1]]
    assert [json.loads(x)["n"] for x in raw] == [0, 1, 2]


def test_no_money_request_finds_its_way(till: Till) -> None:
    """The desk refuses it; and if one came through, its intent is not recorded, without which not a byte goes out."""
    intent = MoneyIntent(
        reference="ab" * 16,
        action=MoneyAction.SALE,
        amount=Money(100, 156),
        original_reference=None,
        original_trace=None,
        operator=None,
        terminal="SN1",
        log_epoch="e1",
        last_event=0,
        patience_ms=1_000,
    )
    till.put(intent)
    failed = till.answer()
    assert isinstance(failed, a.RecordFailed) and "Waiting for the passphrase" in failed.what
    assert till.storage.money_entries() == []
    with pytest.raises(KeyRefused, match="Waiting for the passphrase"):
        till.storage.record([SEEN], 1)


# -- what is found at the next start -------------------------------------------------------------------------------------


def test_a_torn_tail_is_signed_as_it_is_and_not_counted(till: Till) -> None:
    till.put(said(1), said(2))
    assert till.is_quiet()
    till.storage.close()
    (path,) = till.files
    path.write_bytes(path.read_bytes() + b'{"at":5,"body":{"event":{"number":3')
    (found,) = left(till.home.path)
    assert (found.events, found.since, found.because) == (2, SINCE, "locked")
    assert found.sha256 == sha256(path.read_bytes()).digest()
    till.time = NOW
    till.start()
    till.put(said(1), said(2), said(3))
    assert till.is_quiet()
    assert len(till.files) == 2 and [x["n"] for x in map(json.loads, till.files[1].read_bytes().splitlines())] == [0, 1]


def test_killed_between_the_entry_and_the_seal(till: Till) -> None:
    till.put(said(1))
    assert till.is_quiet() and till.storage.unlock(PASSPHRASE)
    till.storage.close()
    (path,) = till.files
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    path.chmod(0o600)  # as the kill left it
    journal = Journal.open(till.home.journal, till.signer)
    before = journal.size
    assert sign(till.home.path, journal, NOW) == 0
    assert journal.size == before and stat.S_IMODE(path.stat().st_mode) == 0o400
    assert sign(till.home.path, journal, NOW) == 0
    journal.close()
    till.start()


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\n", b"[]\n", b'{"at":"x","body":{},"kind":"outage.began"}\n', b"1" * 99]
)
def test_whatever_stands_in_the_folder_is_named_by_its_hash(till: Till, content: bytes) -> None:
    (till.home.path / "unsigned").mkdir()
    (till.home.path / "unsigned" / "strange.jsonl").write_bytes(content)
    assert till.storage.unlock(PASSPHRASE)
    gap = entries_of(till.home)[1].body
    assert (gap["file"], gap["sha256"]) == ("strange.jsonl", sha256(content).hexdigest())
    assert gap["events"] == 0


# -- the way back --------------------------------------------------------------------------------------------------------


def test_an_outage_without_a_word_is_signed_too(till: Till) -> None:
    till.time = NOW
    assert till.storage.unlock(PASSPHRASE)
    body = entries_of(till.home)[1].body
    assert body == {"because": "locked", "events": 0, "since": SINCE, "until": NOW}
    assert not (till.home.path / "unsigned").exists()


def test_what_is_not_told_again_is_handed_back_in_order(till: Till) -> None:
    replaced = LogReplaced(terminal="SN1", old_log_epoch="e0", new_log_epoch="e1")
    till.put(SEEN, said(1))
    till.put(replaced)
    assert till.storage.notice is not None and till.storage.notice.code is NoticeCode.LOCKED
    assert till.storage.unlock(PASSPHRASE)
    back, head = till.answer(), till.answer()
    assert isinstance(back, a.RecordFailed) and back.facts == (SEEN, replaced) and (back.what, back.todo) == ("", "")
    assert isinstance(head, a.Recorded) and head.size == 2 and head.last_event is None
    assert till.storage.notice is None
    till.put(said(2), attempt=0)  # on the way before the pump knew: handed back as well
    assert till.answer().facts == (said(2),)
    till.put(SEEN, replaced, said(1), said(2), attempt=1)
    done = till.answer()
    assert isinstance(done, a.Recorded) and done.last_event == ("e1", 2)
    kinds = ["security.seen", "log.replaced", "terminal.device", "terminal.device"]
    assert till.signed() == ["journal.opened", "recording.unsigned", *kinds]
    assert till.storage.entry(2).kind == "security.seen" and till.storage.read(lambda journal: journal.size) == 6


def test_a_wrong_passphrase_and_one_scrypt_at_a_time(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, most, guard, derive = 0, 0, threading.Lock(), keys._wrapping_key

    def watched(*given: Any) -> bytes:
        nonlocal at_once, most
        with guard:
            at_once += 1
            most = max(most, at_once)
        try:
            return derive(*given)
        finally:
            with guard:
                at_once -= 1

    monkeypatch.setattr(keys, "_wrapping_key", watched)
    answers: list[bool] = []
    guesses = [threading.Thread(target=lambda: answers.append(till.storage.unlock(b"barley"))) for _ in range(3)]
    for guess in guesses:
        guess.start()
    for guess in guesses:
        guess.join()
    assert answers == [False] * 3 and most == 1
    assert till.storage.notice is not None and till.signed() == ["journal.opened"]
    assert till.storage.unlock(b"") is False  # nothing typed, and no credential


def test_a_journal_that_cannot_be_opened_leaves_it_waiting(till: Till) -> None:
    def held(_signer: Signer) -> Journal:
        raise JournalError("held by another", "wait")

    opens, till.open_journal = till.open_journal, held
    till.put(said(1))
    with pytest.raises(JournalError, match="held by another"):
        till.storage.unlock(PASSPHRASE)
    till.put(said(2))
    assert till.is_quiet() and till.storage.notice is not None
    assert till.storage.entry(0).kind == "journal.opened"
    assert sorted(x["body"]["event"]["number"] for x in till.lines() if "event" in x["body"]) == [1, 2]
    till.open_journal = opens
    assert till.storage.unlock(PASSPHRASE)
    gaps = [entry.body for entry in entries_of(till.home) if entry.kind == "recording.unsigned"]
    assert {gap["file"] for gap in gaps} == {path.name for path in till.files}
    assert sum(gap["events"] for gap in gaps) == 2


def test_a_key_that_is_lost_and_comes_back(till: Till) -> None:
    till.storage.close()
    till.start(KeyLost("The file is gone.", "Put it back."))
    notice = till.storage.notice
    assert notice is not None and notice.facts == {"because": "key_lost", "reason": "The file is gone."}
    key = till.home.keys / "signing.key"
    key.rename(key.with_name("away"))
    with pytest.raises(KeyLost, match="cannot be read"):
        till.storage.unlock(PASSPHRASE)
    key.with_name("away").rename(key)
    assert till.storage.unlock(PASSPHRASE)
    assert entries_of(till.home)[1].body["because"] == "key_lost"


def test_who_is_asked_may_leave_it_be(till: Till, capsys: pytest.CaptureFixture[str]) -> None:
    typed = iter(["barley", "rye", ""])
    ask(till.storage, lambda: next(typed))
    assert capsys.readouterr().err.count("does not open") == 2 and till.storage.notice is not None

    def nobody() -> str:
        raise EOFError

    ask(till.storage, nobody)
    assert till.storage.unlock(PASSPHRASE)
    ask(till.storage, lambda: "too late")  # somebody else was quicker
    assert till.storage.notice is None


def test_the_pump_asks_at_once_and_without_a_word() -> None:
    """An empty RecordFailed is no failure: the events are asked for again in that moment, and no notice is shown."""
    bench = Bench()
    bench.connect()
    bench.say(event(1), event(2))
    bench.wait(60_000)
    assert bench.sync_starts() == [1] and bench.acks() == []  # quiet, whatever the storage does with them
    bench.records.clear()
    bench.give(a.RecordFailed(0, (SEEN,), "", ""))
    bench.turn()
    assert bench.sync_starts() == [1, 1]
    assert bench.shown is not None and bench.shown.notices == ()
    bench.say(event(1), event(2))
    assert bench.facts[0] == SEEN and {record.attempt for record in bench.records} == {1}
    bench.record()
    assert bench.acks()[-1] == 2


def test_the_folder_is_its_owners_alone(till: Till) -> None:
    before = os.umask(0)
    try:
        till.put(said(1))
        assert till.is_quiet()
    finally:
        os.umask(before)
    assert stat.S_IMODE(till.files[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(till.files[0].parent.stat().st_mode) == 0o700


def test_two_outages_of_one_moment_have_two_files(tmp_path: Path) -> None:
    for number in (1, 2):
        file = UnsignedFile(tmp_path, SINCE, "locked", "note")
        file.write([replace(line_of(said(number), 1), at=number), Line(1, "a.b", {})])
        file.close()
    assert [each.path.name for each in left(tmp_path)] == [f"{SINCE}.jsonl", f"{SINCE + 1}.jsonl"]
    assert [each.events for each in left(tmp_path)] == [1, 1]
    until(lambda: all(each.since == SINCE for each in left(tmp_path)), 1)
