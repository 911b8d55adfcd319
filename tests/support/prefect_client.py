"""Lets this process, and those that it starts, use a Prefect server."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from prefect.context import refresh_global_settings_context
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker


@contextmanager
def use_server(environment: Mapping[str, str]) -> Iterator[None]:
    """Run flows on the server that `environment` names while the block runs; send all events at its end."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        refresh_global_settings_context()
        try:
            yield
        finally:
            APILogWorker.drain_all()
            EventsWorker.drain_all()
    refresh_global_settings_context()
