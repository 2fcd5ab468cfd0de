"""Progress on stderr: a bar on a terminal, a line every tenth where there is none."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

WIDTH = 24


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Gives a function to call with (done, total), as often as one likes."""
    on_terminal = sys.stderr.isatty()
    shown = -1

    def show(done: int, total: int) -> None:
        nonlocal shown
        percent = 100 if total <= 0 else min(100, done * 100 // total)
        step = percent if on_terminal else percent // 10 * 10
        if step <= shown:
            return
        shown = step
        filled = WIDTH * percent // 100
        line = f"{label} [{'#' * filled}{'-' * (WIDTH - filled)}] {percent:>3}%  {done}/{total}"
        click.echo(f"\r{line}" if on_terminal else line, nl=not on_terminal, err=True)

    try:
        yield show
    finally:
        if on_terminal and shown >= 0:
            click.echo(err=True)
