"""docs/protocol.md says what the code does: its generated blocks are fresh, and no kind of value is without its line."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from protocol.dialects.native import wire
from protocol.dialects.native.framing import FrameType

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "protocol.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_build", DOCS / "build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_blocks_are_fresh(build: ModuleType) -> None:
    assert build.filled(PAGE) == PAGE
    names = re.findall(r"<!-- generated: (\S+) -->", PAGE)
    assert set(names) == {name for name in build.BLOCKS if name.startswith("native-") or name == "money-states"}
    assert PAGE.count("<!-- end -->") == len(names)


def test_a_page_behind_the_code_fails_the_check_and_is_filled_without_it(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    shutil.copy(DOCS / "build.py", docs)
    shutil.copytree(DOCS.parent / "tests" / "vectors" / "native", tmp_path / "tests" / "vectors" / "native")
    (docs / "protocol.md").write_text(PAGE.replace("up_to", "up_until"), encoding="utf-8")
    command = [sys.executable, str(docs / "build.py")]
    checked = subprocess.run([*command, "--check"], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 1
    assert "protocol.md" in checked.stderr
    subprocess.run(command, check=True, timeout=60)
    assert (docs / "protocol.md").read_text(encoding="utf-8") == PAGE


def test_every_kind_of_value_is_described() -> None:
    described = {cell.split(" ≤")[0] for cell in re.findall(r"^\| ([a-zA-Z ]+(?: ≤\S+)?) \|", PAGE, re.MULTILINE)}
    kinds = {
        re.split(r" ≤| \(", field.value.name)[0]
        for layout in (*wire.LAYOUTS, wire.HELLO_FIELDS)
        for field in layout.fields
    }
    assert kinds <= described


def test_every_frame_type_stands_in_the_header_table() -> None:
    for kind in FrameType:
        if kind.name.startswith("PAIR"):
            continue
        assert f"{int(kind)} {kind.name}" in PAGE


def test_the_page_links_to_nothing_that_is_not_there() -> None:
    for link in re.findall(r"\]\(([^)]+)\)", PAGE):
        anchor = link.removeprefix("#")
        headings = {
            re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-")
            for line in PAGE.splitlines()
            if line.startswith("#")
        }
        assert anchor in headings, link
    for path in re.findall(r"`(tests/[a-z_/.]+|protocol/[a-z_/.]+)`", PAGE):
        assert (DOCS.parent / path).exists(), path
