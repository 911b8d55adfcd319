"""What becomes of ten runs that are asked for within a minute, and of fifty scheduled runs that are late.

    python -m benchmarks.queued_runs

Starts `reviews up` on a free port with an empty home. Ten `prefect deployment run ... --watch` with different
parameters start while a schedule starts runs too; all must end with status 0, in order. Then fifty runs of the schedule
are late at once; the time until none waits is printed. The exit status is 1 if a run was not done, or not in order.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

NAME = "score-reviews/score-reviews"
BIN = Path(sys.executable).parent
ASKED, LATE = 10, 50
SCHEDULE_SECONDS, BETWEEN_SECONDS, PATIENCE_SECONDS, LOOK_SECONDS = 20, 3, 600, 0.5


def main() -> None:
    """Run both experiments on one server and print their figures."""
    with tempfile.TemporaryDirectory(prefix="queued-runs-") as folder, bring_up(Path(folder, "home")) as own:
        os.environ.update(own)  # Prefect's client, which is loaded next, reads it
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            deployment_id = client.read_deployment_by_name(NAME).id
            is_done = ask_ten(client, deployment_id, own)
            drain_fifty(client, deployment_id)
    sys.exit(0 if is_done else 1)


@contextmanager
def bring_up(home: Path) -> Iterator[dict[str, str]]:
    """Run `reviews up` while the block runs; yield the environment of a user's terminal."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    command = [str(BIN / "reviews"), "--home", str(home), "up", "--port", str(port)]
    with (
        home.with_name("up.log").open("w+") as log,
        subprocess.Popen(command, env=clean, stdout=log, stderr=log) as up,
    ):
        try:
            while "Next, in another" not in home.with_name("up.log").read_text():
                if up.poll() is not None:
                    sys.exit(home.with_name("up.log").read_text())
                time.sleep(LOOK_SECONDS)
            password = (home / "prefect" / "password").read_text().strip()
            yield {
                **clean,
                "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
                "PREFECT_API_AUTH_STRING": password,
            }
        finally:
            up.terminate()


def ask_ten(client: "SyncPrefectClient", deployment_id: UUID, environment: Mapping[str, str]) -> bool:
    """Ask for ten runs beside a quick schedule; return whether all were done in order, with status 0."""
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import IntervalSchedule

    every = IntervalSchedule(interval=timedelta(seconds=SCHEDULE_SECONDS))
    quick = DeploymentScheduleCreate(schedule=every, active=True)
    (schedule,) = client.create_deployment_schedules(deployment_id, [quick])
    began, commands = time.monotonic(), []
    for number in range(ASKED):
        since = f"since=2026-01-{number + 1:02}T00:00:00Z"
        command = [str(BIN / "prefect"), "deployment", "run", NAME, "--param", since, "--watch"]
        commands.append(subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL))
        time.sleep(BETWEEN_SECONDS)
    asked_in = time.monotonic() - began
    statuses = Counter(each.wait() for each in commands)
    took = time.monotonic() - began
    client.delete_deployment_schedule(deployment_id, schedule.id)
    runs = read_runs(client, deployment_id)
    asked = [run for run in runs if run.created_by is None]
    starts = [run.start_time for run in asked if run.start_time]
    is_done = statuses == {0: ASKED} and len(starts) == ASKED and starts == sorted(starts)
    print(
        f"{ASKED} runs asked for within {asked_in:.0f} s: exit statuses {dict(statuses)}, done in {took:.0f} s,"
    )
    print(f"in order: {starts == sorted(starts)}. Scheduled runs beside them: {count_ends(runs)}", flush=True)
    return is_done


def drain_fifty(client: "SyncPrefectClient", deployment_id: UUID) -> None:
    """Let fifty runs of the schedule be late, and print how long it takes until none of them waits."""
    from prefect.client.schemas.actions import WorkPoolUpdate

    while any(run.end_time is None for run in read_runs(client, deployment_id)):
        time.sleep(LOOK_SECONDS)
    client.update_work_pool("reviews", WorkPoolUpdate(is_paused=True))
    before = {run.id for run in read_runs(client, deployment_id)}
    now = datetime.now(UTC)
    start = (now - timedelta(minutes=15 * LATE)).isoformat()
    past = {"start_time": start, "end_time": now.isoformat(), "min_runs": LATE, "max_runs": LATE}
    client._client.post(f"/deployments/{deployment_id}/schedule", json=past).raise_for_status()
    client.update_work_pool("reviews", WorkPoolUpdate(is_paused=False))
    began = time.monotonic()
    late: list[FlowRun] = []
    while not late or any(run.end_time is None for run in late):
        if time.monotonic() - began > PATIENCE_SECONDS:
            sys.exit("The late runs were not done in time.")
        time.sleep(LOOK_SECONDS)
        late = [run for run in read_runs(client, deployment_id) if run.id not in before]
    print(
        f"{len(late)} late runs of the schedule drained in {time.monotonic() - began:.0f} s: {count_ends(late)}"
    )


def read_runs(client: "SyncPrefectClient", deployment_id: UUID) -> "list[FlowRun]":
    """Return the runs of a deployment that are due, in the order in which they were."""
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.client.schemas.sorting import FlowRunSort

    due = {
        "deployment_id": {"any_": [deployment_id]},
        "expected_start_time": {"before_": datetime.now(UTC)},
    }
    return client.read_flow_runs(
        flow_run_filter=FlowRunFilter.model_validate(due), sort=FlowRunSort.EXPECTED_START_TIME_ASC
    )


def count_ends(runs: "list[FlowRun]") -> dict[str, int]:
    """Count how the runs that nobody asked for ended: done, coalesced, or in another state."""
    ends = Counter[str]()
    for run in runs:
        if run.created_by is not None and run.state is not None:
            is_coalesced = "Coalesced into" in (run.state.message or "")
            ends["coalesced" if is_coalesced else str(run.state.name)] += 1
    return dict(ends)


if __name__ == "__main__":
    main()
