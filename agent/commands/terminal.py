"""`counterfoil terminal`: ask the terminal itself, and know it by its key."""

from __future__ import annotations

import fcntl
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import click

from agent.commands.options import as_json, home_of, iso, passphrase_file, say_json, say_nature
from agent.errors import HomeError, LinkError
from agent.language import _
from agent.link_keys import forget_damaged
from agent.notices import state_words, words
from agent.opening import await_session, open_desk, passphrase_sources
from agent.pairing_steps import await_answer, await_number, given_up_on_the_way
from agent.views import Capability, LinkState, PairingView
from agent.wording import capability_name


@click.group()
def terminal() -> None:
    """The terminal: info, status, pair, unpair, self-test, echo, sync."""


@terminal.command()
@passphrase_file
@as_json
@click.pass_context
def info(ctx: click.Context, *, passphrase_file: Path | None, as_json: bool) -> None:
    """What the terminal says of itself."""
    with open_desk(home_of(ctx), work=True, sources=passphrase_sources(passphrase_file)) as desk:
        await_session(desk)
        found = desk.terminal_info()
    if as_json:
        say_json(
            {
                "terminal": found.terminal,
                "serial_number": found.serial_number,
                "model": found.model,
                "firmware": found.firmware,
                "mid": found.mid,
                "tid": found.tid,
                "merchant_name": found.merchant_name,
                "mcc": found.mcc,
                "clock": iso(found.clock),
                "log_epoch": found.log_epoch,
                "simulated": found.simulated,
            }
        )
        return
    say_nature(found.simulated)
    for label, value in (
        (_("Terminal"), found.terminal),
        (_("Serial number"), found.serial_number),
        (_("Model"), found.model),
        (_("Firmware"), found.firmware),
        (_("Merchant id"), found.mid),
        (_("Terminal id"), found.tid),
        (_("Merchant as shown"), found.merchant_name or "-"),
        (_("Merchant category"), found.mcc or "-"),
        (_("Its clock"), iso(found.clock)),
    ):
        click.echo(f"{label}: {value}")


@terminal.command()
@passphrase_file
@as_json
@click.pass_context
def sync(ctx: click.Context, *, passphrase_file: Path | None, as_json: bool) -> None:
    """Ask the terminal for every event that the journal lacks, and wait until it is recorded."""
    with open_desk(home_of(ctx), work=True, sources=passphrase_sources(passphrase_file)) as desk:
        await_session(desk)
        result, simulated = desk.sync(), desk.status().simulated
    if as_json:
        say_json({"simulated": simulated, "last_event": result.last_event, "received": result.received})
    else:
        say_nature(simulated)
        click.echo(
            _("The journal holds every event up to {last}; {count} came now.").format(
                last=result.last_event, count=result.received
            )
        )


@terminal.command("self-test")
@passphrase_file
@as_json
@click.pass_context
def self_test(ctx: click.Context, *, passphrase_file: Path | None, as_json: bool) -> None:
    """The terminal tests itself. Exit 1 if something did not pass."""
    with open_desk(home_of(ctx), work=True, sources=passphrase_sources(passphrase_file)) as desk:
        await_session(desk)
        report, simulated = desk.self_test(), desk.status().simulated
    if as_json:
        items = [{"name": item.name, "passed": item.passed, "detail": item.detail} for item in report.items]
        say_json({"simulated": simulated, "passed": report.passed, "items": items})
    else:
        say_nature(simulated)
        for item in report.items:
            verdict = _("passed") if item.passed else _("did not pass")
            click.echo(f"{item.name}: {verdict}" + (f" ({item.detail})" if item.detail else ""))
    ctx.exit(0 if report.passed else 1)


