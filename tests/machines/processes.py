"""The processes on the machines: scheduler, workers and runs, forked from one that has loaded the libraries."""

import asyncio
import os
import traceback
from collections.abc import Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tasks.engine import batches
from tasks.inbox import source_files
from tests.machines.network import enter
from tests.support.forked import start
from tests.support.scoring_runs import run
from tests.support.serverless import run_without_server

SCHEDULER_PORT = 8786
GROUP_FILES = 2
BATCH_ROWS = 20
"""So a run commits several times, and each file is several batches."""


def start_scheduler(machine: str, host: str) -> ForkServerProcess:
    """Start a scheduler on a machine with this address."""
    return start(_schedule, machine, host)


def start_worker(
    machine: str, host: str, scheduler: str, environment: Mapping[str, str]
) -> ForkServerProcess:
    """Start a worker on a machine, without the settings and credentials of this process.

    Its files lie in the folder that SCRATCH of its environment names.
    """
    return start(_work, machine, host, scheduler, dict(environment))


def start_run(machine: str, environment: Mapping[str, str]) -> ForkServerProcess:
    """Start a scoring run on a machine; if it fails, its status is 1 and its error is in the file FAILURE."""
    return start(_score, machine, dict(environment))


def _schedule(machine: str, host: str) -> None:
    enter(machine)
    from distributed import Scheduler

    async def serve() -> None:
        async with Scheduler(host=host, port=SCHEDULER_PORT, dashboard=False) as scheduler:
            await scheduler.finished()

    asyncio.run(serve())


def _work(machine: str, host: str, scheduler: str, environment: Mapping[str, str]) -> None:
    enter(machine)
    for name in [each for each in os.environ if each.startswith(("AWS_", "REVIEWS_"))]:
        del os.environ[name]
    os.environ.update(environment)
    from distributed import Worker

    async def serve() -> None:
        scratch = environment["SCRATCH"]
        async with Worker(
            scheduler, host=host, nthreads=1, local_directory=scratch, memory_limit=0
        ) as worker:
            await worker.finished()

    asyncio.run(serve())


def _score(machine: str, environment: Mapping[str, str]) -> None:
    enter(machine)
    os.environ.update(environment)
    source_files.GROUP_FILES = GROUP_FILES
    vars(batches).update(BATCH_ROWS=BATCH_ROWS)
    try:
        with run_without_server():
            run(rescore=True)
    except Exception:
        Path(environment["FAILURE"]).write_text(traceback.format_exc(), "utf-8")
        raise SystemExit(1) from None
