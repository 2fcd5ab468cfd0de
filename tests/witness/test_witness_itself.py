"""The witness alone, against logs made by hand: every status of c2sp.org/tlog-witness, what it remembers, and what races."""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.witness.conftest import NODE, PROGRAM, Witness
from tests.witness.handmade import ADD, Answer, Log, b64, body, cosigned_at, key_id, proof, send

LOG = Log()
STRANGER = Log("log.example/other")
ROTATED = Log(salt="b")
LARGEST = 2**63 - 1
COSIGNER = b"\4" + LOG.material[1:]
"""The log's key as if it were a cosigner's."""


@pytest.fixture
def knowing(start_witness: Callable[..., Witness]) -> Witness:
    """A witness that knows LOG and has cosigned nothing."""
    return start_witness(logs=[LOG.vkey])


def cosigned(witness: Witness, answer: Answer, text: str) -> int:
    """The time of the cosignature that `answer` must be, over `text` and by `witness`."""
    assert answer.status == 200, answer
    assert answer.body.startswith(f"— {witness.name} ") and answer.body.endswith("\n") and answer.body.count("\n") == 1
    return cosigned_at(witness.vkey, text, answer.body)


def stale(size: int) -> Answer:
    return Answer(409, "text/x.tlog.size", f"{size}\n")


def test_it_cosigns_what_grows(knowing: Witness) -> None:
    before = int(time.time())
    for old, size in [(0, 1), (1, 2), (2, 2), (2, 7), (7, 300)]:
        at = cosigned(knowing, send(knowing.url, LOG.request(old, size)), LOG.text(size))
        assert before <= at <= time.time()


def test_a_first_checkpoint_may_be_of_any_size(knowing: Witness) -> None:
    cosigned(knowing, send(knowing.url, LOG.request(0, 37)), LOG.text(37))


