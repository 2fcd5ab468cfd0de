"""Messages and texts: both spellings, the vendor's published answers, what cannot be said, what is masked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import messages as m
from protocol.dialects.transbank import wire
from protocol.dialects.transbank.codec import LARGEST, NO_DEADLINE, SMALLEST, decode, encode, too_long, understood
from protocol.dialects.transbank.exchange import SPEAKS
from protocol.errors import NotUnderstood, OutOfBounds
from protocol.money import CNY, Money
from protocol.tickets import NO_TICKET, reference_of

CLP = 152
REFERENCE = "0192e5a0c1d27abc8def0123456789ab"  # its ticket: 2PF2DB
PAN = "4111111111111111"  # a published test number that passes Luhn


def sale(amount: int = 15_000, **other: Any) -> m.Sale:
    return m.Sale(**{"reference": REFERENCE, "amount": Money(amount, CLP), "deadline": 0, **other})


def void(trace: str | None) -> m.Void:
    return m.Void(reference=REFERENCE, original_reference=NO_TICKET, original_trace=trace, deadline=0)


# -- requests ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (sale(), b"0200|000015000|2PF2DB|||1"),
        (sale(SMALLEST), b"0200|000000050|2PF2DB|||1"),
        (sale(LARGEST), b"0200|999999999|2PF2DB|||1"),
        (void("000142"), b"1200|142|"),
        (m.LastTransactionQuery(), b"0250|"),
        (m.TotalsQuery(), b"0700||"),
        (m.Settle(), b"0500||"),
    ],
)
def test_what_the_agent_asks(message: m.Message, text: bytes) -> None:
    assert encode(message) == text


@pytest.mark.parametrize(
    "text",
    [b"0200|1500|000042|||1|", b"0200|000001500|000042|||1", b"0200|1500|000042|||0|", b"0200|1500|000042|0||0"],
)
def test_a_sale_in_every_spelling_of_the_vendors_clients(text: bytes) -> None:
    told = m.Sale(reference=reference_of("000042"), amount=Money(1_500, CLP), deadline=NO_DEADLINE)
    assert decode(text) == told
    assert understood(text)


@pytest.mark.parametrize("text", [b"1200|142|", b"1200|000142|", b"1200|142"])
def test_a_void_in_every_spelling(text: bytes) -> None:
    told = decode(text)
    assert isinstance(told, m.Void)
    assert (told.original_trace, told.amount) == ("000142", None)
    assert told.reference == reference_of("1200|142")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"0250|", m.LastTransactionQuery()),
        (b"0250", m.LastTransactionQuery()),
        (b"0700||", m.TotalsQuery()),
        (b"0700|", m.TotalsQuery()),
        (b"0500||", m.Settle()),
    ],
)
def test_the_other_commands(text: bytes, message: m.Message) -> None:
    assert decode(text) == message


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"02",
        b"9999|",
        b"0200|",
        b"0200||000042|||1",
        b"0200|000000000|000042|||1",
        b"0200|1234567890|000042|||1",
        b"0200|0000150.5|000042|||1",
        b"0200|0000000-5|000042|||1",
        b"0200|1500||||1",
        b"0200|1500|1234567|||1",
        b"0200|1500|0000\xe942|||1",
        b"0200|1500|000042|||1|x",
        b"0200|1500|000042|||1||7",
        b"1200||",
        b"1200|0|",
        b"1200|12a|",
        b"1200|1234567|",
        b"0270|1500|000042|||1|",
        b"0100",
    ],
)
def test_what_is_no_command_is_refused_with_its_bytes(text: bytes) -> None:
    assert not understood(text)
    with pytest.raises(NotUnderstood) as refused:
        decode(text)
    assert all(shown in {byte, "*"} for shown, byte in zip(refused.value.raw, text.hex(), strict=True))
    assert refused.value.reason
    assert refused.value.todo


# -- answers -----------------------------------------------------------------------------------------------------------

APPROVED, DECLINED = m.RequestState.APPROVED, m.RequestState.DECLINED


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (  # the comment in the tests of the vendor's C library
            b"0260|00|597029414300|75001089|000002|181278|2500|3|834|6590|000063|CR|||VI|14052019|111555|0|0|",
            m.Result(
                reference=reference_of("000002"), state=APPROVED, amount=Money(2_500, CLP), response_code="00",
                product=m.Product.CREDIT, trace="000063", auth_code="181278", scheme="VISA",
                masked_pan="************6590",
            ),
        ),
        (  # the vendor's Java client
            b"0260|00|597029414300|75001146|000001|828630|2600|0||3331|000086|DB|00-00-00|********331|DB|02032020|162214|0|0|",
            m.Result(
                reference=reference_of("000001"), state=APPROVED, amount=Money(2_600, CLP), response_code="00",
                product=m.Product.DEBIT, trace="000086", auth_code="828630", scheme="REDCOMPRA",
                masked_pan="************3331",
            ),
        ),
        (  # the tests of the vendor's .NET client, 2026
            b"0210|00|597029414300|IT750050|ABC123|925171|1200|00|0|3331|000072|DB|000000|0000000000000000331|P|16032026|120653||||",
            m.Result(
                reference=reference_of("ABC123"), state=APPROVED, amount=Money(1_200, CLP), response_code="00",
                product=m.Product.DEBIT, trace="000072", auth_code="925171", scheme="P", masked_pan="************3331",
            ),
        ),
        (
            b"0210|07|||ABC||10001||||||||||||||",
            m.Result(reference=reference_of("ABC"), state=DECLINED, amount=Money(10_001, CLP), response_code="07"),
        ),
        (b"0260|11|||||||||||||||||||", m.Result(reference=NO_TICKET, state=m.RequestState.NOT_FOUND, response_code="11")),
        (b"0260|12|", m.Error(code=m.ErrorCode.NOT_SUPPORTED)),
        (
            b"1210|00|597029414300|IT750050|162529|000142||",
            m.Result(reference=NO_TICKET, state=APPROVED, response_code="00", trace="000142", auth_code="162529"),
        ),
        (b"1210|21|597029414300|IT750050||143||", m.Result(reference=NO_TICKET, state=DECLINED, response_code="21", trace="143")),
        (b"0710|00|002|15000||", m.Totals(count=2, amount=Money(15_000, CLP))),
        (b"0710|00|000|||", m.Totals(count=0, amount=Money(0, CLP))),
        (b"0510|00|597029414300|IT750050||", m.SettleReply(settled=True, response_code="00")),
        (b"0510|02|597029414300|IT750050||", m.SettleReply(settled=False, response_code="02")),
        (b"0900|78", m.Progress(reference=NO_TICKET, stage=m.Stage.PRESENT_CARD)),
        (b"0900|82|", m.Progress(reference=NO_TICKET, stage=m.Stage.HOST)),
    ],
)  # fmt: skip
def test_the_vendors_published_answers(text: bytes, told: m.Message) -> None:
    assert decode(text) == told


@pytest.mark.parametrize(
    "text",
    [
        b"0210|00|597029414300|75001146|000002|799889||0||2008|000087|CR|||AX|03032020|112624|0|0|",  # approved, how much?
        b"0210||597029414300|75001146|000002|799889|2600|",
        b"0210|0|597029414300|75001146|000002|799889|2600|",
        b"0210|00|597029414300|75001146|000002|799889|26.0|",
        b"0710|00||15000||",
        b"0710|00|002|||",
        b"0710|",
        b"0510|",
        b"1210|",
        b"0900|",
        b"0900|abc",
        b"0900|00",
    ],
)
def test_an_answer_that_decides_nothing_is_not_understood(text: bytes) -> None:
    with pytest.raises(NotUnderstood):
        decode(text)


def test_every_code_but_00_is_a_rejection() -> None:
    """The vendor's page: any response code other than 0 counts as a rejection."""
    for code in range(100):
        told = decode(b"0210|%02d|||000042||1500|" % code)
        assert isinstance(told, m.Result)
        assert (told.state is APPROVED) == (code == 0)
        assert told.response_code == f"{code:02}"


