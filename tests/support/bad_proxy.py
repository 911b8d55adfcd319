"""A proxy before a server that answers 503, cuts, drops or holds back answers, as a test asks."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Trouble:
    """What the proxy does to the next requests; tests change it."""

    refuse: int = 0
    """How many requests get 503."""
    cut: int = 0
    """How many answers to GET of more than `CUT_BYTES` are cut off there."""
    hush: int = 0
    """How many such answers fall silent there instead, with the connection open."""
    drop: int = 0
    """How many answers to conditional writes are dropped, after the server has written."""
    asked: list[str] = field(default_factory=list)
    """Method and range of each request."""


CUT_BYTES = 100_000
HUSHED_SECONDS = 5
"""How long a silent connection stays open."""


class _Proxy(BaseHTTPRequestHandler):
    """Forwards the requests of one connection, with the trouble of its proxy."""

    protocol_version = "HTTP/1.1"
    server_address: tuple[str, int]
    trouble: Trouble
    ended: threading.Event

    def forward(self) -> None:
        self.trouble.asked.append(f"{self.command} {self.headers.get('Range', '')}".strip())
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.trouble.refuse:
            self.trouble.refuse -= 1
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        connection = http.client.HTTPConnection(*self.server_address)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        is_conditional = "If-None-Match" in self.headers or "If-Match" in self.headers
        if self.trouble.drop and self.command == "PUT" and is_conditional:
            self.trouble.drop -= 1
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in (
                "transfer-encoding",
                "connection",
                "date",
                "server",
                "content-length",
            ):
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        self.send_body(content)

    def send_body(self, content: bytes) -> None:
        if self.trouble.cut and self.command == "GET" and len(content) > CUT_BYTES:
            self.trouble.cut -= 1
            self.wfile.write(content[:CUT_BYTES])
            self.close_connection = True
        elif self.trouble.hush and self.command == "GET" and len(content) > CUT_BYTES:
            self.trouble.hush -= 1
            self.wfile.write(content[:CUT_BYTES])
            self.ended.wait(HUSHED_SECONDS)
            self.close_connection = True
        else:
            self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = forward  # noqa: N815 (the names that the server calls)

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def run_bad_proxy(port: int, host: str = "127.0.0.1") -> Iterator[tuple[int, Trouble]]:
    """Yield the port of a proxy before the server at `port` of an address of this machine, and its trouble."""

    class Handler(_Proxy):
        server_address = host, port
        trouble = Trouble()
        ended = threading.Event()

    server = ThreadingHTTPServer((host, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_port, Handler.trouble
    finally:
        Handler.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
