"""Bodies, character by character, as docs/dialects.md lays them down; what cannot be said, and what is not understood."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import messages as m
from protocol.dialects.telium import codec, wire
from protocol.dialects.telium.exchange import answer
from protocol.errors import NotUnderstood, OutOfBounds
from protocol.masking import luhn
from protocol.messages import RequestState
from protocol.money import Money
from protocol.tickets import reference_of, ticket_of

REFERENCE = "0192f3a4b5c67d8e9fa0b1c2d3e4f506"
TICKET = "5HRB9Y9X86"
"""By hand: the low 50 bits of the reference, ...b1c2d3e4f506, in Crockford's base 32."""
PAN = "4111111111111111"

#             pos  amount      flag mode kind cur    private        delay   auth
ASK = "".join(["01", "00012345", "1", "1", "0", "978", TICKET, "A010", "B010"])
LONG = "".join(["01", "0", "00012345", "1", "411111******1111".ljust(55), "978", TICKET])
SHORT = "".join(["01", "0", "00012345", "1", "978", TICKET])


def sale(minor: int = 12_345, currency: int = 978, **fields: object) -> m.Sale:
    return m.Sale(**{"reference": REFERENCE, "amount": Money(minor, currency), "deadline": 0, **fields})  # type: ignore[arg-type]


def result(**fields: object) -> m.Result:
    given = {"reference": REFERENCE, "state": RequestState.APPROVED, "amount": Money(12_345, 978), **fields}
    return m.Result(**given)  # type: ignore[arg-type]


def test_the_ticket_is_what_the_reference_says() -> None:
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    value = sum(alphabet.index(c) << 5 * i for i, c in enumerate(reversed(TICKET)))
    assert value == int(REFERENCE, 16) & (1 << 50) - 1


def test_a_sale() -> None:
    assert codec.encode(sale()) == ASK.encode()
    asked = codec.decode(ASK.encode())
    assert isinstance(asked, m.Sale)
    assert asked.amount == Money(12_345, 978)
    assert ticket_of(asked.reference, 10) == TICKET
    assert asked.deadline == 2**53 - 1, "the wire has none: never too late"


def test_a_result() -> None:
    assert codec.encode(result(masked_pan="411111******1111")) == LONG.encode()
    for body in (LONG, SHORT):
        told = codec.decode(body.encode())
        assert isinstance(told, m.Result)
        assert (told.state, told.amount) == (RequestState.APPROVED, Money(12_345, 978))
        assert told.reference == reference_of(TICKET)
        assert told.masked_pan == ("411111******1111" if body is LONG else None)


@pytest.mark.parametrize(
    ("digit", "state"),
    [("0", RequestState.APPROVED), ("7", RequestState.DECLINED), ("9", RequestState.IN_PROGRESS)],
)
def test_results(digit: str, state: RequestState) -> None:
    told = codec.decode((SHORT[:2] + digit + SHORT[3:]).encode())
    assert isinstance(told, m.Result)
    assert told.state is state
    assert codec.encode(result(state=state))[2:3] == digit.encode()


def test_what_was_taken_back_was_not_done() -> None:
    assert codec.encode(result(state=RequestState.VOIDED))[2:3] == b"7"
    assert codec.encode(m.Error(code=m.ErrorCode.NOT_NOW))[2:3] == b"7"


@pytest.mark.parametrize("digit", "12345678".replace("7", ""))
def test_an_unknown_result_is_no_result(digit: str) -> None:
    with pytest.raises(NotUnderstood, match="unknown result"):
        codec.decode((SHORT[:2] + digit + SHORT[3:]).encode())


@pytest.mark.parametrize("minor", [1, 99, 100, 99_999_999])
def test_amounts_are_eight_digits_of_minor_units(minor: int) -> None:
    body = codec.encode(sale(minor))
    assert body[2:10] == str(minor).rjust(8, "0").encode()
    asked = codec.decode(body)
    assert isinstance(asked, m.Sale) and asked.amount.minor == minor


@pytest.mark.parametrize("minor", [0, -1, 100_000_000, 2**53 - 1])
def test_an_amount_that_the_wire_cannot_carry(minor: int) -> None:
    for message in (sale(minor), result(amount=Money(minor, 978))):
        with pytest.raises(OutOfBounds, match="99999999"):
            codec.encode(message)


@pytest.mark.parametrize("currency", [8, 36, 156, 978])
def test_currencies_are_three_digits(currency: int) -> None:
    assert codec.encode(sale(1, currency))[13:16] == str(currency).rjust(3, "0").encode()


