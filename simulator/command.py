"""What a command is: its name, its arguments, when it makes no sense. The table of them stands in simulator/commands.py."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from simulator.errors import SimulatorError
from simulator.station import Station

LARGEST = 10**11
"""Of a number that nobody bounds more: some three years in ms, a billion in a currency of cents."""
LARGEST_AMOUNT = 10**10
"""Of money that is asked for, minor units."""
LONGEST = 1024
"""Characters of a text."""

Given = Mapping[str, str | int]
"""Arguments that were checked, defaults among them."""
Answer = dict[str, object]
"""JSON-able; {} where there is nothing to say."""
Doing = Callable[[Station, Given, int], Answer]
"""How a command is done, at that monotonic ms. Raises SimulatorError where it makes no sense now."""


@dataclass(frozen=True, slots=True)
class Argument:
    """what: one phrase. default: None where it may be left out and stands for nothing. least..most: of a number.

    choices: of a text, if it is one of a few.
    """

    name: str
    what: str
    number: bool = False
    required: bool = False
    default: str | int | None = None
    least: int = 0
    most: int = LARGEST
    choices: tuple[str, ...] = ()

    def take(self, command: str, value: object) -> str | int:
        """The value as it is meant. Raises SimulatorError, which never repeats what may be a card's number."""
        if not self.number:
            if not isinstance(value, str) or not value.strip() or len(value) > LONGEST:
                raise SimulatorError(f"The {self.name} of {command} is a text.", f"Give {self.what}.")
            if self.choices and value not in self.choices:
                raise SimulatorError(f"The {self.name} of {command} is another.", f"One of: {', '.join(self.choices)}.")
            return value
        number = _number(value)
        if number is None or not self.least <= number <= self.most:
            raise SimulatorError(
                f"The {self.name} of {command} is no such number.", f"Give a whole number, {self.least}..{self.most}."
            )
        return number

    def document(self) -> dict[str, Any]:
        """For other programs."""
        bounds = {"least": self.least, "most": self.most} if self.number else {}
        return {
            "name": self.name,
            "type": "number" if self.number else "text",
            "required": self.required,
            "default": self.default,
            "what": self.what,
            **bounds,
            **({"choices": list(self.choices)} if self.choices else {}),
        }


def _number(value: object) -> int | None:
    """A whole number, or its ASCII digits, not so many that they mean nothing."""
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"-?[0-9]{1,20}", value) else None
    return value if type(value) is int else None


@dataclass(frozen=True, slots=True)
class Command:
    """what: one sentence. refused: when it makes no sense, in a phrase; empty: never.

    awake: the terminal has to be on and not suspended. more: other keys are a fault's or a lie's own.
    """

    name: str
    what: str
    arguments: tuple[Argument, ...] = ()
    refused: str = ""
    awake: bool = True
    more: bool = False

    def given(self, said: Mapping[str, object]) -> dict[str, str | int]:
        """Every argument that is given or has a default, checked. Raises SimulatorError."""
        known = {one.name: one for one in self.arguments}
        for key in said:
            if key not in known and not self.more:
                keys = f"Choose from: {', '.join(known)}." if known else "It takes none."
                raise SimulatorError(f"The command {self.name} has no {key!r}.", keys)
        found: dict[str, str | int] = {}
        for one in self.arguments:
            if one.name in said:
                found[one.name] = one.take(self.name, said[one.name])
            elif one.required:
                raise SimulatorError(f"The command {self.name} wants {one.name}.", f"Give {one.what}.")
            elif one.default is not None:
                found[one.name] = one.default
        for key, value in said.items():
            if key not in known:
                if isinstance(value, bool) or not isinstance(value, str | int):
                    raise SimulatorError(f"The {key} of {self.name} is neither text nor number.", "Give one of these.")
                found[key] = value
        return found

    @property
    def known(self) -> frozenset[str]:
        """The names of its arguments, a fault's or a lie's own apart."""
        return frozenset(one.name for one in self.arguments)

    @property
    def written(self) -> str:
        """`sell:amount_minor=…[,customer=…]`."""
        parts = [f"{one.name}=…" if one.required else f"[{one.name}=…]" for one in self.arguments]
        parts += ["[KEY=…]"] if self.more else []
        return f"{self.name}:{','.join(parts)}" if parts else self.name

    def document(self) -> dict[str, Any]:
        """For other programs."""
        return {
            "what": self.what,
            "arguments": [one.document() for one in self.arguments],
            "more": self.more,
            "awake": self.awake,
            "refused": self.refused,
        }
