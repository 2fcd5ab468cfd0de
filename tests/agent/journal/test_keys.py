"""The key at rest: opened by its passphrase alone, from the named sources in their order, and by a stranger's own code."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agent.errors import KeyRefused
from agent.journal import keys
from agent.journal.keys import PassphraseSources


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


def typed(word: str) -> PassphraseSources:
    return PassphraseSources(prompt=lambda: word)


def test_without_a_passphrase(home: Path) -> None:
    made = keys.create(home)
    assert made.name.startswith("counterfoil/")
    assert len(made.name.split("/")[1]) == 32
    assert made.name.endswith("/1")
    opened = keys.unlock(home)
    assert (opened.vkey, opened.sign(b"x"), opened.token_hmac(b"t")) == (
        made.vkey,
        made.sign(b"x"),
        made.token_hmac(b"t"),
    )
    assert keys.verifying_key(home) == made.key
    for name in ("signing.key", "wrapping.secret"):
        assert (home / "keys" / name).stat().st_mode & 0o777 == 0o600
    (home / "keys" / "wrapping.secret").write_text("0" * 64 + "\n")
    with pytest.raises(KeyRefused):
        keys.unlock(home)
    (home / "keys" / "wrapping.secret").unlink()
    with pytest.raises(KeyRefused):
        keys.unlock(home)


def test_with_a_passphrase(home: Path) -> None:
    made = keys.create(home, typed("密码 one"))
    assert not (home / "keys" / "wrapping.secret").exists()
    assert keys.unlock(home, typed("密码 one")).vkey == made.vkey
    with pytest.raises(KeyRefused, match="does not open") as refused:
        keys.unlock(home, typed("密码 two"))
    assert refused.value.exit_code == 3
    with pytest.raises(KeyRefused, match="none was given"):
        keys.unlock(home)
    with pytest.raises(KeyRefused, match="already"):
        keys.create(home, typed("密码 one"))


def test_an_empty_passphrase_makes_no_key(home: Path) -> None:
    with pytest.raises(KeyRefused, match="empty"):
        keys.create(home, typed(""))
    assert not (home / "keys" / "signing.key").exists()


def test_the_file_is_what_the_documentation_says(home: Path) -> None:
    """Opened with hashlib's scrypt and the header as associated data: Scrypt 2^17, r 8, p 1, AES-256-GCM, two halves."""
    made = keys.create(home, typed("pass"))
    file = json.loads((home / "keys" / "signing.key").read_text())
    header = file["header"]
    kdf = header["kdf"]
    assert (kdf["name"], kdf["n"], kdf["r"], kdf["p"]) == ("scrypt", 2**17, 8, 1)
    wrapping = hashlib.scrypt(b"pass", salt=b64decode(kdf["salt"]), n=2**17, r=8, p=1, maxmem=2**28, dklen=32)
    aad = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    opened = AESGCM(wrapping).decrypt(b64decode(header["nonce"]), b64decode(file["ciphertext"]), aad)
    assert keys.Signer(made.name, opened[:32], opened[32:]).vkey == made.vkey
    assert made.token_hmac(b"token") == hmac.new(opened[32:], b"token", "sha256").digest()
    assert len(opened) == 64


def test_sources_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials, file = tmp_path / "credentials", tmp_path / "file"
    credentials.mkdir()
    file.write_bytes(b"from file\r\nnot this\n")
    everything = PassphraseSources(file=file, prompt=lambda: "from prompt")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert everything.passphrase() == b"from file"  # a credential directory without ours
    (credentials / "counterfoil-passphrase").write_bytes(b"from systemd\n")
    assert everything.passphrase() == b"from systemd"
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    assert typed("from prompt").passphrase() == b"from prompt"
    assert PassphraseSources().passphrase() is None
    with pytest.raises(KeyRefused, match="passphrase file"):
        PassphraseSources(file=tmp_path / "none").passphrase()


@pytest.mark.parametrize(
    "kdf",
    [
        {"n": 2**30},
        {"r": 2**20},
        {"p": 1000},
        {"n": 2**17 + 1},
        {"n": 0},
        {"n": -(2**17)},
        {"r": 0},
        {"name": "md5"},
        {"salt": "?"},
    ],
)
def test_a_foreign_file_cannot_ask_for_the_moon(home: Path, kdf: dict[str, object]) -> None:
    keys.create(home, typed("pass"))
    path = home / "keys" / "signing.key"
    file = json.loads(path.read_text())
    file["header"]["kdf"] |= kdf
    path.write_text(json.dumps(file))
    with pytest.raises(KeyRefused, match="not a signing key"):
        keys.unlock(home, typed("pass"))


def test_a_changed_header_does_not_open(home: Path) -> None:
    keys.create(home)
    other = keys.create(home.with_name("other"))
    path = home / "keys" / "signing.key"
    file = json.loads(path.read_text())
    file["header"]["vkey"] = other.vkey
    path.write_text(json.dumps(file))
    with pytest.raises(KeyRefused, match="does not open"):
        keys.unlock(home)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b"[1]", b"x" * 9000, b'{"header":1,"ciphertext":"AA=="}'])
def test_what_is_no_key_file(home: Path, content: bytes) -> None:
    keys.create(home)
    (home / "keys" / "signing.key").write_bytes(content)
    with pytest.raises(KeyRefused, match="not a signing key"):
        keys.unlock(home)


def test_a_missing_key(home: Path) -> None:
    with pytest.raises(KeyRefused, match="cannot be read"):
        keys.unlock(home)
    with pytest.raises(KeyRefused, match="verifying key"):
        keys.verifying_key(home)
