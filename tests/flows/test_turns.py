"""Tests in which order the queue of a deployment starts its runs, and which of those that wait a run coalesces."""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID, uuid4

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import EngineContext
from prefect.states import Crashed, Pending

from deployments.settings import load_settings
from deployments.work_pool import keep_queues, make_pool
from tasks.stages.queue_turns import take_turn

POOL = "reviews"
pytestmark = pytest.mark.server

QUEUE = "score-reviews"
ASKED: Sequence[Mapping[str, object]] = ({"dry_run": True}, {"model_id": "a"}, {})


@flow
def nothing() -> None:
    """The flow of the runs in these tests; no process runs it."""


class Queue:
    """A deployment with a queue of the real ones, and what its worker and its users do."""

    def __init__(self, client: SyncPrefectClient) -> None:
        self.client = client
        flow_id = client.create_flow(nothing)
        self.name = str(uuid4())
        self.deployment_id = client.create_deployment(
            flow_id, self.name, work_pool_name=POOL, work_queue_name=QUEUE
        )

    def ask(self, **parameters: object) -> UUID:
        """Start a run as a user does."""
        return self.client.create_flow_run_from_deployment(self.deployment_id, parameters=parameters).id

    def schedule(self, **parameters: object) -> UUID:
        """Start a run as an automation does."""
        name = b64encode(b"when files arrive").decode()
        headers = {"prefect-automation-id": str(uuid4()), "prefect-automation-name": name}
        path = f"/deployments/{self.deployment_id}/create_flow_run"
        answer = self.client._client.post(path, json={"parameters": parameters}, headers=headers)
        return UUID(answer.json()["id"])

    def start_next(self) -> FlowRun | None:
        """Start the run that the queue offers to a worker; None if it offers none."""
        offered = self.client.get_scheduled_flow_runs_for_work_pool(POOL, [QUEUE])
        assert len(offered) <= 1
        for each in offered:
            self.client.set_flow_run_state(each.flow_run.id, Pending())
            return self.client.read_flow_run(each.flow_run.id)
        return None

    def end(self, run: FlowRun, state: State[None]) -> None:
        self.client.set_flow_run_state(run.id, state, force=True)

    def read_state(self, run_id: UUID) -> State[object]:
        state = self.client.read_flow_run(run_id).state
        assert state is not None
        return state


@pytest.fixture
def queue() -> Iterator[Queue]:
    make_pool(load_settings())
    keep_queues()
    with get_client(sync_client=True) as client:
        queue = Queue(client)
        yield queue
        client.delete_deployment(queue.deployment_id)


def do(run: FlowRun, error: BaseException | None = None) -> None:
    """Do a run, which raises `error`."""
    with EngineContext.model_construct(flow=nothing, flow_run=run, parameters={}), take_turn():
        if error:
            raise error


def test_runs_that_were_asked_for_start_one_at_a_time_in_order_whatever_becomes_of_one(queue: Queue) -> None:
    asked = [queue.ask(**parameters) for parameters in ASKED]
    started = []
    while run := queue.start_next():
        assert queue.start_next() is None
        started.append(run.id)
        queue.end(run, Crashed())
    assert started == asked


def test_scheduled_runs_that_waited_when_an_equal_one_started_are_coalesced_at_its_end(queue: Queue) -> None:
    queue.schedule(rescore=True)
    late = [queue.schedule(rescore=True) for _ in range(3)]
    run = queue.start_next()
    assert run
    do(run)
    states = [queue.read_state(each) for each in late]
    assert all(state.is_completed() for state in states)
    assert all(f"Coalesced into the run {run.name} ({run.id})" in str(state.message) for state in states)


def test_a_run_that_is_interrupted_coalesces_none_so_that_the_next_takes_its_place(queue: Queue) -> None:
    run, late = queue.client.read_flow_run(queue.schedule()), queue.schedule()
    with pytest.raises(KeyboardInterrupt):
        do(run, KeyboardInterrupt())
    assert queue.read_state(late).is_scheduled()


def test_a_waiting_run_that_was_asked_for_is_never_coalesced(queue: Queue) -> None:
    run, asked = queue.client.read_flow_run(queue.schedule()), queue.ask()
    do(run)
    assert queue.read_state(asked).is_scheduled()
