"""What the terminal, its protocol or the pairing would not do, as errors for a person."""

from __future__ import annotations

from agent.actions import Refusal
from agent.errors import LinkError
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
