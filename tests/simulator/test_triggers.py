"""The page's tables are the code's (docs/simulator.md), and the command prints them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from simulator.cli import sim
from simulator.triggers import document

PAGE = Path(__file__).parents[2] / "docs" / "simulator.md"


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading."""
    section = PAGE.read_text("utf-8").split(f"\n### {heading}\n")[1].split("\n#")[0]
    table = section[section.index("\n|") + 1 :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in table]


@pytest.mark.parametrize(
    ("heading", "table"), [("What amounts do", "amounts"), ("Customers", "customers"), ("Crashes", "crashes")]
)
def test_the_page_has_every_name_and_no_other(heading: str, table: str) -> None:
    assert rows(heading) == [list(row.values()) for row in document()[table]]
    assert all(all(row[key] for key in ("what",)) for row in document()[table])


def test_the_command_prints_them() -> None:
    said = CliRunner().invoke(sim, ["triggers", "--json"])
    assert said.exit_code == 0 and json.loads(said.output) == document()
    text = CliRunner().invoke(sim, ["triggers"]).output
    assert all(row.get("name", row.get("digits")) in text for table in document().values() for row in table)


@pytest.mark.parametrize("option", [["--customer", "a stranger"], ["--crash", "fire"]])
def test_an_unknown_name_is_refused_before_the_port_is_there(tmp_path: Path, option: list[str]) -> None:
    said = CliRunner().invoke(sim, ["run", "--link", str(tmp_path / "port"), *option])
    assert said.exit_code == 3 and "Choose one of" in said.stderr
    assert not (tmp_path / "port").is_symlink()
