"""What each fact says in the journal: the fields of the design's table, literally."""

from __future__ import annotations

from agent.journal import fee_kinds, kinds
from agent.journal.drafting import to_draft
from agent.journal.entries import HOLDS_EVENT, canonical
from agent.journal.kinds_page import kinds_table
from agent.orders import LearnedBy, MoneyAction, MoneyState
from agent.people import people_kinds
from agent.refunds import refund_kinds
from protocol.messages import (
    Deduction,
    DeductionCause,
    DepositState,
    DepositUpdate,
    DeviceEvent,
    DeviceEventKind,
    EntryMode,
    Fee,
    FeeType,
    Outcome,
    Product,
    RequestState,
    Result,
    Settlement,
    SettlementLine,
    SettlementMode,
    Severity,
    TariffNotice,
    Transaction,
    TransactionKind,
    UnsolicitedEvent,
)
from protocol.money import Money

SHA = bytes(range(32))
EVENT = {"terminal": "T1", "log_epoch": "e1", "number": 7, "at": 1000, "sha256": SHA.hex()}


def hmac_of(token: bytes) -> bytes:
    return b"H" + token[::-1]


def said(message: UnsolicitedEvent) -> kinds.TerminalSaid:
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
        "terminal.paired": (
            kinds.TerminalPaired(terminal="T1", public_key=SHA, replaced=None),
            {"terminal": "T1", "public_key": SHA.hex()},
        ),
        "terminal.unpaired": (
            kinds.TerminalUnpaired(terminal="T1", public_key=SHA),
            {"terminal": "T1", "public_key": SHA.hex()},
        ),
        "line.flooded": (
            kinds.LineFlooded(what="security.seen", day=86_400_000, most=100, dropped=1),
            {"what": "security.seen", "day": 86_400_000, "most": 100, "dropped": 1},
        ),
        "head.mismatch": (
            kinds.HeadMismatch(source="local", remembered="note", verdict="cut"),
            {"source": "local", "remembered": "note", "verdict": "cut"},
        ),
        "money.intent": (
            kinds.MoneyIntent(
                terminal="T1",
                reference="ab" * 16,
                action=MoneyAction.REFUND,
                amount=Money(38_800),
                original_reference="cd" * 16,
                original_trace=None,
                operator="Li",
                log_epoch="e1",
                last_event=7,
                patience_ms=60_000,
            ),
            {
                "terminal": "T1",
                "reference": "ab" * 16,
                "action": "refund",
                "amount_minor": 38_800,
                "currency": 156,
                "original_reference": "cd" * 16,
                "operator": "Li",
                "log_epoch": "e1",
                "last_event": 7,
                "patience_ms": 60_000,
            },
        ),
        "money.outcome": (
            kinds.MoneyOutcome(
                terminal="T1",
                reference="ab" * 16,
                state=MoneyState.APPROVED,
                learned_by=LearnedBy.STATUS,
                amount=Money(38_801),
                differs=True,
                event_number=8,
                contradicts=MoneyState.VOIDED,
            ),
            {
                "terminal": "T1",
                "reference": "ab" * 16,
                "state": "approved",
                "learned_by": "status",
                "amount_minor": 38_801,
                "currency": 156,
                "differs": True,
                "event_number": 8,
                "contradicts": "voided",
            },
        ),
        "money.parked": (
            kinds.MoneyParked(terminal="T1", reference="ab" * 16, operator="Li", reason=None),
            {"terminal": "T1", "reference": "ab" * 16, "operator": "Li"},
        ),
        "money.rollback_accepted": (
            kinds.MoneyRollbackAccepted(terminal="T1", operator="Li", reason=None),
            {"terminal": "T1", "operator": "Li"},
        ),
        "key.rotated": (
            kinds.KeyRotated(old_vkey="a", new_vkey="b", operator="Li"),
            {"old_vkey": "a", "new_vkey": "b", "operator": "Li"},
        ),
        "journal.restored": (
            kinds.JournalRestored(
                generation=2, old_vkey="a", new_vkey="b", old_head="h", highest_head="i", because="backup"
            ),
            {
                "generation": 2,
                "old_vkey": "a",
                "new_vkey": "b",
                "old_head": "h",
                "highest_head": "i",
                "because": "backup",
            },
        ),
        "recording.unsigned": (
            kinds.RecordedUnsigned(since=1, until=2, because="locked", events=1, file="1.jsonl", sha256=SHA),
            {"since": 1, "until": 2, "because": "locked", "events": 1, "file": "1.jsonl", "sha256": SHA.hex()},
        ),
        "head.cosigned": (
            kinds.HeadCosigned(witness="w", size=3, time=1000, note="n"),
            {"witness": "w", "size": 3, "time": 1000, "note": "n"},
        ),
        "witness.refused": (
            kinds.WitnessRefused(witness="w", status=409, old_size=3, note="n", remembered_size=4),
            {"witness": "w", "status": 409, "old_size": 3, "note": "n", "remembered_size": 4},
        ),
        "private.erased": (
            kinds.PrivateErased(first=3, last=9, field="merchant_name", count=2, operator="Li"),
            {"first": 3, "last": 9, "field": "merchant_name", "count": 2, "operator": "Li"},
        ),
    }
    for kind, (fact, body) in facts.items():
        draft = to_draft(fact, hmac_of)
        assert (draft.kind, dict(draft.body), dict(draft.private)) == (kind, body, {})
    messages = {"terminal.transaction", "terminal.fee", "terminal.device", "terminal.result_unasked"}
    notices = {"terminal.tariff_notice", "terminal.settlement", "terminal.deposit_update"}
    assert {*facts, *messages, *notices} == set(kinds.KINDS) - set(fee_kinds.KINDS) - set(people_kinds.KINDS) - set(
        refund_kinds.KINDS
    )
    of_the_log = {*messages, *notices, "event.unreadable"} - {"terminal.result_unasked"}
    assert of_the_log == HOLDS_EVENT


