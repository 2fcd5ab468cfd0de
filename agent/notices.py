"""The words of a notice, in the language in force: what happened, and what to do."""

from __future__ import annotations

from agent.fees.quote_words import percent
from agent.figures import amount, printable_yuan_sign
from agent.language import _
from agent.views import LinkState, Notice, NoticeCode, PairingFailed
from agent.wording import kind_name, product_name
from protocol.tickets import NO_TICKET, ticket_in


def words(notice: Notice) -> tuple[str, str]:
    """One sentence of what happened, one of what to do."""
    what, todo = _words(notice)
    if notice.more:
        what += " " + _("The journal holds {count} more of these.").format(count=notice.more)
    return what, todo


def _words(notice: Notice) -> tuple[str, str]:  # noqa: PLR0911, PLR0912  a table of words, with their placeholders
    facts = notice.facts
    match notice.code:
        case NoticeCode.PORT_LOST:
            return (
                _("The line to the terminal is lost."),
                _("Check the cable; the agent goes on by itself as soon as it is back."),
            )
        case NoticeCode.TERMINAL_SILENT:
            return _("The terminal does not answer."), _("See that it is on and its counterfoil application runs.")
        case NoticeCode.LINE_SETTINGS:
            return (
                _("Only garbage comes off the line."),
                _("Check the baud rate, the parity and the cable."),
            )
        case NoticeCode.WRONG_TERMINAL:
            return (
                _("Another terminal answers: {terminal} instead of {ours}.").format(
                    terminal=facts.get("terminal", "?"), ours=facts.get("ours", "?")
                ),
                _("Connect the right one, or make a home of its own for this one."),
            )
        case NoticeCode.WRONG_NATURE:
            return (
                _("A simulated terminal and a real home (or the reverse) do not go together."),
                _("Connect the terminal that this home was made for."),
            )
        case NoticeCode.NOT_UNDERSTOOD:
            return (
                _("The terminal speaks another version of the protocol."),
                _("Update counterfoil or the terminal's application, so that both are of one age."),
            )
        case NoticeCode.NOT_PAIRED:
            return (
                _("This home and the terminal are not paired yet; nothing is recorded."),
                _("Pair them with: counterfoil terminal pair"),
            )
        case NoticeCode.WRONG_KEY:
            return (
                _("Whoever answers holds another key than the terminal that was paired: it is refused."),
                _("If it was exchanged, and you know by whom, pair it with: counterfoil terminal pair --replace"),
            )
        case NoticeCode.KEY_REFUSED:
            return (
                _("The terminal says that it does not know this home."),
                _("If it was reset or paired with another, pair it again with: counterfoil terminal pair"),
            )
        case NoticeCode.HEAD_MISMATCH:
            return (
                _("The journal is not the one that was signed before: {verdict} (head kept: {source}).").format(
                    verdict=verdict_words(facts.get("verdict", "")), source=source_words(facts.get("source", ""))
                ),
                _("Keep both, and look where with: counterfoil journal verify"),
            )
        case NoticeCode.LOG_ROLLED_BACK:
            return (
                _("The terminal's log was put back or contradicts itself; both versions are recorded."),
                _("Ask the provider in writing what was done to the terminal."),
            )
        case NoticeCode.LOG_REPLACED:
            return (
                _("The terminal came back with an empty log: reset, repaired or exchanged."),
                _("Note who did it and when; the old events stay in the journal."),
            )
        case NoticeCode.EVENTS_LOST:
            return (
                _("The terminal no longer has its events {first} to {last}.").format(
                    first=facts.get("first", "?"), last=facts.get("last", "?")
                ),
                _("Keep the slips of that time; the gap is signed in the journal."),
            )
        case NoticeCode.EVENT_UNREADABLE:
            return (
                _("An event of the terminal could not be read; its fingerprint is recorded."),
                _("Keep the slip of that time, and update counterfoil."),
            )
        case NoticeCode.SECURITY:
            return (
                _("Somebody else spoke on the line, {count} times in a minute.").format(count=facts.get("count", "?")),
                _("Look at the cable and at who can reach it."),
            )
        case NoticeCode.DEVICE_FAULT:
            return (
                _("The terminal reports: {kind} {code}").format(
                    kind=_device_words(facts.get("kind", "")), code=facts.get("code", "")
                ),
                _("Note the time; the event is in the journal."),
            )
        case NoticeCode.RESULT_UNASKED:
            return (
                _("The terminal told an outcome that nobody waited for: {result}.").format(result=_result(facts)),
                _("Compare it with the slips of that time; the entry is in the journal."),
            )
        case NoticeCode.LINE_FLOODED:
            return (
                _(
                    "The line brought {dropped} more than the {most} of a day that are recorded one by one: {what}."
                ).format(
                    dropped=facts.get("dropped", "?"), most=facts.get("most", "?"), what=_flood(facts.get("what", ""))
                ),
                _("Look at the cable and at who can reach it; keep the slips of that day."),
            )
        case NoticeCode.MONEY_UNKNOWN:
            what = _("What became of this request is not known: {request}; no other goes out.").format(
                request=_request(facts)
            )
            if "for_people" in facts:
                return what, _(
                    "Do not take or give the money a second time. Look at the terminal's slips, then say how it ended "
                    "with: counterfoil intent resolve"
                )
            return (
                what,
                _("Leave the terminal connected: it is asked by itself. Do not take or give the money a second time."),
            )
        case NoticeCode.MONEY_PARKED:
            return (
                _("This request was put aside, and how it ended is not known: {request}.").format(
                    request=_request(facts)
                ),
                _("Look at the terminal's slips, then say how it ended with: counterfoil intent resolve"),
            )
        case NoticeCode.MONEY_DIFFERS:
            return (
                _("The terminal did something else than it was asked for: {result}.").format(result=_result(facts)),
                _("Compare it with the slip, and set it right with the customer."),
            )
        case NoticeCode.WITNESS_REFUSED:
            return _witness(facts)
        case NoticeCode.MONEY_CONTRADICTED:
            return (
                _("A request had ended otherwise than was recorded before ({before}): {result}.").format(
                    before=result_words(facts.get("contradicts", "")), result=_result(facts)
                ),
                _("Compare it with the slip, and set it right with the customer."),
            )
        case NoticeCode.KEY_FOUND:
            return (
                _("When the agent started, another terminal key stood in the home than the one recorded last."),
                _("If nobody paired the terminal just before, pair it anew with: counterfoil terminal pair --replace"),
            )
        case NoticeCode.LOCKED if facts.get("because") == "key_lost":
            return (
                _(
                    "Nothing can be signed: {reason} What the terminal tells is kept unsigned; no money request goes out."
                ).format(reason=facts.get("reason", "")),
                _(
                    "Put the key file back from its copy, then: counterfoil unlock; if it is lost for good: "
                    "counterfoil journal restore"
                ),
            )
        case NoticeCode.LOCKED:
            return (
                _("Waiting for the passphrase: what the terminal tells is kept unsigned; no money request goes out."),
                _("Give the passphrase with: counterfoil unlock"),
            )
        case NoticeCode.DISK_LOW:
            return (
                _("The disk has only {free} MiB left: no money request goes out.").format(
                    free=facts.get("free_mib", "0")
                ),
                _("Make room on the disk that holds the home; recording goes on meanwhile."),
            )
        case NoticeCode.RECORD_DAMAGED:
            return (
                _("The record is not as it was signed: {what}").format(what=facts.get("what", "")),
                _("No money request goes out. Look where with: counterfoil journal verify; then put a copy back."),
            )
        case NoticeCode.FEES_OVER:
            told = amount(int(facts.get("minor", "0")), int(facts.get("currency", "156")))
            return (
                _("Too much was taken: {count} findings, {amount}.").format(count=facts.get("count", "0"), amount=told),
                _("See why with: counterfoil fees audit; ask for it with: counterfoil fees claims open --all"),
            )
        case NoticeCode.TARIFF_ASKS:
            return _asked(facts)
        case NoticeCode.AUDIT_DUE:
            return (
                _("Nobody has looked at the fees for {days} days.").format(days=facts.get("days", "")),
                _("Look with: counterfoil fees audit --record --operator NAME"),
            )
        case NoticeCode.RECORDED_UNSIGNED:
            return (
                _(
                    "For a while nothing could be signed; the journal says from when to when. Events kept: {events}."
                ).format(events=facts.get("events", "?")),
                _("Nothing is to be done: the terminal is asked for them again. Keep the folder unsigned as evidence."),
            )
        case NoticeCode.RECORDING_STOPPED | NoticeCode.KEY_DAMAGED:
            return facts.get("what", ""), facts.get("todo", "")


