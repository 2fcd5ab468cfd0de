"""docs/verify.md is true: its own commands, with openssl and sha256sum alone, accept real proofs and refuse forgeries."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "verify.md"
TOOLS = ("openssl", "sha256sum", "base64", "xxd", "sed")

# A fresh machine may lack one; CI installs them, and skips nothing.
pytestmark = pytest.mark.skipif(
    "CI" not in os.environ and any(shutil.which(tool) is None for tool in TOOLS), reason="needs openssl 3 and xxd"
)


def page_script() -> str:
    return "\n".join(re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL))


def run_page(folder: Path) -> subprocess.CompletedProcess[str]:
    """The page's commands as they stand, in a shell that ends at the first refusal; its PATH has no counterfoil."""
    return subprocess.run(
        ["/bin/sh", "-eu", "-c", page_script()],
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
    )


@pytest.fixture
def given(cli: Callable[..., str], demo_home: Path, tmp_path: Path) -> Path:
    """The three files of the page, for an entry in the middle."""
    return hand_out(cli, demo_home, 12, tmp_path)


def hand_out(cli: Callable[..., str], home: Path, seq: int, folder: Path) -> Path:
    (folder / "entry.json").write_text(cli(home, "journal", "show", str(seq)), encoding="utf-8")
    (folder / "entry.tlog-proof").write_text(cli(home, "journal", "proof", str(seq)), encoding="utf-8")
    shutil.copy(home / "keys" / "journal.vkey", folder)
    return folder


def test_tools_are_here() -> None:
    assert [tool for tool in TOOLS if shutil.which(tool) is None] == []
    version = subprocess.run(["openssl", "version"], check=True, capture_output=True, text=True).stdout
    assert int(version.split()[1].split(".")[0]) >= 3


# First, last (the odd edge, where levels without a sibling are skipped), both sides of the largest complete subtree, between.
@pytest.mark.parametrize("seq", [0, 12, 63, 64, 83, 84])
def test_page_accepts_real_proof(cli: Callable[..., str], demo_home: Path, tmp_path: Path, seq: int) -> None:
    done = run_page(hand_out(cli, demo_home, seq, tmp_path))
    assert done.returncode == 0, done.stderr
    assert "Signature Verified Successfully" in done.stdout
    assert f"entry {seq} stands in the record of 85 entries that counterfoil/" in done.stdout


def _flip_base64(text: str) -> str:
    raw = bytearray(base64.b64decode(text))
    raw[-1] ^= 1
    return base64.b64encode(raw).decode()


def forge_entry(folder: Path) -> None:
    path = folder / "entry.json"
    path.write_text(re.sub(r'"at":(\d)', lambda m: f'"at":{int(m[1]) ^ 1}', path.read_text(), count=1))


def forge_index(folder: Path) -> None:
    _replace_line(folder / "entry.tlog-proof", 1, lambda line: "index 13")


def forge_hash(folder: Path) -> None:
    _replace_line(folder / "entry.tlog-proof", 3, _flip_base64)


def drop_hash(folder: Path) -> None:
    lines = (folder / "entry.tlog-proof").read_text().splitlines(keepends=True)
    (folder / "entry.tlog-proof").write_text("".join(lines[:4] + lines[5:]))


def forge_size(folder: Path) -> None:
    _replace_line(folder / "entry.tlog-proof", -5, lambda line: str(int(line) + 1))


def forge_root(folder: Path) -> None:
    _replace_line(folder / "entry.tlog-proof", -4, _flip_base64)


def forge_signature(folder: Path) -> None:
    _replace_line(
        folder / "entry.tlog-proof", -2, lambda line: " ".join([*line.split()[:2], _flip_base64(line.split()[2])])
    )


def forge_key_id(folder: Path) -> None:
    path = folder / "journal.vkey"
    name, key_id, key = path.read_text().strip().split("+", 2)
    path.write_text(f"{name}+{int(key_id, 16) ^ 1:08x}+{key}\n")


def forge_key(folder: Path) -> None:
    path = folder / "journal.vkey"
    name, key_id, key = path.read_text().strip().split("+", 2)
    path.write_text(f"{name}+{key_id}+{_flip_base64(key)}\n")


def _replace_line(path: Path, number: int, change: Callable[[str], str]) -> None:
    lines = path.read_text(encoding="utf-8").split("\n")
    before = lines[number]
    lines[number] = change(before)
    assert lines[number] != before
    path.write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize(
    "forge",
    [forge_entry, forge_index, forge_hash, drop_hash, forge_size, forge_root, forge_signature, forge_key_id, forge_key],
)
def test_page_refuses_forgery(given: Path, forge: Callable[[Path], None]) -> None:
    forge(given)
    done = run_page(given)
    assert done.returncode != 0
    assert "stands in the record" not in done.stdout


def test_page_refuses_proof_of_other_record(
    cli: Callable[..., str], given: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A second journal's key beside the first one's proof."""
    other = tmp_path_factory.mktemp("other") / "home"
    cli(other, "demo", "--headless", "--transactions", "1", "--seed", "8", "--json")
    shutil.copy(other / "keys" / "journal.vkey", given)
    assert run_page(given).returncode != 0
