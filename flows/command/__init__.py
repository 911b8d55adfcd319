"""The `reviews` command: its arguments, its commands in groups, and what it prints."""

import os
import sys
from types import FrameType

_INTERRUPTED_STATUS = 130


def run() -> None:
    """Load the command and run it; Ctrl-C before it has begun ends it without a traceback."""
    try:
        import signal

        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _interrupt)
        from flows.command.cli import main

        main()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED_STATUS)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """End at once while a module is being loaded: an extension may take `KeyboardInterrupt` for its own failure."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            os._exit(_INTERRUPTED_STATUS)
        frame = frame.f_back
    raise KeyboardInterrupt