def verdict_words(verdict: str) -> str:
    """What a journal is against a remembered head (`agent.journal.heads.Verdict`)."""
    return {
        "cut": _("entries are missing at its end"),
        "forked": _("its history was written anew"),
        "bad_signature": _("another key signed it"),
        "foreign": _("it is the head of another journal"),
        "lost": _("entries were lost at a restore"),
    }.get(verdict, verdict)


def source_words(source: str) -> str:
    """Where a head was remembered."""
    if source.startswith("witness-"):
        return _("in the home, with a witness's signature")
    return {"local": _("in the home"), "terminal": _("in the terminal")}.get(source, source)


def state_words(state: LinkState) -> str:
    """The line's state."""
    return {
        LinkState.UP: _("connected"),
        LinkState.CONNECTING: _("nobody answers"),
        LinkState.PORT_LOST: _("the line is lost"),
        LinkState.REFUSED: _("the terminal is refused"),
        LinkState.UNPAIRED: _("not paired"),
        LinkState.OFF: _("no agent runs"),
    }[state]


def result_words(state: str) -> str:
    """What a terminal says of a money request."""
    return {
        "approved": _("approved"),
        "declined": _("declined"),
        "voided": _("taken back"),
        "in_progress": _("under way"),
        "not_found": _("unknown to it"),
    }.get(state, state)


