"""`python -m deployments.draining`: let the runs of this home end before its `reviews up` does, or end them.

The worker is given no new runs: its pool is paused, and the next `reviews up` resumes it. The end of standard input
ends the wait. Runs that go on after it are cancelled as a user would cancel them, so that their process can clear up.
"""

import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psutil
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State, StateType

from deployments.abandoned import end_left_tasks, read_going_on
from deployments.processes import find_parents, list_run_processes, stop_processes
from deployments.settings import Settings, load_settings
from deployments.work_pool import pause_pool

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

LOOK_SECONDS = 0.5
LEAVE_SECONDS = 5.0
"""How long the process of a run may live on when the run has ended."""
CANCEL_SECONDS = 15.0
"""How long a run may take to end when it is cancelled."""
ALERT_SECONDS = 3.0
"""How long the server needs to tell the webhook of a run that has failed."""
MESSAGE = "`reviews up` was stopped before it ended; the next run goes on where it stopped."


def drain(settings: Settings, is_enough: threading.Event) -> None:
    """Pause the pool, wait for the runs that go on, and cancel those that have not ended in time."""
    with get_client(sync_client=True) as client:
        pause_pool(client, settings)
        runs = read_going_on(client)
        if runs and not is_enough.is_set():
            _tell(runs, settings.drain_seconds)
        left = _wait(client, runs, settings, is_enough)
        _cancel(client, left, settings.home.folder)
        end_left_tasks(client)
        if settings.alert_url and any(_has_failed(client, run) for run in runs):
            time.sleep(ALERT_SECONDS)


def _tell(runs: "Sequence[FlowRun]", seconds: float) -> None:
    names = ", ".join(run.name for run in runs)
    how = "A second Ctrl-C, or `reviews down --now`, does not wait."
    _say(f"Waiting up to {seconds:g} s for {names}. {how}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _wait(
    client: SyncPrefectClient, runs: "Sequence[FlowRun]", settings: Settings, is_enough: threading.Event
) -> "Sequence[FlowRun]":
    """Wait until no run goes on and their processes have ended; give the runs that did not in time."""
    deadline = time.monotonic() + settings.drain_seconds
    while runs:
        if is_enough.wait(LOOK_SECONDS) or time.monotonic() > deadline:
            return runs
        with suppress(httpx.TransportError):  # the server is being started again
            runs = read_going_on(client)
    _wait_for_processes(settings.home.folder, LEAVE_SECONDS)
    return []


def _wait_for_processes(home: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while list_run_processes(home) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)


def _cancel(client: SyncPrefectClient, runs: "Sequence[FlowRun]", home: Path) -> None:
    """Cancel runs, kill those that do not end for that, and say why unless they came to an end of their own."""
    if not runs:
        return
    _say(f"Ending {', '.join(run.name for run in runs)}.")
    processes = list_run_processes(home)
    workers = find_parents(processes, home)
    for run in runs:
        client.set_flow_run_state(run.id, State(type=StateType.CANCELLING, message=MESSAGE))
    psutil.wait_procs(processes, timeout=CANCEL_SECONDS)
    # The worker, which is to end anyway, would load the flow again to see what is to be done after a cancellation.
    stop_processes([*workers, *list_run_processes(home)], grace_seconds=0)
    for run in runs:
        state = client.read_flow_run(run.id).state
        if state is None or not state.is_final() or state.is_cancelled():
            client.set_flow_run_state(run.id, State(type=StateType.CANCELLED, message=MESSAGE), force=True)


def _has_failed(client: SyncPrefectClient, run: "FlowRun") -> bool:
    state = client.read_flow_run(run.id).state
    return state is not None and (state.is_failed() or state.is_crashed())


def _main() -> None:
    is_enough = threading.Event()

    def wait_for_end_of_input() -> None:
        sys.stdin.read()
        is_enough.set()

    threading.Thread(target=wait_for_end_of_input, daemon=True).start()
    try:
        drain(load_settings(), is_enough)
    except Exception as error:  # whatever it is, the stop goes on without it
        sys.exit(f"The runs that go on can't be waited for: {type(error).__name__}: {error}")


if __name__ == "__main__":
    _main()
