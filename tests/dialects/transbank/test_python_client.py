"""transbank-pos-sdk 1.0.1, the vendor's own client for Python, as the register at a terminal of ours, over a pty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from transbank.error.transbank_exception import TransbankException
from transbank.POS.POSIntegrado import POSIntegrado

from protocol.dialects.transbank.framing import encode
from tests.dialects.transbank.counter import SpoiltTerminal, simulated_terminal, wrong_lrc


def register(port: str) -> POSIntegrado:
    pos = POSIntegrado()
    pos.timeout = 50  # its unit is 0.2 s
    assert pos.open_port(port)
    return pos


@pytest.fixture
def pos(tmp_path: Path) -> Iterator[POSIntegrado]:
    with simulated_terminal(tmp_path) as port:
        pos = register(port)
        yield pos
        pos.close_port()


def test_poll(pos: POSIntegrado) -> None:
    assert pos.poll() is True


def test_sale(pos: POSIntegrado) -> None:
    told = pos.sale(15_000, "AB12")
    assert (told["function_code"], told["success"], told["response_message"]) == (210, True, "Aprobado")
    assert (told["ticket"], told["amount"]) == ("AB12", "15000")
    assert len(told["last_4_digits"]) == 4
    assert told["card_type"] in {"CR", "DB"}
    assert told["authorization_code"] and told["operation_number"].isdigit()


def test_sale_with_status_messages(pos: POSIntegrado) -> None:
    stages: list[dict[str, Any]] = []
    told = pos.sale(15_000, "AB13", True, callback=stages.append)
    assert told["success"] is True
    assert {stage["function_code"] for stage in stages} == {900}
    said = [stage["response_message"] for stage in stages]
    assert said == ["Esperando Leer Tarjeta", "Solicitando Ingreso de Clave", "Enviando transacción al Host"]


def test_a_declined_sale_is_declined(pos: POSIntegrado) -> None:
    told = pos.sale(15_051, "AB12")
    assert (told["success"], told["response_message"]) == (False, "Rechazado")
    assert pos.last_sale()["response_message"] == "No existe venta"


def test_last_sale_refund_totals_and_close(pos: POSIntegrado) -> None:
    assert pos.last_sale()["response_message"] == "No existe venta"
    first, second = pos.sale(15_000, "AB12"), pos.sale(2_500, "AB13")
    assert first["operation_number"] != second["operation_number"]
    last = pos.last_sale()
    names = ("ticket", "amount", "operation_number", "authorization_code", "last_4_digits")
    assert last["function_code"] == 260
    assert {name: last[name] for name in names} == {name: second[name] for name in names}
    totals = pos.totals()
    assert (totals["response_message"], int(totals["tx_count"]), int(totals["tx_total"])) == ("Aprobado", 2, 17_500)
    operation = int(first["operation_number"])
    undone = pos.refund(operation)
    assert (undone["function_code"], undone["success"], int(undone["operation_number"])) == (1210, True, operation)
    assert pos.refund(999_999)["response_message"] == "No existe Transacción para Anular"
    closed = pos.close()
    assert (closed["function_code"], closed["success"]) == (510, True)
    assert int(pos.totals()["tx_count"]) == 0


def test_what_a_terminal_of_ours_does_not_do_it_says(pos: POSIntegrado) -> None:
    assert pos.load_keys()["response_message"] == "Transacción No Soportada"
    assert [line["response_message"] for line in pos.details(True)] == ["Transacción No Soportada"]
    assert pos.multicode_sale(1_200, "T1", 597_029_414_301)["response_message"] == "Transacción No Soportada"
    assert pos.multicode_last_sale()["response_message"] == "Transacción No Soportada"
    assert int(pos.totals()["tx_count"]) == 0


def test_after_normal_mode_the_terminal_is_deaf(pos: POSIntegrado) -> None:
    assert pos.set_normal_mode() is True
    pos.timeout = 2
    with pytest.raises(TransbankException):
        pos.poll()


def test_a_request_damaged_on_the_line_is_refused_and_nothing_is_done(
    pos: POSIntegrado, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pos._create_command

    def damaged(payload: str) -> list[int]:
        command: list[int] = whole(payload)
        command[8] ^= 1  # a digit of the amount
        return command

    monkeypatch.setattr(pos, "_create_command", damaged)
    with pytest.raises(TransbankException) as refused:
        pos.sale(15_000, "AB12")
    assert "NACK received" in str(refused.value.__cause__)
    monkeypatch.undo()
    assert int(pos.totals()["tx_count"]) == 0


def test_the_client_takes_an_answer_with_a_bad_lrc() -> None:
    """It says `approved`, and ACKs. Ours asks again and never takes one: test_register.py."""
    with SpoiltTerminal(wrong_lrc) as terminal:
        pos = register(terminal.port)
        told = pos.sale(15_000, "AB12")
        pos.close_port()
    assert told["success"] is True
    answer = terminal.said[terminal.said.index(b"\x020210") :]
    text = answer[1 : answer.index(b"\x03")]
    assert answer[: len(text) + 3] != encode(text)
