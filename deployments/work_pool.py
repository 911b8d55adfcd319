"""The work pool of the deployments: created if missing, paused when `reviews up` stops, resumed at its next start.

Each deployment has a queue of its own in the pool, from which workers get one run at a time, in the order in which the
runs are due. A run that waits there has no process. (A concurrency limit of the deployment would start a run out of
its order, half a minute late or not at all.)
"""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from deployments.settings import DEPLOYMENTS, Settings, load_settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

WORKER = "reviews-up"
"""The name of the worker of `reviews up`."""
_RUN = "-m flows.deployed_run"
_ENGINES = (_RUN, "-m prefect.engine")
"""The ends of the commands by which runs start: ours, and that of an older version, which is Prefect's own."""


def make_pool(settings: Settings) -> None:
    """Create the work pool of the deployments, of type process; keep an existing pool of any type."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectNotFound
    from prefect.workers.process import ProcessWorker

    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(settings.pool)
        except ObjectNotFound:
            template = ProcessWorker.get_default_base_job_template()
            pool = WorkPoolCreate(name=settings.pool, type=ProcessWorker.type, base_job_template=template)
            client.create_work_pool(pool)


def keep_queues() -> None:
    """Create or update the queue of each deployment, which starts a run when none of its runs is active.

    `prefect.yaml` calls this as a build step, so every `prefect deploy` does it.
    """
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    pool = load_settings().pool
    with get_client(sync_client=True) as client:
        for name in DEPLOYMENTS:
            try:
                queue = client.read_work_queue_by_name(name, pool)
            except ObjectNotFound:
                client.create_work_queue(name, concurrency_limit=1, work_pool_name=pool)
            else:
                client.update_work_queue(queue.id, concurrency_limit=1)


def choose_engine(settings: Settings) -> None:
    """Let the workers of the pool start each run by this Python, unless the pool names another command or type.

    Without a command Prefect's worker first starts a process that looks for the code of the flow, which imports Prefect
    too. Call it only where the worker runs on this machine; at every start, since the path of this Python may change.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolUpdate
    from prefect.workers.process import ProcessWorker

    with get_client(sync_client=True) as client:
        pool = client.read_work_pool(settings.pool)
        template = pool.base_job_template
        command = template.get("variables", {}).get("properties", {}).get("command", {})
        is_ours = (command.get("default") or _RUN).endswith(_ENGINES)
        if pool.type == ProcessWorker.type and command and is_ours:
            command["default"] = f"{shlex.quote(sys.executable)} {_RUN}"
            client.update_work_pool(settings.pool, WorkPoolUpdate(base_job_template=template))


def pause_pool(client: "SyncPrefectClient", settings: Settings) -> None:
    """Pause the pool, so that the worker starts no more runs; remember that this was not done by a user."""
    from prefect.client.schemas.actions import WorkPoolUpdate

    if not client.read_work_pool(settings.pool).is_paused:
        _name_mark(settings).touch()
        client.update_work_pool(settings.pool, WorkPoolUpdate(is_paused=True))


def resume_pool(settings: Settings) -> None:
    """Resume the pool if `pause_pool` paused it; a pool that a user paused stays paused."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolUpdate

    mark = _name_mark(settings)
    if mark.exists():
        with get_client(sync_client=True) as client:
            client.update_work_pool(settings.pool, WorkPoolUpdate(is_paused=False))
        mark.unlink()


def _name_mark(settings: Settings) -> Path:
    """Return the path of the file that marks that `pause_pool`, not a user, paused the pool."""
    return settings.home.prefect / "pool-is-paused"
