"""Limits of requests, checked before anything is made of their bodies: their bytes and values, and the token."""

import asyncio
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN_PATHS = ("/", "/health", "/docs", "/openapi.json")
"""What is answered without a token: that it is up, and how it is asked."""
STATIC_PATH = "/static"
"""The path of the files of the page `/docs`, likewise."""
MOST_HELD = 16
"""The bytes that requests may hold together, as a multiple of the largest body."""
SMALL_BYTES = 64 * 1024
"""A body of so many bytes is read whatever others hold: the number of connections bounds these."""
BODY_SECONDS = 30.0
"""How long a body may take to come."""
OTHER_MARKS = 32
"""Commas, colons and brackets that a request may have beside a comma for each text and as many again."""
LARGE = "The request has more than {:,} bytes. Next: send less at a time."
MANY = "The request has more values than {:,} texts need. Next: send fewer at a time."
HELD = "Too many bytes of other requests wait. Next: ask again in a second."
STOPS = "The server stops. Next: ask again, once it is up."
SLOW = f"The body did not come within {BODY_SECONDS:g} s. Next: send it again, less at a time."


@dataclass(frozen=True)
class ServingLimits:
    """The limits of requests."""

    max_texts: int = 256
    """The largest number of texts of one request."""
    max_bytes: int = 4_000_000
    """The largest request, in bytes."""


def require_token(app: "ASGIApp", token: str) -> "ASGIApp":
    """Wrap an app: refuse requests without the token (401), except for `OPEN_PATHS`."""
    expected = f"Bearer {token}".encode()
    refusal = JSONResponse(
        {"message": "The token is missing or wrong. Next: send the header `Authorization: Bearer TOKEN`."},
        401,
        {"WWW-Authenticate": "Bearer"},
    )

    def is_open(path: str) -> bool:
        return path in OPEN_PATHS or path.startswith(f"{STATIC_PATH}/")

    async def refuse_strangers(scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] == "http" and not is_open(scope["path"]):
            given = Headers(scope=scope).get("authorization", "").encode("latin-1")
            if not secrets.compare_digest(given, expected):
                await refusal(scope, receive, send)
                return
        await app(scope, receive, send)

    return refuse_strangers


def bound_bodies(app: "ASGIApp", limits: ServingLimits) -> "ASGIApp":
    """Wrap an app: hand on a request once its body is there as a whole, and only if it keeps the limits.

    These are its bytes (413), the bytes that all requests hold until they are answered (503), the time in which it
    comes (408), and how many values it has (413), which are counted before any is made. What has no answer when the
    server stops gets one too (503).
    """
    held = 0

    async def bound(scope: "Scope", receive: "Receive", send: "Send") -> None:
        nonlocal held
        body, more, size = bytearray(), scope["type"] == "http", 0
        stated = Headers(scope=scope).get("content-length", "")
        refusal = _find_excess(int(stated) if stated.isdecimal() else 0, 0, limits)
        try:
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    while more and refusal is None:
                        message = await receive()
                        if message["type"] != "http.request":
                            return  # the client is gone
                        body += message["body"]
                        size, held = len(body), held + len(message["body"])
                        more = message["more_body"]
                        refusal = _find_excess(size, held, limits)
                        if not more and _has_more_marks(body, 2 * limits.max_texts + OTHER_MARKS):
                            refusal = JSONResponse({"message": MANY.format(limits.max_texts)}, 413)
            except TimeoutError:
                refusal = JSONResponse({"message": SLOW}, 408, {"Connection": "close"})
            pending: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]
            body.clear()

            async def receive_next() -> "Message":
                return pending.pop() if pending else await receive()

            await (refusal or app)(scope, receive_next, send)
        except asyncio.CancelledError:
            await JSONResponse({"message": STOPS}, 503, {"Connection": "close"})(scope, receive, send)
        finally:
            held -= size

    return bound


def _find_excess(size: int, held: int, limits: ServingLimits) -> JSONResponse | None:
    """Return the refusal of a request of so many bytes, or that begins with so many; None if it keeps the limits."""
    if size > limits.max_bytes:
        return JSONResponse({"message": LARGE.format(limits.max_bytes)}, 413, {"Connection": "close"})
    if held > MOST_HELD * limits.max_bytes and size > SMALL_BYTES:
        return JSONResponse({"message": HELD}, 503, {"Retry-After": "1"})
    return None


def _has_more_marks(body: bytearray, most: int) -> bool:
    """Return whether JSON has more than `most` commas, colons and opening brackets outside of its strings.

    Each value but the first follows one. What is no UTF-8, in which a quote may be half of a letter, has NULs: all of
    its marks count.
    """
    bare = body.replace(rb"\\", b"").replace(rb"\"", b"")
    outside = (bare,) if b"\0" in bare else bare.split(b'"', 2 * most)[::2]
    return sum(piece.count(mark) for piece in outside for mark in (b",", b":", b"[", b"{")) > most
