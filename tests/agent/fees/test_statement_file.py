"""A provider's files: what comes of them, and every trouble with file, line and field. The files are written here by hand."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pytest

from agent.errors import NotFound, StatementRefused
from agent.fees.contract.terms import StatementLine
from agent.fees.noting import noted
from agent.fees.statements.columns import load_mapping, shipped
from agent.fees.statements.statement_file import Statement, pages_of, read_statement
from agent.journal.entries import LONGEST, encode

HEAD = ("交易日期", "交易时间", "交易类型", "卡类型", "交易金额", "手续费", "结算金额", "参考号", "凭证号", "批次号")
SALE = ("2026-03-02", "09:15:00", "消费", "贷记卡", "500.00", "3.00", "497.00", "012345678901", "000042", "000007")
REFUND = ("2026-03-03", "10:00:00", "退货", "借记卡", "-100.00", "-0.50", "-99.50", "012345678902", "000043", "000008")
CARD = "6222021234567890128"


def csv_of(*rows: Sequence[str], encoding: str = "utf-8", delimiter: str = ",", head: Sequence[str] = HEAD) -> bytes:
    return "".join(delimiter.join(row) + "\r\n" for row in (head, *rows)).encode(encoding)


def xlsx_of(*rows: Sequence[object], before: Sequence[str] = ()) -> bytes:
    book = openpyxl.Workbook()
    for name in before:
        book.active.append([name])
    for row in rows:
        book.active.append(list(row))
    book.save(raw := io.BytesIO())
    return raw.getvalue()


def read(raw: bytes, mapping: str = "generic", **options: object) -> Statement:
    return read_statement(raw, "march.csv", load_mapping(mapping, "statement"), **options)  # type: ignore[arg-type]


def troubles(raw: bytes, mapping: str = "generic", **options: object) -> list[tuple[int, str, str]]:
    """(line, field, code) of each; every one is also in the words, with the file's name."""
    with pytest.raises(StatementRefused) as refused:
        read(raw, mapping, **options)
    assert refused.value.exit_code == 1 and refused.value.todo
    for line, field, _code, what in refused.value.troubles:
        assert f"march.csv, line {line}" in refused.value.what and field in refused.value.what
        assert what in refused.value.what
    return [(line, field, code) for line, field, code, _what in refused.value.troubles]


def with_(row: Sequence[str], **cells: str) -> tuple[str, ...]:
    place = {
        "date": 0, "time": 1, "kind": 2, "product": 3, "amount": 4, "fee": 5, "net": 6, "rrn": 7, "trace": 8, "batch": 9
    }  # fmt: skip
    changed = list(row)
    for name, cell in cells.items():
        changed[place[name]] = cell
    return tuple(changed)


def test_a_line_and_what_it_says() -> None:
    told = read(csv_of(SALE, REFUND))
    assert told.lines == (
        StatementLine(
            line=2, kind="sale", on=date(2026, 3, 2), amount_minor=50_000, fee_minor=300, net_minor=49_700,
            time="09:15:00", rrn="012345678901", trace="000042", batch="000007", product="credit",
        ),
        StatementLine(
            line=3, kind="refund", on=date(2026, 3, 3), amount_minor=10_000, fee_minor=-50, net_minor=-9_950,
            time="10:00:00", rrn="012345678902", trace="000043", batch="000008", product="debit",
        ),
    )  # fmt: skip
    assert (told.first, told.last, told.currency, told.provider) == (date(2026, 3, 2), date(2026, 3, 3), 156, "generic")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_encodings_and_delimiters(encoding: str, delimiter: str) -> None:
    assert read(csv_of(SALE, encoding=encoding, delimiter=delimiter)).lines == read(csv_of(SALE)).lines


def test_titles_before_sums_after_and_empty_lines() -> None:
    text = csv_of(SALE, ("合计", "", "", "", "500.00", "3.00", "497.00", "", "", ""), ("",) * 10, REFUND).decode()
    told = read(("商户对账单\r\n\r\n商户号：8221,张记餐馆\r\n" + text).encode())
    assert [line.line for line in told.lines] == [5, 8]


def test_a_quoted_cell_over_two_lines_keeps_the_count() -> None:
    raw = csv_of(with_(SALE, product='"贷记卡\n(银联)"'), with_(REFUND, amount="x"))
    assert troubles(raw) == [(4, "交易金额", "no_amount")]


