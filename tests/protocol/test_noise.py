"""The Noise handshakes: published vectors, another implementation at the other end, and what must be refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from noise.connection import Keypair, NoiseConnection

from protocol.dialects.native.noise import KK, XX, Handshake, HandshakeFailed, KeyPair, Pattern
from protocol.errors import ProtocolError
from tests.vectors import build_native

FOLDER = Path(build_native.__file__).parent / "noise"
PATTERNS = {"Noise_KK_25519_AESGCM_SHA256": KK, "Noise_XX_25519_AESGCM_SHA256": XX}
LENGTHS = {KK.name: 2, XX.name: 3}  # messages of the patterns in §7.5 of the specification
PROLOGUE = b"counterfoil/1"
both = pytest.mark.parametrize("pattern", [KK, XX], ids=["KK", "XX"])


def once(private: bytes) -> Callable[[int], bytes]:
    """A source that has one ephemeral to give, and fails when it is asked again or for another size."""
    left = [private]

    def random(size: int) -> bytes:
        assert size == len(left[0])
        return left.pop()

    return random


def ends(pattern: Pattern, seed: int = 0, **other: Any) -> tuple[Handshake, Handshake]:
    """Initiator and responder with keys from the seed; `initiator_` and `responder_` arguments change one end."""
    source = Random(seed)
    statics = [KeyPair.from_private(source.randbytes(32)) for _ in range(2)]
    made = []
    for at, name in enumerate(("initiator_", "responder_")):
        arguments: dict[str, Any] = {"prologue": PROLOGUE, "static": statics[at], "random": once(source.randbytes(32))}
        if pattern is KK:
            arguments["remote_static"] = statics[1 - at].public
        arguments |= {key.removeprefix(name): value for key, value in other.items() if key.startswith(name)}
        made.append(Handshake(pattern, initiator=at == 0, **arguments))
    return made[0], made[1]


def run(pattern: Pattern, initiator: Handshake, responder: Handshake, changed: Callable[[int, bytes], bytes]) -> None:
    """The whole handshake, each message passed through `changed` with its number."""
    for number in range(LENGTHS[pattern.name]):
        writer, reader = (initiator, responder) if number % 2 == 0 else (responder, initiator)
        assert reader.read(changed(number, writer.write(b"payload %d" % number))) == b"payload %d" % number


def unchanged(_: int, message: bytes) -> bytes:
    return message


def recorder(into: list[bytes]) -> Callable[[int, bytes], bytes]:
    def changed(_: int, message: bytes) -> bytes:
        into.append(message)
        return message

    return changed


def dead(end: Handshake) -> bool:
    """True if the end gives nothing any more: no message, no key, no hash, no peer, and no private half."""
    for use in (lambda: end.write(b""), lambda: end.read(bytes(96)), end.split, lambda: end.hash):
        with pytest.raises(HandshakeFailed):
            use()
    return not end.finished and end.remote_static is None and not end._own and not hasattr(end, "_state")


# -- published vectors -------------------------------------------------------------------------------------------------


def load() -> list[Any]:
    return [
        pytest.param(vector, id=f"{path.stem}-{vector['protocol_name'][6:8]}-{number}")
        for path in sorted(FOLDER.glob("*.json"))
        for number, vector in enumerate(json.loads(path.read_text(encoding="utf-8"))["vectors"])
    ]


def test_the_source_has_both_patterns() -> None:
    have = {str(param.id).rsplit("-", 1)[0] for param in load()}
    assert have == {"cacophony-KK", "cacophony-XX"}


@pytest.mark.parametrize("vector", load())
def test_published_vector(vector: dict[str, Any]) -> None:
    pattern = PATTERNS[vector["protocol_name"]]
    read = {key: bytes.fromhex(value) for key, value in vector.items() if key not in ("protocol_name", "messages")}
    statics = {end: KeyPair.from_private(read[f"{end[:4]}_static"]) for end in ("initiator", "responder")}
    for end, pair in statics.items():
        assert pair.public == read.get(f"{end[:4]}_public", pair.public)
    peers = {"initiator": "responder", "responder": "initiator"}
    hands = {
        end: Handshake(
            pattern,
            initiator=end == "initiator",
            prologue=read["prologue"],
            static=statics[end],
            remote_static=statics[peer].public if pattern is KK else None,
            random=once(read[f"{end[:4]}_ephemeral"]),
        )
        for end, peer in peers.items()
    }
    count = LENGTHS[pattern.name]
    for message in vector["messages"][:count]:
        payload, ciphertext = bytes.fromhex(message["payload"]), bytes.fromhex(message["ciphertext"])
        assert hands[message["from"]].write(payload).hex() == ciphertext.hex()
        assert hands[peers[message["from"]]].read(ciphertext) == payload
    for end, peer in peers.items():
        assert hands[end].finished
        assert hands[end].hash == read.get("handshake_hash", hands[peer].hash)
        assert hands[end].remote_static == statics[peer].public
    transport = vector["messages"][count:]
    assert {message["from"] for message in transport} == set(peers)
    for end in peers:
        keys = dict(zip(("initiator", "responder"), hands[end].split(), strict=True))
        counters = dict.fromkeys(peers, 0)
        for message in transport:
            nonce = bytes(4) + counters[message["from"]].to_bytes(8, "big")
            counters[message["from"]] += 1
            sealed = AESGCM(keys[message["from"]]).encrypt(nonce, bytes.fromhex(message["payload"]), b"")
            assert sealed.hex() == message["ciphertext"]


@pytest.mark.parametrize(
    ("private", "public"),
    [
        (
            "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
            "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
        ),
        (
            "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
        ),
    ],
    ids=["Alice", "Bob"],
)
def test_key_pair_of_rfc_7748(private: str, public: str) -> None:
    """RFC 7748 §6.1."""
    assert KeyPair.from_private(bytes.fromhex(private)).public.hex() == public


# -- another implementation at the other end ---------------------------------------------------------------------------


def stranger(pattern: Pattern, *, initiator: bool, static: KeyPair, remote: bytes) -> NoiseConnection:
    """The package noiseprotocol as one end; it draws its own ephemeral."""
    end = NoiseConnection.from_name(pattern.name.encode())
    (end.set_as_initiator if initiator else end.set_as_responder)()
    end.set_prologue(PROLOGUE)
    end.set_keypair_from_private_bytes(Keypair.STATIC, static.private)
    if pattern is KK:
        end.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, remote)
    end.start_handshake()
    return end


@both
@pytest.mark.parametrize("initiator", [True, False], ids=["we-initiate", "we-respond"])
@given(
    seed=st.integers(0, 2**64 - 1),
    payloads=st.lists(st.binary(max_size=200), min_size=3, max_size=3),
    later=st.binary(max_size=200),
)
def test_noiseprotocol_understands_us(
    pattern: Pattern, initiator: bool, seed: int, payloads: list[bytes], later: bytes
) -> None:
    source = Random(seed)
    ours, theirs = (KeyPair.from_private(source.randbytes(32)) for _ in range(2))
    we = Handshake(
        pattern,
        initiator=initiator,
        prologue=PROLOGUE,
        static=ours,
        remote_static=theirs.public if pattern is KK else None,
        random=once(source.randbytes(32)),
    )
    they = stranger(pattern, initiator=not initiator, static=theirs, remote=ours.public)
    for number, payload in enumerate(payloads[: LENGTHS[pattern.name]]):
        assert not we.finished
        if (number % 2 == 0) == initiator:
            assert bytes(they.read_message(we.write(payload))) == payload
        else:
            assert we.read(bytes(they.write_message(payload))) == payload
    assert we.finished and they.handshake_finished
    assert we.hash == bytes(they.get_handshake_hash())
    assert we.remote_static == theirs.public
    to_responder, to_initiator = we.split()
    sending, receiving = (to_responder, to_initiator) if initiator else (to_initiator, to_responder)
    assert they.noise_protocol.cipher_state_decrypt.k == sending
    assert they.noise_protocol.cipher_state_encrypt.k == receiving
    assert bytes(they.decrypt(AESGCM(sending).encrypt(bytes(12), later, b""))) == later
    assert AESGCM(receiving).decrypt(bytes(12), bytes(they.encrypt(later)), b"") == later


# -- refused -----------------------------------------------------------------------------------------------------------


@both
def test_any_flipped_bit_is_refused(pattern: Pattern) -> None:
    """Every bit of every message; XX's first is in the clear, so there it is the second that its writer refuses."""
    messages: list[bytes] = []
    run(pattern, *ends(pattern), changed=recorder(messages))
    assert len(messages) == LENGTHS[pattern.name]
    for number, message in enumerate(messages):
        for bit in range(len(message) * 8):
            pair = ends(pattern)
            for earlier in range(number):
                pair[1 - earlier % 2].read(pair[earlier % 2].write(b"payload %d" % earlier))
            changed, reader = flip(pair[number % 2].write(b"payload %d" % number), bit), pair[1 - number % 2]
            if pattern is XX and number == 0:
                reader.read(changed)
                changed, reader = reader.write(b"payload 1"), pair[0]
            with pytest.raises(HandshakeFailed):
                reader.read(changed)
            assert reader._failed and not reader.finished and reader.remote_static is None


