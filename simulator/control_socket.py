"""The control socket: JSON documents, one a line each way, on a Unix socket for its owner alone.

    {"do":"present","customer":"visa"}     ->  {"ok":true,"comes":"next"}
    {"do":"cancel"}                        ->  {"ok":false,"what":"…","todo":"…","state":{…}}

Answers of one client come in the order of its lines; a `wait` holds up its own client's alone. Nothing here waits: whoever
turns the loop calls `turn` whenever a descriptor of `readers` or `writers` is ready, or `deadline` has come.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import stat
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator.commands import command_named
from simulator.control import Control, ControlRefused, Killed, awaited
from simulator.errors import SimulatorError

MOST_CLIENTS = 16
MOST_LINE = 16 * 1024
"""Bytes of a line. What is longer is refused, and its client hung up on."""
MOST_LINES = 256
"""Of one client that were not answered yet; it is read no further before."""
MOST_AT_ONCE = 16
"""Lines of one client that are answered in a turn: the wire is not to wait for whoever commands without end."""
MOST_UNREAD = 1024 * 1024
"""Bytes of answers that a client does not read; it is hung up on."""
_READ = 64 * 1024


@dataclass(slots=True)
class _Client:
    link: socket.socket
    heard: bytes = b""
    lines: deque[bytes] = field(default_factory=deque)
    unwritten: bytearray = field(default_factory=bytearray)
    ended: bool = False
    """It says nothing more."""
    awaits: str = ""
    due: int = 0


class ControlSocket:
    """Raises SimulatorError where path cannot be a socket, or where a simulator listens already. `now`: monotonic ms."""

    def __init__(self, path: Path, control: Control) -> None:
        self._path = path
        self._control = control
        self._clients: list[_Client] = []
        self._did = False
        self._listening = _listen(path)
        self._inode = path.stat().st_ino

    @property
    def readers(self) -> list[int]:
        listening = [self._listening.fileno()] if len(self._clients) < MOST_CLIENTS else []
        return listening + [c.link.fileno() for c in self._clients if not c.ended and len(c.lines) < MOST_LINES]

    @property
    def writers(self) -> list[int]:
        return [client.link.fileno() for client in self._clients if client.unwritten]

    @property
    def deadline(self) -> int | None:
        """When a `wait` has waited long enough, or None."""
        return min((client.due for client in self._clients if client.awaits), default=None)

    def turn(self, now: int) -> bool:
        """Hear, do and answer all that can be; whether anything was. Killed, after the answer; TerminalCrashed."""
        self._did = False
        self._accept()
        for client in self._clients:
            self._hear(client)
            self._serve(client, now)
        for client in [c for c in self._clients if c.ended and not (c.lines or c.unwritten or c.awaits)]:
            self._drop(client)
        return self._did

    def close(self) -> None:
        """Hang up, and leave nothing behind."""
        for client in list(self._clients):
            self._write(client)
            self._drop(client)
        self._listening.close()
        with suppress(OSError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()

    def _accept(self) -> None:
        while len(self._clients) < MOST_CLIENTS:
            try:
                link, _ = self._listening.accept()
            except OSError:
                return
            link.setblocking(False)
            self._clients.append(_Client(link))

    def _hear(self, client: _Client) -> None:
        if client.ended or len(client.lines) >= MOST_LINES:
            return
        try:
            data = client.link.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
            client.unwritten.clear()
        client.ended = not data
        *lines, client.heard = (client.heard + data).split(b"\n")
        client.lines += lines
        if len(client.heard) > MOST_LINE:
            client.lines.append(client.heard)
            client.heard, client.ended = b"", True

    def _serve(self, client: _Client, now: int) -> None:
        if client.awaits and not self._goes_on(client, now):
            return
        for _ in range(MOST_AT_ONCE):
            if not client.lines or client.awaits or len(client.unwritten) > MOST_UNREAD:
                break
            self._answer(client, client.lines.popleft(), now)
        self._write(client)

    def _answer(self, client: _Client, line: bytes, now: int) -> None:
        self._did = True
        if not line.strip():
            return
        try:
            name, args = _read(line)
            if name == "wait" and self._begins_to_wait(client, args, now):
                return
            answer = self._control.do(name, args, now)
        except SimulatorError as error:
            _say(client, _refusal(error))
            return
        except Killed:
            _say(client, {"ok": True})
            self._write(client)
            raise
        _say(client, {"ok": True, **answer})

    def _begins_to_wait(self, client: _Client, args: dict[str, Any], now: int) -> bool:
        """False where it is so already, or can never be asked: `Control.do` says it then."""
        try:
            given = command_named("wait").given(args)
            until, so = awaited(given), self._control.holds(awaited(given), now)
        except SimulatorError:
            return False
        if so or given["for"] == 0:
            return False
        client.awaits, client.due = until, now + int(given["for"])
        return True

    def _goes_on(self, client: _Client, now: int) -> bool:
        """Its wait is over, one way or the other."""
        if not self._control.holds(client.awaits, now):
            if now < client.due and not client.ended:
                return False
            key, _, name = client.awaits.partition(":")
            _say(client, _refused(self._control, {key: name} if name else {"until": key}, now))
        else:
            _say(client, {"ok": True})
        client.awaits = ""
        self._did = True
        return True

    def _write(self, client: _Client) -> None:
        while client.unwritten:
            try:
                written = client.link.send(client.unwritten)
            except BlockingIOError:
                if len(client.unwritten) > MOST_UNREAD:
                    break
                return
            except OSError:
                break
            del client.unwritten[:written]
        else:
            return
        client.unwritten.clear()
        client.lines.clear()
        client.ended = True

    def _drop(self, client: _Client) -> None:
        client.link.close()
        self._clients.remove(client)


def _say(client: _Client, document: dict[str, object]) -> None:
    client.unwritten += json.dumps(document, ensure_ascii=False).encode() + b"\n"


def _refused(control: Control, args: dict[str, Any], now: int) -> dict[str, object]:
    """What was waited for is not so."""
    try:
        control.do("wait", args, now)
    except SimulatorError as error:
        return _refusal(error)
    return {"ok": True}


def _refusal(error: SimulatorError) -> dict[str, object]:
    state = error.state if isinstance(error, ControlRefused) else {}
    return {"ok": False, "what": error.what, "todo": error.todo, "state": state}


def _read(line: bytes) -> tuple[str, dict[str, Any]]:
    """Name and arguments. SimulatorError: no such document, which is not repeated."""
    todo = 'Write {"do":"NAME","KEY":VALUE}, in one line.'
    if len(line) > MOST_LINE:
        raise SimulatorError(f"A line of more than {MOST_LINE} bytes.", todo)
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        raise SimulatorError("That is no JSON document.", todo) from None
    if not isinstance(document, dict) or not isinstance(document.get("do"), str):
        raise SimulatorError("That is no command.", todo)
    return document.pop("do"), document


def _listen(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        _clear(path)
        listening.bind(str(path))
        listening.listen(MOST_CLIENTS)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        why = error.strerror or str(error)  # a path that is too long has no errno
        raise SimulatorError(
            f"The control socket {path} cannot be made: {why}.",
            "Give --control a short path in a folder that can be written.",
        ) from error
    except SimulatorError:
        listening.close()
        raise
    finally:
        os.umask(before)
    return listening


def _clear(path: Path) -> None:
    """Take away the socket of a simulator that is gone."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise SimulatorError(f"{path} is no socket.", "Give --control another path.")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knock:
        try:
            knock.connect(str(path))
        except OSError as error:
            if error.errno != errno.ECONNREFUSED:
                raise
            path.unlink(missing_ok=True)
            return
    raise SimulatorError(f"A simulator listens on {path} already.", "Stop it, or give --control another path.")
