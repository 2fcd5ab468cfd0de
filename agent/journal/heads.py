"""Heads remembered outside the database, and what a journal is against them.

    HOME/heads/local.note        the last head, written by rename after commits: against accidents
    HOME/heads/<name>.note       any other that is worth keeping: the terminal's, one set aside after a mismatch

Whoever can write the home can write these files too; against people, a head must be remembered elsewhere.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from threading import Event, Thread

from agent.journal.checkpoint import LONGEST_NOTE, Checkpoint, NoteError
from agent.journal.key_chain import HandOver, KeyChain
from agent.journal.reader import Reader

LOCAL = "local"
SET_ASIDE = "mismatch-"
"""How the names begin of heads that the journal does not fit, and that stand in it as such."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class Verdict(StrEnum):
    SAME = "same"
    EXTENDS = "extends"
    """The journal goes on from there: its first entries have exactly that root."""
    CUT = "cut"
    """The journal is shorter than what was signed: a tail cut off, an older copy put back."""
    FORKED = "forked"
    """The journal's first entries have another root: a history written anew."""
    LOST = "lost"
    """Signed before a restore, over entries that the copy did not have: the journal tells of it (journal.restored)."""
    FOREIGN = "foreign"
    """A head of another journal."""
    BAD_SIGNATURE = "bad_signature"
    """No head at all, or not signed by this journal's key."""

    @property
    def fits(self) -> bool:
        """True if the journal holds all that the head promised."""
        return self in {Verdict.SAME, Verdict.EXTENDS}


@dataclass(frozen=True, slots=True)
class Compared:
    """source: where the head was remembered. size: of the remembered head, None where it says none.

    unsigned: it is three lines that a person kept, and nobody signed.
    """

    source: str
    note: str
    verdict: Verdict
    size: int | None
    unsigned: bool = False


class LocalNote:
    """Keeps HOME/heads/local.note at the last head, by rename, within `INTERVAL_S` of its commit.

    A thread of its own writes it, the newest head alone: a rename over a file costs as much as the commit itself (ext4 then
    writes the new file out at once), and an older head guards against accidents as well as the newest. `close` writes the
    last one. There is no sync: what a power cut takes is an older note back.
    """

    INTERVAL_S = 0.05

    def __init__(self, home: Path) -> None:
        self._folder = home / "heads"
        self._note = ""
        self._changed = Event()
        self._closed = Event()
        self._thread: Thread | None = None

    def write(self, note: str) -> None:
        """Never raises and never waits: a folder that cannot be written shows when the agent starts (`remembered`)."""
        self._note = note
        if self._thread is None:
            self._thread = Thread(target=self._run, name="local-note", daemon=True)
            self._thread.start()
        if not self._changed.is_set():
            self._changed.set()

    def close(self) -> None:
        """The last head is in the file when this returns."""
        self._closed.set()
        self._changed.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._closed.is_set():
            self._changed.wait()
            self._changed.clear()
            with suppress(OSError):  # the entries are durable and signed; the next commit tries again
                _replace(self._folder, LOCAL, self._note, sync=False)
            self._closed.wait(self.INTERVAL_S)
        if self._changed.is_set():
            with suppress(OSError):
                _replace(self._folder, LOCAL, self._note, sync=False)


def _replace(folder: Path, name: str, note: str, *, sync: bool) -> None:
    new = folder / f"{name}.new"
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with new.open("w", encoding="utf-8") as file:
        file.write(note)
        if sync:
            file.flush()
            os.fsync(file.fileno())
    new.rename(folder / f"{name}.note")


def remember(home: Path, note: str, name: str = LOCAL) -> None:
    """Keep a head as HOME/heads/<name>.note, replacing the one of that name. ValueError for a name that is no file name."""
    if not _NAME.fullmatch(name):
        raise ValueError("a remembered head has a plain lower-case name")
    _replace(home / "heads", name, note, sync=True)


def set_aside(home: Path, note: str) -> None:
    """Keep a head that the journal does not fit, so that local.note may go on and every later verify still finds it."""
    try:
        checkpoint = Checkpoint.parse(note)
        name = f"{SET_ASIDE}{checkpoint.size}-{checkpoint.root.hex()[:16]}"
    except NoteError:
        name = f"{SET_ASIDE}unreadable"
    remember(home, note, name)