def test_a_spreadsheet_says_the_same_as_a_text() -> None:
    sale = (datetime(2026, 3, 2, 9, 15), "09:15:00", "消费", "贷记卡", 500, 3.0, 497.00, 12345678901, 42, "000007")
    told = read(xlsx_of(HEAD, sale, before=["对账单"]))
    (line,) = told.lines
    assert (line.line, line.amount_minor, line.fee_minor, line.net_minor) == (3, 50_000, 300, 49_700)
    assert (line.on, line.time, line.rrn, line.trace) == (date(2026, 3, 2), "09:15:00", "12345678901", "42")


def test_a_spreadsheets_cells_that_cannot_be() -> None:
    third = (*SALE[:4], 12.345, "", "", "1", "2", "3")
    lost = (*SALE[:4], 12.34, "", "", 6.2220212345678901e18, "2", "3")
    assert troubles(xlsx_of(HEAD, third, lost)) == [(2, "交易金额", "no_amount"), (3, "参考号", "digits_lost")]


def test_the_header_says_the_unit() -> None:
    head = [*HEAD[:4], "交易金额(元)", "手续费（分）", "结算金额(元)", *HEAD[7:]]
    (line,) = read(csv_of(with_(SALE, fee="300"), head=head)).lines
    assert (line.amount_minor, line.fee_minor, line.net_minor) == (50_000, 300, 49_700)


def test_umi_like_has_fen_sizes_and_outcomes() -> None:
    head = ("交易时间", "业务类型", "订单金额", "商户手续费", "商户净额", "检索参考号", "交易状态")
    raw = csv_of(
        ("20260302091500", "收款", "50000", "300", "49700", "1", "S"),
        ("20260302092000", "退款", "10000", "60", "9940", "2", "S"),
        ("20260302093000", "收款", "70000", "0", "0", "3", "F"),
        ("20260302094000", "收款", "20000", "120", "0", "4", "F"),
        head=head,
    )
    told = read(raw, "umi-like")
    assert [(x.kind, x.amount_minor, x.fee_minor, x.net_minor) for x in told.lines] == [
        ("sale", 50_000, 300, 49_700),
        ("refund", 10_000, -60, -9_940),
        ("declined", 20_000, 120, 0),
    ]
    assert (told.failed, told.lines[0].time) == (1, "09:15:00")


def test_without_a_column_of_kinds_the_sign_tells() -> None:
    head = ("交易日期", "交易金额")
    told = read(csv_of(("2026-03-02", "5.00"), ("2026-03-02", "-5.00"), head=head))
    assert [(line.kind, line.amount_minor, line.fee_minor) for line in told.lines] == [
        ("sale", 500, None),
        ("refund", 500, None),
    ]


def test_only_one_terminals_lines() -> None:
    rows = [(*SALE, "T1"), (*with_(SALE, rrn="2"), "T2")]
    told = read(csv_of(*rows, head=(*HEAD, "终端号")), tid="T2")
    assert ([line.rrn for line in told.lines], told.elsewhere) == (["2"], 1)
    assert troubles(csv_of(SALE), tid="T2") == [(2, "终端号/终端编号", "no_column")]


def test_a_product_nobody_knows_is_none_and_said() -> None:
    told = read(csv_of(with_(SALE, product="福利卡")))
    assert (told.lines[0].product, told.unknown_products) == (None, ("福利卡",))


def test_rows_that_move_no_money_are_counted() -> None:
    told = read(csv_of(SALE, with_(SALE, kind="余额查询", amount="", fee="", net="")))
    assert (len(told.lines), told.left_out) == (1, 1)


def test_no_cards_number_gets_into_a_page() -> None:
    told = read(csv_of((*SALE, CARD), head=(*HEAD, "订单号")))
    assert told.lines[0].reference == "622202*********0128"
    with pytest.raises(StatementRefused) as refused:
        read(csv_of(with_(SALE, amount=CARD + "x")))
    assert CARD not in refused.value.what


# Troubles