def test_free_words_stand_outside_the_leaf() -> None:
    rotated = to_draft(kinds.KeyRotated(old_vkey="a", new_vkey="b", reason="旧电脑丢了"), hmac_of)
    assert dict(rotated.private) == {"reason": "旧电脑丢了"} and "reason" not in rotated.body
    refused = kinds.WitnessRefused(witness="w", status=422, old_size=3, note="n", answer="no")
    assert dict(to_draft(refused, hmac_of).private) == {"answer": "no"}


def test_a_terminal_key_that_took_anothers_place() -> None:
    draft = to_draft(kinds.TerminalPaired(terminal="T1", public_key=SHA, replaced=bytes(32)), hmac_of)
    assert draft.body == {"terminal": "T1", "public_key": SHA.hex(), "replaced": "00" * 32}


def test_the_bytes_of_an_unreadable_event_stand_outside_the_leaf() -> None:
    event = kinds.EventId(terminal="T1", log_epoch="", number=None, at=None, sha256=SHA)
    draft = to_draft(kinds.EventUnreadable(event=event, message_type=9, reason="r", raw="02ff"), hmac_of)
    assert draft.private == {"raw": "02ff"} and "raw" not in draft.body
    assert draft.body["event"] == {"terminal": "T1", "log_epoch": "", "sha256": SHA.hex()}


def test_a_tariff_notice_is_public_whole() -> None:
    notice = TariffNotice(
        number=7,
        at=1000,
        notice="N-12",
        product=Product.CREDIT,
        rate_ppm=6000,
        effective_from=2000,
        published=1500,
        text="费率调整公告",
        text_sha256=SHA,
        cap=Money(3500),
        minimum=Money(1, 840),
    )
    draft = to_draft(said(notice), hmac_of)
    assert (draft.kind, draft.private) == ("terminal.tariff_notice", {})
    assert draft.body == {
        "event": EVENT,
        "notice": "N-12",
        "product": "credit",
        "rate_ppm": 6000,
        "effective_from": 2000,
        "published": 1500,
        "text": "费率调整公告",
        "text_sha256": SHA.hex(),
        "cap_minor": 3500,
        "currency": 156,
        "minimum_minor": 1,
        "minimum_currency": 840,
    }


