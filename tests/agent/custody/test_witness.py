"""What a witness is shown and what its answers mean: the specifications' own examples, a checkpoint that a public witness signed,
and a cosigner made by hand."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import replace

import pytest

from agent.custody import witness as w
from agent.custody.witness import Showing, WitnessKey
from agent.journal.checkpoint import Checkpoint, Note, NoteError, SignatureRefused, VerifyingKey
from agent.journal.entries import Draft
from agent.journal.merkle import verify_consistency
from agent.journal.store import Journal
from tests.agent.custody.hand_witness import SIGNED_AT, HandWitness, Shown

# A checkpoint of the public CT log arche2025h1 (staging), as its public witness remora.n621.de signed it.
CHECKPOINT = """\
arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=
"""
LOG_LINE = "— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=\n"
LOG_VKEY = "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
OTHER_LINE = "— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==\n"
REMORA_LINE = "— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==\n"
REMORA = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"
"""The key as github.com/transparency-dev/formats names it, note/note_cosigv1_test.go."""
TIME = 0x6A122120

# The example request of c2sp.org/tlog-witness.
EXAMPLE = """\
old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
"""


def test_a_public_witness_is_understood() -> None:
    key = WitnessKey.parse(REMORA)
    assert (key.name, key.key_id.hex(), str(key)) == ("remora.n621.de", "da77ade7", REMORA)
    found = key.cosigned(Note.parse(f"{CHECKPOINT}\n{LOG_LINE}{OTHER_LINE}{REMORA_LINE}"))
    assert found == w.Cosigned(TIME, REMORA_LINE)
    Checkpoint.verify(
        f"{CHECKPOINT}\n{LOG_LINE}{REMORA_LINE}", VerifyingKey.parse(LOG_VKEY)
    )  # whom it does not disturb


def _line(change: Callable[[bytearray], object]) -> str:
    name, encoded = REMORA_LINE[2:-1].split(" ")
    blob = bytearray(b64decode(encoded))
    change(blob)
    return f"— {name} {b64encode(blob).decode()}\n"


@pytest.mark.parametrize(
    "note",
    [
        f"{CHECKPOINT}\n{LOG_LINE}",
        f"{CHECKPOINT}\n{OTHER_LINE}",
        f"{CHECKPOINT.replace('1432088532', '1432088533')}\n{REMORA_LINE}",
        f"{CHECKPOINT}extension\n\n{REMORA_LINE}",
        f"{CHECKPOINT}\n{REMORA_LINE.replace('remora.n621.de', 'remora.n621.df')}",
        f"{CHECKPOINT}\n{_line(lambda blob: blob.__setitem__(11, blob[11] ^ 1))}",  # its time, the last bit
        f"{CHECKPOINT}\n{_line(lambda blob: blob.__setitem__(75, blob[75] ^ 1))}",
        f"{CHECKPOINT}\n{_line(lambda blob: blob.__delitem__(75))}",
        f"{CHECKPOINT}\n{_line(lambda blob: blob.append(0))}",
        f"{CHECKPOINT}\n{_line(lambda blob: blob.__delitem__(slice(4, 12)))}",  # a plain signature's length
        f"{CHECKPOINT}\n{REMORA_LINE}{_line(lambda blob: blob.__setitem__(75, blob[75] ^ 1))}",  # a bad one beside a good one
    ],
)
def test_what_is_not_its_cosignature(note: str) -> None:
    with pytest.raises(SignatureRefused):
        WitnessKey.parse(REMORA).cosigned(Note.parse(note))


def test_a_time_that_no_entry_can_hold() -> None:
    hand = HandWitness()
    key = WitnessKey.parse(hand.vkey)
    for time, fits in (
        (0, True),
        (2**53 // 1_000 - 1, True),
        (2**53 // 1_000, False),
        (2**63, False),
        (2**64 - 1, False),
    ):
        note = Note.parse(f"{CHECKPOINT}\n{hand.line(CHECKPOINT, time)}")
        if fits:
            assert key.cosigned(note).time == time
        else:
            with pytest.raises(SignatureRefused):
                key.cosigned(note)


@pytest.mark.parametrize(
    "vkey",
    [
        LOG_VKEY,  # of a log
        HandWitness(kind=b"\x01").vkey,
        HandWitness(kind=b"\x06").vkey,  # ML-DSA-44's number
        REMORA.replace("da77ade7", "da77ade8"),
        REMORA.replace("da77ade7", "DA77ADE7"),
        REMORA.replace("remora", "remorb"),
        REMORA[:-4],
        REMORA + "A",
        REMORA.partition("+")[2],
        "",
        "remora.n621.de",
        HandWitness(name="a b").vkey,
        HandWitness(name="").vkey,
        HandWitness(name="e\u0301").vkey,  # which no entry could hold
        HandWitness(name="a\u202eb").vkey,  # which nobody could read
        f" {REMORA}",
    ],
)
def test_what_is_no_witness_key(vkey: str) -> None:
    with pytest.raises(NoteError):
        WitnessKey.parse(vkey)


def test_a_key_with_a_plus_in_its_base64() -> None:
    names = (HandWitness(name=f"w{n}") for n in range(1_000))
    hand = next(each for each in names if each.vkey.count("+") > 2)
    assert str(WitnessKey.parse(hand.vkey)) == hand.vkey


def test_the_request_is_the_specifications() -> None:
    head, _, note = EXAMPLE.partition("\n\n")
    proof = tuple(b64decode(line) for line in head.split("\n")[1:])
    assert Showing(20852014, 20852163, note, proof).body == EXAMPLE.encode()


def test_the_first_request_has_no_proof() -> None:
    assert Showing(0, 1, "note\n").body == b"old 0\n\nnote\n"


def test_what_is_shown_of_a_journal(journal: Journal, sale: Callable[..., Draft]) -> None:
    roots = {journal.size: journal.head.root}
    for number in range(1, 40):
        head = journal.append([sale(number)], number)
        roots[head.size] = head.root
    for old in range(journal.size + 1):
        shown = w.showing(journal, old)
        told = Shown(shown.body)
        assert (told.old, told.size, told.root, told.origin) == (old, 40, roots[40], journal.key.name)
        assert told.note == journal.head.note == shown.note
        if old:
            assert verify_consistency(old, 40, told.proof, roots[old], roots[40])  # held to the RFC's vectors elsewhere
        else:
            assert told.proof == []
    with pytest.raises(ValueError):
        w.showing(journal, 41)


def test_a_cosignature_is_kept_beside_ours(journal: Journal) -> None:
    hand, shown = HandWitness(), w.showing(journal, 0)
    time, note = w.take_cosignature(WitnessKey.parse(hand.vkey), shown, OTHER_LINE.encode() + hand.answer(shown.body))
    assert time == SIGNED_AT
    assert note == shown.note + hand.line(journal.head.note.partition("\n\n")[0] + "\n")  # and no stranger's
    assert Checkpoint.verify(note, journal.key).size == journal.size
    assert w.cosigned_size(journal, WitnessKey.parse(hand.vkey), note) == journal.size


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\n",
        b"ok\n",
        b"\xff\xfe",
        OTHER_LINE.encode(),
        REMORA_LINE.encode(),
        HandWitness().line(CHECKPOINT).encode(),  # over another head
        HandWitness(kind=b"\x01").line(CHECKPOINT).encode(),
        HandWitness(name="witness.example/w2").line(CHECKPOINT).encode(),
        b"\n\n".join([b"x", OTHER_LINE.encode()]),
        OTHER_LINE.encode() * 100,
        b"\xe2\x80\x94 " * 20_000,
        b"<html><body>Welcome to the hotel's network</body></html>\n",
    ],
)
def test_what_is_no_answer_of_a_witness(journal: Journal, answer: bytes) -> None:
    with pytest.raises(NoteError):
        w.take_cosignature(WitnessKey.parse(HandWitness().vkey), w.showing(journal, 0), answer)


def test_a_cosignature_without_its_last_newline_is_none(journal: Journal) -> None:
    shown = w.showing(journal, 0)
    with pytest.raises(NoteError):
        w.take_cosignature(WitnessKey.parse(HandWitness().vkey), shown, HandWitness().answer(shown.body)[:-1])


@pytest.mark.parametrize(
    ("answer", "size"),
    [
        (b"0\n", 0),
        (b"20852163\n", 20852163),
        (b"7", 7),
        (b"9223372036854775807\n", 2**63 - 1),
        (b"", None),
        (b"-1\n", None),
        (b"007\n", None),
        (b"7\n\n", None),
        (b" 7\n", None),
        (b"1e3\n", None),
        ("７\n".encode(), None),
        (b"\xff\n", None),
        (b"9" * 60_000, None),
    ],
)
def test_the_size_that_a_witness_says_it_remembers(answer: bytes, size: int | None) -> None:
    assert w.remembered_size(answer) == size


def test_the_remembered_size_is_of_this_journal_and_this_witness(journal: Journal, sale: Callable[..., Draft]) -> None:
    hand, key = HandWitness(), WitnessKey.parse(HandWitness().vkey)
    text = journal.head.note.partition("\n\n")[0] + "\n"
    note = journal.head.note + hand.line(text)
    journal.append([sale(1), sale(2)], 1)
    assert w.cosigned_size(journal, key, note) == 1
    longer = replace(Checkpoint.parse_text(text), size=99).text
    foreign = replace(Checkpoint.parse_text(text), origin="elsewhere").text
    for other in (
        None,
        "",
        "no note",
        journal.head.note,
        f"{longer}\n{hand.line(longer)}",
        f"{foreign}\n{hand.line(foreign)}",
    ):
        assert w.cosigned_size(journal, key, other) == 0
    assert w.cosigned_size(journal, WitnessKey.parse(HandWitness(name="w2").vkey), note) == 0


def test_a_refusing_answer_is_kept_short_and_clean() -> None:
    assert w.kept(b" \n") is None
    assert w.kept(b"5\n") == "5"
    assert w.kept("e\u0301".encode()) == "é"
    assert w.kept(b"\xff no") == "\ufffd no"
    assert len(w.kept(b"x" * 65_536) or "") == 1_024
    assert "6228480402564890018" not in (w.kept(b"card 6228480402564890018 at 5") or "")
