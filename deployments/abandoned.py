"""Runs that a killed `reviews up` left behind: no process of theirs is left, but their server thinks that they go on.

While it thinks so, each new run of the same deployment is cancelled.
"""

from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import DeploymentFilter, FlowRunFilter
from prefect.client.schemas.objects import State, StateType

from deployments.automations import DEPLOYMENTS

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

GOING_ON = ["PENDING", "RUNNING", "CANCELLING"]
RUN_VARIABLE = "PREFECT__FLOW_RUN_ID"
"""The environment variable by which a run's process knows which run it is."""
MESSAGE = "Its process is gone: `reviews up` was killed or its machine stopped. The next run goes on where it stopped."


def end_abandoned_runs() -> int:
    """End the runs of our deployments that no process of this machine is about; give how many.

    This is for a server whose only worker is not started yet.
    """
    alive = _find_alive()
    with get_client(sync_client=True) as client:
        going_on = client.read_flow_runs(
            flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": GOING_ON}}}),
            deployment_filter=DeploymentFilter.model_validate({"name": {"any_": list(DEPLOYMENTS)}}),
        )
        abandoned = [run for run in going_on if str(run.id) not in alive]
        for run in abandoned:
            client.set_flow_run_state(run.id, _end(run), force=True)
    return len(abandoned)


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