@pytest.mark.parametrize(
    ("changed", "field", "code"),
    [
        ({"amount": "12.345"}, "交易金额", "no_amount"),
        ({"amount": ""}, "交易金额", "missing"),
        ({"amount": "-500.00"}, "交易金额", "negative"),
        ({"fee": "-3.00"}, "手续费", "negative"),
        ({"fee": "three"}, "手续费", "no_amount"),
        ({"net": "496.99"}, "结算金额", "not_adding_up"),
        ({"date": "2026-13-02"}, "交易日期", "no_date"),
        ({"date": ""}, "交易日期", "missing"),
        ({"time": "25:00"}, "交易时间", "no_time"),
        ({"kind": "赊账"}, "交易类型", "unknown_word"),
        ({"rrn": "9" * 65}, "参考号", "text_too_long"),
    ],
)
def test_each_trouble_has_its_line_and_field(changed: dict[str, str], field: str, code: str) -> None:
    assert troubles(csv_of(REFUND, with_(SALE, **changed))) == [(3, field, code)]


def test_a_refund_above_zero_where_files_have_them_below() -> None:
    assert troubles(csv_of(with_(REFUND, amount="100.00"))) == [(2, "交易金额", "positive")]


def test_all_troubles_at_once_up_to_twenty() -> None:
    two = csv_of(with_(SALE, amount="x", date="y"), SALE, with_(REFUND, kind="?"))
    assert troubles(two) == [(2, "交易金额", "no_amount"), (2, "交易日期", "no_date"), (4, "交易类型", "unknown_word")]
    many = troubles(csv_of(*[with_(SALE, amount="x")] * 30))
    assert many == [(line, "交易金额", "no_amount") for line in range(2, 22)]


def test_a_missing_column() -> None:
    assert troubles(csv_of(SALE[1:], head=("时分", *HEAD[1:4], "钱", *HEAD[5:]))) == [
        (1, "交易金额/金额/订单金额", "no_column")
    ]  # the date may stand in 交易时间
    assert troubles(csv_of(SALE[:7], head=HEAD[:7]), "lakala-like") == [(1, "系统参考号", "no_column")]


def test_a_column_that_stands_twice() -> None:
    assert troubles(csv_of((*SALE, "1"), head=(*HEAD, "交易金额"))) == [(1, "交易金额", "column_twice")]


def test_the_wrong_encoding() -> None:
    gb = csv_of(SALE, encoding="gb18030").replace("参考号".encode("gb18030"), "系统参考号".encode("gb18030"))
    assert read(gb, "lakala-like").lines
    assert troubles(gb.decode("gb18030").encode(), "lakala-like") == [(1, "", "wrong_encoding")]
    assert troubles(csv_of(SALE).replace("参考号".encode(), b"\xff\xfe\xff")) == [(1, "", "wrong_encoding")]
    assert troubles(csv_of(SALE, SALE).replace("贷记卡".encode(), b"\xff", 2)) == [(2, "", "wrong_encoding")]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "empty"),
        (b" \r\n\r\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (csv_of(), "no_lines"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "old_excel"),
        (b"<html><table>", "web_page"),
        (b"PK\x03\x04" + bytes(100), "broken"),
        (csv_of(SALE)[:-4] + b',"', "broken"),
    ],
)
def test_files_that_are_none(raw: bytes, code: str) -> None:
    found = troubles(raw)
    assert found[0][2] == code