@terminal.command()
@click.option("--size", type=click.IntRange(1, 1024), default=64, show_default=True, help="Bytes.")
@passphrase_file
@as_json
@click.pass_context
def echo(ctx: click.Context, *, size: int, passphrase_file: Path | None, as_json: bool) -> None:
    """How long so many bytes take to the terminal and back."""
    with open_desk(home_of(ctx), work=True, sources=passphrase_sources(passphrase_file)) as desk:
        await_session(desk)
        report, simulated = desk.echo(size), desk.status().simulated
    if as_json:
        say_json({"simulated": simulated, "size": report.size, "round_trip_us": report.round_trip_us})
    else:
        say_nature(simulated)
        ms = f"{report.round_trip_us // 1000}.{report.round_trip_us % 1000:03d}"
        click.echo(_("{size} bytes there and back: {ms} ms").format(size=report.size, ms=ms))


@terminal.command()
@as_json
@click.pass_context
def status(ctx: click.Context, *, as_json: bool) -> None:
    """The line: its state and quality, the protocol and what it has words for, the pinned key.

    Without an agent on the home it says what settings and keys say.
    """
    with open_desk(home_of(ctx)) as desk:
        found = desk.status()
    link = found.link
    pairs = Capability.PAIRING in link.speaks
    if as_json:
        counters = ("good", "damaged", "stale", "resent", "repeated")
        say_json(
            {
                "simulated": found.simulated,
                "terminal": found.terminal,
                "state": link.state,
                "port": link.port,
                "since": None if link.state is LinkState.OFF else iso(link.since),
                "dialect": link.dialect,
                "speaks": list(link.speaks),
                "identifies": Capability.EVENTS in link.speaks,
                "paired": link.paired if pairs else None,
                "fingerprint": link.fingerprint,
                "sessions": link.sessions,
                **{f"{name}_frames": getattr(link, f"{name}_frames") for name in counters},
                "discarded": link.discarded,
                "notices": [{"code": n.code, "at": iso(n.at), "facts": n.facts, "seq": n.seq} for n in found.notices],
            }
        )
        return
    say_nature(found.simulated)
    can = [capability_name(each) for each in Capability if each in link.speaks]
    cannot = [capability_name(each) for each in Capability if each not in link.speaks]
    separator = _(", ")
    for label, value in (
        (_("Terminal"), found.terminal),
        (_("Line"), f"{link.port}: {state_words(link.state)}"),
        (_("Protocol"), link.dialect),
        (_("It can"), separator.join(can)),
        (_("It cannot"), separator.join(cannot) or "-"),
        (_("Paired"), (_("yes") if link.paired else _("no")) if pairs else "-"),
        (_("The terminal's key"), link.fingerprint or "-"),
        (_("Sessions"), link.sessions),
        (_("Frames: good, damaged"), f"{link.good_frames}, {link.damaged_frames}"),
        (
            _("Frames: stale, sent again, heard again"),
            f"{link.stale_frames}, {link.resent_frames}, {link.repeated_frames}",
        ),
    ):
        click.echo(f"{label}: {value}")
    if Capability.EVENTS not in link.speaks:
        click.echo(
            _("This terminal's protocol does not say which terminal it is: see that the right one is connected.")
        )
        click.echo(_("It tells nothing of its own either: what is done at the terminal itself is not recorded here."))
    if link.state is LinkState.OFF:
        click.echo(
            _("No agent looks at the line now, so what may be wrong with it is not known.")
            + " "
            + _("Start one with: counterfoil serve")
        )
    for notice in found.notices:
        click.echo(" ".join(words(notice)))