def test_its_key_is_of_type_4_from_a_seed_or_a_file(knowing: Witness, tmp_path: Path) -> None:
    private = Ed25519PrivateKey.from_private_bytes(knowing.seed)
    material = b"\4" + private.public_key().public_bytes_raw()
    assert knowing.vkey == f"{knowing.name}+{key_id(knowing.name, material).hex()}+{b64(material)}"
    seed, pem = tmp_path / "seed", tmp_path / "pem"
    seed.write_text(knowing.seed.hex() + "\n")
    pem.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    for file in (seed, pem):
        arguments = [str(NODE), str(PROGRAM), "--name", knowing.name, "--key", str(file)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["vkey"] == knowing.vkey
            process.terminate()


def test_extension_lines_are_cosigned_too(knowing: Witness) -> None:
    text = LOG.text(3) + "an extension\nélan 存根\n"
    cosigned(knowing, send(knowing.url, body(0, [], f"{text}\n{LOG.line(text)}")), text)


def test_every_pair_of_small_sizes(witness: Witness) -> None:
    """Each pair is a log of its own; every proof that is not the one of RFC 6962 is refused before the right one is taken."""
    pairs = [(old, size) for size in range(2, 14) for old in range(1, size)]
    logs = {pair: Log(f"log.example/{pair[0]}-{pair[1]}") for pair in pairs}
    witness.restart(logs=[log.vkey for log in logs.values()])
    for (old, size), log in logs.items():
        right = proof(old, log.leaves(size))
        wrong = [
            [],
            right[:-1],
            right[1:],
            [*right, right[-1]],
            [sha256(b"another").digest(), *right],
            *([*right[:at], bytes(32), *right[at + 1 :]] for at in range(len(right))),
            *([right[::-1]] if len(right) > 1 else []),
            proof(old, log.leaves(size, fork=0)),
        ]
        cosigned(witness, send(witness.url, log.request(0, old)), log.text(old))
        assert {send(witness.url, body(old, hashes, log.note(size))).status for hashes in wrong} == {422}
        assert send(witness.url, log.request(old, size, fork=old - 1)).status == 422, "another history"
        cosigned(witness, send(witness.url, log.request(old, size)), log.text(size))


def test_a_proof_of_another_size_than_the_checkpoint_names(knowing: Witness) -> None:
    """RFC 9162 section 2.1.4.2: the roots fit, but the path is too short, or too long, for the size that the log signed."""
    cosigned(knowing, send(knowing.url, LOG.request(0, 1)), LOG.text(1))
    for size, named in [(2, 3), (2, 4), (2, 9), (4, 2), (4, 5), (8, 4), (8, 16)]:
        text = LOG.text(size).replace(f"\n{size}\n", f"\n{named}\n")
        lying = body(1, proof(1, LOG.leaves(size)), f"{text}\n{LOG.line(text)}")
        assert send(knowing.url, lying).status == 422, (size, named)


MALFORMED: dict[str, str | bytes] = {
    "nothing at all": "",
    "no empty line": "old 0\n" + LOG.note(3).replace("\n\n", "\n"),
    "no old size line": "\n" + LOG.note(3),
    "another word": LOG.request(0, 3).replace("old ", "new "),
    "a second space": LOG.request(0, 3).replace("old ", "old  "),
    "a leading zero": LOG.request(0, 3).replace("old 0", "old 00"),
    "a sign": LOG.request(0, 3).replace("old 0", "old -0"),
    "no number": LOG.request(0, 3).replace("old 0", "old "),
    "an old size past 2^63 - 1": body(2**63, [], LOG.note(3)),
    "a tree past 2^63 - 1": body(0, [], LOG.note(3).replace("\n3\n", f"\n{LARGEST + 1}\n")),
    "carriage returns": LOG.request(0, 3).replace("\n", "\r\n"),
    "not UTF-8": LOG.request(0, 3).encode().replace(b"\n\n\xe2", b"\n\xff\n\n\xe2"),  # an extension line
    "a NUL": LOG.request(0, 3).replace("log.example", "log\0example"),
    "an old size larger than the checkpoint": body(4, [], LOG.note(3)),
    "64 proof lines": body(0, [bytes(32)] * 64, LOG.note(3)),
    "a short hash": body(0, [bytes(31)], LOG.note(3)),
    "a long hash": body(0, [bytes(33)], LOG.note(3)),
    "a hash that is not base64": f"old 0\n{'!' * 44}\n\n{LOG.note(3)}",
    "a hash without its padding": f"old 0\n{b64(bytes(32))[:-1]}\n\n{LOG.note(3)}",
    "a second spelling of a hash": f"old 0\n{b64(bytes(32))[:-2]}B=\n\n{LOG.note(3)}",
    "a note without signatures": body(0, [], LOG.text(3) + "\n"),
    "a note that does not end its line": LOG.request(0, 3) + STRANGER.line(LOG.text(3))[:-1],
    "a checkpoint of two lines": body(0, [], f"{LOG.origin}\n3\n\n{LOG.line(LOG.text(3))}"),
    "an empty line inside": body(0, [], f"{LOG.text(3)}\nmore\n\n{LOG.line(LOG.text(3))}"),
    "a tree size with a leading zero": body(0, [], LOG.note(3).replace("\n3\n", "\n03\n")),
    "a root of 31 bytes": body(0, [], f"{LOG.origin}\n3\n{b64(bytes(31))}\n\n{LOG.line('')}"),
    "a hyphen for the dash": LOG.request(0, 3).replace("— ", "- "),
    "a signature without its name": body(0, [], f"{LOG.text(3)}\n— {b64(bytes(68))}\n"),
    "a signature that is not base64": body(0, [], f"{LOG.text(3)}\n— {LOG.origin} ~~~~\n"),
    "a name with a plus": body(0, [], f"{LOG.text(3)}\n— a+b {b64(bytes(68))}\n"),
}


def test_400_for_what_is_malformed(knowing: Witness) -> None:
    assert {what: send(knowing.url, request).status for what, request in MALFORMED.items()} == dict.fromkeys(
        MALFORMED, 400
    )
    assert send(knowing.url, LOG.request(9, 9)) == stale(0), "nothing was remembered"


def test_63_proof_lines_and_the_largest_tree_are_not_malformed(knowing: Witness) -> None:
    assert send(knowing.url, body(0, [bytes(32)] * 63, LOG.note(3))).status == 422
    text = f"{LOG.origin}\n{LARGEST}\n{b64(bytes(32))}\n"
    cosigned(knowing, send(knowing.url, body(0, [], f"{text}\n{LOG.line(text)}")), text)
    assert send(knowing.url, body(LARGEST - 1, [], f"{text}\n{LOG.line(text)}")) == stale(LARGEST)
    cosigned(knowing, send(knowing.url, body(LARGEST, [], f"{text}\n{LOG.line(text)}")), text)


def test_404_for_an_unknown_origin(knowing: Witness) -> None:
    assert send(knowing.url, STRANGER.request(0, 3)).status == 404


def test_404_before_403_and_403_before_409(knowing: Witness) -> None:
    """The order of tlog-witness: origin, signature, sizes."""
    unsigned = STRANGER.note(3).replace(b64(STRANGER.key.sign(STRANGER.text(3).encode()))[:8], "AAAAAAAA")
    assert send(knowing.url, body(0, [], unsigned)).status == 404
    assert send(knowing.url, body(2, [], f"{LOG.text(3)}\n{STRANGER.line(LOG.text(3))}")).status == 403


def signed_by(origin: str, identity: bytes, signature: bytes, text: str) -> str:
    return f"{text}\n— {origin} {b64(identity + signature)}\n"


def test_403_without_a_valid_signature_of_a_known_key(knowing: Witness) -> None:
    text, own = LOG.text(3), key_id(LOG.origin, LOG.material)
    good, other = LOG.key.sign(text.encode()), ROTATED.key.sign(text.encode())
    for note in [
        f"{text}\n{ROTATED.line(text)}",  # the name is known, the key is not
        signed_by("log.example/shop2", own, good, text),  # the ID is known, the name is not
        signed_by(LOG.origin, own, other, text),  # a known name and ID over another key's signature
        signed_by(LOG.origin, own, good[:-1], text),
        signed_by(LOG.origin, own, good + b"\0", text),
        f"{LOG.text(4)}\n{LOG.line(text)}",  # of another checkpoint
        f"{text}\n{LOG.line(text)}{signed_by(LOG.origin, own, other, '')[1:]}",  # signed-note: one that fails spoils the note
    ]:
        assert send(knowing.url, body(0, [], note)).status == 403, note
    assert send(knowing.url, LOG.request(9, 9)) == stale(0)


def test_unknown_signatures_are_passed_over(knowing: Witness) -> None:
    text = LOG.text(3)
    strangers = "".join(STRANGER.line(text) + signed_by("grease.invalid", b"bogu", b"s", "")[1:] for _ in range(10))
    cosigned(knowing, send(knowing.url, body(0, [], f"{text}\n{strangers}{LOG.line(text)}{ROTATED.line(text)}")), text)


def test_a_log_may_have_two_keys(knowing: Witness) -> None:
    knowing.restart(logs=[LOG.vkey, ROTATED.vkey])
    cosigned(knowing, send(knowing.url, LOG.request(0, 3)), LOG.text(3))
    text = LOG.text(5)
    cosigned(knowing, send(knowing.url, body(3, proof(3, LOG.leaves(5)), f"{text}\n{ROTATED.line(text)}")), text)


def test_409_with_the_remembered_size(knowing: Witness) -> None:
    assert send(knowing.url, LOG.request(2, 3)) == stale(0)
    cosigned(knowing, send(knowing.url, LOG.request(0, 5)), LOG.text(5))
    for old, size in [(0, 7), (3, 7), (6, 7), (0, 5), (7, 7), (3, 4)]:
        assert send(knowing.url, LOG.request(old, size)) == stale(5)
    assert send(knowing.url, body(5, [], LOG.note(4))).status == 400, "smaller than the old size that it names"


@pytest.mark.parametrize(("spec", "status"), [("1.0", 409), ("1.1", 422)])
def test_another_root_at_the_cosigned_size(knowing: Witness, spec: str, status: int) -> None:
    """tlog-witness v1.0.0 says 409, and C2SP pull request 280 of July 2026 (v1.1.0) made it 422. Neither is a size to retry with."""
    knowing.restart(spec=spec)
    cosigned(knowing, send(knowing.url, LOG.request(0, 5)), LOG.text(5))
    refused = send(knowing.url, LOG.request(5, 5, fork=2))
    assert refused.status == status
    assert refused.type != "text/x.tlog.size"
    assert send(knowing.url, body(5, [bytes(32)], LOG.note(5))).status == 422, (
        "a tree is the start of itself without a proof"
    )
    cosigned(knowing, send(knowing.url, LOG.request(5, 8)), LOG.text(8))


def test_a_tree_of_nothing(knowing: Witness) -> None:
    """v1.1.0: size zero has the root of the empty tree, RFC 6962 section 2.1, or 422; v1.0.0 leaves it open."""
    text = f"{LOG.origin}\n0\n{b64(sha256(b'nothing').digest())}\n"
    assert send(knowing.url, body(0, [], f"{text}\n{LOG.line(text)}")).status == 422
    assert send(knowing.url, body(0, [bytes(32)], LOG.note(0))).status == 422
    cosigned(knowing, send(knowing.url, LOG.request(0, 0)), LOG.text(0))
    assert send(knowing.url, body(0, [], f"{text}\n{LOG.line(text)}")).status == 422
    assert send(knowing.url, body(0, [bytes(32)], LOG.note(3))).status == 422, "no proof starts at nothing"
    cosigned(knowing, send(knowing.url, LOG.request(0, 3)), LOG.text(3))


def test_other_paths_methods_and_a_prefix(knowing: Witness) -> None:
    assert send(knowing.url, LOG.request(0, 3), path="/").status == 404
    assert send(knowing.url, "", method="GET").status == 405
    assert send(knowing.url, LOG.request(0, 3), method="PUT").status == 405
    assert send(knowing.url, "x" * ((1 << 20) + 1)).status == 413
    knowing.restart(prefix="/w/1")
    assert send(knowing.url.removesuffix("/w/1"), LOG.request(0, 3)).status == 404
    cosigned(knowing, send(knowing.url, LOG.request(0, 3)), LOG.text(3))


def test_monitors_fetch_the_latest_cosigned_checkpoint(knowing: Witness) -> None:
    """v1.1.0: GET <prefix>/<hex SHA-256 of the origin>/checkpoint, with the log's verified signatures and the witness's."""
    path = f"/{sha256(LOG.origin.encode()).hexdigest()}/checkpoint"
    assert send(knowing.url, "", method="GET", path=path).status == 404
    text = LOG.text(4)
    given = send(knowing.url, body(0, [], f"{text}\n{STRANGER.line(text)}{LOG.line(text)}"))
    cosigned(knowing, given, text)
    for _ in range(2):
        assert send(knowing.url, "", method="GET", path=path).body == f"{text}\n{LOG.line(text)}{given.body}"
        knowing.restart()


def test_one_connection_serves_many_requests(knowing: Witness) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", knowing.port, timeout=30)
    ports = set()
    for old, size, status in [(0, 2, 200), (1, 3, 409), (2, 3, 200), (3, 3, 200)]:
        connection.request("POST", ADD, LOG.request(old, size).encode())
        ports.add(connection.sock.getsockname()[1])
        response = connection.getresponse()
        response.read()
        assert response.status == status
    assert len(ports) == 1
    connection.close()


def test_what_it_answered_outlives_it(knowing: Witness) -> None:
    """Persisted before the answer: killed the moment that it answers, it still knows."""
    old = 0
    for size in (1, 3, 4, 9):
        cosigned(knowing, send(knowing.url, LOG.request(old, size)), LOG.text(size))
        knowing.restart(kill=True)
        assert send(knowing.url, LOG.request(old, size)) == stale(size)
        assert send(knowing.url, LOG.request(size, size, fork=0)).status == 409
        old = size
    cosigned(knowing, send(knowing.url, LOG.request(9, 12)), LOG.text(12))


def test_with_another_state_it_is_another_witness(knowing: Witness, tmp_path: Path) -> None:
    """What a witness that lost its memory does; and it refuses to start on a memory that is damaged."""
    first = knowing.state
    cosigned(knowing, send(knowing.url, LOG.request(0, 5)), LOG.text(5))
    knowing.restart(state=tmp_path / "fresh.json")
    assert send(knowing.url, LOG.request(5, 6)) == stale(0)
    cosigned(knowing, send(knowing.url, LOG.request(0, 3, fork=0)), LOG.text(3, fork=0))
    knowing.restart(state=first, logs=[LOG.vkey, STRANGER.vkey])
    assert send(knowing.url, LOG.request(0, 3)) == stale(5)
    assert send(knowing.url, STRANGER.request(1, 3)) == stale(0)
    cosigned(knowing, send(knowing.url, STRANGER.request(0, 3)), STRANGER.text(3))
    knowing.restart()
    assert [send(knowing.url, log.request(9, 9)) for log in (LOG, STRANGER)] == [stale(5), stale(3)]
    for damage in [
        "",
        "{",
        json.dumps({LOG.origin: {"size": "05", "root": b64(bytes(32))}}),
        json.dumps({LOG.origin: {"size": "5", "root": ""}}),
    ]:
        first.write_text(damage)
        with pytest.raises(RuntimeError, match="did not start"):
            knowing.restart()


def test_what_it_cannot_persist_it_does_not_cosign(knowing: Witness) -> None:
    cosigned(knowing, send(knowing.url, LOG.request(0, 2)), LOG.text(2))
    fresh = knowing.state.with_name("state.json.new")
    fresh.mkdir()  # where the next state would be written
    refused = send(knowing.url, LOG.request(2, 5))
    assert refused.status == 500
    assert "—" not in refused.body
    fresh.rmdir()
    assert send(knowing.url, LOG.request(5, 6)) == stale(2)
    cosigned(knowing, send(knowing.url, LOG.request(2, 5)), LOG.text(5))


class Held:
    """A request that lacks its last byte until `end`: the witness has all of it but cannot answer."""

    def __init__(self, witness: Witness, content: str) -> None:
        data = content.encode()
        self.last = data[-1:]
        self.connection = http.client.HTTPConnection("127.0.0.1", witness.port, timeout=30)
        self.connection.putrequest("POST", ADD)
        self.connection.putheader("Content-Length", str(len(data)))
        self.connection.endheaders(data[:-1])

    def end(self) -> None:
        self.connection.send(self.last)

    def answer(self) -> Answer:
        response = self.connection.getresponse()
        try:
            return Answer(response.status, response.headers["Content-Type"], response.read().decode())
        finally:
            self.connection.close()


def test_of_two_histories_sent_at_once_one_is_cosigned(knowing: Witness) -> None:
    cosigned(knowing, send(knowing.url, LOG.request(0, 1)), LOG.text(1))
    heads = [(size, fork) for size in range(2, 12) for fork in (None, 1)]
    held = [Held(knowing, LOG.request(1, size, fork)) for size, fork in heads]
    time.sleep(0.2)
    for request in held:
        request.end()
    answers = dict(zip(heads, [request.answer() for request in held], strict=True))
    (won,) = (head for head, answer in answers.items() if answer.status == 200)
    cosigned(knowing, answers.pop(won), LOG.text(*won))
    assert set(answers.values()) == {stale(won[0])}


def test_a_slow_request_does_not_roll_back_a_fast_one(knowing: Witness) -> None:
    """The race that tlog-witness describes: A of size N begins, B of size N + K comes between and is cosigned, A ends."""
    cosigned(knowing, send(knowing.url, LOG.request(0, 2)), LOG.text(2))
    slow = Held(knowing, LOG.request(2, 3))
    time.sleep(0.2)
    cosigned(knowing, send(knowing.url, LOG.request(2, 7)), LOG.text(7))
    slow.end()
    assert slow.answer() == stale(7)
    cosigned(knowing, send(knowing.url, LOG.request(7, 8)), LOG.text(8))


def test_two_witnesses_are_two(start_witness: Callable[..., Witness]) -> None:
    one, two = (start_witness(f"witness.example/w{n}", logs=[LOG.vkey]) for n in (1, 2))
    assert (one.vkey, one.port) != (two.vkey, two.port)
    lines = "".join(send(each.url, LOG.request(0, 4)).body for each in (one, two))
    assert all(cosigned_at(each.vkey, LOG.text(4), lines) for each in (one, two))
    assert len(one.answers) == 1 and one.answers[0].startswith("200 POST ")
    assert (one.stop(), two.stop(kill=True)) == (0, -9)


@pytest.mark.parametrize(
    "vkey",
    [
        "log.example/shop",
        LOG.vkey.replace("shop", "shap"),  # the ID is of another name
        LOG.vkey[:-4] + "AAA=",
        f"{LOG.origin}+{key_id(LOG.origin, COSIGNER).hex()}+{b64(COSIGNER)}",
    ],
)
def test_it_does_not_start_with_a_key_that_is_none(knowing: Witness, vkey: str) -> None:
    with pytest.raises(RuntimeError, match="witness: "):
        knowing.restart(logs=[vkey])
