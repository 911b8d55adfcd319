"""The turns of the runs of a deployment: one runs, the others wait in the queue of the deployment until it has ended.

The queue starts them in the order in which they are due (`deployments/work_pool.py`). A run that somebody asked for is
always done. Runs of schedules and automations are coalesced: those that were due when a run with the same parameters
started have nothing left to do at its end, since a run does all pending work.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.context import FlowRunContext
from prefect.logging.loggers import flow_run_logger
from prefect.states import Completed

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

UNASKED = ("SCHEDULE", "AUTOMATION")
"""Who creates runs that nobody asked for, as Prefect names them."""


@contextmanager
def take_turn() -> Iterator[None]:
    """Coalesce at the end of the block the runs that have waited since its start.

    A run that is killed or cancelled coalesces none, so that one of them takes its place.
    """
    began = datetime.now(UTC)
    try:
        yield
    except Exception:  # the waiting runs would fail like this one
        _coalesce_waiting(began)
        raise
    _coalesce_waiting(began)


def pick_coalesced(run: "FlowRun", waiting: "Sequence[FlowRun]") -> "list[FlowRun]":
    """Return those of the runs that waited when `run` started of which it did the work, and for which nobody asked."""
    return [
        each
        for each in waiting
        if each.created_by and each.created_by.type in UNASKED and each.parameters == run.parameters
    ]


def _coalesce_waiting(began: datetime) -> None:
    """Complete the runs that were due when the present one began and of which it did the work; only warn of errors.

    Without a deployment nothing is done, since such a run is in no queue.
    """
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or run.deployment_id is None:
        return
    waiting = {
        "deployment_id": {"any_": [run.deployment_id]},
        "state": {"type": {"any_": ["SCHEDULED"]}},
        "expected_start_time": {"before_": began},
    }
    message = f"Coalesced into the run {run.name} ({run.id}), which started after this run was due."
    try:
        with get_client(sync_client=True) as client:
            found = client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate(waiting))
            for each in pick_coalesced(run, found):
                client.set_flow_run_state(each.id, Completed(message=message))
    except Exception as error:  # the waiting runs are done one by one then
        problem = f"Waiting runs could not be coalesced: {type(error).__name__}: {error}"
        flow_run_logger(run).warning(problem)
