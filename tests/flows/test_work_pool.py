"""Tests what starts and stops of `reviews up` do to its work pool and to active runs."""

import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import pytest
from prefect import flow, task
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import State, StateType
from prefect.states import Pending, Running

from deployments.deployed_runs import end_abandoned_runs
from deployments.draining import MESSAGE, drain
from deployments.settings import Settings, load_settings
from deployments.work_pool import choose_engine, make_pool, resume_pool

POOL = "reviews"
pytestmark = pytest.mark.server


@flow
def nothing() -> None:
    """The flow of the runs in these tests; no process runs it."""


@task
def stage() -> None:
    """The task of these runs."""


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    make_pool(load_settings())
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def stopped(settings: Settings, client: SyncPrefectClient) -> Settings:
    """A home whose `reviews up` is being stopped without waiting for runs, and its work pool."""
    settings.home.prefect.mkdir(parents=True)
    client.update_work_pool(POOL, WorkPoolUpdate(is_paused=False))
    return replace(settings, drain_seconds=0)


@pytest.fixture
def run_id(stopped: Settings, client: SyncPrefectClient) -> UUID:
    """An active run of a deployment, with an active task run."""
    flow_id = client.create_flow(nothing)
    deployment_id = client.create_deployment(flow_id, "train-model", work_pool_name=POOL)
    run = client.create_flow_run_from_deployment(deployment_id, state=Running())
    client.set_flow_run_state(run.id, Running(), force=True)
    state: State[None] = State(type=StateType.RUNNING)
    client.create_task_run(stage, run.id, dynamic_key="0", state=state)
    return UUID(str(run.id))


def read_states(client: SyncPrefectClient, run_id: UUID) -> tuple[State[object], list[str]]:
    """Read the state of a run, and the state types of its task runs."""
    task_runs = client.read_task_runs(
        flow_run_filter=FlowRunFilter.model_validate({"id": {"any_": [str(run_id)]}})
    )
    state = client.read_flow_run(run_id).state
    assert state is not None
    return state, [each.state.type.value for each in task_runs if each.state]


def test_a_run_that_does_not_end_in_time_is_cancelled_with_the_reason_and_its_task_runs_end(
    stopped: Settings, client: SyncPrefectClient, run_id: UUID
) -> None:
    drain(stopped, threading.Event(), print)
    state, task_states = read_states(client, run_id)
    assert (state.type, state.message) == (StateType.CANCELLED, MESSAGE)
    assert task_states == ["CRASHED"]


def test_the_worker_gets_no_runs_after_a_stop_until_the_next_start(
    stopped: Settings, client: SyncPrefectClient
) -> None:
    drain(stopped, threading.Event(), print)
    assert client.read_work_pool(POOL).is_paused
    resume_pool(stopped)
    assert not client.read_work_pool(POOL).is_paused


def test_a_pool_that_a_user_paused_stays_so(stopped: Settings, client: SyncPrefectClient) -> None:
    client.update_work_pool(POOL, WorkPoolUpdate(is_paused=True))
    drain(stopped, threading.Event(), print)
    resume_pool(stopped)
    assert client.read_work_pool(POOL).is_paused


def test_an_abandoned_run_that_had_not_begun_waits_again_in_its_place(
    stopped: Settings, client: SyncPrefectClient
) -> None:
    deployment_id = client.create_deployment(
        client.create_flow(nothing), "score-reviews", work_pool_name=POOL
    )
    run = client.create_flow_run_from_deployment(deployment_id)
    client.set_flow_run_state(run.id, Pending())
    assert end_abandoned_runs(load_settings()) == 1
    again = client.read_flow_run(run.id)
    assert again.state is not None
    assert again.state.is_scheduled()
    assert again.next_scheduled_start_time == run.expected_start_time
    client.delete_flow_run(run.id)


def test_runs_stay_while_the_server_has_a_worker_elsewhere(
    stopped: Settings, client: SyncPrefectClient, run_id: UUID
) -> None:
    client.send_worker_heartbeat(POOL, "elsewhere", 30)
    assert end_abandoned_runs(load_settings()) == 0
    assert read_states(client, run_id)[0].is_running()
    client._client.delete(f"/work_pools/{POOL}/workers/elsewhere").raise_for_status()
    assert end_abandoned_runs(load_settings()) == 1


def test_an_abandoned_run_is_ended_once_and_its_task_runs_with_it(
    stopped: Settings, client: SyncPrefectClient, run_id: UUID
) -> None:
    assert (end_abandoned_runs(load_settings()), end_abandoned_runs(load_settings())) == (1, 0)
    state, task_states = read_states(client, run_id)
    assert (state.type, task_states) == (StateType.CRASHED, ["CRASHED"])


def name_command(client: SyncPrefectClient, command: str | None) -> None:
    template = client.read_work_pool(POOL).base_job_template
    template["variables"]["properties"]["command"]["default"] = command
    client.update_work_pool(POOL, WorkPoolUpdate(base_job_template=template))


def read_command(client: SyncPrefectClient) -> str | None:
    choose_engine(load_settings())
    command: str | None = client.read_work_pool(POOL).base_job_template["variables"]["properties"]["command"][
        "default"
    ]
    return command


@pytest.mark.parametrize(
    "before",
    [None, "/a/moved/checkout/.venv/bin/python -m flows.deployed_run", "/older/bin/python -m prefect.engine"],
)
def test_a_run_is_started_by_the_python_of_the_last_start(
    client: SyncPrefectClient, before: str | None
) -> None:
    name_command(client, before)
    assert read_command(client) == f"{sys.executable} -m flows.deployed_run"


@pytest.mark.parametrize("named", ["prefect flow-run execute", "nice -n 10 python -m prefect.engine"])
def test_a_command_that_a_user_named_stays(client: SyncPrefectClient, named: str) -> None:
    name_command(client, named)
    assert read_command(client) == named
    name_command(client, None)
