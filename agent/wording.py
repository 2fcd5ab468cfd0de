"""What the codes of a view are called, in the language in force at the call. An unknown code is shown as it is."""

from __future__ import annotations

from agent.language import _


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


def outcome_name(code: str, *, voided: bool = False) -> str:
    """A transaction's outcome; a voided one is neither."""
    if voided:
        return _("Voided")
    return {"approved": _("Approved"), "declined": _("Declined")}.get(code, code)
