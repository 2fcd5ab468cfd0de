"""Builds the vectors of POS Integrado: `python -m tests.vectors.build_transbank` writes tests/vectors/transbank/*.json.

The bytes of two files are those that the vendor's own clients write, asked for here call by call; the meaning beside them was
written down by hand. The Node client's file is built anew only where that client is (`make peers`). `published.json` holds
answers that the vendor published in its clients' sources and tests. `counterfoil.json` is what we write ourselves.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from transbank.POS.POSIntegrado import POSIntegrado

from protocol import messages as m
from protocol.dialects.transbank import codec, wire
from protocol.dialects.transbank.framing import encode
from protocol.money import Money
from protocol.tickets import NO_TICKET, reference_of
from tests.dialects.transbank.node_client import drive
from tests.vectors.build_native import readable

FOLDER = Path(__file__).parent / "transbank"
PYTHON, NODE, PUBLISHED, OURS = (
    "python-transbank-pos-sdk-1.0.1.json",
    "node-transbank-pos-sdk-4.0.0.json",
    "published.json",
    "counterfoil.json",
)
NEVER = 2**53 - 1
REFERENCE = "0192e5a0c1d27abc8def0123456789ab"


def pesos(amount: int) -> Money:
    return Money(amount, 152)


def _sale(ticket: str, amount: int) -> m.Sale:
    return m.Sale(reference=reference_of(ticket), amount=pesos(amount), deadline=NEVER)


def _void(operation: int) -> m.Void:
    return m.Void(
        reference=reference_of(f"1200|{operation}"),
        original_reference=NO_TICKET,
        original_trace=f"{operation:06}",
        deadline=NEVER,
    )


LAST, TOTALS, CLOSE = m.LastTransactionQuery(), m.TotalsQuery(), m.Settle()
NO_MESSAGE = None
"""A poll, normal mode, or what a terminal of ours does not do: the link's own matter."""

PYTHON_CALLS: tuple[tuple[str, list[Any], m.Message | None], ...] = (
    ("poll", [], NO_MESSAGE),
    ("set_normal_mode", [], NO_MESSAGE),
    ("load_keys", [], NO_MESSAGE),
    ("sale", [50, "1"], _sale("1", 50)),
    ("sale", [15_000, "AB12"], _sale("AB12", 15_000)),
    ("sale", [999_999_999, "ABC123", True, print], _sale("ABC123", 999_999_999)),
    ("last_sale", [], LAST),
    ("refund", [142], _void(142)),
    ("totals", [], TOTALS),
    ("close", [], CLOSE),
    ("details", [True], NO_MESSAGE),
    ("multicode_sale", [1_200, "T1", 597_029_414_301], NO_MESSAGE),
    ("multicode_last_sale", [], NO_MESSAGE),
)
NODE_CALLS: tuple[tuple[str, list[Any], m.Message | None], ...] = (
    ("poll", [], NO_MESSAGE),
    ("changeToNormalMode", [], NO_MESSAGE),
    ("loadKeys", [], NO_MESSAGE),
    ("sale", [1_500, "42"], _sale("000042", 1_500)),
    ("sale", [999_999_999, "ABC123", True], _sale("ABC123", 999_999_999)),
    ("getLastSale", [], LAST),
    ("refund", [142], _void(142)),
    ("refund", ["000142"], _void(142)),
    ("getTotals", [], TOTALS),
    ("closeDay", [], CLOSE),
    ("salesDetail", [True], NO_MESSAGE),
    ("multicodeSale", [1_200, "T1"], NO_MESSAGE),
)


class _Paper:
    """A port that keeps what is written, and answers NAK: the call ends there."""

    def __init__(self) -> None:
        self.wire = b""

    def isOpen(self) -> bool:
        return True

    def inWaiting(self) -> int:
        return 1

    def flush(self) -> None:
        pass

    def read(self) -> bytes:
        return b"\x15"

    def write(self, data: list[int]) -> None:
        self.wire += bytes(data)


