"""Serves an app over HTTP as all servers of the house do: a connection that sends no whole request loses its place.

Without this, idle connections without a password take all descriptors of the process, and nobody else is answered.
"""

import asyncio
import resource
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_CONNECTIONS = 1000
"""Connections that may be open, if the process may open twice as many files; else half of the files."""
REQUEST_SECONDS = 60.0
"""How long a connection may take until it has sent a whole request, and a websocket its first message."""
MOST_SILENT_WEBSOCKETS = 100
"""Websockets that may be open without a first message, which has the password; of more, the first ones are closed."""
BACKLOG = 100
"""Connections that the system accepts for the process at a time: they count only after they were accepted."""


class PatientConnection(H11Protocol):
    """A connection that is closed if its request takes too long, or if another one needs its place.

    One more connection than may be open takes the place of the one that has waited longest for a whole request.
    """

    since: float
    """Since when it waits for a request, on the monotonic clock."""
    timer: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request; close another connection if there are too many."""
        super().connection_made(transport)
        self._await_request()
        if len(self.connections) > find_most_connections():
            others = [each for each in self.connections if isinstance(each, PatientConnection)]
            waiting = [each for each in others if each.is_waiting() and not each.transport.is_closing()]
            min(waiting, key=lambda each: each.since).transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self.timer.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self.timer.cancel()
        self._await_request()
        super().on_response_complete()

    def is_waiting(self) -> bool:
        """Return whether no whole request was received that is not answered yet."""
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    def _await_request(self) -> None:
        """Note the time, and close the connection if there is no whole request after `REQUEST_SECONDS`."""
        self.since = time.monotonic()
        self.timer = self.loop.call_later(REQUEST_SECONDS, self._give_up)

    def _give_up(self) -> None:
        """Close the connection, unless it has become a websocket or has sent its request."""
        if self in self.connections and self.is_waiting():
            self.transport.close()


def configure_server(app: "ASGIApp | Callable[[], ASGIApp]", **options: Any) -> uvicorn.Config:
    """Return uvicorn's configuration for an app, or with `factory` for a function that returns one."""
    return uvicorn.Config(app, http=PatientConnection, backlog=BACKLOG, **options)


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
                        _end_first(silent)
                    message = await receive()
            except TimeoutError:
                return {"type": "websocket.disconnect", "code": 1008}
            finally:
                silent.pop(limit, None)
            has_spoken = message["type"] != "websocket.connect"
            return message

        await app(scope, receive_in_time, send)

    return serve


def _end_first(silent: dict[asyncio.Timeout, None]) -> None:
    """End the wait that began first."""
    first = next(iter(silent))
    del silent[first]
    if not first.expired():
        first.reschedule(0)
