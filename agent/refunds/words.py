"""What a refund's codes are called, in the language in force at the call; of every reason also what would change it."""

from __future__ import annotations

from collections.abc import Sequence

from agent.errors import RefundRefusal
from agent.figures import amount
from agent.language import _
from agent.refunds.refund_kinds import OwedWhy
from agent.refunds.refund_types import OwedState, OwedView, Reason, RefundQuote


def reason_words(reason: Reason, quote: RefundQuote | None = None) -> tuple[str, str]:
    """What is not met, and what would change it."""
    left = "-" if quote is None else amount(quote.remaining_minor, quote.currency)
    return {
        Reason.AMOUNT: (_("There is no amount to give back."), _("Name an amount above zero with --amount.")),
        Reason.CURRENCY: (
            _("The sale was in another currency."),
            _("Name the amount in the currency of the sale."),
        ),
        Reason.ORIGINAL_NOT_HERE: (
            _("That sale is not in this record."),
            _("Refund it where it was bought: its shop has the terminal that sold it."),
        ),
        Reason.NOT_A_SALE: (_("That transaction is no sale."), _("Name the sale that is to be given back.")),
        Reason.NOT_APPROVED: (
            _("That sale was not approved: no money was taken by it."),
            _("Nothing is to be given back; look for another sale of that customer."),
        ),
        Reason.VOIDED: (_("That sale was voided already."), _("Nothing is left to be given back.")),
        Reason.NOTHING_LEFT: (
            _("All of that sale was given back already, or is under way."),
            _("See what became of it with: counterfoil refund list"),
        ),
        Reason.OVER_REMAINING: (
            _("That is more than is left of the sale: {left}.").format(left=left),
            _("Give back at most what is left; what is under way or unknown counts as given back."),
        ),
        Reason.WINDOW_CLOSED: (
            _("That sale is too long ago to be refunded to its card or wallet."),
            _("Agree with the customer on another way, and write it down; the window is a setting of [refunds]."),
        ),
        Reason.TIMES: (
            _("That sale was refunded too many times already."),
            _("A manager may allow more in [refunds] of the settings."),
        ),
        Reason.FUNDING: (
            _("That sale was settled at once, and today's takings do not cover its refund."),
            _("Try again when more was sold today, or ask the provider to take it from your account."),
        ),
        Reason.NO_VOID: (
            _("That sale cannot be voided any more."),
            _("Refund it: counterfoil refund create"),
        ),
        Reason.NOT_SPOKEN: (
            _("This terminal's protocol has no words for it."),
            _("Do it at the terminal itself; it is recorded all the same."),
        ),
        Reason.OTHER_ORDER: (
            _("That reference stands for another request, or is none."),
            _("Leave --reference out for a new request; repeat the same one with the same sale and amount."),
        ),
        Reason.NO_PEOPLE: (
            _("Nobody is registered at this counter yet."),
            _("Add the first manager: counterfoil operator add 01 --role manager"),
        ),
        Reason.NO_PERSON: (_("Nobody confirmed it."), _("Say who with --operator; the PIN is asked for.")),
        Reason.ROLE: (_("A technician moves no money."), _("Ask a cashier or a manager.")),
        Reason.SECOND_PERSON: (
            _("So much needs a manager's confirmation too."),
            _("Ask a manager, who gives his own PIN: --second"),
        ),
        Reason.SECOND_REASON: (
            _("So much needs two people, and one stands for both."),
            _("Say why with --reason, and give the PIN again."),
        ),
        Reason.OPERATOR_DAY: (
            _("That operator has given back as much as he may today."),
            _("Ask a manager, who gives his own PIN: --second"),
        ),
        Reason.DAY: (
            _("So much was given back today that the shop's limit is reached."),
            _("Wait until tomorrow, or raise day_minor in [refunds] of the settings."),
        ),
    }[reason]


def refusal(reasons: Sequence[Reason], quote: RefundQuote | None) -> RefundRefusal:
    """For a person: the first of them; its codes for programs."""
    what, todo = reason_words(reasons[0], quote)
    return RefundRefusal(what, todo, tuple(reason.value for reason in reasons))


def no_such_sale(reference: str) -> RefundRefusal:
    return RefundRefusal(*reason_words(Reason.ORIGINAL_NOT_HERE), (Reason.ORIGINAL_NOT_HERE.value,))


def not_notable(reference: str, state: str | None = None) -> RefundRefusal:
    """No such refund, or nothing of that kind can become of it now."""
    if state is None:
        return RefundRefusal(
            _("Not exactly one refund has a reference that begins with {reference}.").format(reference=reference),
            _("See them with: counterfoil refund list"),
        )
    return RefundRefusal(
        _("That cannot be noted of a refund that is {state}.").format(state=state_words(state)),
        _("See what became of it with: counterfoil refund show"),
    )


def state_words(state: str) -> str:
    """A refund's state."""
    return {
        "confirmed": _("confirmed"),
        "sent": _("with the terminal"),
        "unknown": _("not known"),
        "parked": _("put aside"),
        "succeeded": _("given back"),
        "declined": _("declined"),
        "voided": _("taken back, no money moved"),
        "settled": _("given back, settled"),
        "arrived": _("arrived"),
        "returned": _("came back"),
        "conflict": _("contradicted"),
    }.get(state, state)


def why_words(why: str) -> str:
    """Why it is a void, or a refund."""
    return {
        "same_batch_whole": _(
            "a void: the whole sale, of today's open batch; it vanishes from the customer's statement"
        ),
        "part": _("a refund: only part of the sale"),
        "batch_closed": _("a refund: the sale's batch is closed"),
        "other_day": _("a refund: the sale was not today"),
        "spent_before": _("a refund: part of the sale was given back before"),
        "terminal": _("a refund: the terminal's protocol has no void"),
        "asked": _("a refund, as asked"),
    }.get(why, why)


def owed_words(view: OwedView) -> tuple[str, str]:
    """Its state, and how the customer came to be charged."""
    state = {
        OwedState.OPEN: _("to be given back"),
        OwedState.UNDER_WAY: _("under way"),
        OwedState.REPAID: _("given back"),
    }
    why = {
        OwedWhy.REFUND_AS_SALE: _("a refund was keyed as a sale"),
        OwedWhy.AMOUNT_TOO_HIGH: _("the amount was too high"),
        OwedWhy.TAKEN_TWICE: _("it was taken twice"),
        OwedWhy.OTHER: _("another reason"),
    }
    return state[view.state], why[view.why]


def code_words(code: str) -> str:
    """A refusal's code, of the rules or of the money lane, in a few words."""
    lane = {
        "not_connected": _("The terminal was not connected."),
        "busy": _("The terminal was at work on another request."),
        "unknown": _("Another request's outcome was not known."),
        "for_people": _("Another request's outcome was not known."),
        "rolled_back": _("The terminal's log was put back."),
    }
    return lane.get(code) or reason_words(Reason(code))[0]