@terminal.command()
@click.option("--replace", is_flag=True, help="Also where another key was paired before: the terminal was exchanged.")
@click.option(
    "--number-fd",
    type=click.IntRange(0, 1 << 20),
    help="Read the number that the terminal shows from this file descriptor, as a line, instead of asking.",
)
@passphrase_file
@as_json
@click.pass_context
def pair(
    ctx: click.Context, *, replace: bool, number_fd: int | None, passphrase_file: Path | None, as_json: bool
) -> None:
    """Pair this home with its terminal, once: compare the number here with the one on its display.

    Exit 1 where the numbers differ. A terminal that holds another key than before is refused without --replace. The terminal
    must be answered too: whether it answers then is waited for, 5 s at most, and said.

    \b
    Example:
      counterfoil terminal pair
    """
    if number_fd is None and not sys.stdin.isatty():
        raise HomeError(
            _("There is nobody here to compare the number."),
            _("Run it on a terminal; or give the number that the terminal shows with --number-fd."),
        )
    with ExitStack() as stack:
        given = None if number_fd is None else stack.enter_context(_opened(number_fd))
        desk = stack.enter_context(
            open_desk(home_of(ctx), work=True, patient=False, sources=passphrase_sources(passphrase_file))
        )
        simulated = desk.status().simulated
        if not as_json:
            say_nature(simulated)
        with given_up_on_the_way(desk):
            view = await_number(desk)
            same = _compare(view, replace=replace, given=given)
            if same:
                desk.confirm_pairing(view.number or "", replace)
            else:
                desk.cancel_pairing()
        key = desk.status().link.fingerprint
        if same and not as_json:
            click.echo(_("Paired. The terminal's key: {fingerprint}").format(fingerprint=key))
            click.echo(_("Answer yes on the terminal too, if it still asks."), err=True)
        trouble = await_answer(desk) if same else None
    if as_json:
        replaced, answers = same and view.changed, same and trouble is None
        said = {"paired": same, "replaced": replaced, "answers": answers, "fingerprint": key}
        say_json({"simulated": simulated, **said})
    elif not same:
        click.echo(_("Not paired; nothing was changed."), err=True)
    elif trouble is None:
        click.echo(_("The terminal answers."))
    if trouble is not None:
        click.echo(f"{trouble.what}\n{trouble.todo}", err=True)
    ctx.exit(0 if same else 1)


def _opened(number_fd: int) -> IO[str]:
    """The descriptor to read from, before anything is begun: a number that is none might be one of the journal's later."""
    try:
        if fcntl.fcntl(number_fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY:
            raise OSError
        return os.fdopen(number_fd, encoding="ascii", errors="replace", closefd=False)
    except OSError:
        raise click.BadParameter(
            _("the file descriptor {number} is not open for reading.").format(number=number_fd),
            param_hint="'--number-fd'",
        ) from None


def _compare(view: PairingView, *, replace: bool, given: IO[str] | None) -> bool:
    """The number large, and whether a person, or the descriptor, says that the terminal shows the same."""
    number = view.number or ""
    click.secho(f"\n    {number[:3]} {number[3:]}\n", bold=True, err=True)
    if view.changed:
        click.echo(_("WARNING: this is another terminal key than the one that was paired before."), err=True)
        if not replace:
            raise LinkError(
                _("The terminal holds another key than the one that was paired before; nothing was changed."),
                _("If it was exchanged, and you know by whom, pair it with: counterfoil terminal pair --replace"),
            )
    if given is None:
        return click.confirm(_("Does the terminal's display show the same number?"), default=False, err=True)
    return "".join(given.readline().split()) == number


@terminal.command()
@passphrase_file
@as_json
@click.pass_context
def unpair(ctx: click.Context, *, passphrase_file: Path | None, as_json: bool) -> None:
    """Forget the terminal's key: nothing more is taken from it until it is paired again. The journal keeps what it has.

    A file of that key that cannot be read is removed, so that an agent can start again.
    """
    damaged = forget_damaged(home_of(ctx))
    with open_desk(home_of(ctx), work=True, patient=True, sources=passphrase_sources(passphrase_file)) as desk:
        status = desk.status()
        desk.unpair()
    if as_json:
        say_json({"simulated": status.simulated, "paired": False, "was": status.link.fingerprint, "damaged": damaged})
        return
    say_nature(status.simulated)
    if damaged:
        click.echo(
            _("The file of the terminal's key held none, and is removed. Pair again with: counterfoil terminal pair")
        )
    elif not status.link.paired:
        click.echo(_("This home was not paired; nothing was changed."))
    else:
        click.echo(_("The terminal's key is forgotten. Pair again with: counterfoil terminal pair"))
