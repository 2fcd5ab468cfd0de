"""Forgeries of the proof of one entry, and of a head wherever it stands."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable

from agent.journal.keys import Signer
from tests.strangers.records import Bench
from tests.strangers.tampering import change, flip, flipped, lines_of, put_head, tamper

WITNESS = b"\x04"


# ——— the proof of one entry ———


@tamper("proof", word="inclusion", step=5)
def entry_byte_flipped(case: Bench) -> None:
    flip(case.path / "entry.json", 8)


@tamper("proof", word="inclusion", step=5)
def another_entry(case: Bench) -> None:
    raw = case.first("entries").read_bytes()
    (case.path / "entry.json").write_bytes(raw[2 : 2 + int.from_bytes(raw[:2], "big")] + b"\n")


@tamper("proof", word="inclusion", step=5)
def another_index(case: Bench) -> None:
    change(case.path / "entry.tlog-proof", 1, lambda _line: f"index {case.seq - 1}")


@tamper("proof", word="proof", step=5)
def index_beyond_the_size(case: Bench) -> None:
    change(case.path / "entry.tlog-proof", 1, lambda _line: f"index {case.true.size + case.seq}")


@tamper("proof", word="inclusion", step=5)
def hash_flipped(case: Bench) -> None:
    change(case.path / "entry.tlog-proof", 2, flipped)


@tamper("proof", word="inclusion", step=5)
def hashes_exchanged(case: Bench) -> None:
    lines_of(case.path / "entry.tlog-proof", lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]])


@tamper("proof", word="inclusion", step=5)
def hash_dropped(case: Bench) -> None:
    lines_of(case.path / "entry.tlog-proof", lambda lines: [*lines[:3], *lines[4:]])


@tamper("proof", word="inclusion", step=5)
def hash_too_many(case: Bench) -> None:
    lines_of(case.path / "entry.tlog-proof", lambda lines: [*lines[:2], lines[2], *lines[2:]])


@tamper("proof", word="proof", step=5)
def hash_cut(case: Bench) -> None:
    change(case.path / "entry.tlog-proof", 2, lambda line: b64encode(b64decode(line)[:31]).decode())


@tamper("proof", word="proof", step=1)
def another_version(case: Bench) -> None:
    change(case.path / "entry.tlog-proof", 0, lambda line: line.replace("@v1", "@v2"))


@tamper("proof", word="proof", step=2)
def proof_truncated(case: Bench) -> None:
    lines_of(case.path / "entry.tlog-proof", lambda lines: lines[:4])


@tamper("proof", word="note", step=4)
def proof_without_signature(case: Bench) -> None:
    lines_of(case.path / "entry.tlog-proof", lambda lines: [*lines[:-2], ""])


@tamper("proof", word="inclusion", step=5)
def head_of_another_size_truly_signed(case: Bench) -> None:
    size = sorted(case.true.heads)[-2]
    put_head(case.path / "entry.tlog-proof", case.sign(size, case.root(size)))


# ——— the head, wherever it stands ———

EVERYWHERE = ("note", "proof", "tiles")


def _change_head(number: int, new: Callable[[str], str]) -> Callable[[Bench], None]:
    def forge(case: Bench) -> None:
        for path in (case.path / "entry.tlog-proof", case.folder / "checkpoint"):
            change(path, number, new)

    return forge


@tamper(*EVERYWHERE, word="signature", step=4)
def size_changed(case: Bench) -> None:
    _change_head(-5, lambda line: str(int(line) + 1))(case)


@tamper(*EVERYWHERE, word="signature", step=4)
def root_changed_with_size_kept(case: Bench) -> None:
    _change_head(-4, flipped)(case)


@tamper(*EVERYWHERE, word="signature", step=4)
def signature_flipped(case: Bench) -> None:
    _change_head(-2, lambda line: " ".join([*line.split()[:2], flipped(line.split()[2])]))(case)


@tamper(*EVERYWHERE, word="signature", step=4)
def signature_of_another_key_under_this_id(case: Bench) -> None:
    signer = Signer(case.true.signer.name, bytes(range(32)), b"token")

    def forge(line: str) -> str:
        dash, name, blob = line.split()
        text = "\n".join((case.folder / "checkpoint").read_text(encoding="utf-8").split("\n")[:3]) + "\n"
        return f"{dash} {name} {b64encode(b64decode(blob)[:4] + signer.sign(text.encode())).decode()}"

    _change_head(-2, forge)(case)


@tamper(*EVERYWHERE, word="signature", step=4)
def signed_by_another_key_of_that_name(case: Bench) -> None:
    signer = Signer(case.true.signer.name, bytes(range(32)), b"token")
    text = "\n".join((case.folder / "checkpoint").read_text(encoding="utf-8").split("\n")[:3]) + "\n"
    _change_head(-2, lambda _line: signer.signed(text).split("\n")[4])(case)


@tamper(*EVERYWHERE, word="note", step=3)
def head_of_another_origin_truly_signed(case: Bench) -> None:
    root, size = case.root(case.true.size), case.true.size
    for path in (case.path / "entry.tlog-proof", case.folder / "checkpoint"):
        put_head(path, case.sign(size, root, case.true.signer.name[:-1] + "2"))


@tamper(*EVERYWHERE, word="note", step=2)
def fourth_line_truly_signed(case: Bench) -> None:
    text = "\n".join((case.folder / "checkpoint").read_text(encoding="utf-8").split("\n")[:3])
    for path in (case.path / "entry.tlog-proof", case.folder / "checkpoint"):
        put_head(path, case.true.signer.signed(f"{text}\nmore\n"))


@tamper("note", "tiles", word="note", step=4)
def signature_cut_off(case: Bench) -> None:
    lines_of(case.folder / "checkpoint", lambda lines: [*lines[:4], ""])


@tamper(*EVERYWHERE, word="vkey", step=3)
def key_id_changed(case: Bench) -> None:
    _vkey(case, lambda name, key_id, key: f"{name}+{int(key_id, 16) ^ 1:08x}+{key}")


@tamper(*EVERYWHERE, word="vkey", step=3)
def key_changed(case: Bench) -> None:
    _vkey(case, lambda name, key_id, key: f"{name}+{key_id}+{flipped(key)}")


@tamper(*EVERYWHERE, word="vkey", step=3)
def key_of_another_kind(case: Bench) -> None:
    _vkey(case, lambda name, key_id, key: f"{name}+{key_id}+{b64encode(WITNESS + b64decode(key)[1:]).decode()}")


@tamper(*EVERYWHERE, word="signature", step=4)
def vkey_of_a_thief(case: Bench) -> None:
    _vkey(case, lambda name, _key_id, _key: Signer(name, bytes(range(32)), b"token").vkey)


@tamper(*EVERYWHERE, word="signature", step=3)
def vkey_of_another_record(case: Bench) -> None:
    _vkey(case, lambda _name, _key_id, _key: Signer(f"counterfoil/{'0' * 32}/1", bytes(range(32)), b"token").vkey)


def _vkey(case: Bench, new: Callable[[str, str, str], str]) -> None:
    for path in (case.path / "journal.vkey", case.folder / "journal.vkey"):
        change(path, 0, lambda line: new(*line.split("+", 2)))
