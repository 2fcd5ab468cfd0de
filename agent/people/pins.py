"""PINs and the recovery code: what is allowed, how they are kept, how one is checked."""

from __future__ import annotations

import base64
import os
import secrets
from itertools import pairwise

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

SHORTEST, LONGEST = 6, 12
"""Digits of a PIN (docs/interface.md)."""
_N, _R, _P = 2**14, 8, 1
"""scrypt's costs (RFC 7914): 16 MiB and some 50 ms a try, on a counter's computer too."""
_SALT_BYTES = _KEY_BYTES = 16
_CODE_BYTES = 10


def is_allowed(pin: str) -> bool:
    """Six to twelve digits, neither one digit alone nor a row as 123456 or 987654."""
    if not (pin.isascii() and pin.isdigit() and SHORTEST <= len(pin) <= LONGEST):
        return False
    return {int(b) - int(a) for a, b in pairwise(pin)} not in ({0}, {1}, {-1})


def recovery_code() -> str:
    """80 random bits as four groups of four letters and digits, none of them easily mistaken."""
    return "-".join(base64.b32encode(secrets.token_bytes(_CODE_BYTES)).decode()[at : at + 4] for at in range(0, 16, 4))


def told_code(text: str) -> str:
    """A recovery code as a person types it, in the form in which it was made."""
    signs = (
        "".join(sign for sign in text.upper() if sign.isalnum()).replace("0", "O").replace("1", "I").replace("8", "B")
    )
    return "-".join(signs[at : at + 4] for at in range(0, len(signs), 4))


def verifier_of(secret: str) -> str:
    """`scrypt$n$r$p$salt$key`, salt and key in base64."""
    salt = os.urandom(_SALT_BYTES)
    key = Scrypt(salt, _KEY_BYTES, _N, _R, _P).derive(secret.encode())
    return "$".join(("scrypt", str(_N), str(_R), str(_P), *(base64.b64encode(part).decode() for part in (salt, key))))


def is_right(secret: str, verifier: str | None) -> bool:
    """False also where the verifier was erased, or is none of ours."""
    try:
        name, n, r, p, salt, key = (verifier or "").split("$")
        if (name, int(n), int(r), int(p)) != ("scrypt", _N, _R, _P):
            return False
        raw = base64.b64decode(key, validate=True)
        Scrypt(base64.b64decode(salt, validate=True), _KEY_BYTES, _N, _R, _P).verify(secret.encode(), raw)
    except (ValueError, InvalidKey):
        return False
    return True
