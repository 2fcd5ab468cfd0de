"""What is kept of every sale once it was judged: about seventy bytes each, found by its reference.

A refund comes weeks after its sale, and which sale will have one nobody knows: so all are kept, in rows of one length.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from datetime import date
from struct import Struct

from agent.fees.audit.moments import FeeLine, Sold, Trade
from protocol.messages import Product, SettlementMode

_RECENT = 65_536
_PRODUCTS = tuple(Product)
_PLACE = {product: place for place, product in enumerate(_PRODUCTS)}
_UNKNOWN = -1
_MODES = tuple(SettlementMode)
_PLACE_OF_MODE = {mode: place for place, mode in enumerate(_MODES)}
_ROW = Struct("<QQLqqqqBBH")
"""seq, fee_seq, day, amount, MDR, T+0, right MDR, product, settlement mode, currency."""
_pack = _ROW.pack


class SoldSales:
    """The last sale of a reference is the one that is found."""

    def __init__(self) -> None:
        self._rows = bytearray()
        self._recent: dict[int, int] = {}
        self._older: list[tuple[array[int], array[int]]] = []
        self._refunded: dict[int, tuple[int, int]] = {}

    def add(self, reference: str, sold: Sold) -> None:
        """refunded_minor and returned_minor are left out: `refund` counts them."""
        self._recent[hash(reference)] = len(self._rows)
        self._rows += _packed(sold)
        self._sort()

    def add_right(self, sales: Iterable[tuple[Trade, FeeLine]]) -> None:
        """`add` of sales with the one MDR line that is right, as nearly all are."""
        rows, recent = self._rows, self._recent
        for trade, line in sales:
            minor = line.amount_minor
            recent[hash(trade.reference)] = len(rows)
            rows += _pack(
                trade.seq, line.seq, trade.day.toordinal(), trade.amount_minor, minor, 0, minor, _PLACE[trade.product],
                _PLACE_OF_MODE[trade.settlement_mode], trade.currency,
            )  # fmt: skip
        self._sort()

    def _sort(self) -> None:
        if len(self._recent) >= _RECENT:
            keys = sorted(self._recent)
            self._older.append((array("q", keys), array("L", (self._recent[key] for key in keys))))
            self._recent = {}

    def put(self, reference: str, sold: Sold) -> None:
        """In place of what is here of it; else `add`."""
        if (row := self._row(reference)) is None:
            self.add(reference, sold)
        else:
            self._rows[row : row + _ROW.size] = _packed(sold)

    def find(self, reference: str) -> Sold | None:
        """None: no sale of that reference was judged."""
        row = self._row(reference)
        if row is None:
            return None
        seq, fee_seq, day, amount, mdr, t0, right, product, mode, currency = _ROW.unpack_from(self._rows, row)
        refunded, returned = self.refunded(reference)
        return Sold(
            seq, fee_seq, date.fromordinal(day), _PRODUCTS[product], amount, currency, mdr, t0,
            None if right == _UNKNOWN else right, refunded, returned, _MODES[mode],
        )  # fmt: skip

    def refund(self, reference: str, amount: int, returned: int) -> None:
        """So much more of the sale, and of its MDR, was given back; also of one that is not judged yet."""
        so_far, back = self.refunded(reference)
        self._refunded[hash(reference)] = (so_far + amount, back + returned)

    def refunded(self, reference: str) -> tuple[int, int]:
        """What was given back of a sale so far, of its amount and of its MDR."""
        return self._refunded.get(hash(reference), (0, 0))

    def _row(self, reference: str) -> int | None:
        """Where its row begins."""
        key = hash(reference)
        if (row := self._recent.get(key)) is not None:
            return row
        for keys, rows in reversed(self._older):
            place = bisect_left(keys, key)
            if place < len(keys) and keys[place] == key:
                return rows[place]
        return None


def _packed(sold: Sold) -> bytes:
    return _pack(
        sold.seq, sold.fee_seq, sold.day.toordinal(), sold.amount_minor, sold.mdr_minor, sold.t0_minor,
        _UNKNOWN if sold.right_minor is None else sold.right_minor, _PLACE[sold.product], _PLACE_OF_MODE[sold.mode],
        sold.currency,
    )  # fmt: skip
