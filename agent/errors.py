"""Errors that a person reads: one sentence of what happened, one of what to do, and the exit code (docs/interface.md).

    CounterfoilError          exit 3: cannot
     ├─ HomeError             the home: none yet, owned by another agent, of the other nature (real / simulated)
     ├─ PortError             the port: not permitted, in use
     │   └─ PortMissing       the port is not there
     ├─ JournalError          the journal: foreign file, newer schema, disk full, does not open
     │   └─ JournalDamaged    exit 1: it opens, and is not what was signed or remembered
     ├─ KeyRefused            the signing key: a wrong passphrase, a foreign file
     │   ├─ KeyLocked         no passphrase was given
     │   └─ KeyLost           its file is gone, damaged or cannot be read
     ├─ LinkError             the terminal does not answer, or refuses
     ├─ NotFound              exit 1: nothing by that name
     ├─ StatementRefused      exit 1: a statement's or a bank's file is not taken; every trouble with file, line and field
     ├─ ContractRefused       exit 1: a contract's file is not taken; every trouble with file, line and field
     ├─ ClaimError            exit 1: what was to happen to a claim cannot, by its state, its money or its dates
     ├─ PeopleError           exit 1: a wrong PIN, a lock-out, a role that may not
     └─ RefundRefusal         exit 1: the rules of money back refuse it; nothing was sent

Both sentences are already in the reader's language: they are made where the error is raised, through `agent.language`.
"""

from __future__ import annotations


class CounterfoilError(Exception):
    """what: one sentence of what happened. todo: one sentence of what to do."""

    exit_code = 3

    def __init__(self, what: str, todo: str) -> None:
        super().__init__(what, todo)
        self.what = what
        self.todo = todo

    def __str__(self) -> str:
        return f"{self.what} {self.todo}"


class HomeError(CounterfoilError):
    """The home has none of what is asked, or belongs to another agent."""


class PortError(CounterfoilError):
    """The serial port cannot be used."""


class PortMissing(PortError):
    """There is no such port now: unplugged, or not yet plugged in."""


class JournalError(CounterfoilError):
    """The journal cannot be opened or written."""


class JournalDamaged(JournalError):
    """The journal opens, and is not what was signed or remembered."""

    exit_code = 1


class KeyRefused(CounterfoilError):
    """The signing key cannot be unlocked."""


class KeyLocked(KeyRefused):
    """A passphrase opens it, and none was given."""


class KeyLost(KeyRefused):
    """Its file is gone, damaged or cannot be read: no passphrase opens it as it is."""


class LinkError(CounterfoilError):
    """The terminal does not answer, or refuses. code: of the money lane, where it refused (`agent.actions.LaneReason`)."""

    def __init__(self, what: str, todo: str, code: str = "") -> None:
        super().__init__(what, todo)
        self.code = code


class NotFound(CounterfoilError):
    """Nothing by that name."""

    exit_code = 1


class ContractRefused(CounterfoilError):
    """A contract's file is not taken, as a whole. troubles: (line, field, what), by line."""

    exit_code = 1

    def __init__(self, what: str, todo: str, troubles: tuple[tuple[int, str, str], ...] = ()) -> None:
        super().__init__(what, todo)
        self.troubles = troubles


class ClaimError(CounterfoilError):
    """What was to happen to a claim cannot: by its state, its money or its dates. Nothing was recorded."""

    exit_code = 1


class PeopleError(CounterfoilError):
    """Who asks may not, or did not prove who he is. Nothing was done; a wrong PIN is recorded."""

    exit_code = 1


class RefundRefusal(CounterfoilError):
    """The rules of money back refuse it. reasons: their codes (docs/refunds.md). Nothing was sent."""

    exit_code = 1

    def __init__(self, what: str, todo: str, reasons: tuple[str, ...] = ()) -> None:
        super().__init__(what, todo)
        self.reasons = self.troubles = reasons


class StatementRefused(CounterfoilError):
    """A statement's or a bank's file is not taken, as a whole. troubles: (line, field, code, words), by line."""

    exit_code = 1

    def __init__(self, what: str, todo: str, troubles: tuple[tuple[int, str, str, str], ...] = ()) -> None:
        super().__init__(what, todo)
        self.troubles = troubles
