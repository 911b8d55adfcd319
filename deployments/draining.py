"""Waits for the active runs of a home when `reviews up` stops, then cancels them.

The worker's pool is paused, so it gets no new runs; the next `reviews up` resumes it. Runs that are still active after
the wait are cancelled as a user would do it, so that their processes can clean up.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psutil
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State, StateType
from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from deployments.deployed_runs import ACTIVE_STATES, end_orphaned_tasks, list_runs
from deployments.marked_processes import find_parents, list_run_processes, stop_processes
from deployments.settings import Settings
from deployments.work_pool import pause_pool

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

LOOK_SECONDS = 0.5
ANSWER_SECONDS = 10.0
LEAVE_SECONDS = 5.0
"""How long the process of a run may take to exit after the run has ended."""
CANCEL_SECONDS = 15.0
"""How long a run may take to end after it is cancelled."""
ALERT_SECONDS = 3.0
"""How long the server needs to call the webhook after a run has failed."""
MESSAGE = "`reviews up` was stopped before the run ended. The next run continues its work."


def drain(settings: Settings, stop_waiting: threading.Event, echo: Callable[[str], None]) -> None:
    """Pause the pool, wait for active runs until the time is up or `stop_waiting` is set, and cancel the rest."""
    # The server may hang when it is stopped.
    impatient = {PREFECT_API_REQUEST_TIMEOUT: ANSWER_SECONDS, PREFECT_CLIENT_MAX_RETRIES: 1}
    with temporary_settings(impatient), get_client(sync_client=True) as client:
        pause_pool(client, settings)
        runs = list_runs(client, settings.deployments, ACTIVE_STATES)
        if runs and not stop_waiting.is_set():
            names = ", ".join(run.name for run in runs)
            echo(
                f"Waiting up to {settings.drain_seconds:g} s for {names}. To stop at once: press Ctrl-C again, or "
                "`reviews down --now`."
            )
        remaining = _wait_for_runs(client, runs, settings, stop_waiting)
        if remaining:
            echo(f"Ending {', '.join(run.name for run in remaining)}.")
            _cancel_remaining(client, remaining, settings.home.folder)
        end_orphaned_tasks(client, settings)
        ended = [client.read_flow_run(run.id).state for run in runs] if settings.alert_url else []
        if any(state and (state.is_failed() or state.is_crashed()) for state in ended):
            time.sleep(ALERT_SECONDS)


def _wait_for_runs(
    client: SyncPrefectClient, runs: "Sequence[FlowRun]", settings: Settings, stop_waiting: threading.Event
) -> "Sequence[FlowRun]":
    """Wait until all runs and their processes have ended; return the runs that are still active when the time is up."""
    deadline = time.monotonic() + settings.drain_seconds
    while runs:
        is_over = stop_waiting.wait(LOOK_SECONDS) or time.monotonic() > deadline
        # Also at the end: a run that has ended since is not cancelled. The server may be restarting.
        with suppress(httpx.TransportError):
            runs = list_runs(client, settings.deployments, ACTIVE_STATES)
        if is_over and runs:
            return runs
    deadline = time.monotonic() + LEAVE_SECONDS
    while list_run_processes(settings.home.folder) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    return []


def _cancel_remaining(client: SyncPrefectClient, runs: "Sequence[FlowRun]", home: Path) -> None:
    """Cancel runs, kill the processes that remain, and record the reason for runs that did not end by themselves."""
    processes = list_run_processes(home)
    workers = find_parents(processes, home)
    for run in runs:
        client.set_flow_run_state(run.id, State(type=StateType.CANCELLING, message=MESSAGE))
    psutil.wait_procs(processes, timeout=CANCEL_SECONDS)
    # The worker would load the flow again to look for its cancellation hooks; it must end anyway, so it is stopped too.
    stop_processes([*workers, *list_run_processes(home)], grace_seconds=0)
    for run in runs:
        state = client.read_flow_run(run.id).state
        if state is None or not state.is_final() or state.is_cancelled():
            client.set_flow_run_state(run.id, State(type=StateType.CANCELLED, message=MESSAGE), force=True)
