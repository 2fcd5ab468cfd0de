"""A witness made by hand for these tests, from c2sp.org/tlog-cosignature and c2sp.org/tlog-witness alone: a key that signs, and a
server that answers as it is told to."""

from __future__ import annotations

import threading
from base64 import b64decode, b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SIGNED_AT = 1_772_400_000


@dataclass(frozen=True)
class HandWitness:
    name: str = "witness.example/w1"
    kind: bytes = b"\x04"

    @property
    def private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(sha256(self.name.encode()).digest())

    @property
    def public(self) -> bytes:
        return self.private.public_key().public_bytes_raw()

    @property
    def key_id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + self.kind + self.public).digest()[:4]

    @property
    def vkey(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{b64encode(self.kind + self.public).decode()}"

    def line(self, text: str, time: int = SIGNED_AT) -> str:
        """The cosignature over a checkpoint's text."""
        signature = self.private.sign(f"cosignature/v1\ntime {time}\n{text}".encode())
        blob = self.key_id + time.to_bytes(8, "big") + signature
        return f"\u2014 {self.name} {b64encode(blob).decode()}\n"

    def answer(self, body: bytes) -> bytes:
        """What a willing witness says to an add-checkpoint body."""
        return self.line(Shown(body).text).encode()


class Shown:
    """An add-checkpoint body taken apart."""

    def __init__(self, body: bytes) -> None:
        head, _, self.note = body.decode().partition("\n\n")
        self.old = int(head.split("\n")[0].removeprefix("old "))
        self.proof = [b64decode(line, validate=True) for line in head.split("\n")[1:]]
        self.text = self.note.partition("\n\n")[0] + "\n"
        self.origin, size, root = self.text.splitlines()
        self.size, self.root = int(size), b64decode(root, validate=True)


Answer = tuple[int, dict[str, str], bytes]


class ScriptedServer:
    """Answers every POST by `say(body)`, or writes raw what `say` gives as bytes. posts: (path, headers, body) as they came."""

    def __init__(self, say: Callable[[bytes], Answer | None]) -> None:
        self.posts: list[tuple[str, dict[str, str], bytes]] = []
        posts = self.posts

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                posts.append((self.path, dict(self.headers), body))
                answer = say(body)
                if answer is None:  # it hangs up
                    self.close_connection = True
                    return
                status, headers, said = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                with suppress(OSError):  # whoever asked has gone
                    self.wfile.write(said)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/prefix"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def __enter__(self) -> ScriptedServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
