"""The command's standard streams: they are open, in UTF-8, and discarded once writing to them fails.

Where a message names a command, it adds the --home that the user gave, so that the command can be copied.
"""

import errno
import os
import re
import shlex
import sys
from contextlib import suppress
from typing import cast

import click

CHARACTERS_SHOWN = 2000
"""The longest message of an error, in characters: it may repeat what the user typed."""


def echo(text: str) -> None:
    """Print a message on standard output; add the --home that the user gave to the commands that it names."""
    click.echo(_name_home(text))


def echo_error(text: str) -> None:
    """Print an error's message on standard error, after flushing standard output."""
    flush_or_give_up()
    click.echo(f"reviews: {shorten(_name_home(text))}", err=True)


def shorten(text: str) -> str:
    """Cut the middle out of a text longer than `CHARACTERS_SHOWN`; a message's next step is at its end."""
    half = CHARACTERS_SHOWN // 2
    return text if len(text) <= CHARACTERS_SHOWN else f"{text[:half]} … {text[-half:]}"


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
    """Flush standard output; if that fails, replace it by /dev/null, or Python would fail again when it exits."""
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError, ValueError):  # in a test, a stream without a descriptor
            _open_nothing(sys.stdout.fileno())


def _open_nothing(number: int) -> None:
    """Open /dev/null as the descriptor `number`."""
    descriptor = os.open(os.devnull, os.O_RDWR)
    if descriptor != number:
        os.dup2(descriptor, number)
        os.close(descriptor)


def _name_home(text: str) -> str:
    """Add the --home that the user gave to the `reviews` commands in a message, so that they can be copied."""
    context = click.get_current_context(silent=True)
    root = context.find_root() if context else None
    if root is None or root.obj is None:
        return text
    commands = "|".join(cast(click.Group, root.command).list_commands(root))
    with_home = f"reviews --home {shlex.quote(str(root.obj))} "
    return re.sub(
        rf"(^|[`:(] ?)reviews (?=(?:{commands})\b)",
        lambda found: found[1] + with_home,
        text,
        flags=re.MULTILINE,
    )
