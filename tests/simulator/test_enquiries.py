"""What the terminal answers at once, and what it says to questions that it does not answer yet (docs/simulator.md)."""

from __future__ import annotations

import pytest

from protocol import messages as m
from protocol.messages import ErrorCode
from protocol.money import Money

SALE = "0192e5a0c1d27abc8def012345678901"


def test_enquiries(bench) -> None:
    b = bench(transactions=0)
    b.start()
    assert b.ask(m.Echo(data=b"\x00\xff")).data == b"\x00\xff"
    items = b.ask(m.SelfTest()).items
    assert [item.name for item in items] == ["printer", "reader", "keys", "battery", "memory", "host"]
    assert all(item.passed for item in items)
    # docs/domain.md A1, 传统大POS; from 2012-01-01T00:00+08:00 (date -d 2012-01-01T00:00+08:00 +%s)
    since, cap = 1_325_347_200_000, Money(2_000)
    line = m.TariffLine(product=m.Product.DEBIT, rate_ppm=5_500, effective_from=since, cap=cap)
    assert b.ask(m.TariffQuery(product=m.Product.DEBIT)).tariffs == (line,)
    told = {t.product: (t.rate_ppm, t.cap, t.minimum) for t in b.ask(m.TariffQuery()).tariffs}
    assert told == {
        m.Product.CREDIT: (6_000, cap, None),
        m.Product.DEBIT: (5_500, cap, None),
        m.Product.QR_WALLET: (3_800, None, None),
        m.Product.QR_CREDIT: (3_800, None, None),
    }
    assert b.ask(m.TariffQuery(product=m.Product.FOREIGN_CARD)).tariffs == ()


@pytest.mark.parametrize(
    "request_",
    [
        m.StatusQuery(reference=SALE, fence=True),
        m.DepositQuery(),
        m.DepositReturn(reference=SALE, amount=Money(1), application="请退还押金"),
    ],
)
def test_what_it_does_not_do_yet_it_says(bench, request_: m.Request) -> None:
    b = bench(transactions=0)
    b.start()
    reply = b.ask(request_)
    assert isinstance(reply, m.Error) and reply.code is ErrorCode.NOT_SUPPORTED
