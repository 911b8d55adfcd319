"""The work pool of the deployments: created if missing, paused when `reviews up` stops, resumed at its next start.

Each deployment has a queue of its own in the pool, from which workers get one run at a time, in the order in which the
runs are due. A run that waits there has no process. (A concurrency limit of the deployment would start a run out of
its order, half a minute late or not at all.)
"""

import re
import shlex
import sys
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectNotFound
from prefect.workers.process import ProcessWorker

from deployments.settings import DEPLOYMENTS, Settings, load_settings

_MODULE = "flows.deployed_run"
"""What a run starts with."""
_OURS = re.compile(rf"(\S+|'[^']+') -m ({re.escape(_MODULE)}|prefect\.engine)")
"""The commands that this program writes, and those that an older version wrote, for any Python."""


def make_pool(settings: Settings) -> None:
    """Create the work pool of the deployments, of type process; keep an existing pool of any type."""
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
    with get_client(sync_client=True) as client:
        pool = client.read_work_pool(settings.pool)
        template = pool.base_job_template
        command = template.get("variables", {}).get("properties", {}).get("command", {})
        named = command.get("default")
        if pool.type == ProcessWorker.type and command and (not named or _OURS.fullmatch(named)):
            command["default"] = shlex.join([sys.executable, "-m", _MODULE])
            client.update_work_pool(settings.pool, WorkPoolUpdate(base_job_template=template))


def pause_pool(client: SyncPrefectClient, settings: Settings) -> None:
    """Pause the pool, so that the worker starts no more runs; remember that this was not done by a user."""
    if not client.read_work_pool(settings.pool).is_paused:
        _name_mark(settings).touch()
        client.update_work_pool(settings.pool, WorkPoolUpdate(is_paused=True))


def resume_pool(settings: Settings) -> None:
    """Resume the pool if `pause_pool` paused it; a pool that a user paused stays paused."""
    mark = _name_mark(settings)
    if mark.exists():
        with get_client(sync_client=True) as client:
            client.update_work_pool(settings.pool, WorkPoolUpdate(is_paused=False))
        mark.unlink()


def _name_mark(settings: Settings) -> Path:
    """Return the path of the file that marks that `pause_pool`, not a user, paused the pool."""
    return settings.home.prefect / "pool-is-paused"