def test_a_spreadsheet_that_breaks_off() -> None:
    whole = xlsx_of(HEAD, *[SALE] * 500)
    for cut in (len(whole) // 3, len(whole) - 30):
        assert troubles(whole[:cut])[0][2] == "broken"


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.fees.statements.table_file.LARGEST_UNPACKED", 10_000)
    assert troubles(xlsx_of(HEAD, *[SALE] * 500)) == [(1, "", "too_long")]


def test_too_many_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.fees.statements.columns.MOST_LINES", 2)
    rows = [with_(SALE, rrn=str(i)) for i in range(3)]
    assert len(read(csv_of(*rows[:2])).lines) == 2
    assert troubles(csv_of(*rows)) == [(4, "", "too_long")]


@pytest.mark.requirement("4-06")
def test_the_same_line_twice_is_named_with_the_first_or_taken_as_it_stands() -> None:
    raw = csv_of(SALE, REFUND, SALE)
    assert troubles(raw) == [(4, "", "duplicate")]
    assert len(read(raw, as_it_stands=True).lines) == 3
    assert read(csv_of(with_(SALE, net="490.00")), as_it_stands=True).lines[0].net_minor == 49_000


def test_equal_sales_that_no_number_names_are_no_duplicates() -> None:
    assert len(read(csv_of(("2026-03-02", "5.00"), ("2026-03-02", "5.00"), head=("交易日期", "交易金额"))).lines) == 2


# Pages


def test_pages_fit_into_entries_even_at_the_worst() -> None:
    """The longest texts there can be, of signs that JSON doubles and of three bytes each."""
    for sign in ('"', "\\", "凭", "a"):
        long = sign * (64 // len(sign.encode()))
        lines = [
            StatementLine(
                line=50_000 + i, kind="pre_auth_completion", on=date(2026, 3, 2), amount_minor=2**53 - 1,
                fee_minor=-(2**53 - 1), net_minor=-(2**53 - 1), time="23:59:59", rrn=long, trace=long, batch=long,
                product="qr_unionpay", reference=long,
            )
            for i in range(250)
        ]  # fmt: skip
        told = read(csv_of(SALE))
        pages = pages_of(told, lines, "凭" * 60)
        assert [line for page in pages for line in page.lines] == lines
        assert [page.page for page in pages] == list(range(1, pages[0].pages + 1)) and len(pages) >= 3
        for one in noted(pages):
            assert len(encode(2**40, 2**50, one.kind, one.body)) <= LONGEST
        assert all(len(page.lines) <= 100 for page in pages)


# Mappings


@pytest.mark.parametrize("name", shipped())
def test_shipped_mappings_say_where_they_are_from(name: str) -> None:
    mapping = load_mapping(name, "bank" if name == "bank" else "statement")
    assert mapping.source and mapping.provider == name
    if name.endswith("-like"):
        assert mapping.source == "FIXTURE: no public specification"


def test_a_mapping_of_ones_own(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        'provider = "own"\nsource = "mine"\ndates = ["%d.%m.%Y"]\nfees = "taken_negative"\nrefunds = "either"\n'
        '[columns]\namount = ["sum"]\nfee = ["cost"]\ndate = ["day"]\nkind = ["what"]\n'
        '[kinds]\nsale = ["S"]\nrefund = ["R"]\n'
    )
    told = read_statement(
        b"day;sum;cost;what\n02.03.2026;5.00;-0.03;S\n03.03.2026;2.00;0.01;R\n03.03.2026;-2.00;0;R\n",
        "own.csv",
        load_mapping(str(own), "statement"),
    )
    assert [(x.kind, x.amount_minor, x.fee_minor) for x in told.lines] == [
        ("sale", 500, 3),
        ("refund", 200, -1),
        ("refund", 200, 0),
    ]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('provider = "p"\nsource = \n', 2, "Invalid value"),
        ('provider = "p"\nsource = "s"\ndates = []\n', 1, "columns"),
        ('provider = "p"\nsource = "s"\ndates = []\nrates = 1\n[columns]\namount = ["a"]\ndate = ["d"]\n', 4, "rates"),
        (
            'provider = "p"\nsource = "s"\ndates = []\ncurrency = 1.5\n[columns]\namount = ["a"]\ndate = ["d"]\n',
            4,
            "int",
        ),
        (
            'provider = "p"\nsource = "s"\ndates = []\namounts_in = "cent"\n[columns]\namount = ["a"]\ndate = ["d"]\n',
            4,
            "cent",
        ),
        (
            'provider = "p"\nsource = "s"\ndates = []\n[columns]\namount = ["a"]\ndate = ["d"]\n[kinds]\nsold = ["x"]\n',
            7,
            "sold",
        ),
        (
            'provider = "p"\nsource = "s"\ndates = []\nreads = "bank"\n[columns]\namount = ["a"]\ndate = ["d"]\n',
            4,
            "bank",
        ),
    ],
)
def test_a_mapping_that_is_wrong(tmp_path: Path, text: str, line: int, words: str) -> None:
    own = tmp_path / "own.toml"
    own.write_text(text)
    with pytest.raises(StatementRefused, match=f"own.toml, line {line}.*{words}"):
        load_mapping(str(own), "statement")


def test_a_mapping_that_is_not_there() -> None:
    with pytest.raises(NotFound, match="There is no mapping nobody"):
        load_mapping("nobody", "statement")


def test_pages_are_what_the_journal_reads_back() -> None:
    from agent.fees.facts import fact_of

    (page,) = pages_of(told := read(csv_of(SALE, REFUND)), told.lines, None)
    (one,) = noted([page])
    assert fact_of(one.kind, json.loads(json.dumps(one.body))) == page
