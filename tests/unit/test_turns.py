"""Tests of the rule by which waiting runs are coalesced, over any order of arrivals, ends and kills."""

from dataclasses import dataclass, field
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st
from prefect.client.schemas.objects import FlowRun

from tasks.stages.queue_turns import pick_coalesced

STEPS = st.one_of(
    st.tuples(st.sampled_from([None, "SCHEDULE", "AUTOMATION"]), st.integers(0, 1)),
    st.sampled_from(["start", "end", "kill"]),
)
"""A run that arrives, with who created it and its parameter, or what happens to the run whose turn it is."""


@dataclass
class Queue:
    """Runs that wait in the order in which they came, and what became of the others."""

    waiting: list[FlowRun] = field(default_factory=list)
    started: list[FlowRun] = field(default_factory=list)
    done_by: dict[UUID, FlowRun] = field(default_factory=dict)
    """By the id of each run that was coalesced, the run that did its work."""
    killed: list[UUID] = field(default_factory=list)
    is_active: bool = False
    before: list[FlowRun] = field(default_factory=list)
    """The runs that waited when the active run started."""

    def arrive(self, creator: str | None, number: int) -> FlowRun:
        created = {"id": uuid4(), "type": creator, "display_value": ""} if creator else None
        fields = {"id": uuid4(), "name": "", "flow_id": uuid4(), "created_by": created}
        run = FlowRun.model_validate({**fields, "parameters": {"number": number}})
        self.waiting.append(run)
        return run

    def start(self) -> None:
        if self.waiting and not self.is_active:
            self.started.append(self.waiting.pop(0))
            self.is_active, self.before = True, list(self.waiting)

    def end(self) -> None:
        if self.is_active:
            for run in pick_coalesced(self.started[-1], self.before):
                self.waiting.remove(run)
                self.done_by[run.id] = self.started[-1]
            self.is_active = False

    def kill(self) -> None:
        if self.is_active:
            self.killed.append(self.started[-1].id)
            self.is_active = False

    def drain(self) -> None:
        self.end()
        while self.waiting:
            self.start()
            self.end()


@given(st.lists(STEPS, max_size=30))
def test_every_asked_run_starts_in_order_and_the_work_of_every_other_is_done(steps: list[object]) -> None:
    queue, came = Queue(), []
    for step in steps:
        if isinstance(step, tuple):
            came.append(queue.arrive(*step))
        else:
            getattr(queue, str(step))()
    queue.drain()
    started = [run.id for run in queue.started]
    asked = {run.id for run in came if run.created_by is None}
    assert [each for each in started if each in asked] == [run.id for run in came if run.id in asked]
    for run in came:
        assert (run.id in started) != (run.id in queue.done_by)
        doer = queue.done_by.get(run.id, run)
        assert doer.parameters == run.parameters
        assert run.id in started or doer.id not in queue.killed
