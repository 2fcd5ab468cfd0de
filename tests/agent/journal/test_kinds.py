"""What each fact says in the journal: the fields of the design's table, literally."""

from __future__ import annotations

from agent.journal import kinds
from agent.journal.entries import canonical
from agent.journal.kinds import to_draft
from protocol.messages import (
    DeviceEvent,
    DeviceEventKind,
    EntryMode,
    Fee,
    FeeType,
    Outcome,
    Product,
    SettlementMode,
    Severity,
    Transaction,
    TransactionKind,
)
from protocol.money import Money

SHA = bytes(range(32))
EVENT = {"terminal": "T1", "log_epoch": "e1", "number": 7, "at": 1000, "sha256": SHA.hex()}


def hmac_of(token: bytes) -> bytes:
    return b"H" + token[::-1]


def said(message: Transaction | Fee | DeviceEvent) -> kinds.TerminalSaid:
    return kinds.TerminalSaid(terminal="T1", log_epoch="e1", sha256=SHA, message=message)


SALE = Transaction(
    number=7,
    at=1000,
    reference="ab" * 16,
    kind=TransactionKind.SALE,
    outcome=Outcome.APPROVED,
    amount=Money(-5, 840),
    product=Product.QR_WALLET,
    trace="000123",
    batch="000001",
    mid="M",
    tid="T",
    terminal_time=999,
    entry_mode=EntryMode.QR_MERCHANT_SCANS,
    settlement_mode=SettlementMode.D1,
    response_code="00",
    masked_pan="6228481234567890123",  # a dialect that failed to mask
    card_token=b"secret-token",
    merchant_name="张三小店",
    rrn="R",
)


def test_transaction() -> None:
    draft = to_draft(said(SALE), hmac_of)
    assert draft.kind == "terminal.transaction"
    assert draft.body == {
        "event": EVENT,
        "reference": "ab" * 16,
        "kind": "sale",
        "outcome": "approved",
        "amount_minor": -5,
        "currency": 840,
        "product": "qr_wallet",
        "trace": "000123",
        "batch": "000001",
        "mid": "M",
        "tid": "T",
        "terminal_time": 999,
        "entry_mode": "qr_merchant_scans",
        "settlement_mode": "D1",
        "response_code": "00",
        "masked_pan": "622848*********0123",
        "card_token_hmac": hmac_of(b"secret-token").hex(),
        "rrn": "R",
    }
    assert draft.private == {"merchant_name": "张三小店"}
    raw = canonical(draft.body)
    assert b"secret-token" not in raw
    assert b"secret-token".hex().encode() not in raw
    assert "张三".encode() not in raw


def test_fee_and_device() -> None:
    fee = Fee(number=7, at=1000, type=FeeType.SIM, amount=Money(600), rule="R1", description="流量费")
    assert to_draft(said(fee), hmac_of).body == {
        "event": EVENT,
        "type": "sim",
        "amount_minor": 600,
        "currency": 156,
        "rule": "R1",
    }
    assert to_draft(said(fee), hmac_of).private == {"description": "流量费"}
    device = DeviceEvent(
        number=7, at=1000, kind=DeviceEventKind.FAULT, severity=Severity.MAJOR, code="E12", detail="printer"
    )
    draft = to_draft(said(device), hmac_of)
    assert draft.body == {"event": EVENT, "kind": "fault", "severity": "major", "code": "E12"}
    assert (draft.kind, draft.private) == ("terminal.device", {"detail": "printer"})


def test_the_other_kinds() -> None:
    event = kinds.EventId(terminal="T1", log_epoch="e1", number=7, at=1000, sha256=SHA)
    bare = kinds.EventId(terminal="T1", log_epoch="e1", number=None, at=None, sha256=SHA)
    facts = {
        "journal.opened": (
            kinds.JournalOpened(software="counterfoil", version="1", terminal="T1", nature="real", generation=1),
            {"software": "counterfoil", "version": "1", "terminal": "T1", "nature": "real", "generation": 1},
        ),
        "event.unreadable": (
            kinds.EventUnreadable(event=bare, message_type=77, reason="unknown"),
            {
                "event": {"terminal": "T1", "log_epoch": "e1", "sha256": SHA.hex()},
                "message_type": 77,
                "reason": "unknown",
            },
        ),
        "event.gap": (
            kinds.EventGap(terminal="T1", log_epoch="e1", first=2, last=4, reason="r"),
            {"terminal": "T1", "log_epoch": "e1", "first": 2, "last": 4, "reason": "r"},
        ),
        "event.contradicted": (
            kinds.EventContradicted(event=event, first_sha256=bytes(32), message=None),
            {"event": EVENT, "first_sha256": "00" * 32},
        ),
        "log.replaced": (
            kinds.LogReplaced(terminal="T1", old_log_epoch="e1", new_log_epoch="e2"),
            {"terminal": "T1", "old_log_epoch": "e1", "new_log_epoch": "e2"},
        ),
        "log.rolled_back": (
            kinds.LogRolledBack(terminal="T1", log_epoch="e1", last_written=3, journal_has=9),
            {"terminal": "T1", "log_epoch": "e1", "last_written": 3, "journal_has": 9},
        ),
        "security.seen": (
            kinds.SecuritySeen(what="bad_tag", count=3, sha256=SHA, minute=60_000),
            {"what": "bad_tag", "count": 3, "sha256": SHA.hex(), "minute": 60_000},
        ),
        "head.mismatch": (
            kinds.HeadMismatch(source="local", remembered="note", verdict="cut"),
            {"source": "local", "remembered": "note", "verdict": "cut"},
        ),
    }
    for kind, (fact, body) in facts.items():
        draft = to_draft(fact, hmac_of)
        assert (draft.kind, dict(draft.body), dict(draft.private)) == (kind, body, {})
    assert {*facts, "terminal.transaction", "terminal.fee", "terminal.device"} == set(kinds.KINDS)


def test_a_contradiction_keeps_both_versions() -> None:
    event = kinds.EventId(terminal="T1", log_epoch="e1", number=7, at=1000, sha256=SHA)
    draft = to_draft(kinds.EventContradicted(event=event, first_sha256=bytes(32), message=SALE), hmac_of)
    assert draft.body["told_kind"] == "terminal.transaction"
    assert (draft.body["amount_minor"], draft.body["event"], draft.body["first_sha256"]) == (-5, EVENT, "00" * 32)
    assert draft.private == {"merchant_name": "张三小店"}


def test_the_table_names_every_field_that_a_body_can_have() -> None:
    table = kinds.kinds_table()
    assert all(line.startswith("|") and line.count("|") == 5 for line in table.splitlines())
    rows = {line.split("`")[1] for line in table.splitlines() if "`" in line}
    assert set(kinds.KINDS) <= rows
    assert set(to_draft(said(SALE), hmac_of).body) | {"merchant_name_sha256", "told_kind"} <= rows
    assert "merchant_name" not in rows
