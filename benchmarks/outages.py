"""How soon `reviews up` is back at work after its disk was full or the server's database was locked.

    python -m benchmarks.outages [--seconds 45 75 150]

For each duration each of both. A file comes into the inbox, which is watched, when the outage begins (not into a full
one) and when it ends. The time is from the end of the outage until the rows of both are published. Nobody does
anything. At the end every row must be there once, `reviews verify` must hold, no run may be active, and each run that
failed or crashed must have been told of once. Prints a Markdown table; the exit status is 1 if something does not hold.
Linux only, and as root: the home is on a file system of its own in memory.
"""

import argparse
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path

from benchmarks.killed_processes import PATIENCE_SECONDS, ROWS, Trials, find_problems, prepare_home
from tests.e2e.deployed import catch_posts, wait_until

DISK = "400m"
CHUNK = b"\0" * 65_536

Outage = Callable[[Trials], AbstractContextManager[None]]


def main() -> None:
    """Take away each thing for each duration, and print how long the way back took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--seconds", type=float, nargs="+", default=[45, 75, 150], help="how long an outage lasts"
    )
    arguments = parser.parse_args()
    with mount_disk() as folder, catch_posts() as hook:
        trials = Trials(prepare_home(folder), hook)
        try:
            print("| outage | lasts, s | back after, s |\n| --- | ---: | ---: |")
            for name, outage in OUTAGES.items():
                for lasts in arguments.seconds:
                    print(f"| {name} | {lasts:.0f} | {measure(trials, outage, lasts):.0f} |", flush=True)
            problems = list(find_problems(trials))
        finally:
            trials.stop()
    print("All holds." if not problems else "\n".join(problems))
    sys.exit(1 if problems else 0)


def measure(trials: Trials, outage: Outage, lasts: float) -> float:
    """Return the seconds from the end of an outage until all rows are published."""
    trials.start().wait_until_idle()
    with outage(trials):
        with suppress(OSError):
            trials.receive()
        time.sleep(lasts)
    ended = time.monotonic()
    trials.receive()
    wait_until(lambda: trials.count_rows() >= ROWS * len(trials.files), PATIENCE_SECONDS, 0.5)
    return time.monotonic() - ended


@contextmanager
def mount_disk() -> Iterator[Path]:
    """Yield the folder of a small file system in memory, which is unmounted afterwards."""
    with tempfile.TemporaryDirectory(prefix="outages-") as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", folder], check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def fill_disk(trials: Trials) -> Iterator[None]:
    """Leave no room on the disk of the home."""
    filler, received = trials.home.parent / "filler", len(trials.files)
    with filler.open("wb", buffering=0) as stream, suppress(OSError):
        while True:
            stream.write(CHUNK)
    yield
    filler.unlink()
    del trials.files[received:]  # what came could not be written


@contextmanager
def lock_database(trials: Trials) -> Iterator[None]:
    """Hold the lock of the server's own database."""
    path = trials.home / "prefect" / "prefect.db"
    with closing(sqlite3.connect(path, timeout=PATIENCE_SECONDS, isolation_level=None)) as database:
        database.execute("begin exclusive")
        yield
        database.execute("rollback")


OUTAGES: dict[str, Outage] = {
    "the disk is full": fill_disk,
    "the server's database is locked": lock_database,
}


if __name__ == "__main__":
    main()
