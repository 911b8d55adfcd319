"""Loads what scoring needs while Prefect's server starts: both take seconds, and neither waits for the other."""

import threading
from collections.abc import Sequence
from contextlib import suppress

from deployments.settings import Settings
from tasks.inbox.source_files import look_into


def warm_up(settings: Settings, files: Sequence[str]) -> None:
    """Begin to load the libraries of scoring in another thread, if there seems to be something to score."""
    if files or _has_news(settings):
        threading.Thread(target=_load, name="warm-up", daemon=True).start()


def _has_news(settings: Settings) -> bool:
    """Tell whether a file of the inbox was changed after what is published; no file is read for that."""
    if not settings.inbox_dir.is_dir():
        return False
    published = settings.published.stat().st_mtime_ns if settings.published.is_file() else 0
    return any(file.mtime_ns > published for file in look_into(settings.inbox_dir).files)


def _load() -> None:
    # What can't be loaded is told by the task that needs it.
    with suppress(Exception):
        import onnxruntime  # noqa: F401

        import tasks.scoring.groups  # noqa: F401
        from data_contracts.expectations import import_expectations

        import_expectations()
