"""Tests that only transient errors are retried, and only in runs of deployments."""

import logging
import random
import time
from collections.abc import Callable, Iterator

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
from tasks.stages import retries
from tasks.stages.retries import RETRY_TRANSIENT, is_transient, look


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


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that a look makes, none of which is waited for."""
    made: list[float] = []
    monkeypatch.setattr(time, "sleep", made.append)
    monkeypatch.setattr(random, "uniform", lambda least, most: most)
    monkeypatch.setattr(retries, "log_warning", logging.getLogger("look").warning)
    return made


def fail_first(*errors: Exception) -> Callable[[], str]:
    """Return a function that raises these errors, one a call, and then returns something."""
    left: Iterator[Exception] = iter(errors)

    def find() -> str:
        for error in left:
            raise error
        return "found"

    return find


@pytest.mark.usefixtures("scheduled")
def test_a_look_is_tried_again_like_a_task(pauses: list[float]) -> None:
    busy = [WarehouseBusyError("held")] * RETRY_TRANSIENT["retries"]
    assert look("find", fail_first(*busy)) == "found"
    longest = 1 + RETRY_TRANSIENT["retry_jitter_factor"]
    assert pauses == [pause * longest for pause in RETRY_TRANSIENT["retry_delay_seconds"]]
    with pytest.raises(WarehouseBusyError):
        look("find", fail_first(*busy, WarehouseBusyError("held")))