def _by_python(name: str, given: list[Any]) -> str:
    pos, paper = POSIntegrado(), _Paper()
    pos._serial_port = paper
    try:
        getattr(pos, name)(*given)
    except Exception as error:
        assert "NACK" in str(error.__cause__), error
    return paper.wire.hex()


def _called(name: str, given: list[Any], bytes_: str, message: m.Message | None) -> dict[str, Any]:
    shown = ", ".join("callback" if callable(each) else repr(each) for each in given)
    told = {"call": f"{name}({shown})", "wire": bytes_}
    return told if message is None else {**told, "message": readable(message)}


def python() -> dict[str, Any]:
    return {
        "source": "transbank-pos-sdk 1.0.1 (PyPI, BSD-3-Clause), class POSIntegrado: what each call writes to the port",
        "vectors": [_called(name, given, _by_python(name, given), told) for name, given, told in PYTHON_CALLS],
    }


def node() -> dict[str, Any]:
    """Needs the client."""
    written = drive("-", *([name, *given] for name, given, _ in NODE_CALLS))
    return {
        "source": "transbank-pos-sdk 4.0.0 (npm, BSD-3-Clause), class POSIntegrado: what each call writes to the port",
        "vectors": [
            _called(name, given, line["wire"], told)
            for line, (name, given, told) in zip(written, NODE_CALLS, strict=True)
        ],
    }


APPROVED, DECLINED = m.RequestState.APPROVED, m.RequestState.DECLINED
C_LIBRARY = "the vendor's C library, test/test_transbank.c"
JAVA = "the vendor's Java client, SaleResponse"
DOTNET = "the vendor's .NET client, tests of 2026"
ANSWERS: tuple[tuple[str, str, int | None, m.Message], ...] = (
    (
        C_LIBRARY,
        "0260|00|597029414300|75001089|000002|181278|2500|3|834|6590|000063|CR|||VI|14052019|111555|0|0|",
        0x78,
        m.Result(
            reference=reference_of("000002"), state=APPROVED, amount=pesos(2_500), response_code="00", trace="000063",
            auth_code="181278", product=m.Product.CREDIT, scheme="VISA", masked_pan="************6590",
        ),
    ),
    (C_LIBRARY, "0710|00|1|2500|", 0x33, m.Totals(count=1, amount=pesos(2_500))),
    (
        JAVA,
        "0210|00|597029414300|75001146|000002|799889|2600|0||2008|000087|CR|||AX|03032020|112624|0|0|",
        0x49,
        m.Result(
            reference=reference_of("000002"), state=APPROVED, amount=pesos(2_600), response_code="00", trace="000087",
            auth_code="799889", product=m.Product.CREDIT, scheme="AMEX", masked_pan="************2008",
        ),
    ),
    (
        JAVA,
        "0260|00|597029414300|75001146|000001|828630|2600|0||3331|000086|DB|00-00-00|********331|DB|02032020|162214|0|0|",
        0x75,
        m.Result(
            reference=reference_of("000001"), state=APPROVED, amount=pesos(2_600), response_code="00", trace="000086",
            auth_code="828630", product=m.Product.DEBIT, scheme="REDCOMPRA", masked_pan="************3331",
        ),
    ),
    (
        DOTNET,
        "0210|00|597029414300|IT750050|ABC123|925171|1200|00|0|3331|000072|DB|000000|0000000000000000331|P|16032026|120653||||",
        None,
        m.Result(
            reference=reference_of("ABC123"), state=APPROVED, amount=pesos(1_200), response_code="00", trace="000072",
            auth_code="925171", product=m.Product.DEBIT, scheme="P", masked_pan="************3331",
        ),
    ),
    (
        DOTNET,
        "0210|07|||ABC||10001||||||||||||||",
        0x77,
        m.Result(reference=reference_of("ABC"), state=DECLINED, amount=pesos(10_001), response_code="07"),
    ),
    (
        DOTNET,
        "1210|00|597029414300|IT750050|162529|000142||",
        None,
        m.Result(reference=NO_TICKET, state=APPROVED, response_code="00", trace="000142", auth_code="162529"),
    ),
    (
        DOTNET,
        "1210|21|597029414300|IT750050||143||",
        None,
        m.Result(reference=NO_TICKET, state=DECLINED, response_code="21", trace="143"),
    ),
    (DOTNET, "0710|00|000|||", None, m.Totals(count=0, amount=pesos(0))),
    (DOTNET, "0510|00|597029414300|IT750050||", 0x63, m.SettleReply(settled=True, response_code="00")),
    (DOTNET, "0900|82", None, m.Progress(reference=NO_TICKET, stage=m.Stage.HOST)),
)  # fmt: skip


