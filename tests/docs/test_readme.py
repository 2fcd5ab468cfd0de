"""The READMEs are true: every command that they show is run as it stands there, and prints what they say it prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
READMES = ("README.md", "README.zh-CN.md")
RUNS = "<!-- runs -->"
_BLOCK = re.compile(
    r"(?P<marker><!-- runs -->\n)?^```(?P<kind>sh|console)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_ANYTHING = "…"


@dataclass(frozen=True, slots=True)
class Block:
    runs: bool
    commands: tuple[str, ...]
    prints: str
    """What stands below the command of a console block."""


def blocks(readme: str) -> list[Block]:
    found = []
    for match in _BLOCK.finditer((HOUSE / readme).read_text(encoding="utf-8")):
        lines = match["text"].splitlines()
        if match["kind"] == "console":
            commands = tuple(line[2:] for line in lines if line.startswith("$ "))
            prints = "\n".join(line for line in lines if not line.startswith("$ "))
        else:
            commands, prints = tuple(line.split("  #")[0].strip() for line in lines), ""
        found.append(Block(match["marker"] is not None, commands, prints))
    return found


@pytest.mark.parametrize("readme", READMES)
def test_every_command_works(readme: str, tmp_path: Path) -> None:
    """In order, in an empty folder whose .venv is the one that runs this test."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    chinese = readme != READMES[0]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LC_ALL": "zh_CN.UTF-8" if chinese else "C.UTF-8"}
    ran = 0
    for block in blocks(readme):
        if not block.runs:
            continue
        for command in block.commands:
            done = subprocess.run(
                ["/bin/sh", "-euc", command],
                check=False,
                cwd=tmp_path,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert done.returncode == 0, f"{command}\n{done.stderr}"
            ran += 1
        if block.prints:
            assert_prints(block.prints, done.stdout)
    assert ran == 20
    for name in ("head.note", "entry.json", "entry.tlog-proof", "journal.vkey", "shop/settings.toml"):
        assert (tmp_path / name).stat().st_size > 0


def assert_prints(promised: str, printed: str) -> None:
    """Line by line, … standing for anything."""
    lines, shown = printed.strip().splitlines(), promised.strip().splitlines()
    assert len(lines) == len(shown), printed
    for line, pattern in zip(lines, shown, strict=True):
        assert re.fullmatch(".*".join(map(re.escape, pattern.split(_ANYTHING))), line), f"{pattern!r} is not {line!r}"


@pytest.mark.parametrize("readme", READMES)
def test_unmarked_commands_are_make_targets(readme: str) -> None:
    """`make run` and `make test` are run by .ci/run; here that make knows them, and what they lead to."""
    commands = [command for block in blocks(readme) if not block.runs for command in block.commands]
    assert commands == ["make run", "make test"]
    for command in commands:
        done = subprocess.run(
            [*command.split(), "-n"], check=False, cwd=HOUSE, capture_output=True, text=True, timeout=30
        )
        assert done.returncode == 0, done.stderr
        assert {"make run": "counterfoil demo", "make test": "-m pytest"}[command] in done.stdout


def test_both_readmes_show_the_same_commands() -> None:
    english, chinese = ([(block.runs, block.commands) for block in blocks(readme)] for readme in READMES)
    assert english == chinese


def test_both_readmes_show_the_same_figures() -> None:
    english, chinese = (
        re.findall(r"[¥\d][\d,.%]*", b.prints) for readme in READMES for b in blocks(readme) if b.prints
    )
    assert len(english) == 27
    assert english == chinese


@pytest.mark.parametrize("page", [*READMES, "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", (HOUSE / page).read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if "://" not in link and not (HOUSE / link).exists()] == []
