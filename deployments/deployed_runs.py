"""The runs of our deployments, as Prefect's server knows them; and how those are ended that can't report it themselves.

A killed `reviews up` leaves such runs, and so does a worker that is killed with its runs. While the server believes
that they are active, the other runs of their deployment wait.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psutil
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    FlowRunFilter,
    TaskRunFilter,
    WorkerFilter,
    WorkerFilterStatus,
)
from prefect.client.schemas.objects import State, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Scheduled

from deployments.settings import WORKER, Settings
from tasks.support.lock_holders import RUN_VARIABLE

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

ACTIVE_STATES = ["PENDING", "RUNNING", "CANCELLING"]
BADLY_ENDED_STATES = ["FAILED", "CRASHED", "CANCELLED"]
MESSAGE = "Its process is gone: it was killed with its worker, or its machine stopped. The next run continues its work."
TASK_MESSAGE = "The run that it belongs to has ended."


def list_runs(
    client: SyncPrefectClient,
    deployments: Sequence[str],
    states: Sequence[str],
    *,
    began: bool = False,
    **more: Any,
) -> "list[FlowRun]":
    """Return the runs of deployments in some states, those that ended last first; `more` is passed to the client.

    With `began` only those that have begun: scheduled runs that were late and count as one have not.
    """
    wanted: dict[str, Any] = {"state": {"type": {"any_": states}}}
    if began:
        wanted["start_time"] = {"is_null_": False}
    return client.read_flow_runs(
        flow_run_filter=FlowRunFilter.model_validate(wanted),
        deployment_filter=_name_deployments(deployments),
        **{"sort": FlowRunSort.END_TIME_DESC, **more},
    )


def list_waiting(client: SyncPrefectClient, deployment: str) -> "list[FlowRun]":
    """Return the runs of a deployment that are due and wait, 200 at most."""
    due = {
        "state": {"type": {"any_": ["SCHEDULED"]}},
        "expected_start_time": {"before_": datetime.now(UTC)},
    }
    return client.read_flow_runs(
        flow_run_filter=FlowRunFilter.model_validate(due), deployment_filter=_name_deployments([deployment])
    )


def list_workers(client: SyncPrefectClient, settings: Settings) -> list[str]:
    """Return the names of the workers that are online."""
    online = WorkerFilter(status=WorkerFilterStatus(any_=["ONLINE"]))
    return [each.name for each in client.read_workers_for_work_pool(settings.pool, worker_filter=online)]


def _name_deployments(names: Sequence[str]) -> DeploymentFilter:
    return DeploymentFilter.model_validate({"name": {"any_": list(names)}})


def end_abandoned_runs(settings: Settings) -> int:
    """Mark active runs of our deployments that have no process on this machine as ended; return how many.

    A run that had not begun waits again, in its place. Call it only before the worker of this machine is started.
    Nothing is done if the server has other workers, whose runs have their processes elsewhere. The server rejects the
    new state of a run that has ended in the meantime, so each run is counted once.
    """
    alive = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            alive.add(process.environ().get(RUN_VARIABLE, ""))
    with get_client(sync_client=True) as client:
        if {*list_workers(client, settings)} - {WORKER}:
            return 0
        active = list_runs(client, settings.deployments, ACTIVE_STATES)
        abandoned = [run for run in active if str(run.id) not in alive]
        answers = [client.set_flow_run_state(run.id, _end_abandoned(run)) for run in abandoned]
        end_orphaned_tasks(client, settings)
    return sum(answer.status is SetStateStatus.ACCEPT for answer in answers)


def end_orphaned_tasks(client: SyncPrefectClient, settings: Settings) -> None:
    """Mark task runs as crashed that are still active although the flow run of our deployments has ended."""
    unfinished = {"state": {"type": {"any_": [*ACTIVE_STATES, "SCHEDULED"]}}}
    for task_run in client.read_task_runs(
        task_run_filter=TaskRunFilter.model_validate(unfinished),
        flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": BADLY_ENDED_STATES}}}),
        deployment_filter=_name_deployments(settings.deployments),
    ):
        state: State[None] = State(type=StateType.CRASHED, message=TASK_MESSAGE)
        client.set_task_run_state(task_run.id, state, force=True)


def _end_abandoned(run: "FlowRun") -> State[None]:
    """Return the next state of an abandoned run: it waits again if it had not begun; else it has ended.

    It was cancelled if somebody was cancelling it, else it has crashed.
    """
    if run.state is not None and run.state.type is StateType.PENDING and run.start_time is None:
        return Scheduled(scheduled_time=run.expected_start_time)
    is_cancelling = run.state is not None and run.state.type is StateType.CANCELLING
    return State(type=StateType.CANCELLED if is_cancelling else StateType.CRASHED, message=MESSAGE)