def published() -> dict[str, Any]:
    """lrc: as published with the text, where it was."""
    return {
        "source": "answers of terminals that the vendor published with its clients",
        "vectors": [
            {"by": by, "text": text, **({} if lrc is None else {"lrc": lrc}), "message": readable(told)}
            for by, text, lrc, told in ANSWERS
        ],
    }


_DONE = m.Result(
    reference=REFERENCE, state=APPROVED, amount=pesos(15_000), trace="000142", auth_code="162529", scheme="VISA",
    product=m.Product.CREDIT, masked_pan="************6590",
)  # fmt: skip
_SALE_ASKED, _VOID_ASKED = b"0200|000015000|2PF2DB|||1", b"1200|142|"
EXCHANGES: tuple[tuple[str, bytes, m.Message], ...] = (
    ("sale: a stage", _SALE_ASKED, m.Progress(reference=REFERENCE, stage=m.Stage.PRESENT_CARD)),
    ("sale: approved", _SALE_ASKED, _DONE),
    (
        "sale: declined",
        _SALE_ASKED,
        m.Result(reference=REFERENCE, state=DECLINED, amount=pesos(15_000), response_code="51"),
    ),
    ("sale: not now", _SALE_ASKED, m.Error(code=m.ErrorCode.NOT_NOW)),
    ("last sale: found", b"0250|", _DONE),
    ("last sale: none", b"0250|", m.Result(reference=NO_TICKET, state=m.RequestState.NOT_FOUND)),
    ("void: done", _VOID_ASKED, m.Result(reference=reference_of("1200|142"), state=APPROVED, auth_code="162529")),
    (
        "void: unknown",
        _VOID_ASKED,
        m.Result(reference=reference_of("1200|142"), state=DECLINED, response_code="25"),
    ),
    ("totals", b"0700||", m.Totals(count=2, amount=pesos(17_500))),
    ("close: done", b"0500||", m.SettleReply(settled=True)),
    ("close: refused", b"0500||", m.SettleReply(settled=False)),
)
ASKED: tuple[m.Message, ...] = (
    m.Sale(reference=REFERENCE, amount=pesos(15_000), deadline=0),
    m.Void(reference=REFERENCE, original_reference=REFERENCE, original_trace="000142", deadline=0),
    LAST,
    TOTALS,
    CLOSE,
)


def ours() -> dict[str, Any]:
    return {
        "source": "counterfoil: what the agent asks, and what its terminal answers",
        "requests": [{"message": readable(asked), "wire": encode(codec.encode(asked)).hex()} for asked in ASKED],
        "answers": [
            {
                "name": name,
                "to": command.decode(),
                "message": readable(told),
                "wire": encode(wire.fit(codec.encode(told), command)).hex(),
            }
            for name, command, told in EXCHANGES
        ],
    }


def text_of(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def build() -> dict[str, str]:
    """File name -> its text; all but the Node client's."""
    return {name: text_of(made()) for name, made in ((PYTHON, python), (PUBLISHED, published), (OURS, ours))}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in {**build(), NODE: text_of(node())}.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
