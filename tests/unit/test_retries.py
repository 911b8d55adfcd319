"""Tests that only transient errors are retried, and only in runs of deployments."""

import pytest
from prefect.client.schemas.objects import State, StateType

from data_contracts.errors import (
    ContractError,
    SourceError,
    SourceUnreachableError,
    UsageError,
    WarehouseBusyError,
    WarehouseError,
)
from tasks.stages.retries import RETRY_TRANSIENT, is_transient


def fail(error: Exception) -> "State[object]":
    return State(type=StateType.FAILED, data=error)


@pytest.fixture
def scheduled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the code detect a run of a deployment."""
    monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__ID", "some-deployment")


@pytest.mark.usefixtures("scheduled")
@pytest.mark.parametrize("error", [WarehouseBusyError("held"), SourceUnreachableError("no network")])
def test_a_busy_database_and_a_failing_network_are_tried_again(error: Exception) -> None:
    assert is_transient(None, None, fail(error))


@pytest.mark.usefixtures("scheduled")
@pytest.mark.parametrize(
    "error",
    [
        ContractError("broken"),
        SourceError("no archive"),
        UsageError("wrong"),
        WarehouseError("damaged"),
        ValueError("bug"),
    ],
)
def test_what_would_fail_the_same_way_is_not_tried_again(error: Exception) -> None:
    assert not is_transient(None, None, fail(error))


def test_a_run_from_a_terminal_is_told_at_once() -> None:
    assert not is_transient(None, None, fail(WarehouseBusyError("held")))


def test_the_pauses_grow_and_vary() -> None:
    pauses = RETRY_TRANSIENT["retry_delay_seconds"]
    assert pauses == sorted(set(pauses))
    assert len(pauses) == RETRY_TRANSIENT["retries"]
    assert RETRY_TRANSIENT["retry_jitter_factor"] > 0
