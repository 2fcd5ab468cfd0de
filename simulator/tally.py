"""What went over the wire, counted for the judge (simulator/judge.py), and what a register was told. Nothing acts on it.

It lives as long as the process, and outlives the terminal's boots in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import get_args

from protocol.dialect import LinkCounters
from protocol.messages import (
    Confirm,
    DepositReturn,
    Error,
    EventAck,
    HeadPut,
    Message,
    MoneyRequest,
    Progress,
    Refund,
    Reply,
    RequestState,
    Result,
    Sale,
    SettleReply,
    StatusQuery,
    StatusReply,
    Sync,
)

REFUSED = "refused"
FINAL = frozenset({RequestState.APPROVED, RequestState.DECLINED, RequestState.VOIDED})
_MONEY = get_args(MoneyRequest)


@dataclass(slots=True)
class Asked:
    """A money request, in the order of first hearing. Amounts in minor units.

    reference: as the register calls it; a wire without references has tickets, each another request. kind: sale, refund,
    void; status where only a Status named it. told: the last final word to the register, `refused` where it was an Error
    (or a decline that leaves nothing in the log), empty where there was none; with its amount, and where the log has it.
    fenced: it was told that this will never be done. boots: of the terminal before it.
    """

    reference: str
    kind: str
    amount_minor: int | None
    boots: int
    told: str = ""
    told_minor: int | None = None
    trace: str | None = None
    batch: str | None = None
    fenced: bool = False
    statuses: int = 0


@dataclass(slots=True)
class Tally:
    sessions: int = 0
    requests: int = 0
    repeats: int = 0
    refused: int = 0
    statuses: int = 0
    fences: int = 0
    confirms: int = 0
    syncs: int = 0
    heads: int = 0
    settles: int = 0
    applications: int = 0
    acknowledgements: int = 0
    disorders: int = 0
    """What each counts: simulator/expectations.py, WIRE."""
    asked: list[Asked] = field(default_factory=list)
    _lines: list[LinkCounters] = field(default_factory=list)
    _ids: dict[int, Asked] = field(default_factory=dict)  # of this session's requests
    _sent: int = 0
    _acknowledged: int = 0

    def booted(self, line: LinkCounters, last_written: int) -> None:
        """line: counted from now on, by the new conversation. last_written: at first, what an earlier process has sent."""
        if not self._lines:
            self._sent = last_written
        self._lines.append(line)

    @property
    def boots(self) -> int:
        """After the first."""
        return len(self._lines) - 1

    def opened(self) -> None:
        """A session."""
        self.sessions += 1
        self._acknowledged = 0
        self._ids.clear()

    def sent(self, number: int) -> None:
        """An event."""
        self._sent = max(self._sent, number)

    def find(self, reference: str) -> Asked | None:
        return next((one for one in reversed(self.asked) if one.reference == reference), None)

    def heard(self, message: Message, *, ticket: bool) -> None:
        """What an agent said. ticket: the wire has no references, so that each request is another."""
        match message:
            case EventAck(up_to=up_to):
                self.acknowledgements += 1
                self.disorders += up_to > self._sent or up_to < self._acknowledged
                self._acknowledged = max(self._acknowledged, up_to)
            case Sync():
                self.syncs += 1
            case HeadPut():
                self.heads += 1
            case Confirm():
                self.confirms += 1
            case StatusQuery(reference=reference):
                self.statuses += 1
                if (one := self.find(reference)) is None:
                    one = Asked(reference, "status", None, self.boots)
                    self.asked.append(one)
                one.statuses += 1
            case DepositReturn():
                self.applications += 1
            case _ if isinstance(message, _MONEY):
                self._ask(message, ticket=ticket)

    def _ask(self, request: MoneyRequest, *, ticket: bool) -> None:
        self.requests += 1
        known = None if ticket else self.find(request.reference)
        amount = None if request.amount is None else request.amount.minor
        kind = "sale" if isinstance(request, Sale) else "refund" if isinstance(request, Refund) else "void"
        if known is None:
            known = Asked(request.reference, kind, amount, self.boots)
            self.asked.append(known)
        elif known.kind == "status":
            known.kind, known.amount_minor = kind, amount
        else:
            self.repeats += 1
        self._ids[request.request_id] = known

    def said(self, reply: Progress | Reply) -> None:
        """What the terminal answered; whether it arrived is another matter."""
        match reply:
            case Error(request_id=request) if request in self._ids:
                self._refuse(self._ids[request])
            case Result(request_id=request) if request in self._ids:
                self._tell(self._ids[request], reply)
            case StatusReply(reference=reference):
                self.fences += reply.fenced
                if (one := self.find(reference)) is not None:
                    self._tell_status(one, reply)
            case SettleReply():
                self.settles += 1
            case _:
                pass

    def _refuse(self, one: Asked) -> None:
        self.refused += 1
        one.told = one.told or REFUSED

    def _tell(self, one: Asked, result: Result) -> None:
        if result.state is RequestState.DECLINED and result.event is None:
            self._refuse(one)
        elif result.state in FINAL:
            one.told, one.told_minor = result.state, None if result.amount is None else result.amount.minor
            one.trace, one.batch = result.trace, result.batch

    def _tell_status(self, one: Asked, reply: StatusReply) -> None:
        if reply.state in FINAL:
            one.told, one.told_minor = reply.state, None if reply.amount is None else reply.amount.minor
            one.trace = reply.trace
        elif reply.state is RequestState.NOT_FOUND and reply.fenced:
            one.told, one.told_minor = RequestState.VOIDED, None
        one.fenced |= reply.fenced

    def counts(self) -> dict[str, int]:
        """Every counter by its name; those of the line since the start."""
        own = {one.name: getattr(self, one.name) for one in fields(self) if one.type == "int" and one.name[0] != "_"}
        line = {
            one.name: sum(getattr(line, one.name) for line in self._lines)
            for one in fields(LinkCounters)
            if one.name != "sessions"
        }
        return own | line | {"boots": self.boots, "asked": sum(one.kind != "status" for one in self.asked)}
