"""Both ends over a line that loses and damages bytes: at most one charge for a request, and no outcome that is not the terminal's.

What every dialect owes (each request answered, on sound lines and healed ones) is tests/dialects/test_contract.py.
"""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from protocol import messages as m
from protocol.conversation import Conversation
from protocol.dialect import Role
from protocol.events import FailReason, Received, Replied, RequestFailed
from protocol.money import Money
from protocol.tickets import reference_of, ticket_of
from tests.protocol.pair import Fault, Pair, clean

AGENT, TERMINAL = Role.AGENT, Role.TERMINAL


class Till(Pair):
    """A terminal that says three stages and approves; `charged` is what it took, by ticket's reference."""

    def __init__(self, fault: Fault, seed: int) -> None:
        ends = [
            Conversation("transbank", role, random=Random(f"{role}/{seed}").randbytes) for role in (AGENT, TERMINAL)
        ]
        super().__init__(*ends, fault=clean, delay=5, seed=seed)
        self.charged: list[m.Sale] = []
        self.open().run(3_000)
        assert self.agent.is_open
        self.fault = fault

    def _collect(self, role: Role) -> None:
        super()._collect(role)
        if role is TERMINAL:
            told, self.told[role] = self.told[role], []
            for event in told:
                if isinstance(event, Received):
                    for reply in self.answers(event.message):
                        self.terminal.send(reply, self.now)

    def answers(self, request: m.Message) -> list[m.Message]:
        if isinstance(request, m.Sale):
            self.charged.append(request)
            stages = (m.Stage.PRESENT_CARD, m.Stage.PIN, m.Stage.HOST)
            return [*(m.Progress(reference=request.reference, stage=stage) for stage in stages), self.outcome()]
        assert isinstance(request, m.LastTransactionQuery)
        return [self.outcome()]

    def outcome(self) -> m.Result:
        if not self.charged:
            return m.Result(reference="0" * 32, state=m.RequestState.NOT_FOUND)
        last = self.charged[-1]
        number = f"{len(self.charged):06}"
        return m.Result(reference=last.reference, state=m.RequestState.APPROVED, amount=last.amount, trace=number)

    def ask(self, request: m.Request) -> Replied | RequestFailed:
        number = self.agent.request(request, self.now)
        for _ in range(500):
            self.run(500)
            for event in self.told[AGENT]:
                if isinstance(event, Replied | RequestFailed) and event.request_id == number:
                    return event
        raise AssertionError("no end")


def loses(share: float) -> Fault:
    return lambda data, random: [] if random.random() < share else [data]


def damages(share: float) -> Fault:
    def spoil(data: bytes, random: Random) -> list[bytes]:
        if random.random() >= share:
            return [data]
        spoilt = bytearray(data)
        spoilt[random.randrange(len(spoilt))] ^= 1 << random.randrange(8)
        return [bytes(spoilt)]

    return spoil


def cuts(share: float) -> Fault:
    def cut(data: bytes, random: Random) -> list[bytes]:
        at = random.randrange(len(data))
        return [data[:at] + data[at + 1 :]] if random.random() < share else [data]

    return cut


FAULTS: dict[str, Any] = {"loses": loses, "damages": damages, "cuts": cuts}


@pytest.mark.parametrize("share", [0.1, 0.4])
@pytest.mark.parametrize("fault", FAULTS)
def test_at_most_one_charge_and_no_outcome_that_is_not_the_terminals(fault: str, share: float) -> None:
    seen = set()
    for seed in range(60):
        till = Till(FAULTS[fault](share), seed)
        sale = m.Sale(
            reference=f"{Random(seed).getrandbits(128):032x}", amount=Money(15_000 + seed, 152), deadline=60_000
        )
        told = till.ask(sale) if till.agent.is_open else None
        ours = reference_of(ticket_of(sale.reference, 6))
        taken = [charge for charge in till.charged if charge.reference == ours]
        assert len(taken) <= 1, seed
        assert all(charge.amount == sale.amount for charge in till.charged), seed
        match told:
            case Replied(_, m.Result() as result):
                assert (result.state, result.reference) == (m.RequestState.APPROVED, sale.reference), seed
                assert taken and result.amount == sale.amount, seed
            case RequestFailed(_, FailReason.REFUSED):
                assert not taken, seed
        till.fault = clean
        till.run(200_000)
        last = till.ask(m.LastTransactionQuery())
        assert isinstance(last, Replied) and isinstance(last.message, m.Result), seed
        assert (last.message.reference == ours) == bool(taken), seed
        seen.add("unknown" if isinstance(told, RequestFailed) else "told")
    assert "told" in seen
    assert share < 0.4 or "unknown" in seen  # else the faults did nothing
