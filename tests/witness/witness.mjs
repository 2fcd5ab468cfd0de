#!/usr/bin/env node
// A transparency log's witness (c2sp.org/tlog-witness), from the specifications alone, to try the house's client against:
//
//   node tests/witness/witness.mjs --port 0 --seed HEX|--key FILE --name NAME --log VKEY [--log VKEY…]
//                                  [--state FILE] [--spec 1.0|1.1] [--prefix /PATH] [--host 127.0.0.1]
//
// It prints one line of JSON, {"port": 40123, "vkey": "…"}, when it listens, and one line per answer on stderr. A log is
// known by its vkey's name, which is the origin of its checkpoints; two --log with one name are two keys of one log.
// --state FILE remembers the cosigned heads over a restart (one process per file); without it they die with the process.
// --spec: what answers a checkpoint of the remembered size with another root: 1.0 says 409, 1.1 (C2SP pull request 280) 422.
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';

import { consistent, EMPTY_ROOT } from './consistency.mjs';
import { Cosigner, hashFrom, LOG_KEY, Malformed, parseCheckpoint, sha256 } from './note.mjs';
import { signs, sizeFrom, textFrom, verifierKey } from './note.mjs';

const MOST_BYTES = 1 << 20; // 16 post-quantum signatures and a full proof are a tenth of it
const MOST_PROOF_LINES = 63;
const NOT_YET = { size: 0n, root: EMPTY_ROOT, checkpoint: undefined };
const PLAIN = 'text/plain; charset=utf-8';

/** An answer other than 200. */
class Refusal extends Error {
  constructor(status, message, headers = {}) {
    super(message);
    Object.assign(this, { status, headers });
  }
}

/** The latest cosigned head of each origin: {size, root, checkpoint with the log's and our signatures}. */
class Memory {
  constructor(file) {
    this.file = file;
    this.heads = new Map();
    if (file === undefined || !existsSync(file)) return;
    for (const [origin, head] of Object.entries(JSON.parse(readFileSync(file, 'utf8')))) {
      this.heads.set(origin, { size: sizeFrom(head.size), root: hashFrom(head.root), checkpoint: head.checkpoint });
    }
  }

  head(origin) {
    return this.heads.get(origin) ?? NOT_YET;
  }

  /** On the disk before in memory: an answer never knows more than the file does. */
  keep(origin, head) {
    const heads = new Map(this.heads).set(origin, head);
    if (this.file !== undefined) this.#write(heads);
    this.heads = heads;
  }

  #write(heads) {
    const plain = [...heads].map(([origin, { size, root, checkpoint }]) => [
      origin, { size: String(size), root: root.toString('base64'), checkpoint },
    ]);
    const fresh = `${this.file}.new`;
    onFile(fresh, 'w', (file) => writeFileSync(file, `${JSON.stringify(Object.fromEntries(plain), null, 1)}\n`));
    renameSync(fresh, this.file);
    onFile(dirname(this.file), 'r', () => undefined); // the rename, too, is only there once its folder is
  }
}