@pytest.mark.parametrize(
    "message",
    [
        m.Refund(reference=REFERENCE, original_reference=REFERENCE, amount=Money(1), deadline=0),
        m.Void(reference=REFERENCE, original_reference=REFERENCE, amount=Money(1), deadline=0),
        m.StatusQuery(reference=REFERENCE, fence=False),
        m.LastTransactionQuery(),
        m.Progress(reference=REFERENCE, stage=m.Stage.PIN),
        result(state=RequestState.NOT_FOUND),
        result(amount=None),
        sale(reference="no reference"),
        sale(reference=REFERENCE.upper()),
    ],
    ids=lambda message: type(message).__name__,
)
def test_no_words(message: m.Message) -> None:
    with pytest.raises(OutOfBounds):
        codec.encode(message)


REFUSED = {
    "credit: money to a card, no sale named": ASK[:12] + "1" + ASK[13:],
    "type 2": ASK[:12] + "2" + ASK[13:],
    "duplicate": ASK[:12] + "3" + ASK[13:],
    "auto": ASK[:12] + "4" + ASK[13:],
    "a cheque": ASK[:11] + "C" + ASK[12:],
    "an unknown mode": ASK[:11] + "Z" + ASK[12:],
    "no amount": ASK[:2] + "00000000" + ASK[10:],
    "an unknown delay": ASK[:26] + "A012" + ASK[30:],
    "an unknown authorisation": ASK[:30] + "B012",
    "no currency": ASK[:13] + "000" + ASK[16:],
}
NOT_ASKS = {
    "an amount with a point": ASK[:2] + "00123.45" + ASK[10:],
    "a currency in letters": ASK[:13] + "EUR" + ASK[16:],
    "a register without a number": "A1" + ASK[2:],
    "a flag that there is not": ASK[:10] + "2" + ASK[11:],
    "protocol E: 26 characters": ASK[:26],
    "one character more": ASK + " ",
    "one less": ASK[:-1],
    "nothing": "",
}


@pytest.mark.parametrize("body", [*REFUSED.values(), *NOT_ASKS.values()], ids=[*REFUSED, *NOT_ASKS])
def test_not_understood(body: str) -> None:
    with pytest.raises(NotUnderstood) as refused:
        codec.decode(body.encode())
    shown = refused.value.raw
    assert len(shown) == 2 * len(body)
    assert all(c in {"*", told} for c, told in zip(shown, body.encode().hex(), strict=True))


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_an_ask_without_words_is_declined_at_once(body: str) -> None:
    """25 or 80 characters with the register's own number, amount, mode, currency and private field."""
    assert codec.is_ask(body.encode())
    for flag in "01":
        asked = body[:10] + flag + body[11:]
        given = codec.answered_at_once(asked.encode())
        report = " " * 55 if flag == "1" else ""
        assert given == (asked[:2] + "7" + asked[2:10] + asked[11] + report + asked[13:26]).encode()


@pytest.mark.parametrize("body", NOT_ASKS.values(), ids=NOT_ASKS)
def test_what_is_no_ask_has_no_answer(body: str) -> None:
    assert not codec.is_ask(body.encode())


def test_who_will_not_wait_is_told_nothing_that_is_not_so() -> None:
    asked = ASK.replace("A010", "A011")
    assert codec.answered_at_once(ASK.encode()) is None
    given = codec.answered_at_once(asked.encode())
    assert given is not None and given[2:3] == b"9" and len(given) == 80


@pytest.mark.parametrize(
    ("report", "shown"),
    [
        (PAN, "411111******1111"),
        (PAN + "0" * 39, "411111******1111"),
        (PAN + " 2512 ", "411111******1111"),
        (PAN + "=25121010000000000000", "411111******1111"),
        ("6222021234567890128", "622202*********0128"),
        ("6222021234567890128" + "0" * 36, "622202*********0128"),
        ("371449635398431", "371449*****8431"),
        ("************1234", "************1234"),
        ("XXXXXXXXXXXX1234", "************1234"),
        ("", None),
        ("0" * 55, None),
        ("7" * 55, None),
        ("CMC7 0123456789", None),
    ],
)
def test_reports(report: str, shown: str | None) -> None:
    """Nothing of the report is kept but a masked card number at its beginning."""
    told = codec.decode((LONG[:12] + report.ljust(55)[:55] + LONG[67:]).encode())
    assert isinstance(told, m.Result)
    assert told.masked_pan == shown
    assert "2512" not in repr(told)


