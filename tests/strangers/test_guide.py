"""docs/verify.md and its Chinese edition are true: their own commands accept real records and refuse every forgery, at the step
that they say. The shell has openssl, sha256sum, xxd and the like, and no counterfoil."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.strangers.records import Bench, Command, Record, Verifier
from tests.strangers.tampers import TAMPERS, Tamper

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {
    language: (DOCS / name).read_text(encoding="utf-8")
    for language, name in (("en", "verify.md"), ("zh", "verify.zh.md"))
}
TOOLS = ("openssl", "sha256sum", "base64", "xxd", "sed", "dd")
WAYS = {"note": [2, 3, 4], "proof": [1, 2, 3, 4, 5], "tiles": [2, 3, 4, 6], "consistent": [2, 3, 4, 6, 7]}

# A fresh machine may lack one; CI installs them, and skips nothing.
pytestmark = pytest.mark.skipif(
    "CI" not in os.environ and any(shutil.which(tool) is None for tool in TOOLS), reason="needs openssl 3 and xxd"
)


def steps(page: str) -> dict[int, str]:
    """Number of the section → its commands."""
    parts = re.split(r"^## (?:(\d+)\. )?.*$", page, flags=re.MULTILINE)
    blocks = {
        int(number): "".join(re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
        for number, text in zip(parts[1::2], parts[2::2], strict=True)
        if number
    }
    assert all(blocks.values())
    return blocks


STEPS = steps(PAGES["en"])


def run(folder: Path, *way: int, language: str = "en", **environment: str) -> tuple[int | None, str]:
    """(the step whose command did not hold, None if all did; stdout). In a shell that ends at the first refusal."""
    blocks = steps(PAGES[language])
    script = "\n".join(f"echo step {number} >&2\n{blocks[number]}" for number in way)
    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", script],
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", **environment},
    )
    reached = [int(line.split()[1]) for line in done.stderr.splitlines() if re.fullmatch(r"step \d+", line)]
    return (reached[-1] if done.returncode else None), done.stdout


def laid_out(case: Bench, job: str) -> Path:
    """What the page's reader has in the folder in which the commands run."""
    if job == "proof":
        return case.path
    shutil.copy(case.path / "older", case.folder)
    return case.folder


def test_tools_are_here() -> None:
    assert [tool for tool in TOOLS if shutil.which(tool) is None] == []
    version = subprocess.run(["openssl", "version"], check=True, capture_output=True, text=True).stdout
    assert int(version.split()[1].split(".")[0]) >= 3


def test_both_editions_have_the_same_commands_and_sections() -> None:
    assert steps(PAGES["zh"]) == STEPS
    assert sorted(STEPS) == list(range(1, 12))
    shape = {language: re.findall(r"^(#+|\||- |```\w*)", page, re.MULTILINE) for language, page in PAGES.items()}
    assert shape["zh"] == shape["en"]


# First, last (the odd edge, where levels without a sibling are skipped), both sides of the largest complete subtree, between.
@pytest.mark.parametrize("seq", [0, 12, 63, 64, 83, 84])
def test_page_accepts_real_proof(bench: Callable[..., Bench], seq: int) -> None:
    case = bench(85, seq)
    refused, said = run(case.path, *WAYS["proof"])
    assert refused is None
    assert "Signature Verified Successfully" in said
    assert f"entry {seq} stands in the record of 85 entries that counterfoil/" in said


@pytest.mark.parametrize("size", [1, 2, 3, 85, 256])
def test_page_accepts_whole_record_and_older_head(bench: Callable[..., Bench], size: int) -> None:
    case = bench(size)
    refused, said = run(laid_out(case, "consistent"), *WAYS["consistent"])
    assert refused is None
    assert f"all {size} entries are those that counterfoil/" in said
    assert said.count("Signature Verified Successfully") == 2
    older = int((case.path / "older").read_text(encoding="utf-8").split("\n")[1])
    assert said.endswith(f"the first {older} entries are those of the older head\n")
    entries = (case.folder / "entries.txt").read_text(encoding="utf-8").splitlines()
    assert len(entries) == size
    assert all(f'"seq":{seq},"v":1}}' in entry for seq, entry in enumerate(entries))


