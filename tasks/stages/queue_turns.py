"""The turns of the runs of a deployment: one runs, the others wait in the queue of the deployment until it has ended.

The queue starts them in the order in which they are due (`deployments/work_pool.py`). A run that somebody asked for is
always done. Runs of schedules and automations are coalesced: those that were due when a run with the same parameters
started have nothing left to do at its end, since a run does all pending work.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.sorting import FlowRunSort
from prefect.context import FlowRunContext
from prefect.logging.loggers import flow_run_logger
from prefect.states import Completed

from tasks.support.wording import count

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

LOOK_SECONDS = 2.0
"""The pause between two looks for runs that have begun to wait."""
UNASKED = ("SCHEDULE", "AUTOMATION")
"""Who creates runs that nobody asked for, as Prefect names them."""


@dataclass(frozen=True)
class Turn:
    """A run whose turn it is, and what the thread that attends to the waiting runs must know of it."""

    run: "FlowRun"
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    has_done_work: threading.Event = field(default_factory=threading.Event)
    """Whether it ended by itself, well or not."""
    has_ended: threading.Event = field(default_factory=threading.Event)


@contextmanager
def take_turn() -> Iterator[None]:
    """Log in each waiting run for whom it waits while the block runs, and coalesce waiting runs at its end.

    A run that is killed or cancelled coalesces none, so that one of them takes its place. Without a deployment nothing
    is done, since such a run is in no queue.
    """
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or run.deployment_id is None:
        yield
        return
    turn = Turn(run)
    attending = threading.Thread(target=_attend, args=(turn,), daemon=True)
    attending.start()
    try:
        yield
    except Exception:  # the waiting runs would fail like this one
        turn.has_done_work.set()
        raise
    else:
        turn.has_done_work.set()
    finally:
        turn.has_ended.set()
        if turn.has_done_work.is_set():
            attending.join()


def pick_coalesced(run: "FlowRun", waiting: "Sequence[FlowRun]") -> "list[FlowRun]":
    """Return those of the runs that waited when `run` started of which it did the work, and for which nobody asked."""
    return [
        each
        for each in waiting
        if each.created_by and each.created_by.type in UNASKED and each.parameters == run.parameters
    ]


def _attend(turn: Turn) -> None:
    """Inform the runs that begin to wait during a turn, and coalesce waiting runs at its end. Only warn of errors."""
    try:
        with get_client(sync_client=True) as client:
            _inform_waiting(client, turn)
            if turn.has_done_work.is_set():
                _coalesce_waiting(client, turn)
    except Exception as error:  # the waiting runs are done one by one then
        problem = f"Waiting runs could not be coalesced: {type(error).__name__}: {error}"
        flow_run_logger(turn.run).warning(problem)


def _inform_waiting(client: SyncPrefectClient, turn: Turn) -> None:
    """Log in each waiting run, once, for whom it waits, until the turn has ended."""
    informed: set[UUID] = set()
    while not turn.has_ended.is_set():
        with suppress(Exception):  # the server may be restarting
            waiting = _read_waiting(client, turn.run, datetime.now(UTC))
            for place, each in enumerate(waiting):
                if each.id not in informed:
                    flow_run_logger(each).info(_describe_wait(turn, place))
            informed.update(each.id for each in waiting)
        turn.has_ended.wait(LOOK_SECONDS)


def _coalesce_waiting(client: SyncPrefectClient, turn: Turn) -> None:
    """Complete the waiting runs of which this run did the work."""
    message = f"Coalesced into {_name(turn.run)}, which started after this run was due."
    for each in pick_coalesced(turn.run, _read_waiting(client, turn.run, turn.began)):
        client.set_flow_run_state(each.id, Completed(message=message))


def _describe_wait(turn: Turn, place: int) -> str:
    """Describe for whom a run waits that has `place` waiting runs before it."""
    before = f" and {count(place, 'run')} before this one" if place else ""
    return f"Waits for {_name(turn.run)}, which has been running since {turn.began:%Y-%m-%d %H:%M:%S} UTC{before}."


def _name(run: "FlowRun") -> str:
    """Name a run in a message."""
    return f"the run {run.name} ({run.id})"


def _read_waiting(client: SyncPrefectClient, run: "FlowRun", due: datetime) -> "list[FlowRun]":
    """Return the runs of the deployment of `run` that wait and were due at `due`, in their order; 200 at most."""
    waiting = {
        "deployment_id": {"any_": [run.deployment_id]},
        "state": {"type": {"any_": ["SCHEDULED"]}},
        "expected_start_time": {"before_": due},
    }
    return client.read_flow_runs(
        flow_run_filter=FlowRunFilter.model_validate(waiting),
        sort=FlowRunSort.NEXT_SCHEDULED_START_TIME_ASC,
    )
