"""Forgeries of an exported folder, and of an older head that is held against it."""

from __future__ import annotations

from base64 import b64decode
from hashlib import sha256

from agent.journal.keys import Signer
from tests.strangers.records import Bench
from tests.strangers.tampering import change, flip, flipped, put_head, tamper

# ——— the folder ———


@tamper("tiles", word="entry", step=6)
def byte_flipped_in_an_entry(case: Bench) -> None:
    flip(case.first("entries"))


@tamper("tiles", word="entry", step=6)
def two_entries_exchanged(case: Bench) -> None:
    raw = case.first("entries").read_bytes()
    one = 2 + int.from_bytes(raw[:2], "big")
    two = one + 2 + int.from_bytes(raw[one : one + 2], "big")
    case.first("entries").write_bytes(raw[one:two] + raw[:one] + raw[two:])


@tamper("tiles", word="bundle", step=6)
def length_prefix_changed(case: Bench) -> None:
    flip(case.first("entries"), 1)


@tamper("tiles", word="bundle", step=6)
def bundle_cut(case: Bench) -> None:
    case.first("entries").write_bytes(case.first("entries").read_bytes()[:-1])


@tamper("tiles", word="bundle", step=6)
def bundle_with_an_entry_more(case: Bench) -> None:
    case.first("entries").write_bytes(case.first("entries").read_bytes() + b"\0\2{}")


@tamper("tiles", word="bundle", step=6)
def bundle_with_a_byte_more(case: Bench) -> None:
    case.first("entries").write_bytes(case.first("entries").read_bytes() + b"\1")


@tamper("tiles", word="bundle", step=6)
def bundle_missing(case: Bench) -> None:
    case.first("entries").unlink()


@tamper("tiles", word="tile", step=6)
def hash_of_a_tile_flipped(case: Bench) -> None:
    flip(case.first("0"))


@tamper("tiles", word="tile", step=6)
def hashes_of_a_tile_exchanged(case: Bench) -> None:
    raw = case.first("0").read_bytes()
    case.first("0").write_bytes(raw[32:64] + raw[:32] + raw[64:])


@tamper("tiles", word="tile", step=6)
def tile_cut(case: Bench) -> None:
    case.first("0").write_bytes(case.first("0").read_bytes()[:-32])


@tamper("tiles", word="tile", step=6)
def tile_longer(case: Bench) -> None:
    case.first("0").write_bytes(case.first("0").read_bytes() + bytes(32))


@tamper("tiles", word="tile", step=6)
def tile_missing(case: Bench) -> None:
    case.first("0").unlink()


@tamper("tiles", word="tile", step=6, needs=257)
def hash_above_flipped(case: Bench) -> None:
    flip(case.first("1"))


@tamper("consistent", word="tile", step=6)
def hash_of_the_last_tile_flipped(case: Bench) -> None:
    flip(case.last("0"))


@tamper("consistent", word="tile", step=6)
def last_tile_cut(case: Bench) -> None:
    case.last("0").write_bytes(case.last("0").read_bytes()[:-32])


@tamper("consistent", word="tile", step=6)
def last_tile_missing(case: Bench) -> None:
    case.last("0").unlink()


@tamper("tiles", word="entry", step=6)
def entry_and_its_leaf_exchanged_together(case: Bench) -> None:
    bundle, tile = case.first("entries"), case.first("0")
    raw = bundle.read_bytes()
    end = 2 + int.from_bytes(raw[:2], "big")
    forged = raw[2:end].replace(b'"simulated"', b'"realrealr"')
    assert forged != raw[2:end]
    bundle.write_bytes(raw[:2] + forged + raw[end:])
    tile.write_bytes(sha256(b"\0" + forged).digest() + tile.read_bytes()[32:])


@tamper("tiles", word="entry", step=6)
def root_of_another_tree_truly_signed(case: Bench) -> None:
    put_head(case.folder / "checkpoint", case.sign(case.true.size, other(case.root(case.true.size))))


@tamper("consistent", word="tile", step=6)
def root_of_another_tree_truly_signed_here(case: Bench) -> None:
    root_of_another_tree_truly_signed(case)


@tamper("tiles", word="bundle", step=6)
def head_of_a_larger_record_truly_signed(case: Bench) -> None:
    put_head(case.folder / "checkpoint", case.sign(case.true.size + 1, case.root(case.true.size)))


@tamper("tiles", word="bundle", step=6)
def head_of_a_smaller_record_truly_signed(case: Bench) -> None:
    size = sorted(case.true.heads)[-2]
    put_head(case.folder / "checkpoint", case.true.heads[size])


def other(root: bytes) -> bytes:
    return bytes([root[0] ^ 0x80]) + root[1:]


# ——— two heads ———


def _older(case: Bench) -> tuple[int, bytes]:
    lines = (case.path / "older").read_text(encoding="utf-8").split("\n")
    return int(lines[1]), b64decode(lines[2])


@tamper("consistent", word="consistency", step=7)
def fork_truly_signed(case: Bench) -> None:
    size, root = _older(case)
    (case.path / "older").write_text(case.sign(size, other(root)), encoding="utf-8")


@tamper("consistent", word="consistency", step=7)
def older_head_says_another_size(case: Bench) -> None:
    size, root = _older(case)
    (case.path / "older").write_text(case.sign(size - 1, root), encoding="utf-8")


@tamper("consistent", word="consistency", step=7)
def older_head_is_longer(case: Bench) -> None:
    root = case.root(case.true.size)
    (case.path / "older").write_text(case.sign(case.true.size + 1, root), encoding="utf-8")


@tamper("consistent", word="consistency", step=7)
def same_size_with_another_root(case: Bench) -> None:
    root = case.root(case.true.size)
    (case.path / "older").write_text(case.sign(case.true.size, other(root)), encoding="utf-8")


@tamper("consistent", word="consistency", step=7)
def older_head_of_nothing(case: Bench) -> None:
    (case.path / "older").write_text(case.sign(0, sha256(b"").digest()), encoding="utf-8")


@tamper("consistent", word="signature", step=7)
def older_head_not_signed_so(case: Bench) -> None:
    change(case.path / "older", 4, lambda line: " ".join([*line.split()[:2], flipped(line.split()[2])]))


@tamper("consistent", word="signature", step=7)
def older_head_signed_by_a_thief(case: Bench) -> None:
    text = "\n".join((case.path / "older").read_text(encoding="utf-8").split("\n")[:3]) + "\n"
    thief = Signer(case.true.signer.name, bytes(range(32)), b"token")
    (case.path / "older").write_text(thief.signed(text), encoding="utf-8")


@tamper("consistent", word="note", step=7)
def older_head_of_another_record(case: Bench) -> None:
    size, root = _older(case)
    (case.path / "older").write_text(case.sign(size, root, case.true.signer.name[:-1] + "2"), encoding="utf-8")