def flip(message: bytes, bit: int) -> bytes:
    changed = bytearray(message)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@both
def test_any_cut_and_any_addition_is_refused(pattern: Pattern) -> None:
    for number in range(LENGTHS[pattern.name]):
        size = 0
        cut = 0
        while cut <= size:  # size is known after the first round
            pair = ends(pattern)
            for earlier in range(number):
                pair[1 - earlier % 2].read(pair[earlier % 2].write(b""))
            message = pair[number % 2].write(b"")
            size = len(message)
            if pattern is XX and number == 0 and cut == size:
                assert pair[1].read(message + b"\0") == b"\0"  # in the clear: refused one message later
                message, reader = pair[1].write(b""), pair[0]
            else:
                message, reader = (message[:cut] if cut < size else message + b"\0"), pair[1 - number % 2]
            with pytest.raises(HandshakeFailed):
                reader.read(message)
            assert dead(reader)
            cut += 1
        assert size >= 48 or (pattern is XX and number == 0 and size == 32)


@both
@pytest.mark.parametrize("end", ["initiator", "responder"])
def test_another_prologue_is_refused(pattern: Pattern, end: str) -> None:
    pair = ends(pattern, **{f"{end}_prologue": b"counterfoil/2"})
    with pytest.raises(HandshakeFailed):
        run(pattern, *pair, changed=unchanged)
    assert not any(side.finished for side in pair)


