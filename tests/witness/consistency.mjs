// Whether one Merkle tree is the start of another: RFC 6962 section 2.1 hashes, RFC 9162 section 2.1.4.2 steps.
import { sha256 } from './note.mjs';

export const EMPTY_ROOT = sha256(); // RFC 6962 section 2.1: the hash of the empty string

const node = (left, right) => sha256(Buffer.from([1]), left, right);

/** Sizes are BigInts with oldSize <= newSize, roots and the proof's hashes Buffers of 32 bytes. */
export function consistent(oldSize, oldRoot, newSize, newRoot, proof) {
  if (oldSize === newSize) return proof.length === 0 && oldRoot.equals(newRoot);
  if (oldSize === 0n) return proof.length === 0; // the empty tree starts every tree: nothing to prove
  if (proof.length === 0) return false;
  const whole = (oldSize & (oldSize - 1n)) === 0n; // a power of two: the old root is itself a node of the new tree
  const path = whole ? [oldRoot, ...proof] : proof;
  let [fn, sn] = [oldSize - 1n, newSize - 1n];
  while (fn & 1n) [fn, sn] = [fn >> 1n, sn >> 1n];
  let [fr, sr] = [path[0], path[0]];
  for (const hash of path.slice(1)) {
    if (sn === 0n) return false;
    if (fn & 1n || fn === sn) {
      [fr, sr] = [node(hash, fr), node(hash, sr)];
      while (fn !== 0n && !(fn & 1n)) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      sr = node(sr, hash);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  return sn === 0n && fr.equals(oldRoot) && sr.equals(newRoot);
}
