"""Making a home, and opening one: as its owner with the agent at work, or as a guest of the agent that owns it."""

from __future__ import annotations

import importlib.metadata
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from getpass import getpass
from pathlib import Path

from agent import link_keys
from agent.custody.outage import Keep, Outage, UnsignedStorage, ask
from agent.custody.unsigned_file import sign
from agent.custody.upkeep import Upkeep
from agent.custody.witness import HEAD_NAME
from agent.custody.witnesses import OwnRecord, Witnesses
from agent.desk import Desk
from agent.desk_server import DeskServer
from agent.desk_socket import SocketDesk
from agent.errors import CounterfoilError, HomeError, JournalDamaged, KeyLocked, KeyLost, LinkError
from agent.home import Home
from agent.home_desk import HomeDesk
from agent.journal import heads, keys
from agent.journal.drafting import to_draft
from agent.journal.entries import Draft
from agent.journal.keys import PassphraseSources, Signer, verifying_key
from agent.journal.kinds import HeadMismatch, JournalOpened
from agent.journal.reader import Reader, open_reader
from agent.journal.store import Journal
from agent.language import _
from agent.notices import nature_words, source_words, state_words, verdict_words, words
from agent.runner import Runner
from agent.settings import Settings, write_settings
from agent.storage import Storage
from agent.views import LinkState, NoticeCode, Status

PATIENCE_S = 2
"""A command that only looks owns the home for a moment: an agent that starts just then waits so long."""
SESSION_MS = 10_000
"""How long a command waits for the terminal to answer at all."""
KEY_REFUSED_MS = 2_000
"""How long a terminal may say that it does not know this home: it may be confirming a pairing just now."""
_HOPELESS = {
    LinkState.UNPAIRED: (NoticeCode.NOT_PAIRED,),
    LinkState.REFUSED: (NoticeCode.WRONG_TERMINAL, NoticeCode.WRONG_NATURE, NoticeCode.NOT_UNDERSTOOD),
    LinkState.CONNECTING: (NoticeCode.WRONG_KEY,),
}
"""What no waiting mends, by the state in which it holds now and is not left over from another terminal."""


def passphrase_sources(file: Path | None = None, *, ask: bool = True) -> PassphraseSources:
    """Where a passphrase comes from: the credential directory, the file, a prompt where there is a terminal to ask on."""
    prompt = (lambda: getpass(_("Passphrase") + ": ")) if ask and sys.stdin.isatty() else None
    return PassphraseSources(file=file, prompt=prompt)


def version() -> str:
    """The version of this program."""
    return importlib.metadata.version("counterfoil")


def make_home(home: Home, settings: Settings, sources: PassphraseSources, at: int) -> None:
    """A new home: settings, signing key, the line's own key, and a journal whose entry 0 says whose it is. at: ms UTC.

    It is not paired yet. Raises HomeError, KeyRefused, JournalError.
    """
    home.make()
    if home.exists or (home.journal.exists() and not _is_half_made(home, settings)):
        raise HomeError(
            _("There is a journal in {home} already.").format(home=home.path),
            _("Use it with: counterfoil serve; or name another folder with --home"),
        )
    link_keys.make(home.link_key)
    signer = (
        keys.create(home.path, sources) if not (home.keys / "signing.key").exists() else keys.unlock(home.path, sources)
    )
    opened = JournalOpened(
        software="counterfoil",
        version=version(),
        terminal=settings.terminal,
        nature="simulated" if settings.simulated else "real",
        generation=1,
    )
    if not home.journal.exists():
        Journal.create(home.journal, signer, to_draft(opened, signer.token_hmac), at).close()
    write_settings(home.settings_path, settings)  # the last: it makes the home whole


def _is_half_made(home: Home, settings: Settings) -> bool:
    """True for what a killed `make_home` leaves: a journal of entry 0 alone, for the same terminal, and no settings."""
    try:
        with closing(open_reader(home.journal, keys.verifying_key(home.path))) as journal:
            return journal.size == 1 and _is_of(journal.entry(0).body, settings)
    except CounterfoilError:
        return False


def _is_of(opened: Mapping[str, object], settings: Settings) -> bool:
    nature = "simulated" if settings.simulated else "real"
    return opened["nature"] == nature and opened["terminal"] == settings.terminal


