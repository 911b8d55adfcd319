"""Tests that the server of `reviews up` does not delay events that follow one that an earlier server received."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from prefect.server.events.ordering import EventArrivedEarly
from prefect.server.events.schemas.events import ReceivedEvent

from deployments.event_order import STARTED_MS, CausalOrdering


def make_id(milliseconds: int) -> UUID:
    """Make an id like those of run states in Prefect: UUID version 7."""
    return UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62)


async def take(follows: UUID) -> bool:
    """Pass an event to the triggers at once; raises `EventArrivedEarly` if it has to wait."""
    event = ReceivedEvent.model_validate(
        {
            "id": make_id(STARTED_MS + 5000),
            "occurred": datetime.now(UTC),
            "received": datetime.now(UTC),
            "event": "prefect.flow-run.Crashed",
            "resource": {"prefect.resource.id": "prefect.flow-run.1"},
            "follows": follows,
        }
    )

    async def handle(event: ReceivedEvent, depth: int = 0) -> Any:
        raise AssertionError("no event waits for this one")

    async with CausalOrdering(f"test {follows}").preceding_event_confirmed(handle, event):
        return True


def test_an_event_that_follows_one_of_an_earlier_server_is_taken_at_once() -> None:
    assert asyncio.run(take(make_id(STARTED_MS - 1)))


def test_an_event_waits_for_one_of_this_server() -> None:
    with pytest.raises(EventArrivedEarly):
        asyncio.run(take(make_id(STARTED_MS + 1)))
