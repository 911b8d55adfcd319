"""Records flow runs in the table `runs`: one row per run, written at its start and updated at its end."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from prefect import runtime

from deployments.settings import Settings
from tasks.stages.log_messages import log_figures
from tasks.warehouse.run_log import Run, record_run


@contextmanager
def record_flow_run(flow: str, parameters: Mapping[str, Any], settings: Settings) -> Iterator[Run]:
    """Record the start of the current flow run and, when the block ends, its outcome; log its figures at its end."""
    settings.home.make()
    # A new user finds it after the first `reviews ingest`. What stands in its way, such as a link, scoring names.
    with suppress(OSError):
        settings.home.inbox.mkdir(exist_ok=True)
    began = time.monotonic()
    with record_run(settings.home, runtime.flow_run.id, flow, parameters) as run:
        try:
            yield run
        finally:
            seconds = round(time.monotonic() - began, 2)
            log_figures(flow, {"home": str(settings.home.folder), **run.counts, "seconds": seconds})
