"""Nothing is found where nothing is wrong: records of every making, and verifying leaves a copied one as it was."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.custody.backup import back_up
from agent.custody.erasure import erase
from agent.journal import engine, heads, keys, sweep, sweep_jobs
from agent.journal.drafting import to_draft
from agent.journal.entries import Draft
from agent.journal.kinds import EventGap, EventId, EventUnreadable
from agent.journal.verify import verify_path
from tests.agent.custody.shop import Shop
from tests.agent.custody.test_backup import WRITER
from tests.agent.journal.conftest import sales
from tests.agent.journal.tampers import files, judged


def nothing_more(shop: Shop) -> None:
    """Entry 0 alone."""


def singles(shop: Shop) -> None:
    shop.trade(*[1] * 59)


def groups(shop: Shop) -> None:
    shop.trade(1, 2, 3, 5, 8, 13, 21, 34, 1, 100)


def exactly_a_power_of_two(shop: Shop) -> None:
    shop.trade(15, 16, 32)


def many_epochs(shop: Shop) -> None:
    for n in range(6):
        shop.trade(2, 1, epoch=f"e{n % 4}")


def every_kind_of_event(shop: Shop) -> None:
    with shop.journal() as journal:
        make, hmac = sales(journal.signer), journal.signer.token_hmac
        where = {"terminal": "T1", "at": None, "sha256": bytes(32)}
        numbered, unnumbered = (EventId(log_epoch="e1", number=n, **where) for n in (9, None))  # type: ignore[arg-type]
        journal.append([make(1), Draft("security.seen", {"what": "x", "count": 1}), make(2, merchant=None)], 1)
        journal.append([to_draft(EventGap(terminal="T1", log_epoch="e1", first=3, last=8, reason="x"), hmac)], 2)
        for event in (numbered, unnumbered):
            journal.append([to_draft(EventUnreadable(event=event, message_type=1, reason="x"), hmac)], 3)
        journal.append([make(10), make(1, "e2"), make(2, "e2", "T9"), make(11)], 4)


def started_again(shop: Shop) -> None:
    for _ in range(5):
        shop.trade(1, 2)


def killed(shop: Shop) -> None:
    shop.trade(3)
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(shop.path)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    for _ in range(25):
        writer.stdout.readline()
    writer.kill()
    writer.wait()
    assert shop.home.journal.with_name("journal.db-wal").stat().st_size


def rotated(shop: Shop) -> None:
    shop.trade(2)
    shop.rotate()
    shop.rotate()
    shop.trade(1)
    shop.rotate()


def restored(shop: Shop) -> None:
    shop.trade(2)
    copy = shop.path.parent / "copy.db"
    back_up(shop.home.journal, shop.key, copy)
    shop.trade(3)
    shop.restore(copy)
    shop.trade(1)
    shop.rotate()
    shop.restore(copy)
    shop.trade(1)


def key_lost(shop: Shop) -> None:
    shop.trade(2)
    shutil.rmtree(shop.path / "keys")
    (shop.path / "keys").mkdir()
    shop.restore(None, key=KEY[shop.path])
    shop.trade(2)


def erased(shop: Shop) -> None:
    shop.trade(5, 1)
    with shop.journal() as journal:
        erase(journal, 9, first=2, last=4, field=None, operator="王", reason="客户要求")


KEY: dict[Path, keys.VerifyingKey] = {}
SHAPES: list[Callable[[Shop], None]] = [
    nothing_more, singles, groups, exactly_a_power_of_two, many_epochs, every_kind_of_event, started_again, killed, rotated,
    restored, key_lost, erased,
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_is_found_and_nothing_is_left_behind(shape: Callable[[Shop], None], tmp_path: Path) -> None:
    shop = Shop(tmp_path / "home")
    KEY[shop.path] = shop.key
    shape(shop)
    home, kept = tmp_path / "carried away", heads.remembered(shop.path)
    shutil.copytree(shop.path, home, ignore=shutil.ignore_patterns("*-shm"))
    before = files(home)
    for strict in (True, False):
        report = judged(home / "journal.db", shop.key, kept, own=False, strict=strict)
        assert (report.ok, report.findings, report.more, report.first_bad) == (True, (), 0, None)
        assert report.files == {name: digest for name, digest in before.items() if name.startswith("journal.db")}
    assert files(home) == before
    if shape is killed:
        assert "journal.db-wal" in before
    own = judged(shop.home.journal, shop.key, kept, strict=True)
    assert own.ok and (own.size, own.root) == (report.size, report.root)
    with shop.journal() as journal:  # and it goes on
        assert (journal.size, journal.root_at(journal.size)) == (report.size, report.root)
    assert shop.verified().ok


@pytest.mark.parametrize("block", [1, 4, 32])
def test_the_sweep_joins_its_stretches_wherever_they_end(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With helpers at work: a record of 200 entries is to them what one of millions is."""
    monkeypatch.setattr(sweep, "BLOCK", block)
    monkeypatch.setattr(sweep_jobs, "STRETCH", 2 * block)
    monkeypatch.setattr(sweep_jobs, "ALONE", 40)
    shop = Shop(tmp_path / "home")
    for shape in (groups, many_epochs, rotated, every_kind_of_event if block == 1 else erased):
        if shape is not every_kind_of_event:
            shape(shop)
    whole = sweep_jobs.swept(shop.home.journal, shop.key)
    report = judged(shop.home.journal, shop.key)
    assert whole is not None and report.ok
    assert (whole.end.size, whole.end.frontier.root()) == (report.size, report.root)
    with shop.journal() as journal:
        assert report.root == journal.head.root


def test_while_the_agent_writes(tmp_path: Path) -> None:
    if engine.has_wal_reset_bug():
        pytest.skip("this SQLite must hold the file alone")
    shop = Shop(tmp_path / "home")
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(shop.path)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert writer.stdout is not None
        sizes = [int(writer.stdout.readline())]
        for _ in range(10):
            sizes.append(verify(shop))
    finally:
        writer.kill()
        writer.wait()
    assert sizes == sorted(sizes) and sizes[-1] > sizes[1]
    assert shop.verified().ok


def verify(shop: Shop) -> int:
    report = verify_path(shop.home.journal, own=True, heads=heads.remembered(shop.path))
    assert (report.ok, report.findings) == (True, ())
    return report.size
