"""How fast `reviews serve` answers, how late, with how much memory, and what a promotion changes.

    python -m benchmarks.serving HOME [--seconds 20] [--requests 100000] [--promote] [--document]

HOME has the archive's Parquet and a champion. Texts are reviews of the test split. Server and client share the cores.
With --promote, HOME has an earlier champion too, to which `reviews models rollback` goes back while requests are sent:
promote the other one again afterwards. Prints a Markdown table.
"""

import argparse
import asyncio
import gc
import itertools
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from benchmarks.all import describe_machine, write_down
from benchmarks.http_load import Answered, make_request, send_all, send_at_rate
from benchmarks.scoring_engine import read_texts
from data_contracts.storage.home import Home
from models.bundle.scorer import load_scorer, score_texts

PLACE = "serving"
REVIEWS = Path(sys.executable).with_name("reviews")
TEXTS = 8192
BATCH = 64
GOALS = {1: 250, BATCH: 1500}
"""Texts a second that should be answered at least, by the number of texts in a request."""
SINGLE_CONNECTIONS, BATCH_CONNECTIONS = 32, 4
PROMOTION_REQUESTS, PROMOTION_RATE = 1000, 60.0
MEMORY_STEPS = 5
START_SECONDS = 60


@dataclass(frozen=True)
class Served:
    """A running server."""

    port: int
    process: psutil.Process


