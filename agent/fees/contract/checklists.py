"""What to look up before signing with a provider, and what keeps a terminal honest (docs/domain.md 4-10, 3-21).

Points and where to look them up; nothing is ever fetched, and no web address stands here: those that articles call
official are not (docs/domain.md, contradiction 9).
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.language import _


@dataclass(frozen=True, slots=True)
class Point:
    """code: the same in every language. what: a point to look up; where: at whom."""

    code: str
    what: str
    where: str


def licence_points() -> tuple[Point, ...]:
    """Whether a provider may do what it offers."""
    people_bank = _("the People's Bank of China: its public list of payment licences, reached from its own main page")
    association = _("the Payment & Clearing Association of China (PCAC): its public register of service providers")
    contract = _("the contract that you are to sign, every page")
    return (
        Point(
            "licence", _("The contracting party's full legal name holds a payment licence, not expired."), people_bank
        ),
        Point("scope", _("The licence covers bank card acquiring, and your province."), people_bank),
        Point("agent", _("An agent who sells for it is registered as its outsourced service provider."), association),
        Point("party", _("The contract names that same legal name and its seal, not the agent's alone."), contract),
        Point(
            "company",
            _("The company exists, under the credit code that the contract prints, and is in no list of the abnormal."),
            _("the National Enterprise Credit Information Publicity System"),
        ),
        Point(
            "fees",
            _(
                "Every fee stands in it: rate by product, cap, T+0, SIM, service, refunds. What does not, may not be taken."
            ),
            contract,
        ),
        Point("deposit", _("The deposit's amount, conditions, way and date of return stand in it."), contract),
        Point(
            "hotline",
            _("The provider's own service number confirms that this agent and this contract are its."),
            _("a number from the licence list or from the card scheme, never from the seller"),
        ),
    )


def security_points() -> tuple[Point, ...]:
    """What to see to at the terminal and in the shop."""
    device = _("the terminal's back, and its settings menu")
    slip = _("a slip of a sale of your own")
    shop = _("your own shop")
    return (
        Point("serial", _("The serial number on the case is the one in the menu and in the contract."), device),
        Point(
            "name", _("Slips show your own shop's name, merchant number and trade, today and after every update."), slip
        ),
        Point(
            "one", _("One terminal, one code, one merchant, in its place: never lent, never carried elsewhere."), shop
        ),
        Point("seal", _("Case and seals are whole; nothing is stuck over the card slot or the keypad."), device),
        Point(
            "account",
            _("Money is settled to your own account; who asks for another one is refused."),
            _("your bank's statement"),
        ),
        Point("secrets", _("Nobody is told passwords, verification codes, or full card numbers, whoever calls."), shop),
        Point(
            "upgrade",
            _("An exchange or upgrade that nobody ordered is refused until the provider's own number confirms it."),
            _("the number on the contract"),
        ),
        Point(
            "cash_out", _("No sale without goods, whatever commission is offered: it ends the contract and more."), shop
        ),
        Point(
            "record",
            _("This record is checked: counterfoil journal verify, and fees audit every week."),
            _("this computer"),
        ),
    )


def cash_lacks() -> tuple[str, ...]:
    """What cash has no fee for, and what it costs nevertheless."""
    return (
        _("no cards, no codes: who carries no cash goes elsewhere"),
        _("counting, change, counterfeit notes, the way to the bank, theft"),
        _("no record but your own"),
    )


def light_lacks() -> tuple[str, ...]:
    """What a printed code cannot do."""
    return (
        _("no cards; a daily limit for a printed code"),
        _("no slip, and refunds by hand"),
        _("a code can be pasted over: look at it every morning"),
    )
