"""What the terminal answers at once: from its plate, book and log, and the acquirer's tariffs; Settle and fences write."""

from __future__ import annotations

from datetime import date, datetime, time

from protocol.messages import (
    DepositQuery,
    DepositReturn,
    DeviceInfo,
    DeviceInfoQuery,
    Echo,
    EchoReply,
    Error,
    ErrorCode,
    LastTransactionQuery,
    Message,
    Product,
    Reply,
    SelfTest,
    SelfTestItem,
    SelfTestReply,
    Settle,
    SettleReply,
    StatusQuery,
    TariffLine,
    TariffQuery,
    Tariffs,
    Totals,
    TotalsQuery,
)
from protocol.money import Money
from simulator.book import Book
from simulator.clock import SHANGHAI, SimulatedClock, local_date
from simulator.counter import Counter
from simulator.host import APPROVED, RESPONSES
from simulator.identity import Identity, plate
from simulator.log import TerminalLog
from simulator.profile import Profile
from simulator.under_way import IN_PROGRESS

PARTS = ("printer", "reader", "keys", "battery", "memory", "host")
"""What a self-test looks at; nothing is ever broken yet."""


class Enquiries:
    """currency: ISO 4217, the terminal's one. Every `now` is monotonic ms."""

    def __init__(
        self,
        *,
        profile: Profile,
        identity: Identity,
        log: TerminalLog,
        book: Book,
        counter: Counter,
        clock: SimulatedClock,
        currency: int,
    ) -> None:
        self._profile = profile
        self._identity = identity
        self._log = log
        self._book = book
        self._counter = counter
        self._clock = clock
        self._currency = currency

    def answer(self, asked: Message, now: int) -> Reply | None:
        """The reply, or None to what is none of these."""
        reply: Reply | None = None
        match asked:
            case DeviceInfoQuery(request_id=request):
                reply = self._device_info(now, request)
            case Echo(data=data, request_id=request):
                reply = EchoReply(data=data, request_id=request)
            case SelfTest(request_id=request):
                items = tuple(SelfTestItem(name=part, passed=True) for part in PARTS)
                reply = SelfTestReply(items=items, request_id=request)
            case TariffQuery(product=product, request_id=request):
                reply = Tariffs(tariffs=self._tariffs(product, now), request_id=request)
            case TotalsQuery(request_id=request):
                count, total = self._book.totals
                reply = Totals(count=count, amount=Money(total, self._currency), request_id=request)
            case StatusQuery():
                reply = self._counter.status(asked)
            case LastTransactionQuery(request_id=request):
                reply = self._counter.last(request)
            case DepositQuery(ticket=ticket, request_id=request):
                status = self._book.acquirer.deposits.status(ticket, request)
                reply = status or Error(code=ErrorCode.OUT_OF_BOUNDS, request_id=request)
            case DepositReturn():
                reply = self._apply(asked, now)
            case Settle(request_id=request):
                reply = self._settle(request, now)
        return reply

    def _settle(self, request: int, now: int) -> Reply:
        """Not in the middle of a transaction: it would be in neither batch."""
        if self._counter.busy:
            return SettleReply(settled=False, response_code=IN_PROGRESS, request_id=request)
        if not self._book.host.reachable:
            return SettleReply(settled=False, response_code=RESPONSES[91].code, request_id=request)
        return SettleReply(
            settled=True, batch=self._book.settle(self._clock.time(now)), response_code=APPROVED, request_id=request
        )

    def _apply(self, asked: DepositReturn, now: int) -> Reply:
        try:
            status = self._book.apply(asked, self._clock.time(now))
        except ValueError:
            return Error(code=ErrorCode.OUT_OF_BOUNDS, request_id=asked.request_id)
        return status or Error(code=ErrorCode.NOT_NOW, request_id=asked.request_id)

    def _tariffs(self, product: Product | None, now: int) -> tuple[TariffLine, ...]:
        """In force on the terminal's date; none for a product that the acquirer does not take."""
        day = local_date(self._clock.time(now))
        taken = self._profile.products
        found = [(p, self._profile.tariff(p, day)) for p in Product if p in taken and product in {p, None}]
        return tuple(
            TariffLine(
                product=p,
                rate_ppm=tariff.rate_ppm,
                effective_from=_midnight(tariff.effective_from),
                cap=None if tariff.cap_minor is None else Money(tariff.cap_minor, self._currency),
                minimum=Money(tariff.minimum_minor, self._currency) if tariff.minimum_minor else None,
            )
            for p, tariff in found
        )

    def _device_info(self, now: int, request: int) -> DeviceInfo:
        its = plate(self._identity, self._profile, self._log.changed)
        return DeviceInfo(
            serial_number=its.serial_number,
            model=its.model,
            firmware=its.firmware,
            mid=its.mid,
            tid=its.tid,
            clock=self._clock.time(now),
            merchant_name=its.merchant_name,
            mcc=its.mcc,
            request_id=request,
        )


def _midnight(day: date) -> int:
    """00:00 Asia/Shanghai of that day, ms UTC."""
    return int(datetime.combine(day, time(), SHANGHAI).timestamp()) * 1000
