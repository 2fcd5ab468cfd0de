"""tlog-proof texts: made, read, checked, and refused when anything in them differs."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import NotFound
from agent.journal.checkpoint import NoteError
from agent.journal.entries import Draft
from agent.journal.keys import Signer
from agent.journal.proof import Proof, prove
from agent.journal.store import Journal

Sale = Callable[..., Draft]


def test_every_entry_can_be_proved(journal: Journal, signer: Signer, sale: Sale) -> None:
    for n in range(1, 40):
        journal.append([sale(n)], n)
        for seq in {0, n // 2, n}:
            text = prove(journal, seq).text
            parsed = Proof.parse(text)
            assert parsed.text == text
            checkpoint = parsed.verify(journal.raw_entry(seq), signer.key)
            assert (checkpoint.size, checkpoint.root) == (n + 1, journal.head.root)
            with pytest.raises(NoteError):
                parsed.verify(journal.raw_entry(seq) + b" ", signer.key)
    with pytest.raises(NotFound):
        prove(journal, 40)


def test_the_text_is_the_published_form(journal: Journal, signer: Signer, sale: Sale) -> None:
    journal.append([sale(1), sale(2)], 1)
    hashes = [b64encode(h).decode() for h in journal.inclusion_proof(1)]
    assert len(hashes) == 2
    expected = f"c2sp.org/tlog-proof@v1\nindex 1\n{hashes[0]}\n{hashes[1]}\n\n{journal.head.note}"
    assert prove(journal, 1).text == expected


def test_the_specifications_example_reads() -> None:
    """The example of c2sp.org/tlog-proof, its extra line made whole base64 and its elided signatures left out."""
    text = (
        "c2sp.org/tlog-proof@v1\nextra YWdlLXYx\nindex 73894\n"
        "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\nB95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=\n"
        "\nexample.com/fancylog\n109482\nsFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=\n\n— example.com/fancylog AAAAAAAA\n"
    )
    proof = Proof.parse(text)
    assert (proof.index, len(proof.hashes)) == (73894, 2)
    assert proof.note.startswith("example.com/fancylog\n109482\n")


def test_what_is_no_proof(journal: Journal, signer: Signer, sale: Sale) -> None:
    journal.append([sale(n) for n in range(1, 9)], 1)
    text = prove(journal, 3).text
    lines = text.split("\n")
    malformed = [
        "",
        text.replace("@v1", "@v2"),
        text.replace("index 3", "index 03"),
        text.replace("index 3", "index -3"),
        text.replace("index 3\n", ""),
        text.replace(lines[2], lines[2][:-4]),
        text.replace("\n\n", "\n"),
        text.replace(lines[2], lines[2] + "\n" + "\n".join([lines[2]] * 64)),
    ]
    for bad in malformed:
        with pytest.raises(NoteError):
            Proof.parse(bad).verify(journal.raw_entry(3), signer.key)
    for bad in (
        text.replace("index 3", "index 2"),
        text.replace("index 3", "index 99"),
        text.replace(lines[2] + "\n", ""),
        text.replace(lines[2], lines[3]),
        text.replace(signer.name + "\n9\n", signer.name + "\n8\n"),
    ):
        assert bad != text
        with pytest.raises(NoteError):
            Proof.parse(bad).verify(journal.raw_entry(3), signer.key)


def test_another_key_vouches_for_nothing(journal: Journal, sale: Sale, tmp_path: Path) -> None:
    from agent.journal import keys

    with pytest.raises(NoteError):
        prove(journal, 0).verify(journal.raw_entry(0), keys.create(tmp_path / "other").key)
