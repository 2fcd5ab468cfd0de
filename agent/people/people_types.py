"""What crosses between screens, commands and the record's owner about people; `agent.views` hands these on."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.people.people_kinds import Role


@dataclass(frozen=True, slots=True)
class Credential:
    """Who says he is here. pin: shown and recorded nowhere."""

    operator: str
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AddOperator:
    """by: a manager; None only for the first operator of a home, who is a manager."""

    operator: str
    role: Role
    pin: str = field(repr=False)
    name: str = ""
    by: Credential | None = None


@dataclass(frozen=True, slots=True)
class SetPin:
    """A new PIN: by oneself with the old one, by a manager for another, or, with `recovery`, for a manager."""

    operator: str
    pin: str = field(repr=False)
    by: Credential | None = None
    recovery: str | None = field(default=None, repr=False)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RemoveOperator:
    operator: str
    by: Credential
    reason: str = ""


PeopleChange = AddOperator | SetPin | RemoveOperator


@dataclass(frozen=True, slots=True)
class OperatorView:
    """locked_until: ms UTC, 0 where he is not locked out. works: False once he was removed."""

    operator: str
    role: str
    name: str | None
    works: bool
    locked_until: int
