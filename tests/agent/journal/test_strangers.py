"""A court's expert without our software: openssl and SHA-256 alone check the last checkpoint and an entry's place under it.

Written out from the published formats (c2sp.org/signed-note, c2sp.org/tlog-checkpoint, RFC 9162 §2.1.3.2); nothing below the
line imports a line of ours.
"""

from __future__ import annotations

import shutil
import subprocess
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.journal.entries import Draft
from agent.journal.proof import prove
from agent.journal.store import Journal

OPENSSL, SHA256SUM = shutil.which("openssl"), shutil.which("sha256sum")
needs_tools = pytest.mark.skipif(not OPENSSL or not SHA256SUM, reason="openssl and sha256sum are not here")


@pytest.fixture
def evidence(home: Path, journal: Journal, sale: Callable[..., Draft], tmp_path: Path) -> Path:
    """What is handed over: the entry's bytes, the proof, the public key."""
    for n in range(1, 23):
        journal.append([sale(n)], n)
    folder = tmp_path / "evidence"
    folder.mkdir()
    (folder / "entry").write_bytes(journal.raw_entry(13))
    (folder / "entry.tlog-proof").write_text(prove(journal, 13).text)
    shutil.copy(home / "keys" / "journal.vkey", folder / "journal.vkey")
    return folder


# ——— the stranger's side ———


def sha256sum(data: bytes) -> bytes:
    assert SHA256SUM is not None
    answer = subprocess.run([SHA256SUM], input=data, capture_output=True, check=True).stdout
    return bytes.fromhex(answer.split()[0].decode())


def signature_is_good(public: bytes, signature: bytes, text: bytes, folder: Path) -> bool:
    assert OPENSSL is not None
    (folder / "key.der").write_bytes(
        bytes.fromhex("302a300506032b6570032100") + public
    )  # RFC 8410: SubjectPublicKeyInfo
    (folder / "signature").write_bytes(signature)
    (folder / "text").write_bytes(text)
    verify = [OPENSSL, "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key.der", "-rawin"]
    answer = subprocess.run(
        [*verify, "-in", "text", "-sigfile", "signature"], cwd=folder, capture_output=True, check=False
    )
    return answer.returncode == 0


def checked(folder: Path) -> tuple[bool, bool]:
    """(the checkpoint's signature is good, the entry stands under its root)"""
    name, _key_id, encoded = (folder / "journal.vkey").read_text().strip().split("+", 2)
    public = b64decode(encoded)[1:]
    proof, text, signatures = (folder / "entry.tlog-proof").read_text().split("\n\n")
    origin, size_line, root_line = text.split("\n")
    assert origin == name
    signature = b64decode(signatures.split(" ")[2])[4:]
    signed = signature_is_good(public, signature, (text + "\n").encode(), folder)

    _magic, index_line, *hashes = proof.split("\n")
    first, second = int(index_line.split(" ")[1]), int(size_line) - 1
    top = sha256sum(b"\x00" + (folder / "entry").read_bytes())
    for sibling in map(b64decode, hashes):
        if first % 2 == 1 or first == second:
            top = sha256sum(b"\x01" + sibling + top)
            while first % 2 == 0 and first:
                first, second = first // 2, second // 2
        else:
            top = sha256sum(b"\x01" + top + sibling)
        first, second = first // 2, second // 2
    return signed, second == 0 and top == b64decode(root_line)


@needs_tools
def test_a_stranger_is_convinced(evidence: Path) -> None:
    assert checked(evidence) == (True, True)


@needs_tools
def test_a_stranger_sees_a_changed_amount(evidence: Path) -> None:
    entry = (evidence / "entry").read_bytes()
    (evidence / "entry").write_bytes(entry.replace(b"12345", b"12346"))
    assert checked(evidence) == (True, False)


@needs_tools
def test_a_stranger_sees_a_changed_head(evidence: Path) -> None:
    text = (evidence / "entry.tlog-proof").read_text()
    (evidence / "entry.tlog-proof").write_text(text.replace("\n23\n", "\n24\n"))
    assert checked(evidence)[0] is False
