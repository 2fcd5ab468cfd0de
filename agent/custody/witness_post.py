"""One POST to a witness and its answer: no redirect is followed, no proxy asked, no cookie kept, and nothing lasts."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import SplitResult, urlsplit

TIMEOUT_S = 10
"""For the whole answer, from the look-up of the name to its last byte."""
LONGEST_ANSWER = 64 * 1024
"""Bytes of an answer's body; of a longer one nothing is read."""


class NoAnswer(Exception):
    """str: why, for a person who keeps networks."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes


def check_url(url: str) -> SplitResult:
    """A witness's submission prefix, taken apart. ValueError unless http or https, with a host, without user or query."""
    parts = urlsplit(url)
    plain = url.isascii() and url.isprintable() and " " not in url
    if not plain or parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
        raise ValueError("no address of http or https")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError("an address without user, query and fragment")
    return parts


@dataclass(slots=True)
class _Call:
    url: str
    body: bytes
    reply: Future[Reply] = field(default_factory=Future)
    line: socket.socket | None = None
    """Shut down where the time is over: its thread then ends too, however slowly the other side goes on talking."""

    def run(self) -> None:
        try:
            self.reply.set_result(self._post())
        except (OSError, HTTPException, ValueError) as error:
            self.reply.set_exception(NoAnswer(f"{type(error).__name__}: {error}"[:200]))
        except BaseException as error:
            self.reply.set_exception(error)

    def _post(self) -> Reply:
        parts = check_url(self.url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
        try:
            connection.connect()
            self.line = connection.sock
            headers = {"Content-Type": "text/plain; charset=utf-8", "User-Agent": "counterfoil", "Connection": "close"}
            connection.request("POST", parts.path.rstrip("/") + "/add-checkpoint", self.body, headers)
            answer = connection.getresponse()
            body = answer.read(LONGEST_ANSWER + 1)
            if len(body) > LONGEST_ANSWER:
                raise ValueError(f"an answer longer than {LONGEST_ANSWER} bytes")
            if answer.length:
                raise HTTPException("the answer was cut")
            return Reply(answer.status, body)
        finally:
            connection.close()

    def give_up(self) -> None:
        if self.line is not None:
            with suppress(OSError):
                socket.socket.shutdown(self.line, socket.SHUT_RDWR)  # not the TLS layer's own, which would wait


def post_all(asked: list[tuple[str, bytes]]) -> list[Reply | NoAnswer]:
    """POST every body to its url's add-checkpoint, all at once; answers in their order, after 10 s at the latest."""
    calls = [_Call(url, body) for url, body in asked]
    for call in calls:
        threading.Thread(target=call.run, name="witness: post", daemon=True).start()
    wait([call.reply for call in calls], timeout=TIMEOUT_S)
    return [_outcome(call) for call in calls]


def _outcome(call: _Call) -> Reply | NoAnswer:
    if not call.reply.done():
        call.give_up()
        return NoAnswer(f"no answer within {TIMEOUT_S} s")
    error = call.reply.exception()
    if error is None:
        return call.reply.result()
    if isinstance(error, NoAnswer):
        return error
    raise error
