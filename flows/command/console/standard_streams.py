"""The command's standard streams: they are open, in UTF-8, and discarded once writing to them fails."""

import errno
import os
import sys
from contextlib import suppress


def open_closed_streams() -> None:
    """Open /dev/null for each standard stream that the caller closed, so that no other file gets its descriptor.

    A database opened as descriptor 1 would receive what is printed. Raises `OSError` if standard output was closed.
    """
    has_output = sys.stdout is not None
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            _open_nothing(number)
            stream = open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
    if not has_output:
        raise OSError(errno.EBADF, "Standard output is closed, so no answer could be printed")


def write_in_utf8() -> None:
    """Write to files and pipes in UTF-8, whatever the locale; a terminal keeps its own encoding."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # What can't be encoded, such as a file name that is not UTF-8, is written as backslash escapes.
            stream.reconfigure(
                encoding=stream.encoding if stream.isatty() else "utf-8", errors="backslashreplace"
            )


def flush_or_give_up() -> None:
    """Flush the output streams; replace one where that fails by /dev/null, or Python would fail again when it exits."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with suppress(OSError, ValueError):  # in a test, a stream without a descriptor
                _open_nothing(stream.fileno())


def _open_nothing(number: int) -> None:
    """Open /dev/null as the descriptor `number`."""
    descriptor = os.open(os.devnull, os.O_RDWR)
    if descriptor != number:
        os.dup2(descriptor, number)
        os.close(descriptor)
