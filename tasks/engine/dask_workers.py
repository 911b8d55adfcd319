"""The workers of Dask: those of a scheduler on some machine, or processes that are started on this one."""

import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from data_contracts.errors import EngineError
from tasks.support.extras import describe_missing
from tasks.support.wording import describe_duration

if TYPE_CHECKING:
    import pyarrow as pa

    from models.bundle.scorer import Scorer
    from tasks.engine.worker_task import Recipe
    from tasks.scoring.chunk_scores import ScoreChunks, ScoredChunk

LOCAL = "local:"
"""What stands before the number of workers on this machine."""
ALLOWED_DEATHS = 2
"""A batch over which one more worker of this machine dies is not handed out again. A scheduler elsewhere has its own
setting, by default one more."""
CONNECT_SECONDS = 30
PATIENCE_SECONDS = 300
"""How long a run waits where there is no worker."""
ANNOUNCE_SECONDS = 60
"""How often it says that it waits."""
_PAUSE_SECONDS = 5
_BUNDLE_TRIES = 3
"""Times that a bundle is sent, since a worker that dies meanwhile breaks that off."""

Announce = Callable[[str], object]
"""Gets words on what a run waits for."""


@contextmanager
def open_scoring(address: str | None, announce: Announce) -> Iterator[Callable[[Path, str], "ScoreChunks"]]:
    """Yield what returns, for a bundle with its fingerprint, the function by which a run scores chunks of rows.

    The workers at an address do it, or those that `local:N` starts; without an address this process does. They are
    asked for when the first chunk is to be scored.
    """
    with ExitStack() as stack:
        if address is not None:
            yield DaskEngine(address, announce, stack).score_by
            return
        from tasks.scoring.chunk_scores import score_in_background

        yield lambda folder, fingerprint: score_in_background


@dataclass(frozen=True)
class DaskEngine:
    """A scheduler with its workers. Each method raises `EngineError` if the scheduler is lost."""

    address: str
    """As in REVIEWS_DASK."""
    announce: Announce
    stack: ExitStack
    """Ends what is started."""
    shared: set[str] = field(default_factory=set)
    """The fingerprints of the bundles that were sent."""

    @cached_property
    def client(self) -> Any:
        """Dask's client, which is connected when it is used for the first time."""
        return self.stack.enter_context(_connect(self.address))

    def score_by(self, folder: Path, fingerprint: str) -> "ScoreChunks":
        """Return the function by which the workers score chunks of rows by a bundle."""
        return cast("ScoreChunks", partial(self._score, folder, fingerprint))

    def _score(
        self,
        bundle: Path,
        fingerprint: str,
        scorer: "Scorer",
        run_id: str,
        chunks: Iterable["pa.Table"],
        every_row: bool = False,
    ) -> Iterator["ScoredChunk"]:
        from tasks.engine.batches import score_in_order
        from tasks.engine.worker_task import Recipe

        self.share_bundle(bundle, fingerprint)
        yield from score_in_order(self, Recipe(fingerprint, run_id, every_row), chunks)

    def share_bundle(self, folder: Path, fingerprint: str) -> None:
        """Send a bundle to each worker that there is, or that comes later, once."""
        if fingerprint in self.shared:
            return
        client = self.client
        from tasks.engine.worker_task import make_plugin

        plugin = make_plugin(folder, fingerprint)
        for tries_left in reversed(range(_BUNDLE_TRIES)):
            try:
                client.register_plugin(plugin, name=fingerprint)
                break
            except OSError as error:
                if not tries_left:
                    raise _describe_loss(error) from error
        self.shared.add(fingerprint)

    def count_threads(self) -> int:
        """Return how many threads the workers have that there are now."""
        with _naming_loss():
            return sum(self.client.nthreads().values())

    def submit(self, recipe: "Recipe", rows: "pa.Table") -> Any:
        """Hand a batch out, each time as another task of Dask."""
        from tasks.engine.worker_task import score_on_worker, write_batch

        with _naming_loss():
            return self.client.submit(score_on_worker, recipe, write_batch(rows), pure=False)

    def wait_for(self, futures: Collection[Any]) -> None:
        """Wait until batches have ended; raise `EngineError` if there is no worker for too long."""
        from distributed import wait

        waiting = _Waiting(self)
        while True:
            with _naming_loss():
                try:
                    wait(list(futures), timeout=_PAUSE_SECONDS)
                    return
                except TimeoutError:
                    waiting.look()

    def collect(self, future: Any) -> "ScoredChunk | None":
        """Wait for a batch and return its scores, None if several workers died over it; raise what a worker raised."""
        from distributed.scheduler import KilledWorker

        self.wait_for([future])
        with _naming_loss():
            error = future.exception() if future.status == "error" else None
            scored = future.result() if error is None else None
        future.release()
        if error is not None and not isinstance(error, KilledWorker):
            raise error
        return cast("ScoredChunk | None", scored)

    def drop(self, futures: Collection[Any]) -> None:
        """Let Dask forget batches whose scores nobody needs."""
        for future in futures:
            future.release()


