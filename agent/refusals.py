"""What the terminal, its protocol or the pairing would not do, as errors for a person."""

from __future__ import annotations

from agent.actions import LaneReason, LaneRefusal, Refusal
from agent.errors import CounterfoilError, HomeError, LinkError
from agent.language import _
from protocol.events import FailReason
from protocol.messages import Error, ErrorCode


def unspoken(dialect: str) -> LinkError:
    """The dialect has no words for what was asked."""
    return LinkError(
        _("This terminal's protocol ({dialect}) has no words for that.").format(dialect=dialect),
        _("Do it at the terminal itself, or on paper."),
    )


def asked_in_vain(failed: FailReason | None) -> LinkError:
    """No reply. failed: why, None where the time was over."""
    match failed:
        case FailReason.BUSY:
            return LinkError(
                _("The terminal is busy with another request."), _("Wait until that has ended, and try again.")
            )
        case FailReason.REFUSED:
            return LinkError(
                _("The terminal would not take the request; nothing of it was done."),
                _("See what its display says, and try again."),
            )
    return LinkError(_("The terminal does not answer."), _("See that it is on, that its cable is in, and try again."))


def not_as_asked(reply: object) -> LinkError:
    """A reply that is none to what was asked: mostly an Error."""
    if isinstance(reply, Error) and reply.code is ErrorCode.NOT_NOW:
        return LinkError(_("The terminal cannot do that now."), _("See what its display says, and try again."))
    return LinkError(
        _("The terminal's application cannot do that."), _("Do it at the terminal itself, or update its application.")
    )


def order_refused(refusal: Refusal | None) -> LinkError:
    """A pairing order that was not carried out. None: it took too long."""
    what, todo = {
        Refusal.NOT_SPOKEN: (
            _("This terminal's protocol has no pairing."),
            _("Nothing is to be done; keep its cable out of strangers' reach."),
        ),
        Refusal.NO_LINE: (
            _("The line to the terminal is lost."),
            _("Check the cable, and begin the pairing again."),
        ),
        Refusal.NOTHING_TO_CONFIRM: (
            _("No number waits to be compared."),
            _("Begin with: counterfoil terminal pair"),
        ),
        Refusal.OTHER_NUMBER: (
            _("The numbers are not the same; nothing was paired."),
            _("Begin again; if they differ once more, somebody stands between: have the cable looked at."),
        ),
        Refusal.OTHER_KEY_PINNED: (
            _("The terminal holds another key than the one that was paired before; nothing was changed."),
            _("If it was exchanged, and you know by whom, pair it with: counterfoil terminal pair --replace"),
        ),
        Refusal.NOT_KEPT: (
            _("The terminal's key could not be written to the disk; nothing was changed."),
            _("Free some space, see that the home can be written, and pair again."),
        ),
    }.get(
        refusal or Refusal.FAILED,
        (_("The pairing came to nothing."), _("Begin again with: counterfoil terminal pair")),
    )
    return LinkError(what, todo)


def stopped(broken: Exception) -> CounterfoilError:
    """The pump broke: nothing is recorded or asked any more."""
    return CounterfoilError(
        _("The agent has stopped recording: {reason}.").format(reason=broken),
        _("Start it again, and report this; the terminal keeps its events until then."),
    )


def signs_already() -> HomeError:
    """The key is not locked."""
    return HomeError(_("The agent of this home signs already."), _("Nothing is to be done."))


def anonymous() -> CounterfoilError:
    return CounterfoilError(
        _("Such a decision needs a name and a reason."),
        _("Say who decides with --operator, and why with --reason."),
    )


def not_without_rules() -> LinkError:
    """A refund or void that is given to the lane as it is."""
    return LinkError(
        _("Money is given back by the shop's rules alone; nothing was sent."),
        _("Use counterfoil refund create, or counterfoil void."),
    )


def lane_refused(refusal: LaneRefusal | None) -> LinkError:
    """A money order, or a decision about one, that was not carried out. None: it took too long."""
    if refusal is None:
        return LinkError(
            _("It is not known whether that was recorded."),
            _("Look with counterfoil intent list, and say it again if it was not."),
        )
    what, todo = {
        LaneReason.BUSY: (
            _("The terminal is at work on another request ({reference})."),
            _("Wait until that has ended, and try again."),
        ),
        LaneReason.UNKNOWN: (
            _("What became of the request {reference} is not known yet; no other goes out."),
            _(
                "Leave the terminal connected: it is asked by itself. After two minutes, see: counterfoil intent park --help"
            ),
        ),
        LaneReason.FOR_PEOPLE: (
            _("What became of the request {reference} is not known yet; no other goes out."),
            _("Look at the terminal's slips, then say how it ended with: counterfoil intent resolve"),
        ),
        LaneReason.PARKED: (
            _("The request {reference} was put aside before its outcome was known."),
            _("Look at the terminal's slips, then say how it ended with: counterfoil intent resolve"),
        ),
        LaneReason.NOT_CONNECTED: (
            _("The terminal is not connected; nothing was sent."),
            _("See that it is on and its cable is in, and try again."),
        ),
        LaneReason.ROLLED_BACK: (
            _("The terminal's log was put back or contradicts itself; no money request goes out."),
            _("Find out who did it, then decide with: counterfoil intent accept-log"),
        ),
        LaneReason.NOT_SPOKEN: (
            _("This terminal's protocol has no words for that request; nothing was sent."),
            _("Do it at the terminal itself."),
        ),
        LaneReason.OTHER_ORDER: (
            _("The reference {reference} stands for another request already; nothing was sent."),
            _("Make a new reference for a new request."),
        ),
        LaneReason.NOT_RECORDED: (
            _("The journal cannot be written; nothing was sent."),
            _("Free some space on the disk, and try again."),
        ),
        LaneReason.TOO_EARLY: (
            _("The outcome of {reference} has been unknown for less than two minutes."),
            _("Wait until they are over, or say now how it ended with: counterfoil intent resolve"),
        ),
        LaneReason.NOT_OPEN: (
            _("There is nothing of that kind to decide about."),
            _("See what is open with: counterfoil intent list"),
        ),
    }[refusal.reason]
    return LinkError(what.format(reference=refusal.reference), todo, refusal.reason.value)