def remembered(home: Path) -> dict[str, str]:
    """Every head kept in the home: name → note, sorted by name.

    What cannot be read, or is empty or zeros, remembers nothing: a power cut may leave local.note so. Any other text stands
    for a head, if only for one that nobody signed.
    """
    found = {}
    for path in sorted((home / "heads").glob("*.note")):
        with suppress(OSError):
            note = read_note(path)
            if path.stat().st_size and set(note) != {"\0"}:
                found[path.stem] = note
    return found


def read_note(path: Path) -> str:
    """A note file's text, "" if it is longer than any note or no UTF-8. Raises OSError."""
    with path.open("rb") as file:
        raw = file.read(LONGEST_NOTE + 1)
    try:
        return raw.decode() if len(raw) <= LONGEST_NOTE else ""
    except UnicodeDecodeError:
        return ""


def unsigned(text: str) -> Checkpoint | None:
    """The head that its three lines alone tell of (origin, size, root), as a person copied them or a code said them; None
    where `text` is anything else, a signed note too. A line that a slip has in two pieces may stand so here."""
    words = text.removeprefix("\ufeff").split()
    at = next((i for i, word in enumerate(words) if word.isascii() and word.isdigit()), 0)
    try:
        return Checkpoint.parse_text(f"{''.join(words[:at])}\n{words[at]}\n{''.join(words[at + 1 :])}\n")
    except (NoteError, IndexError):
        return None


def tells_of_a_head(text: str) -> bool:
    """Whether `text` is a head at all: signed or not, damaged or not, of whatever journal."""
    try:
        Checkpoint.parse_text(text.partition("\n\n")[0] + "\n")
    except NoteError:
        return unsigned(text) is not None
    return True


def compare(journal: Reader, note: str) -> Verdict:
    """What `journal` is against a remembered head. Raises JournalDamaged where its tree cannot be read."""
    try:
        checkpoint = Checkpoint.parse(note)
        chain = KeyChain((), journal.key)
        if (signer := chain.signer_of(note)) is None:
            chain = journal.key_chain()
            signer = chain.signer_of(note)
        if signer is None:
            return Verdict.BAD_SIGNATURE if checkpoint.origin in chain.origins else Verdict.FOREIGN
        key, ended = signer
        Checkpoint.verify(note, key)
    except NoteError:
        return Verdict.BAD_SIGNATURE
    return _placed(journal, checkpoint, ended)


def compared(journal: Reader, source: str, text: str, *, told: bool = False) -> Compared:
    """As `compare`, with what it was about. Raises JournalDamaged.

    told: a person gives it to be verified against. Only there three lines that nobody signed are taken, and are worth what
    their keeper's word is; elsewhere whoever can write a file, or the line, could stop the agent with them.
    """
    lines = unsigned(text) if told else None
    if lines is None:
        return Compared(source, text, compare(journal, text), _size_in(text))
    chain = journal.key_chain()
    ended = chain.end_of(lines.origin)
    verdict = _placed(journal, lines, ended) if lines.origin in chain.origins else Verdict.FOREIGN
    return Compared(source, text, verdict, lines.size, unsigned=True)


def _size_in(note: str) -> int | None:
    try:
        return Checkpoint.parse(note).size
    except NoteError:
        return None


def _placed(journal: Reader, checkpoint: Checkpoint, ended: HandOver | None) -> Verdict:
    """Where a head of this journal stands in it. ended: what ended the time of its key."""
    size = journal.size
    if ended is not None and checkpoint.size > ended.last_of_old:
        return Verdict.FORKED if ended.rotated else Verdict.LOST
    if checkpoint.size > size:
        return Verdict.CUT
    if journal.root_at(checkpoint.size) != checkpoint.root:
        return Verdict.FORKED
    return Verdict.SAME if checkpoint.size == size else Verdict.EXTENDS


def compare_all(journal: Reader, home: Path) -> list[Compared]:
    """Every head that the home remembers, against the journal."""
    return [compared(journal, source, note) for source, note in remembered(home).items()]
