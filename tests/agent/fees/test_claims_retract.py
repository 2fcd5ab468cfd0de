"""An event of a claim that was noted wrongly is taken back: nothing is deleted, and the claim is as if it had not been."""

from __future__ import annotations

import json
from contextlib import closing, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from agent import errors
from agent.cli import counterfoil
from agent.desk_server import DeskServer
from agent.desk_socket import SocketDesk
from agent.errors import ClaimError, CounterfoilError, NotFound
from agent.fees.claim_kinds import ClaimEvent
from agent.fees.claims.claim_states import ClaimState
from agent.fees.claims.claims import Claims, claims_of
from agent.fees.noting import note, noted
from agent.home import Home
from agent.journal.entries import Draft, Entry
from agent.journal.keys import PassphraseSources, Signer
from agent.journal.reader import Reader
from agent.journal.store import Journal
from agent.opening import make_home, open_desk
from agent.settings import Settings
from tests.agent.fees.claim_facts import CLAIM, Record, credit, event, finding, name, opened, version
from tests.agent.journal.conftest import home, journal, opened_by, signer

__all__ = ["home", "journal", "signer"]
E, S = ClaimEvent, ClaimState
AT = 1_772_380_800_000


@pytest.fixture(name="opened")
def _journal_opened(signer: Signer) -> Draft:
    return opened_by(signer)


def admitted() -> Record:
    record = Record(version(), finding(), opened(name(), minor=600))
    record(event(E.RAISED, "03-07"))
    record(event(E.ADMITTED, "03-10", outcome="refund"))
    return record


def retract(entry: int, on: str = "03-20", **told: Any) -> Any:
    return event(E.RETRACT, on, entry=entry, note="noted wrongly", **told)


@pytest.mark.requirement("4-01")
def test_a_credit_that_was_anothers_money_is_taken_back_and_free_again() -> None:
    record = admitted()
    paid = record(credit(600))
    wrong = record(event(E.CREDITED, "03-12", 600, entry=paid))
    assert record.claims.claims[CLAIM].state is S.CREDITED and record.claims.credit_left(paid) == 0
    by = record(retract(wrong))
    claim = record.claims.claims[CLAIM]
    assert (claim.state, claim.credited_minor, claim.outstanding_minor) == (S.ADMITTED, 0, 600)
    assert claim.outcome == "refund" and record.claims.credit_left(paid) == 600
    assert [(h.fact.event, back) for h, back in claim.history][-2:] == [(E.CREDITED, by), (E.RETRACT, None)]
    record(event(E.CREDITED, "03-12", 600, entry=paid))  # before the day of the retraction: that one is no step
    record(event(E.CLOSED, "03-21"))
    assert record.claims.claims[CLAIM].state is S.CLOSED


def test_what_is_not_there_or_was_taken_back_cannot_be_taken_back() -> None:
    record = admitted()
    denied = admitted()
    last = record.size - 1
    by = record(retract(last))
    for entry in (last, by, 2, 999):  # again; the retraction; the opening; nothing
        with pytest.raises(ClaimError, match="could be taken back"):
            record(retract(entry))
    with pytest.raises(ClaimError, match="lacks"):
        record(event(E.RETRACT, "03-20", note="x"))
    with pytest.raises(NotFound):
        denied(retract(3, claim="00000000beef"))
    assert record.claims.claims[CLAIM].state is S.RAISED


def test_what_later_events_rest_on_is_taken_back_last() -> None:
    record = admitted()
    raised = record.size - 2
    with pytest.raises(ClaimError, match="rests on") as error:
        record(retract(raised))
    assert f"admitted in entry {raised + 1}" in error.value.what
    record(retract(raised + 1))
    record(retract(raised))
    assert record.claims.claims[CLAIM].state is S.OPEN


def test_a_wrong_date_or_note_in_between_is_taken_back() -> None:
    record = admitted()
    late = record(event(E.NOTED, "12-31", note="wrong day"))
    with pytest.raises(ClaimError, match="before the last"):
        record(event(E.ESCALATED, "03-15"))
    record(retract(late, on="03-14"))
    record(event(E.ESCALATED, "03-15"))


def test_an_end_that_is_taken_back_claims_no_money_twice() -> None:
    record = admitted()
    end = record(event(E.WITHDRAWN, "03-12", note="by mistake"))
    record(retract(end))
    assert record.claims.claims[CLAIM].state is S.ADMITTED
    end = record(event(E.WITHDRAWN, "03-12", note="again"))
    record(opened(name(), minor=600, claim="00000000beef", on="03-13"))
    with pytest.raises(ClaimError, match="claimed anew"):
        record(retract(end))
    assert sum(claim.outstanding_minor for claim in record.claims.claims.values()) == 600


