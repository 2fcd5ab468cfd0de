// Signed notes (c2sp.org/signed-note), checkpoints (c2sp.org/tlog-checkpoint), verifier keys and cosignature/v1
// (c2sp.org/tlog-cosignature), read from the specifications alone: nothing here comes from the house that it witnesses.
import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';

export const LOG_KEY = 0x01; // Ed25519 over the note's text
export const COSIGNER_KEY = 0x04; // Ed25519 over "cosignature/v1", the time and the text
export const LARGEST = 2n ** 63n - 1n; // of a tree: what 63 proof lines reach

const SPKI = Buffer.from('302a300506032b6570032100', 'hex'); // RFC 8410: an Ed25519 public key follows
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex'); // RFC 8410: an Ed25519 seed follows

/** What arrived is not of its format. */
export class Malformed extends Error {}

export const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest();

/** Standard base64 with its padding, and only the one spelling that its bytes have. */
export function fromBase64(text) {
  const bytes = Buffer.from(text, 'base64');
  if (text === '' || bytes.toString('base64') !== text) throw new Malformed(`not base64: ${text.slice(0, 60)}`);
  return bytes;
}

export function hashFrom(text) {
  const bytes = fromBase64(text);
  if (bytes.length !== 32) throw new Malformed(`a hash of ${bytes.length} bytes`);
  return bytes;
}

export function sizeFrom(text) {
  const size = /^(0|[1-9][0-9]{0,18})$/.test(text) ? BigInt(text) : undefined;
  if (size === undefined || size > LARGEST) throw new Malformed(`not a tree size: ${text.slice(0, 60)}`);
  return size;
}

/** Bytes to text; control characters other than the newline have no place in a note. */
export function textFrom(bytes) {
  let text;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Malformed('not UTF-8');
  }
  if (/[\x00-\x09\x0b-\x1f]/.test(text)) throw new Malformed('a control character');
  return text;
}

export const isName = (name) => name !== '' && !/[\p{White_Space}+]/u.test(name);

export function keyId(name, type, publicKey) {
  return sha256(Buffer.from(`${name}\n`), Buffer.from([type]), publicKey).subarray(0, 4);
}

/** name+hash+base64(type ‖ key); the base64 may hold a plus of its own. */
export function verifierKey(vkey, type) {
  const [, name, id, encoded] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(vkey) ?? [];
  if (name === undefined || !isName(name)) throw new Malformed(`not a verifier key: ${vkey}`);
  const material = fromBase64(encoded);
  const publicKey = material.subarray(1);
  if (material[0] !== type || publicKey.length !== 32) throw new Malformed(`not a key of type ${type}: ${vkey}`);
  if (keyId(name, type, publicKey).toString('hex') !== id) throw new Malformed(`the key ID is of another key: ${vkey}`);
  return { name, id, key: createPublicKey({ key: Buffer.concat([SPKI, publicKey]), format: 'der', type: 'spki' }) };
}

/** A note's text, with its last newline, and its signature lines. */
export function parseNote(note) {
  const blank = note.lastIndexOf('\n\n');
  if (blank < 0 || !note.endsWith('\n')) throw new Malformed('not a signed note');
  const lines = note.slice(blank + 2).split('\n').slice(0, -1);
  if (lines.length === 0) throw new Malformed('a note without a signature');
  const signatures = lines.map((line) => {
    const [dash, name, encoded, ...more] = line.split(' ');
    if (dash !== '—' || !isName(name ?? '') || more.length > 0) throw new Malformed('not a signature line');
    const bytes = fromBase64(encoded ?? '');
    if (bytes.length < 5) throw new Malformed('a signature of no bytes');
    return { line, name, id: bytes.subarray(0, 4).toString('hex'), signature: bytes.subarray(4) };
  });
  return { text: note.slice(0, blank + 1), signatures };
}

export function parseCheckpoint(note) {
  const { text, signatures } = parseNote(note);
  const lines = text.split('\n').slice(0, -1);
  if (lines.length < 3 || lines.includes('')) throw new Malformed('not a checkpoint');
  return { text, signatures, origin: lines[0], size: sizeFrom(lines[1]), root: hashFrom(lines[2]) };
}

export const signs = (signature, key, text) => verify(null, Buffer.from(text), key, signature);

/** One who cosigns: from a 32-byte Ed25519 seed in hex, or a PKCS #8 PEM. */
export class Cosigner {
  constructor(name, secret) {
    if (!isName(name)) throw new Malformed(`not a key name: ${name}`);
    const seed = /^[0-9a-fA-F]{64}$/.test(secret.trim()) && Buffer.from(secret.trim(), 'hex');
    this.name = name;
    this.key = createPrivateKey(seed ? { key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' } : secret);
    if (this.key.asymmetricKeyType !== 'ed25519') throw new Malformed(`not an Ed25519 key: ${this.key.asymmetricKeyType}`);
    this.publicKey = Buffer.from(createPublicKey(this.key).export({ format: 'jwk' }).x, 'base64url');
    this.id = keyId(name, COSIGNER_KEY, this.publicKey);
  }

  get vkey() {
    const material = Buffer.concat([Buffer.from([COSIGNER_KEY]), this.publicKey]);
    return `${this.name}+${this.id.toString('hex')}+${material.toString('base64')}`;
  }

  /** The signature line, without its newline, over a checkpoint's text at a POSIX time in seconds. */
  cosign(text, time) {
    const stamp = Buffer.alloc(8);
    stamp.writeBigUInt64BE(BigInt(time));
    const signature = sign(null, Buffer.from(`cosignature/v1\ntime ${time}\n${text}`), this.key);
    return `— ${this.name} ${Buffer.concat([this.id, stamp, signature]).toString('base64')}`;
  }
}
