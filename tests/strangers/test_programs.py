"""Go's note and tlog packages and Node's crypto accept what we hand out, at every kind of size, and refuse every forgery."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent.journal.keys import Signer
from tests.strangers.records import Bench, Record, Verifier
from tests.strangers.tampers import TAMPERS

SIZES = [1, 2, 3, 255, 256, 257, 600]


@pytest.mark.parametrize("size", SIZES)
def test_honest_is_accepted(verifier: Verifier, bench: Callable[..., Bench], size: int) -> None:
    accept_all(verifier, bench(size))


def test_honest_is_accepted_with_three_levels_of_tiles(
    go: Verifier, node: Verifier, bench: Callable[..., Bench]
) -> None:
    """65,537 entries: the first tile of level 1 is full, level 2 begins."""
    case = bench(65_537)
    assert {each.name for each in (case.folder / "tile").iterdir()} == {"entries", "0", "1", "2"}
    for verifier in (go, node):
        accept_all(verifier, case)


def accept_all(verifier: Verifier, case: Bench) -> None:
    size, name = case.true.size, case.true.signer.name
    told = {
        "note": f"{name} signed a record of {size} entries",
        "proof": f"entry {case.seq} stands in the record of {size} entries that {name} signed",
        "tiles": f"all {size} entries and their hashes are what {name} signed",
        "consistent": f"is a beginning of that of {size}",
    }
    for job, words in told.items():
        answer = verifier(*case.arguments(job))
        assert answer.refused is None, answer
        assert words in answer.told


@pytest.mark.parametrize("seq", [0, 255, 256, 511, 512, 598, 599])
def test_every_kind_of_place_is_proved(verifier: Verifier, bench: Callable[..., Bench], seq: int) -> None:
    """First and last, both sides of tiles and of the largest complete subtree, the odd edge."""
    assert verifier(*bench(600, seq).arguments("proof")).refused is None


def test_every_head_on_the_way_is_a_beginning(
    verifier: Verifier, bench: Callable[..., Bench], record: Callable[[int], Record]
) -> None:
    case = bench(600)
    assert len(case.true.heads) >= 15
    for note in list(case.true.heads.values())[::4]:
        (case.path / "older").write_text(note, encoding="utf-8")
        assert verifier(*case.arguments("consistent")).refused is None


@pytest.mark.parametrize("name", TAMPERS)
def test_tampered_is_refused(verifier: Verifier, bench: Callable[..., Bench], name: str) -> None:
    tamper = TAMPERS[name]
    case = bench(600)
    tamper.forge(case)
    assert verifier(*case.arguments(tamper.job)).refused == tamper.word


def test_other_checks_do_not_hang_on_what_was_not_forged(verifier: Verifier, bench: Callable[..., Bench]) -> None:
    """A forged folder leaves the proof of an entry good, and the other way round: the refusals above have their one cause."""
    case = bench(600)
    TAMPERS["tiles-byte_flipped_in_an_entry"].forge(case)
    assert verifier(*case.arguments("proof")).refused is None
    TAMPERS["proof-entry_byte_flipped"].forge(case)
    assert verifier(*case.arguments("note")).refused is None
    assert verifier(*case.arguments("consistent")).refused is None


def test_a_key_that_came_after_and_a_witness_may_sign_too(verifier: Verifier, bench: Callable[..., Bench]) -> None:
    """Signatures of keys that the verifier was not given are passed by (c2sp.org/signed-note)."""
    case = bench(3)
    text = "\n".join((case.folder / "checkpoint").read_text(encoding="utf-8").split("\n")[:3]) + "\n"
    later = Signer(case.true.signer.name, bytes(range(32)), b"token").signed(text).split("\n")[4]
    other = Signer("witness.example/w1", bytes(range(32)), b"token").signed(text).split("\n")[4]
    note = case.true.signer.signed(text)
    for signed in (f"{note}{later}\n{other}\n", note.replace("\n\n", f"\n\n{other}\n{later}\n")):
        (case.folder / "checkpoint").write_text(signed, encoding="utf-8")
        assert verifier(*case.arguments("tiles")).refused is None
