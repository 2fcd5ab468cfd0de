"""Which test carries which requirement of docs/domain.md, read from the sources: nothing is imported, nothing is run.

A test names ids by `@pytest.mark.requirement("D05", "4-06")`, on itself, its class or its module (`pytestmark`); a
scenario by whole words of its `tests`. `problems` says what is wrong; docs/coverage.md shows the rest.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

HOUSE = Path(__file__).parents[1]
STORIES = ("张先生", "李女士", "王女士", "赵先生")


@dataclass(frozen=True, slots=True)
class Owner:
    """The part of the program that a requirement belongs to. stands: it is built, so each of its ids has a test."""

    name: str
    stands: bool


FEES, REFUNDS, DEPOSITS = Owner("fees", True), Owner("refunds", False), Owner("deposits and cases", False)
OWNERS: Mapping[str, Owner] = {
    **dict.fromkeys(("3-01", "3-03", "3-21"), FEES),
    "3-04": REFUNDS,
    **dict.fromkeys(STORIES, FEES),
    **dict.fromkeys(("4", "D"), FEES),
    "2": REFUNDS,
    **dict.fromkeys(("0", "1", "3"), DEPOSITS),
}
"""By the id itself, else by its first character."""

_ROW = re.compile(
    rf"^\| (?P<id>[0-4]-\d\d|D\d\d|{'|'.join(STORIES)})(?P<more>[^|]*)\|(?P<second>[^|]*)\|", re.MULTILINE
)
_ID = re.compile(rf"(?<![\w-])(?:[0-4]-\d\d|D\d\d|{'|'.join(STORIES)})(?![\w-])")


@dataclass(frozen=True, slots=True)
class Requirement:
    """id: as docs/domain.md has it. phrase: of the source's article, a detector's name, or a story's."""

    id: str
    phrase: str

    @property
    def owner(self) -> Owner:
        return OWNERS.get(self.id) or OWNERS[self.id[0]]


@dataclass(frozen=True, slots=True)
class Named:
    """A place that names ids. place: `tests/x.py::test_y`, `tests/x.py` for all of a file, or a scenario's file."""

    place: str
    ids: tuple[str, ...]
    wrong: str = ""
    """What a marker says that can be no id, or stands on what is no test."""


def requirements(house: Path = HOUSE) -> tuple[Requirement, ...]:
    """The rows of docs/domain.md, in its order."""
    page = (house / "docs" / "domain.md").read_text(encoding="utf-8")
    rows = []
    for row in _ROW.finditer(page):
        beside = row["more"].strip()
        rows.append(Requirement(row["id"], beside.strip("()") if beside else row["second"].strip()))
    return tuple(rows)


def named(house: Path = HOUSE) -> list[Named]:
    """Every place that names an id: tests by their path, then scenarios by theirs."""
    found: list[Named] = []
    for path in sorted((house / "tests").rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found += _of_file(tree, path.relative_to(house).as_posix())
    for path in sorted((house / "simulator" / "scenarios").glob("*.toml")):
        tags = tomllib.loads(path.read_text(encoding="utf-8")).get("tests", [])
        if ids := tuple(dict.fromkeys(one for tag in tags for one in _ID.findall(tag))):
            found.append(Named(path.relative_to(house).as_posix(), ids))
    return found


def problems(house: Path = HOUSE) -> list[str]:
    """What must not be: an id that docs/domain.md has not, a marker that proves nothing, an id that stands untested."""
    known, places = requirements(house), named(house)
    ids = {one.id for one in known}
    wrong = [f"{one.place}: {one.wrong}" for one in places if one.wrong]
    wrong += [f"{one.place}: docs/domain.md has no {id_}" for one in places for id_ in one.ids if id_ not in ids]
    tested = {id_ for one in places for id_ in one.ids}
    wrong += [f"no test names {one.id} ({one.phrase})" for one in known if one.owner.stands and one.id not in tested]
    return wrong


def coverage_table(house: Path = HOUSE) -> str:
    """Markdown: every requirement with its owner and its tests."""
    tests: dict[str, list[str]] = defaultdict(list)
    for one in named(house):
        for id_ in one.ids:
            tests[id_].append(f"[{one.place}](../{one.place.partition('::')[0]})")
    rows = ["| id | requirement | owner | tests |", "|---|---|---|---|"]
    for requirement in requirements(house):
        owner = requirement.owner
        shown = "<br>".join(tests[requirement.id]) or ("**none**" if owner.stands else "")
        whose = owner.name if owner.stands else f"{owner.name} (*planned*)"
        rows.append(f"| {requirement.id} | {requirement.phrase} | {whose} | {shown} |")
    return "\n".join(rows) + "\n"


# -- markers -----------------------------------------------------------------------------------------------------------


def _of_file(tree: ast.Module, place: str) -> Iterator[Named]:
    """The markers on tests and their classes; one that stands anywhere else in the file holds for all of it."""
    seen: set[ast.Call] = set()
    for names, node in _defined(tree):
        for marker in (each for decorator in node.decorator_list for each in _markers(decorator)):
            seen.add(marker)
            test = names[-1].startswith("Test" if isinstance(node, ast.ClassDef) else "test_")
            yield _named("::".join([place, *names]), marker, "" if test else "the marker is on no test")
    for marker in _markers(tree):
        if marker not in seen:
            yield _named(place, marker)


def _named(place: str, marker: ast.Call, wrong: str = "") -> Named:
    ids = tuple(a.value for a in marker.args if isinstance(a, ast.Constant) and isinstance(a.value, str))
    if not ids or len(ids) != len(marker.args) or marker.keywords:
        wrong = f"line {marker.lineno}: the marker's ids are not written out"
    return Named(place, ids, wrong)


def _defined(
    inside: ast.AST, names: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
    for node in ast.iter_child_nodes(inside):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield (*names, node.name), node
            yield from _defined(node, (*names, node.name))


def _markers(node: ast.AST) -> Iterator[ast.Call]:
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and ast.unparse(each.func) == "pytest.mark.requirement":
            yield each
