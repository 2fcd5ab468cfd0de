"""A copy of the whole record in one file, verified when it is made."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from agent.durable import sync
from agent.errors import JournalDamaged, JournalError
from agent.journal import engine
from agent.journal.checkpoint import VerifyingKey
from agent.journal.reader import open_reader, unreadable
from agent.journal.verify import verify_path
from agent.language import _


@dataclass(frozen=True, slots=True)
class Backup:
    """path: the copy; beside it `<name>.vkey` (the verifying key) and `<name>.note` (its last signed head).

    size: entries. sha256: of the copy, hex. note, vkey: what the two files beside it hold.
    """

    path: Path
    size: int
    sha256: str
    note: str
    vkey: str


def back_up(
    journal: Path, key: VerifyingKey, target: Path, progress: Callable[[int, int], None] | None = None
) -> Backup:
    """Copy the record, what still stands in its write-ahead log included, beside a running agent; then verify the copy.

    It holds every private value that was not erased, and no key that signs. progress: (pages done, pages in all).
    Raises JournalError: the journal cannot be read, the target is there or cannot be written; JournalDamaged where the copy
    does not verify: it stays, under the name `<name>.new`.
    """
    made = target.with_name(f"{target.name}.new")
    if target.exists():
        raise JournalError(
            _("{path} is there already.").format(path=target), _("Name a new file: a backup replaces nothing.")
        )
    reader = open_reader(journal, key)
    try:
        reader.root_at(reader.size)  # its last head is signed by this key: else nothing is begun
        made.unlink(missing_ok=True)
        os.close(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        reader.copy_to(made, progress)
        report = verify_path(made, own=True, key=key)
        if not report.ok:
            raise JournalDamaged(
                _("The copy {path} does not verify: {what}").format(path=made, what=report.findings[0].what),
                _("Verify the record itself with: counterfoil journal verify"),
            )
        copy = open_reader(made, key)
        try:
            head = copy.head
        finally:
            copy.close()
        with made.open("rb+") as file:
            os.fsync(file.fileno())
            digest = file_digest(file, "sha256").hexdigest()
        for what, text in (("note", head.note), ("vkey", f"{head.vkey}\n")):
            beside(target, what).write_text(text, encoding="utf-8")
            sync(beside(target, what))
        made.rename(target)
        with suppress(OSError):  # not every file system syncs a folder
            sync(target.parent)
    except engine.Error as error:
        raise unreadable(journal, error) from error
    except OSError as error:
        raise JournalError(
            _("The copy {path} cannot be written: {reason}.").format(path=target, reason=error.strerror),
            _("Name a file in a folder that is there and has room."),
        ) from error
    finally:
        reader.close()
    return Backup(target, head.size, digest, head.note, head.vkey)


def beside(copy: Path, what: str) -> Path:
    """The file that tells a copy's verifying key (`vkey`) or last head (`note`)."""
    return copy.with_name(f"{copy.name}.{what}")