def test_the_record_keeps_both_and_asks_for_a_reason(journal: Journal) -> None:
    def told(*facts: Any) -> int:
        first = journal.size
        note(journal, AT, noted(facts))
        return first

    told(version(), finding(), opened(name(), minor=600))
    raised = told(event(E.RAISED, "03-07"))
    with pytest.raises(ClaimError, match="reason"):
        told(event(E.RETRACT, "03-08", entry=raised))
    by = told(retract(raised))
    assert [journal.entry(seq).body["event"] for seq in (raised, by)] == ["raised", "retract"]
    with pytest.raises(ClaimError):
        told(retract(raised))
    assert claims_of(journal).claims[CLAIM].state is S.OPEN and claims_of(journal).unfit == []


def test_what_is_known_of_the_claims_is_not_searched_again(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who records reads what came since alone; and leaves what was known as it was."""
    note(journal, AT, noted([version(), finding(), opened(name(), minor=600)]))
    known = claims_of(journal)
    size = journal.size
    note(journal, AT, noted([event(E.RAISED, "03-07")]))
    asked, search = list[int](), Reader.all_of

    def all_of(self: Reader, beginnings: Any, start: int = 0) -> Any:
        asked.append(start)
        return search(self, beginnings, start)

    monkeypatch.setattr(Reader, "all_of", all_of)
    note(journal, AT, noted([event(E.ADMITTED, "03-08")]), known=known)  # it follows what `known` has not seen
    assert asked == [size]
    assert (known.size, known.claims[CLAIM].state) == (size, S.OPEN)
    with pytest.raises(ClaimError):
        note(journal, AT, noted([event(E.ADMITTED, "03-09")]), known=known)
    monkeypatch.undo()
    again = Claims()
    again.catch_up(journal)
    assert again.claims == claims_of(journal).claims and again.claims[CLAIM].state is S.ADMITTED


def test_from_any_entry_on_a_search_finds_what_a_plain_look_does(journal: Journal) -> None:
    note(journal, AT, noted([version(), finding(), opened(name(), minor=600)]))
    note(journal, AT, noted([event(E.RAISED, "03-07"), finding("s2")]))

    def plain(start: int) -> list[Entry]:
        return [one for one in journal.entries(start) if one.kind.startswith(("claim.", "fees."))]

    for start in range(journal.size + 1):
        assert list(journal.all_of(("claim.", "fees."), start)) == plain(start)


def test_the_command_takes_back_and_shows_it_struck(tmp_path: Path) -> None:
    shop = Home(tmp_path / "H")
    make_home(shop, Settings(terminal="T1", simulated=True, port="-"), PassphraseSources(), AT)
    with open_desk(shop, record=True) as desk:
        desk.note(noted([version(), finding(), opened(name(), minor=600)]))
        raised = desk.note(noted([event(E.RAISED, "03-07")])).size - 1

    def call(*arguments: str) -> tuple[int, str, str]:
        out, err, code = StringIO(), StringIO(), 0
        with redirect_stdout(out), redirect_stderr(err):
            try:
                counterfoil.main(args=["--home", str(shop.path), "--lang", "en", "fees", "claims", *arguments])
            except SystemExit as left:
                code = left.code if isinstance(left.code, int) else 1
        return code, out.getvalue(), err.getvalue()

    code, _out, err = call("event", CLAIM, "retract", "--reason", "x", "--operator", "Wang")
    assert code == 2 and f"{raised} (2026-03-07 raised)" in err
    back = ("event", CLAIM, "retract", "--entry", str(raised), "--reason", "another claim", "--operator", "Wang")
    code, out, err = call(*back, "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["state"] == "open" and [e.get("retracted_by") for e in told["events"]] == [None, raised + 1, None]
    assert call(*back)[0] == 1
    shown = call("show", CLAIM)[1]
    assert f"taken back by entry {raised + 1}" in shown and f"[{raised}]" in shown


# -- every error crosses the socket --------------------------------------------------------------------------------------

ERRORS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, CounterfoilError)]
WITH_TROUBLES = {errors.ContractRefused: ((3, "rate", "above"),), errors.StatementRefused: ((2, "fee", "no", "words"),)}


class Refusing:
    """A desk that answers one call with an error; all else of the way is real."""

    def __init__(self, error: CounterfoilError) -> None:
        self._error = error

    def sync(self) -> None:
        raise self._error


@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize("whole", [True, False])
def test_an_error_arrives_as_what_it_is(kind: type[CounterfoilError], whole: bool, tmp_path: Path) -> None:
    troubles = WITH_TROUBLES.get(kind, ()) if whole else ()
    told = ("That cannot be.", "Do this.")
    error = kind(*told, troubles) if troubles else kind(*told)  # type: ignore[call-arg]
    path = tmp_path / "agent.sock"
    with (
        closing(DeskServer(path, Refusing(error))),  # type: ignore[arg-type]
        pytest.raises(CounterfoilError) as caught,
    ):
        SocketDesk(path).sync()
    assert type(caught.value) is kind and (caught.value.what, caught.value.todo) == told
    assert getattr(caught.value, "troubles", ()) == troubles
