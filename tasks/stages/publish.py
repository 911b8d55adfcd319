"""The Prefect task that publishes a copy of the database, after a flow that changed what readers see."""

from prefect import task

from data_contracts.storage.home import Home
from tasks.stages.retries import RETRY_TRANSIENT
from tasks.warehouse.publishing import publish


@task(name="publish", **RETRY_TRANSIENT)
def publish_copy(home: Home) -> None:
    """Replace the published copy by a new copy of the database."""
    publish(home)
