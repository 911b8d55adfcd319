"""The stage that every flow ends with which changed what readers see, as a Prefect task."""

from prefect import task

from data_contracts.storage.home import Home
from tasks.stages.retries import WHEN_IT_MAY_PASS
from tasks.warehouse.published import publish


@task(name="publish", **WHEN_IT_MAY_PASS)
def publish_copy(home: Home) -> None:
    """Swap in a copy of the database for those who read."""
    publish(home)
