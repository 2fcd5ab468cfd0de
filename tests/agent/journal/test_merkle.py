"""RFC 9162's tree: the reference vectors of google/certificate-transparency (cpp/merkletree/merkle_tree_test.cc), and the
RFC's own recursive definitions written out."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.journal import merkle

LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {  # (0-based index, size): the file counts leaves from 1
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}


class Tree:
    """A whole tree in memory, as the store keeps it: with every leaf the subtrees that it completes."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.leaves = leaves
        self.frontier = merkle.Frontier()
        self.hashes = [self.frontier.append(leaf) for leaf in leaves]

    def node(self, level: int, idx: int) -> bytes:
        found = self.hashes[merkle.completed_by(level, idx)][32 * level : 32 * level + 32]
        assert len(found) == 32
        return found


# RFC 9162 §2.1.1, §2.1.3.1 and §2.1.4.1, as they stand there.


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(d: list[bytes]) -> bytes:
    if not d:
        return sha256(b"").digest()
    if len(d) == 1:
        return d[0]
    k = split(len(d))
    return sha256(b"\x01" + mth(d[:k]) + mth(d[k:])).digest()


def path(m: int, d: list[bytes]) -> list[bytes]:
    if len(d) == 1:
        return []
    k = split(len(d))
    return [*path(m, d[:k]), mth(d[k:])] if m < k else [*path(m - k, d[k:]), mth(d[:k])]


def subproof(m: int, d: list[bytes], b: bool) -> list[bytes]:
    if m == len(d):
        return [] if b else [mth(d)]
    k = split(len(d))
    if m <= k:
        return [*subproof(m, d[:k], b), mth(d[k:])]
    return [*subproof(m - k, d[k:], False), mth(d[:k])]


def leaves_of(n: int) -> list[bytes]:
    return [merkle.leaf_hash(i.to_bytes(4, "big")) for i in range(n)]


@pytest.fixture
def reference() -> Tree:
    return Tree([merkle.leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES])


def test_reference_roots() -> None:
    frontier = merkle.Frontier()
    assert frontier.root().hex() == EMPTY
    for leaf, root in zip(LEAVES, ROOTS, strict=True):
        frontier.append(merkle.leaf_hash(bytes.fromhex(leaf)))
        assert frontier.root().hex() == root


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_reference_inclusion_proofs(reference: Tree, index: int, size: int) -> None:
    proof = merkle.inclusion_proof(index, size, reference.node)
    assert [h.hex() for h in proof] == INCLUSION[index, size]
    root = bytes.fromhex(ROOTS[size - 1])
    assert merkle.verify_inclusion(index, size, reference.leaves[index], proof, root)


@pytest.mark.parametrize(("first", "second"), CONSISTENCY)
def test_reference_consistency_proofs(reference: Tree, first: int, second: int) -> None:
    proof = merkle.consistency_proof(first, second, reference.node)
    assert [h.hex() for h in proof] == CONSISTENCY[first, second]
    assert merkle.verify_consistency(
        first, second, proof, bytes.fromhex(ROOTS[first - 1]), bytes.fromhex(ROOTS[second - 1])
    )


@given(st.integers(0, 300))
@settings(deadline=None)
def test_root_is_the_definitions(n: int) -> None:
    leaves = leaves_of(n)
    tree = Tree(leaves)
    assert tree.frontier.root() == mth(leaves)
    assert sum(len(each) for each in tree.hashes) == 32 * (2 * n - n.bit_count())
    assert merkle.Frontier.of(n, tree.node).root() == mth(leaves)


@given(st.integers(1, 200), st.data())
@settings(deadline=None)
def test_inclusion_is_the_definitions_and_nothing_else_passes(n: int, data: st.DataObject) -> None:
    leaves = leaves_of(n)
    tree, root = Tree(leaves), mth(leaves)
    index = data.draw(st.integers(0, n - 1))
    proof = merkle.inclusion_proof(index, n, tree.node)
    assert proof == path(index, leaves)
    leaf = leaves[index]
    assert merkle.verify_inclusion(index, n, leaf, proof, root)
    assert not merkle.verify_inclusion(index, n, merkle.leaf_hash(b"other"), proof, root)
    assert not merkle.verify_inclusion(index, n, leaf, proof, bytes(32))
    assert not merkle.verify_inclusion(index, n, leaf, [*proof, root], root)
    assert not merkle.verify_inclusion(index + n, n, leaf, proof, root)
    assert not merkle.verify_inclusion(-1, n, leaf, proof, root)
    other = data.draw(st.integers(0, n - 1).filter(lambda i: i != index)) if n > 1 else None
    if other is not None:
        assert not merkle.verify_inclusion(other, n, leaf, proof, root)
    for i in range(len(proof)):
        assert not merkle.verify_inclusion(index, n, leaf, [*proof[:i], bytes(32), *proof[i + 1 :]], root)
        assert not merkle.verify_inclusion(index, n, leaf, proof[:i] + proof[i + 1 :], root)


@given(st.integers(1, 200), st.data())
@settings(deadline=None)
def test_consistency_is_the_definitions_and_nothing_else_passes(n: int, data: st.DataObject) -> None:
    leaves = leaves_of(n)
    tree = Tree(leaves)
    first = data.draw(st.integers(1, n))
    proof = merkle.consistency_proof(first, n, tree.node)
    assert proof == subproof(first, leaves, True)
    old, new = mth(leaves[:first]), mth(leaves)
    assert merkle.verify_consistency(first, n, proof, old, new)
    assert not merkle.verify_consistency(first, n, proof, bytes(32), new)
    assert not merkle.verify_consistency(first, n, proof, old, bytes(32))
    assert not merkle.verify_consistency(first, n, [*proof, new], old, new)
    assert not merkle.verify_consistency(n + 1, n, proof, old, new)
    for i in range(len(proof)):
        assert not merkle.verify_consistency(first, n, [*proof[:i], bytes(32), *proof[i + 1 :]], old, new)
        assert not merkle.verify_consistency(first, n, proof[:i] + proof[i + 1 :], old, new)


def test_out_of_bounds_is_refused() -> None:
    tree = Tree(leaves_of(5))
    with pytest.raises(ValueError, match="no such leaf"):
        merkle.inclusion_proof(5, 5, tree.node)
    with pytest.raises(ValueError, match="consistency"):
        merkle.consistency_proof(0, 5, tree.node)
    with pytest.raises(ValueError, match="set bit"):
        merkle.Frontier(3, [bytes(32)])
