"""Which replies may answer which request."""

from __future__ import annotations

from collections.abc import Mapping

from protocol import messages as m

REPLIES: Mapping[type[m.Message], tuple[type[m.Message], ...]] = {
    m.Sync: (m.SyncReply, m.Error),
    m.DeviceInfoQuery: (m.DeviceInfo, m.Error),
    m.HeadGet: (m.HeadReply, m.Error),
    m.HeadPut: (m.HeadReply, m.Error),
}
