"""Ctrl-C inside a library may come out as an error of that library: here it becomes Ctrl-C again."""

from threading import Event

INTERRUPTED = Event()
"""Set by the command when Ctrl-C was pressed."""


def stop_if_interrupted(error: Exception) -> None:
    """Raise `KeyboardInterrupt` where Ctrl-C was pressed: `error` is not to be taken for a failure then."""
    if INTERRUPTED.is_set():
        raise KeyboardInterrupt from error
