"""Runs flows without a Prefect server: their plain functions, in the contexts of a run.

The features of Prefect's engine are missing: states, retries, cached results, logs and events. A flow that ends with
a state returns the state's data. They are no runs of deployments. Tests that need the engine are marked `server`.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from logging import LogRecord
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import prefect.artifacts
import prefect.events.utilities
import pytest
from prefect import Flow, Task
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import AssetContext, EngineContext
from prefect.logging.handlers import APILogHandler
from prefect.states import Running

from tasks.stages import retries, run_page
from tests.support.prefect_client import use_server


@dataclass(frozen=True)
class Artifact:
    """An artifact as a server stores it."""

    id: UUID = field(default_factory=uuid4)


class Client:
    """A client whose server accepts and discards everything."""

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *raised: object) -> None: ...

    def create_artifact(self, artifact: object) -> Artifact:
        return Artifact()

    def update_artifact(self, artifact_id: UUID, artifact: object) -> None: ...

    def update_flow_run(self, flow_run_id: UUID, name: str) -> None: ...


def _run_flow(flow: Flow[Any, Any], *arguments: Any, **named: Any) -> Any:
    run = FlowRun(flow_id=uuid4(), state=Running())
    with EngineContext.model_construct(flow=flow, flow_run=run, parameters={}):
        result = flow.fn(*arguments, **named)
    return result.data if isinstance(result, State) else result


def _run_task(task: Task[Any, Any], *arguments: Any, **named: Any) -> Any:
    with AssetContext.from_task_and_inputs(task, uuid4()):
        return task.fn(*arguments, **named)


def _drop_event() -> bool:
    return False


def _make_client(sync_client: bool) -> Client:
    return Client()


def _drop_record(handler: APILogHandler, record: LogRecord) -> None: ...


_CHANGES: Sequence[tuple[Any, str, Any]] = (
    (Flow, "__call__", _run_flow),
    (Task, "__call__", _run_task),
    (prefect.events.utilities, "should_emit_events", _drop_event),
    (prefect.artifacts, "get_client", _make_client),
    (run_page, "get_client", _make_client),
    (retries, "runtime", SimpleNamespace(deployment=SimpleNamespace(id=None))),
    (APILogHandler, "emit", _drop_record),
)
_ORIGINALS = tuple((owner, name, getattr(owner, name)) for owner, name, _ in _CHANGES)


@contextmanager
def run_without_server() -> Iterator[None]:
    """Run flows as plain functions while the block runs; any use of a server fails."""
    with use_server({"PREFECT_SERVER_EPHEMERAL_ENABLED": "false"}), _change(_CHANGES):
        yield


def run_with_server() -> AbstractContextManager[None]:
    """Run flows by Prefect's engine while the block runs, within one of `run_without_server` too."""
    return _change(_ORIGINALS)


@contextmanager
def _change(attributes: Sequence[tuple[Any, str, Any]]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for owner, name, value in attributes:
            patch.setattr(owner, name, value)
        yield
