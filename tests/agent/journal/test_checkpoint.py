"""Signed notes: the vectors of Go's golang.org/x/mod/sumdb/note (note_test.go), and every mangling of them refused."""

from __future__ import annotations

from base64 import b64decode

import pytest

from agent.journal.checkpoint import Checkpoint, Note, NoteError, SignatureRefused, VerifyingKey
from agent.journal.keys import Signer

SEED = b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
ENOCH_VKEY = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
ENOCH = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
KEY = VerifyingKey.parse(VKEY)


def test_published_note_is_made_and_verified() -> None:
    signer = Signer("PeterNeumann", SEED, bytes(32))
    assert signer.vkey == VKEY
    assert signer.signed(TEXT) == TEXT + "\n" + PETER
    for note in (TEXT + "\n" + PETER, TEXT + "\n" + PETER + ENOCH, TEXT + "\n" + ENOCH + PETER):
        parsed = Note.parse(note)
        assert parsed.text == TEXT
        parsed.require(KEY)
    Note.parse(TEXT + "\n" + PETER + ENOCH).require(VerifyingKey.parse(ENOCH_VKEY))


def test_note_without_this_keys_signature_is_refused() -> None:
    with pytest.raises(SignatureRefused):
        Note.parse(TEXT + "\n" + ENOCH).require(KEY)
    with pytest.raises(SignatureRefused):
        Note.parse(TEXT.replace("answer", "Answer") + "\n" + PETER).require(KEY)
    with pytest.raises(SignatureRefused):  # one good and one bad signature under the same name and ID
        Note.parse(TEXT + "\n" + PETER + PETER.replace("ZJku", "ZJkv")).require(KEY)


@pytest.mark.parametrize(
    "note",
    [
        TEXT,
        TEXT + "\n",
        TEXT + "\n" + PETER[:-1],
        "\x01" + TEXT + "\n" + PETER,
        TEXT + "\n" + PETER.replace("PeterNeumann", "Bad Name"),
        TEXT + "\n" + PETER + "Unexpected line.\n",
        TEXT + "\n" + PETER * 101,
        TEXT + "\n" + PETER.replace("AM=", "AN="),  # stray bits after the last byte
        TEXT + "\n— PeterNeumann AAAA\n",
        "\n" + PETER,
        "a" * 70_000 + "\n\n" + PETER,
    ],
)
def test_malformed_notes(note: str) -> None:
    with pytest.raises(NoteError):
        Note.parse(note)


def test_mangled_verifying_keys() -> None:
    """As TestNewVerifier: every substring, every byte counted up, a wrong length, an unknown algorithm."""
    for i in range(len(VKEY)):
        for j in range(i + 1, len(VKEY) + 1):
            if (i, j) != (0, len(VKEY)):
                with pytest.raises(NoteError):
                    VerifyingKey.parse(VKEY[i:j])
        with pytest.raises(NoteError):
            VerifyingKey.parse(VKEY[:i] + chr(ord(VKEY[i]) + 1) + VKEY[i + 1 :])
    for bad in (
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ):
        with pytest.raises(NoteError):
            VerifyingKey.parse(bad)
    assert str(KEY) == VKEY


def test_vkey_whose_base64_holds_a_plus_survives() -> None:
    number = 0
    while "+" not in str(key := VerifyingKey("a", number.to_bytes(2, "big") * 16)).split("+", 2)[2]:
        number += 1
    assert VerifyingKey.parse(str(key)) == key


def test_checkpoint_text_is_exact() -> None:
    """The example of c2sp.org/tlog-checkpoint."""
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    checkpoint = Checkpoint.parse_text(text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.root == b64decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")
    assert checkpoint.text == text


@pytest.mark.parametrize(
    "text",
    [
        "o\n1\n",
        "o\n01\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "o\n-1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "o\n١\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n",
        "o\n1\nAAAA\n",
        "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\nextension\n",
    ],
)
def test_malformed_checkpoints(text: str) -> None:
    with pytest.raises(NoteError):
        Checkpoint.parse_text(text)


def test_origin_must_be_the_keys_name() -> None:
    signer = Signer("PeterNeumann", SEED, bytes(32))
    own = signer.signed(Checkpoint("PeterNeumann", 3, bytes(32)).text)
    assert Checkpoint.verify(own, KEY).size == 3
    with pytest.raises(NoteError):
        Checkpoint.verify(signer.signed(Checkpoint("EnochRoot", 3, bytes(32)).text), KEY)