def main() -> None:
    """Start the server, measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("--seconds", type=float, default=20, help="of each measurement of speed; 0 for none")
    parser.add_argument(
        "--requests", type=int, default=100_000, help="over which memory is measured; 0 for none"
    )
    parser.add_argument("--promote", action="store_true", help="also change the champion")
    parser.add_argument("--document", action="store_true", help="write the tables into docs/performance.md")
    arguments = parser.parse_args()
    home = Home(arguments.home.absolute())
    texts = read_texts(home.reviews / "test.parquet", TEXTS)
    lines = ["| what | figure |\n| --- | ---: |"]
    with serve(home) as served:
        for line in measure(home, served, texts, arguments):
            print(line, flush=True)
            lines.append(line)
    if arguments.document:
        table = "\n".join(lines)
        write_down(PLACE, f"{describe_machine()}\n\n{table}")


def measure(home: Home, served: Served, texts: Sequence[str], arguments: argparse.Namespace) -> Iterator[str]:
    """Yield the rows of the table."""
    if arguments.seconds:
        yield from measure_speed(served, texts, arguments.seconds)
    if arguments.requests:
        yield measure_memory(served, texts, arguments.requests)
    if arguments.promote:
        yield from measure_promotion(home, served, texts)


@contextmanager
def serve(home: Home) -> Iterator[Served]:
    """Run `reviews serve` on a free port until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    command = [str(REVIEWS), "--home", str(home.folder), "serve", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_until_healthy(port)
        yield Served(port, psutil.Process(process.pid))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def wait_until_healthy(port: int) -> None:
    """Wait until the server answers."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=START_SECONDS).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def measure_speed(served: Served, texts: Sequence[str], seconds: float) -> Iterator[str]:
    """Yield rows on how many texts are answered a second, and how late at half of that and at half of the goals."""
    singles = [make_request(served.port, "/score", {"text": text}) for text in texts]
    batches = [make_request(served.port, "/scores", {"texts": part}) for part in cut_batches(texts)]
    asyncio.run(send_all(served.port, SINGLE_CONNECTIONS, iter(singles[:500])))  # warms up
    rate = measure_rate(served.port, SINGLE_CONNECTIONS, singles, seconds)
    yield f"| single texts a second, {SINGLE_CONNECTIONS} connections | {rate:,.0f} |"
    batch_rate = measure_rate(served.port, BATCH_CONNECTIONS, batches, seconds)
    yield f"| texts a second in batches of {BATCH}, {BATCH_CONNECTIONS} connections | {BATCH * batch_rate:,.0f} |"
    for name, requests, full, size in (
        ("single texts", singles, rate, 1),
        ("batches", batches, batch_rate, BATCH),
    ):
        yield measure_delay(served, f"{name} at half of that", requests, full / 2, seconds)
        half = GOALS[size] / 2
        yield measure_delay(served, f"{name}, {half:,.0f} texts a second", requests, half / size, seconds)


def measure_delay(served: Served, name: str, requests: Sequence[bytes], rate: float, seconds: float) -> str:
    """Return a row on how late requests are answered that are sent `rate` a second."""
    chosen = list(itertools.islice(itertools.cycle(requests), int(rate * seconds)))
    gc.freeze()  # a collection here would count as the server's time
    late = asyncio.run(send_at_rate(served.port, chosen, rate))
    require_good(late)
    middle, last = np.quantile([each.seconds for each in late], [0.5, 0.99]) * 1000
    return f"| {name}: median, 99th percentile | {middle:.0f} ms, {last:.0f} ms |"


def cut_batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the texts of each batch."""
    return (texts[start : start + BATCH] for start in range(0, len(texts), BATCH))


def measure_rate(port: int, connections: int, requests: Sequence[bytes], seconds: float) -> float:
    """Send requests again and again for some seconds; return how many were answered a second."""
    ends = time.perf_counter() + seconds
    again = itertools.takewhile(lambda _: time.perf_counter() < ends, itertools.cycle(requests))
    began = time.perf_counter()
    answers = asyncio.run(send_all(port, connections, again))
    require_good(answers)
    return len(answers) / (time.perf_counter() - began)


def require_good(answers: Sequence[Answered]) -> None:
    """Exit if a request failed."""
    if failed := [each for each in answers if each.status != 200]:
        sys.exit(f"{len(failed)} of {len(answers)} requests failed, the first with {failed[0]}")


def measure_memory(served: Served, texts: Sequence[str], requests: int) -> str:
    """Return a row on the server's memory while it answers many single texts."""
    singles = [make_request(served.port, "/score", {"text": text}) for text in texts]
    again, taken = itertools.cycle(singles), [served.process.memory_info().rss]
    for _ in range(MEMORY_STEPS):
        part = itertools.islice(again, requests // MEMORY_STEPS)
        require_good(asyncio.run(send_all(served.port, SINGLE_CONNECTIONS, part)))
        taken.append(served.process.memory_info().rss)
    sizes = ", ".join(f"{size / 2**20:,.0f}" for size in taken)
    return f"| memory before and after each fifth of {requests:,} single texts, MiB | {sizes} |"


def measure_promotion(home: Home, served: Served, texts: Sequence[str]) -> Iterator[str]:
    """Yield rows on requests that are answered while the champion changes, each compared with its model's scores."""
    asked = texts[:PROMOTION_REQUESTS]
    requests = [make_request(served.port, "/score", {"text": text}) for text in asked]
    change = subprocess.Popen(
        [str(REVIEWS), "--home", str(home.folder), "models", "rollback"], stdout=subprocess.DEVNULL
    )
    answers = asyncio.run(send_at_rate(served.port, requests, PROMOTION_RATE))
    if change.wait() != 0:
        sys.exit("the champion could not be changed")
    require_good(answers)
    found = [json.loads(each.body) for each in answers]
    models = sorted({each["model_id"] for each in found})
    largest = 0.0
    for model_id in models:
        expected = score_texts(load_scorer(home.bundles / model_id), asked).score
        own = [place for place, each in enumerate(found) if each["model_id"] == model_id]
        largest = max(largest, *(abs(found[place]["score"] - expected[place]) for place in own))
    counts = " and ".join(str(sum(each["model_id"] == model_id for each in found)) for model_id in models)
    longest = max(each.seconds for each in answers) * 1000
    yield f"| {PROMOTION_REQUESTS:,} requests across a change of champion: failed | 0 |"
    yield f"| answered by each model; longest | {counts}; {longest:.0f} ms |"
    yield f"| largest difference of their scores from those of a batch | {largest:.0e} |"


if __name__ == "__main__":
    main()