SHELL = {name: tamper for name, tamper in TAMPERS.items() if tamper.needs <= 85 and tamper.job != "consistent"}
"""A tile that a consistency proof does not need is read all the same by the page; what it says of two heads is below."""


@pytest.mark.parametrize("name", SHELL)
def test_page_refuses_forgery_of_proof_head_or_folder(bench: Callable[..., Bench], name: str) -> None:
    refuse(bench(85), TAMPERS[name])


TWO_HEADS = [name for name, tamper in TAMPERS.items() if tamper.job == "consistent" and tamper.step == 7]


@pytest.mark.parametrize("name", TWO_HEADS)
def test_page_refuses_forgery_of_older_head(bench: Callable[..., Bench], name: str) -> None:
    refuse(bench(40), TAMPERS[name])


@pytest.mark.parametrize("name", [name for name, tamper in TAMPERS.items() if tamper.needs > 85])
def test_page_refuses_forgery_above_the_first_level(bench: Callable[..., Bench], name: str) -> None:
    refuse(bench(257), TAMPERS[name])


def refuse(case: Bench, tamper: Tamper) -> None:
    tamper.forge(case)
    refused, said = run(laid_out(case, tamper.job), *WAYS[tamper.job])
    assert refused == tamper.step, said
    assert f"of {case.true.size} entries that" not in said


def test_chinese_page_accepts_and_refuses_too(bench: Callable[..., Bench]) -> None:
    case = bench(85)
    assert run(case.path, *WAYS["proof"], language="zh")[0] is None
    folder = laid_out(case, "consistent")
    assert run(folder, *WAYS["consistent"], language="zh")[0] is None
    TAMPERS["tiles-two_entries_exchanged"].forge(case)
    assert run(folder, *WAYS["tiles"], language="zh")[0] == 6


@pytest.mark.parametrize("text", ["whole", "three lines", "no last line feed", "other line ends", "blank lines after"])
def test_head_scanned_from_a_code_is_compared(bench: Callable[..., Bench], text: str) -> None:
    case = bench(20)
    note = (case.path / "older").read_text(encoding="utf-8")
    scanned = {
        "whole": note,
        "three lines": "\n".join(note.split("\n")[:3]) + "\n",
        "no last line feed": "\n".join(note.split("\n")[:3]),
        "other line ends": note.replace("\n", "\r\n"),
        "blank lines after": note + "\n\n",
    }[text]
    (case.folder / "scanned").write_bytes(scanned.encode())
    refused, said = run(case.folder, 2, 3, 4, 6, 8, 7)
    assert refused is None
    assert said.count("Signature Verified Successfully") == (1 if "\n\n" not in scanned.replace("\r", "") else 2)
    lines = scanned.splitlines()
    (case.folder / "scanned").write_text("\n".join([*lines[:2], lines[2].swapcase(), *lines[3:]]), encoding="utf-8")
    assert run(case.folder, 2, 3, 4, 6, 8, 7)[0] == 7


@pytest.fixture
def disclosed(bench: Callable[..., Bench]) -> Bench:
    """An entry with a merchant's name, and value and salt of it as the home keeps them outside the leaf."""
    case = bench(85, 12)
    with closing(sqlite3.connect(f"file:{case.true.home / 'journal.db'}?mode=ro", uri=True)) as database:
        query = "SELECT salt, value FROM private WHERE seq = 12 AND field = 'merchant_name'"
        salt, value = database.execute(query).fetchone()
    assert value == "便民超市"
    (case.path / "salt").write_text(salt.hex(), encoding="ascii")
    (case.path / "value").write_text(value, encoding="utf-8")
    return case


def test_disclosed_value_is_checked(disclosed: Bench) -> None:
    refused, said = run(disclosed.path, *WAYS["proof"], 9)
    assert refused is None
    assert said.endswith("merchant_name is what was sealed in the entry\n")


@pytest.mark.parametrize(
    ("file", "text"), [("value", "便民商店"), ("salt", "00" * 16), ("salt", "00" * 15), ("value", "")]
)
def test_another_value_or_salt_is_refused(disclosed: Bench, file: str, text: str) -> None:
    (disclosed.path / file).write_text(text, encoding="utf-8")
    assert run(disclosed.path, *WAYS["proof"], 9)[0] == 9


NAME = "witness.example/w1"
SEEN = 1_772_400_000


