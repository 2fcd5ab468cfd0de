"""transbank-pos-sdk 4.0.0, the vendor's own client for Node, as the register at a terminal of ours, over a pty.

Its spelling differs from the Python client's: amounts and tickets padded with zeros, no bar after the last field.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dialects.transbank.counter import SpoiltTerminal, simulated_terminal, wrong_lrc
from tests.dialects.transbank.node_client import VERSION, drive, needs_node, version

pytestmark = needs_node


@pytest.fixture
def port(tmp_path: Path) -> Iterator[str]:
    with simulated_terminal(tmp_path) as port:
        yield port


def test_this_is_the_client_that_we_mean() -> None:
    assert version() == VERSION


def test_poll_and_sales_with_and_without_status_messages(port: str) -> None:
    poll, bare, told = drive(port, ["poll"], ["sale", 15_000, "42"], ["sale", 2_500, "43", True])
    assert poll["result"] is True
    assert (bare["result"]["successful"], bare["result"]["functionCode"]) == (True, 210)
    assert (bare["result"]["ticket"], bare["result"]["amount"]) == ("000042", 15_000)
    assert bare["statuses"] == []
    assert [status["responseCode"] for status in told["statuses"]] == [78, 81, 82]
    assert (told["result"]["ticket"], told["result"]["amount"]) == ("000043", 2_500)


def test_last_sale_refund_totals_and_close(port: str) -> None:
    none, sale, last, totals = drive(port, ["getLastSale"], ["sale", 15_000, "42"], ["getLastSale"], ["getTotals"])
    assert none["result"]["responseMessage"] == "No existe venta"
    assert last["result"] == {**sale["result"], "functionCode": 260}
    assert (totals["result"]["txCount"], totals["result"]["txTotal"]) == (1, 15_000)
    operation = sale["result"]["operationNumber"]
    undone, unknown, closed, after = drive(port, ["refund", operation], ["refund", "7"], ["closeDay"], ["getTotals"])
    assert undone["result"]["successful"] is True
    assert int(undone["result"]["operationId"]) == int(operation)
    assert unknown["result"]["responseMessage"] == "No existe Transacción para Anular"
    assert (closed["result"]["functionCode"], closed["result"]["successful"]) == (510, True)
    assert after["result"]["txCount"] == 0


def test_what_a_terminal_of_ours_does_not_do_it_says(port: str) -> None:
    keys, multi, details = drive(port, ["loadKeys"], ["multicodeSale", 1_200, "T1"], ["salesDetail"])
    assert keys["result"]["responseMessage"] == "Transacción No Soportada"
    assert multi["result"]["responseMessage"] == "Transacción No Soportada"
    assert details["result"] == []


def test_an_amount_that_is_no_whole_number_of_pesos_is_refused(port: str) -> None:
    """The client pads "150.5" to nine characters and sends it; the terminal answers NAK, which the client takes for an answer."""
    spoilt, totals = drive(port, ["sale", 150.5, "42"], ["getTotals"])
    assert spoilt["result"]["successful"] is False
    assert totals["result"]["txCount"] == 0


def test_the_client_takes_an_answer_with_a_bad_lrc() -> None:
    with SpoiltTerminal(wrong_lrc) as terminal:
        (told,) = drive(terminal.port, ["sale", 15_000, "42"])
    assert told["result"]["successful"] is True
