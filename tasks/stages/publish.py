"""The stage that every flow ends with which changed what readers see, as a Prefect task."""

from pathlib import Path

from prefect import task

from tasks.stages.retries import WHEN_IT_MAY_PASS
from tasks.warehouse.published import publish


@task(name="publish", **WHEN_IT_MAY_PASS)
def publish_copy(warehouse: Path, published: Path) -> None:
    """Swap in a copy of the database for those who read."""
    publish(warehouse, published)
