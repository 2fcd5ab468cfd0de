"""The kinds of entry that people make: who works here, and what was tried with their PINs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from agent.journal.meanings import means

# ruff: noqa: RUF009  means() makes a dataclass field


class Role(StrEnum):
    CASHIER = "cashier"
    MANAGER = "manager"
    TECHNICIAN = "technician"
    """Looks after the device, and moves no money."""


class ResetBy(StrEnum):
    """Whose right a new PIN was set by."""

    OWN = "own"
    """With the old one."""
    MANAGER = "manager"
    RECOVERY = "recovery"
    """With the printed recovery code."""


_VERIFIER = "what checks it (scrypt, salted); not in the leaf, so that an export need not carry it"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorAdded:
    """Somebody works here from now on."""

    kind: ClassVar[str] = "people.added"
    operator: str = means("the operator's short name, of this person alone, for ever")
    role: Role = means("`cashier`, `manager` or `technician`")
    by: str | None = means("the manager who added him; absent for the first manager", None)
    name: str | None = means("the person's name", None)
    verifier: str | None = means(f"of the PIN: {_VERIFIER}", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorRemoved:
    """He works here no more; what he did stays in the record."""

    kind: ClassVar[str] = "people.removed"
    operator: str = means("the operator's short name")
    by: str = means("the manager who removed him")
    reason: str | None = means("why, in that person's words", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PinSet:
    """An operator has a new PIN; the wrong tries before it count no more."""

    kind: ClassVar[str] = "people.pin_set"
    operator: str = means("whose PIN is new")
    how: ResetBy = means("`own`, `manager` or `recovery`")
    by: str = means("who set it")
    reason: str | None = means("why, in that person's words", None)
    verifier: str | None = means(f"of the PIN: {_VERIFIER}", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverySet:
    """A recovery code was made and shown, once; the one before it holds no more."""

    kind: ClassVar[str] = "people.recovery_set"
    by: str = means("the manager to whom it was shown")
    verifier: str | None = means(f"of the code: {_VERIFIER}", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PinWrong:
    """A wrong PIN or recovery code; five of them lock the operator out for a while."""

    kind: ClassVar[str] = "people.pin_wrong"
    operator: str = means("for whom it was given")


@dataclass(frozen=True, slots=True, kw_only=True)
class PinRight:
    """The right PIN after wrong ones: these count no more."""

    kind: ClassVar[str] = "people.pin_right"
    operator: str = means("whose PIN it was")


PeopleFact = OperatorAdded | OperatorRemoved | PinSet | RecoverySet | PinWrong | PinRight
KINDS: dict[str, type] = {fact.kind: fact for fact in PeopleFact.__args__}
PRIVATE: dict[type, frozenset[str]] = {
    OperatorAdded: frozenset({"name", "verifier"}),
    OperatorRemoved: frozenset({"reason"}),
    PinSet: frozenset({"reason", "verifier"}),
    RecoverySet: frozenset({"verifier"}),
}
