"""A disk after a crash, opened again by the real journal: does it keep every promise?"""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from agent.errors import CounterfoilError, NotFound
from agent.journal import checkpoint, heads, keys, store, verify
from agent.journal.entries import Entry
from agent.journal.store import Journal
from tests.crash.disk import Image
from tests.crash.workload import fee

AT = 1_700_100_000_000

Told = tuple[str, tuple[tuple[str, str], ...]]
"""Of an entry: SHA-256 of its bytes in hex, and its private values."""


class Broken(AssertionError):
    """A promise that this disk does not keep."""


@dataclass(frozen=True, slots=True)
class Promised:
    """What the run had acknowledged before the crash. vkey: of the key, "" as long as none was made, None while it changes.

    erased: the entries as they are once an erasure under way is done.
    """

    vkey: str | None = ""
    entries: tuple[Told, ...] = ()
    erased: tuple[Told, ...] | None = None

    def and_mark(self, text: bytes) -> Promised:
        said = json.loads(text)
        if "erasing" in said:
            first, last = said["erasing"]
            return replace(
                self, erased=tuple((d, () if first <= n <= last else p) for n, (d, p) in enumerate(self.entries))
            )
        told = tuple((digest, tuple(sorted(private.items()))) for digest, private in said.get("entries", ()))
        entries = self.entries if self.erased is None or not told else self.erased
        return replace(
            self, vkey=said.get("key", self.vkey), entries=entries + told, erased=None if told else self.erased
        )


@dataclass(frozen=True, slots=True)
class Found:
    """What the reopened journal holds; no entries: no journal."""

    entries: tuple[Told, ...]

    def keeps(self, promised: Promised) -> None:
        """Raises Broken unless every acknowledged entry is there, as it was."""
        if self.entries[: len(promised.entries)] not in {promised.entries, promised.erased}:
            raise Broken(f"{len(promised.entries)} entries were acknowledged, {len(self.entries)} are there or differ")


class Judge:
    """Works in `folder`, which is its own. One key's journal: signatures once checked are not checked again."""

    def __init__(self, folder: Path) -> None:
        self._home = folder / "home"
        self._signer: keys.Signer | None = None
        self._laid: dict[str, bytes] = {}
        self.opened = 0
        """Journals opened."""

    def open(self, image: Image, promised: Promised) -> Found:
        """Put the image on the disk, open it as every start does, and look at everything. Raises Broken."""
        self._lay({f"{self._home.parent}/{name}": content for name, content in image.items()})
        path = self._home / "journal.db"
        if not path.exists():
            return Found(())
        self.opened += 1
        try:
            keys.settle(self._home)
            vkey = str(keys.verifying_key(self._home))
            if vkey != promised.vkey and promised.vkey is not None:
                raise Broken("the key is another")
            if self._signer is None or self._signer.vkey != vkey or promised.vkey is None:
                self._signer = keys.unlock(self._home)
            return self._look(path, self._signer)
        except (CounterfoilError, OSError) as error:
            raise Broken(f"the journal cannot be opened: {error}") from error
        finally:
            if any(".next" in name for name in image):  # settled, or thrown away
                shutil.rmtree(self._home / "keys")
                self._laid = {path: content for path, content in self._laid.items() if "/keys/" not in path}

    def _lay(self, image: Image) -> None:
        """What stands there already, and nothing has written to since, is left alone: keys and notes, mostly."""
        for path in self._laid.keys() - image.keys():
            os.unlink(path)
            del self._laid[path]
        for name in ("journal.db-wal", "journal.db-shm", "journal.db"):
            with suppress(FileNotFoundError):
                os.unlink(self._home / name)
        for path, content in image.items():
            if self._laid.get(path) == content:
                continue
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)
            if "journal.db" not in path:
                self._laid[path] = content

    def _look(self, path: Path, signer: keys.Signer) -> Found:
        with closing(Journal.open(path, signer)) as journal:
            size = journal.size
            for seen in heads.compare_all(journal, self._home):
                if not seen.verdict.fits:
                    raise Broken(
                        f"the head remembered in {seen.source} ({seen.size}) is {seen.verdict} to {size} entries"
                    )
            entries = list(journal.entries(0, size + 1))
            if len(entries) != size or journal.head.size != size:
                raise Broken(f"a head of {journal.head.size} over {len(entries)} entries")
            try:
                raise Broken(f"an entry beyond the head: {journal.raw_entry(size)!r}")
            except NotFound:
                pass
            found = Found(tuple(_told(journal, entry) for entry in entries))
            if self.opened % 8 == 0:  # it goes on from there
                number = max(journal.last_events().values(), default=0) + 1
                journal.append([fee(number, private=True)], AT)
                journal.close()  # with the last note written
                shutil.rmtree(self._home / "heads")
                self._laid = {path: content for path, content in self._laid.items() if "/heads/" not in path}
                size += 1
        report = verify.verify_path(path, own=True, key=signer.key, heads=heads.remembered(self._home), strict=True)
        if not report.ok or report.size != size:
            raise Broken(f"verify finds {report.findings} in {report.size} entries")
        return found


def _told(journal: Journal, entry: Entry) -> Told:
    return sha256(journal.raw_entry(entry.seq)).hexdigest(), tuple(sorted(entry.private.items()))


def hasten() -> None:
    """For thousands of disks of one run: what is a function of its arguments alone is computed once. In this process."""
    accepts: Any = checkpoint.VerifyingKey.accepts
    if not hasattr(accepts, "cache_info"):
        checkpoint.VerifyingKey.accepts = lru_cache(maxsize=4096)(accepts)  # type: ignore[method-assign]
        expected = cache(store.expected_schema)
        for module in [module for name, module in sys.modules.items() if name.startswith("agent.journal.")]:
            if hasattr(module, "expected_schema"):
                module.expected_schema = expected  # type: ignore[attr-defined]