@pytest.mark.parametrize("field", ["last_digits", "account", "authorization"])
def test_no_card_number_comes_out(field: str) -> None:
    values = {"response": b"00", "ticket": b"000042", "amount": b"1500", field: PAN.encode()}
    text = wire.BAR.join([b"0210", *(values.get(name, b"") for name, _ in wire.BY_CODE[b"0210"].fields)])
    try:
        told = repr(decode(text))
    except NotUnderstood as refused:
        told = refused.reason + refused.raw
    assert PAN not in told
    assert PAN.encode().hex() not in told


def test_what_follows_the_fields_is_dropped() -> None:
    receipt = b"COMPROBANTE DE VENTA " + PAN.encode()
    told = decode(b"0210|00|||000042||1500|||||||||||||" + receipt)
    assert PAN not in repr(told)
    assert isinstance(told, m.Result) and told.amount == Money(1_500, CLP)


# -- what cannot be said -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        sale(SMALLEST - 1),
        sale(0),
        sale(-500),
        sale(LARGEST + 1),
        sale(amount=Money(15_000, CNY))
        if False
        else m.Sale(reference=REFERENCE, amount=Money(15_000, CNY), deadline=0),
        void(None),
        void("0"),
        void("1234567"),
        void("12a"),
        void("１４２"),
        m.Refund(reference=REFERENCE, original_reference=REFERENCE, amount=Money(1_500, CLP), deadline=0),
        m.StatusQuery(reference=REFERENCE, fence=True),
        m.Progress(reference=REFERENCE, stage=m.Stage.REMOVE_CARD),
        m.Result(reference=REFERENCE, state=m.RequestState.IN_PROGRESS),
        m.Result(reference=REFERENCE, state=APPROVED, amount=Money(1_500, CNY)),
        m.Result(reference=REFERENCE, state=APPROVED, amount=Money(1_500, CLP), trace="1234567"),
        m.Result(reference=REFERENCE, state=APPROVED, amount=Money(1_500, CLP), auth_code="AB|12"),
        m.Totals(count=1, amount=Money(-1, CLP)),
        m.Totals(count=-1, amount=Money(0, CLP)),
        m.Totals(count=1, amount=Money(10**12, CLP)),
    ],
    ids=repr,
)
def test_what_the_wire_cannot_carry_is_refused_before_anything_is_sent(message: m.Message) -> None:
    with pytest.raises(OutOfBounds) as refused:
        encode(message)
    assert refused.value.todo


