"""kill -9 after any write of terminal or host: host's book, terminal's log and ledger agree, whatever the counter was asked."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from protocol import messages as m
from protocol.messages import Outcome, RequestState, TransactionKind
from protocol.money import Money
from simulator.host import Host
from simulator.log import TerminalLog
from tests.simulator.conftest import MemoryBench
from tests.simulator.test_money import GIVES_UP, HOST_AT, LATE, NEVER, asked, come_back, sale, status, transactions

# docs/simulator.md, "What amounts do": approved, in part, declined, in progress for ever, approved too late, no answer
AMOUNTS = {"approved": 12_300, "partly": 1_010, "declined": 551, "for ever": 709, "late": 1_068, "silent": 1_098}
MONEY = {Outcome.APPROVED: RequestState.APPROVED, Outcome.DECLINED: RequestState.DECLINED}


def reference(number: int) -> str:
    return f"0192e5a0c1d27abc8def01234567{number:04x}"


def play(b: MemoryBench, amount: int) -> list[str]:
    """One sale, then part of it back, then what is left of it voided (refused, if there was a refund)."""
    first, second, third = (reference(n) for n in (1, 2, 3))
    asked(b, sale(amount, first))
    wait(b)
    for request in (
        m.Refund(reference=second, original_reference=first, amount=Money(100), deadline=NEVER),
        m.Void(reference=third, original_reference=first, amount=Money(amount), deadline=NEVER),
    ):
        asked(b, request)
        wait(b)
    return [first, second, third]


def wait(b: MemoryBench) -> None:
    for ms in (HOST_AT, GIVES_UP, LATE):
        b.later(ms)


@pytest.mark.parametrize("lie", [None, "late_approval"])
@pytest.mark.parametrize("how", AMOUNTS)
def test_host_log_and_ledger_agree_after_a_kill_at_any_write(
    how: str, lie: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kills: list[Path] = []
    state = tmp_path / "whole" / "state"

    def killed_after(write: Callable[..., Any]) -> Callable[..., Any]:
        def written(self: Any, *args: Any) -> Any:
            done = write(self, *args)
            kills.append(tmp_path / str(len(kills)))
            shutil.copytree(state, kills[-1] / "state")
            return done

        return written

    with monkeypatch.context() as patched:
        patched.setattr(TerminalLog, "_write", killed_after(TerminalLog._write))
        patched.setattr(Host, "_do", killed_after(Host._do))
        b = MemoryBench(tmp_path / "whole", transactions=0, speed=1)
        b.start()
        if lie is not None:
            b.book.arm((lie,))
        references = play(b, AMOUNTS[how])
        b.close()
    assert len(kills) >= 5
    for folder in kills:
        again = MemoryBench(folder, transactions=0, speed=1)
        again.start()
        wait(again)
        agree(again, references, folder.name)
        again.terminal.reboot(again.now)
        come_back(again)
        agree(again, references, folder.name)
        before = (folder / "ledger.jsonl").read_bytes()
        again.close()
        once_more = MemoryBench(folder, transactions=0, speed=1)
        once_more.start()
        assert money(once_more) == money_of(before), "the ledger is the same after a start"
        once_more.close()


def agree(b: MemoryBench, references: list[str], where: str) -> None:
    done = {t.reference: t for t in transactions(b)}
    ledger = {x["reference"]: x for x in b.lines() if x["kind"] in {"sale", "refund", "void", "reversal"}}
    assert set(done) == set(ledger), where
    for one in references:
        told, charged = status(b, one), b.host.charged(one)
        known = done.get(one)
        assert told.state is not RequestState.IN_PROGRESS, where
        if told.state is RequestState.APPROVED:
            assert known is not None and known.amount.minor == told.amount.minor == charged > 0, where
            assert ledger[one]["amount_minor"] == charged, where
        else:
            assert charged == 0, f"{where}: {one} is {told.state}, and the host has charged {charged}"
        if known is not None:
            assert told.state is MONEY[known.outcome], where
    by_kind = [t for t in done.values() if t.kind is TransactionKind.REVERSAL]
    assert len({t.original_reference for t in by_kind}) == len(by_kind), "taken back once"
    deeds = [(d.action, d.reference, d.amount_minor) for d in b.host.deeds() if not d.late]
    lines = [x for x in b.lines() if x["kind"] == "host"]
    assert sorted(deeds) == sorted((x["action"], x["reference"], x["amount_minor"]) for x in lines), where


def money_of(ledger: bytes) -> list[bytes]:
    return [line for line in ledger.splitlines() if not line.startswith(b'{"kind":"day')]


def money(b: MemoryBench) -> list[bytes]:
    return money_of((b.folder / "ledger.jsonl").read_bytes())
