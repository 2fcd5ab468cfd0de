"""Whole processes: `counterfoil --help` against a bare click program, and the demo's day against its start-up."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

RUNS = 9
_BARE = """
import click
@click.group()
@click.option("--home")
def main(home): pass
for name in ("demo", "init", "serve", "journal", "transactions", "terminal", "sim", "tui"):
    main.command(name, help=name)(lambda: None)
main()
"""


def _seconds(command: list[str]) -> float:
    began = perf_counter()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, env=_environment())
    seconds = perf_counter() - began
    assert done.returncode == 0, done.stderr
    return seconds


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}


def help_() -> dict[str, float]:
    """Medians in ms of interleaved runs, and their ratio."""
    counterfoil = [str(Path(sys.executable).with_name("counterfoil")), "--help"]
    bare = [sys.executable, "-c", _BARE, "--help"]
    ours, theirs = [], []
    for _run in range(RUNS + 1):
        ours.append(_seconds(counterfoil))
        theirs.append(_seconds(bare))
    return {
        "help_ms": median(ours[1:]) * 1e3,
        "bare_click_ms": median(theirs[1:]) * 1e3,
        "ratio": median(a / b for a, b in zip(ours[1:], theirs[1:], strict=True)),
    }


def day() -> dict[str, float]:
    """A headless demo of 300 transactions, and one of a single transaction: what is above it is the day's own time."""
    whole, start = [], []
    with tempfile.TemporaryDirectory() as name:
        for run in range(5):
            for count, times in ((300, whole), (1, start)):
                home = str(Path(name) / f"{count}-{run}")
                command = [sys.executable, "-m", "agent", "--home", home, "demo", "--headless", "--json"]
                times.append(_seconds([*command, "--transactions", str(count), "--seed", "7"]))
    return {
        "whole_s": median(whole),
        "start_s": median(start),
        "beyond_start_s": median(a - b for a, b in zip(whole, start, strict=True)),
    }


def start() -> dict[str, float]:
    """`make run` on a made environment: until the day begins to be recorded; against Python starting and doing nothing."""
    ours, bare = [], []
    with tempfile.TemporaryDirectory() as name:
        for run in range(RUNS):
            environment = {**_environment(), "COUNTERFOIL_HOME": str(Path(name) / str(run))}
            began = perf_counter()
            process = subprocess.Popen(
                ["make", "run"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=environment,
            )
            assert process.stderr is not None
            assert b"Recording" in process.stderr.readline()
            ours.append(perf_counter() - began)
            process.communicate()
            bare.append(_seconds([sys.executable, "-c", ""]))
    return {"start_s": median(ours), "python_ms": median(bare) * 1e3}


if __name__ == "__main__":
    print(help_(), day(), start())
