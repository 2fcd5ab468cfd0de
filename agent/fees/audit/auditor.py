"""The audit of one journal, brought up to it as it grows. What is learned of the contract later begins it anew."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agent.errors import JournalError
from agent.fees.audit.audit import Audit
from agent.fees.audit.thresholds import Thresholds
from agent.fees.audit.told import kind_of
from agent.fees.contract.binding import Terms
from agent.fees.facts import facts
from agent.fees.findings import Finding
from agent.journal.reader import Reader
from agent.language import _

OF_THE_CONTRACT = ("tariff.", "contract.", "ticket.", "bank.", "statement.", "terminal.tariff_notice")
"""Kinds of entry that `Terms` is made of: how they begin."""
_OF_THE_CONTRACT = tuple(beginning.encode() for beginning in OF_THE_CONTRACT)
_MANY = 10_000
_STRETCH = 512
"""So many entries are read at once: few enough to stay in a processor's cache."""


def terms_of(journal: Reader, time_zone: str) -> Terms:
    """What the whole journal says of contract, consent, tickets and the bank. Raises JournalDamaged, JournalError."""
    told = [journal.entry(seq) for seq in _of_the_contract(journal)]
    notices = [entry for entry in told if entry.kind == "terminal.tariff_notice"]
    try:
        return Terms.of(facts(told), notices, time_zone=time_zone)
    except (KeyError, ValueError) as error:
        raise JournalError(
            _("An entry on fees cannot be read: {reason}.").format(reason=error),
            _("Use the version of counterfoil that wrote it, or a newer one."),
        ) from error


def _of_the_contract(journal: Reader) -> Iterator[int]:
    """Their seqs. Looking into every entry's end here takes half of what it takes in SQL."""
    end = journal.size
    for low in range(0, end, _STRETCH):
        for seq, raw in enumerate(journal.raw_entries(low, min(low + _STRETCH, end)), low):
            if _is_of_the_contract(raw):
                yield seq


def _is_of_the_contract(raw: bytes) -> bool:
    return kind_of(raw).startswith(_OF_THE_CONTRACT)


@contextmanager
def _no_collection(entries: int) -> Iterator[None]:
    """An audit makes no cycles; looking for them among millions of small objects is a third of a long one's time."""
    if entries < _MANY or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class Auditor:
    """`catch_up` may be called again and again."""

    def __init__(self, thresholds: Thresholds) -> None:
        self._zone, self._thresholds = thresholds.time_zone, thresholds
        self.size = 0
        self.audit: Audit | None = None
        self.terms: Terms | None = None

    def catch_up(self, journal: Reader, progress: Callable[[int, int], None] | None = None) -> None:
        """Read what is new in the journal. progress: entries read, entries in all. Raises JournalError."""
        end = journal.size
        with _no_collection(end - self.size):
            self._read(journal, end, progress)

    def _read(self, journal: Reader, end: int, progress: Callable[[int, int], None] | None) -> None:
        if self.audit is not None and self._takes(self.audit, journal, end, progress, new=True):
            return
        self.audit = None
        self.terms = terms_of(journal, self._zone)
        self.audit, self.size = Audit(self.terms, self._thresholds), 0
        self._takes(self.audit, journal, end, progress, new=False)

    def _takes(
        self, audit: Audit, journal: Reader, end: int, progress: Callable[[int, int], None] | None, *, new: bool
    ) -> bool:
        """Whether it has taken all that is there. new: the terms are older, and one entry of the contract ends it."""
        for low in range(self.size, end, _STRETCH):
            for raw in journal.raw_entries(low, min(low + _STRETCH, end)):
                if new and _is_of_the_contract(raw):
                    return False
                audit.take_bytes(raw)
                self.size += 1
            if progress is not None:
                progress(self.size, end)
        return True

    def findings(self, at: int) -> list[Finding]:
        """All that stands at ms UTC."""
        return [] if self.audit is None else self.audit.findings(at)
