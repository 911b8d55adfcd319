"""The workers of Dask: those of a scheduler on some machine, or processes that are started on this one."""

import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from data_contracts.errors import EngineError
from tasks.engine.dispatch import Outcome, Task
from tasks.engine.worker_group_task import score_on_worker
from tasks.support.extras import name_install
from tasks.support.wording import describe_duration

LOCAL = "local:"
"""What stands before the number of workers on this machine."""
ALLOWED_DEATHS = 2
"""A group over which one more worker of this machine dies is not handed out again. A scheduler elsewhere has its own
setting, by default one more."""
CONNECT_SECONDS = 30
PATIENCE_SECONDS = 300
"""How long a run waits where there is no worker."""
ANNOUNCE_SECONDS = 60
"""How often it says that it waits."""
_PAUSE_SECONDS = 5


@dataclass(frozen=True)
class DaskEngine:
    """A scheduler with its workers."""

    client: Any
    address: str
    """As in REVIEWS_DASK."""
    announce: Callable[[str], object]
    """Gets words on what a run waits for, such as `waits for a worker`."""

    def count_workers(self) -> int:
        """Return how many workers the scheduler has now."""
        try:
            return len(self.client.nthreads())
        except Exception as error:  # what is raised depends on where the loss is noticed
            raise _describe_loss(error) from error

    def wait_for_worker(self) -> None:
        """Wait until there is a worker; raise `EngineError` if none comes for too long, or the scheduler is lost."""
        waiting = _Waiting(self)
        while not waiting.has_ended():
            time.sleep(_PAUSE_SECONDS)

    def submit(self, task: Task) -> Any:
        """Hand a group out, each time as another task of Dask."""
        return self.client.submit(score_on_worker, task, pure=False)

    def wait_for_some(self, handles: Collection[Any]) -> Sequence[tuple[Any, Outcome]]:
        """Wait until one of the groups has ended, return the outcome of all that have, and let Dask forget them.

        Raises `EngineError` if the scheduler is lost, or if there is no worker for too long.
        """
        from distributed import wait

        waiting = _Waiting(self)
        while True:
            try:
                done = wait(list(handles), timeout=_PAUSE_SECONDS, return_when="FIRST_COMPLETED").done
                return [(future, _read(future)) for future in done]
            except TimeoutError:
                waiting.has_ended()
            except EngineError:
                raise
            except Exception as error:
                raise _describe_loss(error) from error


@dataclass
class _Waiting:
    """A wait for a worker, which is announced at its beginning, and then now and then."""

    engine: DaskEngine
    since: float | None = None
    """When there was no worker for the first time; None while there is one."""
    announced_at: float = -math.inf

    def has_ended(self) -> bool:
        """Return whether there is a worker now. Raises `EngineError` if there is none for too long."""
        if self.engine.count_workers():
            self.since = None
            return True
        now = time.monotonic()
        self.since = now if self.since is None else self.since
        left = self.since + PATIENCE_SECONDS - now
        if left <= 0:
            raise EngineError(_describe_lack(self.engine.address))
        if now >= self.announced_at + ANNOUNCE_SECONDS:
            self.announced_at = now
            self.engine.announce(_describe_waiting(self.engine.address, left))
        return False


def _describe_waiting(address: str, seconds: float) -> str:
    """Return that a run waits for a worker, after how long it gives up, and how to start one."""
    gives_up = f"In {describe_duration(seconds)} the run gives up; the next one goes on."
    return f"waits for a worker: {address} has none. {gives_up}{_advise(address)}"


def _describe_lack(address: str) -> str:
    """Return the error of a run that has waited for a worker for too long."""
    waited = describe_duration(PATIENCE_SECONDS)
    return f"{address}: no worker came within {waited}; the next run goes on.{_advise(address)}"


def _advise(address: str) -> str:
    """Return how to start a worker; those of this machine are started by the run."""
    if address.startswith(LOCAL):
        return ""
    return f" Next: `dask worker {address} --nthreads 1` on any machine with this project and the store's credentials."


def _read(future: Any) -> Outcome:
    """Return the outcome of a group that has ended, and let Dask forget it."""
    from distributed.scheduler import KilledWorker

    error = future.exception()
    outcome: Outcome = future.result() if error is None else error
    future.release()
    return None if isinstance(outcome, KilledWorker) else outcome


def _describe_loss(error: Exception) -> EngineError:
    """Return the error of a run that has lost its scheduler."""
    return EngineError(
        f"The scheduler was lost ({type(error).__name__}). Next: start it again with its workers; the next run goes on."
    )


@contextmanager
def open_engine(
    address: str, folder: Path, announce: Callable[[str], object] = lambda words: None
) -> Iterator[DaskEngine]:
    """Yield the workers of the scheduler at an address, or those that `local:N` starts here, with files in `folder`.

    `announce` gets words on what the run waits for. Raises `EngineError` if nothing answers there, or Dask is not
    installed.
    """
    try:
        connect = load_client()
    except ImportError:
        raise EngineError(
            "REVIEWS_DASK needs the extra `scale`, which is not installed. Next: "
            f"{name_install('distributed>=2026.8')}; or unset REVIEWS_DASK."
        ) from None
    if address.startswith(LOCAL):
        count = int(address.removeprefix(LOCAL))
        with _start_workers(count, folder) as cluster, connect(cluster) as client:
            yield DaskEngine(client, address, announce)
        return
    try:
        client = connect(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise EngineError(
            f"{address}: no scheduler answers there ({error}). Next: start one (`dask scheduler`), or correct "
            "REVIEWS_DASK."
        ) from error
    with client:
        yield DaskEngine(client, address, announce)


def load_client() -> Callable[..., Any]:
    """Load Dask and return the class of its clients.

    It logs errors alone, here and in the workers that start here, unless its configuration says otherwise.
    """
    import dask

    if dask.config.get("logging", None) is None:  # its own default is set when the library is imported
        dask.config.set({"logging.distributed": "error"})
    from distributed import Client

    return cast("Callable[..., Any]", Client)


@contextmanager
def _start_workers(count: int, folder: Path) -> Iterator[Any]:
    """Yield a cluster of processes on this machine, one thread each."""
    import dask
    from distributed import LocalCluster

    settings = {
        "distributed.scheduler.allowed-failures": ALLOWED_DEATHS,
        # Otherwise a worker is given up that takes 15 s to start again after its death.
        "distributed.deploy.lost-worker-timeout": f"{PATIENCE_SECONDS}s",
    }
    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=None,
            local_directory=str(folder),
            memory_limit=None,
        ) as cluster,
    ):
        yield cluster
