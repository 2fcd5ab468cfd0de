"""pytest-plugin/README.md is true: its example passes as it stands there, in somebody else's environment."""

from __future__ import annotations

import importlib.metadata
import inspect
import re
from dataclasses import fields
from importlib.util import find_spec
from types import ModuleType

import pytest

from tests.plugin.elsewhere import PLUGIN, Elsewhere, link

README = (PLUGIN / "README.md").read_text(encoding="utf-8")
_BLOCK = r"^```(?:python|toml)\n# (\w+)\.(\w+)\n(.*?)^```$"
FILES = {f"{stem}__{kind}": text for stem, kind, text in re.findall(_BLOCK, README, re.MULTILINE | re.DOTALL)}
"""As Elsewhere.write takes them."""


TELIUM = ("pyTeliumManager", "pyserial", "pycountry", "payment-card-identifier", "six")
"""What `pip install pyTeliumManager` brings."""


def test_the_examples_pass(elsewhere: Elsewhere) -> None:
    files = {name: text for name, text in FILES.items() if name != "test_telium__py"}
    assert sorted(files) == ["register__py", "test_register__py", "test_scenario__py", "two_sales__toml"]
    elsewhere.write(**files)
    code, said = elsewhere.run("--strict-markers")
    assert code == 0, said
    assert f"{sum(text.count('def test_') for text in files.values())} passed" in said


@pytest.mark.skipif(find_spec("telium") is None, reason="make peers fetches the client")
def test_the_example_with_a_foreign_register_passes(elsewhere: Elsewhere) -> None:
    for name in TELIUM:
        link(importlib.metadata.distribution(name), elsewhere.folder)
    elsewhere.write(test_telium=FILES["test_telium__py"])
    code, said = elsewhere.run("--strict-markers", "test_telium.py")
    assert code == 0, said
    assert "2 passed" in said


def table(under: str) -> list[list[str]]:
    """The first column of each row below a heading: the names in it."""
    section = README.split(f"\n## {under}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)
    return [re.findall(r"`(\w+)", row) for row in rows]


def test_every_option_is_told(plugin: ModuleType) -> None:
    told = [name for row in table("Options") for name in row]
    assert sorted(told) == sorted(field.name for field in fields(plugin.Options))


def test_everything_of_a_simulator_is_told(plugin: ModuleType) -> None:
    told = {name for row in table("Fixtures") for name in row}
    there = {name for name, _ in inspect.getmembers(plugin.TerminalSimulator) if not name.startswith("_")}
    for_reports = {"replay", "report", "shown", "close"}
    attributes = {"url", "terminal", "state_folder", "ledger_file"}
    assert there - for_reports == told - attributes


def test_links_lead_somewhere() -> None:
    """To a file, and where they name one, to a heading in it."""
    links = re.findall(r"\]\((\.\./[^)#\s]+)(?:#([^)]+))?\)", README)
    assert len(links) > 4
    for path, anchor in links:
        text = (PLUGIN / path).read_text(encoding="utf-8")
        headings = {
            re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in re.findall(r"^#+ (.+)$", text, re.M)
        }
        assert not anchor or anchor in headings, anchor
