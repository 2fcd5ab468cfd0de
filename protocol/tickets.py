"""References on wires that have no room for them.

A vendor's request carries a ticket of a few characters where ours has a reference of 32 hexadecimal digits. It is made
from the reference's low bits, which are random in a UUIDv7; it identifies nothing by itself, and is only ever compared with
the ticket of a request that is under way. The other way round, a terminal that was given no more than a ticket calls its
request by a made-up reference that holds the ticket and nothing else:

    ticket_of("0192e5a0c1d27abc8def0123456789ab", 6) == "2PF2DB"
    reference_of("42") == "00000000000000000000000000003432"

No UUID of RFC 9562 looks like a made-up reference: its ninth byte is never ASCII.
"""

from __future__ import annotations

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Douglas Crockford's base 32: no I, L, O and U, which people misread on a slip."""
LONGEST = 16
"""Characters that a made-up reference can hold."""
NO_TICKET = "0" * 2 * LONGEST
"""The made-up reference of a message that names no ticket at all."""

_BITS = 5


def ticket_of(reference: str, length: int) -> str:
    """The ticket of `length` characters, 1..16, for a reference of 32 hexadecimal digits.

    Of a made-up reference: the ticket that it was made from, if that is no longer than `length`.
    """
    if not 1 <= length <= LONGEST:
        raise ValueError(f"a ticket has 1 to {LONGEST} characters, not {length}")
    made_up = ticket_in(reference)
    if made_up is not None and len(made_up) <= length:
        return made_up
    low = int(reference, 16)
    return "".join(ALPHABET[low >> _BITS * place & len(ALPHABET) - 1] for place in reversed(range(length)))


def reference_of(ticket: str) -> str:
    """The made-up reference that holds this ticket. Raises ValueError but for 1 to 16 printable ASCII characters."""
    if not (1 <= len(ticket) <= LONGEST and ticket.isascii() and ticket.isprintable()):
        raise ValueError(f"no ticket: {ticket!r}")
    return ticket.encode().hex().rjust(2 * LONGEST, "0")


def ticket_in(reference: str) -> str | None:
    """The ticket that a made-up reference holds; None for any other."""
    held = bytes.fromhex(reference).lstrip(b"\0").decode("latin-1")
    return held if held and held.isascii() and held.isprintable() else None