@pytest.mark.parametrize("end", ["initiator", "responder"])
@pytest.mark.parametrize("what", ["static", "remote_static"])
def test_kk_with_another_static_is_refused_at_once(end: str, what: str) -> None:
    """Whichever end holds another key than the peer pinned, or pinned another: the first message fails, nothing is read."""
    wrong = KeyPair.from_private(bytes(range(32)))
    initiator, responder = ends(KK, **{f"{end}_{what}": wrong if what == "static" else wrong.public})
    message = initiator.write(b"secret")
    with pytest.raises(HandshakeFailed):
        responder.read(message)
    assert dead(responder)


def test_xx_shows_the_static_that_was_used_and_not_another() -> None:
    """A peer cannot claim a public key without its private half: the static is swapped for another's under its own tag."""
    claimed = KeyPair.from_private(bytes(range(32))).public
    liar = KeyPair(private=bytes(range(1, 33)), public=claimed)
    for end in ("initiator", "responder"):
        pair = ends(XX, **{f"{end}_static": liar})
        with pytest.raises(HandshakeFailed):
            run(XX, *pair, changed=unchanged)
        assert dead(pair[0 if end == "responder" else 1])


@both
def test_replay(pattern: Pattern) -> None:
    """A recorded first message opens (nothing in it is fresh of the reader), but the recorder gets no further."""
    recorded: list[bytes] = []
    run(pattern, *ends(pattern), changed=recorder(recorded))
    source = Random(9)
    initiator, responder = ends(pattern, responder_random=once(source.randbytes(32)), initiator_random=once(bytes(32)))
    assert responder.read(recorded[0]) == b"payload 0"
    with pytest.raises(HandshakeFailed, match="turn"):
        responder.read(recorded[0])
    answer = responder.write(b"payload 1")
    assert answer != recorded[1]
    if pattern is XX:
        with pytest.raises(HandshakeFailed):
            responder.read(recorded[2])
        assert dead(responder)
    initiator.write(b"")
    with pytest.raises(HandshakeFailed):
        initiator.read(recorded[1])
    assert dead(initiator)


LOW_ORDER = [  # RFC 7748's curve: the points whose shared secret is all zero (cr.yp.to/ecdh.html, "validate")
    bytes(32),
    b"\1" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
]


