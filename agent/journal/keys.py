"""The journal's signing key: Ed25519, encrypted at rest, under the origin as its name.

    HOME/keys/signing.key        JSON: a header, and an AEAD over seed[32] ‖ token key[32] with the header as associated data
    HOME/keys/wrapping.secret    32 random bytes in hex, only where no passphrase was given
    HOME/keys/journal.vkey       the public half, so that verifying needs no passphrase

The token key makes card tokens unlinkable outside this home (HMAC-SHA256); it is wrapped with the seed and never leaves.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from agent.durable import sync
from agent.errors import KeyLocked, KeyLost, KeyRefused
from agent.journal.checkpoint import NoteError, VerifyingKey, exact_base64, signature_line
from agent.journal.key_chain import signed_by
from agent.journal.reader import last_note
from agent.language import _

FORMAT = "counterfoil signing key 1"
SIGNING, WRAPPING, VERIFYING = "signing.key", "wrapping.secret", "journal.vkey"
NEXT = ".next"
"""What the files of a key are called until the journal has gone over to it."""
CREDENTIAL = "counterfoil-passphrase"
"""The name under which systemd's LoadCredential= hands the passphrase over."""

SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**17, 8, 1
"""134 MB (128·N·r) and about half a second for one guess."""
_MOST_MEMORY = (
    256 * 1024 * 1024
)  # bounds on what a key file may ask for, so that a foreign one cannot exhaust the machine
_MOST_PASSES = 4
_LARGEST_FILE = 8192


