"""What the codes of a view are called, in the language in force at the call. An unknown code is shown as it is."""

from __future__ import annotations

from agent.language import _
from agent.views import Capability


def kind_name(code: str) -> str:
    """A transaction's kind."""
    return {
        "sale": _("Sale"),
        "void": _("Void"),
        "refund": _("Refund"),
        "pre_auth": _("Pre-auth"),
        "pre_auth_completion": _("Completion"),
        "reversal": _("Reversal"),
    }.get(code, code)


def product_name(code: str) -> str:
    """The class that tariffs tell apart."""
    return {
        "credit": _("Credit card"),
        "debit": _("Debit card"),
        "qr_wallet": _("QR wallet"),
        "qr_credit": _("QR credit"),
        "qr_unionpay": _("UnionPay QR"),
        "foreign_card": _("Foreign card"),
        "prepaid": _("Prepaid card"),
    }.get(code, code)


def role_name(code: str) -> str:
    """What an operator may do."""
    return {"cashier": _("cashier"), "manager": _("manager"), "technician": _("technician")}.get(code, code)


def outcome_name(code: str, *, voided: bool = False) -> str:
    """A transaction's outcome; a voided one is neither."""
    if voided:
        return _("Voided")
    return {"approved": _("Approved"), "declined": _("Declined")}.get(code, code)


def capability_name(capability: Capability) -> str:
    """What a terminal's protocol can say."""
    return {
        Capability.EVENTS: _("its own log of events"),
        Capability.HEADS: _("remembering the journal's head"),
        Capability.DEVICE_INFO: _("saying what it is"),
        Capability.SELF_TEST: _("testing itself"),
        Capability.ECHO: _("echo"),
        Capability.SALE: _("sale"),
        Capability.REFUND: _("refund"),
        Capability.VOID: _("void"),
        Capability.STATUS: _("what became of a request"),
        Capability.LAST_TRANSACTION: _("last transaction"),
        Capability.TOTALS: _("totals"),
        Capability.SETTLE: _("settlement"),
        Capability.DEPOSITS: _("deposits"),
        Capability.TARIFFS: _("tariffs"),
        Capability.PAIRING: _("pairing"),
    }[capability]
