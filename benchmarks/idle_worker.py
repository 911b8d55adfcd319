"""What a scheduled run without new files costs: seconds until it has ended, and bytes in the server's database.

    python -m benchmarks.idle_worker [--files 1000] [--runs 10]

Starts `reviews up` on a free port, with a home whose files are all scored, and lets its worker do one run of
`score-reviews` after the other. Prints of each run the seconds from its due time to its process's start, to its flow's
start and to its end; then the medians, the processor time of a run, which depends less on what else the machine does,
and how much the SQLite file has grown by a run: its used pages, and the data in them.
"""

import argparse
import os
import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from benchmarks.idle_run import fill_home
from benchmarks.queued_runs import NAME, bring_up
from data_contracts.storage.home import Home
from deployments.marked_processes import find_marked
from deployments.settings import Settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

LOOK_SECONDS, BETWEEN_SECONDS = 0.1, 2
SETTLED_SECONDS = 15
"""How long after a run the server has stored all of its events and logs."""
STATES = ("Pending", "Running", "Completed")


def main() -> None:
    """Start `reviews up`, measure its runs and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=10)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="idle-worker-") as folder:
        home = Home(Path(folder, "home"))
        fill_home(Settings(home), arguments.files)
        with bring_up(home.folder) as own:
            os.environ.update(own)  # Prefect's client, which is loaded next, reads it
            from prefect.client.orchestration import get_client

            with get_client(sync_client=True) as client:
                measure(client, home, arguments.runs)


def measure(client: "SyncPrefectClient", home: Home, runs: int) -> None:
    """Do one run that is not counted, then the others; print their seconds and bytes."""
    do_run(client)
    time.sleep(SETTLED_SECONDS)
    before, worker = measure_database(home), find_worker(home)
    used, seconds = count_seconds(worker), []
    for _ in range(runs):
        seconds.append(do_run(client))
        print(
            ", ".join(f"{state} {each:.1f} s" for state, each in zip(STATES, seconds[-1], strict=True)),
            flush=True,
        )
        time.sleep(BETWEEN_SECONDS)
    time.sleep(SETTLED_SECONDS)
    pages, data = (
        (after - earlier) / runs / 1000 for after, earlier in zip(measure_database(home), before, strict=True)
    )
    medians = map(statistics.median, zip(*seconds, strict=True))
    print("median", ", ".join(f"{state} {each:.1f} s" for state, each in zip(STATES, medians, strict=True)))
    print(f"a run: {(count_seconds(worker) - used) / runs:.1f} s of processor time for its process, ", end="")
    print(f"{pages:.0f} KB of the server's database, {data:.0f} KB of them data")


def do_run(client: "SyncPrefectClient") -> list[float]:
    """Let the worker do one run; return the seconds from its due time to each of `STATES`."""
    deployment = client.read_deployment_by_name(NAME)
    run = client.create_flow_run_from_deployment(deployment.id)
    while run.end_time is None:
        time.sleep(LOOK_SECONDS)
        run = client.read_flow_run(run.id)
    due = run.expected_start_time
    if run.state is None or run.state.message != "Nothing new" or due is None:
        raise RuntimeError(f"not an idle run: {run.state}")
    reached = {state.name: state.timestamp for state in client.read_flow_run_states(run.id)}
    return [(reached[name] - due).total_seconds() for name in STATES]


def find_worker(home: Home) -> psutil.Process:
    """Return the process of the worker of a home."""
    [worker] = [each for each in find_marked(home.folder) if "deployments.worker" in each.cmdline()]
    return worker


def count_seconds(worker: psutil.Process) -> float:
    """Return the processor time of all processes that a worker has started and that have ended, in s."""
    times = worker.cpu_times()
    return float(times.children_user + times.children_system)


def measure_database(home: Home) -> tuple[int, int]:
    """Return the bytes of the used pages of the server's database, and of the data in them."""
    with closing(sqlite3.connect(home.prefect / "prefect.db")) as database:
        ((pages, data),) = database.execute("SELECT sum(pgsize), sum(payload) FROM dbstat").fetchall()
    return pages, data


if __name__ == "__main__":
    main()