@dataclass
class _Waiting:
    """A wait for a worker, which is announced at its beginning, and then now and then."""

    engine: DaskEngine
    since: float | None = None
    """When there was no worker for the first time; None while there is one."""
    announced_at: float = -math.inf

    def look(self) -> None:
        """Look whether there is a worker; raise `EngineError` if there is none for too long."""
        if self.engine.count_threads():
            self.since = None
            return
        now, address = time.monotonic(), self.engine.address
        self.since = now if self.since is None else self.since
        left = self.since + PATIENCE_SECONDS - now
        if left <= 0:
            waited = describe_duration(PATIENCE_SECONDS)
            raise EngineError(
                f"{address}: no worker came within {waited}; the next run goes on.{_advise(address)}"
            )
        if now >= self.announced_at + ANNOUNCE_SECONDS:
            self.announced_at = now
            gives_up = f"In {describe_duration(left)} the run gives up; the next one goes on."
            self.engine.announce(f"Waiting for a worker: {address} has none. {gives_up}{_advise(address)}")


def _advise(address: str) -> str:
    """Return how to start a worker; those of this machine are started by the run."""
    if address.startswith(LOCAL):
        return ""
    return f" Next: `dask worker {address} --nthreads 1` on any machine with this project."


@contextmanager
def _naming_loss() -> Iterator[None]:
    """Raise `EngineError` for whatever Dask raises in the block: it depends on where a loss is noticed."""
    try:
        yield
    except EngineError:
        raise
    except Exception as error:
        raise _describe_loss(error) from error


def _describe_loss(error: Exception) -> EngineError:
    """Return the error of a run that has lost its scheduler."""
    return EngineError(
        f"The scheduler was lost ({type(error).__name__}). Next: start it again with its workers; the next run goes on."
    )


@contextmanager
def _connect(address: str) -> Iterator[Any]:
    """Yield a client of the scheduler at an address, or of one with workers that `local:N` starts here.

    Raises `EngineError` if nothing answers there, or Dask is not installed.
    """
    try:
        connect = load_client()
    except ImportError:
        raise EngineError(f"REVIEWS_DASK needs {describe_missing('scale')}; or unset REVIEWS_DASK.") from None
    if address.startswith(LOCAL):
        with _start_workers(int(address.removeprefix(LOCAL))) as cluster, connect(cluster) as client:
            yield client
        return
    try:
        client = connect(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise EngineError(
            f"{address}: no scheduler answers there ({error}). Next: start one (`dask scheduler`), or correct "
            "REVIEWS_DASK."
        ) from error
    with client:
        yield client


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
def _start_workers(count: int) -> Iterator[Any]:
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
            n_workers=count, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, memory_limit=None
        ) as cluster,
    ):
        yield cluster
