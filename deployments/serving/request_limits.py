"""Limits of requests: how large one may be, whose token it must have, and how many texts an address may send.

The first two are checked before a byte of a request's body is parsed.
"""

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
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
BURST_SECONDS = 2.0
"""For how many seconds' worth of texts an address that was silent may send at once."""
MOST_ADDRESSES = 10_000
"""Addresses whose texts are counted; of more, those that were silent for longest are forgotten."""

Charge = Callable[[str, int], float]
"""Charges an address for texts; returns 0, or the seconds until it may send more, and then charges nothing."""

GUARD_WORDS = {
    400: "The request names another host than this server's. Next: add its name to REVIEWS_ALLOWED_HOSTS.",
    403: "The request comes from a page of another origin. Next: send it from a program, or through your own server.",
}
"""What `guard` refuses, by the status."""
STOPPING = "The server stops, and this request was not answered in time. Next: send it again later."


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


def limit_bytes(app: "ASGIApp", most: int) -> "ASGIApp":
    """Wrap an app: refuse requests with a body of more than `most` bytes (413), as soon as that is known."""
    words = f"The request has more than {most:,} bytes. Next: send less at a time, or raise REVIEWS_SERVE_MAX_BYTES."

    async def refuse_large(scope: "Scope", receive: "Receive", send: "Send") -> None:
        read = 0

        async def count_bytes() -> "Message":
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > most:
                raise HTTPException(413, words)
            return message

        announced = Headers(scope=scope).get("content-length", "0") if scope["type"] == "http" else "0"
        if announced.isdecimal() and int(announced[:20]) > most:
            await JSONResponse({"message": words}, 413)(scope, receive, send)
        else:
            await app(scope, count_bytes, send)

    return refuse_large


def make_charge(rate: float, read_clock: Callable[[], float] = time.monotonic) -> Charge:
    """Return a function that lets each address send `rate` texts a second, after a burst; 0 sets no limit.

    A request is let in while the address has some of its texts left, and may then exceed them: the next one waits for
    longer. So the rate holds on average, and no request is too large to be let in at all.
    """
    left: OrderedDict[str, tuple[float, float]] = OrderedDict()
    burst = rate * BURST_SECONDS

    def charge(address: str, texts: int) -> float:
        now = read_clock()
        before, then = left.pop(address, (burst, now))
        has = min(burst, before + (now - then) * rate)
        left[address] = (has - texts if has > 0 else has, now)
        while len(left) > MOST_ADDRESSES:
            left.popitem(last=False)
        return 0.0 if has > 0 else (1 - has) / rate

    return charge if rate else lambda address, texts: 0.0
