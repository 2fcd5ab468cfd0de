"""What can be wrong with a journal that is to be opened or written, in words."""

from __future__ import annotations

from pathlib import Path

from agent.errors import JournalDamaged, JournalError
from agent.journal import engine
from agent.journal.reader import damaged
from agent.language import _


def cannot_write(error: BaseException) -> JournalError:
    if engine.is_full(error):
        return JournalError(
            _("The disk is full: the journal cannot be written, and nothing was acknowledged."),
            _("Free some space; the terminal keeps its events until then."),
        )
    if engine.is_damage(error):
        return damaged(_("SQLite cannot read the journal: {reason}.").format(reason=error))
    return JournalError(
        _("The journal could not be written ({reason}), and nothing was acknowledged.").format(reason=error),
        _("Check the disk and its cable, then start the agent again; the terminal keeps its events until then."),
    )


def cannot_open(path: Path, error: BaseException) -> JournalError:
    if engine.is_damage(error):
        return JournalDamaged(
            _("SQLite cannot read the journal: {reason}.").format(reason=error),
            _("Find out where with: counterfoil journal verify"),
        )
    return JournalError(
        _("The journal {path} cannot be opened for writing: {reason}.").format(path=path, reason=error),
        _("See that no other program holds it and that this user may write there."),
    )


def taken_away(path: Path) -> JournalError:
    return JournalError(
        _("The journal {path} was moved, replaced or removed under the running agent.").format(path=path),
        _("Put the file back, with its -wal, and start the agent again; the terminal keeps its events until then."),
    )


def stopped_error() -> JournalError:
    return JournalError(
        _("The journal has stopped after a disk error, and records nothing."),
        _("Check the disk and its cable, then start the agent again; the terminal keeps its events until then."),
    )
