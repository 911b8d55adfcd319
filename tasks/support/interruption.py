"""Turns an error that a library raised because of Ctrl-C back into `KeyboardInterrupt`."""

from threading import Event
from types import FrameType

INTERRUPTED = Event()
"""Set by the signal handlers of the `reviews` command when Ctrl-C is pressed."""


def interrupt(number: int, frame: FrameType | None) -> None:
    """Handle a signal as Ctrl-C: raise `KeyboardInterrupt`, and remember it for `stop_if_interrupted`."""
    INTERRUPTED.set()
    raise KeyboardInterrupt


def stop_if_interrupted(error: Exception) -> None:
    """Raise `KeyboardInterrupt` from `error` if Ctrl-C was pressed: `error` is then not a failure of its own."""
    if INTERRUPTED.is_set():
        raise KeyboardInterrupt from error