@contextmanager
def agent_at_work(
    home: Home,
    settings: Settings,
    sources: PassphraseSources,
    *,
    accept_loss: bool = False,
    patient: bool = False,
    wait: bool = False,
) -> Iterator[HomeDesk]:
    """Own the home, open journal and port, turn the pump, serve the socket; at the end, everything is closed cleanly.

    accept_loss: go on where a remembered head is not this journal's; the finding is signed first. patient: wait for a port
    that is not there. wait: a key that is locked or lost is waited for while the events are kept unsigned; a person is asked
    for the passphrase once that goes on. Raises HomeError, KeyRefused, JournalError, JournalDamaged, PortError.
    """
    with ExitStack() as stack:
        signer = _own(stack, home, sources, wait=wait)
        journal, keep = _keeper(home, settings, signer, accept_loss=accept_loss)
        try:
            if not home.terminal_key.exists():  # a home of an older make
                link_keys.make(home.link_key)
            runner = Runner(home, settings, journal, keep)
        except BaseException:
            journal.close()
            raise
        runner.start(patient=patient)
        stack.callback(runner.stop)
        witnesses = Witnesses(home, runner)
        stack.callback(witnesses.stop)
        upkeep = Upkeep(home)
        stack.callback(upkeep.stop)
        upkeep.start()
        from agent.fees.audit.thresholds import thresholds_of  # noqa: PLC0415
        from agent.fees.audit.watch import FeeWatch  # noqa: PLC0415  with all detectors: only an agent at work needs them

        fees = FeeWatch(home, thresholds_of(settings), runner)
        stack.callback(fees.stop)
        fees.start()
        desk = HomeDesk(home, settings, runner, witnesses=witnesses, upkeep=upkeep, fees=fees)
        stack.callback(desk.close)
        stack.callback(DeskServer(home.socket, desk).close)
        if isinstance(signer, Signer):
            witnesses.start()
        elif isinstance(signer, KeyLocked) and sources.prompt is not None:
            ask(desk, sources.prompt)
        yield desk


def _keeper(
    home: Home, settings: Settings, signer: Signer | KeyLocked | KeyLost, *, accept_loss: bool
) -> tuple[Reader, Keep]:
    """The journal, and who records in it; what an earlier outage left unsigned is signed first."""
    if isinstance(signer, Signer):
        journal = open_journal(home, settings, signer, accept_loss=accept_loss)
        try:
            sign(home.path, journal, _now(journal, simulated=settings.simulated))
        except BaseException:
            journal.close()
            raise
        return journal, lambda views, answered, changed, _now: Storage(journal, signer, views, answered, changed)
    reader = open_reader(home.journal, verifying_key(home.path))
    try:
        _require_own(home, settings, reader)
        _unfit(home, reader, accept_loss=accept_loss)
    except BaseException:
        reader.close()
        raise
    outage = Outage(home, reader, signer, partial(open_journal, home, settings, accept_loss=accept_loss))
    return reader, partial(UnsignedStorage, outage)


def _now(journal: Reader, *, simulated: bool) -> int:
    """In a simulated home time stands where the journal does, until the terminal tells one."""
    return journal.head.at if simulated else time.time_ns() // 1_000_000


def open_journal(home: Home, settings: Settings, signer: Signer, *, accept_loss: bool) -> Journal:
    """The journal, after the check of every start against what is remembered. Raises as `agent_at_work`."""
    journal = Journal.open(home.journal, signer)
    try:
        _require_own(home, settings, journal)
        _require_remembered(home, journal, signer, simulated=settings.simulated, accept_loss=accept_loss)
    except BaseException:
        journal.close()
        raise
    return journal


def _require_own(home: Home, settings: Settings, journal: Reader) -> None:
    opened = journal.entry(0).body
    if not _is_of(opened, settings):
        raise HomeError(
            _("The settings of {home} do not fit its journal.").format(home=home.path),
            _("Put back the settings: terminal {terminal}, {nature}.").format(
                terminal=opened["terminal"], nature=nature_words(simulated=opened["nature"] == "simulated")
            ),
        )


def _unfit(home: Home, journal: Reader, *, accept_loss: bool) -> tuple[list[heads.Compared], list[heads.Compared]]:
    """The remembered heads that are not this journal's, and those of them that it does not say so of yet.

    Raises JournalDamaged for one of these, without accept_loss.
    """
    unfit = [
        found
        for found in heads.compare_all(journal, home.path)
        if not (found.verdict.fits or found.verdict is heads.Verdict.LOST)  # a restore told of it
        and not found.source.startswith(heads.SET_ASIDE)  # once it was recorded
    ]
    accepted = {e.body["remembered"] for e in journal.entries() if e.kind == "head.mismatch"} if unfit else set()
    new = [found for found in unfit if found.note not in accepted]
    if new and not accept_loss:
        found = new[0]
        raise JournalDamaged(
            _(
                "The journal ends at entry {size} and is not the one whose head was remembered ({source}: {verdict})."
            ).format(
                size=journal.size - 1, source=source_words(found.source), verdict=verdict_words(found.verdict.value)
            ),
            _("Put the right journal.db back, with its -wal; or go on, the finding signed, with --accept-loss"),
        )
    return unfit, new


