"""The host that decides on what the counter's terminal sends it: approves, in part too, declines, answers late, or never.

It is another machine than the terminal: its own book, `host.jsonl`, survives whatever befalls the terminal and its log,
and every line of it stands in the ledger, to be judged by: what a reference was charged is what was authorised under it
less what was reversed. It does not know a reference that comes twice: to be asked once is the terminal's to see to.

The last two digits of an amount choose its answer (RESPONSES), for sales and refunds; a void is always taken.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from protocol.messages import Transaction, TransactionKind
from simulator.clock import SimulatedClock
from simulator.errors import SimulatorError
from simulator.kept import Kept, KeptFile
from simulator.ledger import Ledger
from simulator.lies import Lie
from simulator.log import TerminalLog

APPROVED = "00"

ANSWER_MS = 2_000
"""From the question to the answer; simulated. FIXTURE."""
PATIENCE_MS = 60_000
"""How long a terminal waits for an answer before it takes the transaction back; simulated (docs/protocol.md §4)."""
LATE_MS = 75_000
"""When an answer comes that comes too late; simulated. FIXTURE."""


class Manner(StrEnum):
    """How a host answers."""

    APPROVES = "approves"
    APPROVES_PARTLY = "approves_partly"
    """Half of a sale, rounded down; a refund whole."""
    DECLINES = "declines"
    LATE = "late"
    """Approves after the terminal gave up and reversed; the reversal holds."""
    SILENT = "silent"
    """Never answers, and does nothing: the terminal gives up and reverses."""
    IN_PROGRESS = "in_progress"
    """Asks for patience for ever, and does nothing: only a reboot of the terminal ends it."""


@dataclass(frozen=True, slots=True)
class Response:
    """code: ISO 8583 field 39. what: in a person's words."""

    code: str
    what: str
    manner: Manner = Manner.DECLINES


APPROVAL = Response(APPROVED, "approved", Manner.APPROVES)
RESPONSES = {
    int(response.code): response
    for response in (
        Response("05", "do not honour"),
        Response("09", "in progress for ever", Manner.IN_PROGRESS),
        Response("10", "approved in part: half of it; refunds whole", Manner.APPROVES_PARTLY),
        Response("14", "no such card"),
        Response("41", "lost card"),
        Response("43", "stolen card"),
        Response("51", "insufficient funds"),
        Response("54", "expired card"),
        Response("55", "wrong PIN"),
        Response("57", "not permitted to this card"),
        Response("58", "not permitted to this terminal"),
        Response("61", "over the limit"),
        Response("65", "too often"),
        Response("68", "approved too late: after the terminal took it back", Manner.LATE),
        Response("75", "PIN tried too often"),
        Response("91", "issuer not available"),
        Response("96", "system malfunction"),
        Response("98", "no answer", Manner.SILENT),
    )
}
"""Last two digits of an amount -> the answer; with all others it is approved."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the terminal hears, and when: `after` simulated ms; None: never. amount_minor: what was authorised."""

    code: str
    after: int | None
    amount_minor: int = 0
    auth_code: str | None = None
    for_ever: bool = False
    """The host asks for patience: the terminal does not give up."""


class Action(StrEnum):
    AUTHORISED = "authorised"
    DECLINED = "declined"
    REVERSED = "reversed"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Deed:
    """One line of the host's book. Amounts in minor units; at: ms UTC, by the simulated clock.

    amount_minor: authorised, or taken back; asked_minor: what the terminal asked for. of: sale, refund or void.
    event, closings: how many events and closed days the terminal's log held then, which gives its place in the ledger.
    late: this approval is still to come. lie: by which it stays charged though it was reversed, or is more than was asked.
    """

    action: Action
    reference: str
    of: TransactionKind
    amount_minor: int
    asked_minor: int
    currency: int
    response_code: str
    at: int
    event: int
    closings: int
    late: bool = False
    lie: str | None = None


