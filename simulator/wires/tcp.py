"""A listening TCP port, for pyserial's `socket://`: one agent at a time, a second is turned away, a later one may come."""

from __future__ import annotations

import errno
import select
import socket
import struct
import time

from simulator.errors import SimulatorError
from simulator.wires.wire import MOST_UNREAD

_READ = 64 * 1024
_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER: closing resets the connection, which the peer takes for a failure and not for an end."""


class TcpWire:
    """host: an address of this machine. port: 0 for any that is free; `name` tells which.

    Raises SimulatorError where nothing can listen there.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._unwritten = bytearray()
        self._client: socket.socket | None = None
        self._listening: socket.socket | None = self._listen()

    @property
    def name(self) -> str:
        return f"socket://{f'[{self._host}]' if ':' in self._host else self._host}:{self._port}"

    @property
    def readers(self) -> list[int]:
        return [one.fileno() for one in (self._listening, self._client) if one is not None]

    @property
    def writers(self) -> list[int]:
        return [self._client.fileno()] if self._client is not None and self._unwritten else []

    @property
    def ended(self) -> bool:
        return False

    def read(self) -> bytes:
        data = b""
        if self._client is not None:
            try:
                data = self._client.recv(_READ)
            except BlockingIOError:
                pass
            except OSError:
                self._drop()
            else:
                if not data:
                    self._drop()
        self._accept()
        return data

    def write(self, data: bytes) -> None:
        if self._client is None:
            return
        self._unwritten += data[: MOST_UNREAD - len(self._unwritten)]
        while self._unwritten:
            try:
                written = self._client.send(self._unwritten)
            except BlockingIOError:
                return
            except OSError:
                self._drop()
                return
            del self._unwritten[:written]

    def hang_up(self) -> None:
        """The connection is reset, and further ones are refused."""
        if self._client is not None:
            self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            self._drop()
        if self._listening is not None:
            self._listening.close()
            self._listening = None

    def reappear(self) -> None:
        if self._listening is None:
            self._listening = self._listen()

    def move(self) -> None:
        raise SimulatorError("A TCP port has no device that could move.", "Use a pty (--link), or hang_up.")

    def wait_until_read(self, most_ms: int) -> None:
        """Until the peer hung up after our end: a reset would destroy what it has not read."""
        if self._client is None:
            return
        try:
            self._client.shutdown(socket.SHUT_WR)
            until = time.monotonic_ns() + most_ms * 1_000_000
            while (left := until - time.monotonic_ns()) > 0:
                if select.select([self._client], [], [], left / 1e9)[0] and not self._client.recv(_READ):
                    return
        except OSError:
            pass

    def close(self) -> None:
        if self._client is not None:
            self._drop()
        self.hang_up()

    def _listen(self) -> socket.socket:
        try:
            family, _, _, _, address = socket.getaddrinfo(
                self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            listening = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:
            raise self._deaf(error) from error
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen()
            listening.setblocking(False)
        except OSError as error:
            listening.close()
            raise self._deaf(error) from error
        self._port = int(listening.getsockname()[1])
        return listening

    def _deaf(self, error: OSError) -> SimulatorError:
        why = "another program listens there" if error.errno == errno.EADDRINUSE else error.strerror
        return SimulatorError(
            f"Nothing can listen on {self._host}:{self._port}: {why}.",
            "Give --listen an address of this machine and a free port; port 0 takes any.",
        )

    def _accept(self) -> None:
        while self._listening is not None:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if self._client is not None:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                client.close()
                continue
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            self._client = client

    def _drop(self) -> None:
        assert self._client is not None
        self._client.close()
        self._client = None
        self._unwritten.clear()
