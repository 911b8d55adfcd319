"""Limits of requests, checked before anything is made of their bodies: their bytes and values, and the token."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
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
CLOSING = {"Connection": "close"}
GUARD_WORDS = {
    400: "The request names another host than this server's. Next: add its name to REVIEWS_ALLOWED_HOSTS.",
    403: "The request comes from a page of another origin. Next: send it from a program, or through your own server.",
}
"""What `guard` refuses, by the status."""
LARGE = "The request has more than {:,} bytes. Next: send less at a time."
MANY = "The request has more values than {:,} texts need. Next: send fewer at a time."
HELD = "Too many bytes of other requests wait. Next: ask again in a second."
SLOW = f"The body did not come within {BODY_SECONDS:g} s. Next: send it again, less at a time."
STOPPING = "The server stops, and this request was not answered in time. Next: send it again later."


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

    async def refuse_strangers(scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] == "http" and not _is_open(scope["path"]):
            given = Headers(scope=scope).get("authorization", "").encode("latin-1")
            if not secrets.compare_digest(given, expected):
                await refusal(scope, receive, send)
                return
        await app(scope, receive, send)

    return refuse_strangers


def _is_open(path: str) -> bool:
    """Return whether a path is answered without a token."""
    return path in OPEN_PATHS or path.startswith(f"{STATIC_PATH}/")


def refuse_in_json(app: "ASGIApp") -> "ASGIApp":
    """Wrap a guarded app: what `guard` refuses in plain words gets a `message`, as all other refusals have."""

    async def answer(scope: "Scope", receive: "Receive", send: "Send") -> None:
        refused = 0

        async def hold_back(message: "Message") -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] in GUARD_WORDS:
                kind = Headers(raw=message["headers"]).get("content-type", "")
                refused = message["status"] if kind.startswith("text/plain") else 0
            if not refused:
                await send(message)

        await app(scope, receive, hold_back)
        if refused:
            await JSONResponse({"message": GUARD_WORDS[refused]}, refused)(scope, receive, send)

    return answer


def end_quietly(app: "ASGIApp") -> "ASGIApp":
    """Wrap an app: a request that the server cancels when it stops, since it was not sent in time, gets a 503."""

    async def answer(scope: "Scope", receive: "Receive", send: "Send") -> None:
        began = False

        async def note_begin(message: "Message") -> None:
            nonlocal began
            began = True
            await send(message)

        try:
            await app(scope, receive, note_begin)
        except asyncio.CancelledError:
            # Raised further, it would be printed with its traceback.
            if not began:
                await JSONResponse({"message": STOPPING}, 503)(scope, receive, send)

    return answer


def bound_bodies(app: "ASGIApp", limits: ServingLimits) -> "ASGIApp":
    """Wrap an app: hand on a body once it is there as a whole, and only if it keeps the limits.

    These are its bytes (413), the bytes that all requests hold until they are answered (503), the time in which it
    comes (408), and how many values it has (413), which are counted before any is made.
    """
    most, held = limits.max_bytes, 0

    async def bound(scope: "Scope", receive: "Receive", send: "Send") -> None:
        own, asked = 0, False

        def hold(size: int) -> bool:
            nonlocal own, held
            own, held = own + size, held + size
            return held > MOST_HELD * most

        async def read_in_time() -> "Message":
            nonlocal asked
            if asked:
                return await receive()
            asked = True
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    return await _read_whole(receive, hold, limits)
            except TimeoutError:
                raise HTTPException(408, SLOW, CLOSING) from None

        announced = Headers(scope=scope).get("content-length", "0") if scope["type"] == "http" else "0"
        if announced.isdecimal() and int(announced[:20]) > most:
            await JSONResponse({"message": LARGE.format(most)}, 413)(scope, receive, send)
            return
        try:
            await app(scope, read_in_time, send)
        finally:
            hold(-own)

    return bound


async def _read_whole(receive: "Receive", hold: Callable[[int], bool], limits: ServingLimits) -> "Message":
    """Return one message with a whole body; `hold` counts its bytes, and says whether all requests hold too many."""
    body = bytearray()
    message: Message = {"more_body": True}
    while message.get("more_body", False):
        message = await receive()
        if message["type"] != "http.request":
            return message
        piece = message.get("body", b"")
        body += piece
        full = hold(len(piece))
        if len(body) > limits.max_bytes:
            raise HTTPException(413, LARGE.format(limits.max_bytes))
        if full and len(body) > SMALL_BYTES:
            raise HTTPException(503, HELD, {"Retry-After": "1"})
    if _has_more_marks(body, 2 * limits.max_texts + OTHER_MARKS):
        raise HTTPException(413, MANY.format(limits.max_texts))
    return {**message, "body": bytes(body)}


def _has_more_marks(body: bytearray, most: int) -> bool:
    """Return whether JSON has more than `most` commas, colons and opening brackets outside of its strings.

    Each value but the first follows one. What is no UTF-8, in which a quote may be half of a letter, has NULs: all of
    its marks count.
    """
    bare = body.replace(rb"\\", b"").replace(rb"\"", b"")
    outside = (bare,) if b"\0" in bare else bare.split(b'"', 2 * most)[::2]
    return sum(piece.count(mark) for piece in outside for mark in (b",", b":", b"[", b"{")) > most
