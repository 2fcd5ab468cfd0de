"""What the terminal's display shows, as text: Chinese and English, as the terminals that are sold in China have it."""

from __future__ import annotations

from dataclasses import dataclass
from unicodedata import east_asian_width

from protocol.messages import Stage, TransactionKind
from protocol.money import Money

WIDTH = 32
"""Columns; a Chinese character takes two."""
PIN_DIGITS = 6
"""Of a PIN only its stars are shown, as many as a Chinese bank's has digits."""
_SIGNS = {156: "¥", 978: "€", 152: "$"}
_EXPONENTS = {152: 0}
"""Digits after the point of a currency's minor unit (ISO 4217); two where nothing stands here."""

_STAGES = {
    Stage.PRESENT_CARD: ("请刷卡/插卡/挥卡", "Present card"),
    Stage.PRESENT_CODE: ("请出示付款码", "Show your code"),
    Stage.CHOOSE: ("请选择", "Choose"),
    Stage.CONFIRM_AMOUNT: ("请确认金额", "Confirm amount"),
    Stage.PIN: ("请输入密码", "Enter PIN"),
    Stage.HOST: ("正在联网，请稍候", "Connecting to the bank"),
    Stage.REMOVE_CARD: ("请取回卡片", "Remove card"),
}
_KINDS = {
    TransactionKind.SALE: ("消费", "Sale"),
    TransactionKind.VOID: ("撤销", "Void"),
    TransactionKind.REFUND: ("退货", "Refund"),
    TransactionKind.REVERSAL: ("冲正", "Reversal"),
}


@dataclass(frozen=True, slots=True)
class Idle:
    """count, total: of the approved sales in the open batch."""

    merchant_name: str
    batch: str
    count: int
    total: Money


@dataclass(frozen=True, slots=True)
class Paying:
    stage: Stage
    amount: Money


@dataclass(frozen=True, slots=True)
class Done:
    """approved: else declined; a REVERSAL is a request that was taken back. code: ISO 8583."""

    kind: TransactionKind
    approved: bool
    amount: Money
    code: str
    masked_pan: str | None


@dataclass(frozen=True, slots=True)
class Pairing:
    """number: six digits."""

    number: str


@dataclass(frozen=True, slots=True)
class Faulty:
    code: str


Showing = Idle | Paying | Done | Pairing | Faulty


def draw(showing: Showing) -> str:
    """The display in a frame: lines of WIDTH columns, with no line end after the last."""
    rows = _rows(showing)
    edge = "─" * (WIDTH + 2)
    framed = (f"│ {' ' * ((WIDTH - _columns(row)) // 2)}{row}" for row in rows)
    return "\n".join([f"┌{edge}┐", *(line + " " * (WIDTH + 3 - _columns(line)) + "│" for line in framed), f"└{edge}┘"])


def _rows(showing: Showing) -> list[str]:
    match showing:
        case Idle(name, batch, count, total):
            rows = [name, "", "欢迎光临  Welcome", f"批次 {batch}  Batch", f"{count} 笔  {money(total)}"]
        case Paying(stage, amount):
            chinese, english = _STAGES[stage]
            rows = ["金额  Amount", money(amount), chinese, "*" * PIN_DIGITS if stage is Stage.PIN else "", english]
        case Done(TransactionKind.REVERSAL, _, amount, code, pan):
            rows = ["交易已冲正", "VOIDED", money(amount), pan or "", code]
        case Done(kind, approved, amount, code, pan):
            chinese, english = _KINDS.get(kind, ("交易", "Transaction"))
            verdict, word = ("成功", "APPROVED") if approved else ("失败", "DECLINED")
            rows = [f"{chinese}{verdict}  {english}", word, money(amount), pan or "", code]
        case Pairing(number):
            rows = ["配对  Pairing", "", f"{number[:3]} {number[3:]}", "与收银机核对", "Compare with the register"]
        case Faulty(code):
            rows = ["设备故障", "OUT OF ORDER", code, "", "请联系服务商"]
    return rows


def money(amount: Money) -> str:
    """`¥1,234.50`; `CUR 978`-like where the sign is not known."""
    places = _EXPONENTS.get(amount.currency, 2)
    whole, rest = divmod(abs(amount.minor), 10**places)
    sign = _SIGNS.get(amount.currency, f"{amount.currency} ")
    return f"{'-' if amount.minor < 0 else ''}{sign}{whole:,}{f'.{rest:0{places}d}' if places else ''}"


def _columns(text: str) -> int:
    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)
