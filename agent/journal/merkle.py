"""The RFC 9162 Merkle tree (§2.1): roots from a compact frontier, inclusion and consistency proofs.

A subtree is named (level, idx): it covers the leaves idx·2^level … (idx+1)·2^level − 1. Hashes are 32 bytes. Where a hash of
the stored tree is needed, a `Node` lookup gives it: the hash of the *complete* subtree (level, idx), leaves at level 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

EMPTY_ROOT = sha256(b"").digest()

Node = Callable[[int, int], bytes]
"""(level, idx) → hash of that complete subtree."""


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def completed_by(level: int, idx: int) -> int:
    """The leaf that completes the subtree (level, idx): the last one it covers."""
    return ((idx + 1) << level) - 1


class Frontier:
    """The complete subtrees of the tree's right edge, the largest first: all that appending and the root need."""

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self.hashes = list(hashes)
        if len(self.hashes) != size.bit_count():
            raise ValueError("a frontier has one hash for every set bit of its size")

    @classmethod
    def of(cls, size: int, node: Node) -> Frontier:
        """The frontier of the first `size` leaves of a stored tree."""
        return cls(size, (node(level, idx) for level, idx in edge(size)))

    def copy(self) -> Frontier:
        return Frontier(self.size, self.hashes)

    def append(self, leaf: bytes) -> bytes:
        """Add one leaf hash; answers it and the subtrees that it completes, lowest first, 32 bytes each."""
        index, hashes, top = self.size, self.hashes, leaf
        completed = leaf
        while index & 1:
            top = sha256(b"\x01" + hashes.pop() + top).digest()
            completed += top
            index >>= 1
        hashes.append(top)
        self.size += 1
        return completed

    def root(self) -> bytes:
        if not self.hashes:
            return EMPTY_ROOT
        larger = iter(reversed(self.hashes))
        top = next(larger)
        for left in larger:
            top = sha256(b"\x01" + left + top).digest()
        return top


def edge(size: int) -> list[tuple[int, int]]:
    """The complete subtrees (level, idx) that make up a tree of `size` leaves, the largest first."""
    subtrees, start = [], 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            subtrees.append((level, start >> level))
            start += 1 << level
    return subtrees


def _range_hash(start: int, end: int, node: Node) -> bytes:
    """MTH(D[start:end]) for a range that begins at a multiple of a power of two not below its length."""
    subtrees = [(level, (start >> level) + idx) for level, idx in edge(end - start)]
    return Frontier(end - start, (node(level, idx) for level, idx in subtrees)).root()


def _split(length: int) -> int:
    """The largest power of two below `length` (≥ 2)."""
    return 1 << ((length - 1).bit_length() - 1)


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """PATH(index, D[size]) of RFC 9162 §2.1.3.1, from the leaf's sibling up. ValueError unless 0 ≤ index < size."""
    if not 0 <= index < size:
        raise ValueError("no such leaf in a tree of that size")
    path, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range_hash(middle, end, node))
            end = middle
        else:
            path.append(_range_hash(start, middle, node))
            start = middle
    return path[::-1]


def root_from_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes]) -> bytes | None:
    """The root that the proof leads to, or None if it has not the shape for this index and size (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size:
        return None
    first, second, top = index, size - 1, leaf
    for sibling in path:
        if second == 0:
            return None
        if first & 1 or first == second:
            top = node_hash(sibling, top)
            while not first & 1 and first:
                first >>= 1
                second >>= 1
        else:
            top = node_hash(top, sibling)
        first >>= 1
        second >>= 1
    return top if second == 0 else None


def verify_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes) -> bool:
    """True if `path` proves that the leaf hash stands at `index` under `root` of `size` leaves."""
    return root_from_inclusion(index, size, leaf, path) == root


def consistency_proof(first: int, second: int, node: Node) -> list[bytes]:
    """PROOF(first, D[second]) of RFC 9162 §2.1.4.1; empty for equal sizes. ValueError unless 0 < first ≤ second."""
    if not 0 < first <= second:
        raise ValueError("a consistency proof is from a smaller, non-empty tree to a larger")
    proof, start, end, known = [], 0, second, True
    size = first
    while size != end - start:
        middle = start + _split(end - start)
        if size <= middle - start:
            proof.append(_range_hash(middle, end, node))
            end = middle
        else:
            proof.append(_range_hash(start, middle, node))
            size -= middle - start
            start = middle
            known = False
    if not known:
        proof.append(_range_hash(start, end, node))
    return proof[::-1]


def verify_consistency(first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes) -> bool:
    """True if `proof` shows that the tree of `first` leaves is a beginning of the tree of `second` (RFC 9162 §2.1.4.2)."""
    if not 0 < first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    path = list(proof)
    if first & (first - 1) == 0:
        path.insert(0, first_root)
    if not path:
        return False
    left, right = first - 1, second - 1
    while left & 1:
        left >>= 1
        right >>= 1
    old = new = path[0]
    for sibling in path[1:]:
        if right == 0:
            return False
        if left & 1 or left == right:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not left & 1 and left:
                left >>= 1
                right >>= 1
        else:
            new = node_hash(new, sibling)
        left >>= 1
        right >>= 1
    return right == 0 and old == first_root and new == second_root
