"""Reads the metrics of Prefect's server: its workers, and the runs of each deployment."""

from collections.abc import Iterator

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import DeploymentFilter
from prefect.client.schemas.objects import FlowRun
from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)

from deployments.deployed_runs import list_runs, list_waiting, list_workers
from deployments.local_server.server_process import has_page
from deployments.metrics.metric_definitions import (
    ACTIVE,
    FAILED,
    SCHEDULED,
    SECONDS,
    SERVER_UP,
    SUCCESS,
    WAITING,
    WORKERS,
    Sample,
)
from deployments.settings import DEPLOYMENTS, Settings

ANSWER_SECONDS = 5.0
"""How long the server may take for one answer: Prometheus waits for 10 s in all."""


def read_server_metrics(settings: Settings) -> list[Sample]:
    """Return the samples of the server that is configured; of one that gives no answer only that it is not up.

    That of `reviews up` must show a page, too. If none is configured, none is up: Prefect's client would start one that
    has no password.
    """
    impatient = {PREFECT_API_REQUEST_TIMEOUT: ANSWER_SECONDS, PREFECT_CLIENT_MAX_RETRIES: 0}
    url = PREFECT_API_URL.value()
    if not url or (url == settings.api_url and not has_page(settings.ui_url, ANSWER_SECONDS)):
        return [Sample(SERVER_UP, (), 0)]
    try:
        with temporary_settings(impatient), get_client(sync_client=True) as client:
            return [
                Sample(SERVER_UP, (), 1),
                Sample(WORKERS, (), len(list_workers(client, settings))),
                *_read_deployments(client, settings),
            ]
    except Exception:  # whatever Prefect's client raises
        return [Sample(SERVER_UP, (), 0)]


def _read_deployments(client: SyncPrefectClient, settings: Settings) -> Iterator[Sample]:
    """Yield the samples of each deployment: its schedule, its runs that wait and are active, and the last one.

    The labels don't have the name of the home, so that the same alerts hold for every home.
    """
    wanted = DeploymentFilter.model_validate({"name": {"any_": [*settings.deployments]}})
    found = client.read_deployments(deployment_filter=wanted)
    scheduled = {each.name for each in found if not each.paused and any(one.active for one in each.schedules)}
    for name, own in zip(DEPLOYMENTS, settings.deployments, strict=True):
        yield Sample(SCHEDULED, (name,), float(own in scheduled))
        yield Sample(WAITING, (name,), len(list_waiting(client, own)))
        yield Sample(ACTIVE, (name,), len(list_runs(client, [own], ["PENDING", "RUNNING"])))
        for run in _find_last(client, own, ["COMPLETED", "FAILED", "CRASHED"]):
            yield Sample(FAILED, (name,), float(run.state_type != "COMPLETED"))
        for run in _find_last(client, own, ["COMPLETED"]):
            if run.end_time is not None:
                yield Sample(SUCCESS, (name,), run.end_time.timestamp())
            yield Sample(SECONDS, (name,), run.total_run_time.total_seconds())


def _find_last(client: SyncPrefectClient, name: str, states: list[str]) -> list[FlowRun]:
    """Return the run of a deployment that ended last in one of these states, without those that were coalesced."""
    return list_runs(client, [name], states, began=True, limit=1)
