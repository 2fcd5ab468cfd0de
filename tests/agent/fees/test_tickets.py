"""`counterfoil fees tickets`: noted in the record, told again when closed, and heard by the audit."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from agent.fees.audit.auditor import terms_of
from agent.fees.contract.terms import TicketAbout
from agent.home import Home
from agent.journal.keys import verifying_key
from agent.journal.reader import open_reader
from tests.conftest import run_counterfoil


@pytest.mark.requirement("D16", "D21")
def test_a_ticket_is_noted_and_closed_by_its_number(tmp_path: Path) -> None:
    home = str(tmp_path / "H")
    made = run_counterfoil("--home", home, "init", "--terminal", "T1", "--port", "/dev/null", "--json")
    assert made.returncode == 0, made.stderr
    add = ["--home", home, "fees", "tickets", "add", "T-1", "--about", "replacement", "--operator", "zhang"]
    first = run_counterfoil(*add, "--on", "2026-03-02", "--note", "card 4111111111111111 read twice", "--json")
    assert first.returncode == 0, first.stderr
    assert "4111111111111111" not in first.stdout + (tmp_path / "H" / "journal.db").read_bytes().decode("latin-1")
    listed = json.loads(run_counterfoil("--home", home, "fees", "tickets", "list", "--json").stdout)["tickets"]
    assert [(one["ticket"], one["about"], one["opened"], one["closed"]) for one in listed] == [
        ("T-1", "replacement", "2026-03-02", None)
    ]
    assert run_counterfoil(*add, "--on", "2026-03-02", "--closed", "2026-03-05").returncode == 0
    at = Home(tmp_path / "H")
    with closing(open_reader(at.journal, verifying_key(at.path))) as journal:
        (ticket,) = terms_of(journal, "Asia/Shanghai").tickets(TicketAbout.REPLACEMENT)
    assert (ticket.opened, ticket.closed) == (date(2026, 3, 2), date(2026, 3, 5))


def test_a_ticket_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    add = ["--home", str(tmp_path / "H"), "fees", "tickets", "add", "T-1", "--about"]
    for wrong in (
        [*add, "holiday", "--on", "2026-03-02", "--operator", "z"],
        [*add, "fault", "--on", "2026-03-32", "--operator", "z"],
        [*add, "fault", "--on", "2026-03-02", "--closed", "2026-03-01", "--operator", "z"],
        [*add, "fault", "--on", "2026-03-02", "--operator", " "],
    ):
        result = run_counterfoil(*wrong)
        assert result.returncode == 2 and "Traceback" not in result.stderr, result.stderr
