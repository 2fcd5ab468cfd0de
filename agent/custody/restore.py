"""A record that goes on from a copy of itself, or after its key was lost: under a new origin and a new key.

The tree goes on: every entry of the copy keeps its number and its leaf, and the next entry, journal.restored, names the old
key, the copy's last head and the longest head that was remembered beyond it. So two histories under one origin never arise,
and old proofs and heads still verify. What stood in the home before is put aside, read-only:

    HOME/generation-<n>/        journal.db as it was found, its key, and the remembered heads that it alone fits
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.custody.backup import beside
from agent.durable import sync
from agent.errors import JournalDamaged, JournalError, KeyRefused
from agent.journal import engine, heads, keys
from agent.journal.checkpoint import Checkpoint, NoteError, VerifyingKey
from agent.journal.custody_kinds import JournalRestored
from agent.journal.drafting import to_draft
from agent.journal.keys import PassphraseSources, Signer
from agent.journal.reader import Head, open_reader
from agent.journal.store import Journal
from agent.journal.verify import verify_path
from agent.language import _

BACKUP, KEY_LOST = "backup", "key_lost"


@dataclass(frozen=True, slots=True)
class Restored:
    """head: the first under the new key. entries: that the copy had. lost: how many more were signed, by the longest head
    remembered; 0 where none tells of more. aside: the folder with what was there before, None where there was nothing."""

    head: Head
    entries: int
    lost: int
    aside: Path | None


def key_of(copy: Path, home: Path) -> VerifyingKey:
    """The verifying key that belongs to a copy: beside it, as `backup` writes it, else the home's. Raises KeyRefused."""
    told = beside(copy, "vkey")
    if not told.exists():
        return keys.verifying_key(home)
    try:
        return VerifyingKey.parse(told.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError, NoteError) as error:
        raise KeyRefused(
            _("The verifying key {path} cannot be read.").format(path=told),
            _("Put it back from its copy, or give the key with --vkey."),
        ) from error