function onFile(path, flags, act) {
  const file = openSync(path, flags);
  try {
    act(file);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

class Witness {
  constructor(cosigner, logKeys, memory, otherRootStatus) {
    Object.assign(this, { cosigner, memory, otherRootStatus });
    this.logs = new Map();
    for (const key of logKeys) this.logs.set(key.name, [...(this.logs.get(key.name) ?? []), key]);
  }

  /** POST add-checkpoint. From here to `keep` nothing awaits, so no other request comes between the check and the record. */
  addCheckpoint(body) {
    const { oldSize, proof, checkpoint } = parseRequest(body);
    const { origin, size, root, text } = checkpoint;
    const keys = this.logs.get(origin);
    if (keys === undefined) throw new Refusal(404, 'unknown origin');
    const verified = verifiedLines(checkpoint, keys);
    if (oldSize > size) throw new Refusal(400, 'the old size is larger than the checkpoint');
    const known = this.memory.head(origin);
    if (oldSize !== known.size) throw new Refusal(409, String(known.size), { 'Content-Type': 'text/x.tlog.size' });
    if (size === 0n && !root.equals(EMPTY_ROOT)) throw new Refusal(422, 'not the root of the empty tree');
    if (size === known.size && !root.equals(known.root)) {
      throw new Refusal(this.otherRootStatus, 'another root at the cosigned size');
    }
    if (!consistent(oldSize, known.root, size, root, proof)) throw new Refusal(422, 'the consistency proof does not verify');
    const line = this.cosigner.cosign(text, Math.floor(Date.now() / 1000));
    this.memory.keep(origin, { size, root, checkpoint: `${text}\n${[...verified, line].join('\n')}\n` });
    return `${line}\n`;
  }

  /** GET <hex SHA-256 of the origin>/checkpoint, which version 1.1 gave to monitors. */
  latest(originHash) {
    for (const [origin, { checkpoint }] of this.memory.heads) {
      if (sha256(Buffer.from(origin)).toString('hex') === originHash) return checkpoint;
    }
    throw new Refusal(404, 'no checkpoint cosigned for that origin');
  }
}

function parseRequest(body) {
  const request = textFrom(body);
  const blank = request.indexOf('\n\n');
  if (blank < 0) throw new Malformed('no empty line');
  const [first, ...proof] = request.slice(0, blank).split('\n');
  if (!first.startsWith('old ')) throw new Malformed('no old size line');
  if (proof.length > MOST_PROOF_LINES) throw new Malformed(`${proof.length} proof lines`);
  const checkpoint = parseCheckpoint(request.slice(blank + 2));
  return { oldSize: sizeFrom(first.slice(4)), proof: proof.map(hashFrom), checkpoint };
}

/** The signature lines of known keys. signed-note: unknown keys are passed over, a known key that fails spoils the note. */
function verifiedLines({ text, signatures }, keys) {
  const lines = [];
  for (const { line, name, id, signature } of signatures) {
    const known = keys.find((key) => key.name === name && key.id === id);
    if (known === undefined) continue;
    if (!signs(signature, known.key, text)) throw new Refusal(403, 'a signature of a known key does not verify');
    lines.push(line);
  }
  if (lines.length === 0) throw new Refusal(403, 'no signature of a known key');
  return lines;
}

async function read(request) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length <= MOST_BYTES) chunks.push(chunk); // read to its end all the same: to stop would cut the answer off too
  }
  if (length > MOST_BYTES) throw new Refusal(413, `more than ${MOST_BYTES} bytes`);
  return Buffer.concat(chunks);
}

async function answer(witness, prefix, request) {
  const path = request.url.split('?')[0];
  const [, hash] = path.startsWith(prefix) ? /^\/([0-9a-f]{64})\/checkpoint$/.exec(path.slice(prefix.length)) ?? [] : [];
  const expected = path === `${prefix}/add-checkpoint` ? 'POST' : hash && 'GET';
  if (expected === undefined) throw new Refusal(404, 'no such path');
  if (request.method !== expected) throw new Refusal(405, `only ${expected}`, { Allow: expected });
  return hash ? witness.latest(hash) : witness.addCheckpoint(await read(request));
}

function serve(witness, prefix) {
  return createServer(async (request, response) => {
    let [status, headers, body] = [200, {}, ''];
    try {
      body = await answer(witness, prefix, request);
    } catch (error) {
      status = error instanceof Malformed ? 400 : error.status ?? 500;
      headers = error.headers ?? {};
      body = `${error.message}\n`;
    }
    console.error(`${status} ${request.method} ${request.url} ${status === 200 ? '' : body.trimEnd()}`);
    response.writeHead(status, { 'Content-Type': PLAIN, 'Content-Length': Buffer.byteLength(body), ...headers }).end(body);
  });
}

function main() {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '0' },
      host: { type: 'string', default: '127.0.0.1' },
      prefix: { type: 'string', default: '' },
      name: { type: 'string' },
      seed: { type: 'string' },
      key: { type: 'string' },
      log: { type: 'string', multiple: true, default: [] },
      state: { type: 'string' },
      spec: { type: 'string', default: '1.0' },
    },
  });
  const otherRootStatus = { '1.0': 409, '1.1': 422 }[values.spec];
  if (otherRootStatus === undefined) throw new Malformed('--spec is 1.0 or 1.1');
  if (values.name === undefined || (values.seed === undefined) === (values.key === undefined)) {
    throw new Malformed('give --name, and one of --seed and --key');
  }
  const cosigner = new Cosigner(values.name, values.seed ?? readFileSync(values.key, 'utf8'));
  const logKeys = values.log.map((vkey) => verifierKey(vkey, LOG_KEY));
  const server = serve(new Witness(cosigner, logKeys, new Memory(values.state), otherRootStatus), values.prefix);
  server.on('error', stop);
  server.listen(Number(values.port), values.host, () => {
    console.log(JSON.stringify({ port: server.address().port, vkey: cosigner.vkey }));
  });
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0)); // nothing is ever half kept
}

function stop(error) {
  console.error(`witness: ${error.message}`);
  process.exit(2);
}

try {
  main();
} catch (error) {
  stop(error);
}
