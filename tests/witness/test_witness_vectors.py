"""The witness, and the checks that it is tried with, against what others published."""

from __future__ import annotations

import base64

import pytest
from cryptography.exceptions import InvalidSignature

from tests.witness.conftest import Witness
from tests.witness.handmade import Log, b64, body, cosigned_at, proof, root, send

REAL = """\
arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=
"""
REAL_COSIGNATURES = """\
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
"""
"""A staging CT log's checkpoint as public witnesses cosigned it: the checkpoint of github.com/florolf/tlog-scales's tests."""

REAL_WITNESSES = [
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
    "transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
]
"""As their operators published them (witness.stagemole.eu/about, transparency.dev/witnesses; the first as tlog-scales has it)."""


@pytest.mark.parametrize("vkey", REAL_WITNESSES)
def test_the_check_of_a_cosignature_takes_real_ones(vkey: str) -> None:
    assert cosigned_at(vkey, REAL, REAL_COSIGNATURES) == 1779573024
    with pytest.raises(InvalidSignature):
        cosigned_at(vkey, REAL.replace("32\n", "33\n"), REAL_COSIGNATURES)


SIGSUM_LOG = "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562"
SIGSUM_VKEY = SIGSUM_LOG + "+5202289b+Af/cLU2Y5BJNP+r3iMDC+av9eWCD0fBJVDfzAux5zxAP"
"""github.com/FiloSottile/torchwood: cmd/litewitness/README.md."""

TO_ONE = (
    "KgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "UgIom7fPZTqpxWWhyjWduBvTvGVqsokMbqTArsQilegKoFBJQjUFAmQ0+YeSPM3wfUQMFSzVnnNuWRTYrajXpNUbIQY=",
)
TO_THREE = (
    "RcCI1Nk56ZcSmIEfIn0SleqtV7uvrlXNccFx595Iwl0=",
    "UgIom2VbtIcdFbwFAy1n7s6IkAxIY6J/GQOTuZF2ORV39d75cbAj2aQYwyJre36kezNobZs4SUUdrcawfAB8WVrx6go=",
)
TO_FIVE = (
    "QrtXrQZCCvpIgsSmOsah7HdICzMLLyDfxToMql9WTjY=",
    "UgIomw/EOJmWi0i1FQsOj+etB7F8IccFam/jgd6wzRns4QPVmyEZtdvl1U2KEmLOZ/ASRcWJi0tW90dJWAShei7sDww=",
)
THREE_PROOF = ["KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "KgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]
FIVE_PROOF = [
    THREE_PROOF[0],
    "+fUDV+k970B4I3uKrqJM4aP1lloPZP8mvr2Z4wRw2LI=",
    "KgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
]
"""The requests of TestRace in torchwood's internal/witness/witness_test.go, which litewitness is tried with."""


def sigsum(old: int, size: int, head: tuple[str, str], hashes: list[str]) -> tuple[str, str]:
    """A published request and the text of its checkpoint."""
    text = f"{SIGSUM_LOG}\n{size}\n{head[0]}\n"
    return body(old, [base64.b64decode(each) for each in hashes], f"{text}\n— {SIGSUM_LOG} {head[1]}\n"), text


def test_the_requests_that_litewitness_is_tried_with(witness: Witness) -> None:
    witness.restart(logs=[SIGSUM_VKEY])
    one, three, five = sigsum(0, 1, TO_ONE, []), sigsum(1, 3, TO_THREE, THREE_PROOF), sigsum(1, 5, TO_FIVE, FIVE_PROOF)
    too_many = sigsum(0, 1, TO_ONE, THREE_PROOF[:1] * 64)
    assert send(witness.url, too_many[0]).status == 400
    for request, text in (one, five):
        assert cosigned_at(witness.vkey, text, send(witness.url, request).body)
    refused = send(witness.url, three[0])
    assert (refused.status, refused.type, refused.body) == (409, "text/x.tlog.size", "5\n")
    witness.restart(state=witness.state.with_name("fresh.json"))
    for request, text in (one, three):
        assert cosigned_at(witness.vkey, text, send(witness.url, request).body)
    crossed = sigsum(3, 5, TO_FIVE, FIVE_PROOF)
    assert send(witness.url, crossed[0]).status == 422


CT_LEAVES = [
    bytes.fromhex(entry)
    for entry in ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
]
CT_ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
CT_PROOFS = {
    (
        1,
        8,
    ): "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7 5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e 6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    (
        6,
        8,
    ): "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0 d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    (
        2,
        5,
    ): "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    (
        6,
        7,
    ): "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
}
"""The reference tree of Certificate Transparency's own tests: github.com/transparency-dev/merkle, proof and testonly."""


def test_the_trees_made_by_hand_are_those_of_certificate_transparency() -> None:
    assert {size: root(CT_LEAVES[:size]).hex() for size in CT_ROOTS} == CT_ROOTS
    assert {
        (old, size): " ".join(each.hex() for each in proof(old, CT_LEAVES[:size])) for old, size in CT_PROOFS
    } == CT_PROOFS


@pytest.mark.parametrize(("old", "size"), CT_PROOFS)
def test_the_published_consistency_proofs(witness: Witness, old: int, size: int) -> None:
    log = Log("ct.example/reference")
    witness.restart(logs=[log.vkey])
    hashes = [bytes.fromhex(each) for each in CT_PROOFS[old, size].split()]
    texts = {at: f"{log.origin}\n{at}\n{b64(bytes.fromhex(CT_ROOTS[at]))}\n" for at in (old, size)}
    notes = {at: f"{text}\n{log.line(text)}" for at, text in texts.items()}
    assert send(witness.url, body(0, [], notes[old])).status == 200
    assert send(witness.url, body(old, hashes[::-1], notes[size])).status == 422
    assert cosigned_at(witness.vkey, texts[size], send(witness.url, body(old, hashes, notes[size])).body)
