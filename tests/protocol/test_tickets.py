"""References on wires without room for them."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.tickets import LONGEST, NO_TICKET, reference_of, ticket_in, ticket_of

TICKETS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=LONGEST)
UUID_7 = st.integers(0, 2**128 - 1).map(lambda n: f"{n & ~(0xF << 76) & ~(3 << 62) | 7 << 76 | 2 << 62:032x}")


@pytest.mark.parametrize(
    ("low", "ticket"),
    # Crockford's base 32 by hand: five bits a character, 0-9 A-H J K M N P-T V-Z
    [
        (0, "000000"),
        (31, "00000Z"),
        (32, "000010"),
        (18, "00000J"),
        (20, "00000M"),
        (27, "00000V"),
        (2**30 - 1, "ZZZZZZ"),
    ],
)
def test_a_ticket_is_the_references_low_bits(low: int, ticket: str) -> None:
    reference = f"{0x0192E5A0C1D27ABC8DEF << 48 | low:032x}"
    assert UUID(reference).version == 7
    assert ticket_of(reference, 6) == ticket


def test_the_examples_of_the_docstring() -> None:
    assert ticket_of("0192e5a0c1d27abc8def0123456789ab", 6) == "2PF2DB"
    assert reference_of("42") == "00000000000000000000000000003432"


@given(TICKETS)
def test_a_made_up_reference_gives_its_ticket_back(ticket: str) -> None:
    reference = reference_of(ticket)
    assert len(reference) == 32
    assert ticket_of(reference, len(ticket)) == ticket_of(reference, LONGEST) == ticket_in(reference) == ticket


@given(UUID_7, st.integers(1, LONGEST))
def test_no_uuid_is_taken_for_a_made_up_reference(reference: str, length: int) -> None:
    assert UUID(reference).version == 7
    assert ticket_in(reference) is None
    assert len(ticket_of(reference, length)) == length


@given(TICKETS, TICKETS)
def test_two_tickets_are_two_references(one: str, other: str) -> None:
    assert (reference_of(one) == reference_of(other)) == (one == other)


def test_no_ticket_is_none() -> None:
    assert ticket_in(NO_TICKET) is None


@pytest.mark.parametrize("ticket", ["", "x" * 17, "é", "a\x00", "\n"])
def test_what_is_no_ticket_is_refused(ticket: str) -> None:
    with pytest.raises(ValueError, match="no ticket"):
        reference_of(ticket)


@pytest.mark.parametrize("length", [0, 17, -1])
def test_what_is_no_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="1 to 16"):
        ticket_of(NO_TICKET, length)
