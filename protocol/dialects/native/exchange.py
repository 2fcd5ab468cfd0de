"""Which replies may answer which request, and which reply answers this one."""

from __future__ import annotations

from collections.abc import Mapping

from protocol import messages as m

REPLIES: Mapping[type[m.Message], tuple[type[m.Message], ...]] = {
    m.Sync: (m.SyncReply, m.Error),
    m.DeviceInfoQuery: (m.DeviceInfo, m.Error),
    m.HeadGet: (m.HeadReply, m.Error),
    m.HeadPut: (m.HeadReply, m.Error),
    m.TariffQuery: (m.Tariffs, m.Error),
    m.SelfTest: (m.SelfTestReply, m.Error),
    m.Echo: (m.EchoReply, m.Error),
    m.Sale: (m.Result, m.Error),
    m.Refund: (m.Result, m.Error),
    m.Void: (m.Result, m.Error),
    m.StatusQuery: (m.StatusReply, m.Error),
    m.Settle: (m.SettleReply, m.Error),
    m.DepositQuery: (m.DepositStatus, m.Error),
    m.DepositReturn: (m.DepositStatus, m.Error),
}
"""Before the Result of a money request any number of Progress may come."""


def answer(request: m.Request, reply: m.Reply) -> m.Reply | None:
    """The reply, if it answers that request: by its id and, where both name one, by the money request's reference.

    Id 0 is "not yet sent" and answers nothing. Another amount than was asked is an answer all the same.
    """
    if reply.request_id != request.request_id or not request.request_id:
        return None
    asked, told = getattr(request, "reference", None), getattr(reply, "reference", None)
    return reply if told is None or told == asked else None
