"""Serves an app over HTTP as all servers of the house do: who sends no request or reads no answer loses its place.

Without this, idle connections without a password take all descriptors of the process, and nobody else is answered.
"""

import asyncio
import resource
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.responses import JSONResponse
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_CONNECTIONS = 1000
"""Connections that may be open, if the process may open twice as many files; else half of the files."""
REQUEST_SECONDS = 60.0
"""How long a client may take to send a whole request, or the first message of a websocket, or to read of an answer."""
MOST_SILENT_WEBSOCKETS = 100
"""Websockets that may be open without a first message, which has the password; of more, the first ones are closed."""
LENGTHS = {b"content-length", b"transfer-encoding"}
TWO_LENGTHS = (
    "The request has two lengths, Content-Length and Transfer-Encoding. Next: send one of these headers."
)
BACKLOG = 100
"""Connections that the system accepts for the process at a time: they count only after they were accepted."""


class PatientConnection(H11Protocol):
    """A connection that is closed if its client takes too long to send or to read, or if another one needs its place.

    One more connection than may be open takes the place of the one that has waited longest for its client.
    """

    since: float
    """Since when it waits for its client, on the monotonic clock."""
    timer: asyncio.TimerHandle
    reading: asyncio.TimerHandle | None = None
    """Until the next look at what the client has read of an answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request; close another connection if there are too many."""
        super().connection_made(transport)
        self.app = refuse_two_lengths(self.app)
        transport.set_write_buffer_limits(0)  # writing pauses until the client has taken all
        self._await_request()
        if len(self.connections) > find_most_connections():
            others = [each for each in self.connections if isinstance(each, PatientConnection)]
            oldest = min((each for each in others if each.is_waiting()), key=lambda each: each.since)
            self.connections.discard(oldest)  # it is lost only later, and more may be made before that
            oldest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self.timer.cancel()
        if self.reading:
            self.reading.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self.timer.cancel()
        self._await_request()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Begin to wait until the client has read what waits for it."""
        super().pause_writing()
        self.since = time.monotonic()
        self._await_reader()

    def resume_writing(self) -> None:
        """Write on: the client has read all."""
        if self.reading:
            self.reading.cancel()
        super().resume_writing()

    def is_waiting(self) -> bool:
        """Return whether it waits for its client: for a whole request, or until an answer is read."""
        return self._lacks_request() or self.flow.write_paused

    def _lacks_request(self) -> bool:
        """Return whether no whole request was received that is not answered yet."""
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    def _await_reader(self) -> None:
        """Close the connection, and drop what waits, if its client reads nothing of that for `REQUEST_SECONDS`."""
        self.reading = self.loop.call_later(
            REQUEST_SECONDS, self._look_again, self.transport.get_write_buffer_size()
        )

    def _look_again(self, unread: int) -> None:
        """Wait on if less is unread than before."""
        if self.transport.get_write_buffer_size() < unread:
            self._await_reader()
        else:
            self.transport.abort()

    def _await_request(self) -> None:
        """Note the time, and close the connection if there is no whole request after `REQUEST_SECONDS`."""
        self.since = time.monotonic()
        self.timer = self.loop.call_later(REQUEST_SECONDS, self._give_up)

    def _give_up(self) -> None:
        """Close the connection, unless it has become a websocket or has sent its request."""
        if self in self.connections and self._lacks_request():
            self.transport.close()


def refuse_two_lengths(app: "ASGIApp") -> "ASGIApp":
    """Wrap an app: refuse a request that says the length of its body in two ways, as smuggled ones do (400)."""
    refusal = JSONResponse({"message": TWO_LENGTHS}, 400, {"Connection": "close"})

    async def refuse(scope: "Scope", receive: "Receive", send: "Send") -> None:
        names = {name for name, _ in scope.get("headers", ())}
        await (refusal if names >= LENGTHS else app)(scope, receive, send)

    return refuse


def configure_server(app: "ASGIApp | Callable[[], ASGIApp]", **options: Any) -> uvicorn.Config:
    """Return uvicorn's configuration for an app, or with `factory` for a function that returns one."""
    return uvicorn.Config(app, http=PatientConnection, backlog=BACKLOG, **options)


def serve_app(app: "ASGIApp", listening: socket.socket, **options: Any) -> None:
    """Serve an app on a listening socket until a signal."""
    config = configure_server(app, lifespan="off", log_level="warning", server_header=False, **options)
    uvicorn.Server(config).run(sockets=[listening])


def find_most_connections() -> int:
    """Return how many connections may be open: the app needs the other half of the descriptors for its own files."""
    return min(MOST_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)


def close_silent_websockets(app: "ASGIApp") -> "ASGIApp":
    """Wrap an app: a websocket without a first message is closed after a time, or when there are too many of them.

    To the app it looks as if the client had closed it.
    """
    silent: dict[asyncio.Timeout, None] = {}

    async def serve(scope: "Scope", receive: "Receive", send: "Send") -> None:
        has_spoken = scope["type"] != "websocket"

        async def receive_in_time() -> "Message":
            nonlocal has_spoken
            if has_spoken:
                return await receive()
            try:
                async with asyncio.timeout(REQUEST_SECONDS) as limit:
                    silent[limit] = None
                    if len(silent) > MOST_SILENT_WEBSOCKETS:
                        first = next(iter(silent))
                        del silent[first]
                        if not first.expired():
                            first.reschedule(0)
                    message = await receive()
            except TimeoutError:
                return {"type": "websocket.disconnect", "code": 1008}
            finally:
                silent.pop(limit, None)
            has_spoken = message["type"] != "websocket.connect"
            return message

        await app(scope, receive_in_time, send)

    return serve
