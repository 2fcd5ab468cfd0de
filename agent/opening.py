"""Making a home, and opening one: as its owner with the agent at work, or as a guest of the agent that owns it."""

from __future__ import annotations

import importlib.metadata
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from getpass import getpass
from pathlib import Path

from agent import link_keys
from agent.desk import Desk, HomeDesk
from agent.desk_socket import DeskServer, SocketDesk
from agent.errors import CounterfoilError, HomeError, JournalDamaged, LinkError
from agent.home import Home
from agent.journal import heads, keys
from agent.journal.entries import Draft
from agent.journal.keys import PassphraseSources, Signer
from agent.journal.kinds import HeadMismatch, JournalOpened, to_draft
from agent.journal.reader import open_reader
from agent.journal.store import Journal
from agent.language import _
from agent.notices import nature_words, source_words, state_words, verdict_words, words
from agent.runner import Runner
from agent.settings import Settings, write_settings
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
) -> Iterator[HomeDesk]:
    """Own the home, open journal and port, turn the pump, serve the socket; at the end, everything is closed cleanly.

    accept_loss: go on where a remembered head is not this journal's; the finding is signed first. patient: wait for a port
    that is not there. Raises HomeError, KeyRefused, JournalError, JournalDamaged, PortError.
    """
    with ExitStack() as stack:
        home.own(PATIENCE_S)
        home.disown()
        signer = keys.unlock(home.path, sources)  # may ask a person: not under the lock
        home.own(PATIENCE_S)
        stack.callback(home.disown)
        journal = open_journal(home, settings, signer, accept_loss=accept_loss)
        try:
            if not home.terminal_key.exists():  # a home of an older make
                link_keys.make(home.link_key)
            runner = Runner(home, settings, journal, signer)
        except BaseException:
            journal.close()
            raise
        runner.start(patient=patient)
        stack.callback(runner.stop)
        desk = HomeDesk(home, settings, runner)
        stack.callback(desk.close)
        stack.callback(DeskServer(home.socket, desk).close)
        yield desk


def open_journal(home: Home, settings: Settings, signer: Signer, *, accept_loss: bool) -> Journal:
    """The journal, after the check of every start against what is remembered. Raises as `agent_at_work`."""
    journal = Journal.open(home.journal, signer)
    try:
        opened = journal.entry(0).body
        if not _is_of(opened, settings):
            raise HomeError(
                _("The settings of {home} do not fit its journal.").format(home=home.path),
                _("Put back the settings: terminal {terminal}, {nature}.").format(
                    terminal=opened["terminal"], nature=nature_words(simulated=opened["nature"] == "simulated")
                ),
            )
        _require_remembered(home, journal, signer, simulated=settings.simulated, accept_loss=accept_loss)
    except BaseException:
        journal.close()
        raise
    return journal


def _require_remembered(home: Home, journal: Journal, signer: Signer, *, simulated: bool, accept_loss: bool) -> None:
    """What is remembered and accepted before is passed by: its mismatch stands in the journal already."""
    drafts: list[Draft] = []
    unfit = [
        found
        for found in heads.compare_all(journal, home.path)
        if not found.verdict.fits and not found.source.startswith(heads.SET_ASIDE)  # once it was recorded
    ]
    accepted = {e.body["remembered"] for e in journal.entries() if e.kind == "head.mismatch"} if unfit else set()
    for found in unfit:
        if found.note in accepted:
            continue
        if not accept_loss:
            raise JournalDamaged(
                _(
                    "The journal ends at entry {size} and is not the one whose head was remembered ({source}: {verdict})."
                ).format(
                    size=journal.size - 1, source=source_words(found.source), verdict=verdict_words(found.verdict.value)
                ),
                _("Put the right journal.db back, with its -wal; or go on, the finding signed, with --accept-loss"),
            )
        mismatch = HeadMismatch(source=found.source, remembered=found.note, verdict=found.verdict.value)
        drafts.append(to_draft(mismatch, signer.token_hmac))
    journal.append(drafts, journal.head.at if simulated else time.time_ns() // 1_000_000)
    for draft in drafts:
        heads.set_aside(home.path, draft.body["remembered"])


@contextmanager
def open_desk(
    home: Home, *, work: bool = False, patient: bool = False, sources: PassphraseSources | None = None
) -> Iterator[Desk]:
    """A desk on the home: its owner's, over the socket; or, where nobody owns it, one of our own for this while.

    work: what is asked needs the terminal, so an agent is set to work if none is; patient: as there. Raises HomeError, and
    what `agent_at_work` raises.
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
        if not work:
            stack.callback(home.disown)
            desk = HomeDesk(home, settings)
            stack.callback(desk.close)
            yield desk
            return
        home.disown()
        yield stack.enter_context(agent_at_work(home, settings, sources or passphrase_sources(), patient=patient))


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
