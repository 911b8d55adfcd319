"""Turns an error that a library raised because of Ctrl-C back into `KeyboardInterrupt`."""

from threading import Event

INTERRUPTED = Event()
"""Set by the signal handler of the `reviews` command when Ctrl-C is pressed."""


def stop_if_interrupted(error: Exception) -> None:
    """Raise `KeyboardInterrupt` from `error` if Ctrl-C was pressed: `error` is then not a failure of its own."""
    if INTERRUPTED.is_set():
        raise KeyboardInterrupt from error
