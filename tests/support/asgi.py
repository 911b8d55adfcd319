"""Sends requests to ASGI apps in this process, without a server."""

import asyncio
import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from starlette.types import ASGIApp

HOST = "127.0.0.1:8300"


@dataclass(frozen=True)
class Answered:
    """The answer to a request."""

    status: int
    headers: dict[str, str]
    body: bytes

    def read_json(self) -> Any:
        """Return the body's value."""
        return json.loads(self.body)


async def send_to(
    app: "ASGIApp", path: str, body: bytes | Iterable[bytes] | None = None, **headers: str
) -> Answered:
    """Get a path, or post a body in one or several pieces; underscores in names of headers stand for hyphens."""
    pieces = iter([body or b""] if body is None or isinstance(body, bytes) else body)
    upcoming = [next(pieces, b"")]
    said: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not upcoming:
            return {"type": "http.disconnect"}
        piece = upcoming.pop()
        upcoming.extend(itertools.islice(pieces, 1))
        return {"type": "http.request", "body": piece, "more_body": bool(upcoming)}

    async def send(message: Any) -> None:
        said.append(message)

    own = {name.replace("_", "-"): value for name, value in headers.items()}
    named = {"host": HOST, "content-type": "application/json", **own}
    address, _, query = path.partition("?")
    encoded = [(name.encode(), value.encode()) for name, value in named.items()]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET" if body is None else "POST",
        "scheme": "http",
        "path": unquote(address),
        "raw_path": address.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": encoded,
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8300),
    }
    await app(scope, receive, send)
    answered: Mapping[bytes, bytes] = dict(said[0]["headers"])
    found = {name.decode(): value.decode() for name, value in answered.items()}
    return Answered(said[0]["status"], found, b"".join(each.get("body", b"") for each in said[1:]))


def ask_app(app: "ASGIApp", path: str, asked: Any = None, **headers: str) -> Answered:
    """Get a path or, with something to ask, post that as JSON to it."""
    body = asked if asked is None or isinstance(asked, bytes) else json.dumps(asked).encode()
    return asyncio.run(send_to(app, path, body, **headers))
