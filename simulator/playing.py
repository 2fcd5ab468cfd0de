"""`sim run --scenario`: the options that a scenario's file gives, the folder that it starts from, its verdict."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from simulator.errors import SimulatorError
from simulator.judge import Check
from simulator.options import Options
from simulator.pairing import PairingMode
from simulator.player import Player
from simulator.scenario import Scenario
from simulator.terminal import Terminal
from simulator.verdict import Verdict, evidence, verdict
from simulator.wires.faults import parse_fault

_MADE_HERE = "scenario"
"""A file in the state folder: what else stands there is a scenario's, and gives way to the next."""
_OF_A_PLAY = ("log.jsonl", "host.jsonl", "ledger.jsonl")


def options_for(options: Options, scenario: Scenario, given: Collection[str]) -> Options:
    """As the file has them, but for those that were given by name on the command line. Raises SimulatorError."""
    told = {key: value for key, value in scenario.options.items() if key not in given}
    changes: dict[str, object] = {key: told[key] for key in _AS_THEY_ARE if key in told}
    changes |= {"exit_when_done": True} if "then_what" not in given else {}
    changes |= {"speed": told.get("speed", 0)} if "speed" not in given else {}
    changes |= {"transactions": told.get("transactions", 0)} if "transactions" not in given else {}
    changes |= {"first": scenario.first} if "date" not in given else {}
    changes |= {"lies": tuple(told["lies"])} if "lies" in told else {}
    changes |= {"faults": tuple(map(parse_fault, told["faults"]))} if "faults" in told else {}
    changes |= {"pairing": PairingMode(told["pairing"])} if "pairing" in told else {}
    return replace(options, scenario=scenario, reboots=True, **changes)  # type: ignore[arg-type]


_AS_THEY_ARE = ("profile", "seed", "days", "dialect", "customer", "crash", "deposit", "line_rate", "throttle")


def clear(state: Path, name: str) -> None:
    """A scenario begins with an empty log; keys stay. Raises SimulatorError where the folder holds another terminal's."""
    mark = state / _MADE_HERE
    try:
        state.mkdir(parents=True, exist_ok=True)
        if (state / "log.jsonl").exists() and not mark.exists():
            raise SimulatorError(
                f"The folder {state} holds a terminal's log that no scenario made.", "Give another --state."
            )
        for one in _OF_A_PLAY:
            (state / one).unlink(missing_ok=True)
        mark.write_text(name + "\n", encoding="utf-8")
    except OSError as error:
        raise SimulatorError(f"The folder {state} cannot be used: {error}.", "Give another --state.") from error


def ended(player: Player, scenario: Scenario, *, stopped: bool) -> Check:
    """That it came to its end; stopped: somebody ended it, and its time was not over."""
    found = player.waits_for + ("; it was stopped" if stopped else "")
    return Check(
        "it came to its end",
        player.finished,
        f"every step done and every request ended within {scenario.ends_after_ms} ms",
        "so it is" if player.finished else found,
    )


def verdict_of(
    terminal: Terminal, options: Options, command: Sequence[str], ms: int, player: Player | None, *, stopped: bool
) -> Verdict:
    """Raises SimulatorError where the ledger cannot be read."""
    assert options.ledger is not None  # whoever is judged keeps one
    scenario, screens, played = options.scenario, list[str](), list[Check]()
    if player is not None and scenario is not None:
        screens, played = player.screens, [*player.checks, ended(player, scenario, stopped=stopped)]
    about: dict[str, str | int] = {
        "profile": options.profile,
        "seed": options.seed,
        "date": options.first.isoformat(),
        "days": options.days,
        "dialect": options.dialect,
        "speed": options.speed,
        **({} if options.transactions is None else {"transactions": options.transactions}),
    }
    found = evidence(terminal, options.ledger, screens, played)
    return verdict(scenario, found, about=about, command=command, ms=ms)