def restore(
    home: Path,
    copy: Path | None,
    accept: Callable[[Mapping[str, Any]], int | None],
    *,
    key: VerifyingKey,
    old: PassphraseSources,
    new: PassphraseSources,
    operator: str,
    reason: str | None,
) -> Restored:
    """Put `copy` (None: the home's own journal, whose key is lost) in the place of the home's journal. The home is owned.

    accept: the body of the copy's entry 0 → when the new entry is recorded, ms UTC (None: at the copy's own last time, as in
    a simulated home); what it raises ends it. key: that verifies the copy. old: opens the key in
    force if it is at hand, which then vouches for the new one. new: locks the new key. Raises JournalDamaged for a copy that
    does not verify, JournalError, KeyRefused; then nothing has changed.
    """
    source = copy or home / "journal.db"
    report = verify_path(source, own=False, key=key)
    if not report.ok:
        raise JournalDamaged(
            _("The copy {path} is not as it was signed: {what}").format(path=source, what=report.findings[0].what),
            _("Take another copy; this one stays as it is."),
        )
    work = home / "restoring"
    try:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(mode=0o700)
        for suffix in ("", "-wal"):
            if (part := source.with_name(f"{source.name}{suffix}")).exists():
                shutil.copyfile(part, work / f"journal.db{suffix}")
        why = (BACKUP if copy else KEY_LOST, operator, reason)
        return _go_on(home, work / "journal.db", accept, key=key, old=old, new=new, why=why)
    except OSError as error:
        raise JournalError(
            _("The record cannot be restored in {home}: {reason}.").format(home=home, reason=error.strerror),
            _("See that the disk has room and that this user may write there, then try again."),
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _go_on(
    home: Path,
    made: Path,
    accept: Callable[[Mapping[str, Any]], int | None],
    *,
    key: VerifyingKey,
    old: PassphraseSources,
    new: PassphraseSources,
    why: tuple[str, str, str | None],
) -> Restored:
    with closing(open_reader(made, key)) as reader:
        last = reader.head
        at = accept(reader.entry(0).body)
        last_key = VerifyingKey.parse(last.vkey)
    ours = _own_key(home)
    highest = _highest(home, {last_key, ours or last_key}, last.size)
    former = _at_hand(home, old, last_key)
    origin, generation = _next_origin(last_key.name, home, ours)
    following = keys.create_next(home, new, origin, former.token_key if former else None)
    try:
        journal = Journal.open(made, following, signed_by=last_key)
        try:
            because, operator, reason = why
            fact = JournalRestored(
                generation=generation,
                old_vkey=str(last_key),
                new_vkey=following.vkey,
                old_head=last.note,
                highest_head=None if highest is None else highest[1],
                because=because,
                operator=operator,
                reason=reason,
            )
            draft = to_draft(fact, following.token_hmac)
            head = journal.hand_over(draft, following, last.at if at is None else at, old=former)
        finally:
            journal.close()
        if made.with_name(f"{made.name}-wal").exists():
            raise OSError(None, _("the new file could not be made whole"))
        aside = _put_aside(home, _generation((ours or last_key).name)[1])
        _replace(home, made)
    finally:
        keys.settle(home)  # whichever record stands there now, the key that signed its last head stays
    with suppress(OSError):
        _sort_heads(home, aside, head.note)
    lost = 0 if highest is None else highest[0] - last.size
    return Restored(head, last.size, lost, aside)


def _own_key(home: Path) -> VerifyingKey | None:
    with suppress(JournalError, KeyRefused):
        return keys.verifying_key(home)
    return None


def _next_origin(origin: str, home: Path, ours: VerifyingKey | None) -> tuple[str, int]:
    """One that nobody has seen: the home may have gone on from this very copy before."""
    seen = [origin, *([ours.name] if ours else [])]
    for note in heads.remembered(home).values():
        with suppress(NoteError):
            seen.append(Checkpoint.parse(note).origin)
    stem, number = _generation(origin)
    number = max(other for other_stem, other in map(_generation, seen) if other_stem == stem) + 1
    return f"{stem}/{number}", number


def _generation(origin: str) -> tuple[str, int]:
    stem, _slash, number = origin.rpartition("/")
    return (stem, int(number)) if stem and number.isdigit() and len(number) < 9 else (origin, 1)


def _highest(home: Path, known: set[VerifyingKey], size: int) -> tuple[int, str] | None:
    """The longest remembered head beyond the copy, signed by its key or by the one that the home had since: (size, note)."""
    beyond = []
    for note in heads.remembered(home).values():
        for key in known:
            with suppress(NoteError):
                checkpoint = Checkpoint.verify(note, key)
                if checkpoint.size > size:
                    beyond.append((checkpoint.size, note))
    return max(beyond, default=None)


def _at_hand(home: Path, sources: PassphraseSources, key: VerifyingKey) -> Signer | None:
    with suppress(KeyRefused):
        signer = keys.unlock(home, sources)
        return signer if signer.key == key else None
    return None


def _put_aside(home: Path, generation: int) -> Path | None:
    """A copy first: whatever happens next, what was there stays somewhere, whole."""
    if not (home / "journal.db").exists():
        return None
    names = (f"generation-{generation}{again}" for again in ("", *(f"-{n}" for n in range(2, 1000))))
    aside = next(path for name in names if not (path := home / name).exists())
    aside.mkdir(mode=0o700)
    for name, called in (("journal.db",) * 2, ("journal.db-wal",) * 2, ("keys/journal.vkey", "journal.db.vkey")):
        if (home / name).exists():
            there = aside / called
            shutil.copyfile(home / name, there)
            there.chmod(0o400)
            sync(there)
    sync(aside)
    return aside


def _replace(home: Path, made: Path) -> None:
    """The restored file in the old one's place; an old write-ahead log must not be there when the new file is."""
    sync(made)
    # What its log holds goes into the old file first: a crash before the last step then costs nothing.
    with suppress(engine.Error, JournalError), closing(engine.connect_writer(home / "journal.db")) as old:
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for suffix in ("-wal", "-shm"):
        (home / f"journal.db{suffix}").unlink(missing_ok=True)
    made.replace(home / "journal.db")
    sync(home)


def _sort_heads(home: Path, aside: Path | None, note: str) -> None:
    """Remembered heads that the record does not fit any more go with the journal that they belong to."""
    if aside is not None:
        with closing(open_reader(home / "journal.db", keys.verifying_key(home))) as journal:
            for found in heads.compare_all(journal, home):
                if not found.verdict.fits:
                    (aside / "heads").mkdir(mode=0o700, exist_ok=True)
                    (home / "heads" / f"{found.source}.note").rename(aside / "heads" / f"{found.source}.note")
    heads.remember(home, note)
