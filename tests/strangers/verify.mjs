// A stranger's check of a counterfoil record, written from the published formats alone; needs Node 18 and no package.
//
//   node verify.mjs note       VKEY CHECKPOINT            is this head signed by this key?
//   node verify.mjs proof      VKEY PROOF ENTRY           does this entry stand under the head in this tlog-proof?
//   node verify.mjs consistent VKEY OLD NEW FOLDER        is the record of the head OLD a beginning of that of the head NEW?
//   node verify.mjs tiles      VKEY FOLDER                is every entry and every hash of this folder what its head signed?
//
// All arguments are files. It prints what it accepts and exits 0, or prints "refused: WHAT: why" and exits 1.
//
// Formats: c2sp.org/signed-note, tlog-checkpoint, tlog-proof, tlog-tiles; RFC 9162 §2.1 (the tree), RFC 8032 (Ed25519).

import { createHash, createPublicKey, verify as verifySignature } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const WIDTH = 256;

class Refusal extends Error {
  constructor(what, why) {
    super(why);
    this.what = what;
  }
}

function require(condition, what, why) {
  if (!condition) throw new Refusal(what, why);
}

function read(what, path) {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new Refusal(what, error.message);
  }
}

function text(what, bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Refusal(what, "no UTF-8");
  }
}

function base64(what, encoded) {
  const bytes = Buffer.from(encoded, "base64");
  require(bytes.toString("base64") === encoded, what, `"${encoded}" is no standard base64`);
  return bytes;
}

function hashOf32(what, encoded) {
  const bytes = base64(what, encoded);
  require(bytes.length === 32, what, `"${encoded}" is not a hash of 32 bytes`);
  return bytes;
}

function number(what, digits) {
  require(/^(0|[1-9][0-9]{0,14})$/.test(digits), what, `"${digits}" is no decimal number`);
  return Number(digits);
}

// ——— hashes, RFC 9162 §2.1.1 ———

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
const leafHash = (entry) => sha256(Buffer.of(0), entry);
const nodeHash = (left, right) => sha256(Buffer.of(1), left, right);

