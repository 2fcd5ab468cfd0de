"""Masking: at most the first six and the last four digits of a card number are ever to be seen (PCI DSS 3.4)."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from protocol.masking import is_card, luhn, mask_bytes, mask_pan, mask_text

# Test numbers that card schemes and acquirers publish for their sandboxes.
PUBLISHED = [
    "4111111111111111",
    "5555555555554444",
    "378282246310005",
    "6011111111111117",
    "3530111333300000",
    "6250941006528599",
    "4222222222222",
]


def with_check_digit(body: str) -> str:
    return next(body + d for d in "0123456789" if luhn(body + d))


cards = st.integers(12, 18).flatmap(lambda n: st.text("0123456789", min_size=n, max_size=n)).map(with_check_digit)


def seen(pan: str, shown: str) -> list[int]:
    """Which digits of the card number are still to be seen, given the text that stands where it stood."""
    places = [c for c in shown if c == "*" or c.isdigit()]
    assert len(places) == len(pan)
    return [i for i, c in enumerate(places) if c != "*"]


def keeps_the_rule(pan: str, shown: str) -> bool:
    return set(seen(pan, shown)) <= {*range(6), *range(len(pan) - 4, len(pan))}


def test_luhn_by_the_standard() -> None:
    assert luhn("79927398713")  # ISO/IEC 7812-1's usual worked example
    assert not any(luhn("7992739871" + d) for d in "012456789")
    for pan in PUBLISHED:
        assert luhn(pan), pan


@pytest.mark.parametrize(
    ("pan", "shown"),
    [
        ("6228481234567890123", "622848*********0123"),
        ("6228 4812 3456 7890", "622848******7890"),
        ("６２２８４８１２３４５６７８９０", "622848******7890"),
        ("622848******7890", "622848******7890"),
        ("622848123456*7890", "622848*******7890"),
        ("4222222222222", "422222***2222"),
        ("", ""),
    ],
)
def test_mask_pan(pan: str, shown: str) -> None:
    assert mask_pan(pan) == shown


@given(st.text(max_size=60))
def test_mask_pan_of_anything_shows_ten_digits_at_most(text: str) -> None:
    shown = mask_pan(text)
    assert sum(c.isdigit() for c in shown) <= 10
    assert re.fullmatch(r"[0-9*]*", shown)
    assert mask_pan(shown) == shown


@pytest.mark.parametrize("pan", PUBLISHED)
@pytest.mark.parametrize("before", ["", "card ", "卡号", "x"])
@pytest.mark.parametrize("after", ["", " ok", "。", "-"])
def test_a_card_number_in_a_sentence(pan: str, before: str, after: str) -> None:
    shown = mask_text(before + pan + after)
    assert shown == before + pan[:6] + "*" * (len(pan) - 10) + pan[-4:] + after


@given(cards, st.sampled_from([" ", "-", ".", "\u3000", "\xa0", "\t", "\n"]), st.integers(1, 5))
def test_grouped(pan: str, between: str, group: int) -> None:
    written = between.join(pan[i : i + group] for i in range(0, len(pan), group))
    assert keeps_the_rule(pan, mask_text(written))


def points(of: str) -> list[str]:
    """Code points and ranges of them, in hexadecimal."""
    ends = [[int(end, 16) for end in each.split("-")] for each in of.split()]
    return [chr(point) for first, *last in ends for point in range(first, (last or [first])[0] + 1)]


DASHES = points(
    "2D 58A 5BE 1400 1806 2010-2015 2E17 2E1A 2E3A 2E3B 2E40 2E5D 301C 3030 30A0 FE31 FE32 FE58 FE63 FF0D 10EAD 2212"
)
"""Unicode 14's dash punctuation (Pd), and the minus sign."""
UNSEEN = points(
    "AD 34F 61C 115F-1160 17B4-17B5 180B-180F 200B-200F 202A-202E 2060-206F 3164 FE00-FE0F FEFF FFA0 E0001 E0020-E007F E0100-E01EF"
)
"""Unicode 14's Default_Ignorable_Code_Point: what is drawn as nothing, the variation selectors among them."""


@pytest.mark.parametrize(
    "sign",
    ["\u00ad", "\u2212", "\u200e", "\u200f", "\ufe0f", "\ufe00", "\u2010", "\u2011", "\u2013", "\u2014", "\uff0d",
     "\u061c", "\u180e", "\u2060", "\u202a", "\u2066", "\u2069", "\ufeff", "\u200d"],
    ids=ascii,
)  # fmt: skip
@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("group", [1, 4])
def test_no_dash_and_no_sign_that_nobody_sees_hides_a_number(sign: str, times: int, group: int) -> None:
    for pan in PUBLISHED:
        written = (sign * times).join(pan[i : i + group] for i in range(0, len(pan), group))
        shown = mask_text(f"card {written} ok")
        assert keeps_the_rule(pan, shown)
        assert shown.replace("*", "") and len(shown) == len(written) + 8 and mask_text(shown) == shown


