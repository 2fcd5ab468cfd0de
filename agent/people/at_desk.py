"""The desk's answers about people, in the process that owns the record."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

from agent.errors import PeopleError
from agent.following import Following
from agent.journal.drafting import to_draft
from agent.journal.reader import Head
from agent.journal.store import Journal
from agent.language import _
from agent.orders import recordable
from agent.people import pins
from agent.people.people import Operator, People
from agent.people.people_kinds import (
    OperatorAdded,
    OperatorRemoved,
    PeopleFact,
    PinRight,
    PinSet,
    PinWrong,
    RecoverySet,
    ResetBy,
    Role,
)
from agent.people.people_types import AddOperator, Credential, OperatorView, PeopleChange, RemoveOperator, SetPin

_SHORT_NAME = re.compile(r"[0-9A-Za-z_-]{1,16}")


class PeopleAtDesk:
    """following: the entries of people. write: appends in one commit, durably. now: ms UTC.

    One question of a PIN at a time: guesses cost the machine no more than one scrypt, and none is forgotten.
    """

    def __init__(
        self, following: Following, write: Callable[[Callable[[Journal, int], Head]], Head], now: Callable[[], int]
    ) -> None:
        self._following, self._write, self._now = following, write, now
        self._known = People()
        self._lock = threading.RLock()

    def views(self) -> tuple[OperatorView, ...]:
        now = self._now()
        return tuple(
            OperatorView(one.operator, one.role, one.name, one.works, one.locked_until(now))
            for one in self.known().operators.values()
        )

    def known(self) -> People:
        """All that the journal says now; only what came since the last time is read."""
        with self._lock:
            self._known = self._known.after(self._following.news())
            return self._known

    def authenticate(self, given: Credential, *roles: Role) -> Operator:
        """The operator whose PIN this is. roles: one of these is needed; none: any.

        Raises PeopleError; a wrong try is in the journal before that.
        """
        with self._lock:
            found = self.known().working(given.operator)
            if found is None:
                raise _nobody(given.operator)
            if until := found.locked_until(now := self._now()):
                raise _locked(found.operator, until - now)
            self._prove(found, is_right=pins.is_right(given.pin, found.verifier))
            if roles and found.role not in roles:
                raise PeopleError(
                    _("Operator {operator} may not do that.").format(operator=found.operator),
                    _("Ask a manager, who gives his own PIN."),
                )
            return found

    def _prove(self, one: Operator, *, is_right: bool) -> None:
        if not is_right:
            self._append(PinWrong(operator=one.operator))
            after = self.known().operators[one.operator]
            if until := after.locked_until(now := self._now()):
                raise _locked(one.operator, until - now)
            raise PeopleError(
                _("That is not the PIN of operator {operator}.").format(operator=one.operator),
                _("Try again; after five wrong tries it is locked for a while."),
            )
        if one.wrong:
            self._append(PinRight(operator=one.operator))

    def change(self, asked: PeopleChange) -> str | None:
        """Durably. The recovery code where a new one was made: it is shown this once. Raises PeopleError."""
        with self._lock:
            match asked:
                case AddOperator():
                    return self._add(asked)
                case SetPin():
                    return self._set_pin(asked)
                case RemoveOperator():
                    self._remove(asked)
                    return None

    def _add(self, asked: AddOperator) -> str | None:
        _require_pin(asked.pin)
        known = self.known()
        if not _SHORT_NAME.fullmatch(asked.operator):
            raise PeopleError(
                _("{operator} is no short name for an operator.").format(operator=recordable(asked.operator)),
                _("Use up to 16 letters and digits, as 01 or wang."),
            )
        if asked.operator in known.operators:
            raise PeopleError(
                _("There is an operator {operator} already, or was.").format(operator=asked.operator),
                _("Choose another short name: what is in the record is of one person alone."),
            )
        first = not known.operators
        if first and asked.role is not Role.MANAGER:
            raise PeopleError(
                _("The first operator of a shop is a manager."),
                _("Add one with: counterfoil operator add NAME --role manager"),
            )
        by = None if first else self.authenticate(_said(asked.by), Role.MANAGER).operator
        added = OperatorAdded(
            operator=asked.operator,
            role=asked.role,
            by=by,
            name=recordable(asked.name) or None,
            verifier=pins.verifier_of(asked.pin),
        )
        if not first:
            self._append(added)
            return None
        code = pins.recovery_code()
        self._append(added, RecoverySet(by=asked.operator, verifier=pins.verifier_of(code)))
        return code

    def _set_pin(self, asked: SetPin) -> str | None:
        _require_pin(asked.pin)
        known = self.known()
        of = known.working(asked.operator)
        if of is None:
            raise _nobody(asked.operator)
        verifier, reason = pins.verifier_of(asked.pin), recordable(asked.reason) or None
        if asked.recovery is not None:
            return self._recover(of, asked.recovery, verifier, known.recovery)
        by = self.authenticate(_said(asked.by))
        own = by.operator == of.operator
        if not own and by.role is not Role.MANAGER:
            raise PeopleError(
                _("Operator {operator} may not do that.").format(operator=by.operator),
                _("Ask a manager, who gives his own PIN."),
            )
        how = ResetBy.OWN if own else ResetBy.MANAGER
        self._append(PinSet(operator=of.operator, how=how, by=by.operator, reason=reason, verifier=verifier))
        return None

    def _recover(self, of: Operator, told: str, verifier: str, recovery: str | None) -> str:
        """Not refused while he is locked out: eighty random bits are not guessed, and a shop must get in again."""
        if of.role is not Role.MANAGER:
            raise PeopleError(
                _("The recovery code is for managers alone."), _("Ask a manager to set this operator's PIN anew.")
            )
        if not pins.is_right(pins.told_code(told), recovery):
            self._append(PinWrong(operator=of.operator))
            raise PeopleError(
                _("That is not this home's recovery code."),
                _(
                    "It is on the sheet that was printed when the first manager was added; a newer one replaces an older."
                ),
            )
        code = pins.recovery_code()
        self._append(
            PinSet(operator=of.operator, how=ResetBy.RECOVERY, by=of.operator, verifier=verifier),
            RecoverySet(by=of.operator, verifier=pins.verifier_of(code)),
        )
        return code

    def _remove(self, asked: RemoveOperator) -> None:
        by = self.authenticate(asked.by, Role.MANAGER)
        known = self.known()
        of = known.working(asked.operator)
        if of is None:
            raise _nobody(asked.operator)
        if known.at_work(Role.MANAGER) == [of]:
            raise PeopleError(
                _("Operator {operator} is the only manager.").format(operator=of.operator),
                _("Add another manager first."),
            )
        reason = recordable(asked.reason) or None
        self._append(OperatorRemoved(operator=of.operator, by=by.operator, reason=reason))

    def _append(self, *facts: PeopleFact) -> None:
        drafts = [to_draft(fact, lambda _token: b"") for fact in facts]  # none of them has a card's token
        self._write(lambda journal, at: journal.append(drafts, at))


def _said(given: Credential | None) -> Credential:
    if given is None:
        raise PeopleError(
            _("Only a manager may do that, and none was named."),
            _("Say who with --operator; the PIN is asked for, or read from --pin-fd."),
        )
    return given


def _require_pin(pin: str) -> None:
    if not pins.is_allowed(pin):
        raise PeopleError(
            _("That PIN is not allowed."),
            _("Choose 6 to 12 digits, neither one digit alone nor a row as 123456."),
        )


def _nobody(operator: str) -> PeopleError:
    return PeopleError(
        _("There is no operator {operator} here.").format(operator=recordable(operator)),
        _("See who there is with: counterfoil operator list"),
    )


def _locked(operator: str, left_ms: int) -> PeopleError:
    return PeopleError(
        _("Operator {operator} is locked after wrong PINs, for {minutes} more minutes.").format(
            operator=operator, minutes=-(-left_ms // 60_000)
        ),
        _("Wait so long; a manager can set a new PIN: counterfoil operator reset"),
    )