/** The largest power of two below n ≥ 2. */
function split(n) {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

/** MTH of a list of leaf hashes, or of hashes of complete subtrees of one size. */
function root(hashes) {
  if (hashes.length === 1) return hashes[0];
  const k = split(hashes.length);
  return nodeHash(root(hashes.slice(0, k)), root(hashes.slice(k)));
}

// ——— keys, notes, checkpoints ———

function readKey(path) {
  const line = text("vkey", read("vkey", path)).replace(/\n$/, "");
  const [, name, id, encoded] = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(line) ?? [];
  require(name, "vkey", "a verifying key is name+id+key");
  const raw = base64("vkey", encoded);
  require(raw.length === 33 && raw[0] === 1, "vkey", "no Ed25519 key");
  const expected = sha256(`${name}\n`, raw).subarray(0, 4);
  require(expected.toString("hex") === id, "vkey", "the key id is not that of this name and key");
  const x = raw.subarray(1).toString("base64url");
  return { name, id: expected, public: createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" }) };
}

/** { size, root } of a head that this key signed. */
function checkpoint(key, bytes) {
  const note = text("note", bytes);
  require(!/[\x00-\x09\x0b-\x1f]/.test(note), "note", "control characters");
  const cut = note.lastIndexOf("\n\n");
  require(cut > 0 && note.endsWith("\n") && cut + 2 < note.length, "note", "a note is a text, an empty line and signatures");
  const body = note.slice(0, cut + 1);
  let signed = false;
  for (const line of note.slice(cut + 2, -1).split("\n")) {
    const [, name, encoded] = /^— ([^+\s]+) ([A-Za-z0-9+/=]+)$/.exec(line) ?? [];
    require(name, "note", "no signature line");
    const blob = base64("note", encoded);
    require(blob.length >= 5, "note", "no signature");
    if (name !== key.name || !blob.subarray(0, 4).equals(key.id)) continue; // of a key that is not known here
    const good = verifySignature(null, Buffer.from(body), key.public, blob.subarray(4));
    require(good, "signature", "the signature is not over this text");
    signed = true;
  }
  require(signed, "signature", `not signed by the key ${key.id.toString("hex")} of ${key.name}`);
  const lines = body.split("\n");
  require(lines.length === 4, "note", "a checkpoint of counterfoil has three lines");
  require(lines[0] === key.name, "note", `the head is of "${lines[0]}", the key of "${key.name}"`);
  return { size: number("note", lines[1]), root: hashOf32("note", lines[2]) };
}

function checkNote(key, path) {
  const head = checkpoint(key, read("note", path));
  return `${key.name} signed a record of ${head.size} entries with the root ${head.root.toString("base64")}`;
}

// ——— one entry ———

/** RFC 9162 §2.1.3.2: the root that a proof leads to; null for a proof that has not the shape for this index and size. */
function rootFromProof(index, size, leaf, proof) {
  let [fn, sn, hash] = [index, size - 1, leaf];
  for (const sibling of proof) {
    if (sn === 0) return null;
    if (fn % 2 === 1 || fn === sn) {
      hash = nodeHash(sibling, hash);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [fn / 2, Math.floor(sn / 2)];
    } else {
      hash = nodeHash(hash, sibling);
    }
    [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
  }
  return sn === 0 ? hash : null;
}

function checkProof(key, path, entryPath) {
  const whole = text("proof", read("proof", path));
  const cut = whole.indexOf("\n\n");
  require(cut > 0, "proof", "no checkpoint");
  const lines = whole.slice(0, cut).split("\n");
  require(lines.shift() === "c2sp.org/tlog-proof@v1", "proof", "no tlog-proof of version 1");
  if (lines[0]?.startsWith("extra ")) lines.shift();
  const line = lines.shift() ?? "";
  require(line.startsWith("index "), "proof", "no index");
  const index = number("proof", line.slice("index ".length));
  const proof = lines.map((each) => hashOf32("proof", each));
  const head = checkpoint(key, Buffer.from(whole.slice(cut + 2)));
  require(index < head.size, "proof", `entry ${index} of ${head.size}`);
  let entry = read("entry", entryPath);
  if (entry.at(-1) === 0x0a) entry = entry.subarray(0, -1);
  const found = rootFromProof(index, head.size, leafHash(entry), proof);
  require(found?.equals(head.root), "inclusion", "the proof does not lead from this entry to the signed root");
  return `entry ${index} stands in the record of ${head.size} entries that ${key.name} signed`;
}

// ——— a folder of tiles ———

function tilePath(level, n, width) {
  const groups = [String(n % 1000).padStart(3, "0")];
  for (let rest = Math.floor(n / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    groups.unshift(`x${String(rest % 1000).padStart(3, "0")}`);
  }
  return join("tile", String(level), ...groups) + (width < WIDTH ? join(".p", String(width)) : "");
}

/** The hashes or entries of a level, file by file: [number of the file, how many it holds]. */
function* files(count) {
  for (let n = 0; n * WIDTH < count; n += 1) yield [n, Math.min(WIDTH, count - n * WIDTH)];
}

function readTile(folder, level, n, width) {
  const name = tilePath(level, n, width);
  const bytes = read("tile", join(folder, name));
  require(bytes.length === width * 32, "tile", `${name} has ${bytes.length} bytes`);
  return Array.from({ length: width }, (_, i) => bytes.subarray(32 * i, 32 * i + 32));
}

function readBundle(folder, n, width) {
  const name = tilePath("entries", n, width);
  const bytes = read("bundle", join(folder, name));
  const entries = [];
  let at = 0;
  while (at + 2 <= bytes.length) {
    const end = at + 2 + bytes.readUInt16BE(at);
    if (end > bytes.length) break;
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  require(at === bytes.length && entries.length === width, "bundle", `${name} does not hold exactly ${width} entries`);
  return entries;
}

/** Hashes of level after level, each over 256 of the level below; what is left over at a level has none above it. */
function levelsOver(leaves) {
  const levels = [leaves];
  while (levels.at(-1).length >= WIDTH) {
    const below = levels.at(-1);
    levels.push([]);
    for (let end = WIDTH; end <= below.length; end += WIDTH) levels.at(-1).push(root(below.slice(end - WIDTH, end)));
  }
  return levels;
}

/** MTH(D[start:end]) by these levels, for ranges as proofs have them. */
function range(levels, start, end) {
  const length = end - start;
  let level = 0;
  while (length >= WIDTH ** (level + 1)) level += 1;
  const unit = WIDTH ** level;
  if (length === unit) return levels[level][start / unit];
  const k = split(length);
  return nodeHash(range(levels, start, start + k), range(levels, start + k, end));
}

function checkTiles(key, folder) {
  const head = checkpoint(key, read("note", join(folder, "checkpoint")));
  const leaves = [];
  for (const [n, width] of files(head.size)) leaves.push(...readBundle(folder, n, width).map(leafHash));
  const levels = levelsOver(leaves);
  require(range(levels, 0, head.size).equals(head.root), "entry", "the entries do not make up the signed root");
  for (const [level, hashes] of levels.entries()) {
    for (const [n, width] of files(hashes.length)) {
      const made = Buffer.concat(hashes.slice(n * WIDTH, n * WIDTH + width));
      const told = Buffer.concat(readTile(folder, level, n, width));
      require(told.equals(made), "tile", `${tilePath(level, n, width)} is not what the entries make`);
    }
  }
  return `all ${head.size} entries and their hashes are what ${key.name} signed`;
}

/** RFC 9162 §2.1.4.1 SUBPROOF and §2.1.4.2 in one: the roots of both trees from the same subtrees. */
function bothRoots(levels, old, start, end) {
  if (old === end) {
    const hash = range(levels, start, end);
    return [hash, hash];
  }
  const middle = start + split(end - start);
  if (old <= middle) {
    const [before, after] = bothRoots(levels, old, start, middle);
    return [before, nodeHash(after, range(levels, middle, end))];
  }
  const left = range(levels, start, middle);
  const [before, after] = bothRoots(levels, old, middle, end);
  return [nodeHash(left, before), nodeHash(left, after)];
}

function checkConsistent(key, oldPath, newPath, folder) {
  const [old, present] = [oldPath, newPath].map((path) => checkpoint(key, read("note", path)));
  require(old.size > 0 && old.size <= present.size, "consistency", `${old.size} entries are no beginning of ${present.size}`);
  const leaves = [];
  for (const [n, width] of files(present.size)) leaves.push(...readTile(folder, 0, n, width));
  const [before, after] = bothRoots(levelsOver(leaves), old.size, 0, present.size);
  require(after.equals(present.root), "tile", "the tiles do not make up the signed root");
  require(before.equals(old.root), "consistency", `the first ${old.size} entries are not those of the older head`);
  return `the record of ${old.size} entries is a beginning of that of ${present.size}`;
}

const JOBS = { note: [checkNote, 2], proof: [checkProof, 3], consistent: [checkConsistent, 4], tiles: [checkTiles, 2] };
const [job, vkey, ...rest] = process.argv.slice(2);
const [check, expected] = JOBS[job] ?? [];
if (check === undefined || rest.length + 1 !== expected) {
  console.error("usage: verify.mjs note VKEY CHECKPOINT | proof VKEY PROOF ENTRY | consistent VKEY OLD NEW FOLDER | tiles VKEY FOLDER");
  process.exit(2);
}
try {
  console.log(check(readKey(vkey), ...rest));
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  console.log(`refused: ${error.what}: ${error.message}`);
  process.exitCode = 1;
}
