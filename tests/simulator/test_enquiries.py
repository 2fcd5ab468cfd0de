"""What the terminal answers at once (docs/simulator.md)."""

from __future__ import annotations

from protocol import messages as m
from protocol.money import Money


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
