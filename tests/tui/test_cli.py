"""`counterfoil tui` before a screen is drawn: light to import, and plain where there is no terminal."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from agent.errors import CounterfoilError
from tui.cli import tui


def test_the_command_does_not_import_textual_until_it_is_called() -> None:
    heavy = (
        "import sys, tui.cli; print(sorted(m for m in ('textual', 'rich', 'sqlite3', 'serial') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_screens_open_without_the_agents_machinery() -> None:
    heavy = "('cryptography', 'serial', 'sqlite3', 'pysqlite3', 'construct', 'agent.journal.store', 'msgspec')"
    ask = f"import sys, tui.app; print(sorted(m for m in {heavy} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_kitty_keyboard_is_off_before_textual_reads_it() -> None:
    ask = "import tui.app, textual.constants as c; print(c.DISABLE_KITTY_KEY)"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_without_a_terminal_it_says_what_to_do_instead() -> None:
    result = CliRunner().invoke(tui, obj=object())
    assert isinstance(result.exception, CounterfoilError)
    assert "counterfoil transactions list" in result.exception.todo
    with pytest.raises(CounterfoilError):
        raise result.exception
