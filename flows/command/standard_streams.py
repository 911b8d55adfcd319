"""Standard input, output and error as a command needs them: open, in UTF-8, and given up once where they fail."""

import errno
import os
import sys
from contextlib import suppress


def open_closed_streams() -> None:
    """Open /dev/null in the place of standard streams that the caller closed: no file of ours may get their numbers.

    A database under number 1 would take what is printed. Raises `OSError` where nothing could be answered.
    """
    is_answered = sys.stdout is not None
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            _open_nothing(number)
            stream = open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
    if not is_answered:
        raise OSError(errno.EBADF, "Standard output is closed, so nothing could be answered")


def write_in_utf8() -> None:
    """Let answers to files and pipes be UTF-8, whatever the locale; a terminal gets what it can show."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # What is no text, such as a name that is not UTF-8, is spelled out.
            stream.reconfigure(
                encoding=stream.encoding if stream.isatty() else "utf-8", errors="backslashreplace"
            )


def flush_or_give_up() -> None:
    """Print what is still to be printed, or nowhere if that fails: Python would fail at it once more at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError, ValueError):  # a stream without a number, in a test
            _open_nothing(sys.stdout.fileno())


def _open_nothing(number: int) -> None:
    """Open /dev/null as the descriptor `number`."""
    descriptor = os.open(os.devnull, os.O_RDWR)
    if descriptor != number:
        os.dup2(descriptor, number)
        os.close(descriptor)
