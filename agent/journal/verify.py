"""The whole journal checked, streaming, in constant memory, and held against every head that was remembered.

First a sweep on all cores asks whether everything is as it was signed; only where it is not, a walk from the first entry on
finds out what is wrong, where, and since when it could be so.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import file_digest
from pathlib import Path

from agent.errors import JournalError
from agent.journal import engine, merkle
from agent.journal.checkpoint import VerifyingKey
from agent.journal.heads import Compared
from agent.journal.keys import verifying_key
from agent.journal.reader import unreadable
from agent.journal.sweep_jobs import swept
from agent.journal.walk import Finding, Progress, Walk


@dataclass(frozen=True, slots=True)
class Report:
    """ok: nothing found. size, root (32 bytes): of the entries present. first_bad: the lowest seq that a finding names.

    more: findings beyond MOST_FINDINGS, counted alone. files: SHA-256 (hex) of journal.db and its log as they were found,
    for a journal outside the home. told: what the journal is against each head that a person gave.
    """

    ok: bool
    size: int
    root: bytes
    first_bad: int | None
    findings: tuple[Finding, ...]
    more: int = 0
    files: Mapping[str, str] = field(default_factory=dict)
    told: tuple[Compared, ...] = ()


def verify_path(
    path: Path,
    *,
    own: bool,
    key: VerifyingKey | None = None,
    heads: Mapping[str, str] | None = None,
    told: Mapping[str, str] | None = None,
    strict: bool = False,
    quick: bool = True,
    progress: Progress | None = None,
) -> Report:
    """Verify the journal at `path` against `key` (None: keys/journal.vkey beside it) and remembered heads (source → note).

    strict: look at every entry's canonical form too. quick: sweep first, and walk only where something is wrong.
    told: heads that a person gives; three lines that nobody signed are taken there, and nowhere else.
    own: the file belongs to the agent's home and is read in place; any other is copied first, with its write-ahead log, and
    stays byte-identical. Raises JournalError for no file, a foreign one or one that another holds; KeyRefused without a key.
    """
    key = key or verifying_key(path.parent)
    if own:
        return _verify_file(path, key, heads or {}, told or {}, strict=strict, quick=quick, progress=progress, own=True)
    engine.require_journal(path)
    with tempfile.TemporaryDirectory(prefix="counterfoil-") as folder:
        files = {}
        for source in (path, path.with_name(f"{path.name}-wal")):
            if source.exists():
                copy = Path(folder) / f"journal.db{source.name[len(path.name) :]}"
                shutil.copyfile(source, copy)
                with copy.open("rb") as file:
                    files[source.name] = file_digest(file, "sha256").hexdigest()
        report = _verify_file(
            Path(folder) / "journal.db",
            key,
            heads or {},
            told or {},
            strict=strict,
            quick=quick,
            progress=progress,
            own=False,
        )
    return replace(report, files=files)


def _verify_file(
    path: Path,
    key: VerifyingKey,
    heads: Mapping[str, str],
    told: Mapping[str, str],
    *,
    strict: bool,
    quick: bool,
    progress: Progress | None,
    own: bool,
) -> Report:
    try:
        engine.require_journal(path)
    except JournalError as error:
        if not own or not path.exists():
            raise
        return Report(False, 0, merkle.EMPTY_ROOT, 0, (Finding("file", 0, error.what, error.todo),))
    try:
        connection = engine.connect_reader(path)
        try:
            walk = Walk(connection, key, strict, progress)
            swept_to = None if strict or not quick else swept(path, key, progress)
            if swept_to is None or not walk.begins_at(swept_to.end.frontier):
                walk.run()
            for source, note in heads.items():
                walk.remembered(source, note)
            for source, text in told.items():
                walk.remembered(source, text, told=True)
        finally:
            connection.close()
    except engine.Error as error:
        raise unreadable(path, error) from error
    return Report(
        ok=not walk.findings,
        size=walk.frontier.size,
        root=walk.frontier.root(),
        first_bad=walk.first_bad,
        findings=tuple(walk.findings),
        more=walk.more,
        told=tuple(walk.told),
    )
