"""The house as a whole: what is shipped, what is pinned, what is said of the version, and what must stand in no file."""

from __future__ import annotations

import fnmatch
import importlib.metadata
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
ROOMS = ("protocol", "agent", "simulator", "tui")
PROJECT = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))
CONSTRAINTS = (HOUSE / "constraints.txt").read_text(encoding="utf-8")

# Written so that this file does not hold them itself.
MACHINE_PATH = re.compile(r"(?<![\w.~/$}-])/(?:root|home|work|Users)/" + r"\w")
INDEX = re.compile(
    r"(?:files\.)?python"
    + r"hosted\.org|pypi"
    + r"\.org|--(?:extra-)?index"
    + r"-url|--find"
    + r"-links|/simple"
    + r"/?\s*$",
    re.MULTILINE,
)


def files() -> list[Path]:
    """What git tracks, and what it would: new files that are not ignored."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=HOUSE, check=True, capture_output=True, text=True).stdout
    return [path for name in listed.split("\0") if name and (path := HOUSE / name).is_file()]


def test_no_file_names_a_developers_machine() -> None:
    texts = {path.relative_to(HOUSE): path.read_bytes().decode(errors="replace") for path in files()}
    assert len(texts) > 100
    assert {str(path): m[0] for path, text in texts.items() if (m := MACHINE_PATH.search(text))} == {}
    assert {str(path): m[0] for path, text in texts.items() if (m := INDEX.search(text))} == {}


@pytest.mark.parametrize(
    "planted", ["/".join(["", "root", "x"]), "see " + "/".join(["", "work", "main"]), '"/' + "home/me"]
)
def test_a_planted_path_is_found(planted: str) -> None:
    assert MACHINE_PATH.search(planted)


def test_packages_are_those_on_disk() -> None:
    on_disk = {
        ".".join(path.parent.relative_to(HOUSE).parts) for room in ROOMS for path in (HOUSE / room).rglob("__init__.py")
    }
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == on_disk


def test_every_file_of_the_rooms_is_in_the_wheel() -> None:
    """A module outside every package, or a data file that no pattern takes, would be missing from the wheel."""
    packages = set(PROJECT["tool"]["setuptools"]["packages"])
    patterns = {
        f"{package.replace('.', '/')}/{pattern}"
        for package, listed in PROJECT["tool"]["setuptools"]["package-data"].items()
        for pattern in listed
    }
    sources = {".po", ".pot"}  # of the catalogues: the .mo is what runs
    left_out = []
    for path in files():
        name = path.relative_to(HOUSE)
        if name.parts[0] not in ROOMS or path.suffix in sources:
            continue
        if path.suffix == ".py":
            shipped = ".".join(name.parent.parts) in packages
        else:
            shipped = any(fnmatch.fnmatch(str(name), pattern) for pattern in patterns)
        if not shipped:
            left_out.append(str(name))
    assert left_out == []


def test_one_version() -> None:
    version = PROJECT["project"]["version"]
    told = re.findall(
        r"^#{2,3} \[?(\d+\.\d+\.\d+)\]?", (HOUSE / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert told[0] == version
    assert importlib.metadata.version("counterfoil") == version


def pins() -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+)", CONSTRAINTS, re.MULTILINE))


def test_everything_is_pinned_with_hashes() -> None:
    blocks = re.split(r"^(?=[\w.-]+==)", CONSTRAINTS, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(pins()) > 30
    assert [block.splitlines()[0] for block in blocks if not re.search(r"--hash=sha256:[0-9a-f]{64}", block)] == []
    asked = [
        *PROJECT["project"]["dependencies"],
        *PROJECT["dependency-groups"]["dev"],
        *PROJECT["build-system"]["requires"],
    ]
    names = {re.match(r"[\w.-]+", requirement)[0].lower() for requirement in asked}  # type: ignore[index]
    assert names <= pins().keys()


def test_what_runs_here_is_what_is_pinned() -> None:
    """An environment that an older constraints.txt made would test something else than is shipped."""
    installed = {d.name.lower().replace("_", "-"): d.version for d in importlib.metadata.distributions()}
    assert {name: installed[name] for name, pin in pins().items() if installed.get(name, pin) != pin} == {}


def test_contributing_names_every_dependency_as_pinned() -> None:
    table = dict(
        re.findall(r"([a-z][\w-]+) (\d[\w.]*)(?=[ ,])", (HOUSE / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    )
    asked = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]]
    for requirement in asked:
        name = re.match(r"[\w.-]+", requirement)[0]  # type: ignore[index]
        assert table.get(name) == pins()[name], name


def test_ci_script_can_be_run() -> None:
    script = HOUSE / ".ci" / "run"
    assert script.stat().st_mode & 0o100
    subprocess.run(["bash", "-n", str(script)], check=True)
