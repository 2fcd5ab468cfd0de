"""What the two ends tell each other, as frozen dataclasses: the vocabulary of every dialect.

    choices.py      what the messages choose among
    unsolicited.py  terminal -> agent, unasked: transactions, fees, notices, settlements, deposits, the device itself
    requests.py     agent -> terminal
    replies.py      terminal -> agent, asked

Units: amounts are `Money` (minor units), times are milliseconds UTC since 1970 (`at`, `*_time`), event numbers count from 1
within one log epoch of a terminal. References are 32 hexadecimal digits (a UUIDv7 where the agent makes them).
Text is NFC and bounded; the bounds stand with the tags in `protocol.dialects.native.wire`.
"""

from __future__ import annotations

from protocol.messages.choices import (
    DeductionCause,
    DepositState,
    DeviceEventKind,
    EntryMode,
    ErrorCode,
    FeeType,
    Outcome,
    Product,
    RequestState,
    SettlementMode,
    Severity,
    Stage,
    TransactionKind,
)
from protocol.messages.replies import (
    DepositStatus,
    DeviceInfo,
    EchoReply,
    Error,
    HeadReply,
    Progress,
    Result,
    SelfTestItem,
    SelfTestReply,
    SettleReply,
    StatusReply,
    SyncReply,
    TariffLine,
    Tariffs,
    Totals,
)
from protocol.messages.requests import (
    Confirm,
    DepositQuery,
    DepositReturn,
    DeviceInfoQuery,
    Echo,
    EventAck,
    HeadGet,
    HeadPut,
    LastTransactionQuery,
    Refund,
    Sale,
    SelfTest,
    Settle,
    StatusQuery,
    Sync,
    TariffQuery,
    TotalsQuery,
    Void,
)
from protocol.messages.unsolicited import (
    Deduction,
    DepositUpdate,
    DeviceEvent,
    Fee,
    Settlement,
    SettlementLine,
    TariffNotice,
    TerminalHello,
    Transaction,
)

UnsolicitedEvent = Transaction | Fee | DeviceEvent | TariffNotice | Settlement | DepositUpdate
MoneyRequest = Sale | Refund | Void
Request = (
    Sync
    | DeviceInfoQuery
    | HeadGet
    | HeadPut
    | MoneyRequest
    | StatusQuery
    | LastTransactionQuery
    | TotalsQuery
    | Settle
    | DepositQuery
    | DepositReturn
    | TariffQuery
    | SelfTest
    | Echo
)
Reply = (
    SyncReply
    | DeviceInfo
    | HeadReply
    | Result
    | StatusReply
    | Totals
    | SettleReply
    | DepositStatus
    | Tariffs
    | SelfTestReply
    | EchoReply
    | Error
)
Message = UnsolicitedEvent | EventAck | Confirm | Request | Progress | Reply

__all__ = [
    "Confirm",
    "Deduction",
    "DeductionCause",
    "DepositQuery",
    "DepositReturn",
    "DepositState",
    "DepositStatus",
    "DepositUpdate",
    "DeviceEvent",
    "DeviceEventKind",
    "DeviceInfo",
    "DeviceInfoQuery",
    "Echo",
    "EchoReply",
    "EntryMode",
    "Error",
    "ErrorCode",
    "EventAck",
    "Fee",
    "FeeType",
    "HeadGet",
    "HeadPut",
    "HeadReply",
    "LastTransactionQuery",
    "Message",
    "MoneyRequest",
    "Outcome",
    "Product",
    "Progress",
    "Refund",
    "Reply",
    "Request",
    "RequestState",
    "Result",
    "Sale",
    "SelfTest",
    "SelfTestItem",
    "SelfTestReply",
    "Settle",
    "SettleReply",
    "Settlement",
    "SettlementLine",
    "SettlementMode",
    "Severity",
    "Stage",
    "StatusQuery",
    "StatusReply",
    "Sync",
    "SyncReply",
    "TariffLine",
    "TariffNotice",
    "TariffQuery",
    "Tariffs",
    "TerminalHello",
    "Totals",
    "TotalsQuery",
    "Transaction",
    "TransactionKind",
    "UnsolicitedEvent",
    "Void",
]