def _require_remembered(home: Home, journal: Journal, signer: Signer, *, simulated: bool, accept_loss: bool) -> None:
    """What is remembered and accepted before is passed by: its mismatch stands in the journal already."""
    drafts: list[Draft] = []
    unfit, new = _unfit(home, journal, accept_loss=accept_loss)
    for found in new:
        mismatch = HeadMismatch(source=found.source, remembered=found.note, verdict=found.verdict.value)
        drafts.append(to_draft(mismatch, signer.token_hmac))
    journal.append(drafts, _now(journal, simulated=simulated))
    for draft in drafts:
        heads.set_aside(home.path, draft.body["remembered"])
    for found in unfit:  # a witness's last head stands aside too, and its own file would be found unfit at every start
        if found.source.startswith(HEAD_NAME):
            (home.path / "heads" / f"{found.source}.note").unlink(missing_ok=True)


@contextmanager
def open_desk(
    home: Home,
    *,
    work: bool = False,
    record: bool = False,
    patient: bool = False,
    wait: bool = False,
    sources: PassphraseSources | None = None,
) -> Iterator[Desk]:
    """A desk on the home: its owner's, over the socket; or, where nobody owns it, one of our own for this while.

    work: what is asked needs the terminal, so an agent is set to work if none is; patient, wait: as there. record: what is
    asked is recorded, and needs no terminal. Raises HomeError, and what `agent_at_work` raises.
    """
    settings = home.settings()
    with ExitStack() as stack:
        guest = SocketDesk(home.socket)
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                home.own()
                break
            except HomeError:  # by an agent, or for a moment by another command
                if home.socket.exists() and guest.answers():
                    yield guest
                    return
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)
        if not work and not record:
            stack.callback(home.disown)
            desk = HomeDesk(home, settings)
            stack.callback(desk.close)
            yield desk
            return
        home.disown()
        sources = sources or passphrase_sources()
        if work:
            yield stack.enter_context(agent_at_work(home, settings, sources, patient=patient, wait=wait))
        else:
            yield stack.enter_context(_recording(home, settings, sources))


@contextmanager
def _recording(home: Home, settings: Settings, sources: PassphraseSources) -> Iterator[HomeDesk]:
    """Own the home and its journal, without a line to a terminal. Raises as `agent_at_work`."""
    with ExitStack() as stack:
        signer = _own(stack, home, sources, wait=False)
        assert isinstance(signer, Signer)
        journal = open_journal(home, settings, signer, accept_loss=False)
        try:
            record = OwnRecord(journal, signer, simulated=settings.simulated)
            desk = HomeDesk(home, settings, journal=journal, record=record, witnesses=Witnesses(home, record))
        except BaseException:
            journal.close()
            raise
        stack.callback(desk.close)
        yield desk


def _own(stack: ExitStack, home: Home, sources: PassphraseSources, *, wait: bool) -> Signer | KeyLocked | KeyLost:
    """Own the home until the stack unwinds; the passphrase may be asked of a person, so not under the lock.

    wait: nobody is asked, and what there is no key for is answered.
    """
    home.own(PATIENCE_S)
    try:
        keys.settle(home.path)
    finally:
        home.disown()
    signer: Signer | KeyLocked | KeyLost
    try:
        signer = keys.unlock(home.path, replace(sources, prompt=None) if wait else sources)
    except (KeyLocked, KeyLost) as error:
        if not wait:
            raise
        signer = error
    home.own(PATIENCE_S)
    stack.callback(home.disown)
    return signer


def line_error(status: Status, *, key_refused: bool = True) -> LinkError | None:
    """Why whoever is on the line cannot be spoken with, in the words of its notice; None where waiting may still help.

    key_refused: a terminal that says that it does not know this home is believed.
    """
    codes = _HOPELESS.get(status.link.state, ())
    if key_refused and status.link.state is LinkState.CONNECTING:
        codes += (NoticeCode.KEY_REFUSED,)
    said = {notice.code: notice for notice in status.notices}
    return next((LinkError(*words(said[code])) for code in codes if code in said), None)


def await_session(desk: Desk) -> None:
    """Until the terminal answers. Raises LinkError as soon as it is known why it cannot, else after 10 s."""
    began = time.monotonic()
    while (status := desk.status()).link.state is not LinkState.UP:
        passed = int((time.monotonic() - began) * 1000)
        if (error := line_error(status, key_refused=passed >= KEY_REFUSED_MS)) is not None:
            raise error
        left = SESSION_MS - passed
        if left <= 0:
            raise LinkError(
                _("No session with the terminal on {port} ({state}).").format(
                    port=status.link.port, state=state_words(status.link.state)
                ),
                _("See that it is on and its cable is in; counterfoil terminal status says more."),
            )
        desk.wait(status.revision, min(left, KEY_REFUSED_MS - passed) if passed < KEY_REFUSED_MS else left)
