"""Scenario files: those that come with the simulator (simulator/scenarios/*.toml), and anybody's own."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

from protocol.masking import mask_text
from simulator.scenario import Scenario, ScenarioRefused
from simulator.scenario_check import checked

FOLDER = Path(__file__).parent / "scenarios"
LARGEST = 256 * 1024
"""Bytes of a file."""
_HOW = "See https://toml.io for how it is written."


def scenario_names() -> list[str]:
    """Those that come with the simulator, in alphabetical order."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(called: str) -> Scenario:
    """By name, or by the path of a file. ScenarioRefused; SimulatorError where there is none."""
    path = FOLDER / f"{called}.toml" if called in scenario_names() else Path(called)
    if path.suffix != ".toml" or not os.path.lexists(path):
        raise ScenarioRefused(
            f"There is no scenario {mask_text(called)!r}.",
            "`sim scenarios` lists them; a file of your own ends in .toml.",
        )
    if not path.is_file():
        raise ScenarioRefused(f"The scenario {path} is no file.", "Give a text file in UTF-8.")
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        why = error.strerror or str(error)
        raise ScenarioRefused(f"The scenario {path} cannot be read: {why}.", "Give a text file in UTF-8.") from error
    if len(data) > LARGEST:
        raise ScenarioRefused(f"The scenario {path} has more than {LARGEST} bytes.", "Make several of it.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ScenarioRefused(f"{path.name}, line {line}: this is not UTF-8.", "Save it as UTF-8.") from error
    return read(path.stem, text, path.name)


def read(name: str, text: str, file: str = "scenario") -> Scenario:
    """From a text. ScenarioRefused. file: what an error calls it."""
    try:
        raw = tomllib.loads(text)
    except RecursionError as error:
        raise ScenarioRefused(f"{file} is no TOML: it is nested too deeply.", _HOW) from error
    except ValueError as error:  # TOMLDecodeError; of a number with thousands of digits another one
        raise ScenarioRefused(f"{file} is no TOML: {error}.", _HOW) from error
    return checked(name, raw, text, file)