def test_a_cheques_number_is_not_a_card() -> None:
    told = codec.decode((LONG[:11] + "C" + PAN.ljust(55) + LONG[67:]).encode())
    assert isinstance(told, m.Result)
    assert (told.scheme, told.masked_pan) == ("CHEQUE", None)
    assert answer(sale(), told) is None


def test_no_card_number_in_what_is_not_understood() -> None:
    assert luhn(PAN)
    for body in (LONG[:2] + "5" + LONG[3:12] + PAN.ljust(55) + LONG[67:], PAN, "x" * 40 + PAN):
        with pytest.raises(NotUnderstood) as refused:
            codec.decode(body.encode())
        assert PAN.encode().hex() not in refused.value.raw
        assert PAN[6:12].encode().hex() not in refused.value.raw


@given(st.one_of(st.binary(max_size=300), *(st.binary(min_size=n, max_size=n) for n in (25, 34, 80))))
def test_any_body_is_a_message_or_not_understood(raw: bytes) -> None:
    codec.is_ask(raw)
    try:
        codec.decode(raw)
    except NotUnderstood as refused:
        assert refused.reason


@given(st.integers(1, 99_999_999), st.integers(1, 999), st.integers(0, 2**128 - 1))
def test_a_sale_comes_back(minor: int, currency: int, reference: int) -> None:
    asked = codec.decode(codec.encode(sale(minor, currency, reference=f"{reference:032x}")))
    assert isinstance(asked, m.Sale)
    assert asked.amount == Money(minor, currency)


# -- which answer fits -------------------------------------------------------------------------------------------------

OTHER = reference_of("0Z0Z0Z0Z0Z")
OURS = reference_of(TICKET)
OWN_NUMBER = reference_of("0000004711")
BLANK = "0" * 32


@pytest.mark.parametrize(
    ("reference", "amount", "fits"),
    [
        (OURS, Money(12_345, 978), True),
        (OURS, Money(12_344, 978), True),  # ours by name: what was taken is the terminal's word, and a finding
        (OURS, Money(12_345, 156), True),
        (BLANK, Money(12_345, 978), True),
        (BLANK, Money(12_344, 978), False),
        (BLANK, Money(12_345, 156), False),
        (OWN_NUMBER, Money(12_345, 978), True),
        (OWN_NUMBER, Money(12_344, 978), False),
        (OTHER, Money(12_345, 978), False),
        (OTHER, Money(12_344, 978), False),
    ],
)
@pytest.mark.parametrize("state", [RequestState.APPROVED, RequestState.DECLINED, RequestState.IN_PROGRESS])
def test_answers(reference: str, amount: Money, fits: bool, state: RequestState) -> None:
    asked = sale(request_id=7)
    given = answer(asked, result(reference=reference, amount=amount, state=state))
    if fits:
        assert given == result(amount=amount, state=state, request_id=7)
    else:
        assert given is None


def test_only_a_result_answers_and_only_a_sale_is_answered() -> None:
    assert answer(sale(), m.Error(code=m.ErrorCode.NOT_NOW)) is None
    assert answer(m.TotalsQuery(), result(reference=OURS)) is None


def test_the_register_gets_back_what_it_put() -> None:
    """Its number 07, its mode, its private text, in the length that it asked for; the ticket is ours alone."""
    asked = ("07" + ASK[2:10] + "0" + "U" + ASK[12:16] + "  shop 1  " + ASK[26:]).encode()
    named = codec.named(asked, bytes(range(10)))
    assert named == asked.replace(b"  shop 1  ", b"0123456789")
    given = codec.fitted(asked, named, codec.encode(result(reference=reference_of("0123456789"))))
    assert given == b"07" + b"0" + b"00012345" + b"U" + b"978" + b"  shop 1  "
    assert codec.fitted(asked, named, codec.encode(result())) is None, "the outcome of another request"
    refused = codec.fitted(asked, named, codec.encode(m.Error(code=m.ErrorCode.OUT_OF_BOUNDS)))
    assert refused == b"07" + b"7" + b"00012345" + b"U" + b"978" + b"  shop 1  "


@pytest.mark.parametrize("private", [wire.BLANK, b"0000000000", b"0000000017", b"caisse 001", b"5HRB9Y9X8U"])
def test_what_is_no_ticket_names_no_request(private: bytes) -> None:
    asked = ASK.replace(TICKET, private.decode()).encode()
    first, second = codec.named(asked, bytes(10)), codec.named(asked, bytes([1] * 10))
    assert first != second
    assert codec.named(ASK.encode(), bytes(10)) == ASK.encode()
