"""Masking: at most the first six and the last four digits of a card number are ever to be seen (PCI DSS 3.4)."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocol.masking import luhn, mask_pan, mask_text

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