@pytest.mark.parametrize("signs", [DASHES, UNSEEN], ids=["dashes", "unseen"])
def test_every_dash_and_every_unseen_sign_of_unicode_is_looked_through(signs: list[str]) -> None:
    pan = PUBLISHED[0]
    hiding = [ascii(sign) for sign in signs if not keeps_the_rule(pan, mask_text(sign.join(pan)))]
    assert hiding == []


@pytest.mark.parametrize("pan", [*PUBLISHED, "30569309025904", "6205500000000000004", "8171999927660000"])
def test_a_published_number_is_a_card_and_nothing_near_it_is(pan: str) -> None:
    assert is_card(pan)
    assert not is_card(pan[:-1] + str((int(pan[-1]) + 1) % 10))
    for near in ("", pan + "x", f" {pan}", pan[:6] + "******" + pan[-4:], "".join(chr(0xFF10 + int(d)) for d in pan)):
        assert not is_card(near)


@given(cards, st.sampled_from(["0", "1", "7", "80"]))
def test_a_number_that_begins_as_no_card_does_is_none(pan: str, start: str) -> None:
    assert not is_card(with_check_digit(start + pan[len(start) : -1]))


@given(
    st.sampled_from(["2", "3", "4", "5", "6", "81", "9"]),
    st.text("0123456789", min_size=17, max_size=17),
    st.integers(16, 19),
)
def test_a_number_of_16_to_19_digits_that_begins_as_a_card_does_is_one(start: str, rest: str, length: int) -> None:
    assert is_card(with_check_digit((start + rest)[: length - 1]))


@given(cards, st.sampled_from(["０", "٠", "०"]))
def test_digits_of_other_scripts(pan: str, zero: str) -> None:
    written = "".join(chr(ord(zero) + int(d)) for d in pan)
    assert all(unicodedata.decimal(w) == int(d) for w, d in zip(written, pan, strict=True))
    assert keeps_the_rule(pan, mask_text(written))


@given(cards, st.text("0123456789", max_size=12))
@example("4111111111111111", "0000000000")
def test_digits_after_a_card_number_do_not_uncover_it(pan: str, after: str) -> None:
    assert keeps_the_rule(pan, mask_text(pan + after)[: len(pan)])


@given(st.text("0123456789", max_size=12), cards)
@example("1", "0000000000000000")
def test_digits_before_a_card_number_do_not_uncover_it(before: str, pan: str) -> None:
    """A window that passes Luhn by chance and overlaps the number must not leave the number's own middle to be seen."""
    assert keeps_the_rule(pan, mask_text(before + pan)[len(before) :])


@given(st.one_of(st.text("0123456789 -*", max_size=50), st.text(max_size=50)))
@example("4111111111111111603062027868387")
def test_masking_twice_changes_nothing(text: str) -> None:
    """Else one message would read differently at its two ends: text is masked when it is sent and when it is read."""
    once = mask_text(text)
    assert mask_text(once) == once


@given(st.text(max_size=40).filter(lambda t: sum(c.isdigit() for c in t) < 13))
def test_nothing_else_is_touched(text: str) -> None:
    assert mask_text(text) == text


def test_a_long_number_without_a_check_digit_stays() -> None:
    assert not any(luhn("9032892184011070434"[i : i + n]) for n in range(13, 20) for i in range(20 - n))
    assert mask_text("单号 9032892184011070434") == "单号 9032892184011070434"


# ISO/IEC 7813: expiry YYMM, service code, then what the issuer put there (PIN and card verification values among it).
@pytest.mark.parametrize("pan", PUBLISHED)
@pytest.mark.parametrize(
    ("before", "sign", "rest", "after"),
    [
        (";", "=", "30121010000012300000", "?"),
        ("", "=", "3012", ""),
        ("", "D", "3012101", " ok"),
        ("%B", "^", "LI/SI              ^30121010000012300000", "?"),
        ("卡 ", "^", "李 四^3012101", "。"),
    ],
)
def test_nothing_of_a_track_but_ten_digits(pan: str, before: str, sign: str, rest: str, after: str) -> None:
    shown = mask_text(before + pan + sign + rest + after)
    assert shown == before + pan[:6] + "*" * (len(pan) - 10) + pan[-4:] + sign + "*" * len(rest) + after
    assert mask_text(shown) == shown


@pytest.mark.parametrize("text", ["amount=1234 trace=000123", "2^10^1024", "123456789012=5", "11=1111", "D1234"])
def test_what_only_looks_a_little_like_a_track(text: str) -> None:
    assert mask_text(text) == text


