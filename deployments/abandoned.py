"""Runs that end without a word of their own: their server is told, so that nothing is shown as running for ever.

A killed `reviews up` leaves runs of which no process is about any more. While the server thinks that they go on, each
new run of the same deployment is cancelled.
"""

from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import DeploymentFilter, FlowRunFilter, TaskRunFilter
from prefect.client.schemas.objects import State, StateType
from prefect.client.schemas.responses import SetStateStatus

from deployments.automations import DEPLOYMENTS
from deployments.processes import RUN_VARIABLE

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

GOING_ON = ["PENDING", "RUNNING", "CANCELLING"]
ENDED_EARLY = ["FAILED", "CRASHED", "CANCELLED"]
MESSAGE = "Its process is gone: `reviews up` was killed or its machine stopped. The next run goes on where it stopped."
TASK_MESSAGE = "The run that it belongs to has ended."


def end_abandoned_runs() -> int:
    """End the runs of our deployments that no process of this machine is about; give how many.

    This is for a server whose only worker is not started yet. The server refuses to crash a run that has ended
    meanwhile, so each is told of once.
    """
    alive = _find_alive()
    with get_client(sync_client=True) as client:
        abandoned = [run for run in read_going_on(client) if str(run.id) not in alive]
        answers = [client.set_flow_run_state(run.id, _end(run)) for run in abandoned]
        end_left_tasks(client)
    return sum(answer.status is SetStateStatus.ACCEPT for answer in answers)


def read_going_on(client: SyncPrefectClient) -> "list[FlowRun]":
    """Read the runs of our deployments that have begun and not ended."""
    return client.read_flow_runs(
        flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": GOING_ON}}}),
        deployment_filter=DeploymentFilter.model_validate({"name": {"any_": list(DEPLOYMENTS)}}),
    )


def end_left_tasks(client: SyncPrefectClient) -> None:
    """End the task runs that still go on in runs of our deployments that have not."""
    going_on = {"state": {"type": {"any_": [*GOING_ON, "SCHEDULED"]}}}
    for task_run in client.read_task_runs(
        task_run_filter=TaskRunFilter.model_validate(going_on),
        flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": ENDED_EARLY}}}),
        deployment_filter=DeploymentFilter.model_validate({"name": {"any_": list(DEPLOYMENTS)}}),
    ):
        state: State[None] = State(type=StateType.CRASHED, message=TASK_MESSAGE)
        client.set_task_run_state(task_run.id, state, force=True)


def _end(run: "FlowRun") -> State[None]:
    """Give the state that an abandoned run comes to: cancelled where someone wanted it so, else crashed."""
    is_cancelling = run.state is not None and run.state.type is StateType.CANCELLING
    return State(type=StateType.CANCELLED if is_cancelling else StateType.CRASHED, message=MESSAGE)


def _find_alive() -> set[str]:
    """Give the ids of the runs that have a process."""
    found = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            found.add(process.environ().get(RUN_VARIABLE, ""))
    return found
