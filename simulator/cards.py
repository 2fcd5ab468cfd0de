"""Who comes to the counter, by name: test cards that payment companies publish, codes on telephones, and people.

Of a card number only the first six and the last four digits stand here, and nothing else of it is ever kept: a number that
somebody gives is masked before it is looked up. Where the numbers are published: Stripe's and UnionPay's testing pages,
and the card networks' sample numbers that every gateway repeats. What else a card brings with it is FIXTURE.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from random import Random

from protocol.masking import mask_pan
from protocol.messages import EntryMode, Product, Stage, Transaction
from simulator.errors import SimulatorError
from simulator.host import RESPONSES, Response
from simulator.plan import CARD_BINS, CARD_MODES, SCHEMES, weighted

CANCELLED = "17"
"""ISO 8583: cancelled by the customer, or at the terminal: the deadline came before the card."""
PIN_TRIES = 3
STEP_MS = 4_000
"""From showing a card to its PIN, from a PIN to the next or to the host, from showing a code to the host. FIXTURE."""
NOBODY_MS = 60_000
"""How long the terminal waits for somebody to come. FIXTURE."""
_DRAWN = ((2, Product.CREDIT), (1, Product.DEBIT))
"""What an unnamed customer holds. FIXTURE."""


@dataclass(frozen=True, slots=True)
class Customer:
    """What a customer holds to the terminal, and does. first, last: digits of the card's number, of `length` in all.

    response: what the host answers, whatever the amount; None: as the amount has it. wrong_pins: entered before the right
    one. cancels: leaves instead of entering a PIN, or of showing a code. comes: at all.
    """

    name: str
    product: Product
    scheme: str
    entry_mode: EntryMode
    first: str = ""
    last: str = ""
    length: int = 16
    response: Response | None = None
    wrong_pins: int = 0
    cancels: bool = False
    comes: bool = True

    @property
    def masked_pan(self) -> str | None:
        """First six, stars, last four; None for a code."""
        return f"{self.first}{'*' * (self.length - 10)}{self.last}" if self.first else None


def _card(
    name: str,
    number: str,
    scheme: str,
    product: Product = Product.FOREIGN_CARD,
    response: int | None = None,
    *,
    wrong_pins: int = 0,
    mode: EntryMode = EntryMode.CHIP,
) -> Customer:
    first, length, last = number.split("-")
    chosen = None if response is None else RESPONSES[response]
    return Customer(name, product, scheme, mode, first, last, int(length), chosen, wrong_pins)


_PEOPLE = (
    _card("unionpay_credit", "620000-16-0005", "unionpay", Product.CREDIT),
    _card("unionpay_debit", "620000-16-0047", "unionpay", Product.DEBIT),
    _card("unionpay_19", "620550-19-0004", "unionpay", Product.CREDIT),
    _card("contactless", "620000-16-0005", "unionpay", Product.CREDIT, mode=EntryMode.CONTACTLESS),
    _card("magstripe", "620000-16-0005", "unionpay", Product.CREDIT, mode=EntryMode.MAGSTRIPE),
    _card("visa", "424242-16-4242", "visa"),
    _card("visa_debit", "400005-16-5556", "visa"),
    _card("visa_sample", "411111-16-1111", "visa"),
    _card("mastercard", "555555-16-4444", "mastercard"),
    _card("mastercard_debit", "520082-16-8210", "mastercard"),
    _card("amex", "378282-15-0005", "amex"),
    _card("jcb", "356600-16-0505", "jcb"),
    _card("discover", "601111-16-1117", "discover"),
    _card("diners", "305693-14-5904", "diners"),
    _card("declined", "400000-16-0002", "unionpay", Product.CREDIT, 5),
    _card("insufficient_funds", "400000-16-9995", "unionpay", Product.CREDIT, 51),
    _card("lost", "400000-16-9987", "unionpay", Product.CREDIT, 41),
    _card("stolen", "400000-16-9979", "unionpay", Product.CREDIT, 43),
    _card("expired", "400000-16-0069", "unionpay", Product.CREDIT, 54),
    _card("processing_error", "400000-16-0119", "unionpay", Product.CREDIT, 96),
    _card("too_often", "400000-16-6975", "unionpay", Product.CREDIT, 65),
    _card("wrong_pin_once", "620000-16-0005", "unionpay", Product.DEBIT, wrong_pins=1),
    _card("wrong_pin_for_good", "620000-16-0005", "unionpay", Product.DEBIT, wrong_pins=PIN_TRIES),
    Customer("cancels", Product.CREDIT, "unionpay", EntryMode.CHIP, "620000", "0005", cancels=True),
    Customer("nobody", Product.CREDIT, "unionpay", EntryMode.CHIP, "620000", "0005", comes=False),
    Customer("wechat", Product.QR_WALLET, "wechat", EntryMode.QR_MERCHANT_SCANS),
    Customer("alipay", Product.QR_WALLET, "alipay", EntryMode.QR_MERCHANT_SCANS),
    Customer("wechat_scans", Product.QR_WALLET, "wechat", EntryMode.QR_CUSTOMER_SCANS),
    Customer("huabei", Product.QR_CREDIT, "alipay_huabei", EntryMode.QR_MERCHANT_SCANS),
    Customer("baitiao", Product.QR_CREDIT, "jd_baitiao", EntryMode.QR_MERCHANT_SCANS),
)
CUSTOMERS = {one.name: one for one in _PEOPLE}
"""By name. Where several hold the same card, its number stands for the first of them."""
QR = frozenset({EntryMode.QR_MERCHANT_SCANS, EntryMode.QR_CUSTOMER_SCANS})


def customer(called: str) -> Customer:
    """By name, or by a test card's number: whole, with blanks, or masked. SimulatorError, which never repeats a number."""
    if (found := CUSTOMERS.get(called)) is not None:
        return found
    digits = "".join(called.split())
    if digits and digits.isascii() and digits.replace("*", "").isdigit():
        for one in CUSTOMERS.values():
            if mask_pan(digits) == one.masked_pan:
                return one
        raise SimulatorError(
            "This is no test card's number.", "Choose one of `sim triggers`; never type a real card's number."
        )
    raise SimulatorError("There is no such customer.", f"Choose one of: {', '.join(CUSTOMERS)}.")