class Host:
    """path: its book, which is made where there is none. Every `now` is monotonic ms. SimulatorError: it cannot be written.

    kept: another place for the book. keeps_late: an approval that comes after its reversal is charged all the same, as by
    a host that lost the reversal.
    """

    def __init__(
        self, path: Path, log: TerminalLog, ledger: Ledger, clock: SimulatedClock, kept: Kept | None = None
    ) -> None:
        self.keeps_late = False
        self.reachable = True
        """Nothing reaches it otherwise, and no answer comes from it; what it does by itself it does."""
        self._path = path
        self._log = log
        self._ledger = ledger
        self._clock = clock
        self._deeds: list[Deed] = []
        self._late: dict[str, tuple[int, Deed]] = {}  # reference -> when it is due (monotonic ms), and what
        self._untold: list[
            str
        ] = []  # references that stay charged, found at the start: the terminal may not have heard
        try:
            self._file: Kept = KeptFile(path) if kept is None else kept
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            self._load(self._file.read())
        except OSError as error:
            self.close()
            raise self._unwritable(error) from error
        except SimulatorError:
            self.close()
            raise

    def close(self) -> None:
        self._file.close()

    def deeds(self) -> list[Deed]:
        """Everything that it did, in order."""
        return list(self._deeds)

    def charged(self, reference: str) -> int:
        """What is charged (of a refund or void: given back) under a reference: authorised less reversed, minor units."""
        done = [d for d in self._deeds if d.reference == reference and not d.late]
        taken = sum(d.amount_minor for d in done if d.action is Action.AUTHORISED)
        return taken - sum(d.amount_minor for d in done if d.action is Action.REVERSED)

    @property
    def deadline(self) -> int | None:
        """When `run` has something to do (monotonic ms), or None."""
        return min((due for due, _ in self._late.values()), default=None)

    def ask(
        self, draft: Transaction, chosen: Response | None, now: int, lie: str | None = None, excess: int = 0
    ) -> Answer:
        """A transaction arrives. chosen: the answer, whatever its digits say. lie: by which a late one is kept.

        excess: what it approves beyond what it is asked for, in minor units.
        """
        asked = draft.amount.minor
        response = APPROVAL
        if draft.kind is not TransactionKind.VOID:
            response = chosen or RESPONSES.get(asked % 100, APPROVAL)
        amount, code, late = 0, response.code, False
        match response.manner:
            case Manner.APPROVES_PARTLY:
                partly = draft.kind is TransactionKind.SALE and asked > 1
                action, amount, code = Action.AUTHORISED, asked // 2 if partly else asked, code if partly else APPROVED
            case Manner.APPROVES:
                action, amount = Action.AUTHORISED, asked + excess
                lie = Lie.OVER_REFUND if excess else lie
            case Manner.LATE:
                action, amount, late = Action.AUTHORISED, asked, True
            case Manner.SILENT | Manner.IN_PROGRESS:
                action = Action.UNANSWERED
            case Manner.DECLINES:
                action = Action.DECLINED
        deed = Deed(
            action=action,
            reference=draft.reference,
            of=draft.kind,
            amount_minor=amount,
            asked_minor=asked,
            currency=draft.amount.currency,
            response_code=code,
            at=self._clock.time(now),
            event=self._log.last_written,
            closings=sum(day.closed for day in self._log.days),
            late=late,
            lie=lie,
        )
        self._do(deed)
        if late:
            self._late[draft.reference] = now + self._clock.real(LATE_MS), deed
        if late or action is Action.UNANSWERED:
            return Answer(code, None, for_ever=response.manner is Manner.IN_PROGRESS)
        return Answer(code, ANSWER_MS, amount, _auth_code(draft.reference) if amount else None)

    def reverse(self, draft: Transaction, now: int) -> None:
        """The terminal takes back what it has no outcome of. What is still to be approved will be taken back then.

        Where it cannot be reached, nothing: `awaits_reversal` says what it is to hear once it can be.
        """
        if not self.reachable:
            return
        self._do(self._taken_back(draft.reference, draft.kind, draft.amount.minor, draft.amount.currency, now))

    def awaits_reversal(self, reference: str) -> bool:
        """It was asked for this, and not told that it is taken back."""
        done = [d.action for d in self._deeds if d.reference == reference]
        return bool(done) and Action.REVERSED not in done

    def sooner(self, ms: int) -> None:
        """So much time (monotonic ms) is over at once."""
        self._late = {reference: (due - ms, deed) for reference, (due, deed) in self._late.items()}

    def run(self, now: int) -> list[str]:
        """Approve what is due late. The references that stay charged, of which the terminal is told."""
        kept: list[str] = []
        if self.reachable:
            kept, self._untold = [one for one in self._untold if self.charged(one)], []
        for reference, (due, deed) in list(self._late.items()):
            if due > now:
                continue
            del self._late[reference]
            reversed_before = any(d.reference == reference and d.action is Action.REVERSED for d in self._deeds)
            closings = sum(day.closed for day in self._log.days)
            at, event = self._clock.time(now), self._log.last_written
            approved = replace(deed, late=False, at=at, event=event, closings=closings)
            if self.keeps_late or deed.lie or not reversed_before:
                self._do(approved)
                kept += [reference] if self.reachable else []
            else:  # one write: a kill between the two would leave it charged for ever
                back = self._taken_back(reference, deed.of, deed.asked_minor, deed.currency, now)
                self._do(approved, replace(back, amount_minor=back.amount_minor + approved.amount_minor))
        return kept

    def _taken_back(self, reference: str, of: TransactionKind, asked: int, currency: int, now: int) -> Deed:
        return Deed(
            action=Action.REVERSED,
            reference=reference,
            of=of,
            amount_minor=self.charged(reference),
            asked_minor=asked,
            currency=currency,
            response_code=APPROVED,
            at=self._clock.time(now),
            event=self._log.last_written,
            closings=sum(day.closed for day in self._log.days),
        )

    def _do(self, *deeds: Deed) -> None:
        """In one write."""
        lines = "".join(json.dumps(asdict(deed), separators=(",", ":")) + "\n" for deed in deeds).encode()
        try:
            self._file.append(lines)
        except OSError as error:
            raise self._unwritable(error) from error
        self._deeds += deeds
        for deed in deeds:
            if not deed.late:
                self._ledger.host(deed)

    def _load(self, data: bytes) -> None:
        whole = data.rfind(b"\n") + 1
        if whole != len(data):
            self._file.cut(whole)
        for place, line in enumerate(data[:whole].splitlines(), 1):
            try:
                read = json.loads(line)
                deed = Deed(**read | {"action": Action(read["action"]), "of": TransactionKind(read["of"])})
            except (ValueError, KeyError, TypeError) as error:
                raise SimulatorError(
                    f"The host's book {self._path} is damaged at line {place}.",
                    "Move it away, or start with another --state.",
                ) from error
            self._deeds.append(deed)
            if deed.late:
                self._late[deed.reference] = 0, deed
            elif deed.action is Action.AUTHORISED and self._late.pop(deed.reference, None) is not None:
                self._untold.append(deed.reference)

    def _unwritable(self, error: OSError) -> SimulatorError:
        return SimulatorError(
            f"The host's book {self._path} cannot be used: {error.strerror or error}.",
            "Give a --state folder that can be written, on a disk with room.",
        )


def _auth_code(reference: str) -> str:
    return f"{int.from_bytes(sha256(f'{reference}/auth code'.encode()).digest()) % 1_000_000:06d}"
