"""One POST to whoever stands at the address: it is over in ten seconds, within 64 KiB, and goes nowhere else."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agent.custody import witness_post
from agent.custody.witness_post import LONGEST_ANSWER, NoAnswer, Reply, check_url, post_all
from tests.agent.custody.hand_witness import ScriptedServer

BODY = b"old 0\n\nnote\n"


def test_what_is_sent() -> None:
    with ScriptedServer(lambda _body: (200, {}, b"line\n")) as server:
        assert post_all([(server.url, BODY)]) == [Reply(200, b"line\n")]
        assert post_all([(f"{server.url}/", BODY)]) == [Reply(200, b"line\n")]
    for path, headers, body in server.posts:
        assert (path, body) == ("/prefix/add-checkpoint", BODY)
        assert headers["User-Agent"] == "counterfoil"
        assert set(headers) == {"Host", "Accept-Encoding", "Content-Length", "Content-Type", "User-Agent", "Connection"}


@pytest.mark.parametrize("status", [201, 301, 302, 307, 308, 400, 403, 404, 409, 422, 500])
def test_a_redirect_is_not_followed_nor_anything_else_acted_on(status: int) -> None:
    with ScriptedServer(lambda _body: (200, {}, b"elsewhere\n")) as elsewhere:
        answer = (status, {"Location": f"{elsewhere.url}/add-checkpoint", "Set-Cookie": "a=b"}, b"said\n")
        with ScriptedServer(lambda _body: answer) as server:
            assert post_all([(server.url, BODY)]) == [Reply(status, b"said\n")]
            assert "Cookie" not in server.posts[0][1]
        assert elsewhere.posts == []


def test_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with ScriptedServer(lambda _body: (200, {}, b"line\n")) as server:
        assert post_all([(server.url, BODY)]) == [Reply(200, b"line\n")]


def test_how_long_an_answer_may_be() -> None:
    with ScriptedServer(lambda _body: (200, {}, b"x" * LONGEST_ANSWER)) as server:
        assert post_all([(server.url, BODY)]) == [Reply(200, b"x" * LONGEST_ANSWER)]
    with ScriptedServer(lambda _body: (200, {}, b"x" * (LONGEST_ANSWER + 1))) as server:
        assert isinstance(post_all([(server.url, BODY)])[0], NoAnswer)
    with ScriptedServer(lambda _body: (200, {"Content-Length": str(2**40)}, b"x" * LONGEST_ANSWER * 2)) as server:
        assert isinstance(post_all([(server.url, BODY)])[0], NoAnswer)


def _raw(said: bytes, *, drip_s: float = 0) -> Iterator[str]:
    """A server that writes these bytes, one at a time with a pause between them, and then waits."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            line, _ = listening.accept()
            with line:
                line.recv(65_536)
                try:
                    for byte in said if drip_s else ():
                        line.sendall(bytes([byte]))
                        time.sleep(drip_s)
                    if not drip_s:
                        line.sendall(said)
                        line.shutdown(socket.SHUT_WR)
                    line.recv(1)
                except OSError:
                    ended.set()
                else:
                    ended.set()

        ended = threading.Event()
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        assert ended.wait(5), "the line was left open"


raw = contextmanager(_raw)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\x00\x01\x02",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nxx",
    ],
)
def test_what_is_no_answer_of_http(said: bytes) -> None:
    with raw(said) as url:
        (answer,) = post_all([(url, BODY)])
    assert isinstance(answer, NoAnswer) and str(answer)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nline",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 40,
        b"H" * 100,
    ],
    ids=["body", "continues", "status line"],
)
def test_a_slow_talker_is_given_up_and_its_line_shut(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes within any time-out of a single read."""
    monkeypatch.setattr(witness_post, "TIMEOUT_S", 0.5)
    began = time.monotonic()
    with raw(said, drip_s=0.1) as url:
        (answer,) = post_all([(url, BODY)])
        assert time.monotonic() - began < 2
    assert isinstance(answer, NoAnswer) and "0.5 s" in str(answer)


def test_one_that_never_answers_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness_post, "TIMEOUT_S", 1)
    asked = threading.Event()

    def says_nothing(_body: bytes) -> None:
        asked.set()
        time.sleep(3)

    with ScriptedServer(says_nothing) as silent, ScriptedServer(lambda _body: (200, {}, b"line\n")) as quick:
        began = time.monotonic()
        first, second, third = post_all([(silent.url, BODY), (quick.url, BODY), (silent.url, BODY)])
        assert time.monotonic() - began < 2.5 and asked.is_set()
    assert second == Reply(200, b"line\n")
    assert isinstance(first, NoAnswer) and isinstance(third, NoAnswer)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    (answer,) = post_all([(f"http://127.0.0.1:{port}", BODY)])
    assert isinstance(answer, NoAnswer) and "refused" in str(answer)
    (answer,) = post_all([("http://no-such-host.invalid", BODY)])
    assert isinstance(answer, NoAnswer)
    assert post_all([]) == []


def test_https_without_a_certificate_is_no_answer() -> None:
    with ScriptedServer(lambda _body: (200, {}, b"line\n")) as server:
        (answer,) = post_all([(server.url.replace("http:", "https:"), BODY)])
    assert isinstance(answer, NoAnswer) and "SSL" in str(answer) and server.posts == []


@pytest.mark.parametrize(
    "url", ["http://h", "https://witness.example/w1", "http://127.0.0.1:80/", "http://[::1]:7/a/b"]
)
def test_an_address(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "witness.example",
            "ftp://h",
            "file:///etc/passwd",
            "http://",
            "http:///x",
            "http://h:0",
            "http://h:65536",
        ),
        *(
            "http://h:x",
            "http://u:p@h",
            "http://u@h",
            "http://h/?q",
            "http://h/#f",
            "http://h/a b",
            "http://h/\n",
            "http://存",
        ),
    ],
)
def test_no_address(url: str) -> None:
    with pytest.raises(ValueError):
        check_url(url)