@dataclass(frozen=True, slots=True)
class Visit:
    """What the display shows on the way to the host, and when (simulated ms from the question).

    refusal: it never comes to the host; at the last of `times`, for which there is no stage, the terminal declines.
    """

    times: tuple[int, ...]
    stages: tuple[Stage, ...]
    refusal: str | None = None


def visit_of(customer: Customer | None, *, codes: bool) -> Visit:
    """A sale, as far as the customer goes. codes: the wire has a word for showing a code."""
    if customer is not None and not customer.comes:
        return Visit((0, NOBODY_MS), (Stage.PRESENT_CARD,), CANCELLED)
    wrong, refusal = (customer.wrong_pins, None) if customer else (0, None)
    shows, tries = Stage.PRESENT_CARD, min(PIN_TRIES, wrong + 1)
    if customer is not None and customer.entry_mode in QR:
        shows, tries = Stage.PRESENT_CODE if codes else Stage.PRESENT_CARD, 0
    stages = (shows, *(Stage.PIN for _ in range(tries)), Stage.HOST)
    if wrong >= PIN_TRIES:
        refusal = RESPONSES[75].code
    elif customer is not None and customer.cancels:
        refusal = CANCELLED
    times = tuple(STEP_MS * n for n in range(len(stages)))
    return Visit(times, stages if refusal is None else stages[:-1], refusal)


@dataclass(frozen=True, slots=True)
class Held:
    """What the terminal read of a card or code."""

    product: Product
    scheme: str | None
    entry_mode: EntryMode
    masked_pan: str | None
    token: bytes | None


def held(customer: Customer | None, rng: Random) -> Held:
    """What a customer holds; an unnamed one, some bank card."""
    if customer is not None:
        pan = customer.masked_pan
        token = sha256(f"card {pan}".encode()).digest()[:16] if pan else None
        return Held(customer.product, customer.scheme, customer.entry_mode, pan, token)
    product = weighted(rng, _DRAWN)
    mode, scheme = weighted(rng, CARD_MODES), weighted(rng, SCHEMES[product])
    pan = f"{weighted(rng, CARD_BINS[product])}******{rng.randrange(10_000):04d}"
    return Held(product, scheme, mode, pan, rng.getrandbits(128).to_bytes(16, "big"))


def of_sale(sale: Transaction) -> Held:
    """Money goes back by the way it came."""
    return Held(sale.product, sale.scheme, sale.entry_mode, sale.masked_pan, sale.card_token)
