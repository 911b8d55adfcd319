"""The `reviews` command: its arguments, its commands in groups, and what it prints."""

import os
import sys
from types import FrameType


def run() -> None:
    """Load the command and run it; Ctrl-C before it has begun ends it without a traceback."""
    try:
        import signal

        is_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if is_default:
            signal.signal(signal.SIGINT, _end_at_once)
        from flows.command.cli import main
        from tasks.support.interruption import interrupt

        if is_default:
            signal.signal(signal.SIGINT, interrupt)
        main()
    except KeyboardInterrupt:
        sys.exit(130)


def _end_at_once(number: int, frame: FrameType | None) -> None:
    """End the process: a module that is being loaded may take `KeyboardInterrupt` for a failure of its own."""
    os._exit(128 + number)