@pytest.mark.parametrize("point", LOW_ORDER, ids=lambda point: point.hex()[:4])
def test_low_order_keys_are_refused(point: bytes) -> None:
    initiator, responder = ends(KK)
    with pytest.raises(HandshakeFailed, match="low order"):
        responder.read(point + initiator.write(b"")[32:])
    assert dead(responder)

    initiator, responder = ends(KK)
    responder.read(initiator.write(b""))
    with pytest.raises(HandshakeFailed, match="low order"):
        initiator.read(point + responder.write(b"")[32:])
    assert dead(initiator)

    initiator, _ = ends(KK, initiator_remote_static=point)
    with pytest.raises(HandshakeFailed, match="low order"):
        initiator.write(b"")
    assert dead(initiator)

    _, responder = ends(XX)
    assert responder.read(point) == b""  # no secret is made of it before the answer
    with pytest.raises(HandshakeFailed, match="low order"):
        responder.write(b"")
    assert dead(responder)

    initiator, responder = ends(XX)
    responder.read(initiator.write(b""))
    with pytest.raises(HandshakeFailed, match="low order"):
        initiator.read(point + responder.write(b"")[32:])
    assert dead(initiator)


@both
def test_out_of_turn_is_refused_without_an_effect(pattern: Pattern) -> None:
    initiator, responder = ends(pattern)
    for wrong in (
        lambda: initiator.read(bytes(96)),
        lambda: responder.write(b""),
        initiator.split,
        lambda: responder.hash,
    ):
        with pytest.raises(HandshakeFailed):
            wrong()
    run(pattern, initiator, responder, changed=unchanged)
    keys = initiator.split()
    for end in (initiator, responder):
        for use in (lambda end=end: end.write(b""), lambda end=end: end.read(bytes(96))):
            with pytest.raises(HandshakeFailed, match="over"):
                use()
        assert end.finished and end.split() == keys and end.hash == initiator.hash
        assert not end._own and not hasattr(end, "_state")  # what is not needed any more is gone


@both
def test_longer_than_noise_allows(pattern: Pattern) -> None:
    """§3: 65535 bytes are a message, 65536 are none."""
    overhead = len(ends(pattern)[0].write(b""))
    initiator, responder = ends(pattern)
    longest = bytes(65535 - overhead)
    assert responder.read(initiator.write(longest)) == longest
    initiator, responder = ends(pattern)
    with pytest.raises(HandshakeFailed, match="longer"):
        initiator.write(longest + b"\0")
    assert dead(initiator)
    with pytest.raises(HandshakeFailed, match="longer"):
        responder.read(bytes(65536))
    assert dead(responder)


@given(junk=st.binary(max_size=300), initiator=st.booleans())
def test_junk_raises_nothing_else(junk: bytes, initiator: bool) -> None:
    for pattern in (KK, XX):
        end = ends(pattern)[0 if initiator else 1]
        if initiator:
            end.write(b"")
        elif pattern is XX and len(junk) >= 32:
            assert end.read(junk) == junk[32:]
            continue
        with pytest.raises(HandshakeFailed):
            end.read(junk)
        assert dead(end)


# -- keys --------------------------------------------------------------------------------------------------------------


@both
def test_sessions_of_the_same_statics_share_nothing(pattern: Pattern) -> None:
    seen: list[bytes] = []
    for number in range(50):
        fresh = Random(number)
        pair = ends(pattern, initiator_random=once(fresh.randbytes(32)), responder_random=once(fresh.randbytes(32)))
        run(pattern, *pair, changed=unchanged)
        assert pair[0].split() == pair[1].split()
        seen += [*pair[0].split(), pair[0].hash]
    assert len(set(seen)) == len(seen) == 150


def test_no_private_half_is_shown() -> None:
    pair = KeyPair.from_private(b"\x5a" * 31 + b"Z")
    for text in (repr(pair), str(pair), f"{[pair]}", repr(ends(KK, initiator_static=pair)[0])):
        assert "ZZZ" not in text and "5a5a" not in text and "private" not in text
    with pytest.raises(HandshakeFailed) as refused:
        ends(KK, responder_static=pair)[1].read(ends(KK)[0].write(b""))
    assert isinstance(refused.value, ProtocolError)
    assert refused.value.__cause__ is None and refused.value.__suppress_context__
    assert "ZZZ" not in str(refused.value)


def test_wrong_arguments() -> None:
    pair = KeyPair.from_private(bytes(range(32)))
    with pytest.raises(ValueError):
        KeyPair.from_private(bytes(31))
    for pattern, remote in ((KK, None), (KK, bytes(31)), (KK, b""), (XX, pair.public)):
        with pytest.raises(ValueError):
            Handshake(pattern, initiator=True, prologue=b"", static=pair, remote_static=remote, random=once(bytes(32)))


def test_a_source_that_fails_ends_the_handshake() -> None:
    for wrong in (b"short", b""):
        initiator, _ = ends(XX, initiator_random=lambda _, wrong=wrong: wrong)
        with pytest.raises(ValueError):
            initiator.write(b"")
        assert dead(initiator)