def test_a_void_is_spoken_and_a_refund_is_not() -> None:
    assert m.Void in SPEAKS
    assert m.Refund not in SPEAKS


def test_too_long() -> None:
    assert isinstance(too_long(b"0210|00|"), NotUnderstood)


# -- there and back ----------------------------------------------------------------------------------------------------

PRINTABLE = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=6)
AMOUNTS = st.integers(SMALLEST, LARGEST).map(lambda minor: Money(minor, CLP))


@given(AMOUNTS, PRINTABLE)
def test_a_sale_there_and_back(amount: Money, ticket: str) -> None:
    asked = m.Sale(reference=reference_of(ticket), amount=amount, deadline=NO_DEADLINE)
    assert decode(encode(asked)) == asked


@given(
    st.builds(
        m.Result,
        reference=PRINTABLE.map(reference_of),
        state=st.just(APPROVED),
        amount=AMOUNTS,
        response_code=st.just("00"),
        product=st.sampled_from([m.Product.CREDIT, m.Product.DEBIT, None]),
        trace=st.integers(0, 999_999).map("{:06}".format),
        auth_code=st.none() | PRINTABLE,
        scheme=st.sampled_from(["VISA", "MASTERCARD", "AMEX", None]),
        masked_pan=st.none() | st.integers(0, 9_999).map("************{:04}".format),
    )
)
def test_an_outcome_there_and_back(result: m.Result) -> None:
    assert decode(encode(result)) == result


@given(
    st.binary(max_size=120)
    | st.sampled_from(sorted(wire.BY_CODE)).flatmap(
        lambda code: st.binary(max_size=80).map(lambda rest: code + b"|" + rest)
    )
)
def test_any_bytes_are_a_message_or_not_understood(text: bytes) -> None:
    try:
        message = decode(text)
    except NotUnderstood as refused:
        assert refused.raw or not text
    else:
        assert type(message) in SPEAKS
