"""The work pool of the deployments: made where it is missing, paused while runs end, resumed at the next start."""

from pathlib import Path
from typing import TYPE_CHECKING

from deployments.settings import Settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

POOL = "reviews"


def make_pool() -> None:
    """Make the pool of processes that the deployments name; one of another type, if it is there, is kept."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectNotFound
    from prefect.workers.process import ProcessWorker

    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(POOL)
        except ObjectNotFound:
            template = ProcessWorker.get_default_base_job_template()
            pool = WorkPoolCreate(name=POOL, type=ProcessWorker.type, base_job_template=template)
            client.create_work_pool(pool)


def pause_pool(client: "SyncPrefectClient", settings: Settings) -> None:
    """Let the worker take no more runs; a pool that a user paused stays so at the next start."""
    from prefect.client.schemas.actions import WorkPoolUpdate

    if not client.read_work_pool(POOL).is_paused:
        _name_mark(settings).touch()
        client.update_work_pool(POOL, WorkPoolUpdate(is_paused=True))


def resume_pool(settings: Settings) -> None:
    """Undo what `pause_pool` did, if it did."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolUpdate

    mark = _name_mark(settings)
    if mark.exists():
        with get_client(sync_client=True) as client:
            client.update_work_pool(POOL, WorkPoolUpdate(is_paused=False))
        mark.unlink()


def _name_mark(settings: Settings) -> Path:
    """Name the file that says that the pool was paused by this and not by a user."""
    return settings.home.prefect / "pool-is-paused"
