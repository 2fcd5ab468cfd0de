"""What a dialect's messages make possible: the one table from `agent.views.Capability` to message types."""

from __future__ import annotations

from collections.abc import Mapping

from agent.views import Capability
from protocol import messages as m
from protocol.dialect import Dialect

NEEDS: Mapping[Capability, tuple[type[m.Message], ...]] = {
    Capability.EVENTS: (m.Transaction, m.Sync, m.EventAck),
    Capability.HEADS: (m.HeadGet, m.HeadPut),
    Capability.DEVICE_INFO: (m.DeviceInfoQuery,),
    Capability.SELF_TEST: (m.SelfTest,),
    Capability.ECHO: (m.Echo,),
    Capability.SALE: (m.Sale,),
    Capability.REFUND: (m.Refund,),
    Capability.VOID: (m.Void,),
    Capability.STATUS: (m.StatusQuery,),
    Capability.LAST_TRANSACTION: (m.LastTransactionQuery,),
    Capability.TOTALS: (m.TotalsQuery,),
    Capability.SETTLE: (m.Settle,),
    Capability.DEPOSITS: (m.DepositQuery, m.DepositReturn),
    Capability.TARIFFS: (m.TariffQuery,),
}
"""A dialect has a capability if it has words for all of these; PAIRING is its link's."""


def capabilities(dialect: Dialect) -> tuple[Capability, ...]:
    """What a terminal of that dialect can be asked, in the order of `Capability`."""
    able = {capability for capability, needs in NEEDS.items() if dialect.speaks.issuperset(needs)}
    if dialect.pairs:
        able.add(Capability.PAIRING)
    return tuple(each for each in Capability if each in able)
