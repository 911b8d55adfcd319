"""What is tried again by itself: in a scheduled run, what may pass, such as a network that fails or a busy database.

A broken contract, bad input or a wrong parameter is never tried again: it would fail the same way. Nor is anything
in a run that a person started from a terminal, who is told at once; each stage has waited for its own by then.
"""

from typing import Any, TypedDict

from prefect import runtime

from data_contracts.errors import ReviewsError


class Retries(TypedDict):
    """Options of a Prefect task."""

    retries: int
    retry_delay_seconds: list[float]
    retry_jitter_factor: float
    retry_condition_fn: Any


def may_pass(task: Any, task_run: Any, state: Any) -> bool:
    """Tell whether a failed task of a scheduled run is worth another try."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, ReviewsError) and error.can_pass and bool(runtime.deployment.id)


WHEN_IT_MAY_PASS = Retries(
    retries=3, retry_delay_seconds=[5, 30, 120], retry_jitter_factor=0.5, retry_condition_fn=may_pass
)
"""Three more tries, each after a longer pause of seconds with up to half as much again by chance."""
