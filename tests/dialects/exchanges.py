"""What each dialect is asked in the contract suite, and what its terminal answers. A new dialect adds its currency here."""

from __future__ import annotations

from protocol import messages as m
from protocol.money import CNY, Money

CURRENCY = {"native": CNY, "telium": 978, "transbank": 152}
"""dialect -> the currency that its wire can carry (ISO 4217 numeric)."""

SALE_REFERENCE = "0192f3a4b5c67d8e9fa0b1c2d3e4f506"
REFUND_REFERENCE = "0192f3a4b5c67d8e9fa0b1c2d3e4f507"


def requests(dialect: str, now: int = 0) -> dict[type[m.Message], m.Request]:
    """One request of each type. now: the terminal's clock (ms), for deadlines."""
    amount, deadline = Money(12_300, CURRENCY[dialect]), now + 30_000
    given: tuple[m.Request, ...] = (
        m.Sync(start=1),
        m.DeviceInfoQuery(),
        m.HeadGet(),
        m.HeadPut(checkpoint="counterfoil/00/1\n1\nqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=\n\n"),
        m.Sale(reference=SALE_REFERENCE, amount=amount, deadline=deadline),
        m.Refund(
            reference=REFUND_REFERENCE,
            original_reference=SALE_REFERENCE,
            original_trace="000123",
            amount=amount,
            deadline=deadline,
        ),
        m.Void(
            reference=REFUND_REFERENCE,
            original_reference=SALE_REFERENCE,
            original_trace="000123",
            amount=amount,
            deadline=deadline,
        ),
        m.StatusQuery(reference=SALE_REFERENCE, fence=True),
        m.LastTransactionQuery(),
        m.TotalsQuery(),
        m.Settle(),
        m.DepositQuery(ticket="D-1"),
        m.DepositReturn(reference=REFUND_REFERENCE, amount=amount, application="押金退还申请"),
        m.TariffQuery(),
        m.SelfTest(),
        m.Echo(data=bytes(range(256))),
    )
    return {type(request): request for request in given}


def reply(request: m.Request) -> m.Reply:
    """What the terminal answers; its id is the request's."""
    number = request.request_id
    match request:
        case m.Sync():
            return m.SyncReply(oldest_retained=1, last_written=0, request_id=number)
        case m.DeviceInfoQuery():
            return m.DeviceInfo(
                serial_number="SN1", model="M", firmware="1", mid="822290053110007", tid="10000001", clock=1,
                request_id=number,
            )  # fmt: skip
        case m.HeadGet() | m.HeadPut():
            return m.HeadReply(request_id=number)
        case m.Sale(reference=reference, amount=amount) | m.Refund(reference=reference, amount=amount):
            return _approved(reference, amount, number)
        case m.Void(reference=reference, amount=amount):
            return _approved(reference, amount, number)
        case m.StatusQuery(reference=reference):
            state = m.RequestState.NOT_FOUND
            return m.StatusReply(reference=reference, state=state, log_epoch="e-1", fenced=True, request_id=number)
        case m.LastTransactionQuery():
            return _approved(SALE_REFERENCE, Money(12_300, CURRENCY["transbank"]), number)
        case m.TotalsQuery():
            return m.Totals(count=3, amount=Money(36_900, CURRENCY["transbank"]), request_id=number)
        case m.Settle():
            return m.SettleReply(settled=True, response_code="00", request_id=number)
        case m.DepositQuery() | m.DepositReturn():
            return m.DepositStatus(
                ticket="D-1",
                state=m.DepositState.SUBMITTED,
                amount=Money(29_900),
                documents=("收据",),
                request_id=number,
            )
        case m.TariffQuery():
            line = m.TariffLine(product=m.Product.CREDIT, rate_ppm=6_000, effective_from=0)
            return m.Tariffs(tariffs=(line,), request_id=number)
        case m.SelfTest():
            return m.SelfTestReply(items=(m.SelfTestItem(name="printer", passed=True),), request_id=number)
        case m.Echo(data=data):
            return m.EchoReply(data=data, request_id=number)
    raise AssertionError(f"no reply is written down for {request}")


def _approved(reference: str, amount: Money, number: int) -> m.Result:
    return m.Result(
        reference=reference,
        state=m.RequestState.APPROVED,
        amount=amount,
        response_code="00",
        trace="000123",
        auth_code="A1B2C3",
        request_id=number,
    )