class Signer:
    """The unlocked key. name is the journal's origin; vkey the public half, as text."""

    def __init__(self, name: str, seed: bytes, token_key: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self._token_key = token_key
        self.key = VerifyingKey(name, self._private.public_key().public_bytes_raw())
        self.name = name
        self.vkey = str(self.key)
        self._key_id = self.key.key_id

    def sign(self, text: bytes) -> bytes:
        """64 bytes."""
        return self._private.sign(text)

    def signed(self, text: str) -> str:
        """The signed note over a text that ends with a newline."""
        return f"{text}\n{self.signature(text)}"

    def signature(self, text: str) -> str:
        """The signature line that a note over this text carries."""
        return signature_line(self.name, self._key_id, self._private.sign(text.encode()))

    @property
    def token_key(self) -> bytes:
        """For the key that follows this one, and nothing else."""
        return self._token_key

    def token_hmac(self, token: bytes) -> bytes:
        """HMAC-SHA256 of a card token under this home's own key, 32 bytes."""
        return hmac.digest(self._token_key, token, "sha256")


@dataclass(frozen=True, slots=True)
class PassphraseSources:
    """Where a passphrase comes from, in this order: the credential directory, the file, the prompt.

    credentials: None reads CREDENTIALS_DIRECTORY (set by systemd). prompt: asks a person and answers what they typed.
    """

    credentials: Path | None = None
    file: Path | None = None
    prompt: Callable[[], str] | None = None

    def passphrase(self) -> bytes | None:
        """The first source's answer, None if there is no source. Raises KeyRefused for a file that cannot be read."""
        folder = self.credentials or (Path(told) if (told := os.environ.get("CREDENTIALS_DIRECTORY")) else None)
        if folder is not None and (folder / CREDENTIAL).exists():
            return _first_line(folder / CREDENTIAL)
        if self.file is not None:
            return _first_line(self.file)
        if self.prompt is not None:
            return self.prompt().encode()
        return None


@dataclass(frozen=True, slots=True, repr=False)
class Told(PassphraseSources):
    """One that somebody gave already; None: there is none."""

    said: bytes | None = None

    def passphrase(self) -> bytes | None:
        return self.said


def _first_line(path: Path) -> bytes:
    try:
        return path.read_bytes().split(b"\n", 1)[0].rstrip(b"\r")
    except OSError as error:
        raise KeyRefused(
            _("The passphrase file {path} cannot be read: {reason}.").format(path=path, reason=error.strerror),
            _("Name a file that this user can read, with the passphrase on its first line."),
        ) from error


class _Kdf(msgspec.Struct, frozen=True):
    name: str
    salt: str
    n: int = 0
    r: int = 0
    p: int = 0


class _Header(msgspec.Struct, frozen=True):
    format: str
    kdf: _Kdf
    aead: str
    nonce: str
    vkey: str


class _KeyFile(msgspec.Struct, frozen=True):
    header: _Header
    ciphertext: str


_encode = msgspec.json.Encoder(order="sorted").encode


def new_origin(generation: int = 1) -> str:
    """`counterfoil/<random journal id, 32 hex digits>/<generation>`: the key's name and the journal's origin."""
    return f"counterfoil/{secrets.token_hex(16)}/{generation}"


def create(home: Path, sources: PassphraseSources | None = None, *, origin: str | None = None) -> Signer:
    """Make the key of a new home. Without a passphrase the wrapping secret lies beside it, which keeps nothing from whoever
    can read the home: it only spares a copy of signing.key alone. Raises KeyRefused if there is a key already, or an empty
    passphrase; OSError where the home cannot be written.
    """
    folder = home / "keys"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(PermissionError):  # a folder that others own may let nobody list it
        sync(home.parent)  # the home's own name; the journal's creation syncs those in the home
    if (folder / SIGNING).exists():
        raise KeyRefused(
            _("There is a signing key already: {path}.").format(path=folder / SIGNING),
            _("Use it, or choose another home."),
        )
    return _make(home, sources, origin or new_origin(), os.urandom(32), "")


def create_next(home: Path, sources: PassphraseSources | None, origin: str, token_key: bytes | None = None) -> Signer:
    """Make the key that is to follow, beside the one in force; `settle` puts it in its place. token_key: the old key's, so
    that a card is known again. Raises as `create`."""
    for name in (SIGNING, WRAPPING, VERIFYING):
        (home / "keys" / f"{name}{NEXT}").unlink(missing_ok=True)  # left by a change that did not end
    return _make(home, sources, origin, token_key or os.urandom(32), NEXT)


def settle(home: Path, in_force: VerifyingKey | None = None) -> None:
    """Where a change of key was under way: if the next key signed the journal's last head, it takes the old one's place,
    and the old one is destroyed; else it is thrown away. May be called at any time by the home's owner. in_force: the key
    of the last head, where the caller knows it, whose own connection may be the only one. Raises OSError, JournalError.
    """
    folder = home / "keys"
    if not any((folder / f"{name}{NEXT}").exists() for name in (SIGNING, WRAPPING, VERIFYING)):
        return
    following = _next_in_force(home) if in_force is None else _next(home)
    if following is None or following != (in_force or following):
        for name in (SIGNING, WRAPPING, VERIFYING):
            (folder / f"{name}{NEXT}").unlink(missing_ok=True)
        return
    if _read_key(folder / f"{SIGNING}{NEXT}").header.kdf.name != "hkdf-sha256":
        (folder / WRAPPING).unlink(missing_ok=True)
    for name in (WRAPPING, VERIFYING):
        if (folder / f"{name}{NEXT}").exists():
            (folder / f"{name}{NEXT}").rename(folder / name)
    sync(folder)
    # The key itself last, and on the disk after the others: until then this runs again.
    (folder / f"{SIGNING}{NEXT}").rename(folder / SIGNING)
    sync(folder)


def _next(home: Path) -> VerifyingKey | None:
    """The key that a change under way is about."""
    try:
        return VerifyingKey.parse(_read_key(home / "keys" / f"{SIGNING}{NEXT}").header.vkey)
    except (FileNotFoundError, KeyLost):
        return None


def _next_in_force(home: Path) -> VerifyingKey | None:
    """The same, if the journal has gone over to it."""
    key, journal = _next(home), home / "journal.db"
    return key if key is not None and journal.exists() and signed_by(last_note(journal), key) else None


def _make(home: Path, sources: PassphraseSources | None, origin: str, token_key: bytes, suffix: str) -> Signer:
    folder = home / "keys"
    passphrase = (sources or PassphraseSources()).passphrase()
    if passphrase == b"":
        raise KeyRefused(_("The passphrase is empty."), _("Give one of at least one character, or none at all."))
    salt = os.urandom(32)
    if passphrase is None:
        passphrase = secrets.token_hex(32).encode()
        wrapping = folder / f"{WRAPPING}{suffix}"
        wrapping.unlink(missing_ok=True)  # left by a creation that did not end
        _write_new(wrapping, passphrase + b"\n")
        kdf = _Kdf("hkdf-sha256", _b64(salt))
    else:
        kdf = _Kdf("scrypt", _b64(salt), SCRYPT_N, SCRYPT_R, SCRYPT_P)
    seed, nonce = os.urandom(32), os.urandom(12)
    signer = Signer(origin, seed, token_key)
    header = _Header(FORMAT, kdf, "aes-256-gcm", _b64(nonce), signer.vkey)
    sealed = AESGCM(_wrapping_key(kdf, passphrase)).encrypt(nonce, seed + token_key, _encode(header))
    verifying = folder / f"{VERIFYING}{suffix}"
    verifying.unlink(missing_ok=True)
    _write_new(verifying, f"{signer.vkey}\n".encode(), mode=0o644)
    key_file = _encode(_KeyFile(header, _b64(sealed))) + b"\n"
    _write_new(folder / f"{SIGNING}{suffix}", key_file)  # the last: it makes the home whole
    return signer


def _read_key(path: Path) -> _KeyFile:
    """Raises FileNotFoundError, and KeyLost for one that cannot be read or is none."""
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST_FILE + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _no_key(path, error) from error
    try:
        file_ = msgspec.json.decode(raw, type=_KeyFile) if len(raw) <= _LARGEST_FILE else None
        if file_ is None or file_.header.format != FORMAT or file_.header.aead != "aes-256-gcm":
            raise _foreign(path)
        header = file_.header
        VerifyingKey.parse(header.vkey)
        exact_base64(file_.ciphertext)
        exact_base64(header.kdf.salt)
        if not _bounded(header.kdf) or len(exact_base64(header.nonce)) != 12:
            raise _foreign(path)
    except (msgspec.DecodeError, UnicodeDecodeError, NoteError) as error:
        raise _foreign(path) from error
    return file_


def _foreign(path: Path) -> KeyLost:
    return KeyLost(
        _("{path} is not a signing key of counterfoil.").format(path=path), _("Put the key file back from its copy.")
    )


def _no_key(path: Path, error: OSError) -> KeyLost:
    return KeyLost(
        _("The signing key {path} cannot be read: {reason}.").format(path=path, reason=error.strerror),
        _("Put the key file back from its copy, or give this user the right to read it."),
    )


def unlock(home: Path, sources: PassphraseSources | None = None) -> Signer:
    """The home's key. Raises KeyLost: no key, an unreadable or foreign file; KeyLocked: no passphrase; KeyRefused: the
    wrong one."""
    path = home / "keys" / SIGNING
    try:
        file = _read_key(path)
    except FileNotFoundError as error:
        raise _no_key(path, error) from error
    header, nonce, sealed = file.header, exact_base64(file.header.nonce), exact_base64(file.ciphertext)
    try:
        opened = AESGCM(_wrapping_key(header.kdf, _secret(home, header.kdf, sources))).decrypt(
            nonce, sealed, _encode(header)
        )
    except InvalidTag as error:
        if header.kdf.name == "hkdf-sha256":  # nobody typed anything: a file is not what was written
            raise KeyLost(
                _("The secret that lies beside it does not open the signing key {path}.").format(path=path),
                _("Put both files back from their copy."),
            ) from error
        raise KeyRefused(
            _("The passphrase does not open the signing key {path}.").format(path=path),
            _("Give the passphrase that was chosen when this home was made."),
        ) from error
    if len(opened) != 64:
        raise _foreign(path)
    signer = Signer(VerifyingKey.parse(header.vkey).name, opened[:32], opened[32:])
    if signer.vkey != header.vkey:
        raise _foreign(path)
    return signer


def needs_no_passphrase(home: Path) -> bool | None:
    """Whether the home's key opens by the secret that lies beside it; None where there is no key to be read."""
    try:
        return _read_key(home / "keys" / SIGNING).header.kdf.name == "hkdf-sha256"
    except (FileNotFoundError, KeyLost):
        return None


def verifying_key(home: Path) -> VerifyingKey:
    """The home's public key, which needs no passphrase. Raises KeyRefused."""
    path = home / "keys" / VERIFYING
    if (following := _next_in_force(home)) is not None:  # the owner has not come round to `settle` yet
        return following
    try:
        return VerifyingKey.parse(path.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError, NoteError) as error:
        raise KeyRefused(
            _("The verifying key {path} cannot be read.").format(path=path),
            _("Put it back from its copy, or give the key with --vkey."),
        ) from error


def _secret(home: Path, kdf: _Kdf, sources: PassphraseSources | None) -> bytes:
    if kdf.name == "hkdf-sha256":
        try:
            return _first_line(home / "keys" / WRAPPING)
        except KeyRefused as error:
            raise KeyLost(error.what, _("Put the key file back from its copy.")) from error
    passphrase = (sources or PassphraseSources()).passphrase()
    if passphrase is None:
        raise KeyLocked(
            _("The signing key is locked with a passphrase, and none was given."),
            _("Run this on a terminal to be asked, or give --passphrase-file."),
        )
    return passphrase


def _bounded(kdf: _Kdf) -> bool:
    if kdf.name == "hkdf-sha256":
        return True
    power_of_two = kdf.n > 1 and kdf.n & (kdf.n - 1) == 0
    fits = kdf.r >= 1 and 1 <= kdf.p <= _MOST_PASSES and 128 * kdf.n * kdf.r <= _MOST_MEMORY
    return kdf.name == "scrypt" and power_of_two and fits


def _wrapping_key(kdf: _Kdf, secret: bytes) -> bytes:
    salt = exact_base64(kdf.salt)
    if kdf.name == "hkdf-sha256":
        # The secret is 256 random bits: nobody can guess it, so stretching it would only cost start-up time.
        return HKDF(SHA256(), 32, salt, FORMAT.encode()).derive(secret)
    return Scrypt(salt, 32, kdf.n, kdf.r, kdf.p).derive(secret)


def _b64(raw: bytes) -> str:
    return b64encode(raw).decode()


def _write_new(path: Path, content: bytes, mode: int = 0o600) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    sync(path.parent)
