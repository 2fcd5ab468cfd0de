"""The end of the desk's socket that answers: in the process that owns the home (agent/desk_socket.py has the protocol)."""

from __future__ import annotations

import os
import select
import socket
import socketserver
import threading
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from agent import errors
from agent.desk import Desk
from agent.desk_calls import GIVEN, RESULTS, Answer, Call, Refusal, address_of

_ASKER_MAY_GO = ("money", "refund")
"""Methods that are told when nobody waits for their answer any more."""
LONGEST_CALL = 16 * 1024 * 1024
"""Bytes: a year's statement is recorded whole."""


class DeskServer:
    """Serves one desk on a socket, in threads of its own. The caller owns the home, so that a stale socket may go."""

    def __init__(self, path: Path, desk: Desk) -> None:
        self._path = path
        path.unlink(missing_ok=True)
        address, folder = address_of(path)
        before = os.umask(0o177)
        try:
            self._server = _Server(address, _Handler)
        finally:
            os.umask(before)
            if folder is not None:
                os.close(folder)
        self._server.desk = desk
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 3600}, name="desk", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """No new call is taken; the socket's file goes."""
        stopping = threading.Thread(target=self._server.shutdown, daemon=True)
        stopping.start()
        self._wake()
        stopping.join(timeout=2)
        self._server.server_close()
        self._path.unlink(missing_ok=True)

    def _wake(self) -> None:
        # serve_forever looks at its stop flag when a connection comes: nothing polls in between.
        address, folder = address_of(self._path)
        try:
            with socket.socket(socket.AF_UNIX) as knock:
                knock.connect(address)
        except OSError:
            pass
        finally:
            if folder is not None:
                os.close(folder)


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    desk: Desk
    """HomeDesk in truth, whose `money` is told when its asker has gone."""


class _Handler(socketserver.StreamRequestHandler):
    server: _Server
    _watch: threading.Thread | None = None

    def handle(self) -> None:
        line = self.rfile.readline(LONGEST_CALL)
        if not line:
            return
        try:
            call = msgspec.json.decode(line, type=Call)
            if call.method not in RESULTS:
                raise msgspec.ValidationError(f"no method {call.method}")
            types = GIVEN[call.method]
            given = {name: msgspec.convert(value, types[name]) for name, value in call.arguments.items()}
            if call.method in _ASKER_MAY_GO:
                given["gone"] = self._asker_gone()
            result = getattr(self.server.desk, call.method)(**given)
            answer = Answer(result=msgspec.Raw(msgspec.json.encode(result)))
        except errors.CounterfoilError as error:
            troubles = getattr(error, "troubles", ())
            answer = Answer(error=Refusal(type(error).__name__, error.what, error.todo, troubles))
        except Exception as error:  # a question that makes no sense is the asker's trouble, not the agent's
            answer = Answer(error=Refusal("HomeError", f"{type(error).__name__}: {error}", ""))
        with suppress(OSError):  # the asker has gone
            self.wfile.write(_encode_answer(answer))
        if self._watch is not None:
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            self._watch.join()

    def _asker_gone(self) -> Future[None]:
        """Done once the asker's process has closed its end or was killed: nobody stands at that screen any more."""
        gone: Future[None] = Future()
        watched = select.poll()
        watched.register(self.connection, 0)  # a hang-up is always told, and nothing else is asked for

        def watch() -> None:
            watched.poll()
            gone.set_result(None)

        self._watch = threading.Thread(target=watch, name="desk: asker", daemon=True)
        self._watch.start()
        return gone


def _encode_answer(answer: Answer) -> bytes:
    told: dict[str, Any] = {"error": answer.error} if answer.error is not None else {"result": answer.result}
    return msgspec.json.encode(told) + b"\n"
