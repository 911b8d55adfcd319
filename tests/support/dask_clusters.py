"""Workers of Dask on this machine for tests, forked from a process that has loaded the libraries."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tasks.engine.dask_workers import ALLOWED_DEATHS
from tests.support.forked import make_context

if TYPE_CHECKING:
    from distributed import LocalCluster


@contextmanager
def run_workers(count: int, environment: Mapping[str, str]) -> Iterator["LocalCluster"]:
    """Run a scheduler and workers, one thread each, with variables that the process they are forked from lacks."""
    import dask
    import distributed.utils
    from distributed import LocalCluster

    make_context()
    forked = {
        "distributed.worker.multiprocessing-method": "forkserver",
        "distributed.deploy.lost-worker-timeout": "300s",
        "distributed.scheduler.allowed-failures": ALLOWED_DEATHS,
        "logging.distributed": "error",
    }
    with pytest.MonkeyPatch.context() as patch, dask.config.set(forked):
        patch.setattr(distributed.utils, "_forkserver_preload_set", True)
        with LocalCluster(
            count, threads_per_worker=1, dashboard_address=None, host="127.0.0.1", env=dict(environment)
        ) as cluster:
            yield cluster
