"""The static keys of the line: our own X25519 private half, and the terminal's public one as a person pinned it.

HOME/keys/link.key       64 hexadecimal digits, for the owner's eyes; made with the home
HOME/keys/terminal.pub   64 hexadecimal digits; absent while the home is unpaired
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.durable import sync
from agent.errors import HomeError
from agent.home import Home
from agent.language import _

SIZE = 32


def make(path: Path) -> None:
    """A new private half at `path`, 0600 and durable; one that is there already stays. Raises OSError."""
    if not path.exists():
        _write(path, os.urandom(SIZE))  # every 32 bytes are an X25519 private key (RFC 7748 §5)


def own(path: Path) -> bytes:
    """Our private half. Raises HomeError."""
    found = _read(path)
    if found is None:
        raise HomeError(
            _("The key of the line is missing: {path}.").format(path=path),
            _("Put it back from its copy; or make a new home, and pair the terminal with that."),
        )
    return found


def own_public(path: Path) -> bytes:
    """The public half of our own key, which the terminal pins. Raises HomeError."""
    public = X25519PrivateKey.from_private_bytes(own(path)).public_key()
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


def pinned(path: Path) -> bytes | None:
    """The terminal's public key; None while unpaired. Raises HomeError for a file that holds none, or nobody's."""
    key = _read(path)
    if key is not None:
        try:  # of a point of low order every exchange gives zeros (RFC 7748 §6.1), whatever the private half
            X25519PrivateKey.from_private_bytes(bytes(SIZE)).exchange(X25519PublicKey.from_public_bytes(key))
        except ValueError:
            raise _unreadable(path) from None
    return key


def pin(path: Path, key: bytes | None) -> None:
    """Keep the terminal's public key, None for none; durable when it returns. Raises OSError: then the old one stands."""
    if key is not None:
        _write(path, key)
    elif path.exists():
        path.unlink()
        sync(path.parent)


def forget_damaged(home: Home) -> bool:
    """Remove a terminal's key that cannot be read, which no agent could start with; True if that was so.

    Where another agent owns the home, that one knows a whole key and forgets it itself. Raises OSError.
    """
    try:
        pinned(home.terminal_key)
        return False
    except HomeError:
        try:
            home.own()
        except HomeError:
            return False
    try:
        pin(home.terminal_key, None)
    finally:
        home.disown()
    return True


def fingerprint(key: bytes) -> str:
    """What a person can compare of a public key: `3f2a 90c1 77de 0b14`."""
    digits = hashlib.sha256(key).hexdigest()
    return " ".join(digits[i : i + 4] for i in range(0, 16, 4))


def _read(path: Path) -> bytes | None:
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        key = b""
    if len(key) != SIZE:
        raise _unreadable(path)
    return key


def _unreadable(path: Path) -> HomeError:
    what = _("The key of the line cannot be read from {path}.").format(path=path)
    if path.name == "terminal.pub":
        return HomeError(
            what, _("Put it back from its copy; or forget it with counterfoil terminal unpair, and pair anew.")
        )
    return HomeError(what, _("Put it back from its copy; or make a new home, and pair the terminal with that."))


def _write(path: Path, key: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(key.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)  # noqa: PTH105  one call that is atomic
        sync(path.parent)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)  # noqa: PTH108
        raise
