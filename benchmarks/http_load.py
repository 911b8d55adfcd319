"""A small HTTP client for load: requests whose bytes were made before, over connections that stay open.

It takes a tenth of the processor time of a full client, which would take it from the server on the same cores.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any


@dataclass(frozen=True)
class Answered:
    """An answer, and how long it took."""

    status: int
    body: bytes
    seconds: float


def make_request(port: int, path: str, asked: Any) -> bytes:
    """Return the bytes of a POST of JSON."""
    body = json.dumps(asked).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@dataclass(frozen=True)
class Connection:
    """An open connection, for one request at a time."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def exchange(self, request: bytes, began: float | None = None) -> Answered:
        """Send a request and return its answer, timed from `began`, by default from now."""
        began = perf_counter() if began is None else began
        self.writer.write(request)
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        body = await self.reader.readexactly(length)
        return Answered(int(head[9:12]), body, perf_counter() - began)


@asynccontextmanager
async def connect(port: int, connections: int) -> AsyncIterator[list[Connection]]:
    """Open connections to a port of this machine until the block ends."""
    opened = [Connection(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(connections)]
    try:
        yield opened
    finally:
        for each in opened:
            each.writer.close()


async def send_all(port: int, connections: int, requests: Iterator[bytes]) -> list[Answered]:
    """Send requests as fast as they are answered, over so many connections."""
    answers: list[Answered] = []

    async def drive(connection: Connection) -> None:
        for request in requests:
            answers.append(await connection.exchange(request))

    async with connect(port, connections) as opened:
        await asyncio.gather(*(drive(connection) for connection in opened))
    return answers


async def send_at_rate(port: int, requests: Sequence[bytes], rate: float, seed: int = 0) -> list[Answered]:
    """Send requests at random moments, `rate` a second on average, whether or not those before were answered.

    An answer is timed from the moment at which its request was due, also if no connection was free then.
    """
    chance, due = random.Random(seed), perf_counter()
    async with connect(port, CONNECTIONS) as opened:
        free: asyncio.Queue[Connection] = asyncio.Queue()
        for connection in opened:
            free.put_nowait(connection)

        async def send(request: bytes, due: float) -> Answered:
            connection = await free.get()
            answered = await connection.exchange(request, due)
            free.put_nowait(connection)
            return answered

        sent = []
        for request in requests:
            due += chance.expovariate(rate)
            await asyncio.sleep(max(0.0, due - perf_counter()))
            sent.append(asyncio.create_task(send(request, due)))
        return list(await asyncio.gather(*sent))


CONNECTIONS = 64
"""Open connections of `send_at_rate`."""
