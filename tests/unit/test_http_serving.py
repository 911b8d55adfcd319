"""Tests of the HTTP server of the house: connections that send nothing, or not enough, keep nobody else out."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
import uvicorn

from deployments import http_serving
from deployments.http_serving import close_silent_websockets, configure_server

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
SLOW_SECONDS = 0.2
LARGE = 2**24
"""Bytes of an answer of which the system takes a part only."""
PATIENCE_SECONDS = 10


async def answer_slowly(scope: "Scope", receive: "Receive", send: "Send") -> None:
    """An app that reads a request, and takes some time; at `/large` it has a large answer, in pieces or not."""
    while (await receive()).get("more_body"):
        pass
    if scope["path"] == "/large":
        pieces = 256 if scope["query_string"] else 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(pieces):
            await send({"type": "http.response.body", "body": bytes(LARGE // pieces), "more_body": True})
        await send({"type": "http.response.body"})
        return
    await asyncio.sleep(SLOW_SECONDS)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


@contextmanager
def serve(listening: socket.socket) -> Iterator[int]:
    """Serve `answer_slowly`; yield the port."""
    server = uvicorn.Server(configure_server(answer_slowly, lifespan="off", log_level="critical"))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def port() -> Iterator[int]:
    """The port of a server of `answer_slowly`."""
    with socket.create_server(("127.0.0.1", 0)) as listening, serve(listening) as number:
        yield number


@contextmanager
def connect(port: int, sent: bytes = b"") -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as connection:
        connection.sendall(sent)
        yield connection


def is_closed(connection: socket.socket) -> bool:
    """Return whether the server closes a connection without an answer."""
    try:
        return connection.recv(100) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("sent", [b"", REQUEST, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"])
def test_a_request_is_answered_however_many_connections_have_sent_no_whole_one(
    port: int, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(http_serving, "find_most_connections", lambda: 4)
    with ExitStack() as opened:
        idle = [opened.enter_context(connect(port, sent)) for _ in range(12)]
        asking = opened.enter_context(connect(port, REQUEST + b"\r\n"))
        assert asking.recv(100).startswith(b"HTTP/1.1 204")
        assert is_closed(idle[0])


def test_no_more_connections_are_kept_where_many_are_made_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_serving, "find_most_connections", lambda: 4)
    with socket.create_server(("127.0.0.1", 0), backlog=20) as listening, ExitStack() as opened:
        idle = [opened.enter_context(connect(listening.getsockname()[1])) for _ in range(12)]
        with serve(listening):
            assert all(map(is_closed, idle[:8]))


def test_a_connection_that_sends_no_whole_request_in_time_is_closed_and_a_slow_answer_is_not(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_serving, "REQUEST_SECONDS", SLOW_SECONDS / 4)
    with connect(port, REQUEST) as half, connect(port, REQUEST + b"\r\n") as whole:
        began = time.monotonic()
        assert is_closed(half)
        assert time.monotonic() - began < SLOW_SECONDS
        assert whole.recv(100).startswith(b"HTTP/1.1 204")


ASK_LARGE = [b"GET /large%s HTTP/1.1\r\nHost: a\r\n\r\n" % query for query in (b"", b"?in=pieces")]


@pytest.mark.parametrize("request_", ASK_LARGE)
def test_a_client_that_reads_nothing_of_an_answer_in_time_loses_its_place_and_one_that_reads_slowly_does_not(
    port: int, monkeypatch: pytest.MonkeyPatch, request_: bytes
) -> None:
    monkeypatch.setattr(http_serving, "REQUEST_SECONDS", SLOW_SECONDS)
    with connect(port, request_) as deaf, connect(port, request_) as slow:
        assert read_large(slow, SLOW_SECONDS / 4) > LARGE
        assert read_large(deaf) < LARGE


def read_large(connection: socket.socket, pause: float = 0) -> int:
    """Read the answer of `/large`, with pauses; return how many bytes came."""
    read = 0
    while read <= LARGE and (piece := connection.recv(2**21)):
        read += len(piece)
        time.sleep(pause)
    return read


@pytest.mark.parametrize("request_", ASK_LARGE)
def test_a_client_that_does_not_read_its_answer_makes_room_for_others(
    port: int, monkeypatch: pytest.MonkeyPatch, request_: bytes
) -> None:
    monkeypatch.setattr(http_serving, "find_most_connections", lambda: 4)
    with ExitStack() as opened:
        for _ in range(6):
            opened.enter_context(connect(port, request_)).recv(1)
        asking = opened.enter_context(connect(port, REQUEST + b"\r\n"))
        assert asking.recv(100).startswith(b"HTTP/1.1 204")


def test_a_request_with_two_lengths_is_refused(port: int) -> None:
    with connect(
        port, REQUEST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ) as asking:
        assert asking.recv(100).startswith(b"HTTP/1.1 400")


def test_websockets_that_say_nothing_make_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_serving, "MOST_SILENT_WEBSOCKETS", 2)
    closed: list[int] = []

    async def app(scope: "Scope", receive: "Receive", send: "Send") -> None:
        if (await receive())["type"] == "websocket.disconnect":
            closed.append(scope["number"])

    async def receive() -> "Message":
        await asyncio.sleep(60)
        raise AssertionError

    async def send(message: "Message") -> None: ...

    async def open_five() -> None:
        guarded = close_silent_websockets(app)
        scopes = ({"type": "websocket", "number": number} for number in range(5))
        together = asyncio.gather(*(guarded(scope, receive, send) for scope in scopes))
        await asyncio.sleep(0.05)
        together.cancel()

    with suppress(asyncio.CancelledError):
        asyncio.run(open_five())
    assert closed == [0, 1, 2]
