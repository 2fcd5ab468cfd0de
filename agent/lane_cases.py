"""The money requests that the lane knows: the open ones, and all that have ended, by their references."""

from __future__ import annotations

from collections.abc import Sequence

from agent.money import EndedIntent, MoneyCase, OpenIntent, case_of
from agent.money_outcomes import ticketed
from agent.orders import LearnedBy


class Cases:
    """intents, ended: what the journal holds at start, newest last. open: by reference, in the order of their intents."""

    def __init__(self, intents: Sequence[OpenIntent], ended: Sequence[EndedIntent]) -> None:
        self.open = {each.intent.reference: case_of(each) for each in intents}
        self._ended: dict[str, MoneyCase] = {}
        self._before = {each.intent.reference: each for each in ended}  # few of them are ever spoken of again

    def find(self, reference: str | None) -> MoneyCase | None:
        name = reference or ""
        if (known := self._before.pop(name, None)) is not None:
            self._ended[name] = case_of(known)
        return self.open.get(name) or self._ended.get(name)

    def find_by_ticket(self, reference: str) -> MoneyCase | None:
        """On a wire that carries no references: what the terminal has not told the end of, and that ticket was made from."""
        ended: list[EndedIntent | MoneyCase] = [*self._before.values(), *self._ended.values()]
        by_hand = (e.intent.reference for e in ended if e.outcome and e.outcome.learned_by is LearnedBy.MANUAL)
        return self.find(ticketed(reference, (*self.open, *by_hand)))

    def end(self, case: MoneyCase) -> None:
        self._ended[case.reference] = self.open.pop(case.reference)
