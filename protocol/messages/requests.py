"""What the agent asks. The conversation sets request_id; 0 is "not yet sent", and no dialect without such ids has another.

A money request's reference is the agent's, for ever; its deadline is ms on the terminal's clock (`TerminalHello.uptime`).
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol.messages.choices import Product
from protocol.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class EventAck:
    """Every event up to this number is durable under a signed head. No reply."""

    up_to: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """Send the events again from this number on. A terminal sends none in a session before it was asked."""

    start: int
    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfoQuery:
    """What are you?"""

    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadGet:
    """Ask for the journal head that the terminal remembers: the first exchange of every session."""

    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadPut:
    """Give the terminal the journal's last signed checkpoint to remember. Refused below the stored size of one origin."""

    checkpoint: str
    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """Take this amount from whoever pays at the terminal. Answered by Progress, and one Result."""

    reference: str
    amount: Money
    deadline: int
    operator: str | None = None
    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """退货: give back a sale or part of it. original_trace: its trace, for terminals that know it by nothing else."""

    reference: str
    original_reference: str
    amount: Money
    deadline: int
    original_trace: str | None = None
    operator: str | None = None
    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Void:
    """撤销: undo a sale of this batch, whole. original_trace: as in Refund. amount: None where the wire does not name it."""

    reference: str
    original_reference: str
    deadline: int
    amount: Money | None = None
    original_trace: str | None = None
    operator: str | None = None
    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusQuery:
    """What became of a money request? fence: if it was never heard of, it shall never be done."""

    reference: str
    fence: bool
    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm:
    """The outcome is durable here: the terminal may drop its stored Result. No reply; never a condition of an approval."""

    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LastTransactionQuery:
    """The last transaction, for terminals that know no other. Answered by a Result with a reference of its own making."""

    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalsQuery:
    """Count and sum of the open batch."""

    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """结算: close the batch and settle it with the host."""

    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositQuery:
    """How does a deposit's return stand? ticket: None for the terminal's one deposit."""

    ticket: str | None = None
    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositReturn:
    """Apply for a deposit's return. application: the text as the merchant signed it."""

    reference: str
    amount: Money
    application: str
    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffQuery:
    """The tariffs that the terminal believes to be in force. product: None for all."""

    product: Product | None = None
    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """Test yourself: printer, reader, keys, battery, memory, host."""

    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """Say this again; to measure the line."""

    data: bytes
    request_id: int = 0
