"""What a module may hold: at most 400 lines, one SQLite for the house, no floats near money, only declared dependencies."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
ROOMS = ("protocol", "agent", "simulator", "tui")
MOST_LINES = 400
"""docs/architecture.md: a module over 400 lines wants to be two."""
ENGINE = "agent/journal/engine.py"
NEAR_MONEY = (
    "protocol/money.py",
    "simulator/acquirer.py",
    "simulator/ledger.py",
    "agent/figures.py",
    "agent/report.py",
    "tui/figures.py",
)


def modules() -> list[str]:
    return sorted(str(path.relative_to(HOUSE)) for room in ROOMS for path in (HOUSE / room).rglob("*.py"))


def tree(module: str) -> ast.Module:
    return ast.parse((HOUSE / module).read_text(encoding="utf-8"), module)


def imported(nodes: ast.AST) -> Iterator[str]:
    """Top-level names that are imported anywhere, also inside functions and by `import_module` of a literal name."""
    for node in ast.walk(nodes):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").split(".")[0]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            yield from (
                a.value.split(".")[0] for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)
            )


def floats(nodes: ast.AST) -> Iterator[str]:
    """Float literals, true divisions, and calls or annotations that name float or round."""
    for node in ast.walk(nodes):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield f"line {node.lineno}: {node.value}"
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            yield f"line {node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.Name) and node.id in {"float", "round"}:
            yield f"line {node.lineno}: {node.id}"


def test_no_module_is_longer_than_400_lines() -> None:
    lines = {module: len((HOUSE / module).read_text(encoding="utf-8").splitlines()) for module in modules()}
    assert len(lines) > 50
    assert {module: count for module, count in lines.items() if count > MOST_LINES} == {}


def test_sqlite_is_imported_by_the_engine_alone() -> None:
    importers = {module for module in modules() if {"sqlite3", "pysqlite3"} & set(imported(tree(module)))}
    assert importers == {ENGINE}


@pytest.mark.parametrize("module", NEAR_MONEY)
def test_no_floats_near_money(module: str) -> None:
    assert list(floats(tree(module))) == []


@pytest.mark.parametrize(
    "planted", ["x = 0.006", "x = a / 100", "x /= 100", "float(x)", "round(x)", "def f(x: float): ..."]
)
def test_a_planted_float_is_found(planted: str) -> None:
    assert len(list(floats(ast.parse(planted)))) == 1


@pytest.mark.parametrize("planted", ["import sqlite3", "from sqlite3 import dbapi2", "import_module('sqlite3.dbapi2')"])
def test_a_planted_import_is_found(planted: str) -> None:
    assert "sqlite3" in imported(ast.parse(f"def f():\n    {planted}"))


def test_what_is_imported_is_declared() -> None:
    """Every distribution that the product imports is a dependency of its own, and every dependency is used."""
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.match(r"[\w.-]+", requirement)[0].lower() for requirement in project["dependencies"]}  # type: ignore[index]
    names = {name for module in modules() for name in imported(tree(module))}
    outside = names - set(ROOMS) - set(sys.stdlib_module_names)
    owners = packages_distributions()
    used = {owners[name][0].lower() for name in outside if name in owners}
    assert outside - set(owners) <= {"pysqlite3"}  # has no wheel on every machine
    # tzdata is read by zoneinfo, without an import.
    assert used | {"tzdata", "pysqlite3"} == declared


def test_generic_names_have_no_room() -> None:
    """docs/architecture.md: names that say nothing."""
    empty = {"utils", "util", "helpers", "manager", "core", "base", "common", "misc"}
    assert [module for module in modules() if empty & set(Path(module).with_suffix("").parts)] == []