def _result(facts: dict[str, str]) -> str:
    """An outcome as a person finds it again on a slip: what, how much, which card, which number; as far as it was told."""
    parts = [result_words(facts.get("state", ""))]
    if "amount_minor" in facts and "currency" in facts:
        parts.append(amount(int(facts["amount_minor"]), int(facts["currency"]), printable_yuan_sign()))
    if (card := facts.get("masked_pan", "")[-4:]).isdigit():
        parts.append(_("card {last_four}").format(last_four=card))
    if "trace" in facts:
        parts.append(_("trace {trace}").format(trace=facts["trace"]))
    reference = facts.get("reference", NO_TICKET)
    try:
        ticket = ticket_in(reference)
    except ValueError:  # not made here
        ticket = None
    if ticket is not None:
        parts.append(_("ticket {ticket}").format(ticket=ticket))
    elif reference != NO_TICKET:
        parts.append(_("reference {reference}").format(reference=reference))
    return _(", ").join(parts)


def _witness(facts: dict[str, str]) -> tuple[str, str]:
    """facts: witness (its vkey), status, old_size, remembered_size if it said one."""
    name = facts.get("witness", "?").partition("+")[0]
    if "remembered_size" in facts:
        what = _("The witness {name} remembers a head of {size} entries, which this record does not have.").format(
            name=name, size=facts["remembered_size"]
        )
    else:
        what = _("The witness {name} saw {size} entries, and this record does not go on from them.").format(
            name=name, size=facts.get("old_size", "?")
        )
    return what, _("An older copy is in use, or the history was written anew: keep every copy of the home there is.")


def _request(facts: dict[str, str]) -> str:
    """A money request: what, how much, which."""
    parts = [kind_name(facts.get("action", ""))]
    if "amount_minor" in facts and "currency" in facts:
        parts.append(amount(int(facts["amount_minor"]), int(facts["currency"]), printable_yuan_sign()))
    parts.append(_("reference {reference}").format(reference=facts.get("reference", "?")))
    return _(", ").join(parts)


def _asked(facts: dict[str, str]) -> tuple[str, str]:
    """A price that was proposed (`agent.fees.contract.asked`)."""
    target = facts.get("target", "?")
    what = _("The provider wants a higher price, {product}: {old} now, {new} then.").format(
        product=product_name(facts.get("product", "")), old=_price(facts, "old_"), new=_price(facts, "")
    )
    if facts.get("from"):
        what += " " + _("Once you accept, it holds from {day}; until then the old one.").format(day=facts["from"])
    else:
        what += " " + _("When it was published is not known; until you accept, the old one holds.")
    return what, _(
        "Answer with: counterfoil fees tariff refuse {target} --operator NAME; or consent, if you agree to it"
    ).format(target=target)


def _price(facts: dict[str, str], prefix: str) -> str:
    currency, sign = int(facts.get("currency", "156")), printable_yuan_sign()

    def money(name: str) -> str:
        return amount(int(facts[prefix + name]), currency, sign)

    if f"{prefix}low_ppm" not in facts:
        return _("none known")
    ends = [percent(int(facts[f"{prefix}{end}_ppm"])) for end in ("low", "high")]
    parts = ["-".join(dict.fromkeys(ends))]
    parts += [_("at most {amount}").format(amount=money("cap_minor"))] if f"{prefix}cap_minor" in facts else []
    parts += [_("at least {amount}").format(amount=money("minimum_minor"))] if f"{prefix}minimum_minor" in facts else []
    if f"{prefix}per_item_minor" in facts:
        parts.append(_("{amount} more for each").format(amount=money("per_item_minor")))
    return _(", ").join(parts)


def _flood(kind: str) -> str:
    """What a kind of entry that came in a flood is about."""
    return {
        "terminal.result_unasked": _("outcomes that nobody waited for"),
        "event.unreadable": _("messages that cannot be read"),
        "security.seen": _("minutes in which somebody else spoke"),
    }.get(kind, kind)


def pairing_words(reason: PairingFailed | None) -> tuple[str, str]:
    """Why a pairing came to nothing: one sentence of what happened, one of what to do."""
    match reason:
        case PairingFailed.NO_ANSWER:
            return (
                _("The terminal does not take part in a pairing."),
                _("Open its pairing page, see that its cable is in, and begin again."),
            )
        case PairingFailed.BROKEN:
            return (
                _("The two ends do not agree: a bad line, or somebody between them."),
                _("Have the cable looked at before you begin again."),
            )
        case PairingFailed.LINE_LOST:
            return _("The line to the terminal was lost."), _("Check the cable, and begin the pairing again.")
        case PairingFailed.NOT_KEPT:
            return (
                _("The terminal's key could not be written to the disk; nothing was changed."),
                _("Free some space, see that the home can be written, and pair again."),
            )
    return _("The pairing was given up; nothing was changed."), _("Begin again when you are ready.")


def nature_words(*, simulated: bool) -> str:
    """Whether a home is real or one of practice."""
    return _("simulated") if simulated else _("real")


def _device_words(kind: str) -> str:
    return {
        "reboot": _("restarted"),
        "fault": _("fault"),
        "tamper": _("opened or tampered with"),
        "firmware_changed": _("another firmware"),
        "serial_changed": _("another serial number"),
        "merchant_changed": _("another merchant number"),
    }.get(kind, kind)