def shown_digits(shown: str, at: int, count: int, step: int) -> set[int]:
    """Which of so many digits are to be seen, whose half bytes stand from `at` on, one every `step`."""
    return {i for i in range(count) if shown[at + i * step] != "*"}


def may_be_seen(pan: str) -> set[int]:
    return {*range(6), *range(len(pan) - 4, len(pan))}


@given(cards, st.binary(max_size=600), st.binary(max_size=60))
@example("4111111111111111", b"0", b"0")
@example("6250941006528599", b"\x34" * 600, b"")
def test_a_card_number_in_bytes_as_text(pan: str, before: bytes, after: bytes) -> None:
    raw = before + pan.encode() + after
    shown = mask_bytes(raw)
    assert len(shown) == 2 * min(len(raw), 512)
    assert all(seen in {"*", true} for seen, true in zip(shown, raw.hex(), strict=False))
    whole = shown.ljust(2 * len(raw), "*")  # what is not shown is hidden
    assert shown_digits(whole, 2 * len(before) + 1, len(pan), 2) <= may_be_seen(pan)


@given(cards, st.binary(max_size=600), st.binary(max_size=60), st.booleans(), st.sampled_from("0123456789abcdef"))
def test_a_card_number_in_bytes_packed(pan: str, before: bytes, after: bytes, odd: bool, fill: str) -> None:
    digits = fill * odd + pan
    digits += "f" * (len(digits) % 2)
    packed = bytes.fromhex(digits)
    assume(
        pan.startswith(("2", "3", "4", "5", "6", "81", "9"))
    )  # ISO/IEC 7812-1: the rest is no bank's and no scheme's
    assume(any(byte not in b"0123456789 -=" for byte in packed))  # else it is text, as far as anyone can tell
    raw = before + packed + after
    shown = mask_bytes(raw).ljust(2 * len(raw), "*")
    assert shown_digits(shown, 2 * len(before) + odd, len(pan), 1) <= may_be_seen(pan)


@given(st.binary(max_size=600), cards, st.text("0123456789", min_size=4, max_size=17), st.booleans())
def test_a_packed_track_in_bytes(before: bytes, pan: str, rest: str, odd: bool) -> None:
    """Track 2 as EMV tag 57 has it: number, D, the rest, F to the byte's end."""
    digits = "f" * odd + pan + "d" + rest
    digits += "f" * (len(digits) % 2)
    raw = before + bytes.fromhex(digits)
    shown = mask_bytes(raw).ljust(2 * len(raw), "*")
    at = 2 * len(before) + odd
    assume(any(byte not in b"0123456789 -=" for byte in raw[at // 2 :]))
    if at + len(pan) + 1 + len(rest) <= 2 * 512:
        assert shown_digits(shown, at + len(pan) + 1, len(rest), 1) == set()
    assert shown_digits(shown, at, len(pan), 1) <= may_be_seen(pan)


@pytest.mark.parametrize("at", range(497, 506))
def test_a_card_number_on_the_edge_of_what_is_shown(at: int) -> None:
    pan = "6250941006528599"
    for packed in (False, True):
        start = at + 4 * packed
        shown = mask_bytes(b"a" * start + (bytes.fromhex(pan) if packed else pan.encode()))
        for i in range(6, 12):
            place = 2 * start + i if packed else 2 * (start + i)
            assert shown[place : place + 1] in {"*", ""}


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16", "utf-32-be"])
@pytest.mark.parametrize("pan", PUBLISHED)
def test_a_card_number_in_wide_characters(pan: str, encoding: str) -> None:
    raw = f"卡{pan}".encode(encoding)
    shown = mask_bytes(raw)
    for i, digit in enumerate(pan[6:-4], 6):
        unit = digit.encode(encoding)[-4:] if encoding == "utf-32-be" else digit.encode(encoding)[-2:]
        at = 2 * (len(raw) - len(unit) * (len(pan) - i))
        assert "*" in shown[at : at + 2 * len(unit)]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"", ""),
        (b"\0\xff", "00ff"),
        (b"4111111111111111", "343131313131" + "*" * 12 + "31313131"),
        (b"4111-1111.1111 1111", "343131312d3131" + "****2e********2031313131"),
        (bytes.fromhex("084111111111111111ff"), "08411111******1111ff"),
        (bytes.fromhex("4111111111111111d3012101000"[:26]), "411111******1111d*********"),
        (bytes(513), "00" * 512),
        (b"\x020200|000001500|000042|||1|\x03", b"\x020200|000001500|000042|||1|\x03".hex()),  # amount and ticket stay
    ],
)
def test_mask_bytes_by_hand(raw: bytes, shown: str) -> None:
    assert mask_bytes(raw) == shown