@pytest.fixture
def cosigned(bench: Callable[..., Bench]) -> Bench:
    """A head with the cosignature of a witness made here by the letter of c2sp.org/tlog-cosignature."""
    case = bench(3)
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    public = b"\x04" + key.public_key().public_bytes_raw()
    key_id = sha256(NAME.encode() + b"\n" + public).digest()[:4]
    note = (case.folder / "checkpoint").read_text(encoding="utf-8")
    text = note.split("\n\n")[0] + "\n"
    blob = key_id + SEEN.to_bytes(8, "big") + key.sign(f"cosignature/v1\ntime {SEEN}\n{text}".encode())
    (case.folder / "checkpoint").write_text(f"{note}— {NAME} {b64encode(blob).decode()}\n", encoding="utf-8")
    (case.folder / "witness.vkey").write_text(f"{NAME}+{key_id.hex()}+{b64encode(public).decode()}\n", encoding="ascii")
    return case


def test_cosignature_is_checked(cosigned: Bench) -> None:
    refused, said = run(cosigned.folder, 2, 3, 4, 10)
    assert refused is None
    seen = datetime.fromtimestamp(SEEN, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert said.endswith(f"{NAME} saw this head at {seen}\n")
    assert said.count("Signature Verified Successfully") == 2


@pytest.mark.parametrize("byte", [0, 4, 11, 12, -1])
def test_forged_cosignature_is_refused(cosigned: Bench, byte: int) -> None:
    """Key id, both ends of the time, both ends of the signature."""
    path = cosigned.folder / "checkpoint"
    lines = path.read_text(encoding="utf-8").split("\n")
    dash, name, encoded = lines[-2].split()
    blob = bytearray(b64decode(encoded))
    blob[byte] ^= 1
    path.write_text("\n".join([*lines[:-2], f"{dash} {name} {b64encode(blob).decode()}", ""]), encoding="utf-8")
    assert run(cosigned.folder, 2, 3, 4, 10)[0] == 10


def test_cosignature_of_another_witness_is_refused(cosigned: Bench) -> None:
    shutil.copy(cosigned.folder / "journal.vkey", cosigned.folder / "witness.vkey")
    assert run(cosigned.folder, 2, 3, 4, 10)[0] == 10


def test_programs_run_as_the_page_says(
    bench: Callable[..., Bench], go: Verifier, node: Verifier, tmp_path: Path
) -> None:
    """`go` and `node` are asked for, so that it is skipped where they are not."""
    case = bench(257)
    folder = laid_out(case, "consistent")
    here = Path(__file__).parent
    for file in (
        case.path / "entry.json",
        case.path / "entry.tlog-proof",
        here / "go" / "verify.go",
        here / "verify.mjs",
    ):
        shutil.copy(file, folder)
    refused, said = run(folder, 11, HOME=os.environ.get("HOME", str(tmp_path)))
    assert refused is None
    lines = said.splitlines()
    assert len(lines) == 8
    assert lines[:4] == lines[4:]
    assert lines[2] == f"all 257 entries and their hashes are what {case.true.signer.name} signed"


def test_what_the_commands_hand_out_is_what_the_page_takes(
    record: Callable[[int], Record], command: Command, tmp_path: Path
) -> None:
    """The four commands of the page's first table, as they stand, and nothing of our own in between."""
    true = record(85)
    table = dict(re.findall(r"^\| (.+?) \| .+ \| .*?`counterfoil (journal [^`]+)`.*\|$", PAGES["en"], re.MULTILINE))
    assert len(table) == 4
    for words in table.values():
        line = words.replace("SEQ", "12").replace("FOLDER", "record")
        arguments, _, file = line.partition(" > ")
        done = command("--home", str(true.home), *arguments.split(), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        if file:
            (tmp_path / file).write_text(done.stdout, encoding="utf-8")
        if arguments == "journal head":
            vkey = done.stderr.splitlines()[-1].split(": ")[1]
    (tmp_path / "journal.vkey").write_text(vkey + "\n", encoding="ascii")
    assert run(tmp_path, *WAYS["proof"])[0] is None
    assert (tmp_path / "record" / "journal.vkey").read_text(encoding="ascii") == vkey + "\n"
    assert run(tmp_path / "record", *WAYS["tiles"])[0] is None
