"""What the customer is handed of a refund or void: what went back, of what, by when, and the record's own proof of it."""

from __future__ import annotations

from base64 import b64encode

from agent.figures import amount, local_time
from agent.journal.proof import Proof
from agent.language import _
from agent.papers.pdf import Line, strip
from agent.papers.strip import apart, centred, wrapped
from agent.refunds.words import state_words
from agent.views import RefundView, TransactionDetail
from agent.wording import kind_name

MOST_CODE = 2_953
"""Bytes: what a QR code of the largest version holds (ISO/IEC 18004, table 7: 40-L)."""
_CERTAIN = ("succeeded", "settled", "arrived")


def code_of_proof(proof: Proof, entry: bytes) -> str:
    """The tlog-proof with the entry that it is of as its extra line; without it where a code has no room for both."""
    head, index, rest = proof.text.split("\n", 2)
    whole = "\n".join((head, f"extra {b64encode(entry).decode()}", index, rest))
    return whole if len(whole.encode()) <= MOST_CODE else proof.text


def slip_lines(view: RefundView, sale: TransactionDetail, proof: Proof, zone: str, *, simulated: bool) -> list[Line]:
    """In the language in force. zone: the merchant's time zone."""
    body = next(entry["body"] for entry in sale.entries if entry["seq"] == sale.row.seq)
    assert isinstance(body, dict)
    lines = [Line(_("DEMO: simulated, not a record of real money"), heading=True)] if simulated else []
    lines += [Line(kind_name(view.action), heading=True), Line()]
    told = (
        (_("Merchant"), body.get("mid")),
        (_("Terminal"), body.get("tid")),
        (_("Amount given back"), amount(view.amount_minor, view.currency)),
        (_("Card or wallet"), sale.row.masked_pan),
        (_("Time"), local_time(view.at, zone)),
        (_("State"), state_words(view.state)),
        (_("RRN"), view.rrn),
        (_("Trace"), view.trace),
        (_("Operator"), view.operator),
        (_("Sale of"), local_time(sale.row.at, zone)),
        (_("Sale's amount"), amount(sale.row.amount_minor, sale.row.currency)),
        (_("Sale's RRN"), sale.row.rrn),
        (_("Sale's trace"), sale.row.trace),
    )
    lines += [Line(label, str(value)) for label, value in told if value]
    lines.append(Line())
    if view.state not in _CERTAIN:
        lines.append(Line(_("This slip does not say that money went back.")))
    elif view.due is not None and view.state != "arrived":
        usually = _("It usually arrives by {day}, on the card or wallet that paid.")
        lines.append(Line(usually.format(day=view.due.isoformat())))
    about = ((_("Reference"), view.reference), (_("Entry of the record"), str(proof.index)))
    return [*lines, Line(), *(Line(label, value, small=True) for label, value in about)]


def slip_text(lines: list[Line], columns: int) -> str:
    """columns: 32 or 48, of a printer of 58 or 80 mm."""
    out: list[str] = []
    for line in lines:
        if line.heading:
            out += [centred(row, columns) for row in wrapped(line.left, columns)]
        elif line.right:
            out += apart(line.left, line.right, columns)
        else:
            out += wrapped(line.left, columns) if line.left else [""]
    return "\n".join(row.rstrip() for row in out) + "\n"


def slip_pdf(lines: list[Line], code: str) -> tuple[bytes, str]:
    """The PDF of 80 mm with the proof's code below, and the signs that its font lacks."""
    said = Line(_("The code holds the proof that this stands in the shop's signed record."), small=True)
    return strip([*lines, said], lines[0].left, code=code)