def test_a_settlement_and_its_lines() -> None:
    settlement = Settlement(
        number=7,
        at=1000,
        batch="000001",
        date="20260302",
        page=1,
        pages=2,
        sales_count=2,
        refunds_count=1,
        gross=Money(1000),
        refunds=Money(200),
        fees=Money(6),
        deductions=Money(0),
        adjustments=Money(-3),
        carried=Money(0),
        credited=Money(791),
        lines=(
            SettlementLine(kind=TransactionKind.SALE, amount=Money(1000), fee=Money(6), trace="000001", rrn="R1"),
            SettlementLine(kind=TransactionKind.REFUND, amount=Money(200, 840), fee=Money(-1), trace="000002"),
        ),
    )
    draft = to_draft(said(settlement), hmac_of)
    assert (draft.kind, draft.private) == ("terminal.settlement", {})
    sums = ("gross", 1000), ("refunds", 200), ("fees", 6), ("deductions", 0), ("adjustments", -3), ("carried", 0)
    assert draft.body == {
        "event": EVENT,
        "batch": "000001",
        "date": "20260302",
        "page": 1,
        "pages": 2,
        "sales_count": 2,
        "refunds_count": 1,
        **{f"{name}_minor": minor for name, minor in sums},
        "credited_minor": 791,
        "currency": 156,
        "lines": [
            {"kind": "sale", "amount_minor": 1000, "fee_minor": 6, "currency": 156, "trace": "000001", "rrn": "R1"},
            {
                "kind": "refund",
                "amount_minor": 200,
                "currency": 840,
                "fee_minor": -1,
                "fee_currency": 156,
                "trace": "000002",
            },
        ],
    }
    canonical(draft.body)


def test_what_a_provider_writes_of_a_deposit_stands_outside_the_leaf() -> None:
    update = DepositUpdate(
        number=7,
        at=1000,
        ticket="D-1",
        state=DepositState.PARTLY_PAID,
        amount=Money(20000),
        deductions=(
            Deduction(cause=DeductionCause.DAMAGE, amount=Money(500), reason="张三\n摔坏屏幕", clause="7.2"),
            Deduction(cause=DeductionCause.OTHER, amount=Money(100), reason="未说明"),
        ),
        documents=("营业执照",),
        note="请联系李四",
    )
    draft = to_draft(said(update), hmac_of)
    assert draft.kind == "terminal.deposit_update"
    assert draft.body == {
        "event": EVENT,
        "ticket": "D-1",
        "state": "partly_paid",
        "amount_minor": 20000,
        "currency": 156,
        "deductions": [
            {"cause": "damage", "amount_minor": 500, "currency": 156, "clause": "7.2"},
            {"cause": "other", "amount_minor": 100, "currency": 156},
        ],
        "documents": ["营业执照"],
    }
    assert draft.private == {"note": "请联系李四", "reasons": "张三 摔坏屏幕\n未说明"}


def test_an_outcome_that_nobody_waited_for() -> None:
    result = Result(
        reference="ab" * 16,
        state=RequestState.APPROVED,
        amount=Money(500),
        masked_pan="6228481234567890123",
        event=12,
        request_id=4,
    )
    draft = to_draft(kinds.ResultUnasked(terminal="T1", sha256=SHA, result=result), hmac_of)
    assert (draft.kind, draft.private) == ("terminal.result_unasked", {})
    assert draft.body == {
        "terminal": "T1",
        "sha256": SHA.hex(),
        "reference": "ab" * 16,
        "state": "approved",
        "amount_minor": 500,
        "currency": 156,
        "masked_pan": "622848*********0123",
        "event_number": 12,
    }


def test_a_contradiction_keeps_both_versions() -> None:
    event = kinds.EventId(terminal="T1", log_epoch="e1", number=7, at=1000, sha256=SHA)
    draft = to_draft(kinds.EventContradicted(event=event, first_sha256=bytes(32), message=SALE), hmac_of)
    assert draft.body["told_kind"] == "terminal.transaction"
    assert (draft.body["amount_minor"], draft.body["event"], draft.body["first_sha256"]) == (-5, EVENT, "00" * 32)
    assert draft.private == {"merchant_name": "张三小店"}


def test_the_table_names_every_field_that_a_body_can_have() -> None:
    table = kinds_table()
    assert all(line.startswith("|") and line.count("|") == 5 for line in table.splitlines())
    rows = {line.split("`")[1] for line in table.splitlines() if "`" in line}
    assert set(kinds.KINDS) <= rows
    assert set(to_draft(said(SALE), hmac_of).body) | {"merchant_name_sha256", "told_kind"} <= rows
    assert "merchant_name" not in rows
