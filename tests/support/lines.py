"""A line to a server of this machine that can be cut, as a network can."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Line:
    """What stands between clients and a server."""

    port: int
    """Where clients connect."""
    is_cut: bool = False
    ends: list[socket.socket] = field(default_factory=list)

    def cut(self) -> None:
        """End all connections, and let no new one through."""
        self.is_cut = True
        while self.ends:
            _close(self.ends.pop())

    def mend(self) -> None:
        """Let connections through again."""
        self.is_cut = False


@contextmanager
def run_line(server_port: int) -> Iterator[Line]:
    """Yield a line to the server at a port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        line = Line(listening.getsockname()[1])
        threading.Thread(target=_accept, args=(listening, line, server_port), daemon=True).start()
        yield line
        line.cut()


def _accept(listening: socket.socket, line: Line, server_port: int) -> None:
    """Connect each client with the server."""
    while True:
        try:
            client, _ = listening.accept()
        except OSError:
            return
        if line.is_cut:
            client.close()
            continue
        try:
            server = socket.create_connection(("127.0.0.1", server_port))
        except OSError:
            client.close()
            continue
        line.ends += [client, server]
        for one, other in ((client, server), (server, client)):
            threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    """Pass on what comes from one end until one of them is closed."""
    with suppress(OSError):
        while received := one.recv(65536):
            other.sendall(received)
    _close(one)
    _close(other)


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
